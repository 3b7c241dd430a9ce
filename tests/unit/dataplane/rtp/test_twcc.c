#include "support.h"

#include <errno.h>
#include <stdlib.h>

#include "dataplane/rtp/twcc.h"
#include "dataplane/rtp/wire.h"

#define NUMBERS 65536

/* What the sender has learnt, by number; times modulo the 24-bit reference. */
struct learnt {
    bool reported[NUMBERS];
    bool received[NUMBERS];
    int64_t arrival_us[NUMBERS];
    unsigned feedbacks;
    uint16_t last_base;
};

static void learn(struct learnt *l, const uint8_t *p, size_t len)
{
    struct dp_twcc_view view;
    struct dp_twcc_iter it;
    struct dp_twcc_status s;
    assert_int_equal((dp_get16(p + 2) + 1u) * 4, len);
    assert_int_equal(p[0], 0x8f);
    assert_int_equal(p[1], 205);
    assert_int_equal(dp_twcc_parse(p + 4, len - 4, &view), DP_RTCP_OK);
    assert_int_equal(view.sender, 11);
    assert_int_equal(view.media, 22);
    assert_int_equal(view.feedback, (uint8_t)l->feedbacks++);
    l->last_base = view.base;
    unsigned n = 0;
    for (dp_twcc_iter_init(&it, &view); dp_twcc_next(&it, &s); n++) {
        l->reported[s.number] = true;
        l->received[s.number] = s.received;
        if (s.received)
            l->arrival_us[s.number] = s.arrival_us;
    }
    assert_int_equal(n, view.count);
}

static unsigned report_all(struct dp_twcc *t, struct learnt *l, size_t cap)
{
    unsigned n = 0;
    uint8_t *p = malloc(cap); /* exact, so that the sanitizer sees an overrun */
    assert_non_null(p);
    while (dp_twcc_pending(t)) {
        struct dp_rtcp_buf b = {.p = p, .cap = cap};
        assert_int_equal(dp_twcc_build(t, 11, 22, &b), 0);
        learn(l, p, b.len);
        assert_true(++n <= DP_TWCC_WINDOW);
    }
    free(p);
    return n;
}

/* The reference counts 64 ms modulo 2^24. */
static void assert_time(int64_t learnt_us, int64_t real_us)
{
    int64_t turn = (INT64_C(1) << 24) * DP_TWCC_REFERENCE_US;
    int64_t off = (real_us - learnt_us) % turn;
    assert_in_range(off < 0 ? off + turn : off, 0, DP_TWCC_TICK_US - 1);
}

static void bytes_are_as_the_draft_draws_them(void **state)
{
    static struct dp_twcc t;
    uint8_t p[64];
    struct dp_rtcp_buf b = {.p = p, .cap = sizeof(p)};
    memset(&t, 0, sizeof(t));
    assert_int_equal(dp_twcc_build(&t, 1, 2, &b), -EAGAIN);
    dp_twcc_record(&t, 5, 64000 * 3 + 1000);
    dp_twcc_record(&t, 6, 64000 * 3 + 1500);
    dp_twcc_record(&t, 8, 64000 * 3 + 1250);
    dp_twcc_record(&t, 9, 64000 * 3 + 101250);
    assert_int_equal(dp_twcc_pending(&t), 5);
    assert_int_equal(dp_twcc_build(&t, 1, 2, &b), 0);
    /* Symbols 1 1 0 2 2 in a two-bit vector; deltas 4, 2, -1, 400. */
    assert_int_equal(b.len, 28);
    assert_memory_equal(p,
                        "\x8f\xcd\x00\x06\x00\x00\x00\x01\x00\x00\x00\x02"
                        "\x00\x05\x00\x05\x00\x00\x03\x00"
                        "\xd4\xa0\x04\x02\xff\xff\x01\x90",
                        28);
    assert_int_equal(dp_twcc_pending(&t), 0);
}

static void a_steady_stream_is_one_run(void **state)
{
    static struct dp_twcc t;
    uint8_t p[256];
    struct dp_rtcp_buf b = {.p = p, .cap = sizeof(p)};
    memset(&t, 0, sizeof(t));
    for (uint16_t i = 0; i < 100; i++)
        dp_twcc_record(&t, i, i * 5000);
    assert_int_equal(dp_twcc_build(&t, 1, 2, &b), 0);
    assert_int_equal(b.len, (20 + 2 + 100 + 3) / 4 * 4);
    assert_int_equal(dp_get16(p + 20), 0x2000 | 100);
}

