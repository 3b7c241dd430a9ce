#include "support.h"

#include "dataplane/rtp/rtp.h"

static enum dp_rtp_error parse(const uint8_t *p, size_t len, struct dp_rtp_header *h)
{
    memset(h, 0xa5, sizeof(*h));
    return dp_rtp_parse(p, len, h);
}

static void reads_a_plain_header(void **state)
{
    const uint8_t p[] = {0xa0, 0xe0, 0x12, 0x34, 1, 2, 3, 4, 5, 6, 7, 8, 0xaa, 0xbb, 2};
    struct dp_rtp_header h;
    assert_int_equal(parse(p, sizeof(p), &h), DP_RTP_OK);
    assert_true(h.padding);
    assert_true(h.marker);
    assert_int_equal(h.pt, 0x60);
    assert_int_equal(h.seq, 0x1234);
    assert_int_equal(h.ts, 0x01020304);
    assert_int_equal(h.ssrc, 0x05060708);
    assert_int_equal(h.csrc_count, 0);
    assert_int_equal(h.hdr_len, 12);
    assert_int_equal(h.payload_len, 3);
    assert_int_equal(h.ext_profile, 0);
    assert_int_equal(h.ext_count, 0);
}

static void counts_sources_and_one_byte_extensions(void **state)
{
    const uint8_t p[] = {0x92, 0x60, 0,    1, 0, 0, 0,    2,    0,    0, 0,   3,    9,
                         9,    9,    9,    8, 8, 8, 8,    0xbe, 0xde, 0, 3,   0x10, 0xff,
                         0,    0,    0x32, 1, 2, 3, 0x51, 7,    7,    0, 0x42};
    struct dp_rtp_header h;
    assert_int_equal(parse(p, sizeof(p), &h), DP_RTP_OK);
    assert_int_equal(h.csrc_count, 2);
    assert_int_equal(h.hdr_len, 36);
    assert_int_equal(h.payload_len, 1);
    assert_int_equal(h.ext_profile, DP_RTP_PROFILE_ONE);
    assert_int_equal(h.ext_off, 24);
    assert_int_equal(h.ext_len, 12);
    assert_int_equal(h.ext_count, 3);
    assert_int_equal(h.ext[0].id, 1);
    assert_int_equal(h.ext[0].len, 1);
    assert_int_equal(p[h.ext[0].off], 0xff);
    assert_int_equal(h.ext[1].id, 3);
    assert_int_equal(h.ext[1].len, 3);
    assert_int_equal(h.ext[1].off, 29);
    assert_int_equal(h.ext[2].id, 5);
    assert_int_equal(h.ext[2].len, 2);
}

static void reads_two_byte_extensions(void **state)
{
    const uint8_t p[] = {0x90, 0x60, 0, 1, 0, 0,   0, 2,  0, 0, 0, 3,
                         0x10, 0x05, 0, 2, 0, 200, 0, 17, 2, 6, 7, 0};
    struct dp_rtp_header h;
    assert_int_equal(parse(p, sizeof(p), &h), DP_RTP_OK);
    assert_int_equal(h.ext_count, 2);
    assert_int_equal(h.ext[0].id, 200);
    assert_int_equal(h.ext[0].len, 0);
    assert_int_equal(h.ext[1].id, 17);
    assert_int_equal(h.ext[1].len, 2);
    assert_int_equal(p[h.ext[1].off], 6);
    assert_int_equal(h.payload_len, 0);
}

static void reserved_ids_end_the_list(void **state)
{
    uint8_t p[] = {0x90, 0x60, 0, 1, 0,    0,    0,    2,    0, 0,    0, 3,
                   0xbe, 0xde, 0, 2, 0x10, 0x55, 0xf3, 0x20, 9, 0x20, 9, 0};
    struct dp_rtp_header h;
    assert_int_equal(parse(p, sizeof(p), &h), DP_RTP_OK);
    assert_int_equal(h.ext_count, 1);
    p[18] = 0x02; /* id 0 with a length */
    assert_int_equal(parse(p, sizeof(p), &h), DP_RTP_OK);
    assert_int_equal(h.ext_count, 1);
    p[18] = 0x00; /* padding */
    assert_int_equal(parse(p, sizeof(p), &h), DP_RTP_OK);
    assert_int_equal(h.ext_count, 3);
}

static void another_profile_is_measured_but_not_indexed(void **state)
{
    const uint8_t p[] = {0x90, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xab, 0xcd, 0, 1, 0x1f, 2, 3, 4, 5};
    struct dp_rtp_header h;
    assert_int_equal(parse(p, sizeof(p), &h), DP_RTP_OK);
    assert_int_equal(h.ext_profile, 0xabcd);
    assert_int_equal(h.ext_count, 0);
    assert_int_equal(h.payload_len, 1);
}

