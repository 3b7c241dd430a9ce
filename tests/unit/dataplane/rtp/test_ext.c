#include "support.h"

#include <errno.h>

#include "dataplane/rtp/ext.h"

/* Two endpoints that numbered the extensions differently. */
struct legs {
    struct dp_ext_map in;
    struct dp_ext_map out;
};

static void negotiate(struct legs *legs, bool in_two, bool out_two)
{
    dp_ext_map_init(&legs->in, in_two);
    dp_ext_map_init(&legs->out, out_two);
    for (int kind = 1; kind < HR_EXT_KINDS; kind++) {
        assert_int_equal(dp_ext_map_set(&legs->in, (enum hr_ext_kind)kind, (unsigned)kind), 0);
        assert_int_equal(dp_ext_map_set(&legs->out, (enum hr_ext_kind)kind, 14u - (unsigned)kind),
                         0);
    }
}

static struct dp_rtp_rewrite rewrite(const struct legs *legs)
{
    return (struct dp_rtp_rewrite){.ts = 0x11223344,
                                   .ssrc = 0x55667788,
                                   .seq = 0x99aa,
                                   .pt = 45,
                                   .has_transport_cc = true,
                                   .transport_cc = 0xabcd,
                                   .mid_len = 2,
                                   .mid = "v7",
                                   .in = &legs->in,
                                   .out = &legs->out};
}

static void uris_and_kinds_match(void **state)
{
    for (int kind = 1; kind < HR_EXT_KINDS; kind++) {
        const char *uri = hr_ext_uri((enum hr_ext_kind)kind);
        assert_non_null(uri);
        assert_non_null(hr_ext_word((enum hr_ext_kind)kind));
        assert_int_equal(hr_ext_kind_of(uri, strlen(uri)), kind);
        assert_int_equal(hr_ext_kind_of(uri, strlen(uri) - 1), HR_EXT_NONE);
    }
    assert_null(hr_ext_uri(HR_EXT_NONE));
    assert_null(hr_ext_uri(HR_EXT_KINDS));
}

static void a_map_refuses_what_cannot_be_sent(void **state)
{
    struct dp_ext_map map;
    dp_ext_map_init(&map, false);
    assert_int_equal(dp_ext_map_set(&map, HR_EXT_MID, 0), -EINVAL);
    assert_int_equal(dp_ext_map_set(&map, HR_EXT_NONE, 1), -EINVAL);
    assert_int_equal(dp_ext_map_set(&map, HR_EXT_KINDS, 1), -EINVAL);
    assert_int_equal(dp_ext_map_set(&map, HR_EXT_MID, 256), -EINVAL);
    assert_int_equal(dp_ext_map_set(&map, HR_EXT_MID, 15), -ERANGE);
    assert_int_equal(dp_ext_map_set(&map, HR_EXT_MID, 4), 0);
    assert_int_equal(dp_ext_map_set(&map, HR_EXT_MID, 4), 0);
    assert_int_equal(dp_ext_map_set(&map, HR_EXT_MID, 5), -EEXIST);
    assert_int_equal(dp_ext_map_set(&map, HR_EXT_RID, 4), -EEXIST);
    dp_ext_map_init(&map, true);
    assert_int_equal(dp_ext_map_set(&map, HR_EXT_MID, 255), 0);
}

/* A publisher's packet with one element of every kind, ids as negotiate() has them. */
static size_t every_kind(uint8_t *p)
{
    size_t n = 16;
    memcpy(p, (uint8_t[]){0xb1, 0xe0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 9, 9, 9}, 16);
    memcpy(p + n, (uint8_t[]){0xbe, 0xde, 0, 0}, 4);
    n += 4;
    for (uint8_t kind = 1; kind < HR_EXT_KINDS; kind++) {
        p[n++] = (uint8_t)(kind << 4 | 2);
        for (int i = 0; i < 3; i++)
            p[n++] = (uint8_t)(0x80 | kind);
    }
    p[19] = HR_EXT_KINDS - 1; /* each is one word */
    p[n++] = 0x77;
    return n;
}

