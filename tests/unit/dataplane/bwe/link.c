#include "tests/unit/dataplane/bwe/link.h"

#include <assert.h>
#include <string.h>

#define STEP_US     1000
#define FEEDBACK_US 50000

static double roll(struct link *l)
{
    l->random = l->random * 1664525u + 1013904223u;
    return (double)(l->random >> 8) / (1 << 24);
}

void link_init(struct link *l, uint64_t start, uint64_t capacity)
{
    const struct dp_bwe_config config = {.start = start, .min = 50000, .max = 20000000};
    memset(l, 0, sizeof(*l));
    l->capacity = capacity;
    l->delay_us = 25000;
    l->queue_us = 300000;
    l->wanted = 10000000;
    l->now_us = 5000000;
    l->queue_end = &l->free_us;
    l->random = 1;
    dp_bwe_init(&l->bwe, &config, l->now_us);
}

void link_share(struct link *l, struct link *with)
{
    l->queue_end = &with->free_us;
    l->now_us = with->now_us;
    l->random = 2;
    const struct dp_bwe_config config = l->bwe.config;
    dp_bwe_init(&l->bwe, &config, l->now_us);
}

static void send_packet(struct link *l, uint8_t probe)
{
    uint16_t number = l->number++;
    uint64_t rate = l->capacity > l->cross ? l->capacity - l->cross : 10000;
    int64_t begin = *l->queue_end > l->now_us ? *l->queue_end : l->now_us;
    dp_bwe_sent(&l->bwe, number, LINK_PACKET, probe, l->now_us);
    l->sent_bits += LINK_PACKET * 8;
    if (begin - l->now_us > l->queue_us || roll(l) < l->loss)
        return;
    *l->queue_end = begin + (int64_t)(LINK_PACKET * 8 * 1000000ULL / rate);
    if (*l->queue_end - l->now_us > l->queue_most_us)
        l->queue_most_us = *l->queue_end - l->now_us;
    assert(l->count < LINK_IN_QUEUE);
    l->packets[(l->head + l->count++) % LINK_IN_QUEUE] = (struct link_packet){
        .arrives_us = *l->queue_end + l->delay_us + (int64_t)((double)l->jitter_us * roll(l)),
        .number = number};
}

/* What the target allows since the last step, and the probe's packets faster than that. */
static void send(struct link *l)
{
    uint64_t rate = dp_bwe_target(&l->bwe);
    rate = rate < l->wanted ? rate : l->wanted;
    if (l->probe_left <= 0 && dp_bwe_probe(&l->bwe, l->wanted, l->now_us, &l->probe))
        l->probe_left = l->probe.bytes;
    if (l->probe_left > 0)
        rate = l->probe.rate;
    l->owed += (double)rate * STEP_US / 1e6;
    for (; l->owed >= LINK_PACKET * 8; l->owed -= LINK_PACKET * 8) {
        send_packet(l, l->probe_left > 0 ? l->probe.id : 0);
        if (l->probe_left > 0)
            l->probe_left -= LINK_PACKET;
    }
}

static void receive(struct link *l)
{
    if (l->now_us < l->reads_at)
        return;
    if (l->now_us % 1000000 < 300000)
        l->reads_at = l->now_us + (int64_t)((double)l->busy_us * roll(l));
    while (l->count && l->packets[l->head].arrives_us <= l->now_us) {
        const struct link_packet *p = &l->packets[l->head];
        dp_twcc_record(&l->twcc, p->number, l->busy_us ? l->now_us : p->arrives_us);
        l->arrived_bits += LINK_PACKET * 8;
        l->head = (l->head + 1) % LINK_IN_QUEUE;
        l->count--;
    }
    if (l->now_us < l->feedback_at || !dp_twcc_pending(&l->twcc))
        return;
    l->feedback_at = l->now_us + FEEDBACK_US;
    assert(l->feedbacks < 8);
    struct link_feedback *f = &l->feedback[l->feedbacks++];
    struct dp_rtcp_buf b = {.p = f->bytes, .cap = sizeof(f->bytes)};
    assert(dp_twcc_build(&l->twcc, 1, 2, &b) == 0);
    f->len = b.len;
    f->arrives_us = l->now_us + l->delay_us;
}

static void on_twcc(void *ctx, const struct dp_twcc_view *view)
{
    struct link *l = ctx;
    dp_bwe_feedback(&l->bwe, view, l->now_us);
}

static void hear(struct link *l)
{
    static const struct dp_rtcp_handlers handlers = {.twcc = on_twcc};
    while (l->feedbacks && l->feedback[0].arrives_us <= l->now_us) {
        assert(dp_rtcp_dispatch(l->feedback[0].bytes, l->feedback[0].len, &handlers, l) ==
               DP_RTCP_OK);
        memmove(l->feedback, l->feedback + 1, --l->feedbacks * sizeof(l->feedback[0]));
    }
}

static void step(struct link *l)
{
    l->now_us += STEP_US;
    send(l);
    receive(l);
    hear(l);
    if (l->now_us % 50000 == 0)
        dp_bwe_tick(&l->bwe, l->now_us);
}

void link_run(struct link *l, int64_t us)
{
    for (int64_t end = l->now_us + us; l->now_us < end;)
        step(l);
}

int64_t link_until(struct link *l, bool above, uint64_t rate, int64_t us)
{
    int64_t start = l->now_us;
    while (l->now_us < start + us) {
        step(l);
        uint64_t target = dp_bwe_target(&l->bwe);
        if (above ? target >= rate : target <= rate)
            return l->now_us - start;
    }
    return -1;
}

uint64_t link_measure(struct link *l, int64_t us)
{
    l->arrived_bits = l->sent_bits = 0;
    l->queue_most_us = 0;
    l->since_us = l->now_us;
    link_run(l, us);
    return l->arrived_bits * 1000000 / (uint64_t)us;
}
