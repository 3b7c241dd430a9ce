#include "dataplane/latch.h"

#include "dataplane/dataplane.h"
#include "dataplane/objects.h"
#include "dataplane/packet.h"
#include "dataplane/rtp/wire.h"
#include "dataplane/session.h"
#include "dataplane/source.h"

#include <string.h>

#define RTP_SSRC  8 /* offsets of the sender's */
#define RTCP_SSRC 4

/* ---- workers */

enum dp_drop dp_latch_offer(struct dp_worker *w, struct rte_mbuf *m)
{
    struct dp_latch_slot *slot = &w->session->latch;
    const struct dp_packet *p = dp_packet(m);
    const uint8_t *bytes = dp_packet_payload(m);
    Headrace__Path path = HEADRACE__PATH__INIT;

    if (atomic_load_explicit(&slot->busy, memory_order_acquire))
        return DP_DROP_LATCH_BUSY;
    if (slot->verdict != DP_DROPS)
        w->drops[slot->verdict]++;
    slot->verdict = DP_DROPS;
    if (w->now - slot->at < w->session->hz / 1000000 * DP_LATCH_PAUSE_US)
        return DP_DROP_LATCH_BUSY;
    dp_packet_path_back(m, &path);
    slot->rtcp = dp_rtp_is_rtcp(bytes, p->length);
    if (p->length < RTP_SSRC + sizeof(uint32_t) || p->length > sizeof(slot->bytes) ||
        dp_path_from_message(&path, &slot->path, NULL))
        return DP_DROP_FLOW_UNKNOWN;
    slot->ssrc = dp_get32(bytes + (slot->rtcp ? RTCP_SSRC : RTP_SSRC));
    slot->length = p->length;
    memcpy(slot->bytes, bytes, p->length);
    slot->at = w->now;
    atomic_store_explicit(&slot->busy, true, memory_order_relaxed);
    if (dp_worker_return(w, &slot->came) == 0)
        return DP_DROPS;
    atomic_store_explicit(&slot->busy, false, memory_order_relaxed);
    return DP_DROP_LATCH_BUSY;
}

/* The index of its packet, when that is new and its tag right. */
static bool verify(const struct dp_endpoint *e, const struct dp_srtp_rx *rx, const uint8_t *bytes,
                   size_t len, const struct dp_rtp_header *h, uint64_t *index)
{
    return dp_srtp_rx_estimate(rx, h->seq, index) == 0 &&
           dp_srtp_verify(&e->keys->ingress, bytes, len, h->hdr_len, *index);
}

bool dp_hello_take(struct dp_worker *w, struct dp_endpoint *e, const uint8_t *bytes, size_t len,
                   const struct dp_rtp_header *h)
{
    struct dp_hello *hello = e->hello;
    uint64_t index;

    if (!hello || e->publishing || (hello->begun && hello->ssrc != h->ssrc) ||
        !verify(e, &hello->rx, bytes, len, h, &index))
        return false;
    hello->begun = true;
    hello->ssrc = h->ssrc;
    dp_srtp_rx_commit(&hello->rx, index);
    e->rx_packets++;
    e->rx_bytes += len;
    e->last_packet = w->now;
    return true;
}

/* Who publishes is where its media comes from: its RTCP may be of another socket. */
static bool is_authentic(struct dp_worker *w, struct dp_endpoint *e, struct dp_latch_slot *slot)
{
    struct dp_rtp_header h;
    struct dp_match match;
    uint64_t index;
    size_t len = slot->length;

    if (slot->rtcp)
        return !e->publishing &&
               dp_srtcp_unprotect(&e->keys->rtcp_in, slot->bytes, &len) == DP_SRTCP_OK;
    if (dp_rtp_parse(slot->bytes, slot->length, &h) != DP_RTP_OK)
        return false;
    if (!e->publishing)
        return dp_hello_take(w, e, slot->bytes, slot->length, &h);
    if (dp_stream_match(e, slot->bytes, &h, &match) != DP_DROPS)
        return false;
    if (match.take)
        return verify(e, &match.rx, slot->bytes, slot->length, &h, &index);
    /* What was passed on without a look at its tag may have been recorded, too. */
    return verify(e, &match.stream->rx, slot->bytes, slot->length, &h, &index) &&
           index > match.stream->passed;
}

/* It may have moved to another worker since. */
static void run_ask(struct dp_worker *w, struct dp_work *work)
{
    struct dp_latch_slot *slot = container_of(work, struct dp_latch_slot, ask);
    struct dp_endpoint *e = slot->asked;
    slot->authentic = e->worker == w && e->keys && is_authentic(w, e, slot);
}

/* ---- main thread */

static bool may_send(const struct dp_latch *l, uint32_t ssrc)
{
    for (unsigned i = 0; i < l->ssrcs_count; i++)
        if (l->ssrcs[i] == ssrc)
            return true;
    return l->ssrcs_count == 0;
}

/* By the clock of the worker that has the packet; that of the endpoint's may be a little ahead. */
static bool is_looked_for(const struct dp_latch *l, const struct dp_latch_slot *slot)
{
    uint64_t silent = slot->worker->dp->tsc_hz / 1000 * DP_LATCH_SILENT_MS;
    return !l->latched || slot->at > l->object->endpoint->last_packet + silent;
}