static void rewrites_every_kind_by_its_rule(void **state)
{
    struct legs legs;
    struct dp_rtp_header in, out;
    uint8_t p[128], q[DP_RTP_WRITE_MAX];
    negotiate(&legs, false, false);
    struct dp_rtp_rewrite rw = rewrite(&legs);
    assert_int_equal(dp_rtp_parse(p, every_kind(p), &in), DP_RTP_OK);
    int len = dp_rtp_write(q, sizeof(q), p, &in, &rw);
    assert_true(len > 0 && len % 4 == 0);
    assert_int_equal(dp_rtp_parse(q, (size_t)len, &out), DP_RTP_OK);
    assert_int_equal(out.hdr_len, len);
    assert_int_equal(out.csrc_count, 0);
    assert_int_equal(out.seq, 0x99aa);
    assert_int_equal(out.ts, 0x11223344);
    assert_int_equal(out.ssrc, 0x55667788);
    assert_int_equal(out.pt, 45);
    assert_true(out.marker);
    assert_true(out.padding);
    assert_int_equal(out.ext_profile, DP_RTP_PROFILE_ONE);

    const struct dp_rtp_ext *mid = dp_ext_find(&out, &legs.out, HR_EXT_MID);
    assert_non_null(mid);
    assert_int_equal(mid->len, 2);
    assert_memory_equal(q + mid->off, "v7", 2);
    uint16_t number = 0;
    assert_int_equal(dp_ext_transport_cc(q, &out, &legs.out, &number), 0);
    assert_int_equal(number, 0xabcd);

    static const enum hr_ext_kind gone[] = {HR_EXT_RID, HR_EXT_RRID, HR_EXT_ABS_SEND_TIME};
    static const enum hr_ext_kind kept[] = {HR_EXT_AUDIO_LEVEL, HR_EXT_VIDEO_ORIENTATION,
                                            HR_EXT_DEPENDENCY_DESCRIPTOR, HR_EXT_PLAYOUT_DELAY,
                                            HR_EXT_ABS_CAPTURE_TIME};
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
        assert_null(dp_ext_find(&out, &legs.out, gone[i]));
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        const struct dp_rtp_ext *e = dp_ext_find(&out, &legs.out, kept[i]);
        assert_non_null(e);
        assert_int_equal(e->len, 3);
        assert_int_equal(q[e->off], 0x80 | kept[i]);
    }
    assert_int_equal(out.ext_count, 7);
}

static void absent_from_the_out_map_is_not_sent(void **state)
{
    struct legs legs;
    struct dp_rtp_header in, out;
    uint8_t p[128], q[DP_RTP_WRITE_MAX];
    negotiate(&legs, false, false);
    dp_ext_map_init(&legs.out, true);
    struct dp_rtp_rewrite rw = rewrite(&legs);
    assert_int_equal(dp_rtp_parse(p, every_kind(p), &in), DP_RTP_OK);
    assert_int_equal(dp_rtp_write(q, sizeof(q), p, &in, &rw), 12);
    assert_int_equal(dp_rtp_parse(q, 12, &out), DP_RTP_OK);
    assert_int_equal(out.ext_profile, 0);

    dp_ext_map_set(&legs.out, HR_EXT_AUDIO_LEVEL, 3);
    assert_int_equal(dp_rtp_write(q, sizeof(q), p, &in, &rw), 20);
    assert_memory_equal(q + 12, "\xbe\xde\x00\x01\x32\x84\x84\x84", 8);
    assert_int_equal(dp_rtp_write(q, 19, p, &in, &rw), -ENOSPC);
}

/* A descriptor with a structure is longer than the one-byte form allows. */
static size_t long_descriptor(uint8_t *p, unsigned len)
{
    size_t words = (2 + len + 2 + 1 + 3) / 4;
    memset(p, 0, 300);
    memcpy(p, (uint8_t[]){0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x10, 0, 0, 0}, 16);
    p[15] = (uint8_t)words;
    p[16] = HR_EXT_DEPENDENCY_DESCRIPTOR;
    p[17] = (uint8_t)len;
    memset(p + 18, 0xdd, len);
    p[18 + len] = HR_EXT_AUDIO_LEVEL;
    p[19 + len] = 1;
    p[20 + len] = 0x85;
    return 16 + words * 4;
}

