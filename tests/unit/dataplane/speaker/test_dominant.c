/* Who becomes the dominant speaker, and who does not. */
#include "tests/unit/dataplane/speaker/support.h"

#include "dataplane/speaker/dominant.h"

#include <math.h>
#include <string.h>

static struct dp_dominant d;

static struct dp_candidate who(uint32_t source, unsigned immediate, unsigned medium,
                               unsigned longer)
{
    return (struct dp_candidate){source,
                                 {.immediate = (uint8_t)immediate,
                                  .medium = (uint8_t)medium,
                                  .longer = (uint8_t)longer,
                                  .loudness = 90}};
}

static bool decide(const struct dp_candidate *a, const struct dp_candidate *b)
{
    struct dp_candidate of[] = {*a, *b};
    return dp_dominant_decide(&d, of, 2);
}

/* The paper's formula: binomial with p = 1/2 against exponential. */
static void test_scores(void **state)
{
    static const struct {
        unsigned n;
        double lambda;
    } of[DP_TIME_SCALES] = {{13, 0.78}, {5, 24}, {10, 47}};
    for (unsigned scale = 0; scale < DP_TIME_SCALES; scale++) {
        unsigned n = of[scale].n;
        for (unsigned v = 0; v <= n; v++) {
            double choose = lgamma(n + 1) - lgamma(v + 1) - lgamma(n - v + 1);
            double score = choose + n * log(0.5) - log(of[scale].lambda) + of[scale].lambda * v;
            double want = log(fmax(score, 1e-10));
            double has = dp_dominant_score((enum dp_time_scale)scale, v);
            assert_true(fabs(has - want) < 0.001);
        }
        assert_true(dp_dominant_score((enum dp_time_scale)scale, 255) ==
                    dp_dominant_score((enum dp_time_scale)scale, n));
    }
}

static void test_first(void **state)
{
    memset(&d, 0, sizeof(d));
    struct dp_candidate silent = who(1, 0, 0, 0), click = who(2, 9, 3, 1), word = who(2, 9, 3, 2);
    assert_false(decide(&silent, &silent));
    assert_false(decide(&silent, &click));
    assert_int_equal(d.source, 0);
    assert_true(decide(&silent, &word));
    assert_int_equal(d.source, 2);
    assert_false(decide(&silent, &word));
}

/* Only in a pause of the dominant one, and only who has spoken more of late. */
static void test_takes_over(void **state)
{
    memset(&d, 0, sizeof(d));
    struct dp_candidate a = who(1, 9, 5, 10), b = who(2, 10, 5, 10), quiet = who(2, 0, 0, 0);
    assert_true(decide(&a, &quiet));
    assert_false(decide(&a, &b)); /* both speak */
    a = who(1, 0, 2, 9);
    assert_false(decide(&a, &b)); /* between two syllables */
    a = who(1, 0, 0, 9);
    b = who(2, 10, 5, 9);
    assert_false(decide(&a, &b)); /* no more than the other */
    b = who(2, 2, 5, 10);
    assert_false(decide(&a, &b)); /* not at this moment */
    b = who(2, 10, 5, 10);
    assert_true(decide(&a, &b));
    assert_int_equal(d.source, 2);
    assert_int_equal(d.recent_count, 2);
    assert_int_equal(d.recent[0], 2);
    assert_int_equal(d.recent[1], 1);
}

static void test_best_of_several(void **state)
{
    memset(&d, 0, sizeof(d));
    struct dp_candidate of[] = {who(1, 9, 5, 3), who(2, 9, 5, 7), who(3, 13, 5, 6),
                                who(4, 9, 5, 7)};
    of[3].scores.loudness = 100;
    assert_true(dp_dominant_decide(&d, of, 4));
    assert_int_equal(d.source, 4);
}

/* The dominant one is not among the candidates: as if it were silent. */
static void test_absent(void **state)
{
    memset(&d, 0, sizeof(d));
    d.source = 7;
    struct dp_candidate a = who(1, 9, 3, 2);
    assert_true(dp_dominant_decide(&d, &a, 1));
    assert_int_equal(d.source, 1);
    assert_false(dp_dominant_decide(&d, NULL, 0));
    assert_int_equal(d.source, 1);
}

static void test_recent(void **state)
{
    memset(&d, 0, sizeof(d));
    for (uint32_t i = 1; i <= 12; i++) {
        struct dp_candidate a = who(i, 9, 5, 5);
        assert_true(dp_dominant_decide(&d, &a, 1));
    }
    assert_int_equal(d.recent_count, HR_RECENT_SPEAKERS);
    for (uint32_t i = 0; i < HR_RECENT_SPEAKERS; i++)
        assert_int_equal(d.recent[i], 12 - i);
    struct dp_candidate again = who(9, 9, 5, 5);
    assert_true(dp_dominant_decide(&d, &again, 1));
    static const uint32_t want[] = {9, 12, 11, 10, 8, 7, 6, 5};
    assert_memory_equal(d.recent, want, sizeof(want));
    assert_false(dp_dominant_forget(&d, 99));
    assert_true(dp_dominant_forget(&d, 11));
    assert_int_equal(d.source, 9);
    assert_true(dp_dominant_forget(&d, 9));
    assert_int_equal(d.source, 0);
    static const uint32_t left[] = {12, 10, 8, 7, 6, 5};
    assert_int_equal(d.recent_count, 6);
    assert_memory_equal(d.recent, left, sizeof(left));
}

/* Two who speak in turns, from levels on: how long the second takes, in us. */
static int64_t turn(struct dp_activity a[2], unsigned speaks, int64_t *now, int64_t for_us)
{
    int64_t from = *now, took = -1;
    for (unsigned frame = 0; *now - from < for_us; frame++) {
        *now += FRAME;
        for (unsigned i = 0; i < 2; i++)
            dp_activity_level(&a[i], i == speaks ? speech(frame) : noise(), *now);
        if (frame % 5)
            continue;
        struct dp_candidate of[] = {{1, dp_activity_scores(&a[0])}, {2, dp_activity_scores(&a[1])}};
        dp_dominant_decide(&d, of, 2);
        if (took < 0 && d.source == 1 + speaks)
            took = *now - from;
    }
    assert_int_equal(d.source, 1 + speaks);
    return took;
}

static void test_turns(void **state)
{
    struct dp_activity a[2];
    int64_t now = 10 * S, most = 0;
    memset(&d, 0, sizeof(d));
    dp_activity_init(&a[0], now);
    dp_activity_init(&a[1], now);
    for (unsigned i = 0; i < 200; i++) {
        int64_t took = turn(a, i % 2, &now, S + (int64_t)roll(4000) * MS);
        most = took > most ? took : most;
    }
    print_message("longest takeover: %lld ms\n", (long long)(most / MS));
    assert_true(most < S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores),     cmocka_unit_test(test_first),
        cmocka_unit_test(test_takes_over), cmocka_unit_test(test_best_of_several),
        cmocka_unit_test(test_absent),     cmocka_unit_test(test_recent),
        cmocka_unit_test(test_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
