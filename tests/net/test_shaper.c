#include "shaper.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS 1000000LL

static struct shaper s;

static int begin(void **state)
{
    shaper_init(&s, 7);
    return 0;
}

static int end(void **state)
{
    shaper_free(&s);
    return 0;
}

static void put(uint32_t len, int64_t now)
{
    struct frame *f = malloc(sizeof(*f) + len);

    f->len = len;
    f->data[0] = 0;
    shaper_put(&s, f, now);
}

/* Takes all that have arrived by now; how many. */
static unsigned take(int64_t now)
{
    struct frame *f;
    unsigned n = 0;

    while ((f = shaper_take(&s, now))) {
        free(f);
        n++;
    }
    return n;
}

static void passes_at_once_without_limits(void **state)
{
    put(1000, 5 * MS);
    assert_int_equal(shaper_next(&s), 5 * MS);
    assert_int_equal(take(5 * MS), 1);
    assert_int_equal(shaper_next(&s), SHAPER_NEVER);
}

static void takes_its_time(void **state)
{
    /* 1,000 bytes at 1 Mbit/s are 8 ms. */
    shaper_set(&s, &(struct shape){.rate = 1e6, .queue = 1, .delay = 0.020}, 0);
    put(1000, 0);
    put(1000, 0);
    assert_int_equal(shaper_next(&s), 8 * MS);
    assert_int_equal(take(28 * MS - 1), 0);
    assert_int_equal(take(28 * MS), 1);
    assert_int_equal(shaper_next(&s), 36 * MS);
    assert_int_equal(take(36 * MS), 1);
    /* Late wake-ups do not add up. */
    put(1000, 100 * MS);
    put(1000, 100 * MS);
    assert_int_equal(take(200 * MS), 2);
}

static void drops_at_the_tail(void **state)
{
    shaper_set(&s, &(struct shape){.rate = 1e6, .queue = 0.016}, 0);
    for (int i = 0; i < 10; i++)
        put(1000, 0); /* waits of 0, 8 and 16 ms are within the limit */
    assert_int_equal(s.counts.dropped, 7);
    assert_int_equal(take(24 * MS), 3);
    assert_int_equal(s.counts.queue_bytes_peak, 2000);
    assert_true(s.counts.queue_seconds_peak > 0.0159 && s.counts.queue_seconds_peak < 0.0161);
}

static void a_new_rate_holds_for_what_waits(void **state)
{
    shaper_set(&s, &(struct shape){.rate = 1e6, .queue = 1}, 0);
    put(1000, 0);
    put(1000, 0);
    shaper_set(&s, &(struct shape){.rate = 1e5, .queue = 1}, 4 * MS); /* 4,000 bits are left */
    assert_int_equal(shaper_next(&s), 44 * MS);
    assert_int_equal(take(44 * MS), 1);
    shaper_set(&s, &(struct shape){.rate = 0}, 45 * MS);
    assert_int_equal(take(45 * MS), 1);
}

static void never_overtakes(void **state)
{
    int64_t last = 0;

    shaper_set(&s, &(struct shape){.delay = 0.030, .jitter = 0.020}, 0);
    for (int i = 0; i < 200; i++)
        put(100, i * MS);
    for (unsigned n = 0; n < 200;) {
        int64_t next = shaper_next(&s);
        assert_true(next >= last && next >= 30 * MS && next <= 250 * MS);
        last = next;
        n += take(next);
    }
    put(100, 300 * MS);
    shaper_set(&s, &(struct shape){.delay = 0}, 301 * MS);
    put(100, 301 * MS);
    assert_int_equal(take(301 * MS), 0); /* behind the one that is under way */
    assert_int_equal(take(351 * MS), 2);
}

static void check_loss(double loss, double burst)
{
    unsigned rows = 0, lost = 0, frames = 200000;
    uint64_t before = s.counts.lost;
    int was = 0;

    shaper_set(&s, &(struct shape){.loss = loss, .burst = burst}, 0);
    for (unsigned i = 0; i < frames; i++) {
        put(100, 0);
        int is = take(0) == 0;
        lost += (unsigned)is;
        rows += is && !was;
        was = is;
    }
    assert_int_equal(lost, s.counts.lost - before);
    assert_true(lost > frames * loss * 0.93 && lost < frames * loss * 1.07);
    double mean = (double)lost / rows, wanted = burst > 1 ? burst : 1 / (1 - loss);
    assert_true(mean > wanted * 0.95 && mean < wanted * 1.05);
}

static void loses_by_chance(void **state)
{
    check_loss(0.05, 1);
    check_loss(0.15, 1);
    check_loss(0.05, 4);
    shaper_set(&s, &(struct shape){.loss = 1, .burst = 3}, 0);
    put(100, 0);
    assert_int_equal(take(0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(passes_at_once_without_limits, begin, end),
        cmocka_unit_test_setup_teardown(takes_its_time, begin, end),
        cmocka_unit_test_setup_teardown(drops_at_the_tail, begin, end),
        cmocka_unit_test_setup_teardown(a_new_rate_holds_for_what_waits, begin, end),
        cmocka_unit_test_setup_teardown(never_overtakes, begin, end),
        cmocka_unit_test_setup_teardown(loses_by_chance, begin, end),
    };
    return cmocka_run_group_tests_name("net/shaper", tests, NULL, NULL);
}