static void takes_the_two_byte_form_only_where_it_may(void **state)
{
    struct legs legs;
    struct dp_rtp_header in, out;
    uint8_t p[512], q[DP_RTP_WRITE_MAX];
    struct dp_audio_level level;
    for (int two = 0; two < 2; two++) {
        for (unsigned n = 15; n <= 200; n += 7) {
            negotiate(&legs, true, two);
            struct dp_rtp_rewrite rw = rewrite(&legs);
            assert_int_equal(dp_rtp_parse(p, long_descriptor(p, n), &in), DP_RTP_OK);
            int len = dp_rtp_write(q, sizeof(q), p, &in, &rw);
            assert_int_equal(dp_rtp_parse(q, (size_t)len, &out), DP_RTP_OK);
            const struct dp_rtp_ext *dd =
                dp_ext_find(&out, &legs.out, HR_EXT_DEPENDENCY_DESCRIPTOR);
            if (two || n <= 16) {
                assert_non_null(dd);
                assert_int_equal(dd->len, n);
                assert_int_equal(q[dd->off + n - 1], 0xdd);
            } else {
                assert_null(dd);
            }
            assert_int_equal(out.ext_profile,
                             two && n > 16 ? DP_RTP_PROFILE_TWO : DP_RTP_PROFILE_ONE);
            assert_int_equal(dp_ext_audio_level(q, &out, &legs.out, &level), 0);
            assert_int_equal(level.level, 5);
            assert_true(level.voice);
        }
    }
}

static void only_the_frame_number_of_a_descriptor_changes(void **state)
{
    struct legs legs;
    struct dp_rtp_header in, out;
    uint8_t p[512], q[DP_RTP_WRITE_MAX];
    for (unsigned n = 2; n <= 200; n += 9) {
        negotiate(&legs, true, true);
        struct dp_rtp_rewrite rw = rewrite(&legs);
        rw.frame_offset = 0x2224;
        assert_int_equal(dp_rtp_parse(p, long_descriptor(p, n), &in), DP_RTP_OK);
        int len = dp_rtp_write(q, sizeof(q), p, &in, &rw);
        assert_int_equal(dp_rtp_parse(q, (size_t)len, &out), DP_RTP_OK);
        const struct dp_rtp_ext *dd = dp_ext_find(&out, &legs.out, HR_EXT_DEPENDENCY_DESCRIPTOR);
        assert_int_equal(dd->len, n);
        for (unsigned i = 0; i < n; i++) { /* 0xdddd + 0x2224 */
            bool number = n > 2 && (i == 1 || i == 2);
            assert_int_equal(q[dd->off + i], number ? i - 1 : 0xdd);
        }
    }
}

static void high_ids_and_empty_elements_need_two_bytes(void **state)
{
    struct legs legs;
    struct dp_rtp_header in, out;
    uint8_t q[64];
    const uint8_t p[] = {0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x10, 0, 0, 1, 7, 0, 0, 0};
    dp_ext_map_init(&legs.in, true);
    dp_ext_map_init(&legs.out, true);
    dp_ext_map_set(&legs.in, HR_EXT_VIDEO_ORIENTATION, 7);
    dp_ext_map_set(&legs.out, HR_EXT_VIDEO_ORIENTATION, 7);
    dp_ext_map_set(&legs.out, HR_EXT_MID, 15);
    struct dp_rtp_rewrite rw = rewrite(&legs);
    assert_int_equal(dp_rtp_parse(p, sizeof(p), &in), DP_RTP_OK);
    int len = dp_rtp_write(q, sizeof(q), p, &in, &rw);
    assert_int_equal(dp_rtp_parse(q, (size_t)len, &out), DP_RTP_OK);
    assert_int_equal(out.ext_profile, DP_RTP_PROFILE_TWO);
    assert_int_equal(out.ext_count, 2);
    assert_int_equal(out.ext[0].id, 15);
    assert_int_equal(out.ext[1].id, 7);
    assert_int_equal(out.ext[1].len, 0);
}

static void repeated_elements_go_once(void **state)
{
    struct legs legs;
    struct dp_rtp_header in, out;
    uint8_t q[DP_RTP_WRITE_MAX];
    uint8_t p[48] = {0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 8};
    for (int i = 0; i < 16; i++) {
        p[16 + 2 * i] = HR_EXT_AUDIO_LEVEL << 4;
        p[17 + 2 * i] = (uint8_t)i;
    }
    negotiate(&legs, false, false);
    struct dp_rtp_rewrite rw = rewrite(&legs);
    assert_int_equal(dp_rtp_parse(p, sizeof(p), &in), DP_RTP_OK);
    int len = dp_rtp_write(q, sizeof(q), p, &in, &rw);
    assert_int_equal(dp_rtp_parse(q, (size_t)len, &out), DP_RTP_OK);
    assert_int_equal(out.ext_count, 3);
    assert_int_equal(q[dp_ext_find(&out, &legs.out, HR_EXT_AUDIO_LEVEL)->off], 0);
}

