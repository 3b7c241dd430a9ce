/* Exits: in keeps what is of this worker's endpoints; the rest goes to their workers' rings. */
#include "dataplane/dataplane.h"
#include "dataplane/packet.h"
#include "dataplane/peers.h"
#include "dataplane/session.h"

void dp_stage_handoff(struct dp_worker *w, struct dp_burst *in, unsigned kind)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < in->n; i++) {
        struct rte_mbuf *m = in->pkts[i];
        const struct dp_worker *owner = dp_packet(m)->endpoint->worker;
        if (owner == w)
            in->pkts[kept++] = m;
        else
            dp_peers_put(w, owner, m, kind);
    }
    if (kept < in->n)
        dp_peers_flush(w);
    in->n = kept;
}
