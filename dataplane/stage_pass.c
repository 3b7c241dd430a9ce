/*
 * Two endpoints whose DTLS runs between their clients: what one sends, DTLS and media alike, goes
 * on to the other bit for bit. There are no keys here, so nothing is checked but whose packet it
 * is. Exits: out, for tx.
 */
#include "dataplane/dataplane.h"
#include "dataplane/packet.h"
#include "dataplane/readdress.h"
#include "dataplane/session.h"

void dp_stage_pass(struct dp_worker *w, struct dp_burst *in, struct dp_burst *out)
{
    for (unsigned i = 0; i < in->n; i++) {
        struct rte_mbuf *m = in->pkts[i];
        const struct dp_packet *p = dp_packet(m);
        struct dp_endpoint *e = p->endpoint;
        struct dp_pass *pass = e->pass;
        e->rx_packets++;
        e->rx_bytes += p->length;
        if (!pass->to.reachable) {
            dp_drop(w, DP_DROP_PEER_UNREACHABLE, m);
        } else if (dp_readdress(m, &pass->to.path, &w->dp->ports[p->port], pass->to.port)) {
            dp_drop(w, DP_DROP_EGRESS_OVERSIZE, m);
        } else {
            pass->packets++;
            pass->bytes += p->length;
            out->pkts[out->n++] = m;
        }
    }
    in->n = 0;
}
