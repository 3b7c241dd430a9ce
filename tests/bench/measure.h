/*
 * Bursts of packets through a relay's real loop, and the cycles they took. Bursts during which the
 * kernel ran something else on this CPU are left out.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "publisher.h"
#include "relay.h"

#define MEASURE_CHUNK 512 /* packets made ahead */

struct measure {
    struct relay relay;
    struct publisher *publisher;
    struct rte_mbuf *chunk[MEASURE_CHUNK];
    unsigned chunk_next, burst;
    uint64_t dropped[DP_DROPS]; /* before what is measured */
};

/* A round added up. */
struct measure_tally {
    struct dp_stage_counters stages[DP_STAGES];
    uint64_t cycles;      /* of whole turns of the loop */
    uint64_t idle_cycles; /* of turns without a packet: timers */
    uint64_t wall;
    uint64_t bursts, interrupted;
};

/* The plan's rooms, and so many packets received at once. A first round, not told, starts every
 * stream and fills the histories. 0 or -errno, said on stderr. */
int measure_open(struct measure *m, const struct relay_plan *plan, size_t payload, unsigned burst,
                 double warm_seconds);
/* So many seconds of work. 0 or -ENOBUFS, -ENODATA. */
int measure_round(struct measure *m, double seconds, struct measure_tally *t);
/* Packets the relay dropped since it was opened, each kind said on stderr: none is expected. */
uint64_t measure_dropped(const struct measure *m);
void measure_close(struct measure *m);

/* Rekeyed or opaque. */
static inline uint64_t measure_copies(const struct measure_tally *t)
{
    return t->stages[DP_STAGE_EGRESS].packets + t->stages[DP_STAGE_OPAQUE].packets;
}

/* Cycles per copy of a round: the whole turn. */
static inline double measure_per_copy(const struct measure_tally *t)
{
    return (double)t->cycles / (double)measure_copies(t);
}

#endif
