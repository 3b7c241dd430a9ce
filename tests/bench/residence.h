/*
 * How long copies take through the relay: from the moment that a packet is due at the port to the
 * moment its copy is handed to the port that sends. Packets come at random moments (Poisson), and
 * come whether the relay is ready or not; so waiting for it counts in full.
 */
#ifndef BENCH_RESIDENCE_H
#define BENCH_RESIDENCE_H

#include "relay.h"

struct residence;

struct residence_figures {
    double rate;                   /* packets received a second */
    double p50, p99, p999, p9999;  /* us, of the copies */
    uint64_t copies, lost;         /* packets that found the port's queue full */
    unsigned windows, interrupted; /* of which those are left out: the kernel ran something else */
};

/* NULL: said on stderr. */
struct residence *residence_open(const struct relay_plan *plan, size_t payload);
void residence_close(struct residence *r);
/* The highest rate at which nothing is lost, found by halving; 0: none, or no calm window. */
double residence_lossless(struct residence *r);
/* So many copies at that rate, in windows. 0 or -errno: -EBUSY when the kernel ran something else
 * in most of the windows. */
int residence_at(struct residence *r, double rate, uint64_t copies, struct residence_figures *f);

#endif
