/*
 * What the dataplane knows of an endpoint. Changes mark it dirty and the queue is sent when there
 * is room, so several changes are one EndpointPut, and after a restart of the dataplane all
 * endpoints pass through the same queue.
 */
#include "controlplane/endpoint_internal.h"

#include "proto/error.h"
#include "proto/log.h"

#include <errno.h>

void cp_endpoint_changed(struct cp_endpoint *e)
{
    if (e->dirty || !cp_endpoint_puttable(e))
        return;
    e->dirty = true;
    g_queue_push_tail(&e->t->dirty, e);
    cp_transport_flush(e->t);
}

static void tell_ready(struct cp_transport *t)
{
    if (t->ready || !t->cleared || t->puts || !g_queue_is_empty(&t->dirty) ||
        !cp_dataplane_is_up(t->dp))
        return;
    t->ready = true;
    if (t->h.up)
        t->h.up(t->h.arg, cp_dataplane_hello(t->dp));
}

static void on_put(void *arg, int error, const Headrace__Reply *reply)
{
    struct cp_endpoint *e = arg;
    struct cp_transport *t = e->t;

    t->puts--;
    if (error > 0 && !e->gone) {
        hr_warning("endpoint %u: refused by the dataplane: %s: %s", e->id,
                   hr_error_text((unsigned)error), reply ? reply->detail : "");
        cp_endpoint_end(e, CP_GONE_REFUSED);
    }
    cp_endpoint_unref(e);
    tell_ready(t);
}

static size_t pack_extensions(const struct cp_endpoint *e, Headrace__Extension *out)
{
    size_t n = 0;

    for (unsigned kind = HR_EXT_NONE + 1; kind < HR_EXT_KINDS && n < HR_EXTENSIONS_MAX; kind++) {
        if (e->ext[kind] == 0)
            continue;
        headrace__extension__init(&out[n]);
        out[n].id = e->ext[kind];
        out[n++].kind = kind;
    }
    return n;
}

static ProtobufCBinaryData bytes(const uint8_t *data, size_t len)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)data, .len = len};
}

/* A client may send by any pair that works, whichever it means to nominate in the end. */
static size_t pack_others(const struct cp_endpoint *e, Headrace__Path *paths, Headrace__Path **list)
{
    size_t n = 0;

    for (int i = 0; i < CP_ENDPOINT_PATHS_MAX; i++) {
        if (i == e->chosen || !e->paths[i].endpoint)
            continue;
        cp_path_pack(&e->paths[i].path, &paths[n]);
        list[n] = &paths[n];
        n++;
    }
    return n;
}

static int send_put(struct cp_endpoint *e)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__EndpointPut put = HEADRACE__ENDPOINT_PUT__INIT;
    Headrace__SrtpKeys keys = HEADRACE__SRTP_KEYS__INIT;
    Headrace__Extension extensions[HR_EXTENSIONS_MAX], *list[HR_EXTENSIONS_MAX];
    Headrace__Path path, others[CP_ENDPOINT_PATHS_MAX], *also[CP_ENDPOINT_PATHS_MAX];

    keys.profile = e->keys.profile;
    keys.ingress_key = bytes(e->keys.ingress, e->keys.len);
    keys.egress_key = bytes(e->keys.egress, e->keys.len);
    put.id = e->id;
    put.keys = e->peer ? NULL : &keys;
    put.peer = e->peer;
    if (e->latch) {
        put.latch = true;
        put.latch_ssrcs = e->latch->ssrcs;
        put.n_latch_ssrcs = e->latch->n_ssrcs;
    } else {
        const struct cp_ice_session *s = e->has_old ? &e->old_session : &e->session;
        cp_path_pack(&e->paths[e->chosen].path, &path);
        put.path = &path;
        put.n_also = pack_others(e, others, also);
        put.also = also;
        put.ice_ufrag = (char *)s->local.ufrag;
        put.ice_pwd = (char *)s->local.pwd;
    }
    put.n_extensions = pack_extensions(e, extensions);
    for (size_t i = 0; i < put.n_extensions; i++)
        list[i] = &extensions[i];
    put.extensions = list;
    put.extmap_allow_mixed = e->extmap_allow_mixed;
    put.rtcp_rsize = e->rtcp_rsize;
    put.feedback_ssrc = e->feedback_ssrc;
    put.group = e->group;
    cmd.op_case = HEADRACE__COMMAND__OP_ENDPOINT_PUT;
    cmd.endpoint_put = &put;
    return cp_dataplane_command(e->t->dp, &cmd, on_put, e);
}

static int send_delete(struct cp_transport *t, uint32_t id)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__ObjectDelete op = HEADRACE__OBJECT_DELETE__INIT;

    op.type = HEADRACE__OBJECT_DELETE__TYPE__ENDPOINT;
    op.id = id;
    cmd.op_case = HEADRACE__COMMAND__OP_OBJECT_DELETE;
    cmd.object_delete = &op;
    return cp_dataplane_command(t->dp, &cmd, NULL, NULL);
}

/* While the dataplane is away nothing is queued: the clearing when it is back finds what nobody
 * knows. */
void cp_endpoint_delete(struct cp_endpoint *e)
{
    struct cp_transport *t = e->t;

    if (e->dirty)
        g_queue_remove(&t->dirty, e);
    e->dirty = false;
    if (!e->put || !cp_dataplane_is_up(t->dp))
        return;
    g_queue_push_tail(&t->deletes, GUINT_TO_POINTER(e->id));
    cp_transport_flush(t);
}

/*
 * The dataplane takes commands in their order, so what the owner puts from here on finds the
 * endpoint there; waiting for the reply would cost the first packets of its sources.
 */
static void told(struct cp_endpoint *e)
{
    if (e->gone || e->connected)
        return;
    e->connected = true;
    e->t->counters.endpoints_connected++;
    if (e->t->h.connected)
        e->t->h.connected(e->t->h.arg, e, e->owner);
}

/* True: taken, or lost for good; false: later. */
static bool flush_one(struct cp_transport *t, struct cp_endpoint *e)
{
    int err = send_put(e);

    if (err == -EAGAIN || err == -ENOMEM)
        return false;
    e->dirty = false;
    if (err == 0) {
        e->put = true;
        t->puts++;
        t->counters.endpoint_puts++;
        cp_endpoint_ref(e);
    }
    return true;
}

void cp_transport_flush(struct cp_transport *t)
{
    if (!cp_dataplane_is_up(t->dp)) {
        g_queue_clear(&t->deletes);
        return;
    }
    while (!g_queue_is_empty(&t->deletes)) {
        if (send_delete(t, GPOINTER_TO_UINT(g_queue_peek_head(&t->deletes))) == -EAGAIN)
            return;
        g_queue_pop_head(&t->deletes);
    }
    while (!g_queue_is_empty(&t->dirty)) {
        struct cp_endpoint *e = g_queue_pop_head(&t->dirty);
        if (!flush_one(t, e)) {
            g_queue_push_head(&t->dirty, e);
            return;
        }
        if (!e->put)
            continue;
        cp_endpoint_ref(e);
        told(e);
        cp_endpoint_unref(e);
    }
    tell_ready(t);
}
