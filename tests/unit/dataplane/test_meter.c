#include "dataplane/meter.h"
#include "lab.h"

#include <string.h>

#define HZ UINT64_C(1000000000)

static unsigned passed(struct dp_meter *m, unsigned tries, uint32_t address, uint64_t now)
{
    unsigned n = 0;

    for (unsigned i = 0; i < tries; i++)
        n += dp_meter_check(m, 4, (const uint8_t *)&address, false, now) == DP_METER_PASS;
    return n;
}

static void one_source_is_held_to_its_rate(void **state)
{
    struct dp_meter *m = dp_meter_new(1000, 10, HZ, 5);

    assert_int_equal(passed(m, 100, 1, 5), 10);
    assert_int_equal(dp_meter_check(m, 4, (const uint8_t[]){1, 0, 0, 0}, true, 5), DP_METER_SOURCE);
    assert_int_equal(passed(m, 100, 1, 5 + HZ / 2), 5);
    assert_int_equal(passed(m, 100, 1, 5 + 100 * HZ), 10); /* not more than a second's worth */
    dp_meter_free(m);
}

/* The flood of one does not take the tokens of others. */
static void a_flood_leaves_room_for_others(void **state)
{
    struct dp_meter *m = dp_meter_new(100, 10, HZ, 0);
    unsigned others = 0;

    passed(m, 100000, 1, 0);
    for (uint32_t a = 2; a < 11; a++)
        others += passed(m, 5, a, 0);
    assert_true(others >= 40); /* 45 but for the one in 4096 who shares a bucket */
    dp_meter_free(m);
}

static void all_together_are_held_to_the_total(void **state)
{
    struct dp_meter *m = dp_meter_new(50, 10, HZ, 0);
    unsigned n = 0;

    for (uint32_t a = 0; a < 1000; a++)
        n += passed(m, 1, a, 0);
    assert_int_equal(n, 50);
    uint32_t fresh = 0xfefefefe;
    enum dp_meter_verdict v = dp_meter_check(m, 4, (const uint8_t *)&fresh, false, 0);
    assert_int_equal(v, DP_METER_TOTAL);
    /* Endpoints that exist go on. */
    v = dp_meter_check(m, 4, (const uint8_t *)&fresh, true, 0);
    assert_int_equal(v, DP_METER_PASS);
    dp_meter_free(m);
}

/* One host has all of its /64. */
static void ipv6_sources_are_networks(void **state)
{
    struct dp_meter *m = dp_meter_new(1000, 10, HZ, 0);
    uint8_t ip[16] = {0x20, 1, 0, 2};
    unsigned n = 0;

    for (unsigned i = 0; i < 200; i++) {
        ip[15] = (uint8_t)i;
        n += dp_meter_check(m, 6, ip, false, 0) == DP_METER_PASS;
    }
    assert_int_equal(n, 10);
    dp_meter_free(m);
}

static void impossible_rates_are_refused(void **state)
{
    assert_null(dp_meter_new(0, 10, HZ, 0));
    assert_null(dp_meter_new(10, 0, HZ, 0));
    assert_null(dp_meter_new(100, 10, 50, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_source_is_held_to_its_rate),
        cmocka_unit_test(a_flood_leaves_room_for_others),
        cmocka_unit_test(all_together_are_held_to_the_total),
        cmocka_unit_test(ipv6_sources_are_networks),
        cmocka_unit_test(impossible_rates_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
