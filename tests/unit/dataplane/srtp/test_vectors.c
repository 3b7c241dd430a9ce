/* The RFCs' vectors, through every code path that this CPU has. */
#include "dataplane/srtp/srtp_internal.h"
#include "tests/vectors/srtp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void check(const uint8_t *got, const char *want_hex)
{
    uint8_t want[128];

    assert_memory_equal(got, want, unhex(want_hex, want));
}

/* Calls test once per path. */
static void each_path(void (*test)(void))
{
    for (int level = 0; level < DP_SRTP_CPU_COUNT; level++)
        if (dp_srtp_cpu_force((enum dp_srtp_cpu)level) == 0)
            test();
}

static void one_keystream(void)
{
    size_t len = 0xff02 * SRTP_BLOCK;
    uint8_t raw[16], salt[14], auth[SRTP_AUTH_KEY_LEN] = {0}, *ks = malloc(len);
    struct dp_srtp_key key;

    unhex(RFC3711_B2_KEY, raw);
    unhex(RFC3711_B2_SALT, salt);
    assert_non_null(ks);
    dp_srtp_key_init_session(&key, HR_SRTP_AES_CM_128_HMAC_SHA1_80, raw, salt, auth);
    dp_srtp_keystream(&key, 0, 0, ks, len);
    for (size_t i = 0; i < ROWS(rfc3711_b2); i++)
        check(ks + rfc3711_b2[i].number * SRTP_BLOCK, rfc3711_b2[i].block);
    free(ks);
}

static void rfc3711_keystream(void **state)
{
    each_path(one_keystream);
}

static void one_derivation(void)
{
    uint8_t master[16], salt[14], out[128], want[128];

    unhex(RFC3711_B3_MASTER_KEY, master);
    unhex(RFC3711_B3_MASTER_SALT, salt);
    for (size_t i = 0; i < ROWS(rfc3711_b3); i++) {
        size_t len = unhex(rfc3711_b3[i].out, want);

        dp_srtp_derive(master, salt, sizeof(salt), rfc3711_b3[i].label, out, len);
        assert_memory_equal(out, want, len);
    }
}

static void rfc3711_derivation(void **state)
{
    each_path(one_derivation);
}

/* Keystream, tag, and rekey from another key's keystream, all to the RFC's bytes. */
static void one_gcm(void)
{
    uint8_t raw[16], salt[12], pkt[128], ks[64], src[64], plain[64], other[64];
    size_t hdr_len = unhex(RFC7714_HEADER, pkt), len = unhex(RFC7714_PLAIN, plain);
    struct dp_srtp_key key;
    struct dp_srtp_rekey job = {.key = &key,
                                .index = 0xf17b,
                                .dst = pkt,
                                .hdr_len = hdr_len,
                                .src = src,
                                .ks = other,
                                .len = len,
                                .rtx_osn = -1};

    unhex(RFC7714_KEY, raw);
    unhex(RFC7714_SALT, salt);
    dp_srtp_key_init_session(&key, HR_SRTP_AEAD_AES_128_GCM, raw, salt, NULL);
    dp_srtp_keystream(&key, 0x5501a0b2, 0xf17b, ks, len);
    for (size_t i = 0; i < len; i++) {
        other[i] = (uint8_t)(i * 7);
        src[i] = plain[i] ^ other[i];
        ks[i] ^= plain[i];
    }
    check(ks, RFC7714_CIPHER);
    assert_int_equal(dp_srtp_rekey(&job), hdr_len + len + 16);
    check(pkt, RFC7714_HEADER);
    check(pkt + hdr_len, RFC7714_CIPHER);
    check(pkt + hdr_len + len, RFC7714_TAG);
    assert_true(dp_srtp_verify(&key, pkt, hdr_len + len + 16, hdr_len, 0xf17b));
}

static void rfc7714_gcm(void **state)
{
    each_path(one_gcm);
}

static size_t expand(const char *hex, size_t repeat, uint8_t *out)
{
    size_t len = unhex(hex, out);

    if (repeat == 0)
        return len;
    memset(out, out[0], repeat);
    return repeat;
}

static void rfc2202_hmac(void **state)
{
    uint8_t secret[128], data[128], mac[SRTP_SHA1_LEN];
    struct dp_srtp_key key;

    for (size_t i = 0; i < ROWS(rfc2202); i++) {
        size_t len = expand(rfc2202[i].data, rfc2202[i].data_repeat, data);

        dp_srtp_hmac_init(&key, secret, expand(rfc2202[i].key, rfc2202[i].key_repeat, secret));
        dp_srtp_hmac(&key, data, len - 4, data + len - 4, 4, mac);
        check(mac, rfc2202[i].digest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc3711_keystream),
        cmocka_unit_test(rfc3711_derivation),
        cmocka_unit_test(rfc7714_gcm),
        cmocka_unit_test(rfc2202_hmac),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
