#include "dataplane/dataplane.h"
#include "dataplane/egress.h"
#include "dataplane/layers.h"
#include "dataplane/packet.h"
#include "dataplane/subscription.h"

#include <rte_prefetch.h>

#define AHEAD 8 /* copies */

/* Numbers the packet for s: DP_DROPS, or why it does not go there. */
static enum dp_drop number(struct dp_worker *w, struct dp_egress *e)
{
    struct dp_subscription *s = e->subscription;
    const struct dp_packet *p = dp_packet(e->pkt);
    if (p->padding || s->conf.pt[p->rtp.pt] == DP_PT_NONE) {
        dp_seqmap_drop(&s->seqmap, s->switches, p->index);
        return p->padding ? DP_DROP_PADDING : DP_DROP_PAYLOAD_MAP;
    }
    if (dp_seqmap_forward(&s->seqmap, s->switches, p->index, &e->index))
        return DP_DROP_SEQUENCE_LATE;
    if (p->has_frame)
        dp_subscription_frame(s, p->frame);
    e->stream = p->stream;
    e->frame_offset = s->framemap.offset;
    e->run = s->run;
    e->ts = dp_tsmap_forward(&s->tsmap, p->rtp.ts);
    s->last_sent = w->now; /* here, for the next of the burst may switch to another stream */
    return DP_DROPS;
}

static enum dp_drop consider(struct dp_worker *w, struct dp_egress *e)
{
    struct dp_subscription *s = e->subscription;
    if (!dp_endpoint_ready(s->endpoint))
        return DP_DROP_SUBSCRIBER_NOT_READY;
    if (s->conf.paused)
        return DP_DROP_SUBSCRIPTION_PAUSED;
    enum dp_drop why = dp_layers_pass(w, s, e->pkt);
    return why == DP_DROPS ? number(w, e) : why;
}

static void account(const struct dp_egress *e, size_t len)
{
    struct dp_subscription *s = e->subscription;
    s->packets++;
    s->bytes += len;
    if (e->index > s->highest_out)
        s->highest_out = e->index;
    dp_records_add(&s->records, dp_packet(e->pkt)->index, e->run, e->index);
}

/* For retransmission; returns the payload's length. */
static size_t keep(struct dp_worker *w, struct rte_mbuf *m)
{
    const struct dp_packet *p = dp_packet(m);
    dp_history_keep(&p->stream->history, &w->session->budget, m);
    return p->rtp.payload_len - hr_srtp_tag_len(p->stream->source->endpoint->keys->profile);
}

static void hand_on(struct dp_worker *w, const struct dp_egress *list, unsigned n,
                    struct dp_burst *out)
{
    const struct rte_mbuf *kept = NULL;
    size_t len = 0;

    for (unsigned i = 0; i < n; i++) {
        if (list[i].out == NULL) {
            w->drops[list[i].why]++;
            continue;
        }
        if (list[i].pkt != kept) {
            kept = list[i].pkt;
            len = keep(w, list[i].pkt);
        }
        account(&list[i], len);
        out->pkts[out->n++] = list[i].out;
    }
}

/* What numbering and building read. Fanout has fetched the subscription's first line. */
static void prefetch(const struct dp_copy *c)
{
    const uint8_t *s = (const uint8_t *)c->subscription;
    const uint8_t *e = (const uint8_t *)c->subscription->endpoint;
    rte_prefetch0(s + 64);
    rte_prefetch0(&c->subscription->conf.pt[dp_packet(c->pkt)->rtp.pt]);
    rte_prefetch0(&c->subscription->seqmap);
    rte_prefetch0(e);
    rte_prefetch0(e + 64);
    rte_prefetch0(e + 128);
}

/* Each copy is numbered before the first is built. */
void dp_stage_egress(struct dp_worker *w, struct dp_copies *in, struct dp_burst *out)
{
    struct dp_egress list[DP_BURST];
    unsigned n = 0;

    for (unsigned i = 0; i < RTE_MIN(in->n, (unsigned)AHEAD); i++)
        prefetch(&in->copy[i]);
    for (unsigned i = 0; i < in->n; i++) {
        if (i + AHEAD < in->n)
            prefetch(&in->copy[i + AHEAD]);
        struct dp_egress *e = &list[n];
        e->subscription = in->copy[i].subscription;
        e->pkt = in->copy[i].pkt;
        enum dp_drop why = consider(w, e);
        if (why == DP_DROPS)
            n++;
        else
            w->drops[why]++;
    }
    dp_egress_build(w, list, n);
    hand_on(w, list, n, out);
    in->n = 0;
}
