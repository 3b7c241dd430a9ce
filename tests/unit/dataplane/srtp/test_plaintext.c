/* No plaintext on the stack, nor where a batch works: rekey runs on a stack of our own, which is
 * then searched for it, and so are the outputs and the batch. */
#include "dataplane/srtp/srtp_internal.h"

#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STACK      (256 * 1024)
#define LENGTH     700         /* whole chunks and a rest, on every path */
#define PIECE      8           /* bytes of plaintext that count as a find */
#define STEP       2           /* between pieces: RTX shifts by as much */
#define REGION_MAX (64u << 20) /* a sanitizer's own are larger */
#define USED       65536       /* of the stack at most, below its top: what is searched */

static const enum hr_srtp_profile profiles[] = {HR_SRTP_AES_CM_128_HMAC_SHA1_80,
                                                HR_SRTP_AEAD_AES_128_GCM};
static uint8_t plain[LENGTH], ks[LENGTH], src[LENGTH], dst[LENGTH + 64];
static struct dp_srtp_key in, out;

static void *rekey(void *rtx_osn)
{
    struct dp_srtp_rekey job = {.key = &out,
                                .dst = dst,
                                .hdr_len = 12,
                                .src = src,
                                .ks = ks,
                                .len = LENGTH,
                                .rtx_osn = *(int32_t *)rtx_osn};

    dp_srtp_rekey(&job);
    return NULL;
}

/* As a retransmission comes: behind two bytes of original sequence number, which go. */
static void *rekey_unwrapped(void *unused)
{
    struct dp_srtp_rekey job = {.key = &out,
                                .dst = dst,
                                .hdr_len = 12,
                                .src = src + 2,
                                .ks = ks + 2,
                                .len = LENGTH - 2,
                                .rtx_osn = -1};

    dp_srtp_rekey(&job);
    return NULL;
}

#define COPIES 35 /* more than the lanes of any path */

static uint8_t copies[COPIES][LENGTH + 64];
static struct dp_srtp_batch *batch;

/* One packet to many, every other to the profile it came with. */
static void *rekey_batch(void *rtx_osn)
{
    struct dp_srtp_rekey jobs[COPIES];

    for (size_t i = 0; i < COPIES; i++) {
        memset(copies[i], 0x80, 12);
        jobs[i] = (struct dp_srtp_rekey){.key = i % 2 ? &out : &in,
                                         .index = i,
                                         .dst = copies[i],
                                         .hdr_len = 12,
                                         .src = src,
                                         .ks = ks,
                                         .len = LENGTH,
                                         .rtx_osn = i % 8 ? -1 : *(int32_t *)rtx_osn};
    }
    dp_srtp_rekey_batch(batch, jobs, COPIES);
    return NULL;
}

/* What must not be done, to show that the search finds it. */
static void *decrypt(void *unused)
{
    volatile uint8_t local[LENGTH];

    for (size_t i = 0; i < LENGTH; i++)
        local[i] = src[i] ^ ks[i];
    dst[12] = local[0];
    return NULL;
}

static size_t pieces_in(const void *memory, size_t len)
{
    size_t found = 0;

    for (size_t i = 0; i + PIECE <= LENGTH; i += STEP)
        found += memmem(memory, len, plain + i, PIECE) != NULL;
    return found;
}

__attribute__((no_sanitize("address", "undefined"))) static inline uint64_t
piece_at(const uint8_t *p)
{
    uint64_t piece;

    __builtin_memcpy(&piece, p, PIECE);
    return piece;
}

/* Places outside plain where a piece stands. Reads what a sanitizer forbids others, too. */
__attribute__((no_sanitize("address", "undefined"))) static size_t
pieces_between(const uint8_t *begin, const uint8_t *end)
{
    static bool may_be[65536]; /* by a piece's first two bytes */
    size_t found = 0;

    memset(may_be, 0, sizeof(may_be));
    for (size_t i = 0; i + PIECE <= LENGTH; i += STEP)
        may_be[plain[i] | plain[i + 1] << 8] = true;
    for (const uint8_t *p = begin; p + PIECE <= end; p++) {
        if (!may_be[p[0] | p[1] << 8] || (p >= plain && p < plain + LENGTH))
            continue;
        for (size_t i = 0; i + PIECE <= LENGTH; i += STEP)
            found += piece_at(p) == piece_at(plain + i);
    }
    return found;
}

/* Pieces in all that this process may write, except plain itself: the batch, intel-ipsec-mb's own
 * memory, the packets. */
static size_t in_process(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    uintptr_t begin, end;
    char line[512], write;
    size_t found = 0;

    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps)) {
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " r%c", &begin, &end, &write) != 3 ||
            write != 'w' || end - begin > REGION_MAX)
            continue;
        found += pieces_between((const uint8_t *)begin, (const uint8_t *)end);
    }
    fclose(maps);
    return found;
}

/* How many pieces of the plaintext function leaves behind. */
static size_t left_by(void *(*function)(void *), int32_t rtx_osn)
{
    uint8_t *stack = aligned_alloc(4096, STACK);
    pthread_attr_t attr;
    pthread_t thread;
    size_t found;

    assert_non_null(stack);
    memset(stack, 0, STACK);
    pthread_attr_init(&attr);
    assert_int_equal(pthread_attr_setstack(&attr, stack, STACK), 0);
    assert_int_equal(pthread_create(&thread, &attr, function, &rtx_osn), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attr);
    found = pieces_in(stack + STACK - USED, USED);
    free(stack);
    return found;
}

static void make_packet(enum hr_srtp_profile profile_in, enum hr_srtp_profile profile_out)
{
    static const uint8_t master[] = "headrace master key and salt..";

    dp_srtp_key_init(&in, profile_in, master, master + 16);
    dp_srtp_key_init(&out, profile_out, master + 1, master + 8);
    dp_srtp_keystream(&in, 1, 2, ks, LENGTH);
    for (size_t i = 0; i < LENGTH; i++) {
        plain[i] = (uint8_t)(i * i * 31 + i / 7);
        src[i] = plain[i] ^ ks[i];
    }
    memset(dst, 0x80, 12);
}

static void none_left(void **state)
{
    batch = dp_srtp_batch_new();
    assert_non_null(batch);
    for (int level = 0; level < DP_SRTP_CPU_COUNT; level++) {
        if (dp_srtp_cpu_force((enum dp_srtp_cpu)level) != 0)
            continue;
        for (int pair = 0; pair < 4; pair++) {
            make_packet(profiles[pair & 1], profiles[pair >> 1]);
            assert_int_equal(left_by(rekey, -1), 0);
            assert_int_equal(left_by(rekey, 4711), 0);
            assert_int_equal(left_by(rekey_unwrapped, 0), 0);
            assert_int_equal(left_by(rekey_batch, -1), 0);
            assert_int_equal(left_by(rekey_batch, 4711), 0);
            assert_int_equal(in_process(), 0);
        }
    }
    dp_srtp_batch_free(batch);
}

static void search_finds(void **state)
{
    uint8_t *heap = malloc(LENGTH);

    make_packet(profiles[0], profiles[0]);
    assert_true(left_by(decrypt, 0) > LENGTH / STEP * 9 / 10);
    assert_non_null(heap);
    memcpy(heap, plain, LENGTH);
    assert_true(in_process() > LENGTH / STEP * 9 / 10);
    memset(heap, 0, LENGTH);
    free(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(none_left), cmocka_unit_test(search_finds)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
