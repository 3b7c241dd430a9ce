/*
 * SRTCP as it is: from a publisher to its opaque receivers, and from these to the publisher. It is
 * rare, so it is copied. The relay has verified it before it goes on, under the key of who sent it.
 */
#include "dataplane/dataplane.h"
#include "dataplane/frame.h"
#include "dataplane/mirror.h"
#include "dataplane/packet.h"
#include "dataplane/peers.h"
#include "dataplane/rtp/wire.h"

#include <string.h>

#define SENDER 4 /* offset of the sender's SSRC, in the clear */

static bool is_published(const struct dp_endpoint *e)
{
    const struct dp_source *s;
    TAILQ_FOREACH (s, &e->sources, of_endpoint)
        if (dp_opaque_wanted(s))
            return true;
    return false;
}

struct rte_mbuf *dp_opaque_rtcp_copy(struct dp_worker *w, struct rte_mbuf *m)
{
    const struct dp_packet *p = dp_packet(m);
    if (!dp_endpoint_opaque(p->endpoint) && !is_published(p->endpoint))
        return NULL;
    struct rte_mbuf *copy = rte_pktmbuf_copy(m, w->pool, 0, UINT32_MAX);
    if (copy == NULL) {
        w->drops[DP_DROP_NO_MBUF]++;
        return NULL;
    }
    *dp_packet(copy) = *p;
    dp_packet(copy)->stream = NULL;
    dp_packet(copy)->source = NULL;
    dp_packet(copy)->rekey = false;
    return copy;
}

/* ---- to receivers */

static void put_source(struct dp_worker *w, struct dp_source *s, struct rte_mbuf *copy)
{
    struct dp_burst *burst = &w->session->opaque_rtcp;
    if (!dp_opaque_wanted(s))
        return;
    struct rte_mbuf *m =
        burst->n < DP_BURST ? rte_pktmbuf_copy(copy, w->pool, 0, UINT32_MAX) : NULL;
    if (m == NULL) {
        w->drops[DP_DROP_NO_MBUF]++;
        return;
    }
    *dp_packet(m) = *dp_packet(copy);
    dp_packet(m)->source = s;
    burst->pkts[burst->n++] = m;
}

/* To the receivers of the source whose stream the sender's SSRC is; else to those of all. */
static void to_receivers(struct dp_worker *w, struct rte_mbuf *copy)
{
    const struct dp_endpoint *e = dp_packet(copy)->endpoint;
    uint32_t sender = dp_get32(dp_packet_payload(copy) + SENDER);
    const struct dp_stream *st =
        e->publishing ? dp_ssrcs_find(&e->publishing->streams, sender) : NULL;
    struct dp_source *s;
    if (st) {
        put_source(w, st->source, copy);
        return;
    }
    TAILQ_FOREACH (s, &e->sources, of_endpoint)
        put_source(w, s, copy);
}

/* ---- to publishers */

static void send_upstream(struct dp_worker *w, struct dp_endpoint *to, struct rte_mbuf *m,
                          struct dp_burst *out)
{
    const struct dp_packet *p = dp_packet(m);
    struct rte_mbuf *frame = out->n < DP_BURST ? rte_pktmbuf_alloc(w->pool) : NULL;
    enum dp_drop why = DP_DROP_NO_MBUF;
    if (dp_get32(dp_packet_payload(m) + SENDER) == to->conf.feedback_ssrc)
        to->muted = true;
    if (!to->conf.reachable)
        why = DP_DROP_SUBSCRIBER_NOT_READY;
    else if (frame && p->length > dp_frame_room(frame, &to->conf.path, to->conf.port))
        why = DP_DROP_EGRESS_OVERSIZE;
    else if (frame)
        why = DP_DROPS;
    if (why != DP_DROPS) {
        w->drops[why]++;
        rte_pktmbuf_free(frame);
        return;
    }
    memcpy(dp_frame_write(frame, &to->conf.path), dp_packet_payload(m), p->length);
    dp_frame_finish(frame, &to->conf.path, to->conf.port, p->length);
    to->tx_packets++;
    to->tx_bytes += p->length;
    out->pkts[out->n++] = frame;
}

static void tell_upstream(struct dp_worker *w, struct dp_mirror *mirror, struct rte_mbuf *copy)
{
    struct rte_mbuf *m = rte_pktmbuf_copy(copy, w->pool, 0, UINT32_MAX);
    if (m == NULL) {
        w->drops[DP_DROP_NO_MBUF]++;
        return;
    }
    *dp_packet(m) = *dp_packet(copy);
    dp_packet(m)->mirror = mirror;
    if (!dp_peers_tell(w, mirror->origin->endpoint->worker, m, DP_PEER_UPSTREAM))
        dp_drop(w, DP_DROP_HANDOFF_FULL, m);
}

void dp_opaque_upstream(struct dp_worker *w, struct dp_burst *in, struct dp_burst *out)
{
    for (unsigned i = 0; i < in->n; i++) {
        send_upstream(w, dp_packet(in->pkts[i])->mirror->origin->endpoint, in->pkts[i], out);
        rte_pktmbuf_free(in->pkts[i]);
    }
    in->n = 0;
}

/* Each publisher once, however many of its sources are subscribed to. */
static void to_publishers(struct dp_worker *w, struct rte_mbuf *copy, struct dp_burst *out)
{
    const struct dp_endpoint *seen[DP_ENDPOINT_SOURCES_MAX];
    const struct dp_subscription *s;
    unsigned count = 0, i;
    TAILQ_FOREACH (s, &dp_packet(copy)->endpoint->subscriptions, of_endpoint) {
        if (s->source == NULL || count == RTE_DIM(seen))
            continue;
        struct dp_mirror *mirror = s->source->mirror;
        struct dp_endpoint *to = mirror ? mirror->origin->endpoint : s->source->endpoint;
        for (i = 0; i < count && seen[i] != to; i++)
            ;
        if (i < count)
            continue;
        seen[count++] = to;
        if (mirror)
            tell_upstream(w, mirror, copy);
        else
            send_upstream(w, to, copy, out);
    }
}

void dp_opaque_rtcp(struct dp_worker *w, struct rte_mbuf *copy, struct dp_burst *out)
{
    const struct dp_endpoint *e = dp_packet(copy)->endpoint;
    if (is_published(e))
        to_receivers(w, copy);
    if (dp_endpoint_opaque(e))
        to_publishers(w, copy, out);
    rte_pktmbuf_free(copy);
}
