#include "dataplane/rtp/rxstats.h"

#define SEQ_MOD       65536u
#define NO_SEQ        (SEQ_MOD + 1)
#define US_PER_S      1000000
#define JITTER_JUMP_S 5u

void dp_rxstats_init(struct dp_rxstats *s, uint32_t ssrc, uint32_t clock_rate)
{
    *s = (struct dp_rxstats){.ssrc = ssrc, .clock_rate = clock_rate};
}

static void restart(struct dp_rxstats *s, uint16_t seq)
{
    s->base = s->highest = seq;
    s->bad_seq = NO_SEQ;
    s->cycles = 0;
    s->received = s->received_prior = s->expected_prior = 0;
}

/* Appendix A.1 without probation: SRTP has authenticated the packet. False if it is not counted. */
static bool follow_seq(struct dp_rxstats *s, uint16_t seq)
{
    uint16_t ahead = (uint16_t)(seq - s->highest);
    if (ahead < DP_RXSTATS_DROPOUT) {
        if (seq < s->highest)
            s->cycles += SEQ_MOD;
        s->highest = seq;
    } else if (ahead <= SEQ_MOD - DP_RXSTATS_MISORDER) {
        /* Two in sequence after a large jump: the sender has restarted. */
        if (seq != s->bad_seq) {
            s->bad_seq = (seq + 1u) & 0xffff;
            return false;
        }
        restart(s, seq);
    }
    return true;
}

static uint32_t to_ticks(int64_t us, uint32_t rate)
{
    int64_t seconds = us / US_PER_S, rest = us % US_PER_S;
    return (uint32_t)((uint64_t)seconds * rate + (uint64_t)(rest * rate / US_PER_S));
}

/* Appendix A.8, in sixteenths. A media clock that jumps by seconds is no jitter. */
static void follow_jitter(struct dp_rxstats *s, uint32_t ts, int64_t now_us, bool first)
{
    uint32_t transit = to_ticks(now_us, s->clock_rate) - ts;
    int32_t d = (int32_t)(transit - s->transit);
    s->transit = transit;
    if (first)
        return;
    uint32_t size = d < 0 ? 0u - (uint32_t)d : (uint32_t)d;
    if (size > JITTER_JUMP_S * s->clock_rate)
        return;
    s->jitter += size - ((s->jitter + 8) >> 4);
}

void dp_rxstats_late(struct dp_rxstats *s)
{
    s->received += s->started;
}

void dp_rxstats_packet(struct dp_rxstats *s, uint16_t seq, uint32_t ts, int64_t now_us)
{
    bool first = !s->started;
    if (first) {
        restart(s, seq);
        s->started = true;
    } else if (!follow_seq(s, seq)) {
        return;
    }
    s->received++;
    follow_jitter(s, ts, now_us, first);
}

void dp_rxstats_sender_report(struct dp_rxstats *s, uint64_t ntp, int64_t now_us)
{
    s->lsr = (uint32_t)(ntp >> 16);
    s->sr_us = now_us;
    s->has_sr = true;
}

/* Appendix A.3: 0 if more came than were expected (duplicates). */
static uint8_t fraction_lost(struct dp_rxstats *s, uint32_t expected)
{
    int64_t expected_now = (int64_t)expected - s->expected_prior;
    int64_t lost_now = expected_now - ((int64_t)s->received - s->received_prior);
    s->expected_prior = expected;
    s->received_prior = s->received;
    if (expected_now <= 0 || lost_now <= 0)
        return 0;
    int64_t fraction = lost_now * 256 / expected_now;
    return fraction > 255 ? 255 : (uint8_t)fraction;
}

static uint32_t delay_since_sr(const struct dp_rxstats *s, int64_t now_us)
{
    int64_t us = now_us - s->sr_us;
    if (us <= 0)
        return 0;
    if (us > (int64_t)UINT16_MAX * US_PER_S)
        return UINT32_MAX;
    return (uint32_t)(us * 65536 / US_PER_S);
}

bool dp_rxstats_report(struct dp_rxstats *s, int64_t now_us, struct dp_rtcp_report_block *block)
{
    if (!s->started)
        return false;
    uint32_t highest = s->cycles + s->highest;
    uint32_t expected = highest - s->base + 1;
    int64_t lost = (int64_t)expected - s->received;
    if (lost > 0x7fffff)
        lost = 0x7fffff;
    if (lost < -0x800000)
        lost = -0x800000;
    *block = (struct dp_rtcp_report_block){
        .ssrc = s->ssrc,
        .fraction_lost = fraction_lost(s, expected),
        .lost = (int32_t)lost,
        .highest_seq = highest,
        .jitter = s->jitter >> 4,
        .lsr = s->has_sr ? s->lsr : 0,
        .dlsr = s->has_sr ? delay_since_sr(s, now_us) : 0,
    };
    return true;
}
