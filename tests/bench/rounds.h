/* Timing of short pieces of work: rounds that the kernel interrupted are left out. */
#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H

#include <stdbool.h>

/* Switches of this thread that it did not ask for, so far. */
long rounds_interruptions(void);
/* TSC cycles of run(), median of a hundred rounds; 0 if nearly all were interrupted. A round should
 * take less than a millisecond. */
double rounds_cycles(void (*run)(void *arg), void *arg);
/* Sorts; the middle one. */
double rounds_median(double *values, unsigned n);

#endif