static void a_run_longer_than_the_buffer_is_cut(void **state)
{
    static struct dp_twcc t;
    struct learnt *l = calloc(1, sizeof(*l));
    assert_non_null(l);
    memset(&t, 0, sizeof(t));
    for (uint16_t i = 0; i < 4000; i++)
        dp_twcc_record(&t, i, i * 250);
    assert_int_equal(report_all(&t, l, 1200), 4);
    for (unsigned i = 0; i < 4000; i++)
        assert_time(l->arrival_us[i], i * 250);
    free(l);
}

struct arrival {
    bool arrived;
    int64_t us;
};

/* Loss, bursts of loss, reordering and pauses; feedback every now and then; small and large
 * buffers. */
static void random_arrivals_come_back(void **state)
{
    struct learnt *l = malloc(sizeof(*l));
    struct arrival *real = malloc(sizeof(*real) * NUMBERS);
    static struct dp_twcc t;
    assert_true(l && real);
    for (uint64_t round = 1; round <= 40; round++) {
        uint64_t seed = round;
        int64_t now = (int64_t)random_u32(&seed) * 100000 - (round % 4 == 0) * 400000000000000;
        uint16_t number = (uint16_t)random_u32(&seed);
        uint16_t first = number;
        unsigned total = 6000 + random_below(&seed, 20000);
        unsigned loss = random_below(&seed, 40), pause = random_below(&seed, 3);
        size_t cap = random_below(&seed, 2) ? 1200 : DP_TWCC_MIN_LEN + random_below(&seed, 100);
        memset(&t, 0, sizeof(t));
        memset(l, 0, sizeof(*l));
        memset(real, 0, sizeof(*real) * NUMBERS);
        uint16_t late[8];
        unsigned lates = 0;
        for (unsigned i = 0; i < total; i++, number++) {
            now += random_below(&seed, 3000);
            if (pause && random_below(&seed, 1000) == 0)
                now += random_below(&seed, 30000000);
            if (random_below(&seed, 2000) == 0) {
                unsigned burst = random_below(&seed, 1500);
                number = (uint16_t)(number + burst);
                i += burst;
            }
            if (i && random_below(&seed, 100) < loss) {
                if (random_below(&seed, 4) == 0 && lates < 8)
                    late[lates++] = number;
                continue;
            }
            dp_twcc_record(&t, number, now);
            real[number] = (struct arrival){true, now};
            for (; lates && random_below(&seed, 4) == 0; lates--) {
                uint16_t n = late[lates - 1];
                if ((uint16_t)(number - n) >= DP_TWCC_WINDOW)
                    continue;
                now += 100;
                dp_twcc_record(&t, n, now);
                real[n] = (struct arrival){true, now};
            }
            if (dp_twcc_pending(&t) > 60 && random_below(&seed, 100) == 0)
                report_all(&t, l, cap);
        }
        report_all(&t, l, cap);
        unsigned arrived = 0;
        for (unsigned n = 0; n < NUMBERS; n++) {
            assert_int_equal(l->received[n], real[n].arrived);
            if (real[n].arrived)
                assert_time(l->arrival_us[n], real[n].us);
            arrived += real[n].arrived;
        }
        assert_true(arrived > total / 4);
        assert_true(l->reported[first]);
    }
    free(real);
    free(l);
}

static void a_long_silence_splits_the_feedback(void **state)
{
    static struct dp_twcc t;
    struct learnt *l = calloc(1, sizeof(*l));
    assert_non_null(l);
    memset(&t, 0, sizeof(t));
    dp_twcc_record(&t, 1, 0);
    dp_twcc_record(&t, 2, 8191750); /* the largest delta: 32767 ticks */
    assert_int_equal(report_all(&t, l, 1200), 1);
    dp_twcc_record(&t, 3, 10000000);
    dp_twcc_record(&t, 4, 30000000);
    assert_int_equal(report_all(&t, l, 1200), 2);
    assert_int_equal(l->last_base, 4);
    assert_time(l->arrival_us[4], 30000000);
    dp_twcc_record(&t, 6, 31000000);
    dp_twcc_record(&t, 5,
                   31000000 + 8192000); /* so late that 6 is 32768 ticks back: it still fits */
    assert_int_equal(report_all(&t, l, 1200), 1);
    dp_twcc_record(&t, 8, 50000000);
    dp_twcc_record(&t, 7, 50000000 + 8192250);
    assert_int_equal(report_all(&t, l, 1200), 2);
    assert_time(l->arrival_us[7], 58192250);
    assert_time(l->arrival_us[8], 50000000);
    free(l);
}

