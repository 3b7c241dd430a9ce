/* What the rows of AEAD_AES_128_GCM (vaes256_plain.c, which draws them) and of AES_CM
 * (vaes256_cm.c) share: a packet under way, its counter blocks, and the last round, where KS_in ^
 * KS_out meets the ciphertext. */
#ifndef DP_SRTP_VAES256_H
#define DP_SRTP_VAES256_H

#include "dataplane/srtp/aesni.h"

#define PATH   __attribute__((target("aes,pclmul,ssse3,sse4.1,avx2,vaes,vpclmulqdq")))
#define INLINE PATH static inline __attribute__((always_inline, unused))
#define UNROLL _Pragma("GCC unroll 9")
#define WIDE   32
#define UNITS  8 /* at most in a step */

/* A packet under way. */
struct packet {
    __m256i base;        /* counter block with no count, after round key 0 */
    __m256i end;         /* the header's last block where J0 is, and one before it */
    __m256i header;      /* the unit before the first, if there is one */
    __m256i x[2][UNITS]; /* what GHASH takes in the next step, by turns */
    uint64_t sum;
    __m128i y, e; /* GHASH so far; J0's keystream */
    struct dp_srtp_rekey *job;
    const uint8_t *round_keys, *powers, *folds; /* powers: their end */
    const uint8_t *src, *ks;                    /* of the next unit for AES */
    uint8_t *dst;
    const uint8_t *counts; /* of the next unit */
    unsigned int left;     /* units */
    unsigned int turn;     /* of x, to be read */
    bool begun;            /* past the first unit */
    bool half;             /* the first unit has no first block */
    bool has_header;
    bool odd; /* the header is not of whole words */
};

INLINE __m256i wide_load(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

INLINE void wide_store(uint8_t *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)(void *)p, v);
}

INLINE __m256i halves(const uint8_t *p)
{
    return _mm256_broadcastsi128_si256(load(p));
}

/* From 32 - n on: bytes 16 - n .. 15 of a block come first, then zeros. From n on: zeros, then the
 * first n bytes. */
static const int8_t choices[3 * SRTP_BLOCK] = {
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0,  1,  2,  3,  4,  5,  6,  7,
    8,  9,  10, 11, 12, 13, 14, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};

/* That choice for the last n bytes of a block, and the mask of n bytes. */
INLINE __m128i choice_of(size_t n)
{
    return load((const uint8_t *)choices + 2 * SRTP_BLOCK - n);
}

INLINE __m128i mask_of(__m128i choice)
{
    return _mm_cmpgt_epi8(choice, _mm_set1_epi8(-1));
}

/* --- AES --- */

/* Counter blocks of nothing but the count: -1, 0, 1 .. */
#define COUNT(n)     {0, 0, 0, (uint32_t)(n) << 24},
#define COUNTS_4(n)  COUNT(n) COUNT((n) + 1) COUNT((n) + 2) COUNT((n) + 3)
#define COUNTS_16(n) COUNTS_4(n) COUNTS_4((n) + 4) COUNTS_4((n) + 8) COUNTS_4((n) + 12)
#define COUNTS_64(n) COUNTS_16(n) COUNTS_16((n) + 16) COUNTS_16((n) + 32) COUNTS_16((n) + 48)
static const alignas(64) uint32_t counts[][4] = {COUNT(255) COUNTS_64(0) COUNTS_64(64)
                                                     COUNTS_64(128) COUNTS_64(192)};

INLINE __m128i counter_base(const struct dp_srtp_rekey *job)
{
    uint32_t ssrc = srtp_ssrc(job->dst);
    __m128i salt = _mm_and_si128(load(job->key->salt), _mm_set_epi32(0xffff, -1, -1, -1));
    uint64_t first = ssrc, second = job->index << 16;

    if (job->key->profile == HR_SRTP_AEAD_AES_128_GCM) {
        first = (uint64_t)ssrc << 16 | job->index >> 32;
        second = job->index << 32;
    }
    return _mm_xor_si128(salt, _mm_set_epi64x((long long)__builtin_bswap64(second),
                                              (long long)__builtin_bswap64(first)));
}

INLINE void start(struct packet *a, __m256i b[UNITS], int g)
{
    UNROLL for (int i = 0; i < g; i++) b[i] =
        _mm256_xor_si256(a->base, wide_load(a->counts + i * WIDE));
    a->counts += g * WIDE;
}

/* Where a step is in its packet: what the compiler need not expect the stores to change. */
struct place {
    const uint8_t *src, *ks;
    uint8_t *dst;
    __m256i *x;
    __m256i k; /* the last round's */
};

/* The last round and both XORs of a whole unit, KS_in ^ KS_out before C_in. */
INLINE __m256i combine(struct place *at, __m256i b, int i)
{
    b = _mm256_aesenclast_epi128(b, _mm256_xor_si256(at->k, wide_load(at->ks + i * WIDE)));
    b = _mm256_xor_si256(b, wide_load(at->src + i * WIDE));
    wide_store(at->dst + i * WIDE, b);
    return b;
}

/* The payload's first block, in the unit's second half. */
INLINE __m128i combine_half(struct place *at, __m128i b)
{
    __m128i ks = load(at->ks + SRTP_BLOCK), c;

    c = _mm_aesenclast_si128(b, _mm_xor_si128(_mm256_castsi256_si128(at->k), ks));
    c = _mm_xor_si128(c, load(at->src + SRTP_BLOCK));
    store(at->dst + SRTP_BLOCK, c);
    return c;
}

/* On to the next units. */
INLINE void advance(struct packet *a, const struct place *at, int g)
{
    a->begun = true;
    a->turn ^= 1;
    a->src = at->src + g * WIDE;
    a->ks = at->ks + g * WIDE;
    a->dst = at->dst + g * WIDE;
    a->left -= (unsigned int)g;
}

/* The row's first unit has counts count and count + 1 and begins lead bytes before the payload. */
INLINE void begin(struct packet *a, struct dp_srtp_rekey *job, int count, size_t lead)
{
    a->job = job;
    a->odd = job->hdr_len & 1;
    a->round_keys = job->key->round_keys;
    a->powers = powers(job->key, 0);
    a->folds = job->key->folds;
    a->base =
        _mm256_broadcastsi128_si256(_mm_xor_si128(counter_base(job), load(job->key->round_keys)));
    a->counts = (const uint8_t *)counts[1 + count];
    a->src = job->src - lead;
    a->ks = job->ks - lead;
    a->dst = job->dst + job->hdr_len - lead;
    a->begun = false;
    a->turn = 0;
}

/* The way to memory is longer than a small packet takes, so look ahead. */
#define AHEAD 3

INLINE void fetch(const void *from, int lines)
{
    for (int i = 0; i < lines; i++)
        _mm_prefetch((const char *)from + 64 * i, _MM_HINT_T0);
}

#endif
