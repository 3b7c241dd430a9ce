#include "controlplane/endpoint_internal.h"

#include "proto/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Handlers may destroy the endpoint; the reference keeps it until we are out of it. */
static void give_dtls(struct cp_checked_path *p, const uint8_t *data, size_t len)
{
    struct cp_endpoint *e = p->endpoint;

    cp_endpoint_ref(e);
    cp_endpoint_datagram(e, p, data, len);
    cp_endpoint_unref(e);
}

void cp_transport_punt(struct cp_transport *t, const struct cp_path *path, const uint8_t *data,
                       size_t len, uint64_t now)
{
    t->now = now;
    if (len > 0 && data[0] <= 3) { /* RFC 7983 7 */
        cp_endpoint_stun(t, path, data, len);
    } else if (len > 0 && data[0] >= 20 && data[0] <= 63) {
        struct cp_checked_path *p = g_hash_table_lookup(t->by_tuple, path);
        if (p)
            give_dtls(p, data, len);
        else
            t->counters.dtls_unchecked_source++;
    } else {
        t->counters.punt_other++;
    }
}

static void on_punt(void *arg, const struct cp_path *path, const uint8_t *data, size_t len)
{
    struct cp_transport *t = arg;
    cp_transport_punt(t, path, data, len, t->now);
}

static bool is_known(void *arg, uint32_t endpoint)
{
    struct cp_transport *t = arg;
    const struct cp_endpoint *e = cp_endpoint_find(t, endpoint);
    return e && !e->gone;
}

static void on_cleared(void *arg, int deleted)
{
    struct cp_transport *t = arg;

    if (deleted == -ENOTCONN)
        return;
    if (deleted < 0)
        hr_warning("dataplane: left-over endpoints could not all be deleted: %d", deleted);
    else if (deleted > 0)
        hr_info("dataplane: %d left-over endpoints deleted", deleted);
    t->cleared = true;
    cp_transport_flush(t);
}

/*
 * A new dataplane would count packets from the beginning again under keys that have been used: a
 * key, SSRC and index twice (RFC 3711 9.1). So what the old one had keys of ends, and clients join
 * anew.
 */
static void end_keyed(struct cp_transport *t)
{
    GPtrArray *keyed = g_ptr_array_new();
    GHashTableIter it;
    gpointer value;

    g_hash_table_iter_init(&it, t->by_id);
    while (g_hash_table_iter_next(&it, NULL, &value)) {
        struct cp_endpoint *e = value;
        if (e->gone || !e->put)
            continue;
        cp_endpoint_ref(e); /* a handler may destroy it, or another one */
        g_ptr_array_add(keyed, e);
    }
    for (guint i = 0; i < keyed->len; i++) {
        cp_endpoint_end(keyed->pdata[i], CP_GONE_RESTARTED);
        cp_endpoint_unref(keyed->pdata[i]);
    }
    g_ptr_array_free(keyed, TRUE);
}

/*
 * A dataplane that was only out of reach knows endpoints that are destroyed by now: so put all,
 * delete the strangers. Clients could not reach us meanwhile: consent counts from now.
 */
static void on_up(void *arg, const Headrace__HelloReply *hello)
{
    struct cp_transport *t = arg;
    GHashTableIter it;
    gpointer value;

    if (t->met && t->instance != hello->instance)
        end_keyed(t);
    t->met = true;
    t->instance = hello->instance;
    t->cleared = t->ready = false;
    int err = cp_dataplane_clear(t->dp, is_known, on_cleared, t);
    if (err)
        on_cleared(t, err);
    g_hash_table_iter_init(&it, t->by_id);
    while (g_hash_table_iter_next(&it, NULL, &value)) {
        struct cp_endpoint *e = value;
        e->last_check = t->now;
        if (!e->dirty && cp_endpoint_puttable(e)) {
            e->dirty = true;
            g_queue_push_tail(&t->dirty, e);
        }
    }
    cp_transport_flush(t);
}

static void on_down(void *arg, const char *why)
{
    struct cp_transport *t = arg;
    bool was_ready = t->ready;

    t->cleared = t->ready = false;
    g_queue_clear(&t->deletes);
    if (was_ready && t->h.down)
        t->h.down(t->h.arg, why);
}

static void on_event(void *arg, const Headrace__Event *event)
{
    struct cp_transport *t = arg;
    if (event->what_case == HEADRACE__EVENT__WHAT_ENDPOINT_LATCHED)
        cp_endpoint_latched(t, event->endpoint_latched);
    if (t->h.event)
        t->h.event(t->h.arg, event);
}

static void on_room(void *arg)
{
    struct cp_transport *t = arg;

    cp_transport_flush(t);
    if (t->h.room)
        t->h.room(t->h.arg);
}

