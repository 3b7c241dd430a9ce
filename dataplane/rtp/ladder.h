/*
 * The decode targets of a stream as rungs, and what each takes: measured by layer, for descriptors
 * do not tell bitrates.
 */
#ifndef HEADRACE_DATAPLANE_RTP_LADDER_H
#define HEADRACE_DATAPLANE_RTP_LADDER_H

#include "dataplane/rtp/filter.h"

#define DP_RUNGS_MAX 12 /* targets of a stream; of one that has more only the whole is offered */

struct dp_rung {
    uint32_t bitrate;       /* bit/s, of UDP payload; with the rungs below */
    uint16_t width, height; /* pixels; 0: not said */
    uint8_t target, spatial, temporal;
    uint8_t fps;
};

struct dp_ladder {
    uint8_t count;                      /* 0: not known; the last is the whole stream */
    struct dp_rung rungs[DP_RUNGS_MAX]; /* by spatial, then temporal layer */

    /* since the last reading, and smoothed */
    uint32_t bytes[DP_DD_SPATIAL_MAX][DP_DD_TEMPORAL_MAX];
    uint16_t frames[DP_DD_SPATIAL_MAX][DP_DD_TEMPORAL_MAX];
    uint32_t rate[DP_DD_SPATIAL_MAX][DP_DD_TEMPORAL_MAX];  /* bit/s */
    uint32_t speed[DP_DD_SPATIAL_MAX][DP_DD_TEMPORAL_MAX]; /* frames in 1000 s */
};

/* A packet of len bytes, known. */
void dp_ladder_count(struct dp_ladder *l, const struct dp_part *part, uint32_t len);
/* Makes the rungs of the targets that are active, from what was counted in elapsed ms. */
void dp_ladder_measure(struct dp_ladder *l, const struct dp_dd_state *dd, uint32_t elapsed);

#endif
