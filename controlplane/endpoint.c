/*
 * Life of an endpoint. It holds one reference for its owner and one for each put in flight, so that
 * a reply finds it whatever handlers did meanwhile. Timers are lazy: a check moves the deadline of
 * consent but not the timer; when that fires, what is due is looked at anew.
 */
#include "controlplane/endpoint_internal.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *cp_gone_word(enum cp_gone reason)
{
    static const char *const words[CP_GONES] = {
#define X(name, word) [CP_GONE_##name] = word,
        CP_GONE_MAP(X)
#undef X
    };
    return (unsigned)reason < CP_GONES ? words[reason] : "unknown";
}

void cp_endpoint_ref(struct cp_endpoint *e)
{
    e->refs++;
}

void cp_endpoint_unref(struct cp_endpoint *e)
{
    if (--e->refs)
        return;
    cp_dtls_destroy(e->dtls);
    OPENSSL_cleanse(&e->keys, sizeof(e->keys));
    free(e->latch);
    free(e);
}

static int by_deadline(gconstpointer a, gconstpointer b, gpointer unused)
{
    const struct cp_endpoint *x = a, *y = b;

    (void)unused;
    return x->deadline < y->deadline ? -1 : x->deadline > y->deadline;
}

/* How long it may be silent. */
static uint64_t patience(const struct cp_endpoint *e)
{
    if (!e->latch)
        return CP_ENDPOINT_CONSENT_MS;
    return e->latch->latched ? e->latch->silence_ms : e->latch->wait_ms;
}

static uint64_t next_deadline(const struct cp_endpoint *e)
{
    uint64_t consent = e->asking ? CP_NEVER : e->last_check + patience(e);
    uint64_t dtls = e->dtls ? cp_dtls_deadline(e->dtls, e->t->now) : CP_NEVER;
    return dtls < consent ? dtls : consent;
}

void cp_endpoint_arm(struct cp_endpoint *e)
{
    uint64_t deadline = next_deadline(e);

    if (e->gone || e->deadline == deadline)
        return;
    e->deadline = deadline;
    g_sequence_sort_changed(e->timer, by_deadline, NULL);
}

int cp_endpoint_create(struct cp_transport *t, void *owner, uint64_t now, struct cp_endpoint **out)
{
    if (g_hash_table_size(t->by_id) >= t->limit)
        return -ENOSPC;
    struct cp_endpoint *e = calloc(1, sizeof(*e));
    if (!e)
        return -ENOMEM;
    if (cp_ice_credentials_make(&e->session.local) ||
        RAND_bytes((uint8_t *)&e->feedback_ssrc, sizeof(e->feedback_ssrc)) != 1) {
        free(e);
        return -EIO;
    }
    t->now = now;
    e->t = t;
    e->owner = owner;
    e->refs = 1;
    e->id = cp_dataplane_new_id(t->dp);
    e->feedback_ssrc |= 1; /* never 0 */
    e->session.owner = e;
    e->last_check = now;
    e->chosen = CP_NO_PATH;
    e->deadline = next_deadline(e);
    e->timer = g_sequence_insert_sorted(t->timers, e, by_deadline, NULL);
    g_hash_table_insert(t->by_id, GUINT_TO_POINTER(e->id), e);
    g_hash_table_insert(t->by_ufrag, e->session.local.ufrag, &e->session);
    t->counters.endpoints_created++;
    *out = e;
    return 0;
}

void cp_endpoint_set_group(struct cp_endpoint *e, uint32_t group)
{
    e->group = group;
}

void cp_endpoint_pair(struct cp_endpoint *a, struct cp_endpoint *b)
{
    a->peer = b->id;
    b->peer = a->id;
}

bool cp_endpoint_is_paired(const struct cp_endpoint *e)
{
    return e->peer != 0;
}

/* Out of all that could still find it. */
static void detach(struct cp_endpoint *e)
{
    struct cp_transport *t = e->t;

    if (e->gone)
        return;
    e->gone = true;
    cp_endpoint_delete(e);
    cp_endpoint_forget_paths(e);
    g_sequence_remove(e->timer);
    g_hash_table_remove(t->by_ufrag, e->session.local.ufrag);
    if (e->has_old)
        g_hash_table_remove(t->by_ufrag, e->old_session.local.ufrag);
}

void cp_endpoint_end(struct cp_endpoint *e, enum cp_gone reason)
{
    struct cp_transport *t = e->t;

    if (e->gone)
        return;
    detach(e);
    t->gone[reason]++;
    if (e->dtls && cp_dtls_end(e->dtls) != CP_DTLS_END_NONE)
        t->ends[cp_dtls_end(e->dtls)]++;
    if (t->h.gone)
        t->h.gone(t->h.arg, e, e->owner, reason);
}

void cp_endpoint_destroy(struct cp_endpoint *e)
{
    if (!e || e->destroyed)
        return;
    e->destroyed = true;
    g_hash_table_remove(e->t->by_id, GUINT_TO_POINTER(e->id));
    if (e->dtls && !e->gone)
        cp_dtls_close(e->dtls);
    detach(e);
    cp_endpoint_unref(e);
}

