/*
 * All workers stand still, with nothing on its way between them, so that main may change what is
 * theirs: the one moment when objects change hands. Ports keep what arrives meanwhile. Main thread.
 */
#ifndef DP_PARK_H
#define DP_PARK_H

struct dp_dataplane;

/* What dp->parking says. */
enum dp_parking {
    DP_PARK_NO,
    DP_PARK_DRAIN, /* workers receive nothing more, and finish what is on its way */
    DP_PARK_FREEZE /* workers touch nothing */
};

/* Returns when all are frozen. */
void dp_park(struct dp_dataplane *dp);
void dp_unpark(struct dp_dataplane *dp);

#endif
