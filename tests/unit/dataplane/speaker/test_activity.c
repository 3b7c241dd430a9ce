/* Counts of speech from levels, whatever comes and does not come. */
#include "tests/unit/dataplane/speaker/support.h"

#include "dataplane/speaker/activity.h"

static struct dp_activity a;
static int64_t now;

static void begin(void)
{
    now = 100 * S;
    dp_activity_init(&a, now);
}

/* n packets of ms each. */
static void packets(unsigned n, int64_t ms, unsigned level)
{
    for (unsigned i = 0; i < n; i++) {
        now += ms * MS;
        dp_activity_level(&a, level, now);
    }
}

static void assert_scores(unsigned immediate, unsigned medium, unsigned longer)
{
    struct dp_scores s = dp_activity_scores(&a);
    assert_int_equal(s.immediate, immediate);
    assert_int_equal(s.medium, medium);
    assert_int_equal(s.longer, longer);
}

static void test_silence(void **state)
{
    begin();
    assert_scores(0, 0, 0);
    packets(100, 20, 127);
    assert_scores(0, 0, 0);
    assert_int_equal(dp_activity_scores(&a).loudness, 0);
}

static void test_speech(void **state)
{
    begin();
    packets(1, 20, 30); /* 97, 34 dB above the lowest floor */
    assert_scores(11, 1, 0);
    packets(4, 20, 30);
    assert_scores(11, 5, 1);
    packets(45, 20, 30);
    assert_scores(11, 5, 10);
    assert_in_range(dp_activity_scores(&a).loudness, 96, 97);
    packets(5, 20, 80);
    assert_scores(0, 0, 9);
    packets(45, 20, 80);
    assert_scores(0, 0, 0);
    assert_in_range(dp_activity_scores(&a).loudness, 47, 65);
}

static void test_loudest_and_softest(void **state)
{
    begin();
    packets(50, 20, 0);
    assert_scores(DP_ACTIVITY_STEPS, 5, 10);
    begin();
    packets(50, 20, 127 - 63); /* the lowest floor */
    assert_scores(0, 0, 0);
}

/* What goes on for seconds is noise, and speech is what is above it. */
static void test_noise_floor(void **state)
{
    begin();
    packets(20, 20, 50);
    assert_scores(4, 5, 4);
    packets(300, 20, 50);
    assert_scores(1, 0, 0);
    packets(10, 20, 30);
    assert_scores(8, 5, 2);
    packets(300, 20, 90); /* it is quiet again */
    packets(1, 20, 50);
    assert_scores(4, 1, 0);
}

/* Loud and steady as it may be, it does not become silence. */
static void test_steady_speech(void **state)
{
    begin();
    packets(1000, 20, 40);
    assert_scores(5, 5, 10);
}

static void test_longer_packets(void **state)
{
    for (int64_t ms = 20; ms <= 120; ms += 20) {
        begin();
        packets((unsigned)(1200 / ms), ms, 30);
        assert_scores(11, 5, 10);
    }
}

/* A packet every 400 ms, and the first of a word after that. */
static void test_dtx(void **state)
{
    begin();
    packets(50, 20, 30);
    packets(10, 400, 100);
    assert_scores(0, 0, 0);
    packets(1, 400, 30);
    assert_scores(11, 1, 0);
}

static void test_long_gap(void **state)
{
    begin();
    packets(50, 20, 30);
    packets(1, 3600 * 1000, 30);
    assert_scores(11, 1, 0);
}

/* Five packets late, then all at once. */
static void test_stall(void **state)
{
    begin();
    packets(50, 20, 30);
    packets(1, 100, 30);
    for (unsigned i = 0; i < 4; i++)
        dp_activity_level(&a, 30, now + 1);
    assert_scores(11, 5, 10);
    assert_int_equal(dp_activity_scores(&a).at_ms, (uint32_t)(now / MS));
    begin();
    packets(5, 20, 127);
    dp_activity_level(&a, 30, now + 1); /* no frame of its own, but it is not lost */
    assert_scores(11, 1, 0);
}

static void test_age(void **state)
{
    begin();
    packets(50, 20, 30);
    struct dp_scores s = dp_activity_scores(&a), then;
    then = dp_scores_at(s, s.at_ms + 150);
    assert_memory_equal(&then, &s, sizeof(s));
    then = dp_scores_at(s, s.at_ms - 5);
    assert_memory_equal(&then, &s, sizeof(s));
    then = dp_scores_at(s, s.at_ms + 500);
    assert_int_equal(then.immediate + then.medium, 0);
    assert_int_equal(then.longer, 5);
    then = dp_scores_at(s, s.at_ms + 5000);
    assert_int_equal(then.longer + then.loudness, 0);
}

static void test_random(void **state)
{
    begin();
    for (unsigned i = 0; i < 300000; i++) {
        now += roll(20) ? (int64_t)roll(60) * MS : (int64_t)roll(4000) * MS - 1000 * MS;
        dp_activity_level(&a, roll(256), now);
        struct dp_scores s = dp_activity_scores(&a);
        assert_in_range(s.immediate, 0, DP_ACTIVITY_STEPS);
        assert_in_range(s.medium, 0, DP_ACTIVITY_FRAMES);
        assert_in_range(s.longer, 0, DP_ACTIVITY_BLOCKS);
        assert_in_range(s.loudness, 0, DP_LOUDNESS_MAX);
        assert_true(s.medium || s.immediate < DP_ACTIVITY_SPEECH);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_speech),
        cmocka_unit_test(test_loudest_and_softest),
        cmocka_unit_test(test_noise_floor),
        cmocka_unit_test(test_steady_speech),
        cmocka_unit_test(test_longer_packets),
        cmocka_unit_test(test_dtx),
        cmocka_unit_test(test_long_gap),
        cmocka_unit_test(test_stall),
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
