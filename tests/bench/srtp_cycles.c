/* Time-stamp counter cycles per packet of dataplane/srtp, by path, transform and payload size. One
 * key and one packet, all in the nearest cache: the floor, not what a loaded relay sees. */
#include "dataplane/srtp/srtp.h"

#include <stdio.h>
#include <stdlib.h>
#include <x86intrin.h>

#define HEADER 24 /* 12, and an extension of two words */
#define BATCH  200
#define ROUNDS 300

static uint8_t src[2048], ks[2048], dst[2048];
static struct dp_srtp_key key;
static size_t payload;

static void run_verify(uint64_t index)
{
    if (dp_srtp_verify(&key, src, HEADER + payload + hr_srtp_tag_len(key.profile), HEADER, index))
        abort(); /* the packet is noise */
}

static void run_keystream(uint64_t index)
{
    dp_srtp_keystream(&key, 0x01020304, index, ks, payload);
}

static void run_rekey(uint64_t index)
{
    struct dp_srtp_rekey job = {.key = &key,
                                .index = index,
                                .dst = dst,
                                .hdr_len = HEADER,
                                .src = src + HEADER,
                                .ks = ks,
                                .len = payload,
                                .rtx_osn = -1};

    if (dp_srtp_rekey(&job) == 0)
        abort();
}

/* The best batch: interrupts and neighbours only ever add. */
static unsigned int cycles(void (*run)(uint64_t index))
{
    uint64_t best = UINT64_MAX, index = 0;

    for (int round = 0; round < ROUNDS; round++) {
        uint64_t begin = __rdtsc(), took;

        for (int i = 0; i < BATCH; i++)
            run(index++);
        took = __rdtsc() - begin;
        best = took < best ? took : best;
    }
    return (unsigned int)(best / BATCH);
}

static void row(enum hr_srtp_profile profile)
{
    static const uint8_t master[HR_SRTP_KEY_LEN_MAX + HR_SRTP_SALT_LEN_MAX] = {1, 2, 3};

    if (dp_srtp_key_init(&key, profile, master, master + 16) != 0)
        abort();
    printf("%-9s %-24s %6zu", dp_srtp_cpu_name(), hr_srtp_profile_name(profile), payload);
    printf(" %8u %10u %8u\n", cycles(run_verify), cycles(run_keystream), cycles(run_rekey));
}

int main(void)
{
    static const size_t sizes[] = {1200, 160};

    printf("%-9s %-24s %6s %8s %10s %8s\n", "path", "transform", "bytes", "verify", "keystream",
           "rekey");
    for (int level = 0; level < DP_SRTP_CPU_COUNT; level++) {
        if (dp_srtp_cpu_force((enum dp_srtp_cpu)level) != 0)
            continue;
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            payload = sizes[i];
            row(HR_SRTP_AEAD_AES_128_GCM);
            row(HR_SRTP_AES_CM_128_HMAC_SHA1_80);
        }
    }
    return 0;
}
