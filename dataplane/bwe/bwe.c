/*
 * The parts put together. Feedback names packets in the order of sending; each that arrived goes
 * through acked (what arrives), prober (was it a probe's?), trendline and overuse (does delay
 * grow?), standing (did a queue build up?), and each, arrived or not, through loss. At its end the
 * rates are updated once. The target is the least of what delay allows, what loss allows, and the
 * receiver's REMB.
 */
#include "dataplane/bwe/bwe.h"

#include <string.h>

#define REFERENCE_MASK  0xffffffu
#define REMB_LIFE_US    5000000
#define RTT_FIRST_US    200000
#define RTT_MAX_US      3000000
#define SILENCE_US      1500000 /* packets sent, no feedback: the link may be gone */
#define SILENCE_AGAIN   1000000
#define SILENCE_PACKETS 20
#define SILENCE_FACTOR  0.8
#define TICK_US         500000
#define QUIET_US        1000000 /* without feedback, for nothing is sent */
#define STALE_US        5000000 /* nothing sent for so long: a low estimate is stale */
#define LARGE_FALL      0.66
#define REGAIN_US       5000000 /* after a large fall that is over by then, the old rate is tried */
#define REGAIN_FACTOR   0.85
#define CLOCK_BACK_US   1000000
#define STANDING_US     20000 /* delay grows, and a queue of that stands: overuse */
#define FULL_US         80000 /* a queue of that stands, and does not grow */
#define FRAME_BITS      (2 * 1200 * 8) /* both on top of what one frame queues by itself */
#define DRAIN_US        300000 /* what a probe queued is gone by then */
#define FULL_LOSS       0.03  /* for it drops what does not fit: overuse, too */
#define WINDOW_US       500000
#define IDLE_PART       0.8 /* who sends less than that of the target does not fill the link */

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What is learned of a path and tied to a clock. */
static void forget_path(struct dp_bwe *b)
{
    memset(&b->acked, 0, sizeof(b->acked));
    memset(&b->trendline, 0, sizeof(b->trendline));
    dp_bwe_overuse_init(&b->overuse);
    dp_bwe_loss_init(&b->loss);
    dp_bwe_history_init(&b->history);
    b->standing = (struct dp_bwe_standing){0};
    b->usage = DP_BWE_NORMAL;
    b->waiting = 0;
}

void dp_bwe_init(struct dp_bwe *b, const struct dp_bwe_config *c, int64_t now_us)
{
    memset(b, 0, sizeof(*b));
    b->config = *c;
    b->now_us = now_us;
    b->target = c->start;
    dp_bwe_aimd_init(&b->aimd, c->start, c->min, c->max);
    dp_bwe_prober_init(&b->prober, c->start);
    forget_path(b);
}

/* Time does not go back; if the clock did, by far, then all begins at the rate reached. */
static int64_t advance(struct dp_bwe *b, int64_t now_us)
{
    if (now_us < b->now_us - CLOCK_BACK_US) {
        struct dp_bwe_config c = b->config;
        c.start = b->target;
        dp_bwe_init(b, &c, now_us);
    }
    if (now_us > b->now_us)
        b->now_us = now_us;
    return b->now_us;
}

/* Whoever sends nothing learns nothing: then all begins as it began. */
static void forget_stale(struct dp_bwe *b)
{
    if (b->sent_us == 0 || b->now_us - b->sent_us < STALE_US || b->target >= b->config.start)
        return;
    const struct dp_bwe_config config = b->config;
    const struct dp_bwe_counters counters = b->counters;
    dp_bwe_init(b, &config, b->now_us);
    b->counters = counters;
}

static void set_target(struct dp_bwe *b)
{
    bool remb = b->remb && b->now_us - b->remb_us < REMB_LIFE_US;
    uint64_t rate = b->aimd.rate;
    if (remb)
        rate = b->answered ? lesser(rate, b->remb) : b->remb;
    rate = lesser(lesser(rate, b->loss.bound), b->config.max);
    b->target = rate > b->config.min ? rate : b->config.min;
}

