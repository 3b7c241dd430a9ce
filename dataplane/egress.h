/* One packet to one subscription: the same function for the first time and for retransmission. */
#ifndef DP_EGRESS_H
#define DP_EGRESS_H

#include "dataplane/session.h"

/* What the bytes depend on beyond the packet and the subscription's settings. */
struct dp_egress {
    const struct dp_stream *stream; /* that the packet is of */
    uint64_t index;                 /* outgoing packet index */
    uint32_t ts;                    /* outgoing timestamp */
    uint16_t frame_offset;          /* of its Dependency Descriptor */
};

/* A frame for tx, or NULL and *why. */
struct rte_mbuf *dp_egress_build(struct dp_worker *w, struct dp_subscription *s, struct rte_mbuf *m,
                                 const struct dp_egress *what, enum dp_drop *why);

/* The packet that left under the 16-bit number seq once more, the identical bytes; NULL and *why.
 */
struct rte_mbuf *dp_egress_resend(struct dp_worker *w, struct dp_subscription *s, uint16_t seq,
                                  enum dp_drop *why);

#endif
