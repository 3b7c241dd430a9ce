#include "proto/address.h"

#include <errno.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void round_trips(void **state)
{
    static const char *const texts[] = {"198.18.0.2", "198.18.0.2:10000", "[2001:2::2]:10000",
                                        "2001:2::2",  "0.0.0.0",          "::1"};
    char buf[HR_ADDRESS_TEXT];
    struct hr_address a;

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        assert_int_equal(hr_address_parse(texts[i], &a), 0);
        assert_string_equal(hr_address_format(&a, buf), texts[i]);
    }
    assert_int_equal(hr_address_parse("198.18.0.2/24", &a), 0);
    assert_int_equal(a.prefix, 24);
    assert_int_equal(hr_address_parse("2001:2::2/64", &a), 0);
    assert_int_equal(a.prefix, 64);
}

static void refuses(void **state)
{
    static const char *const texts[] = {
        "",
        "198.18.0",
        "198.18.0.2:",
        "198.18.0.2:65536",
        "198.18.0.2/33",
        "[2001:2::2",
        "[2001:2::2]x",
        "2001:2::2/129",
        "host",
        "198.18.0.2:-1",
        "198.18.0.2/ 8",
        "198.18.0.2/",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd"};
    struct hr_address a;

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (hr_address_parse(texts[i], &a) != -EINVAL)
            fail_msg("accepted '%s'", texts[i]);
}

static void equal_addresses_compare_equal(void **state)
{
    struct hr_address a, b;

    memset(&a, 0xff, sizeof(a));
    memset(&b, 0, sizeof(b));
    assert_int_equal(hr_address_parse("198.18.0.2:1", &a), 0);
    assert_int_equal(hr_address_parse("198.18.0.2:1", &b), 0);
    assert_memory_equal(&a, &b, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trips), cmocka_unit_test(refuses),
                                       cmocka_unit_test(equal_addresses_compare_equal)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
