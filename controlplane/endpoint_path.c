/*
 * Which 5-tuple an endpoint uses. The first valid check makes a path good for DTLS; a nominated one
 * decides. Some clients nominate every pair that works and mean the best (RFC 5245 8.1.1.2), so at
 * first the higher priority wins; later a nomination from elsewhere means that the client has
 * moved. Should the chosen path fall silent while checks come by another, that one is taken, for it
 * is the one the client uses.
 */
#include "controlplane/endpoint_internal.h"

#include <string.h>

guint cp_path_hash(gconstpointer key)
{
    const struct cp_path *p = key;
    const struct hr_address *ends[] = {&p->local, &p->remote};
    uint64_t h = 0xcbf29ce484222325u ^ p->port; /* FNV-1a */

    for (unsigned i = 0; i < 2; i++) {
        const uint8_t *b = (const uint8_t *)ends[i];
        for (size_t n = 0; n < sizeof(*ends[i]); n++)
            h = (h ^ b[n]) * 0x100000001b3u;
    }
    return (guint)(h ^ h >> 32);
}

gboolean cp_path_table_equal(gconstpointer a, gconstpointer b)
{
    return cp_path_same_tuple(a, b);
}

static void forget(struct cp_checked_path *p)
{
    g_hash_table_remove(p->endpoint->t->by_tuple, &p->path);
    p->endpoint = NULL;
}

void cp_endpoint_forget_paths(struct cp_endpoint *e)
{
    for (int i = 0; i < CP_ENDPOINT_PATHS_MAX; i++)
        if (e->paths[i].endpoint)
            forget(&e->paths[i]);
}

static struct cp_checked_path *chosen(struct cp_endpoint *e)
{
    return e->chosen == CP_NO_PATH ? NULL : &e->paths[e->chosen];
}

void cp_endpoint_choose(struct cp_endpoint *e, int index)
{
    if (e->chosen == index)
        return;
    if (e->chosen != CP_NO_PATH)
        e->t->counters.path_moves++;
    e->chosen = index;
    cp_endpoint_changed(e);
}

/* A place for one more: an unused one, else that of the quietest that is not chosen. */
static struct cp_checked_path *make_room(struct cp_endpoint *e)
{
    struct cp_checked_path *quietest = NULL;

    for (int i = 0; i < CP_ENDPOINT_PATHS_MAX; i++) {
        struct cp_checked_path *p = &e->paths[i];
        if (!p->endpoint)
            return p;
        if (i != e->chosen && (!quietest || p->checked < quietest->checked))
            quietest = p;
    }
    forget(quietest);
    return quietest;
}

/*
 * A 5-tuple in use by another endpoint is not handed over while that one is alive: anybody in a
 * room can send a check with a forged source address. NULL then.
 */
static struct cp_checked_path *find_or_add(struct cp_endpoint *e, const struct cp_path *path)
{
    struct cp_transport *t = e->t;
    struct cp_checked_path *p = g_hash_table_lookup(t->by_tuple, path);

    if (p && p->endpoint == e)
        return p;
    if (p) {
        struct cp_endpoint *other = p->endpoint;
        if (t->now - p->checked < CP_ENDPOINT_QUIET_MS) {
            t->counters.path_taken++;
            return NULL;
        }
        if (chosen(other) == p)
            other->chosen = CP_NO_PATH;
        forget(p);
    }
    p = make_room(e);
    *p = (struct cp_checked_path){.endpoint = e, .path = *path};
    g_hash_table_insert(t->by_tuple, &p->path, p);
    cp_endpoint_changed(e); /* media may come by it */
    return p;
}

/* The next hop may have changed, or the worker that the client's packets reach. */
static void refresh(struct cp_endpoint *e, struct cp_checked_path *p, const struct cp_path *path)
{
    bool changed = !cp_path_equal(&p->path, path);

    p->path = *path; /* the same key for the table */
    if (changed && chosen(e) == p)
        cp_endpoint_changed(e);
}

static bool wins(const struct cp_endpoint *e, const struct cp_checked_path *p,
                 const struct cp_checked_path *now_chosen, bool nominated)
{
    if (!now_chosen)
        return true;
    if (nominated) {
        if (!e->nominated || !now_chosen->nominated || e->t->now >= e->settled)
            return true;
        return p->priority > now_chosen->priority;
    }
    return e->t->now - now_chosen->checked >= CP_ENDPOINT_QUIET_MS;
}

/* The client uses its new credentials now. */
static void end_restart(struct cp_endpoint *e)
{
    g_hash_table_remove(e->t->by_ufrag, e->old_session.local.ufrag);
    e->has_old = false;
    e->nominated = false;
    for (int i = 0; i < CP_ENDPOINT_PATHS_MAX; i++)
        e->paths[i].nominated = false;
    cp_endpoint_changed(e);
}

static void on_check(struct cp_endpoint *e, const struct cp_ice_result *r,
                     struct cp_checked_path *p)
{
    bool nominated = r->verdict == CP_ICE_NOMINATED;

    if (nominated && e->has_old && r->session == &e->session)
        end_restart(e);
    e->last_check = p->checked = e->t->now;
    p->priority = r->priority;
    if (p != chosen(e) && wins(e, p, chosen(e), nominated))
        cp_endpoint_choose(e, (int)(p - e->paths));
    if (!nominated)
        return;
    p->nominated = true;
    if (!e->nominated) {
        e->nominated = true;
        e->settled = e->t->now + CP_ENDPOINT_SETTLE_MS;
    }
}

static const struct cp_ice_session *find_session(void *arg, const char *ufrag, size_t len)
{
    struct cp_transport *t = arg;
    char key[CP_ICE_UFRAG_LEN + 1];

    if (len != CP_ICE_UFRAG_LEN)
        return NULL;
    memcpy(key, ufrag, len);
    key[len] = 0;
    return g_hash_table_lookup(t->by_ufrag, key);
}

/*
 * The path is remembered first and the answer sent then: what the client sends next finds it known.
 * Handlers may destroy the endpoint meanwhile, hence the reference.
 */
static void passed(struct cp_endpoint *e, const struct cp_path *path, const struct cp_ice_result *r)
{
    struct cp_checked_path *p = find_or_add(e, path);

    if (!p)
        return;
    cp_endpoint_ref(e);
    refresh(e, p, path);
    on_check(e, r, p);
    cp_dataplane_inject(e->t->dp, path, r->response, r->response_len);
    cp_endpoint_start_dtls(e);
    cp_endpoint_unref(e);
}

void cp_endpoint_stun(struct cp_transport *t, const struct cp_path *path, const uint8_t *data,
                      size_t len)
{
    struct cp_ice_result r;

    cp_ice_receive(data, len, &path->remote, find_session, t, &r);
    t->verdicts[r.verdict]++;
    if (cp_ice_passed(&r))
        passed(r.session->owner, path, &r);
    else if (r.response_len)
        cp_dataplane_inject(t->dp, path, r.response, r.response_len);
}
