/*
 * Between workers: one ring per ordered pair, one producer and one consumer, of mbufs. What an mbuf
 * is there for is in dp_packet.peer_kind. Things of one pair arrive in the order they were sent.
 */
#ifndef DP_PEERS_H
#define DP_PEERS_H

#include "dataplane/stage.h"

#include <rte_ring.h>

#define DP_PEER_RING    1024 /* mbufs on their way to one worker from one other; full: dropped, */
#define DP_PEER_RESERVE 32   /* but so many places are kept for messages */

struct dp_dataplane;
struct dp_worker;

enum dp_peer_kind {
    DP_PEER_RTP,       /* classified, of an endpoint that is the other worker's */
    DP_PEER_RTCP,      /* likewise */
    DP_PEER_PASS,      /* likewise */
    DP_PEER_REFERENCE, /* authentic, for the other worker's subscribers */
    DP_PEER_TX,        /* a frame, to be sent through a queue that is the other worker's */
    DP_PEER_STATE,     /* struct dp_mirror_state */
    DP_PEER_KEYFRAME,  /* struct dp_mirror_request */
    DP_PEER_UPSTREAM,  /* SRTCP of an opaque receiver, for the publisher of the mirror's origin */
};

/* One other worker, as this one sees it. */
struct dp_peer {
    struct rte_ring *in, *out; /* NULL: this worker itself */
    uint32_t lap;              /* where in's lap ends */
    unsigned n;
    struct rte_mbuf *pending[DP_BURST]; /* on their way to out */
};

/* Main thread, after all workers are made and before they start: rings between them. 0 or -ENOMEM.
 */
int dp_peers_open(struct dp_dataplane *dp);
/* After they have stopped: what is left in the rings is freed. */
void dp_peers_close(struct dp_dataplane *dp);

/* Packets gather until dp_peers_flush(), which drops what the rings do not take. */
void dp_peers_put(struct dp_worker *w, const struct dp_worker *to, struct rte_mbuf *m,
                  enum dp_peer_kind kind);
void dp_peers_flush(struct dp_worker *w);
/* A message, after all that was put before. False: no room, m is still the caller's. */
bool dp_peers_tell(struct dp_worker *w, const struct dp_worker *to, struct rte_mbuf *m,
                   enum dp_peer_kind kind);

/* Up to a burst of what the worker of this number has sent. */
void dp_peers_take(struct dp_worker *w, unsigned from, struct dp_burst *out);
/* After all peers have been asked: counts w->laps when what was in the rings at the last count has
 * been taken. */
void dp_peers_lap(struct dp_worker *w);

#endif