void dp_bwe_sent(struct dp_bwe *b, uint16_t number, uint32_t bytes, uint8_t probe, int64_t now_us)
{
    now_us = advance(b, now_us);
    struct dp_bwe_packet packet = {.bytes = (uint16_t)lesser(bytes, UINT16_MAX), .probe = probe};
    dp_bwe_history_add(&b->history, number, packet, now_us);
    b->sent_us = now_us;
    if (b->waiting++ == 0)
        b->waiting_us = now_us;
    b->sent++;
    b->sent_bytes += packet.bytes;
    b->window_bytes += packet.bytes;
    int64_t us = now_us - b->window_us;
    if (us < WINDOW_US)
        return;
    b->sent_rate = (uint64_t)b->window_bytes * 8000000 / (uint64_t)us;
    b->window_us = now_us;
    b->window_bytes = 0;
}

/* Arrivals of this feedback, on one scale for all: the 24-bit reference unwrapped. */
static int64_t unwrap(struct dp_bwe *b, uint32_t reference)
{
    if (!b->answered)
        b->reference = reference;
    int32_t step = (int32_t)((reference - b->reference) << 8) >> 8;
    int64_t whole = b->epoch_us / DP_TWCC_REFERENCE_US + b->reference + step;
    b->reference = reference;
    b->epoch_us = (whole - reference) * DP_TWCC_REFERENCE_US;
    return b->epoch_us;
}

/* What one feedback adds up to. */
struct sum {
    bool any;
    int64_t last_arrived, its_sent;
    enum dp_bwe_usage before;
};

static void arrived(struct dp_bwe *b, struct dp_bwe_packet *packet, int64_t arrived_us,
                    struct sum *sum)
{
    int64_t sent_us = dp_bwe_history_time(&b->history, packet);
    struct dp_bwe_delta delta;
    if (packet->fate == DP_BWE_LOST)
        dp_bwe_loss_found(&b->loss);
    else
        dp_bwe_loss_count(&b->loss, sent_us, packet->bytes, false);
    packet->fate = DP_BWE_ARRIVED;
    b->counters.arrived++;
    dp_bwe_acked_add(&b->acked, packet->bytes, arrived_us);
    if (packet->probe) {
        b->probed_us = sent_us;
        dp_bwe_prober_arrived(&b->prober, packet->probe,
                              &(struct dp_bwe_arrival){packet->bytes, sent_us, arrived_us});
    }
    dp_bwe_standing_add(&b->standing, sent_us, arrived_us);
    if (dp_bwe_trendline_add(&b->trendline, sent_us, arrived_us, &delta))
        dp_bwe_overuse_update(&b->overuse, &delta);
    if (!sum->any || arrived_us > sum->last_arrived) {
        sum->last_arrived = arrived_us;
        sum->its_sent = sent_us;
    }
    sum->any = true;
}

static void lost(struct dp_bwe *b, struct dp_bwe_packet *packet)
{
    packet->fate = DP_BWE_LOST;
    b->counters.lost++;
    dp_bwe_loss_count(&b->loss, dp_bwe_history_time(&b->history, packet), packet->bytes, true);
}

static void read_statuses(struct dp_bwe *b, const struct dp_twcc_view *f, struct sum *sum)
{
    int64_t epoch = unwrap(b, f->reference);
    struct dp_twcc_iter it;
    struct dp_twcc_status status;
    dp_twcc_iter_init(&it, f);
    while (dp_twcc_next(&it, &status)) {
        struct dp_bwe_packet *packet = dp_bwe_history_find(&b->history, status.number);
        if (!packet)
            b->counters.unknown++;
        else if (status.received && packet->fate != DP_BWE_ARRIVED)
            arrived(b, packet, epoch + status.arrival_us, sum);
        else if (!status.received && packet->fate == DP_BWE_SENT)
            lost(b, packet);
    }
}

