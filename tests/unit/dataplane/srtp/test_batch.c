/* A batch makes the bytes that its jobs make one by one, whatever stands side by side in it. */
#include "dataplane/srtp/srtp_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEYS    24
#define JOBS    (DP_SRTP_BATCH_MAX * 2 + 5)
#define ROUNDS  300
#define PAYLOAD 4200 /* beyond SRTP_PLAIN_MAX */
#define HEADER  (12 + 15 * 4 + 4 + 64)
#define GUARD   64
#define ROOM    (GUARD + HEADER + PAYLOAD + DP_SRTP_GROWTH_MAX + GUARD)

static struct dp_srtp_key keys[KEYS];
static uint8_t src[PAYLOAD + 64], ks[PAYLOAD + 64];
static uint8_t want[JOBS][ROOM], got[JOBS][ROOM];
static struct dp_srtp_rekey jobs[JOBS];
static uint64_t seed = 88172645463325252u;

static uint32_t any(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32) % below;
}

static void noise(uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)any(256);
}

static size_t any_payload(void)
{
    static const size_t usual[] = {0, 1, 15, 16, 17, 31, 32, 33, 47, 48, 49, 64, 160, 1100, 1200};

    switch (any(8)) {
    case 0:
        return any(PAYLOAD + 1);
    case 4:
    case 5:
        return any(1501);
    case 1:
        return SRTP_PLAIN_MAX - 20 + any(40);
    case 2:
    case 3:
        return any(400);
    default:
        return usual[any(sizeof(usual) / sizeof(usual[0]))];
    }
}

static size_t any_header(void)
{
    switch (any(4)) {
    case 0:
        return 12 + any(HEADER - 12 + 1);
    case 1:
        return 12 + any(80 - 12 + 1);
    default:
        return 12 + 4 * any(8);
    }
}

/* RFC 1071, word by word. */
static uint16_t plain_sum(const uint8_t *p, size_t len)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < len; i++) {
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)sum;
}

/* Fan-out repeats a packet; a mix does not. */
static void any_jobs(unsigned int n, bool fan_out)
{
    size_t len = any_payload(), shift = any(64);

    for (unsigned int i = 0; i < n; i++) {
        bool rtx = any(8) == 0;

        if (!fan_out) {
            len = any_payload();
            shift = any(64);
        }
        noise(want[i], sizeof(want[i]));
        memcpy(got[i], want[i], sizeof(got[i]));
        jobs[i] = (struct dp_srtp_rekey){
            .key = &keys[any(KEYS)],
            .index = any(4) ? any(1u << 30) : (uint64_t)any(1u << 24) << 24 | any(1u << 24),
            .hdr_len = any_header(),
            .src = src + shift,
            .ks = ks + shift,
            .len = len,
            .rtx_osn = rtx ? (int32_t)any(65536) : -1,
        };
        jobs[i].dst = want[i] + GUARD;
    }
}

static void check(struct dp_srtp_batch *batch, unsigned int n)
{
    size_t len[JOBS];
    unsigned int made = 0;

    for (unsigned int i = 0; i < n; i++) {
        len[i] = dp_srtp_rekey(&jobs[i]);
        made += len[i] > 0;
        jobs[i].dst = got[i] + GUARD;
    }
    assert_int_equal(dp_srtp_rekey_batch(batch, jobs, n), made);
    for (unsigned int i = 0; i < n; i++) {
        assert_int_equal(jobs[i].out_len, len[i]);
        if (len[i])
            assert_int_equal(jobs[i].sum, plain_sum(jobs[i].dst, len[i]));
        assert_memory_equal(got[i], want[i], sizeof(got[i]));
    }
}

static void make_keys(void)
{
    uint8_t master[HR_SRTP_KEY_LEN_MAX + HR_SRTP_SALT_LEN_MAX];

    for (unsigned int i = 0; i < KEYS; i++) {
        noise(master, sizeof(master));
        assert_int_equal(
            dp_srtp_key_init(&keys[i],
                             i % 2 ? HR_SRTP_AEAD_AES_128_GCM : HR_SRTP_AES_CM_128_HMAC_SHA1_80,
                             master, master + HR_SRTP_KEY_LEN_MAX),
            0);
    }
    dp_srtp_key_clear(&keys[0]); /* makes nothing, and must not disturb the others */
}

