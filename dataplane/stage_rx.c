#include "dataplane/dataplane.h"
#include "dataplane/packet.h"

#include <rte_ethdev.h>

void dp_stage_rx(struct dp_worker *w, unsigned port, uint16_t queue, struct dp_burst *out)
{
    uint16_t id = w->dp->ports[port].id;

    out->n = rte_eth_rx_burst(id, queue, out->pkts, DP_BURST);
    for (unsigned i = 0; i < out->n; i++) {
        char *buffer = rte_mbuf_buf_addr(out->pkts[i], w->pool);
        rte_prefetch0(out->pkts[i]);
        rte_prefetch0(dp_packet(out->pkts[i]));
        rte_prefetch0(buffer + RTE_PKTMBUF_HEADROOM); /* without a look into the mbuf */
    }
    for (unsigned i = 0; i < out->n; i++) {
        struct dp_packet *p = dp_packet(out->pkts[i]);
        p->port = out->pkts[i]->port = id; /* where an answer goes, too */
        p->arrival = w->now;
    }
}
