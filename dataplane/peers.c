#include "dataplane/peers.h"

#include "dataplane/dataplane.h"
#include "dataplane/packet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int open_pair(struct dp_worker *from, struct dp_worker *to)
{
    char name[RTE_RING_NAMESIZE];

    snprintf(name, sizeof(name), "peer%u-%u", from->id, to->id);
    struct rte_ring *ring =
        rte_ring_create(name, DP_PEER_RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    from->peers[to->id].out = ring;
    to->peers[from->id].in = ring;
    return ring ? 0 : -ENOMEM;
}

int dp_peers_open(struct dp_dataplane *dp)
{
    int err = 0;

    if (dp->workers_count < 2)
        return 0;
    for (unsigned i = 0; i < dp->workers_count; i++) {
        dp->workers[i].peers = calloc(dp->workers_count, sizeof(struct dp_peer));
        if (!dp->workers[i].peers)
            err = -ENOMEM;
    }
    for (unsigned i = 0; i < dp->workers_count && !err; i++)
        for (unsigned k = 0; k < dp->workers_count && !err; k++)
            if (i != k)
                err = open_pair(&dp->workers[i], &dp->workers[k]);
    if (err)
        dp_peers_close(dp);
    return err;
}

static void close_ring(struct rte_ring *ring)
{
    struct rte_mbuf *m;

    while (ring && rte_ring_sc_dequeue(ring, (void **)&m) == 0)
        rte_pktmbuf_free(m);
    rte_ring_free(ring);
}

void dp_peers_close(struct dp_dataplane *dp)
{
    for (unsigned i = 0; i < dp->workers_count; i++) {
        struct dp_worker *w = &dp->workers[i];
        for (unsigned k = 0; w->peers && k < dp->workers_count; k++)
            close_ring(w->peers[k].in);
        free(w->peers);
        w->peers = NULL;
    }
}

/* Those that the ring has no place for are dropped: the newest, so that the order stays. */
static void flush(struct dp_worker *w, struct dp_peer *peer)
{
    unsigned room = rte_ring_free_count(peer->out), sent = 0;

    if (room > DP_PEER_RESERVE)
        sent = rte_ring_sp_enqueue_burst(peer->out, (void **)peer->pending,
                                         RTE_MIN(peer->n, room - DP_PEER_RESERVE), NULL);
    for (unsigned i = sent; i < peer->n; i++)
        dp_drop(w, DP_DROP_HANDOFF_FULL, peer->pending[i]);
    peer->n = 0;
}

void dp_peers_put(struct dp_worker *w, const struct dp_worker *to, struct rte_mbuf *m,
                  enum dp_peer_kind kind)
{
    struct dp_peer *peer = &w->peers[to->id];

    dp_packet(m)->peer_kind = (uint8_t)kind;
    peer->pending[peer->n++] = m;
    if (peer->n == DP_BURST)
        flush(w, peer);
}

void dp_peers_flush(struct dp_worker *w)
{
    const struct dp_crew *crew = &w->dp->crew;

    for (unsigned i = 0; i < crew->count; i++)
        if (w->peers[crew->ids[i]].n)
            flush(w, &w->peers[crew->ids[i]]);
}

bool dp_peers_tell(struct dp_worker *w, const struct dp_worker *to, struct rte_mbuf *m,
                   enum dp_peer_kind kind)
{
    struct dp_peer *peer = &w->peers[to->id];

    if (peer->n)
        flush(w, peer);
    dp_packet(m)->peer_kind = (uint8_t)kind;
    return rte_ring_sp_enqueue(peer->out, m) == 0;
}

void dp_peers_take(struct dp_worker *w, unsigned from, struct dp_burst *out)
{
    struct rte_ring *in = w->peers[from].in;

    out->n = in ? rte_ring_sc_dequeue_burst(in, (void **)out->pkts, DP_BURST, NULL) : 0;
}

void dp_peers_lap(struct dp_worker *w)
{
    const struct dp_crew *crew = &w->dp->crew; /* nobody else has sent anything */

    for (unsigned i = 0; i < crew->count; i++) {
        const struct dp_peer *peer = &w->peers[crew->ids[i]];
        if (peer->in && (int32_t)(peer->in->cons.tail - peer->lap) < 0)
            return;
    }
    for (unsigned i = 0; i < crew->count; i++)
        if (w->peers[crew->ids[i]].in)
            w->peers[crew->ids[i]].lap = w->peers[crew->ids[i]].in->prod.tail;
    atomic_fetch_add(&w->laps, 1);
}
