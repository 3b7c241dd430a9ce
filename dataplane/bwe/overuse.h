/*
 * Is the link in use more than it carries? The trend of delay against a threshold that adapts, so
 * that the flow does not starve beside others (draft-ietf-rmcat-gcc-02 section 5.4).
 */
#ifndef HEADRACE_DATAPLANE_BWE_OVERUSE_H
#define HEADRACE_DATAPLANE_BWE_OVERUSE_H

#include <stdint.h>

#include "dataplane/bwe/trendline.h"

enum dp_bwe_usage { DP_BWE_NORMAL, DP_BWE_UNDERUSE, DP_BWE_OVERUSE };

struct dp_bwe_overuse {
    double threshold; /* ms */
    double updated;   /* ms; below 0: never */
    double over_ms;   /* for how long the trend has been above; below 0: it is not */
    double last_trend;
    uint32_t over; /* groups in a row above */
    enum dp_bwe_usage usage;
};

void dp_bwe_overuse_init(struct dp_bwe_overuse *o);

/* The usage after one more pair of groups; it stays in o->usage. */
enum dp_bwe_usage dp_bwe_overuse_update(struct dp_bwe_overuse *o, const struct dp_bwe_delta *delta);

#endif
