#include "dataplane/bwe/aimd.h"

#include <math.h>

#define BETA            0.85
#define GROWTH          1.08 /* per second */
#define CAPACITY_WEIGHT 0.05
#define DEVIATION_FIRST 0.4
#define DEVIATION_MAX   2.5
#define PACKET_BITS     (1200.0 * 8)
#define FRAMES          30.0   /* per second */
#define STEP_MIN        4000.0 /* bit/s per second */
#define RESPONSE_US     100000 /* of the detector, on top of the round trip */
#define AGAIN_MIN_US    10000  /* a rate that is still too high falls again after the round trip */
#define AGAIN_MAX_US    200000

static uint64_t clamp(const struct dp_bwe_aimd *a, double rate)
{
    if (rate >= (double)a->max)
        return a->max;
    return rate <= (double)a->min ? a->min : (uint64_t)rate;
}

void dp_bwe_aimd_init(struct dp_bwe_aimd *a, uint64_t start, uint64_t min, uint64_t max)
{
    *a = (struct dp_bwe_aimd){.min = min, .max = max, .state = DP_BWE_HOLD};
    a->capacity.deviation = DEVIATION_FIRST;
    a->rate = clamp(a, (double)start);
}

/* Three standard deviations. */
static double spread(const struct dp_bwe_capacity *c)
{
    return 3 * sqrt(c->deviation * c->kbps);
}

static void learn_capacity(struct dp_bwe_capacity *c, double kbps, double weight)
{
    if (c->kbps <= 0)
        c->kbps = kbps;
    else
        c->kbps += weight * (kbps - c->kbps);
    double error = c->kbps - kbps;
    double norm = c->kbps > 1 ? c->kbps : 1;
    c->deviation = (1 - weight) * c->deviation + weight * error * error / norm;
    c->deviation = fmin(fmax(c->deviation, DEVIATION_FIRST), DEVIATION_MAX);
}

/* bit/s per second near the capacity: about a packet more per response. */
static double step(const struct dp_bwe_aimd *a, uint32_t rtt_us)
{
    double frame = (double)a->rate / FRAMES;
    double packet = frame / ceil(frame / PACKET_BITS);
    double response = 2 * (double)(rtt_us + RESPONSE_US) / 1e6;
    return fmax(STEP_MIN, packet / response);
}

static void increase(struct dp_bwe_aimd *a, const struct dp_bwe_signal *s, int64_t now_us)
{
    struct dp_bwe_capacity *c = &a->capacity;
    double acked = (double)s->acked / 1000, seconds = (double)(now_us - a->changed_us) / 1e6;
    double rate = (double)a->rate;
    seconds = fmin(fmax(seconds, 0), 1);
    if (c->kbps > 0 && acked > c->kbps + spread(c))
        c->kbps = 0;
    if (c->kbps > 0)
        rate += step(a, s->rtt_us) * seconds;
    else
        rate += fmax(rate * (pow(GROWTH, seconds) - 1), 1000 * seconds);
    /* What is not sent cannot be known to fit. */
    double limit = 1.5 * (double)s->acked + 10000;
    if (rate > limit)
        rate = fmax(limit, (double)a->rate);
    a->rate = clamp(a, rate);
    a->changed_us = now_us;
}

static void decrease(struct dp_bwe_aimd *a, const struct dp_bwe_signal *s, int64_t now_us)
{
    struct dp_bwe_capacity *c = &a->capacity;
    double acked = (double)s->acked / 1000;
    double rate = s->acked ? BETA * (double)s->acked : (double)a->rate / 2;
    if (rate > (double)a->rate && c->kbps > 0)
        rate = BETA * c->kbps * 1000;
    if (s->acked) {
        if (c->kbps > 0 && acked < c->kbps - spread(c))
            c->kbps = 0;
        learn_capacity(c, acked, CAPACITY_WEIGHT);
    }
    a->before_decrease = a->rate;
    if (rate < (double)a->rate)
        a->rate = clamp(a, rate);
    a->state = DP_BWE_HOLD;
    a->changed_us = a->decreased_us = now_us;
}

/* After a fall, the next one waits until the first can have had an effect. */
static bool may_fall(const struct dp_bwe_aimd *a, const struct dp_bwe_signal *s, int64_t now_us)
{
    int64_t wait = s->rtt_us < AGAIN_MIN_US   ? AGAIN_MIN_US
                   : s->rtt_us > AGAIN_MAX_US ? AGAIN_MAX_US
                                              : s->rtt_us;
    if (a->decreased_us == 0 || now_us - a->decreased_us >= wait)
        return true;
    return s->acked && s->acked < a->rate / 2;
}

bool dp_bwe_aimd_update(struct dp_bwe_aimd *a, const struct dp_bwe_signal *s, int64_t now_us)
{
    uint64_t rate = a->rate;
    if (a->changed_us == 0)
        a->changed_us = now_us;
    if (s->usage == DP_BWE_OVERUSE) {
        if (may_fall(a, s, now_us))
            decrease(a, s, now_us);
        return a->rate < rate;
    }
    if (s->usage == DP_BWE_UNDERUSE) {
        a->state = DP_BWE_HOLD;
    } else if (a->state != DP_BWE_INCREASE) {
        a->state = DP_BWE_INCREASE;
        a->changed_us = now_us;
    }
    if (a->state == DP_BWE_INCREASE)
        increase(a, s, now_us);
    return false;
}

void dp_bwe_aimd_set(struct dp_bwe_aimd *a, uint64_t rate, int64_t now_us)
{
    a->rate = clamp(a, (double)rate);
    a->changed_us = now_us;
    if (a->capacity.kbps > 0)
        learn_capacity(&a->capacity, (double)a->rate / 1000, 0.5);
}
