/*
 * What the rooms' publishers send: SRTP packets as browsers make them, each new and protected under
 * its publisher's key, in frames as they come from the wire. Made ahead, outside measured time.
 */
#ifndef BENCH_PUBLISHER_H
#define BENCH_PUBLISHER_H

#include "relay.h"

struct publisher;

/* All publishers of the relay; payload bytes of each packet. NULL: no memory. */
struct publisher *publisher_new(const struct relay *r, size_t payload);
void publisher_free(struct publisher *p);
/* The next n packets, the rooms in turn, in no order of theirs. 0 or -ENOBUFS. */
int publisher_make(struct publisher *p, struct rte_mbuf **pkts, unsigned n);
/* For each room, how many packets of others come before its next. */
void publisher_waits(const struct publisher *p, unsigned *waits);

#endif
