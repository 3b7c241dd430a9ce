/*
 * What main may do only when no worker can still hold a pointer, in a burst or in a packet on its
 * way to another worker: freeing, mostly. Main thread alone.
 *
 * It waits until each worker has been through two laps of its peers' rings, so that nobody is in
 * the loop any more that may have sent one, and then through two more, so that all that were sent
 * have been taken.
 */
#ifndef DP_LATER_H
#define DP_LATER_H

#include "proto/limits.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define DP_LATER_MS 1 /* dp_later_poll() again */

struct dp_dataplane;

/* Begins what is to be freed. */
struct dp_later {
    void (*run)(struct dp_later *later);
    STAILQ_ENTRY(dp_later) next;
};

struct dp_laters {
    STAILQ_HEAD(, dp_later) waiting; /* for the laps to come */
    STAILQ_HEAD(, dp_later) current; /* for those that are being counted */
    unsigned phase;
    uint64_t laps[HR_WORKERS_MAX]; /* at the begin of the phase */
};

void dp_later_open(struct dp_dataplane *dp);
/* later->run is called: at once where there is one worker, between whose loops main is asked. */
void dp_later(struct dp_dataplane *dp, struct dp_later *later);
/* Runs what is due; whether more is waiting. */
bool dp_later_poll(struct dp_dataplane *dp);
/* Workers have stopped, or are parked: runs all. */
void dp_later_run_all(struct dp_dataplane *dp);

#endif
