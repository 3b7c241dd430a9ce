#include "rounds.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <x86intrin.h>

#define ROUNDS 101
#define TRIES  2000

long rounds_interruptions(void)
{
    struct rusage use;

    getrusage(RUSAGE_THREAD, &use);
    return use.ru_nivcsw;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double rounds_median(double *values, unsigned n)
{
    qsort(values, n, sizeof(*values), ascending);
    return values[n / 2];
}

double rounds_cycles(void (*run)(void *arg), void *arg)
{
    double rounds[ROUNDS];
    unsigned n = 0;

    for (unsigned i = 0; i < TRIES && n < ROUNDS; i++) {
        long before = rounds_interruptions();
        uint64_t begin = __rdtsc();
        run(arg);
        uint64_t took = __rdtsc() - begin;
        if (rounds_interruptions() == before)
            rounds[n++] = (double)took;
    }
    return n == ROUNDS ? rounds_median(rounds, n) : 0;
}
