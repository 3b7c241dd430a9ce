/* Packets to subscriptions: the same functions for the first time and for retransmission. */
#ifndef DP_EGRESS_H
#define DP_EGRESS_H

#include "dataplane/session.h"

/* One packet to one subscription, and what its bytes depend on beyond their settings. */
struct dp_egress {
    struct dp_subscription *subscription;
    struct rte_mbuf *pkt;           /* as received; stays the caller's */
    const struct dp_stream *stream; /* that it is of */
    uint64_t index;                 /* outgoing packet index */
    uint32_t ts;                    /* outgoing timestamp */
    uint16_t frame_offset;          /* of its Dependency Descriptor */
    uint16_t run;                   /* that it is of; 0 when sent once more */
    /* what dp_egress_build() makes of it */
    struct rte_mbuf *out; /* a frame for tx; NULL: none, */
    enum dp_drop why;     /* and why */
};

/* Fills out and why of each of the n. */
void dp_egress_build(struct dp_worker *w, struct dp_egress *list, unsigned n);

/* The packet that left under the 16-bit number seq once more, the identical bytes; NULL and *why.
 */
struct rte_mbuf *dp_egress_resend(struct dp_worker *w, struct dp_subscription *s, uint16_t seq,
                                  enum dp_drop *why);

#endif