static void learn_rtt(struct dp_bwe *b, int64_t rtt_us)
{
    if (rtt_us <= 0 || rtt_us > RTT_MAX_US)
        return;
    b->rtt_us = b->rtt_us ? (uint32_t)((7 * (int64_t)b->rtt_us + rtt_us) / 8) : (uint32_t)rtt_us;
}

/* Whether a queue of that many us stands. */
static bool stands(const struct dp_bwe *b, int64_t us)
{
    int64_t frame_us = (int64_t)(FRAME_BITS * UINT64_C(1000000) / b->target);
    return dp_bwe_standing_us(&b->standing) >= us + frame_us;
}

/* A full queue drops what does not fit: delay does not grow any more, and loss is not the link's
 * own. */
static bool queue_is_full(const struct dp_bwe *b)
{
    return stands(b, FULL_US) && dp_bwe_lost(b) > FULL_LOSS;
}

/* What the detector found, believed where a queue stands that is not a probe's. Delay that grows
 * without one is the receiver's own, which is slow to read, or the start of a queue. */
static enum dp_bwe_usage judge(const struct dp_bwe *b, const struct sum *sum)
{
    if (queue_is_full(b))
        return DP_BWE_OVERUSE;
    if (b->overuse.usage != DP_BWE_OVERUSE)
        return b->overuse.usage;
    bool probed = b->probed_us && sum->its_sent - b->probed_us < DRAIN_US;
    return probed || !stands(b, STANDING_US) ? DP_BWE_UNDERUSE : DP_BWE_OVERUSE;
}

static uint32_t rtt_or_first(const struct dp_bwe *b)
{
    return b->rtt_us ? b->rtt_us : RTT_FIRST_US;
}

static void note_fall(struct dp_bwe *b, uint64_t before)
{
    b->counters.falls++;
    if ((double)b->aimd.rate >= LARGE_FALL * (double)before)
        return;
    if (b->fell_from == 0 || before > b->fell_from)
        b->fell_from = before;
    b->fell_us = b->now_us;
}

/* After a large fall delay has gone back to normal: the old rate may fit again. */
static void note_calm(struct dp_bwe *b)
{
    if (b->fell_from && b->now_us - b->fell_us < REGAIN_US)
        b->prober.regain = (uint64_t)(REGAIN_FACTOR * (double)b->fell_from);
    b->fell_from = 0;
}

static void update_delay(struct dp_bwe *b, const struct sum *sum)
{
    struct dp_bwe_signal s = {.usage = b->usage,
                              .acked = dp_bwe_acked_rate(&b->acked),
                              .rtt_us = rtt_or_first(b)};
    /* What arrives of less than the link carries does not tell what it carries. */
    if (s.usage == DP_BWE_OVERUSE && (double)b->sent_rate < IDLE_PART * (double)b->target)
        s.acked = s.acked > b->aimd.rate ? s.acked : b->aimd.rate;
    uint64_t before = b->aimd.rate;
    uint64_t probed = dp_bwe_prober_result(&b->prober);
    if (probed)
        b->counters.probed++;
    if (probed > b->aimd.rate && s.usage != DP_BWE_OVERUSE) {
        dp_bwe_aimd_set(&b->aimd, probed, b->now_us);
        dp_bwe_loss_raise(&b->loss, probed);
    } else if (dp_bwe_aimd_update(&b->aimd, &s, b->now_us)) {
        note_fall(b, before);
    }
    if (sum->before == DP_BWE_UNDERUSE && s.usage == DP_BWE_NORMAL)
        note_calm(b);
}

