/* What is kept for retransmission, and the tables behind it. */
#include "rig.h"

#include "dataplane/ssrcs.h"

#include <stdlib.h>

#define SIZE 8

static struct dp_history history;
static struct rte_mbuf *slots[SIZE];
static struct dp_history_budget budget;
static uint16_t length; /* of packets that are kept */

static int up(void **state)
{
    history = (struct dp_history){.pkts = slots, .size = SIZE};
    length = 100;
    budget = (struct dp_history_budget){.limit = 100, .stream_bytes = 100000, .max_age = 1000};
    return rig_up(state);
}

static int down(void **state)
{
    dp_history_clear(&history, &budget);
    return rig_down(state) || budget.held ? -1 : 0;
}

static void keep(uint64_t index, uint64_t arrival)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(rig.worker.pool);
    dp_packet(m)->index = index;
    dp_packet(m)->length = length;
    dp_packet(m)->arrival = arrival;
    dp_history_keep(&history, &budget, m);
    rte_pktmbuf_free(m);
}

static bool kept(uint64_t index)
{
    struct rte_mbuf *m = dp_history_find(&history, index);
    return m && dp_packet(m)->index == index;
}

static void test_newest_push_out_oldest(void **state)
{
    for (uint64_t i = 100; i < 120; i++)
        keep(i, 0);
    for (uint64_t i = 90; i < 130; i++)
        assert_int_equal(kept(i), i >= 112 && i < 120);
    assert_int_equal(budget.held, SIZE);
    keep(1000000, 0); /* a leap */
    assert_int_equal(budget.held, 1);
    keep(999999, 0); /* late */
    keep(999000, 0); /* too late */
    assert_true(kept(999999));
    assert_int_equal(budget.held, 2);
    keep(1000000, 0); /* again */
    assert_int_equal(budget.held, 2);
}

static void test_age(void **state)
{
    for (uint64_t i = 0; i < 5; i++)
        keep(i * 2, i * 100); /* with gaps */
    dp_history_expire(&history, &budget, 1150);
    assert_false(kept(0));
    assert_false(kept(2));
    assert_true(kept(4));
    dp_history_expire(&history, &budget, 5000);
    assert_int_equal(budget.held, 0);
    keep(3, 6000); /* lower than before */
    assert_true(kept(3));
}

static void test_budget(void **state)
{
    budget.limit = 3;
    for (uint64_t i = 0; i < 6; i++)
        keep(i, 0);
    assert_int_equal(budget.held, 3);
    assert_true(kept(5));
    struct rte_mbuf *others[SIZE] = {0};
    struct dp_history other = {.pkts = others, .size = SIZE};
    struct rte_mbuf *m = rte_pktmbuf_alloc(rig.worker.pool);
    dp_packet(m)->index = 1;
    dp_packet(m)->length = length;
    dp_history_keep(&other, &budget, m); /* has nothing of its own to give up */
    rte_pktmbuf_free(m);
    assert_null(dp_history_find(&other, 1));
    assert_int_equal(budget.held, 3);
}

static void test_bytes(void **state)
{
    budget.stream_bytes = 450;
    for (uint64_t i = 0; i < 6; i++)
        keep(i, 0);
    assert_int_equal(budget.held, 4);
    assert_true(kept(5) && kept(2) && !kept(1));
    length = 300;
    keep(7, 0);
    assert_int_equal(budget.held, 2);
    assert_int_equal(history.bytes, 400);
    assert_true(kept(7) && kept(5));
    length = 500;
    keep(8, 0); /* larger than all of it */
    assert_false(kept(8));
    assert_int_equal(history.bytes, 0);
    length = 100;
    keep(9, 0);
    assert_true(kept(9));
}

static void test_random(void **state)
{
    srand(5);
    budget.stream_bytes = 6000;
    uint64_t index = 1000;
    for (uint64_t now = 0; now < 20000; now++) {
        index += (uint64_t)(rand() % 5) - 1;
        if (rand() % 1000 == 0)
            index += 5000;
        length = (uint16_t)(rand() % 1400);
        keep(index - (uint64_t)(rand() % 12), now * 10);
        unsigned found = 0, bytes = 0;
        for (uint64_t i = index - 40; i < index + 10; i++) {
            found += kept(i);
            bytes += kept(i) ? dp_packet(dp_history_find(&history, i))->length : 0;
        }
        assert_true(found <= SIZE && budget.held <= SIZE);
        assert_true(bytes <= history.bytes && history.bytes <= budget.stream_bytes);
    }
}

static void test_sizes(void **state)
{
    assert_int_equal(dp_history_size(false, 1000), DP_HISTORY_AUDIO);
    assert_int_equal(dp_history_size(true, 0), DP_HISTORY_VIDEO_MIN);
    assert_int_equal(dp_history_size(true, 1000), 1024);
    assert_int_equal(dp_history_size(true, UINT32_MAX), DP_HISTORY_VIDEO_MAX);
}

static void test_ssrcs(void **state)
{
    static int objects[1000];
    bool there[1000] = {0};
    struct dp_ssrcs t = {0};
    uint32_t used = 0;
    assert_null(dp_ssrcs_find(&t, 5));
    assert_false(dp_ssrcs_add(&t, 5, objects));
    free(dp_ssrcs_grow(&t, calloc(4, sizeof(struct dp_ssrc_slot)), 4));
    srand(9);
    for (int i = 0; i < 20000; i++) {
        uint32_t ssrc = (uint32_t)rand() % 1000;
        assert_ptr_equal(dp_ssrcs_find(&t, ssrc), there[ssrc] ? &objects[ssrc] : NULL);
        if (there[ssrc]) {
            dp_ssrcs_remove(&t, ssrc);
            dp_ssrcs_remove(&t, ssrc);
            used--;
        } else {
            if (2 * (used + 1) > t.size)
                free(
                    dp_ssrcs_grow(&t, calloc(2 * t.size, sizeof(struct dp_ssrc_slot)), 2 * t.size));
            assert_true(dp_ssrcs_add(&t, ssrc, &objects[ssrc]));
            assert_false(dp_ssrcs_add(&t, ssrc, &objects[ssrc]));
            used++;
        }
        there[ssrc] = !there[ssrc];
        assert_int_equal(t.used, used);
    }
    free(t.slots);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)
    const struct CMUnitTest tests[] = {
        TEST(test_newest_push_out_oldest),
        TEST(test_age),
        TEST(test_budget),
        TEST(test_bytes),
        TEST(test_random),
        TEST(test_sizes),
        TEST(test_ssrcs),
    };
    return cmocka_run_group_tests(tests, rig_eal, NULL);
}
