/* Every altered bit of a packet, its index or its length makes the tag wrong; on every path. */
#include "dataplane/srtp/srtp_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HEADER 28
#define INDEX  UINT64_C(0x123456789abc)

static const enum hr_srtp_profile profiles[] = {HR_SRTP_AES_CM_128_HMAC_SHA1_80,
                                                HR_SRTP_AEAD_AES_128_GCM};

/* A packet with payload bytes of noise and a right tag; returns its length. */
static size_t make(struct dp_srtp_key *key, enum hr_srtp_profile profile, uint8_t *pkt,
                   size_t payload)
{
    static const uint8_t master[] = "headrace master key and salt..";
    uint8_t src[512], ks[512];
    struct dp_srtp_rekey job = {.key = key,
                                .index = INDEX,
                                .dst = pkt,
                                .hdr_len = HEADER,
                                .src = src,
                                .ks = ks,
                                .len = payload,
                                .rtx_osn = -1};

    for (size_t i = 0; i < HEADER; i++)
        pkt[i] = (uint8_t)(i * 11);
    memset(src, 0x5a, sizeof(src));
    memset(ks, 0x3c, sizeof(ks));
    assert_int_equal(dp_srtp_key_init(key, profile, master, master + 16), 0);
    return dp_srtp_rekey(&job);
}

static void flip_all(const struct dp_srtp_key *key, uint8_t *pkt, size_t len)
{
    assert_true(dp_srtp_verify(key, pkt, len, HEADER, INDEX));
    for (size_t i = 0; i < len * 8; i++) {
        pkt[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_false(dp_srtp_verify(key, pkt, len, HEADER, INDEX));
        pkt[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (int bit = 16; bit < 48; bit++) /* rollover counter */
        assert_false(dp_srtp_verify(key, pkt, len, HEADER, INDEX ^ UINT64_C(1) << bit));
    for (size_t shorter = 0; shorter < len; shorter++)
        assert_false(dp_srtp_verify(key, pkt, shorter, HEADER, INDEX));
    assert_true(dp_srtp_verify(key, pkt, len, HEADER, INDEX));
}

static void altered(void **state)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 130, 300};
    struct dp_srtp_key key;
    uint8_t pkt[512];

    for (int level = 0; level < DP_SRTP_CPU_COUNT; level++) {
        if (dp_srtp_cpu_force((enum dp_srtp_cpu)level) != 0)
            continue;
        for (size_t p = 0; p < 2; p++)
            for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
                flip_all(&key, pkt, make(&key, profiles[p], pkt, sizes[i]));
    }
}

/* Ciphertext taken for header, and the other way round, is not the same packet to GCM. */
static void other_header_length(void **state)
{
    struct dp_srtp_key key;
    uint8_t pkt[512];
    size_t len = make(&key, HR_SRTP_AEAD_AES_128_GCM, pkt, 100);

    for (size_t hdr_len = 0; hdr_len <= len + 8; hdr_len++)
        assert_true(dp_srtp_verify(&key, pkt, len, hdr_len, INDEX) == (hdr_len == HEADER));
}

static void any_path_for_a_key(void **state)
{
    struct dp_srtp_key key;
    uint8_t pkt[512];

    for (size_t p = 0; p < 2; p++) {
        size_t len;

        assert_int_equal(dp_srtp_cpu_force(DP_SRTP_CPU_PORTABLE), 0);
        len = make(&key, profiles[p], pkt, 200);
        for (int level = 0; level < DP_SRTP_CPU_COUNT; level++)
            if (dp_srtp_cpu_force((enum dp_srtp_cpu)level) == 0)
                assert_true(dp_srtp_verify(&key, pkt, len, HEADER, INDEX));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(altered),
        cmocka_unit_test(other_header_length),
        cmocka_unit_test(any_path_for_a_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
