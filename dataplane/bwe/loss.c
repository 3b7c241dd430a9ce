/*
 * How congestion is told from a link that just loses packets. A link of capacity B that loses the
 * part p by itself loses, at rate s, p + (1 - p) * max(0, 1 - B / s). For a given B the best p
 * follows by least squares from the observations of the last seconds. If no B at all explains them
 * better than "no bound", the loss does not follow the rate. As long as the rate has not changed
 * both explain them alike: then the rate is changed, down where loss is large, else slowly up.
 */
#include "dataplane/bwe/loss.h"

#include <math.h>
#include <string.h>

#define INTERVAL_US  250000
#define INTERVAL_MAX 1000000 /* with few packets it is longer, but not longer than that */
#define PACKETS_MIN  20
#define IDLE_US      2000000
#define RECENT       4 /* observations that the loss now is taken from */
#define LOW          0.02
#define HIGH         0.10
#define OWN_MAX      0.30 /* more is never the link's own */
#define OWN_WEIGHT   0.2  /* of an observation, when the link loses less than before */
#define FALL_US      300000
#define GROWTH_LOW   1.08 /* per second, below LOW */
#define GROWTH       1.04 /* between LOW and HIGH: to see whether loss follows */
#define CAPACITIES   24
#define CAPACITY_GAP 0.95
#define SURE         9.0  /* squared deviations that tell one hypothesis from the other */
#define SURE_BOUND   16.0 /* many bounds are tried: one fits better by chance */

void dp_bwe_loss_init(struct dp_bwe_loss *l)
{
    memset(l, 0, sizeof(*l));
    l->bound = UINT64_MAX;
}

static void restart(struct dp_bwe_loss *l, int64_t sent_us)
{
    l->since = l->last = sent_us;
    l->packets = l->lost = l->bytes = 0;
    l->begun = true;
}

void dp_bwe_loss_observe(struct dp_bwe_loss *l, struct dp_bwe_observation o)
{
    if (o.packets == 0)
        return;
    l->past[l->next] = o;
    l->next = (l->next + 1) % DP_BWE_OBSERVATIONS;
    if (l->count < DP_BWE_OBSERVATIONS)
        l->count++;
    l->fresh = true;
}

static void close_interval(struct dp_bwe_loss *l)
{
    int64_t us = l->last - l->since;
    if (us < INTERVAL_US || (l->packets < PACKETS_MIN && us < INTERVAL_MAX))
        return;
    dp_bwe_loss_observe(
        l, (struct dp_bwe_observation){
               .rate = (float)((double)l->bytes * 8e6 / (double)us),
               .packets = (uint16_t)(l->packets < UINT16_MAX ? l->packets : UINT16_MAX),
               .lost = (uint16_t)(l->lost < UINT16_MAX ? l->lost : UINT16_MAX),
           });
    restart(l, l->last);
}

void dp_bwe_loss_count(struct dp_bwe_loss *l, int64_t sent_us, uint32_t bytes, bool lost)
{
    if (!l->begun || sent_us - l->last > IDLE_US || l->last - sent_us > IDLE_US)
        restart(l, sent_us);
    if (sent_us > l->last)
        l->last = sent_us;
    l->packets++;
    l->bytes += bytes;
    l->lost += lost;
    close_interval(l);
}

void dp_bwe_loss_found(struct dp_bwe_loss *l)
{
    if (l->lost)
        l->lost--;
}

static double pooled(const struct dp_bwe_loss *l, unsigned most)
{
    unsigned packets = 0, lost = 0;
    for (unsigned i = 1; i <= l->count && i <= most; i++) {
        const struct dp_bwe_observation *o =
            &l->past[(l->next + DP_BWE_OBSERVATIONS - i) % DP_BWE_OBSERVATIONS];
        packets += o->packets;
        lost += o->lost;
    }
    return packets ? (double)lost / packets : 0;
}

double dp_bwe_loss_recent(const struct dp_bwe_loss *l)
{
    return pooled(l, RECENT);
}

static double highest_rate(const struct dp_bwe_loss *l)
{
    double rate = 0;
    for (unsigned i = 0; i < l->count; i++)
        rate = fmax(rate, l->past[i].rate);
    return rate;
}

