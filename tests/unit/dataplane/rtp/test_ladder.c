/* What the targets of a stream take, from packets counted by layer. */
#include "support.h"

#include "dataplane/rtp/ladder.h"

/* L2T2: targets S0T0, S0T1, S1T0, S1T1. */
static struct dp_dd_state two_by_two(void)
{
    struct dp_dd_state dd = {.valid = true, .active_targets = 15};
    dd.structure = (struct dp_dd_structure){.target_count = 4,
                                            .spatial_count = 2,
                                            .target_spatial = {0, 0, 1, 1},
                                            .target_temporal = {0, 1, 0, 1},
                                            .has_resolutions = true,
                                            .width = {319, 639},
                                            .height = {179, 359}};
    return dd;
}

static void count(struct dp_ladder *l, unsigned spatial, unsigned temporal, unsigned frames)
{
    struct dp_part p = {.spatial = (uint8_t)spatial, .temporal = (uint8_t)temporal, .known = true};
    for (unsigned i = 0; i < 2 * frames; i++) {
        p.start = i % 2 == 0;
        dp_ladder_count(l, &p, 500);
    }
}

/* Half a second of 20 frames/s. */
static void count_all(struct dp_ladder *l)
{
    count(l, 0, 0, 5);
    count(l, 0, 1, 5);
    count(l, 1, 0, 5);
    count(l, 1, 1, 5);
}

static void test_rungs_add_up(void **state)
{
    struct dp_ladder l = {0};
    struct dp_dd_state dd = two_by_two();
    count_all(&l);
    dp_ladder_measure(&l, &dd, 500);
    assert_int_equal(l.count, 4);
    const uint32_t rates[] = {80000, 160000, 160000, 320000};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(l.rungs[i].target, i);
        assert_int_equal(l.rungs[i].spatial, i / 2);
        assert_int_equal(l.rungs[i].temporal, i % 2);
        assert_int_equal(l.rungs[i].bitrate, rates[i]);
        assert_int_equal(l.rungs[i].fps, i % 2 ? 20 : 10);
        assert_int_equal(l.rungs[i].width, i / 2 ? 640 : 320);
        assert_int_equal(l.rungs[i].height, i / 2 ? 360 : 180);
    }
}

static void test_only_what_is_active_and_comes(void **state)
{
    struct dp_ladder l = {0};
    struct dp_dd_state dd = two_by_two();
    dd.active_targets = 7;
    count_all(&l);
    dp_ladder_measure(&l, &dd, 500);
    assert_int_equal(l.count, 3);
    dd.active_targets = 15;
    l = (struct dp_ladder){0};
    count(&l, 0, 0, 5);
    count(&l, 1, 0, 5);
    dp_ladder_measure(&l, &dd, 500);
    assert_int_equal(l.count, 2);
    assert_int_equal(l.rungs[1].spatial, 1);
    dd.valid = false;
    dp_ladder_measure(&l, &dd, 500);
    assert_int_equal(l.count, 0);
}

static void test_in_order_and_once(void **state)
{
    struct dp_ladder l = {0};
    struct dp_dd_state dd = two_by_two();
    const uint8_t spatial[] = {1, 0, 0, 1}, temporal[] = {0, 1, 0, 0};
    memcpy(dd.structure.target_spatial, spatial, sizeof(spatial));
    memcpy(dd.structure.target_temporal, temporal, sizeof(temporal));
    count_all(&l);
    dp_ladder_measure(&l, &dd, 500);
    assert_int_equal(l.count, 3);
    assert_int_equal(l.rungs[0].target, 2);
    assert_int_equal(l.rungs[1].target, 1);
    assert_int_equal(l.rungs[2].target, 0);
}

static void test_too_many_targets(void **state)
{
    struct dp_ladder l = {0};
    struct dp_dd_state dd = two_by_two();
    dd.structure.target_count = DP_RUNGS_MAX + 1;
    dd.active_targets = UINT32_MAX;
    count_all(&l);
    dp_ladder_measure(&l, &dd, 500);
    assert_int_equal(l.count, 0);
}

/* What is not sent any more goes. */
static void test_rates_follow(void **state)
{
    struct dp_ladder l = {0};
    struct dp_dd_state dd = two_by_two();
    for (unsigned i = 0; i < 6; i++) {
        count_all(&l);
        dp_ladder_measure(&l, &dd, 500);
    }
    for (unsigned i = 0; i < 30; i++) {
        count(&l, 0, 0, 5);
        dp_ladder_measure(&l, &dd, 500);
    }
    assert_int_equal(l.count, 1);
    assert_int_equal(l.rungs[0].bitrate, 80000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rungs_add_up),
        cmocka_unit_test(test_only_what_is_active_and_comes),
        cmocka_unit_test(test_in_order_and_once),
        cmocka_unit_test(test_too_many_targets),
        cmocka_unit_test(test_rates_follow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
