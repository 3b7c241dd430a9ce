/* Seats: who gets one, and who gives one up. */
#include "tests/unit/dataplane/speaker/support.h"

#include "dataplane/speaker/loudest.h"

#include <string.h>

#define SIZE 4

static struct dp_loudest l;
static uint32_t now;
static const struct dp_scores silent = {.loudness = 30}, soft = {.immediate = 2, .loudness = 40},
                              speaks = {.immediate = 9, .medium = 5, .longer = 8, .loudness = 90};

/* A room whose seats are given, a while ago, to sources 1 to 4. */
static void begin(const struct dp_scores *all)
{
    memset(&l, 0, sizeof(l));
    l.size = SIZE;
    now = 5000;
    for (uint32_t i = 0; i < SIZE; i++) {
        assert_int_equal(dp_loudest_seat(&l, &silent, 0, now), (int)i);
        l.seat[l.count++] = (struct dp_seat){.who = {.source = 1 + i, .scores = *all}};
    }
}

static int ask(const struct dp_scores *s, uint32_t dominant)
{
    return dp_loudest_seat(&l, s, dominant, now);
}

static void test_all_are_heard(void **state)
{
    begin(&silent);
    l.size = SIZE + 1;
    assert_int_equal(ask(&silent, 0), SIZE);
}

static void test_silent_ones_wait(void **state)
{
    begin(&silent);
    assert_int_equal(ask(&silent, 0), -1);
    assert_int_not_equal(ask(&soft, 0), -1);
}

/* Who is silent gives way, the most silent first; the dominant one does not. */
static void test_idle_gives_way(void **state)
{
    begin(&speaks);
    l.seat[1].who.scores = l.seat[2].who.scores = silent;
    l.seat[2].who.scores.loudness--;
    assert_int_equal(ask(&soft, 0), 2);
    assert_int_equal(ask(&soft, 3), 1);
    l.seat[1].who.scores.longer = 1; /* it has just spoken */
    assert_int_equal(ask(&soft, 3), -1);
}

static void test_new_ones_stay(void **state)
{
    struct dp_scores shouts = speaks;
    shouts.loudness = 120;
    for (unsigned speaking = 0; speaking < 2; speaking++) {
        begin(speaking ? &speaks : &silent);
        for (unsigned i = 0; i < SIZE; i++)
            l.seat[i].since_ms = now - (speaking ? DP_SEAT_MS : DP_SEAT_IDLE_MS) + 1;
        assert_int_equal(ask(&shouts, 0), -1);
        now++;
        assert_int_not_equal(ask(&shouts, 0), -1);
    }
}

/* All speak: only who is much louder, and has spoken for some frames. */
static void test_louder(void **state)
{
    begin(&speaks);
    struct dp_scores s = speaks;
    l.seat[3].who.scores.loudness = 80;
    s.loudness = 85;
    assert_int_equal(ask(&s, 0), -1);
    s.loudness = 86;
    assert_int_equal(ask(&s, 0), 3);
    assert_int_equal(ask(&s, 4), -1);
    s.medium = 2;
    assert_int_equal(ask(&s, 0), -1);
}

static void test_time_goes_round(void **state)
{
    begin(&silent);
    now = 100;
    for (unsigned i = 0; i < SIZE; i++)
        l.seat[i].since_ms = (uint32_t)-50;
    assert_int_equal(ask(&speaks, 0), -1);
    now = 150;
    assert_int_not_equal(ask(&speaks, 0), -1);
}

/* Whatever comes: never more than there are seats, and never the dominant one's. */
static void test_random(void **state)
{
    memset(&l, 0, sizeof(l));
    l.size = SIZE;
    now = 0;
    for (unsigned i = 0; i < 200000; i++) {
        struct dp_scores s = {(uint8_t)roll(14), (uint8_t)roll(6), (uint8_t)roll(11),
                              (uint8_t)roll(128), now};
        uint32_t dominant = roll(8);
        int at = ask(&s, dominant);
        now += roll(200);
        assert_true(at < SIZE);
        if (l.count < l.size)
            assert_int_equal(at, l.count);
        if (at < 0)
            continue;
        assert_true(at == (int)l.count || l.seat[at].who.source != dominant || dominant == 0);
        l.count += at == (int)l.count;
        l.seat[at] = (struct dp_seat){.who = {.source = 1 + roll(7), .scores = s}, .since_ms = now};
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_are_heard),  cmocka_unit_test(test_silent_ones_wait),
        cmocka_unit_test(test_idle_gives_way), cmocka_unit_test(test_new_ones_stay),
        cmocka_unit_test(test_louder),         cmocka_unit_test(test_time_goes_round),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
