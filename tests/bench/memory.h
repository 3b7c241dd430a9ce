/* What the dataplane's state takes: heap (jemalloc's own count) and DPDK's memory, history aside.
 */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include "relay.h"

struct memory_figures {
    double endpoint; /* bytes each, with its part of the tables */
    double source;   /* likewise: with its stream, and what an endpoint keeps as a publisher */
    double subscription;
};

/* Opens the plan's rooms for it, and closes them. 0 or -errno; -ENOTSUP: without jemalloc the heap
 * is not known. */
int memory_measure(const struct relay_plan *plan, struct memory_figures *f);

#endif
