/*
 * Which workers poll. There are as many as there may be (dp->workers_count), each with a lcore that
 * sleeps while it has no worker to run; the crew are those that run. A lane is queue i of every
 * port and inject ring i: worker i's own while it is of the crew, else one of the others'. Main
 * thread; who polls what changes only while all are parked.
 */
#ifndef DP_CREW_H
#define DP_CREW_H

#include "proto/limits.h"

#include <stdbool.h>
#include <stdint.h>

#define DP_CPU_ANY   (-1)
#define DP_NO_QUEUE  UINT16_MAX

struct dp_dataplane;
struct dp_call;
struct dp_worker;

/* In dp->crew. */
struct dp_crew {
    unsigned count;
    unsigned ids[HR_WORKERS_MAX]; /* of workers, ascending */
};

/* How a worker sends by one port: through a queue of its own, or another worker's. */
struct dp_outlet {
    uint16_t queue;  /* DP_NO_QUEUE: none */
    uint16_t lender; /* the worker that has one */
};

bool dp_crew_has(const struct dp_crew *crew, unsigned id);
/* Before they start: the first count workers are the crew. */
void dp_crew_open(struct dp_dataplane *dp, unsigned count);
/* Runs a worker of the crew. 0 or -errno. */
int dp_crew_launch(struct dp_worker *w);
/* Returns when it has stopped and all its work has been given back. */
void dp_crew_join(struct dp_worker *w);

/*
 * While media flows: a worker on each of these CPUs and no others. Workers whose CPU stays stay;
 * others change CPUs, begin, or end, and shards are dealt out anew as far as their numbers ask for
 * it. 0, or -ENOMEM: some workers that were to end are still there; or -errno: none has begun.
 */
int dp_crew_change(const struct dp_call *c, const unsigned *cpus, unsigned count);

#endif