void dp_bwe_feedback(struct dp_bwe *b, const struct dp_twcc_view *f, int64_t now_us)
{
    struct sum sum = {.before = b->usage};
    now_us = advance(b, now_us);
    read_statuses(b, f, &sum);
    b->counters.feedbacks++;
    b->feedback_us = now_us;
    b->answered = true;
    b->waiting = 0;
    if (!sum.any)
        return;
    learn_rtt(b, now_us - sum.its_sent);
    b->usage = judge(b, &sum);
    update_delay(b, &sum);
    if (!stands(b, FULL_US))
        dp_bwe_loss_update(&b->loss, b->target, rtt_or_first(b), now_us);
    set_target(b);
}

void dp_bwe_remb(struct dp_bwe *b, uint64_t bitrate, int64_t now_us)
{
    b->remb_us = advance(b, now_us);
    b->remb = bitrate ? bitrate : 1;
    set_target(b);
}

void dp_bwe_report(struct dp_bwe *b, uint8_t fraction_lost, uint32_t rtt_us, int64_t now_us)
{
    now_us = advance(b, now_us);
    learn_rtt(b, rtt_us);
    int64_t us = now_us - b->reported_us;
    if (b->answered || us <= 0)
        return;
    double rate = (double)b->sent_bytes * 8e6 / (double)us;
    struct dp_bwe_signal s = {.acked = (uint64_t)rate, .rtt_us = rtt_or_first(b)};
    if (b->sent) {
        dp_bwe_loss_observe(&b->loss, (struct dp_bwe_observation){
                                          .rate = (float)rate,
                                          .packets = (uint16_t)lesser(b->sent, UINT16_MAX),
                                          .lost = (uint16_t)lesser(
                                              (uint64_t)b->sent * fraction_lost / 256, UINT16_MAX),
                                      });
        dp_bwe_aimd_update(&b->aimd, &s, now_us);
        dp_bwe_loss_update(&b->loss, b->target, s.rtt_us, now_us);
    }
    b->reported_us = now_us;
    b->sent = b->sent_bytes = 0;
    set_target(b);
}

static int64_t silence_due(const struct dp_bwe *b)
{
    if (!b->answered || b->waiting < SILENCE_PACKETS)
        return INT64_MAX;
    return b->waiting_us + SILENCE_US + b->rtt_us;
}

int64_t dp_bwe_tick(struct dp_bwe *b, int64_t now_us)
{
    now_us = advance(b, now_us);
    forget_stale(b);
    if (now_us >= silence_due(b)) {
        dp_bwe_aimd_set(&b->aimd, (uint64_t)(SILENCE_FACTOR * (double)b->aimd.rate), now_us);
        b->waiting_us = now_us + SILENCE_AGAIN - SILENCE_US - b->rtt_us;
    }
    if (now_us - b->feedback_us > QUIET_US)
        b->usage = b->overuse.usage = DP_BWE_NORMAL; /* what was seen then says nothing of now */
    set_target(b);
    int64_t due = silence_due(b);
    return due < now_us + TICK_US ? due : now_us + TICK_US;
}

uint64_t dp_bwe_target(const struct dp_bwe *b)
{
    return b->target;
}

uint32_t dp_bwe_rtt(const struct dp_bwe *b)
{
    return b->rtt_us;
}

double dp_bwe_lost(const struct dp_bwe *b)
{
    return dp_bwe_loss_recent(&b->loss);
}

bool dp_bwe_probe(struct dp_bwe *b, uint64_t wanted, int64_t now_us, struct dp_bwe_probe *p)
{
    now_us = advance(b, now_us);
    bool lossy = b->loss.bound != UINT64_MAX && now_us - b->loss.decreased_us < REGAIN_US;
    struct dp_bwe_room room = {
        .rate = b->target,
        .wanted = wanted,
        .max = b->config.max,
        .calm = b->usage == DP_BWE_NORMAL && !lossy,
    };
    if (!dp_bwe_prober_next(&b->prober, &room, now_us, p))
        return false;
    b->counters.probes++;
    return true;
}
