/* Verify, keystream and rekey against libsrtp2. The long run is tests/bench/srtp_oracle. */
#include "oracle.h"

#include "dataplane/srtp/replay.h"
#include "dataplane/srtp/srtp_internal.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PACKETS 20000

static void as_libsrtp(void **state)
{
    struct oracle *oracle = oracle_new(1);
    struct oracle_counts counts;

    if (!oracle_run(oracle, PACKETS))
        fail_msg("%s", oracle_error(oracle));
    counts = oracle_counts(oracle);
    assert_int_equal(counts.sent, PACKETS);
    assert_true(counts.compared > PACKETS * 9 / 10);
    assert_true(counts.unprotected && counts.rtx && counts.late && counts.replayed);
    oracle_free(oracle);
}

static void refusals(void **state)
{
    uint8_t pkt[64] = {0x80}, src[16] = {0}, ks[16] = {0};
    struct dp_srtp_key key;
    struct dp_srtp_rekey job = {.key = &key,
                                .dst = pkt,
                                .hdr_len = 12,
                                .src = src,
                                .ks = ks,
                                .len = sizeof(src),
                                .rtx_osn = -1};

    assert_int_not_equal(dp_srtp_key_init(&key, HR_SRTP_NONE, ks, ks), 0);
    assert_int_equal(dp_srtp_key_init(&key, HR_SRTP_AEAD_AES_128_GCM, ks, ks), 0);
    assert_int_equal(dp_srtp_rekey(&job), 12 + 16 + 16);
    job.hdr_len = 11;
    assert_int_equal(dp_srtp_rekey(&job), 0);
    job.hdr_len = 12;
    job.index = DP_SRTP_INDEX_MAX;
    assert_int_not_equal(dp_srtp_rekey(&job), 0);
    job.index++;
    assert_int_equal(dp_srtp_rekey(&job), 0);
    job.index = 0;
    job.len = DP_SRTP_PAYLOAD_MAX + 1;
    assert_int_equal(dp_srtp_rekey(&job), 0);
    job.len = sizeof(src);
    assert_int_not_equal(dp_srtp_rekey(&job), 0);
    dp_srtp_key_clear(&key);
    assert_int_equal(dp_srtp_rekey(&job), 0);
    assert_false(dp_srtp_verify(&key, pkt, 44, 12, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_libsrtp),
        cmocka_unit_test(refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
