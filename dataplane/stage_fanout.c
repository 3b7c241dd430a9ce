/*
 * Where it stands is two numbers: the packet of the burst, and the place in its source's fan. The
 * burst's packets are freed by the call that finds nothing more, so copies stay valid until the
 * next call.
 */
#include "dataplane/packet.h"
#include "dataplane/session.h"

#include <rte_prefetch.h>

static void finish(struct dp_fanout *f)
{
    for (unsigned i = 0; i < f->burst.n; i++)
        rte_pktmbuf_free(f->burst.pkts[i]);
    f->burst.n = 0;
    f->packet = 0;
    f->subscription = 0;
}

bool dp_stage_fanout(struct dp_worker *w, struct dp_fanout *f, struct dp_copies *out)
{
    out->n = 0;
    while (f->packet < f->burst.n) {
        struct rte_mbuf *m = f->burst.pkts[f->packet];
        const struct dp_source *s = dp_packet(m)->stream->source;
        while (f->subscription < s->fan_count && out->n < DP_BURST) {
            struct dp_subscription *to = s->fan[f->subscription++];
            rte_prefetch0(to); /* for egress */
            out->copy[out->n++] = (struct dp_copy){.pkt = m, .subscription = to};
        }
        if (f->subscription < s->fan_count)
            return true;
        f->packet++;
        f->subscription = 0;
    }
    if (out->n)
        return true;
    finish(f);
    return false;
}
