#include "dataplane/dataplane.h"
#include "dataplane/egress.h"
#include "dataplane/layers.h"
#include "dataplane/packet.h"
#include "dataplane/subscription.h"

/* Numbers the packet for s: DP_DROPS, or why it does not go there. */
static enum dp_drop number(struct dp_subscription *s, struct rte_mbuf *m, struct dp_egress *what)
{
    const struct dp_packet *p = dp_packet(m);
    if (p->padding || s->conf.pt[p->rtp.pt] == DP_PT_NONE) {
        dp_seqmap_drop(&s->seqmap, s->switches, p->index);
        return p->padding ? DP_DROP_PADDING : DP_DROP_PAYLOAD_MAP;
    }
    if (dp_seqmap_forward(&s->seqmap, s->switches, p->index, &what->index))
        return DP_DROP_SEQUENCE_LATE;
    if (p->has_frame)
        dp_subscription_frame(s, p->frame);
    what->stream = p->stream;
    what->frame_offset = s->framemap.offset;
    what->ts = dp_tsmap_forward(&s->tsmap, p->rtp.ts);
    return DP_DROPS;
}

static enum dp_drop consider(struct dp_worker *w, struct dp_subscription *s, struct rte_mbuf *m,
                             struct dp_egress *what)
{
    if (!dp_endpoint_ready(s->endpoint))
        return DP_DROP_SUBSCRIBER_NOT_READY;
    if (s->conf.paused)
        return DP_DROP_SUBSCRIPTION_PAUSED;
    enum dp_drop why = dp_layers_pass(w, s, m);
    return why == DP_DROPS ? number(s, m, what) : why;
}

static void account(struct dp_worker *w, struct dp_subscription *s, struct rte_mbuf *m,
                    const struct dp_egress *what)
{
    const struct dp_packet *p = dp_packet(m);
    const struct dp_keys *in = p->stream->source->endpoint->keys;
    s->packets++;
    s->bytes += p->rtp.payload_len - hr_srtp_tag_len(in->profile);
    s->last_sent = w->now;
    if (what->index > s->highest_out)
        s->highest_out = what->index;
    dp_records_add(&s->records, p->index, s->run, what->index);
    dp_history_keep(&p->stream->history, &w->session->budget, m);
}

void dp_stage_egress(struct dp_worker *w, struct dp_copies *in, struct dp_burst *out)
{
    for (unsigned i = 0; i < in->n; i++) {
        struct dp_subscription *s = in->copy[i].subscription;
        struct rte_mbuf *m = in->copy[i].pkt;
        struct dp_egress what;
        enum dp_drop why = consider(w, s, m, &what);
        if (why == DP_DROPS) {
            struct rte_mbuf *o = dp_egress_build(w, s, m, &what, &why);
            if (o) {
                account(w, s, m, &what);
                out->pkts[out->n++] = o;
                continue;
            }
        }
        w->drops[why]++;
    }
    in->n = 0;
}
