#include "dataplane/srtp/checker.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void one_rule(void **state)
{
    struct dp_srtp_checker *c = dp_srtp_checker_new(1024);
    uint8_t packet[100] = {1, 2, 3};

    assert_non_null(c);
    assert_int_equal(dp_srtp_checker_see(c, 1, 2, 3, packet, sizeof(packet)), 0);
    assert_int_equal(dp_srtp_checker_see(c, 1, 2, 3, packet, sizeof(packet)), 0);
    for (size_t i = 0; i < sizeof(packet); i++) {
        packet[i] ^= 0x10;
        assert_int_equal(dp_srtp_checker_see(c, 1, 2, 3, packet, sizeof(packet)), -EKEYREJECTED);
        packet[i] ^= 0x10;
    }
    assert_int_equal(dp_srtp_checker_see(c, 1, 2, 3, packet, 99), -EKEYREJECTED);
    packet[0]++;
    assert_int_equal(dp_srtp_checker_see(c, 9, 2, 3, packet, sizeof(packet)), 0);
    assert_int_equal(dp_srtp_checker_see(c, 1, 9, 3, packet, sizeof(packet)), 0);
    assert_int_equal(dp_srtp_checker_see(c, 1, 2, 9, packet, sizeof(packet)), 0);
    dp_srtp_checker_free(c);
}

/* Of far more triples than it has room for, it accuses none, and still knows the newest ones. */
static void bounded(void **state)
{
    struct dp_srtp_checker *c = dp_srtp_checker_new(4096);
    uint32_t n = 100000, caught = 0;

    assert_non_null(c);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(dp_srtp_checker_see(c, i % 3, i % 7, i, (const uint8_t *)&i, 4), 0);
    for (uint32_t i = n - 1000; i < n; i++) {
        uint32_t other = i + 1;
        caught += dp_srtp_checker_see(c, i % 3, i % 7, i, (const uint8_t *)&other, 4) != 0;
    }
    assert_in_range(caught, 950, 1000);
    dp_srtp_checker_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_rule), cmocka_unit_test(bounded)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
