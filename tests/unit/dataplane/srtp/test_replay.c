/* The window against a model that remembers every index. */
#include "dataplane/srtp/replay.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SPACE (64 * 65536) /* indices of one run */
#define STEPS 100000

static uint64_t seed = 7;

static uint64_t below(uint64_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (seed >> 33) % n;
}

/* The nearest index to the highest with these low bits, by looking at all of them. The two ends of
 * the half circle are as near as each other; RFC 3711's appendix A prefers what it prefers. */
static int64_t model_index(uint64_t highest, uint16_t seq)
{
    int64_t best = -1, best_distance = INT64_MAX;

    for (int64_t roc = (int64_t)(highest >> 16) - 1; roc <= (int64_t)(highest >> 16) + 1; roc++) {
        int64_t index = roc * 65536 + seq;
        int64_t distance = llabs(index - (int64_t)highest);

        if (distance < best_distance ||
            (distance == best_distance && roc == (int64_t)(highest >> 16))) {
            best = index;
            best_distance = distance;
        }
    }
    return best;
}

static int model_estimate(const bool *seen, uint64_t highest, uint16_t seq, int64_t *index)
{
    *index = model_index(highest, seq);
    if (*index < 0 || *index + DP_SRTP_WINDOW <= (int64_t)highest)
        return -ESTALE;
    return seen[*index] ? -EALREADY : 0;
}

static uint64_t next_index(uint64_t highest)
{
    uint64_t back = below(20) ? below(1100) : below(40000);

    if (below(2))
        return highest > back ? highest - back : 0;
    return highest + (below(60) ? below(3) : below(2000));
}

static void as_the_model(void **state)
{
    static bool seen[SPACE + 65536];
    struct dp_srtp_rx rx = {0};
    uint64_t highest = 30000, index;
    int good = 0, stale = 0, replayed = 0;

    assert_int_equal(dp_srtp_rx_estimate(&rx, 30000, &index), 0);
    dp_srtp_rx_commit(&rx, index);
    seen[30000] = true;
    for (int i = 0; i < STEPS && highest < SPACE - 65536; i++) {
        uint16_t seq = (uint16_t)next_index(highest);
        int64_t want_index;
        int want = model_estimate(seen, highest, seq, &want_index);

        assert_int_equal(dp_srtp_rx_estimate(&rx, seq, &index), want);
        good += want == 0;
        stale += want == -ESTALE;
        replayed += want == -EALREADY;
        if (want != 0)
            continue;
        assert_int_equal(index, want_index);
        if (below(10) == 0) /* a wrong tag: no commit, nothing changes */
            continue;
        dp_srtp_rx_commit(&rx, index);
        seen[index] = true;
        highest = index > highest ? index : highest;
    }
    assert_true(highest > 2 * 65536);
    assert_true(good > 1000 && stale > 1000 && replayed > 1000);
}

/* RFC 3711 appendix A, at the edges of its two comparisons. */
static void edges(void **state)
{
    static const struct {
        uint64_t highest;
        uint16_t seq;
        uint64_t index;
    } rows[] = {
        {0x10000, 0x8000, 0x18000}, {0x10000, 0x8001, 0x08001}, {0x17fff, 0xffff, 0x1ffff},
        {0x18000, 0x0000, 0x10000}, {0x18001, 0x0000, 0x20000}, {0x1ffff, 0x0000, 0x20000},
        {0x1ffff, 0x7ffe, 0x27ffe}, {0x1ffff, 0x7fff, 0x17fff}, {0x20000, 0xffff, 0x1ffff},
    };
    struct dp_srtp_rx rx = {0};
    uint64_t index;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        memset(&rx, 0, sizeof(rx));
        dp_srtp_rx_commit(&rx, rows[i].highest);
        dp_srtp_rx_estimate(&rx, rows[i].seq, &index);
        assert_int_equal(index, rows[i].index);
    }
}

static void begins_at_commit(void **state)
{
    struct dp_srtp_rx rx = {0};
    uint64_t index;

    assert_int_equal(dp_srtp_rx_estimate(&rx, 500, &index), 0);
    assert_int_equal(dp_srtp_rx_estimate(&rx, 65535, &index), 0);
    assert_int_equal(index, 65535);
    assert_false(rx.begun);
    dp_srtp_rx_commit(&rx, 10);
    assert_int_equal(dp_srtp_rx_estimate(&rx, 65535, &index), -ESTALE);
    assert_int_equal(dp_srtp_rx_estimate(&rx, 9, &index), 0);
    assert_int_equal(dp_srtp_rx_estimate(&rx, 10, &index), -EALREADY);
}

static void restored(void **state)
{
    struct dp_srtp_rx rx = {0};
    uint64_t index;

    dp_srtp_rx_restore(&rx, 0x5fff0);
    for (int back = 0; back < DP_SRTP_WINDOW; back++)
        assert_int_equal(dp_srtp_rx_estimate(&rx, (uint16_t)(0xfff0 - back), &index), -EALREADY);
    assert_int_equal(dp_srtp_rx_estimate(&rx, 3, &index), 0);
    assert_int_equal(index, 0x60003);
    dp_srtp_rx_commit(&rx, index);
    assert_int_equal(dp_srtp_rx_estimate(&rx, 0xfff1, &index), 0);
    assert_int_equal(dp_srtp_rx_estimate(&rx, 0xfff0, &index), -EALREADY);
}

static void ends(void **state)
{
    struct dp_srtp_rx rx = {0};
    uint64_t index;

    dp_srtp_rx_restore(&rx, DP_SRTP_INDEX_MAX - 1);
    assert_int_equal(dp_srtp_rx_estimate(&rx, 0xffff, &index), 0);
    assert_int_equal(index, DP_SRTP_INDEX_MAX);
    dp_srtp_rx_commit(&rx, index);
    assert_int_equal(dp_srtp_rx_estimate(&rx, 0, &index), -ERANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_model), cmocka_unit_test(edges), cmocka_unit_test(begins_at_commit),
        cmocka_unit_test(restored),     cmocka_unit_test(ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
