/*
 * All workers stand still, with nothing on its way between them, so that main may change what is
 * theirs: the one moment when objects change hands. Ports keep what arrives meanwhile. Main thread.
 */
#ifndef DP_PARK_H
#define DP_PARK_H

#include <stdint.h>

struct dp_dataplane;

/* What dp->parking says. */
enum dp_parking {
    DP_PARK_NO,
    DP_PARK_AWAKE, /* workers go on, but take no nap: else the busy would wait for the idle */
    DP_PARK_DRAIN, /* workers receive nothing more, and finish what is on its way */
    DP_PARK_FREEZE /* workers touch nothing */
};

/* How long media has waited, in dp->pauses: main writes. */
struct dp_pauses {
    uint64_t began; /* TSC */
    unsigned waits; /* of this one */
    uint64_t count, cycles, longest;
};

/* Returns when all are frozen. */
void dp_park(struct dp_dataplane *dp);
void dp_unpark(struct dp_dataplane *dp);

#endif
