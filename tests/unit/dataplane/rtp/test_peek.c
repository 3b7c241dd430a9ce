#include "dataplane/rtp/peek.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static uint64_t head(const uint8_t bytes[DP_PEEK_LEN])
{
    uint64_t value;

    memcpy(&value, bytes, sizeof(value));
    return value;
}

#define HEAD(...) head((const uint8_t[DP_PEEK_LEN]){__VA_ARGS__})

static void test_vp8(void **state)
{
    (void)state;
    /* As aiortc, GStreamer and libwebrtc send them: S, 15-bit PictureID, then the frame's header.
     */
    assert_true(dp_peek_vp8(HEAD(0x90, 0x80, 0x9c, 0xb9, 0x50, 0x42, 0x00, 0x9d)));
    assert_false(dp_peek_vp8(HEAD(0x90, 0x80, 0x9c, 0xb9, 0xb1, 0x10, 0x00, 0xe3)));
    assert_false(dp_peek_vp8(HEAD(0x80, 0x80, 0x9c, 0xb9, 0x50, 0x42, 0x00, 0x9d)));
    assert_false(dp_peek_vp8(HEAD(0x91, 0x80, 0x9c, 0xb9, 0x50, 0x42, 0x00, 0x9d)));
    assert_true(dp_peek_vp8(HEAD(0x10, 0x50, 0x42, 0x00)));
    assert_false(dp_peek_vp8(HEAD(0x10, 0x51, 0x42, 0x00)));
    assert_true(dp_peek_vp8(HEAD(0x90, 0x80, 0x1c, 0x50, 0xff, 0xff)));
    assert_false(dp_peek_vp8(HEAD(0x90, 0x80, 0x1c, 0x51)));
    /* Everything there is: I with M, L, T, K. */
    assert_true(dp_peek_vp8(HEAD(0x90, 0xf0, 0x80, 0x01, 0x07, 0x21, 0x50, 0xff)));
    assert_false(dp_peek_vp8(HEAD(0x90, 0xf0, 0x80, 0x01, 0x07, 0x21, 0x51)));
    assert_true(dp_peek_vp8(HEAD(0x90, 0x20, 0x21, 0x50, 0xff)));
    assert_true(dp_peek_vp8(HEAD(0x90, 0x40, 0x07, 0x50, 0xff)));
    assert_true(dp_peek_vp8(HEAD(0x90, 0x00, 0x50, 0xff)));
}

static void test_h264(void **state)
{
    (void)state;
    assert_true(dp_peek_h264(HEAD(0x67, 0x42, 0x00, 0x1f)));
    assert_true(dp_peek_h264(HEAD(0x65, 0x88)));
    assert_false(dp_peek_h264(HEAD(0x68, 0xce)));
    assert_false(dp_peek_h264(HEAD(0x61, 0x9a)));
    assert_true(dp_peek_h264(HEAD(0x78, 0x00, 0x0c, 0x67)));
    assert_false(dp_peek_h264(HEAD(0x78, 0x00, 0x0c, 0x61, 0x67)));
    assert_true(dp_peek_h264(HEAD(0x7c, 0x85)));
    assert_false(dp_peek_h264(HEAD(0x7c, 0x05)));
    assert_false(dp_peek_h264(HEAD(0x7c, 0x81)));
}

/* Whatever the bytes are, nothing is read beyond them. */
static void test_any_bytes(void **state)
{
    uint64_t value = 88172645463325252;
    unsigned yes = 0;

    (void)state;
    for (unsigned i = 0; i < 1000000; i++) {
        value ^= value << 13;
        value ^= value >> 7;
        value ^= value << 17;
        yes += dp_peek_vp8(value) + dp_peek_h264(value);
    }
    assert_in_range(yes, 1, 999999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vp8),
        cmocka_unit_test(test_h264),
        cmocka_unit_test(test_any_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