static int set_up(struct cp_transport *t, const struct hr_config *cfg, const char *build)
{
    struct cp_dataplane_handlers h = {.arg = t,
                                      .up = on_up,
                                      .down = on_down,
                                      .punt = on_punt,
                                      .event = on_event,
                                      .room = on_room};

    t->limit = cfg->dataplane.endpoints;
    t->by_id = g_hash_table_new(g_direct_hash, g_direct_equal);
    t->by_ufrag = g_hash_table_new(g_str_hash, g_str_equal);
    t->by_tuple = g_hash_table_new(cp_path_hash, cp_path_table_equal);
    t->timers = g_sequence_new(NULL);
    g_queue_init(&t->dirty);
    g_queue_init(&t->deletes);
    int err = cp_dtls_context_create(&t->dtls);
    return err ? err : cp_dataplane_create(cfg->run_dir, build, &h, &t->dp);
}

int cp_transport_create(const struct hr_config *cfg, const char *build,
                        const struct cp_transport_handlers *h, struct cp_transport **out)
{
    struct cp_transport *t = calloc(1, sizeof(*t));

    if (!t)
        return -ENOMEM;
    t->h = *h;
    int err = set_up(t, cfg, build);
    if (err) {
        cp_transport_destroy(t);
        return err;
    }
    *out = t;
    return 0;
}

static void destroy_endpoints(struct cp_transport *t)
{
    GList *all = g_hash_table_get_values(t->by_id);

    for (GList *l = all; l; l = l->next)
        cp_endpoint_destroy(l->data);
    g_list_free(all);
}

void cp_transport_destroy(struct cp_transport *t)
{
    if (!t)
        return;
    t->h = (struct cp_transport_handlers){0};
    destroy_endpoints(t);
    cp_dataplane_destroy(t->dp); /* the replies it owes let go of their endpoints */
    cp_dtls_context_destroy(t->dtls);
    g_queue_clear(&t->dirty);
    g_queue_clear(&t->deletes);
    g_sequence_free(t->timers);
    g_hash_table_destroy(t->by_tuple);
    g_hash_table_destroy(t->by_ufrag);
    g_hash_table_destroy(t->by_id);
    free(t);
}

static struct cp_endpoint *first_due(const struct cp_transport *t)
{
    GSequenceIter *first = g_sequence_get_begin_iter(t->timers);
    return g_sequence_iter_is_end(first) ? NULL : g_sequence_get(first);
}

/* Bounded: one that is armed again for this very moment would else keep us here. */
static void expire(struct cp_transport *t)
{
    struct cp_endpoint *e;
    unsigned budget = g_hash_table_size(t->by_id);

    while (budget-- && (e = first_due(t)) && e->deadline <= t->now) {
        cp_endpoint_ref(e);
        cp_endpoint_expire(e);
        cp_endpoint_unref(e);
    }
}

void cp_transport_service(struct cp_transport *t, uint64_t now)
{
    t->now = now;
    cp_dataplane_service(t->dp, now);
    expire(t);
    cp_transport_flush(t);
}

uint64_t cp_transport_deadline(const struct cp_transport *t)
{
    const struct cp_endpoint *e = first_due(t);
    uint64_t dataplane = cp_dataplane_deadline(t->dp);
    return e && e->deadline < dataplane ? e->deadline : dataplane;
}

int cp_transport_fd(const struct cp_transport *t)
{
    return cp_dataplane_fd(t->dp);
}

struct cp_dataplane *cp_transport_dataplane(struct cp_transport *t)
{
    return t->dp;
}

bool cp_transport_is_ready(const struct cp_transport *t)
{
    return t->ready;
}

const char *cp_transport_fingerprint(const struct cp_transport *t)
{
    return cp_dtls_context_fingerprint(t->dtls);
}

unsigned cp_transport_endpoints(const struct cp_transport *t)
{
    return g_hash_table_size(t->by_id);
}

typedef void (*each_fn)(void *arg, const char *name, uint64_t value);

static void tell(each_fn each, void *arg, const char *prefix, const char *word, uint64_t value)
{
    char name[64];

    snprintf(name, sizeof(name), "%s%s", prefix, word);
    each(arg, name, value);
}

void cp_transport_counters(const struct cp_transport *t, each_fn each, void *arg)
{
    const struct cp_dataplane_counters *d = cp_dataplane_counters(t->dp);

#define X(field, name) each(arg, name, t->counters.field);
    CP_TRANSPORT_COUNTERS(X)
#undef X
#define X(field, name) each(arg, name, d->field);
    CP_DATAPLANE_COUNTERS(X)
#undef X
    for (unsigned i = 0; i < CP_ICE_VERDICTS; i++)
        tell(each, arg, "stun_", cp_ice_verdict_word((enum cp_ice_verdict)i), t->verdicts[i]);
    for (unsigned i = CP_DTLS_END_NONE + 1; i < CP_DTLS_ENDS; i++)
        tell(each, arg, "dtls_end_", cp_dtls_end_word((enum cp_dtls_end)i), t->ends[i]);
    for (unsigned i = 0; i < CP_GONES; i++)
        tell(each, arg, "gone_", cp_gone_word((enum cp_gone)i), t->gone[i]);
}