static bool same_fingerprints(const struct cp_endpoint *e, const struct cp_endpoint_remote *r)
{
    if (e->n_fingerprints != r->n_fingerprints)
        return false;
    for (size_t i = 0; i < r->n_fingerprints; i++) {
        const struct cp_sdp_fingerprint *a = &e->fingerprints[i], *b = &r->fingerprints[i];
        if (a->hash != b->hash || a->len != b->len || memcmp(a->bytes, b->bytes, a->len) != 0)
            return false;
    }
    return true;
}

static bool remote_ok(const struct cp_endpoint *e, const struct cp_endpoint_remote *r)
{
    if (!r->ufrag || !r->pwd || r->ufrag[0] == 0 || strlen(r->ufrag) > HR_UFRAG_MAX ||
        strlen(r->pwd) > HR_PWD_MAX)
        return false;
    if ((r->n_fingerprints == 0) != (e->peer != 0) || r->n_fingerprints > CP_SDP_FINGERPRINTS_MAX)
        return false;
    for (size_t i = 0; i < r->n_fingerprints; i++)
        if (r->fingerprints[i].len > CP_SDP_HASH_MAX)
            return false;
    return !e->has_remote || same_fingerprints(e, r);
}

int cp_endpoint_set_remote(struct cp_endpoint *e, const struct cp_endpoint_remote *r, uint64_t now)
{
    if (!remote_ok(e, r))
        return -EINVAL;
    e->t->now = now;
    snprintf(e->session.remote_ufrag, sizeof(e->session.remote_ufrag), "%s", r->ufrag);
    snprintf(e->remote_pwd, sizeof(e->remote_pwd), "%s", r->pwd);
    if (!e->has_remote) {
        e->dtls_client = r->dtls_client;
        e->n_fingerprints = r->n_fingerprints;
        if (r->n_fingerprints)
            memcpy(e->fingerprints, r->fingerprints,
                   r->n_fingerprints * sizeof(r->fingerprints[0]));
        e->has_remote = true;
    }
    bool changed = e->extmap_allow_mixed != r->extmap_allow_mixed ||
                   e->rtcp_rsize != r->rtcp_rsize ||
                   (r->ext && memcmp(e->ext, r->ext, sizeof(e->ext)) != 0);
    e->extmap_allow_mixed = r->extmap_allow_mixed;
    e->rtcp_rsize = r->rtcp_rsize;
    if (r->ext)
        memcpy(e->ext, r->ext, sizeof(e->ext));
    if (changed)
        cp_endpoint_changed(e);
    return 0;
}

bool cp_endpoint_wants_restart(const struct cp_endpoint *e, const char *ufrag, const char *pwd)
{
    return e->has_remote && ufrag && pwd &&
           (strcmp(ufrag, e->session.remote_ufrag) != 0 || strcmp(pwd, e->remote_pwd) != 0);
}

/* A second restart before the first was used: the pair between them was never good for anything. */
int cp_endpoint_restart(struct cp_endpoint *e)
{
    struct cp_ice_credentials fresh;
    GHashTable *table = e->t->by_ufrag;

    if (e->gone || cp_ice_credentials_make(&fresh))
        return -EIO;
    g_hash_table_remove(table, e->session.local.ufrag);
    if (!e->has_old) {
        e->old_session = e->session;
        e->has_old = true;
        g_hash_table_insert(table, e->old_session.local.ufrag, &e->old_session);
    }
    e->session.local = fresh;
    e->session.remote_ufrag[0] = 0;
    g_hash_table_insert(table, e->session.local.ufrag, &e->session);
    return 0;
}

static void send_datagram(void *arg, const uint8_t *data, size_t len)
{
    struct cp_endpoint *e = arg;

    if (e->chosen != CP_NO_PATH)
        cp_dataplane_inject(e->t->dp, &e->paths[e->chosen].path, data, len);
}

/* What DTLS has come to. May end the endpoint. */
static void after_dtls(struct cp_endpoint *e)
{
    struct cp_transport *t = e->t;
    enum cp_dtls_state state = cp_dtls_state(e->dtls);

    t->counters.dtls_alerts += cp_dtls_alerts(e->dtls) - e->alerts;
    e->alerts = cp_dtls_alerts(e->dtls);
    if (state == CP_DTLS_CONNECTED && e->keys.len == 0) {
        if (cp_dtls_keys(e->dtls, &e->keys)) {
            cp_endpoint_end(e, CP_GONE_DTLS);
            return;
        }
        t->counters.dtls_connected++;
        cp_endpoint_changed(e);
    }
    if (state == CP_DTLS_CLOSED)
        cp_endpoint_end(e, CP_GONE_CLOSED);
    else if (state == CP_DTLS_FAILED)
        cp_endpoint_end(e, CP_GONE_DTLS);
    else
        cp_endpoint_arm(e);
}