static void names_what_is_wrong(void **state)
{
    uint8_t p[48] = {0x80};
    struct dp_rtp_header h;
    assert_int_equal(parse(p, 11, &h), DP_RTP_SHORT);
    assert_int_equal(parse(p, 0, &h), DP_RTP_SHORT);
    assert_int_equal(parse(p, 12, &h), DP_RTP_OK);
    p[0] = 0x40;
    assert_int_equal(parse(p, 12, &h), DP_RTP_VERSION);
    p[0] = 0x8f;
    assert_int_equal(parse(p, 12 + 59, &h), DP_RTP_CSRC_SHORT);
    p[0] = 0x90;
    assert_int_equal(parse(p, 15, &h), DP_RTP_EXT_SHORT);
    p[12] = 0xbe;
    p[13] = 0xde;
    p[15] = 1;
    assert_int_equal(parse(p, 19, &h), DP_RTP_EXT_SHORT);
    p[16] = 0x13; /* four bytes of data where three are left */
    assert_int_equal(parse(p, 20, &h), DP_RTP_EXT_ELEMENT);
    p[12] = 0x10;
    p[13] = 0x00;
    memcpy(p + 16, (uint8_t[]){0, 0, 0, 7}, 4); /* an id, but no length */
    assert_int_equal(parse(p, 20, &h), DP_RTP_EXT_ELEMENT);
    p[15] = 5;
    for (int i = 0; i < 20; i++)
        p[16 + i] = i % 2 ? 0 : 1;
    assert_int_equal(parse(p, 36, &h), DP_RTP_OK);
    assert_int_equal(h.ext_count, 10);
    assert_string_equal(dp_rtp_error_text(DP_RTP_VERSION), "version is not 2");
    assert_string_equal(dp_rtp_error_text((enum dp_rtp_error)99), "unknown");
}

static void more_elements_than_are_indexed_is_an_error(void **state)
{
    uint8_t p[16 + 36] = {0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xbe, 0xde, 0, 9};
    struct dp_rtp_header h;
    for (int i = 0; i < DP_RTP_EXT_MAX; i++)
        p[16 + 2 * i] = 0x10;
    assert_int_equal(parse(p, sizeof(p), &h), DP_RTP_OK);
    assert_int_equal(h.ext_count, DP_RTP_EXT_MAX);
    p[16 + 2 * DP_RTP_EXT_MAX] = 0x10;
    assert_int_equal(parse(p, sizeof(p), &h), DP_RTP_EXT_MANY);
}

static void tells_rtcp_by_its_type(void **state)
{
    assert_true(dp_rtp_is_rtcp((const uint8_t[]){0x80, 200}, 2));
    assert_true(dp_rtp_is_rtcp((const uint8_t[]){0x81, 207}, 2));
    assert_false(dp_rtp_is_rtcp((const uint8_t[]){0x80, 0xe0}, 2)); /* pt 96 with marker */
    assert_false(dp_rtp_is_rtcp((const uint8_t[]){0x80, 111}, 2));
    assert_false(dp_rtp_is_rtcp((const uint8_t[]){0x80}, 1));
}

/* Whatever the bytes, what is indexed lies inside the packet. */
static void random_bytes_stay_in_bounds(void **state)
{
    uint64_t seed = 1;
    for (int round = 0; round < 200000; round++) {
        uint8_t p[80];
        struct dp_rtp_header h;
        size_t len = random_below(&seed, sizeof(p) + 1);
        for (size_t i = 0; i < len; i++)
            p[i] = (uint8_t)random_u32(&seed);
        if (len > 0)
            p[0] = (uint8_t)(0x80 | (p[0] & 0x33));
        if (len > 16 && (p[0] & 0x10)) {
            size_t off = 12 + 4 * (p[0] & 3u);
            if (off + 4 <= len) {
                memcpy(p + off, round & 1 ? "\xbe\xde" : "\x10", 2);
                p[off + 2] = 0;
                p[off + 3] &= 15;
            }
        }
        if (parse(p, len, &h))
            continue;
        assert_int_equal((size_t)h.hdr_len + h.payload_len, len);
        for (unsigned i = 0; i < h.ext_count; i++) {
            assert_true(h.ext[i].off >= h.ext_off);
            assert_true(h.ext[i].off + h.ext[i].len <= h.ext_off + h.ext_len);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_plain_header),
        cmocka_unit_test(counts_sources_and_one_byte_extensions),
        cmocka_unit_test(reads_two_byte_extensions),
        cmocka_unit_test(reserved_ids_end_the_list),
        cmocka_unit_test(another_profile_is_measured_but_not_indexed),
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(more_elements_than_are_indexed_is_an_error),
        cmocka_unit_test(tells_rtcp_by_its_type),
        cmocka_unit_test(random_bytes_stay_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
