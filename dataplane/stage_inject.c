#include "dataplane/dataplane.h"
#include "dataplane/frame.h"
#include "dataplane/packet.h"
#include "proto/headrace.pb-c.h"

#include <errno.h>
#include <string.h>

#define MESSAGES_PER_LOOP 32 /* so that a busy control plane cannot hold media up */

static int build(struct dp_worker *w, const Headrace__Inject *msg, struct rte_mbuf *m)
{
    struct dp_path path;

    if (!msg->path || dp_path_from_message(msg->path, &path, NULL))
        return -EINVAL;
    if (path.port >= w->dp->ports_count)
        return -EINVAL;
    const struct dp_port *port = &w->dp->ports[path.port];
    if (!dp_port_has_address(port, path.family, path.local.ip))
        return -EINVAL;
    if (msg->payload.len == 0 || msg->payload.len > dp_frame_room(m, &path, port))
        return -EINVAL;
    memcpy(dp_frame_write(m, &path), msg->payload.data, msg->payload.len);
    dp_frame_finish(m, &path, port, (uint16_t)msg->payload.len);
    return 0;
}

static void inject(struct dp_worker *w, const uint8_t *bytes, size_t len, struct dp_burst *out)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);

    if (!m) {
        w->drops[DP_DROP_NO_MBUF]++;
        return;
    }
    hr_arena_reset(&w->inject);
    Headrace__Inject *msg = headrace__inject__unpack(&w->inject.allocator, len, bytes);
    if (!msg || build(w, msg, m))
        dp_drop(w, DP_DROP_INJECT_MALFORMED, m);
    else
        out->pkts[out->n++] = m;
}

static void inject_from(struct dp_worker *w, unsigned lane, unsigned most, struct dp_burst *out)
{
    const uint8_t *bytes;
    size_t len;

    for (unsigned i = 0; i < most; i++) {
        bytes = hr_channel_peek(w->channel, HR_RING_INJECT, lane, &len);
        if (!bytes)
            return;
        inject(w, bytes, len, out);
        hr_channel_consume(w->channel, HR_RING_INJECT, lane);
    }
}

void dp_stage_inject(struct dp_worker *w, struct dp_burst *out)
{
    unsigned share = MESSAGES_PER_LOOP / RTE_MAX(1, __builtin_popcountll(w->lanes));

    if (!w->channel)
        return;
    for (uint64_t lanes = w->lanes; lanes; lanes &= lanes - 1)
        inject_from(w, (unsigned)__builtin_ctzll(lanes), RTE_MAX(1u, share), out);
}
