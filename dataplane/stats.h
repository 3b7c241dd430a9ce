/* What the dataplane says of itself: counters into messages. */
#ifndef DP_STATS_H
#define DP_STATS_H

#include "proto/arena.h"
#include "proto/headrace.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dp_dataplane;

/* A counter of somebody else's, to go into Status.counters. */
struct dp_stat {
    const char *name;
    uint64_t value;
};

/* All in the arena. Main thread. NULL, or false: the arena is too small. */
Headrace__Status *dp_stats_status(const struct dp_dataplane *dp, const struct dp_stat *more,
                                  unsigned count, struct hr_arena *arena);
bool dp_stats_ports(const struct dp_dataplane *dp, struct hr_arena *arena, size_t *n,
                    Headrace__PortInfo ***out);

#endif