static void the_window_bounds_what_is_kept(void **state)
{
    static struct dp_twcc t;
    struct learnt *l = calloc(1, sizeof(*l));
    assert_non_null(l);
    memset(&t, 0, sizeof(t));
    dp_twcc_record(&t, 65000, 1000000);
    dp_twcc_record(&t, 65000, 2000000); /* a repeat */
    dp_twcc_record(&t, (uint16_t)(65000 + 20000), 3000000);
    assert_int_equal(dp_twcc_pending(&t), DP_TWCC_WINDOW);
    dp_twcc_record(&t, 65001, 3000000); /* too old */
    assert_int_equal(dp_twcc_pending(&t), DP_TWCC_WINDOW);
    report_all(&t, l, 1200);
    assert_false(l->reported[65000]);
    assert_false(l->reported[65001]);
    assert_true(l->received[(uint16_t)(65000 + 20000)]);
    free(l);
}

static void a_buffer_too_small_says_so(void **state)
{
    static struct dp_twcc t;
    uint8_t p[64];
    memset(&t, 0, sizeof(t));
    dp_twcc_record(&t, 1, 0);
    struct dp_rtcp_buf b = {.p = p, .cap = DP_TWCC_MIN_LEN - 1};
    assert_int_equal(dp_twcc_build(&t, 1, 2, &b), -ENOSPC);
    assert_int_equal(dp_twcc_pending(&t), 1);
    b.cap = DP_TWCC_MIN_LEN;
    assert_int_equal(dp_twcc_build(&t, 1, 2, &b), 0);
    assert_int_equal(b.len, DP_TWCC_MIN_LEN);
}

static void the_reader_refuses_what_does_not_add_up(void **state)
{
    struct dp_twcc_view v;
    uint8_t p[24] = {0, 0, 0, 1, 0, 0, 0, 2, 0, 5, 0, 3, 0, 0, 1, 0, 0x20, 3, 1, 2, 3, 0};
    assert_int_equal(dp_twcc_parse(p, 21, &v), DP_RTCP_OK);
    assert_int_equal(dp_twcc_parse(p, 20, &v), DP_RTCP_CONTENT); /* a delta is missing */
    assert_int_equal(dp_twcc_parse(p, 17, &v), DP_RTCP_CONTENT);
    assert_int_equal(dp_twcc_parse(p, 15, &v), DP_RTCP_CONTENT);
    p[16] = 0x60; /* reserved symbol */
    assert_int_equal(dp_twcc_parse(p, 24, &v), DP_RTCP_CONTENT);
    p[16] = 0x20;
    p[17] = 0; /* a run of nothing */
    assert_int_equal(dp_twcc_parse(p, 24, &v), DP_RTCP_CONTENT);
    p[16] = 0xff; /* a vector with reserved symbols */
    p[17] = 0xff;
    assert_int_equal(dp_twcc_parse(p, 24, &v), DP_RTCP_CONTENT);
    p[10] = 0xff; /* a run that covers a part of the count */
    p[16] = 0x1f;
    assert_int_equal(dp_twcc_parse(p, 24, &v), DP_RTCP_CONTENT);
    p[10] = p[11] = 0; /* no statuses is empty, not wrong */
    assert_int_equal(dp_twcc_parse(p, 16, &v), DP_RTCP_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_as_the_draft_draws_them),
        cmocka_unit_test(a_steady_stream_is_one_run),
        cmocka_unit_test(a_run_longer_than_the_buffer_is_cut),
        cmocka_unit_test(random_arrivals_come_back),
        cmocka_unit_test(a_long_silence_splits_the_feedback),
        cmocka_unit_test(the_window_bounds_what_is_kept),
        cmocka_unit_test(a_buffer_too_small_says_so),
        cmocka_unit_test(the_reader_refuses_what_does_not_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