static void readers_say_absent_and_too_short(void **state)
{
    struct legs legs;
    struct dp_rtp_header h;
    struct dp_audio_level level;
    uint16_t number;
    const uint8_t p[] = {
        0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, HR_EXT_TRANSPORT_CC << 4,
        9,    0,  0};
    negotiate(&legs, false, false);
    assert_int_equal(dp_rtp_parse(p, sizeof(p), &h), DP_RTP_OK);
    assert_int_equal(dp_ext_audio_level(p, &h, &legs.in, &level), -ENOENT);
    assert_int_equal(dp_ext_transport_cc(p, &h, &legs.in, &number), -EBADMSG);
}

/* Some kinds, under ids that the form has. */
static void negotiate_some(uint64_t *random, struct dp_ext_map *map)
{
    bool two_byte = random_below(random, 4) == 0;
    dp_ext_map_init(map, two_byte);
    for (int kind = 1; kind < HR_EXT_KINDS; kind++)
        if (random_below(random, 8))
            dp_ext_map_set(map, (enum hr_ext_kind)kind, (unsigned)kind + (two_byte ? 10 : 0));
}

static struct dp_rtp_rewrite rewrite_somehow(uint64_t *random, const struct legs *legs)
{
    static const char mids[] = "0123456789abcdef";
    return (struct dp_rtp_rewrite){.ts = random_u32(random),
                                   .ssrc = random_u32(random),
                                   .seq = (uint16_t)random_u32(random),
                                   .pt = (uint8_t)random_below(random, 128),
                                   .frame_offset = (uint16_t)random_below(random, 2),
                                   .mid_len = (uint8_t)random_below(random, 3),
                                   .mid = mids + random_below(random, 8),
                                   .in = &legs->in,
                                   .out = &legs->out};
}

static void a_header_like_another_is_the_one_that_would_be_written(void **state)
{
    uint64_t random = 7;
    unsigned alike = 0;
    for (unsigned i = 0; i < 100000; i++) {
        struct legs a, b;
        struct dp_rtp_header in;
        uint8_t p[512], q[DP_RTP_WRITE_MAX], full[DP_RTP_WRITE_MAX], like[DP_RTP_WRITE_MAX];
        negotiate(&a, true, true);
        negotiate_some(&random, &a.out);
        b = a;
        if (random_below(&random, 2))
            negotiate_some(&random, &b.out);
        struct dp_rtp_rewrite first = rewrite_somehow(&random, &a);
        struct dp_rtp_rewrite second = rewrite_somehow(&random, &b);
        second.in = first.in;
        size_t n = i % 2 ? every_kind(p) : long_descriptor(p, random_below(&random, 60));
        p[1] ^= (uint8_t)(random_below(&random, 2) << 7);
        assert_int_equal(dp_rtp_parse(p, n, &in), DP_RTP_OK);
        struct dp_rtp_template t;
        dp_rtp_template_make(&t, q, (size_t)dp_rtp_write(q, sizeof(q), p, &in, &first), &first);
        uint64_t mid = dp_rtp_mid(second.mid, second.mid_len);
        uint64_t exts = dp_ext_map_word(&b.out);
        if (!dp_rtp_template_fits(&t, exts, mid, second.frame_offset))
            continue;
        alike++;
        struct dp_rtp_numbers numbers = {.index = second.seq, .ts = second.ts, .pt = second.pt};
        dp_rtp_template_write(like, &t, mid, __builtin_bswap32(second.ssrc), &numbers);
        assert_int_equal(dp_rtp_write(full, sizeof(full), p, &in, &second), t.len);
        assert_memory_equal(like, full, t.len);
    }
    assert_in_range(alike, 1000, 99000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uris_and_kinds_match),
        cmocka_unit_test(a_map_refuses_what_cannot_be_sent),
        cmocka_unit_test(rewrites_every_kind_by_its_rule),
        cmocka_unit_test(absent_from_the_out_map_is_not_sent),
        cmocka_unit_test(takes_the_two_byte_form_only_where_it_may),
        cmocka_unit_test(only_the_frame_number_of_a_descriptor_changes),
        cmocka_unit_test(high_ids_and_empty_elements_need_two_bytes),
        cmocka_unit_test(repeated_elements_go_once),
        cmocka_unit_test(readers_say_absent_and_too_short),
        cmocka_unit_test(a_header_like_another_is_the_one_that_would_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