/* A hypothesis: what the link carries (INFINITY: more than was sent), and loses by itself. */
struct hypothesis {
    double capacity, own;
    double error; /* squared deviations, weighted by packets */
};

static double excess(double capacity, const struct dp_bwe_observation *o)
{
    return o->rate > capacity ? 1 - capacity / o->rate : 0;
}

static double error_of(const struct dp_bwe_loss *l, const struct hypothesis *h)
{
    double error = 0;
    for (unsigned i = 0; i < l->count; i++) {
        const struct dp_bwe_observation *o = &l->past[i];
        double c = excess(h->capacity, o);
        double off = (double)o->lost / o->packets - (h->own + (1 - h->own) * c);
        error += o->packets * off * off;
    }
    return error;
}

/* The best `own` for a capacity. */
static double best_own(const struct dp_bwe_loss *l, double capacity)
{
    double above = 0, below = 0;
    for (unsigned i = 0; i < l->count; i++) {
        const struct dp_bwe_observation *o = &l->past[i];
        double c = excess(capacity, o);
        above += o->packets * (1 - c) * ((double)o->lost / o->packets - c);
        below += o->packets * (1 - c) * (1 - c);
    }
    return below > 0 ? fmin(fmax(above / below, 0), 1) : 0;
}

/* The capacity below the highest rate that explains the observations best; own < 0: any. */
static struct hypothesis best_bound(const struct dp_bwe_loss *l, double own)
{
    struct hypothesis best = {.error = INFINITY};
    double capacity = highest_rate(l);
    for (unsigned i = 0; i < CAPACITIES; i++) {
        capacity *= CAPACITY_GAP;
        struct hypothesis h = {.capacity = capacity, .own = own < 0 ? best_own(l, capacity) : own};
        h.error = error_of(l, &h);
        if (h.error < best.error)
            best = h;
    }
    return best;
}

/* Learns the link's own loss, and the capacity where the observations show one. */
static void explain(struct dp_bwe_loss *l)
{
    double all = pooled(l, DP_BWE_OBSERVATIONS);
    double variance = fmax(all * (1 - all), 0.01);
    struct hypothesis none = {.capacity = INFINITY, .own = all};
    none.error = error_of(l, &none);
    struct hypothesis bound = best_bound(l, -1);
    if (none.error - bound.error > SURE_BOUND * variance) {
        l->own = fmin(bound.own, OWN_MAX);
        if (bound.capacity < (double)l->bound)
            l->bound = (uint64_t)bound.capacity;
        return;
    }
    bound = best_bound(l, l->own);
    if (all > l->own && bound.error - none.error > SURE * variance) {
        l->own = fmin(all, OWN_MAX);
        if (l->bound != UINT64_MAX)
            dp_bwe_loss_raise(l, (uint64_t)highest_rate(l));
    }
}

/* The draft's control of what exceeds the link's own loss. */
static void control(struct dp_bwe_loss *l, uint64_t rate, uint32_t rtt_us, int64_t now_us)
{
    double more = dp_bwe_loss_recent(l) - l->own;
    double seconds = fmin(fmax((double)(now_us - l->changed_us) / 1e6, 0), 1);
    l->changed_us = now_us;
    if (more > HIGH) {
        if (now_us - l->decreased_us < FALL_US + (int64_t)rtt_us)
            return;
        l->bound = (uint64_t)((double)rate * (1 - more / 2));
        l->decreased_us = now_us;
    } else if (l->bound != UINT64_MAX) {
        double bound = (double)l->bound * pow(more < LOW ? GROWTH_LOW : GROWTH, seconds);
        l->bound = bound > 4 * (double)rate ? UINT64_MAX : (uint64_t)bound;
    }
}

uint64_t dp_bwe_loss_update(struct dp_bwe_loss *l, uint64_t rate, uint32_t rtt_us, int64_t now_us)
{
    if (!l->fresh)
        return l->bound;
    l->fresh = false;
    double all = pooled(l, DP_BWE_OBSERVATIONS);
    if (all < l->own)
        l->own += OWN_WEIGHT * (all - l->own);
    if (dp_bwe_loss_recent(l) > LOW)
        explain(l);
    control(l, rate, rtt_us, now_us);
    return l->bound;
}

void dp_bwe_loss_raise(struct dp_bwe_loss *l, uint64_t rate)
{
    if (rate > l->bound)
        l->bound = rate;
}
