#include "dataplane/dataplane.h"
#include "dataplane/peers.h"

#include <rte_ethdev.h>

#define TRIES 4 /* a port that has just sent takes more at once; beyond that it is full */

/* A port with fewer queues than workers: those without one give frames to those with. */
static void lend_run(struct dp_worker *w, uint16_t port, struct rte_mbuf **pkts, uint16_t n)
{
    const struct dp_worker *to = &w->dp->workers[w->outlets[port].lender];

    for (unsigned i = 0; i < n; i++)
        dp_peers_put(w, to, pkts[i], DP_PEER_TX);
    dp_peers_flush(w);
}

static void send_run(struct dp_worker *w, uint16_t port, struct rte_mbuf **pkts, uint16_t n)
{
    uint16_t sent = 0, queue = w->outlets[port].queue;

    if (queue == DP_NO_QUEUE) {
        lend_run(w, port, pkts, n);
        return;
    }
    for (unsigned i = 0; i < TRIES && sent < n; i++)
        sent += rte_eth_tx_burst(port, queue, pkts + sent, n - sent);
    for (; sent < n; sent++)
        dp_drop(w, DP_DROP_TX_FULL, pkts[sent]);
}

void dp_stage_tx(struct dp_worker *w, struct dp_burst *in)
{
    unsigned start = 0;

    while (start < in->n) {
        uint16_t port = in->pkts[start]->port;
        unsigned end = start + 1;
        while (end < in->n && in->pkts[end]->port == port)
            end++;
        send_run(w, port, in->pkts + start, (uint16_t)(end - start));
        start = end;
    }
    in->n = 0;
}