void cp_endpoint_start_dtls(struct cp_endpoint *e)
{
    struct cp_dtls_params p = {.client = e->dtls_client,
                               .fingerprints = e->fingerprints,
                               .n_fingerprints = e->n_fingerprints,
                               .send = send_datagram,
                               .arg = e};

    /* Without memory for it now there will be another check, and another try. */
    if (e->gone || e->dtls || e->peer || cp_dtls_create(e->t->dtls, &p, e->t->now, &e->dtls))
        return;
    e->t->counters.dtls_handshakes++;
    cp_dtls_start(e->dtls, e->t->now);
    after_dtls(e);
}

/* Came here before the dataplane knew of the path. */
static void pass_on(const struct cp_endpoint *e, const uint8_t *data, size_t len)
{
    struct cp_endpoint *peer = cp_endpoint_find(e->t, e->peer);

    if (peer && !peer->gone)
        send_datagram(peer, data, len);
}

void cp_endpoint_datagram(struct cp_endpoint *e, struct cp_checked_path *p, const uint8_t *data,
                          size_t len)
{
    if (e->peer)
        pass_on(e, data, len);
    if (!e->dtls)
        return;
    /* Until the client nominates, the path by which it speaks DTLS is the one that it has in mind.
     */
    if (!e->nominated)
        cp_endpoint_choose(e, (int)(p - e->paths));
    if (e->gone)
        return;
    cp_dtls_receive(e->dtls, data, len, e->t->now);
    after_dtls(e);
}

static bool consent_is_over(const struct cp_endpoint *e)
{
    return e->t->now >= e->last_check + patience(e);
}

static enum cp_gone over_because(const struct cp_endpoint *e)
{
    return e->latch && !e->latch->latched ? CP_GONE_UNLATCHED : CP_GONE_CONSENT;
}

static void take_silence(struct cp_endpoint *e, const Headrace__EndpointStats *stats)
{
    if (e->latch && stats->rx_packets == 0)
        return;
    if (e->latch)
        e->latch->latched = true; /* should the event have been lost with the channel */
    uint64_t heard = e->t->now - MIN(stats->silence_ms, e->t->now);
    e->last_check = MAX(e->last_check, heard);
}

static void on_silence(void *arg, int error, const Headrace__Reply *reply)
{
    struct cp_endpoint *e = arg;

    e->asking = false;
    if (error == 0 && reply->n_stats == 1 && reply->stats[0]->id == e->id)
        take_silence(e, reply->stats[0]);
    if (consent_is_over(e))
        cp_endpoint_end(e, over_because(e));
    else
        cp_endpoint_arm(e);
    cp_endpoint_unref(e);
}

/*
 * Clients on libnice check no more once they are connected (keepalives are indications, RFC 8445
 * 11). A packet under the endpoint's key says as much, but only the dataplane knows when the last
 * one was.
 */
static bool ask_for_silence(struct cp_endpoint *e)
{
    uint32_t id = e->id;
    Headrace__StatsGet get = HEADRACE__STATS_GET__INIT;
    Headrace__Command command = HEADRACE__COMMAND__INIT;

    if (!e->connected)
        return false;
    get.n_endpoints = 1;
    get.endpoints = &id;
    command.op_case = HEADRACE__COMMAND__OP_STATS_GET;
    command.stats_get = &get;
    if (cp_dataplane_command(e->t->dp, &command, on_silence, e))
        return false;
    e->asking = true;
    cp_endpoint_ref(e);
    return true;
}

void cp_endpoint_expire(struct cp_endpoint *e)
{
    if (!e->asking && consent_is_over(e) && !ask_for_silence(e)) {
        cp_endpoint_end(e, over_because(e));
        return;
    }
    if (!e->dtls) {
        cp_endpoint_arm(e);
        return;
    }
    cp_dtls_timeout(e->dtls, e->t->now);
    after_dtls(e);
}

uint32_t cp_endpoint_id(const struct cp_endpoint *e)
{
    return e->id;
}

uint32_t cp_endpoint_feedback_ssrc(const struct cp_endpoint *e)
{
    return e->feedback_ssrc;
}

const struct cp_ice_credentials *cp_endpoint_credentials(const struct cp_endpoint *e)
{
    return &e->session.local;
}

bool cp_endpoint_connected(const struct cp_endpoint *e)
{
    return e->connected && !e->gone && (!e->latch || e->latch->latched);
}

const struct cp_path *cp_endpoint_path(const struct cp_endpoint *e)
{
    if (e->latch)
        return e->latch->path.remote.family ? &e->latch->path : NULL;
    return e->chosen == CP_NO_PATH ? NULL : &e->paths[e->chosen].path;
}

enum hr_srtp_profile cp_endpoint_profile(const struct cp_endpoint *e)
{
    return e->keys.len ? e->keys.profile : HR_SRTP_NONE;
}

enum cp_dtls_end cp_endpoint_dtls_end(const struct cp_endpoint *e)
{
    return e->dtls ? cp_dtls_end(e->dtls) : CP_DTLS_END_NONE;
}

struct cp_endpoint *cp_endpoint_find(struct cp_transport *t, uint32_t id)
{
    return g_hash_table_lookup(t->by_id, GUINT_TO_POINTER(id));
}
