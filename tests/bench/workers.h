/* Workers, each a thread on a CPU of its own, and what a copy costs them: workers.c says how. */
#ifndef BENCH_WORKERS_H
#define BENCH_WORKERS_H

#include "relay.h"

/* TSC cycles per copy, medians of rounds: the time in which all copies were made, divided by them.
 */
struct workers_figures {
    double cpu;  /* by the CPU clock of the worker that took longer */
    double wall; /* by the wall clock */
};

/* 0 or -errno, said on stderr. */
int workers_measure(const struct relay_plan *plan, size_t payload, struct workers_figures *f);

#endif
