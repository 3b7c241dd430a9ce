/* The estimator on links as people have them: how soon it is right, and how much of them it uses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/dataplane/bwe/link.h"

#define S    INT64_C(1000000)
#define MBIT UINT64_C(1000000)

static struct link l;

/* Part of the rate that arrives over us. */
static double use(uint64_t rate, int64_t us)
{
    double part = (double)link_measure(&l, us) / (double)rate;
    printf("use %.2f of %.2f Mbit/s, queue %lld ms, loss %.3f, target %.2f\n", part,
           (double)rate / 1e6, (long long)l.queue_most_us / 1000, dp_bwe_lost(&l.bwe),
           (double)dp_bwe_target(&l.bwe) / 1e6);
    return part;
}

static void assert_within(int64_t us, int64_t most)
{
    printf("took %.2f s\n", (double)us / 1e6);
    assert_true(us >= 0 && us <= most);
}

static void test_begin(void **state)
{
    static const uint64_t rates[] = {250000, 800000, 3 * MBIT, 8 * MBIT};
    for (unsigned i = 0; i < 4; i++) {
        link_init(&l, 600000, rates[i]);
        l.wanted = 10 * MBIT;
        link_run(&l, 10 * S);
        assert_true(use(rates[i], 30 * S) > 0.75);
        assert_true(l.queue_most_us < 350000);
    }
}

/* 3, then 0.5, then 3 Mbit/s again. */
static void test_steps(void **state)
{
    link_init(&l, 600000, 3 * MBIT);
    link_run(&l, 20 * S);
    assert_true(use(3 * MBIT, 10 * S) > 0.8);
    l.capacity = MBIT / 2;
    assert_within(link_until(&l, false, 520000, 10 * S), 3 * S);
    link_run(&l, 5 * S);
    assert_true(use(MBIT / 2, 20 * S) > 0.75);
    l.capacity = 3 * MBIT;
    assert_within(link_until(&l, true, 2400000, 30 * S), 15 * S);
    link_run(&l, 5 * S);
    assert_true(use(3 * MBIT, 20 * S) > 0.8);
}

/* Loss that does not come of queues leaves the call usable. */
static void test_loss(void **state)
{
    static const struct {
        double loss, use;
    } rows[] = {{0.02, 0.75}, {0.05, 0.7}, {0.10, 0.5}, {0.15, 0.3}};
    for (unsigned i = 0; i < 4; i++) {
        link_init(&l, 600000, 3 * MBIT);
        link_run(&l, 10 * S);
        l.loss = rows[i].loss;
        link_run(&l, 10 * S);
        assert_true(use(3 * MBIT, 30 * S) > rows[i].use);
    }
}

static void test_loss_from_the_start(void **state)
{
    link_init(&l, 600000, 3 * MBIT);
    l.loss = 0.15;
    link_run(&l, 20 * S);
    assert_true(use(3 * MBIT, 30 * S) > 0.25);
}

/* A queue so short that only loss tells. */
static void test_short_queue(void **state)
{
    link_init(&l, 600000, 2 * MBIT);
    l.queue_us = 8000;
    link_run(&l, 20 * S);
    assert_true(use(2 * MBIT, 30 * S) > 0.6);
    assert_true(dp_bwe_lost(&l.bwe) < 0.2);
}

static void test_cross_traffic(void **state)
{
    link_init(&l, 600000, 4 * MBIT);
    link_run(&l, 15 * S);
    l.cross = 2 * MBIT;
    link_run(&l, 4 * S);
    assert_true(use(2 * MBIT, 20 * S) > 0.75);
    l.cross = 0;
    assert_within(link_until(&l, true, 3200000, 40 * S), 20 * S);
}

/* Two senders with the same estimator: neither starves, and together they use the link. */
static void test_fairness(void **state)
{
    static struct link other;
    uint64_t first = 0, second = 0;
    link_init(&l, 600000, 3 * MBIT);
    link_run(&l, 20 * S);
    link_init(&other, 600000, 3 * MBIT);
    link_share(&other, &l);
    for (unsigned ms = 0; ms < 80000; ms++) {
        link_run(&l, 1000);
        link_run(&other, 1000);
        if (ms < 10000)
            continue;
        first += dp_bwe_target(&l.bwe) / 70000;
        second += dp_bwe_target(&other.bwe) / 70000;
    }
    printf("%.2f and %.2f Mbit/s\n", (double)first / 1e6, (double)second / 1e6);
    assert_true(first > MBIT * 3 / 4 && second > MBIT * 3 / 4);
    assert_true(first + second > MBIT * 9 / 4);
}

static void test_jitter(void **state)
{
    link_init(&l, 600000, 3 * MBIT);
    l.jitter_us = 10000;
    link_run(&l, 15 * S);
    assert_true(use(3 * MBIT, 30 * S) > 0.6);
}