static void as_one_by_one(void **state)
{
    struct dp_srtp_batch *batch = dp_srtp_batch_new();

    assert_non_null(batch);
    make_keys();
    noise(src, sizeof(src));
    noise(ks, sizeof(ks));
    for (int level = 0; level < DP_SRTP_CPU_COUNT; level++) {
        if (dp_srtp_cpu_force((enum dp_srtp_cpu)level) != 0)
            continue;
        for (unsigned int round = 0; round < ROUNDS; round++) {
            unsigned int n = any(8) ? any(40) : any(JOBS + 1);

            any_jobs(n, round % 2);
            check(round % 5 ? batch : NULL, n);
        }
    }
    dp_srtp_batch_free(batch);
}

/* The paths agree: each one's batch against the portable path's single packets. */
static void as_portable(void **state)
{
    struct dp_srtp_batch *batch = dp_srtp_batch_new();

    assert_non_null(batch);
    make_keys();
    for (int level = 0; level < DP_SRTP_CPU_COUNT; level++) {
        if (dp_srtp_cpu_force((enum dp_srtp_cpu)level) != 0)
            continue;
        for (unsigned int round = 0; round < ROUNDS / 10; round++) {
            any_jobs(36, round % 2);
            dp_srtp_cpu_force(DP_SRTP_CPU_PORTABLE);
            for (unsigned int i = 0; i < 36; i++) {
                dp_srtp_rekey(&jobs[i]);
                jobs[i].dst = got[i] + GUARD;
            }
            dp_srtp_cpu_force((enum dp_srtp_cpu)level);
            dp_srtp_rekey_batch(batch, jobs, 36);
            for (unsigned int i = 0; i < 36; i++)
                assert_memory_equal(got[i], want[i], sizeof(got[i]));
        }
    }
    dp_srtp_batch_free(batch);
}

/* Every length and header there is on the way of the many, copies of one packet as fan-out has
 * them: the last word of the payload, the header's blocks and the sums fall everywhere. */
static void every_length(void **state)
{
    struct dp_srtp_batch *batch = dp_srtp_batch_new();

    assert_non_null(batch);
    make_keys();
    for (int level = 0; level < DP_SRTP_CPU_COUNT; level++) {
        for (unsigned int len = 0; len <= 1500; len++) {
            any_jobs(6, true);
            dp_srtp_cpu_force(DP_SRTP_CPU_AESNI);
            for (unsigned int i = 0; i < 6; i++) {
                jobs[i].len = len;
                jobs[i].hdr_len = 12 + (len + i * 5) % 69;
                dp_srtp_rekey(&jobs[i]);
                jobs[i].dst = got[i] + GUARD;
            }
            if (dp_srtp_cpu_force((enum dp_srtp_cpu)level) != 0)
                continue;
            dp_srtp_rekey_batch(batch, jobs, 6);
            for (unsigned int i = 0; i < 6; i++) {
                if (jobs[i].out_len == 0)
                    continue;
                assert_memory_equal(got[i], want[i], sizeof(got[i]));
                assert_int_equal(jobs[i].sum, plain_sum(jobs[i].dst, jobs[i].out_len));
            }
        }
    }
    dp_srtp_batch_free(batch);
}

/* The largest words there are: no carry is lost. */
static void sums_carry(void **state)
{
    struct dp_srtp_batch *batch = dp_srtp_batch_new();

    assert_non_null(batch);
    make_keys();
    for (int level = 0; level < DP_SRTP_CPU_COUNT; level++) {
        struct dp_srtp_rekey job = {.key = &keys[level % 2 + 1], .rtx_osn = -1, .hdr_len = 12};

        if (dp_srtp_cpu_force((enum dp_srtp_cpu)level) != 0)
            continue;
        job.dst = got[0];
        job.src = src;
        job.ks = ks;
        for (job.len = 600; job.len < 640; job.len++) {
            memset(job.dst, 0xff, job.hdr_len);
            dp_srtp_keystream(job.key, UINT32_MAX, 0, ks, job.len);
            memset(src, 0xff, job.len);
            assert_int_equal(dp_srtp_rekey_batch(batch, &job, 1), 1);
            assert_int_equal(job.dst[12 + job.len / 2], 0xff);
            assert_int_equal(job.sum, plain_sum(job.dst, job.out_len));
        }
    }
    dp_srtp_batch_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_one_by_one),
        cmocka_unit_test(as_portable),
        cmocka_unit_test(every_length),
        cmocka_unit_test(sums_carry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
