#include "dataplane/park.h"

#include "dataplane/dataplane.h"
#include "dataplane/peers.h"

#include <rte_cycles.h>
#include <rte_pause.h>
#include <sys/prctl.h>
#include <time.h>

#define SPINS  1000 /* then naps: it may be main's own CPU that a worker waits for */
#define NAP_US 5

/* While main waits: workers may need their done rings emptied to go on. */
static void wait_a_little(struct dp_dataplane *dp)
{
    const struct timespec nap = {.tv_nsec = NAP_US * 1000};
    struct dp_pauses *p = &dp->pauses;

    for (unsigned i = 0; i < dp->workers_count; i++)
        dp_worker_collect(&dp->workers[i]);
    if (dp->idle)
        dp->idle();
    else if (p->waits++ < SPINS)
        rte_pause();
    else
        clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
}

static bool runs(const struct dp_worker *w)
{
    return atomic_load(&w->running);
}

/* Returns when all workers have seen it. */
static void set_phase(struct dp_dataplane *dp, enum dp_parking phase)
{
    atomic_store(&dp->parking, phase);
    for (unsigned i = 0; i < dp->workers_count; i++)
        while (runs(&dp->workers[i]) && atomic_load(&dp->workers[i].parked) != phase)
            wait_a_little(dp);
}

static bool rings_are_empty(const struct dp_dataplane *dp)
{
    for (unsigned i = 0; i < dp->workers_count; i++) {
        const struct dp_worker *w = &dp->workers[i];
        if (!rte_ring_empty(w->mailbox))
            return false;
        for (unsigned k = 0; w->peers && k < dp->workers_count; k++)
            if (w->peers[k].in && !rte_ring_empty(w->peers[k].in))
                return false;
    }
    return true;
}

static uint64_t handled(const struct dp_dataplane *dp)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < dp->workers_count; i++)
        sum += atomic_load(&dp->workers[i].handled);
    return sum;
}

/* Until each worker has ended two more loops: the one it is in, and a whole one. */
static void pass_loops(struct dp_dataplane *dp)
{
    uint64_t loops[HR_WORKERS_MAX];

    for (unsigned i = 0; i < dp->workers_count; i++)
        loops[i] = atomic_load(&dp->workers[i].loops);
    for (unsigned i = 0; i < dp->workers_count; i++)
        while (runs(&dp->workers[i]) && atomic_load(&dp->workers[i].loops) - loops[i] < 2)
            wait_a_little(dp);
}

/* What is handled may send something on. So: nothing was handled by anybody in a whole loop, and
 * nothing is there. */
static void drain(struct dp_dataplane *dp)
{
    uint64_t before;

    do {
        before = handled(dp);
        pass_loops(dp);
    } while (handled(dp) != before || !rings_are_empty(dp));
}

void dp_park(struct dp_dataplane *dp)
{
    dp->pauses.waits = 0;
    prctl(PR_SET_TIMERSLACK, 1000UL); /* ns: the default would make a nap 50 us longer */
    set_phase(dp, DP_PARK_AWAKE);
    dp->pauses.began = rte_rdtsc();
    set_phase(dp, DP_PARK_DRAIN);
    drain(dp);
    set_phase(dp, DP_PARK_FREEZE);
}

void dp_unpark(struct dp_dataplane *dp)
{
    struct dp_pauses *p = &dp->pauses;
    uint64_t cycles = rte_rdtsc() - p->began;

    atomic_store(&dp->parking, DP_PARK_NO);
    p->count++;
    p->cycles += cycles;
    p->longest = RTE_MAX(p->longest, cycles);
}
