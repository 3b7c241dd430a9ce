#include "dataplane/dataplane.h"
#include "dataplane/packet.h"

#include <rte_ethdev.h>

void dp_stage_rx(struct dp_worker *w, unsigned port, struct dp_burst *out)
{
    uint16_t id = w->dp->ports[port].id;

    if (w->queue >= w->dp->ports[port].rx_queues) {
        out->n = 0;
        return;
    }
    out->n = rte_eth_rx_burst(id, w->queue, out->pkts, DP_BURST);
    for (unsigned i = 0; i < out->n; i++) {
        struct dp_packet *p = dp_packet(out->pkts[i]);
        rte_prefetch0(rte_pktmbuf_mtod(out->pkts[i], void *));
        p->port = id;
        p->arrival = w->now;
    }
}