static bool was_tried(const struct dp_latch_slot *slot, uint32_t id)
{
    for (unsigned i = 0; i < slot->tried_count; i++)
        if (slot->tried[i] == id)
            return true;
    return false;
}

/* Publishers first: who receives under the same key would take their packets for its own. */
static struct dp_latch *next_candidate(const struct dp_latch_slot *slot)
{
    struct dp_latch *l, *found = NULL;

    if (slot->tried_count == DP_LATCH_TRIES)
        return NULL;
    TAILQ_FOREACH (l, &slot->worker->dp->objects->latches, of_objects) {
        if (!may_send(l, slot->ssrc) || was_tried(slot, l->object->id) || !is_looked_for(l, slot))
            continue;
        if (l->object->publishing)
            return l;
        found = found ? found : l;
    }
    return found;
}

static void finish(struct dp_latch_slot *slot, enum dp_drop verdict)
{
    slot->verdict = verdict;
    atomic_store_explicit(&slot->busy, false, memory_order_release);
}

static void ask_next(struct dp_latch_slot *slot)
{
    struct dp_latch *l = next_candidate(slot);
    if (!l) {
        finish(slot, DP_DROP_LATCH_AUTH);
        return;
    }
    slot->asked = l->object->endpoint;
    slot->asked_id = slot->tried[slot->tried_count++] = l->object->id;
    if (dp_worker_post(l->object->worker, &slot->ask))
        finish(slot, DP_DROP_LATCH_BUSY);
}

static ProtobufCBinaryData bytes(const void *data, size_t len)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)data, .len = len};
}

static void tell(const struct dp_objects *objects, const struct dp_latch *l)
{
    const struct dp_path *p = &l->path;
    Headrace__Path path = HEADRACE__PATH__INIT;
    Headrace__EndpointLatched what = HEADRACE__ENDPOINT_LATCHED__INIT;
    Headrace__Event event = HEADRACE__EVENT__INIT;
    path.port = p->port;
    path.local_mac = bytes(&p->local_mac, sizeof(p->local_mac));
    path.remote_mac = bytes(&p->remote_mac, sizeof(p->remote_mac));
    path.local_address = bytes(p->local.ip, p->family == 4 ? 4 : 16);
    path.remote_address = bytes(p->remote.ip, p->family == 4 ? 4 : 16);
    path.local_port = p->local.port;
    path.remote_port = p->remote.port;
    what.endpoint = l->object->id;
    what.path = &path;
    event.what_case = HEADRACE__EVENT__WHAT_ENDPOINT_LATCHED;
    event.endpoint_latched = &what;
    objects->event(objects->event_arg, &event);
}

static void ignore(void *arg, const Headrace__Reply *reply)
{
}

/* The last Put once more, which now has a path. False: not now. */
static bool put_again(struct dp_dataplane *dp, struct dp_endpoint_object *o)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__EndpointPut *put = headrace__endpoint_put__unpack(NULL, o->put.len, o->put.bytes);
    if (!put)
        return false;
    cmd.op_case = HEADRACE__COMMAND__OP_ENDPOINT_PUT;
    cmd.endpoint_put = put;
    bool taken = dp_apply(dp, &cmd, ignore, NULL) == 0;
    explicit_bzero(put->keys->ingress_key.data, put->keys->ingress_key.len);
    explicit_bzero(put->keys->egress_key.data, put->keys->egress_key.len);
    headrace__endpoint_put__free_unpacked(put, NULL);
    return taken;
}

static bool same_addresses(const struct dp_path *a, const struct dp_path *b)
{
    return a->port == b->port && memcmp(&a->local, &b->local, sizeof(a->local)) == 0 &&
           memcmp(&a->remote, &b->remote, sizeof(a->remote)) == 0;
}

/* One socket, one endpoint: who was there before is there no more. */
static void unlatch_others(struct dp_dataplane *dp, const struct dp_latch *l)
{
    struct dp_latch *other;
    TAILQ_FOREACH (other, &dp->objects->latches, of_objects) {
        if (other == l || !other->latched || !same_addresses(&other->path, &l->path))
            continue;
        other->latched = false;
        put_again(dp, other->object);
    }
}

static bool move_to(struct dp_dataplane *dp, struct dp_latch *l, const struct dp_path *path)
{
    const struct dp_path before = l->path;
    bool latched = l->latched;
    l->path = *path;
    l->latched = true;
    if (put_again(dp, l->object)) {
        unlatch_others(dp, l);
        tell(dp->objects, l);
        return true;
    }
    l->path = before;
    l->latched = latched;
    return false;
}

static void done_ask(struct dp_work *work)
{
    struct dp_latch_slot *slot = container_of(work, struct dp_latch_slot, ask);
    struct dp_dataplane *dp = slot->worker->dp;
    struct dp_endpoint_object *o = dp_index_find(&dp->objects->endpoints, slot->asked_id);
    if (!slot->authentic)
        ask_next(slot);
    else if (o && o->latch && move_to(dp, o->latch, &slot->path))
        finish(slot, DP_DROP_LATCHED);
    else
        finish(slot, DP_DROP_LATCH_BUSY);
}

void dp_latch_came(struct dp_work *work)
{
    struct dp_latch_slot *slot = container_of(work, struct dp_latch_slot, came);
    slot->tried_count = 0;
    slot->ask = (struct dp_work){.run = run_ask, .done = done_ask};
    ask_next(slot);
}
