/* SRTCP against libsrtp2, both ways, with both profiles. */
#include "dataplane/srtp/srtcp.h"

#include <setjmp.h>
#include <srtp2/srtp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROOM (DP_SRTCP_PACKET_MAX + DP_SRTCP_GROWTH)

static const enum hr_srtp_profile profiles[] = {HR_SRTP_AES_CM_128_HMAC_SHA1_80,
                                                HR_SRTP_AEAD_AES_128_GCM};
#define PROFILES (sizeof(profiles) / sizeof(*profiles))

static uint8_t master[HR_SRTP_KEY_LEN_MAX + HR_SRTP_SALT_LEN_MAX];

static srtp_t other_side(enum hr_srtp_profile profile, srtp_ssrc_type_t type)
{
    srtp_policy_t policy = {.ssrc.type = type, .key = master};
    srtp_t out;
    if (profile == HR_SRTP_AEAD_AES_128_GCM) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    } else {
        srtp_crypto_policy_set_rtp_default(&policy.rtp);
        srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
    }
    assert_int_equal(srtp_create(&out, &policy), srtp_err_status_ok);
    return out;
}

static int set_up(void **state)
{
    for (size_t i = 0; i < sizeof(master); i++)
        master[i] = (uint8_t)(37 * i + 11);
    return srtp_init() == srtp_err_status_ok ? 0 : -1;
}

/* A receiver report of len bytes, whatever is in it. */
static void make(uint8_t *packet, size_t len, uint8_t sender)
{
    for (size_t i = 0; i < len; i++)
        packet[i] = (uint8_t)(i * 7 + len);
    memcpy(packet, (uint8_t[]){0x81, 201, 0, 7, 0, 0, 0, sender}, 8);
}

static void init(enum hr_srtp_profile profile, struct dp_srtcp_keys *k)
{
    assert_int_equal(dp_srtcp_keys_init(k, profile, master, master + hr_srtp_key_len(profile)), 0);
}

static void libsrtp_reads_ours(void **state)
{
    for (size_t p = 0; p < PROFILES; p++) {
        srtp_t reader = other_side(profiles[p], ssrc_any_inbound);
        struct dp_srtcp_out out = {0};
        init(profiles[p], &out.keys);
        for (size_t len = 8; len <= 1400; len += 4) {
            uint8_t packet[ROOM], plain[ROOM];
            make(plain, len, (uint8_t)(len / 4 % 3));
            memcpy(packet, plain, len);
            int n = (int)dp_srtcp_protect(&out, packet, len);
            assert_true(n > (int)len && n <= (int)(len + DP_SRTCP_GROWTH));
            assert_true(len < 12 || memcmp(packet + 8, plain + 8, len - 8) != 0);
            assert_int_equal(srtp_unprotect_rtcp(reader, packet, &n), srtp_err_status_ok);
            assert_int_equal(n, len);
            assert_memory_equal(packet, plain, len);
        }
        srtp_dealloc(reader);
    }
}

static void we_read_libsrtps(void **state)
{
    for (size_t p = 0; p < PROFILES; p++) {
        srtp_t writer = other_side(profiles[p], ssrc_any_outbound);
        struct dp_srtcp_in in = {0};
        init(profiles[p], &in.keys);
        for (size_t len = 8; len <= 1400; len += 4) {
            uint8_t packet[ROOM], plain[ROOM], again[ROOM];
            int n = (int)len;
            make(plain, len, (uint8_t)(len / 4 % 3));
            memcpy(packet, plain, len);
            assert_int_equal(srtp_protect_rtcp(writer, packet, &n), srtp_err_status_ok);
            memcpy(again, packet, (size_t)n);
            size_t got = (size_t)n;
            assert_int_equal(dp_srtcp_unprotect(&in, packet, &got), DP_SRTCP_OK);
            assert_int_equal(got, len);
            assert_memory_equal(packet, plain, len);
            got = (size_t)n;
            assert_int_equal(dp_srtcp_unprotect(&in, again, &got), DP_SRTCP_AUTH);
        }
        srtp_dealloc(writer);
    }
}

static void every_altered_bit_is_noticed(void **state)
{
    for (size_t p = 0; p < PROFILES; p++) {
        struct dp_srtcp_out out = {0};
        struct dp_srtcp_in in = {0};
        uint8_t packet[ROOM], altered[ROOM];
        init(profiles[p], &out.keys);
        init(profiles[p], &in.keys);
        make(packet, 32, 1);
        size_t n = dp_srtcp_protect(&out, packet, 32);
        for (size_t bit = 0; bit < n * 8; bit++) {
            size_t len = n;
            memcpy(altered, packet, n);
            altered[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(dp_srtcp_unprotect(&in, altered, &len), DP_SRTCP_AUTH);
        }
        for (size_t cut = 0; cut < n; cut++) {
            size_t len = cut;
            memcpy(altered, packet, n);
            assert_int_not_equal(dp_srtcp_unprotect(&in, altered, &len), DP_SRTCP_OK);
        }
        assert_int_equal(in.n, 0);
        assert_int_equal(dp_srtcp_unprotect(&in, packet, &n), DP_SRTCP_OK);
    }
}

/* Each of 40 packets is taken once, in any order within the window; older ones are not. */
static void order_and_window(void **state)
{
    struct dp_srtcp_out out = {0};
    struct dp_srtcp_in in = {0};
    static uint8_t packets[80][64];
    size_t n = 0;
    init(HR_SRTP_AEAD_AES_128_GCM, &out.keys);
    init(HR_SRTP_AEAD_AES_128_GCM, &in.keys);
    for (int i = 0; i < 80; i++) {
        make(packets[i], 28, 1);
        n = dp_srtcp_protect(&out, packets[i], 28);
    }
    for (int i = 0; i < 31; i++) {
        int at = i * 7 % 31 + 40;
        for (int twice = 0; twice < 2; twice++) {
            uint8_t copy[64];
            size_t len = n;
            memcpy(copy, packets[at], n);
            assert_int_equal(dp_srtcp_unprotect(&in, copy, &len),
                             twice ? DP_SRTCP_AUTH : DP_SRTCP_OK);
        }
    }
    size_t len = n;
    assert_int_equal(dp_srtcp_unprotect(&in, packets[0], &len), DP_SRTCP_AUTH);
}

static void a_used_up_or_missing_key_sends_nothing(void **state)
{
    struct dp_srtcp_out out = {0};
    uint8_t packet[ROOM];
    make(packet, 28, 1);
    assert_int_equal(dp_srtcp_protect(&out, packet, 28), 0);
    init(HR_SRTP_AEAD_AES_128_GCM, &out.keys);
    out.index = 0x7ffffffe;
    assert_int_not_equal(dp_srtcp_protect(&out, packet, 28), 0);
    assert_int_equal(dp_srtcp_protect(&out, packet, 28), 0);
    assert_int_equal(dp_srtcp_protect(&out, packet, 4), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libsrtp_reads_ours),
        cmocka_unit_test(we_read_libsrtps),
        cmocka_unit_test(every_altered_bit_is_noticed),
        cmocka_unit_test(order_and_window),
        cmocka_unit_test(a_used_up_or_missing_key_sends_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
