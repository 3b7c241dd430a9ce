/* Indices behind the gate: no gaps of its own making, in order, none twice. */
#include "tests/unit/dataplane/speaker/support.h"

#include "dataplane/speaker/gate.h"

#include <string.h>

#define PACKETS 20000

static struct dp_gate g;

static void assert_out(uint64_t index, bool open, uint64_t out)
{
    assert_true(dp_gate_pass(&g, index, open));
    assert_int_equal(index - g.less, out);
}

static void test_closed_and_opened(void **state)
{
    memset(&g, 0, sizeof(g));
    assert_out(0, true, 0);
    assert_out(1, true, 1);
    assert_false(dp_gate_pass(&g, 2, false));
    assert_false(dp_gate_pass(&g, 3, false));
    assert_out(4, true, 2);
    assert_false(dp_gate_pass(&g, 5, false));
    assert_out(6, true, 3);
}

static void test_closed_from_the_start(void **state)
{
    memset(&g, 0, sizeof(g));
    assert_false(dp_gate_pass(&g, 100, false));
    assert_false(dp_gate_pass(&g, 101, false));
    assert_out(102, true, 102);
    assert_out(103, true, 103);
}

/* A late packet passes where those beside it did, and nowhere else. */
static void test_late(void **state)
{
    memset(&g, 0, sizeof(g));
    assert_out(10, true, 10);
    assert_out(12, true, 12);
    assert_false(dp_gate_pass(&g, 14, false));
    assert_out(11, false, 11);
    assert_out(13, false, 13); /* before it was closed */
    assert_false(dp_gate_pass(&g, 16, false));
    assert_false(dp_gate_pass(&g, 15, true)); /* it does not open for a late one */
    assert_out(20, true, 14);
    assert_false(dp_gate_pass(&g, 19, true));
    assert_false(dp_gate_pass(&g, 13, true));
    assert_out(22, true, 16);
    assert_out(21, true, 15);
}

/* Losses before it closes leave no gap behind it either. */
static void test_lost_before_it_closes(void **state)
{
    memset(&g, 0, sizeof(g));
    assert_out(1, true, 1);
    assert_false(dp_gate_pass(&g, 4, false)); /* 2 and 3 have not come */
    assert_out(9, true, 2);
}

/* Packets in any order near their own, some lost; it opens and closes at random. */
static void test_random(void **state)
{
    static uint64_t out[PACKETS + 64];
    static bool used[PACKETS + 64];
    for (unsigned run = 0; run < 20; run++) {
        uint64_t order[8], last_in = 0, last_out = 0;
        memset(&g, 0, sizeof(g));
        memset(out, 0xFF, sizeof(out));
        memset(used, 0, sizeof(used));
        bool open = roll(2);
        for (uint64_t base = 0; base < PACKETS; base += 8) {
            for (unsigned i = 0; i < 8; i++)
                order[i] = base + i;
            for (unsigned i = 0; run % 2 && i < 8; i++) {
                unsigned k = roll(8);
                uint64_t swap = order[i];
                order[i] = order[k];
                order[k] = swap;
            }
            for (unsigned i = 0; i < 8; i++) {
                open ^= roll(10) == 0;
                if (roll(20) == 0 && run % 4 > 1)
                    continue;
                if (!dp_gate_pass(&g, order[i], open))
                    continue;
                out[order[i]] = order[i] - g.less;
                assert_false(used[out[order[i]]]);
                used[out[order[i]]] = true;
            }
        }
        bool first = true;
        for (uint64_t in = 0; in < PACKETS; in++) {
            if (out[in] == UINT64_MAX)
                continue;
            if (!first) {
                assert_true(out[in] > last_out);
                assert_true(out[in] - last_out <= in - last_in);
                if (run % 4 == 0) /* nothing was lost or late */
                    assert_int_equal(out[in], last_out + 1);
            }
            first = false;
            last_in = in;
            last_out = out[in];
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closed_and_opened),
        cmocka_unit_test(test_closed_from_the_start),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_lost_before_it_closes),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