/* A computer that is too busy to read in time is no link that carries too little. */
static void test_busy_receiver(void **state)
{
    static const int64_t busy[] = {40000, 100000, 200000};
    for (unsigned i = 0; i < 3; i++) {
        link_init(&l, 600000, 10 * MBIT);
        l.wanted = 2 * MBIT;
        l.busy_us = busy[i];
        link_run(&l, 15 * S);
        assert_true(use(2 * MBIT, 60 * S) > 0.95);
        printf("%u falls\n", l.bwe.counters.falls);
        assert_true(l.bwe.counters.falls == 0);
    }
}

/* What the sender does not want is not probed for, and the estimate does not run away. */
static void test_content(void **state)
{
    link_init(&l, 600000, 5 * MBIT);
    l.wanted = 300000;
    link_run(&l, 60 * S);
    assert_true(dp_bwe_target(&l.bwe) >= 300000);
    assert_true(l.queue_most_us < 100000);
    l.wanted = 4 * MBIT;
    assert_within(link_until(&l, true, 3 * MBIT, 30 * S), 12 * S);
}

/* The link is gone: the rate falls; and it comes back. */
static void test_gone(void **state)
{
    link_init(&l, 600000, 3 * MBIT);
    link_run(&l, 15 * S);
    uint64_t before = dp_bwe_target(&l.bwe);
    l.loss = 1;
    link_run(&l, 8 * S);
    assert_true(dp_bwe_target(&l.bwe) < before / 2);
    l.loss = 0;
    assert_within(link_until(&l, true, 2 * MBIT, 40 * S), 20 * S);
}

/* After a while without a packet what was learned of a bad time is not held against the link. */
static void test_stale(void **state)
{
    link_init(&l, 600000, 3 * MBIT);
    link_run(&l, 15 * S);
    l.capacity = 100000;
    link_run(&l, 10 * S);
    assert_true(dp_bwe_target(&l.bwe) < 150000);
    l.wanted = 0;
    link_run(&l, 10 * S);
    assert_int_equal(dp_bwe_target(&l.bwe), 600000);
    l.capacity = 3 * MBIT;
    l.wanted = 2 * MBIT;
    assert_within(link_until(&l, true, 2 * MBIT, 10 * S), 2 * S);
}

static void test_remb(void **state)
{
    const struct dp_bwe_config config = {.start = 600000, .min = 50000, .max = 20000000};
    static struct dp_bwe b;
    dp_bwe_init(&b, &config, 0);
    dp_bwe_remb(&b, 1234000, S);
    assert_int_equal(dp_bwe_target(&b), 1234000);
    dp_bwe_remb(&b, 10, 2 * S);
    assert_int_equal(dp_bwe_target(&b), 50000);
    dp_bwe_remb(&b, UINT64_MAX, 3 * S);
    assert_int_equal(dp_bwe_target(&b), 20000000);
}

/* Whatever a receiver says: no crash, and the rate stays within its limits. */
static void test_any_feedback(void **state)
{
    uint8_t chunks[200], deltas[400];
    srand(3);
    link_init(&l, 600000, 3 * MBIT);
    for (int i = 0; i < 20000; i++) {
        struct dp_twcc_view v = {.base = (uint16_t)rand(),
                                 .count = (uint16_t)(rand() % 200),
                                 .reference = (uint32_t)rand() & 0xffffff,
                                 .chunks = chunks,
                                 .deltas = deltas};
        if (rand() % 4)
            v.base = (uint16_t)(l.number - rand() % 300);
        for (unsigned k = 0; k < sizeof(chunks); k++)
            chunks[k] = (uint8_t)(rand() & (k & 1 ? 0xff : 0x3f)); /* runs, which need few bytes */
        for (unsigned k = 0; k < sizeof(deltas); k++)
            deltas[k] = (uint8_t)rand();
        for (int k = rand() % 5; k > 0; k--)
            dp_bwe_sent(&l.bwe, l.number++, (uint32_t)rand() % 1500, (uint8_t)(rand() % 3),
                        l.now_us);
        l.now_us += rand() % 100000 - 10;
        dp_bwe_feedback(&l.bwe, &v, l.now_us);
        dp_bwe_tick(&l.bwe, l.now_us);
        assert_in_range(dp_bwe_target(&l.bwe), 50000, 20000000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_begin),       cmocka_unit_test(test_steps),
        cmocka_unit_test(test_loss),        cmocka_unit_test(test_loss_from_the_start),
        cmocka_unit_test(test_short_queue), cmocka_unit_test(test_cross_traffic),
        cmocka_unit_test(test_fairness),    cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_content),     cmocka_unit_test(test_gone),
        cmocka_unit_test(test_remb),        cmocka_unit_test(test_any_feedback),
        cmocka_unit_test(test_busy_receiver), cmocka_unit_test(test_stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
