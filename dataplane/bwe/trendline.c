#include "dataplane/bwe/trendline.h"

#include <string.h>

#define GROUP_US   5000
#define BURST_US   100000  /* a burst at the receiver is one group up to here */
#define IDLE_US    2000000 /* after that long what was learned of delay is stale */
#define SMOOTHING  0.9
#define GAIN       4.0
#define DELTAS_MAX 60 /* a slope that rests on more weighs no more */
#define MS(us)     ((double)(us) / 1000.0)

static struct dp_bwe_group group_of(int64_t sent, int64_t arrived)
{
    return (struct dp_bwe_group){sent, sent, arrived, arrived};
}

static void restart(struct dp_bwe_trendline *t, int64_t sent, int64_t arrived)
{
    memset(t, 0, sizeof(*t));
    t->now = group_of(sent, arrived);
    t->groups = 1;
    t->origin = arrived;
}

/* A queue let these go at once: they say nothing of what happens between them. */
static bool is_burst(const struct dp_bwe_group *g, int64_t sent, int64_t arrived)
{
    int64_t gap = arrived - g->last_arrived;
    return gap <= GROUP_US && gap < sent - g->last_sent && arrived - g->first_arrived < BURST_US;
}

static bool belongs(const struct dp_bwe_group *g, int64_t sent, int64_t arrived)
{
    return sent - g->first_sent <= GROUP_US || is_burst(g, sent, arrived);
}

/* Least squares through the points. */
static double fit(const struct dp_bwe_trendline *t)
{
    double x = 0, y = 0, above = 0, below = 0;
    for (unsigned i = 0; i < DP_BWE_WINDOW; i++) {
        x += t->point[i].at;
        y += t->point[i].delay;
    }
    x /= DP_BWE_WINDOW;
    y /= DP_BWE_WINDOW;
    for (unsigned i = 0; i < DP_BWE_WINDOW; i++) {
        double dx = t->point[i].at - x;
        above += dx * (t->point[i].delay - y);
        below += dx * dx;
    }
    return below > 0 ? above / below : t->slope;
}

static void add_point(struct dp_bwe_trendline *t, double variation, double at)
{
    t->sum += variation;
    t->smoothed = SMOOTHING * t->smoothed + (1 - SMOOTHING) * t->sum;
    t->point[t->next].at = at;
    t->point[t->next].delay = t->smoothed;
    t->next = (t->next + 1) % DP_BWE_WINDOW;
    if (t->points < DP_BWE_WINDOW)
        t->points++;
    if (t->points == DP_BWE_WINDOW)
        t->slope = fit(t);
    if (t->deltas < DELTAS_MAX)
        t->deltas++;
}

/* The group that has ended against the one before it. */
static void compare(struct dp_bwe_trendline *t, struct dp_bwe_delta *delta)
{
    double sent = MS(t->now.last_sent - t->before.last_sent);
    double arrived = MS(t->now.last_arrived - t->before.last_arrived);
    delta->sent_ms = sent;
    delta->at_ms = MS(t->now.last_arrived - t->origin);
    add_point(t, arrived - sent, delta->at_ms);
    delta->trend = t->slope * t->deltas * GAIN;
}

static bool is_stale(const struct dp_bwe_group *g, int64_t sent, int64_t arrived)
{
    return sent - g->last_sent > IDLE_US || arrived - g->last_arrived > IDLE_US + BURST_US ||
           g->last_arrived - arrived > IDLE_US;
}

bool dp_bwe_trendline_add(struct dp_bwe_trendline *t, int64_t sent_us, int64_t arrived_us,
                          struct dp_bwe_delta *delta)
{
    struct dp_bwe_group *g = &t->now;
    if (t->groups == 0 || is_stale(g, sent_us, arrived_us)) {
        restart(t, sent_us, arrived_us);
        return false;
    }
    if (sent_us < g->first_sent)
        return false;
    if (belongs(g, sent_us, arrived_us)) {
        g->last_sent = sent_us > g->last_sent ? sent_us : g->last_sent;
        g->last_arrived = arrived_us > g->last_arrived ? arrived_us : g->last_arrived;
        return false;
    }
    bool pair = t->groups == 2;
    if (pair)
        compare(t, delta);
    t->before = *g;
    t->groups = 2;
    *g = group_of(sent_us, arrived_us);
    return pair;
}
