#include "dataplane/bwe/overuse.h"

#include <math.h>

#define FIRST_MS    12.5
#define MIN_MS      6.0
#define MAX_MS      600.0
#define UP_PER_MS   0.0087 /* how fast the threshold follows a trend beyond it */
#define DOWN_PER_MS 0.039  /* and one below it */
#define SPIKE_MS    15.0   /* further beyond it a trend does not move it */
#define STEP_MAX_MS 100.0
#define OVERUSE_MS  10.0 /* above the threshold for that long, and not falling: overuse */

void dp_bwe_overuse_init(struct dp_bwe_overuse *o)
{
    *o = (struct dp_bwe_overuse){.threshold = FIRST_MS, .updated = -1, .over_ms = -1};
}

static void adapt(struct dp_bwe_overuse *o, double trend, double now_ms)
{
    double size = fabs(trend);
    double step = o->updated < 0 ? 0 : fmin(fmax(now_ms - o->updated, 0), STEP_MAX_MS);
    o->updated = now_ms;
    if (size > o->threshold + SPIKE_MS)
        return;
    double k = size < o->threshold ? DOWN_PER_MS : UP_PER_MS;
    o->threshold = fmin(fmax(o->threshold + k * (size - o->threshold) * step, MIN_MS), MAX_MS);
}

static void above(struct dp_bwe_overuse *o, const struct dp_bwe_delta *delta)
{
    o->over_ms = o->over_ms < 0 ? delta->sent_ms / 2 : o->over_ms + delta->sent_ms;
    o->over++;
    if (o->over_ms > OVERUSE_MS && o->over > 1 && delta->trend >= o->last_trend) {
        o->over_ms = 0;
        o->over = 0;
        o->usage = DP_BWE_OVERUSE;
    }
}

enum dp_bwe_usage dp_bwe_overuse_update(struct dp_bwe_overuse *o, const struct dp_bwe_delta *delta)
{
    if (delta->trend > o->threshold) {
        above(o, delta);
    } else {
        o->over_ms = -1;
        o->over = 0;
        o->usage = delta->trend < -o->threshold ? DP_BWE_UNDERUSE : DP_BWE_NORMAL;
    }
    o->last_trend = delta->trend;
    adapt(o, delta->trend, delta->at_ms);
    return o->usage;
}
