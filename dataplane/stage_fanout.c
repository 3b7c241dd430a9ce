/*
 * Where it stands is two numbers: the packet of the burst, and the place in its source's fan. The
 * burst's packets are freed by the call that finds nothing more, so copies stay valid until the
 * next call.
 */
#include "dataplane/packet.h"
#include "dataplane/session.h"

#include <string.h>

static void finish(struct dp_fanout *f)
{
    for (unsigned i = 0; i < f->burst.n; i++)
        rte_pktmbuf_free(f->burst.pkts[i]);
    f->burst.n = 0;
    f->packet = 0;
    f->subscription = 0;
}

/* Counts a packet as sent to whoever forwards its stream; egress takes back what it does not send.
 */
static void count(const struct dp_worker *w, const struct rte_mbuf *m)
{
    const struct dp_packet *p = rte_mbuf_to_priv((struct rte_mbuf *)m);
    struct dp_stream *st = p->stream;
    st->sent_packets++;
    st->sent_bytes += dp_packet_media_len(p, st->source->endpoint->keys->profile);
    st->sent_at = w->now;
}

bool dp_stage_fanout(struct dp_worker *w, struct dp_fanout *f, struct dp_copies *out)
{
    out->n = out->groups = 0;
    while (f->packet < f->burst.n && out->n < DP_BURST) {
        struct rte_mbuf *m = f->burst.pkts[f->packet];
        const struct dp_source *s = dp_packet(m)->stream->source;
        unsigned n = RTE_MIN(s->fan_count - f->subscription, DP_BURST - out->n);
        if (f->subscription == 0)
            count(w, m);
        if (n) {
            memcpy(&out->to[out->n], &s->fan[f->subscription], n * sizeof(out->to[0]));
            out->n += n;
            out->group[out->groups].pkt = m;
            out->group[out->groups++].end = out->n;
        }
        f->subscription += n;
        if (f->subscription < s->fan_count)
            break;
        f->packet++;
        f->subscription = 0;
    }
    if (out->n)
        return true;
    finish(f);
    return false;
}
