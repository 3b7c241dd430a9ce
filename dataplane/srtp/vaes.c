/* VAES and VPCLMULQDQ on 512 bits: 16 counter blocks in flight, GHASH of 16 blocks with one
 * reduction, byte masks for the rest. The field and the order of the XORs are aesni.c's. */
#include "dataplane/srtp/srtp_internal.h"

#include <immintrin.h>

#define PATH                                                                                       \
    __attribute__((target("aes,pclmul,ssse3,sse4.1,avx512f,avx512bw,avx512vl,vaes,vpclmulqdq")))
#define INLINE PATH static inline __attribute__((always_inline))
#define LANES  4 /* of 4 blocks */
#define WIDE   64
#define CHUNK  (LANES * WIDE)
/* Constant indices, so that the arrays live in registers. */
#define EACH(DO) DO(0) DO(1) DO(2) DO(3)

/* --- AES --- */

INLINE __m512i round_key(const struct dp_srtp_key *key, int r)
{
    return _mm512_broadcast_i32x4(
        _mm_load_si128((const __m128i *) (const void *) (key->round_keys + r * SRTP_BLOCK)));
}

/* Swaps the counts, so that they can be added to; its own inverse. */
INLINE __m512i swap_count(__m512i ctr)
{
    return _mm512_shuffle_epi8(
        ctr, _mm512_broadcast_i32x4(
                 _mm_set_epi8(12, 13, 14, 15, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)));
}

INLINE __m512i add_count(__m512i ctr, int n)
{
    return _mm512_add_epi32(ctr, _mm512_broadcast_i32x4(_mm_set_epi32(n, 0, 0, 0)));
}

/* The counter blocks start, start + 1, + 2, + 3, each plus skip. */
INLINE __m512i first_counts(const uint8_t *start, int skip)
{
    __m128i ctr = _mm_loadu_si128((const __m128i *) (const void *) start);
    __m512i wide = swap_count(_mm512_broadcast_i32x4(ctr));

    wide = _mm512_add_epi32(wide, _mm512_set_epi32(3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0));
    return add_count(wide, skip);
}

/* All rounds but the last of 16 counter blocks. */
INLINE void rounds(const struct dp_srtp_key *key, __m512i ctr, __m512i b[LANES])
{
    __m512i k = round_key(key, 0);

#define START(i) b[i] = _mm512_xor_si512(swap_count(add_count(ctr, 4 * (i))), k);
    EACH(START)
    for (int r = 1; r < 10; r++) {
        k = round_key(key, r);
#define ROUND(i) b[i] = _mm512_aesenc_epi128(b[i], k);
        EACH(ROUND)
    }
}

INLINE __m128i encrypt_one(const struct dp_srtp_key *key, const uint8_t *block)
{
    const __m128i *k = (const __m128i *) (const void *) key->round_keys;
    __m128i b = _mm_loadu_si128((const __m128i *) (const void *) block);

    b = _mm_xor_si128(b, _mm_load_si128(k));
    for (int r = 1; r < 10; r++)
        b = _mm_aesenc_si128(b, _mm_load_si128(k + r));
    return _mm_aesenclast_si128(b, _mm_load_si128(k + 10));
}

/* The bytes of lane i, when len are left in the chunk. */
INLINE __mmask64 lane_mask(size_t len, size_t i)
{
    if (len >= (i + 1) * WIDE)
        return ~UINT64_C(0);
    return len > i * WIDE ? ~UINT64_C(0) >> (WIDE - (len - i * WIDE)) : 0;
}

PATH static void keystream(const struct dp_srtp_key *key, const uint8_t *start, uint8_t *ks,
                           size_t len)
{
    __m512i ctr = first_counts(start, 0), k = round_key(key, 10), b[LANES];

    for (; len >= CHUNK; ks += CHUNK, len -= CHUNK) {
        rounds(key, ctr, b);
#define LAST(i) _mm512_storeu_si512(ks + (i) * WIDE, _mm512_aesenclast_epi128(b[i], k));
        EACH(LAST)
        ctr = add_count(ctr, LANES * 4);
    }
    if (len) {
        rounds(key, ctr, b);
#define LAST_PART(i)                                                                               \
    _mm512_mask_storeu_epi8(ks + (i) * WIDE, lane_mask(len, i), _mm512_aesenclast_epi128(b[i], k));
        EACH(LAST_PART)
    }
}

/* c = 16 blocks of ciphertext of the run at offset at, stored too. */
INLINE void combine_chunk(const struct dp_srtp_key *key, __m512i ctr, const struct srtp_run *run,
                          size_t at, __m512i c[LANES])
{
    const uint8_t *src = run->src + at, *ks = run->ks + at;
    __m512i k = round_key(key, 10);
    uint8_t *dst = run->dst + at;

    rounds(key, ctr, c);
#define COMBINE(i)                                                                                 \
    c[i] = _mm512_aesenclast_epi128(                                                               \
        c[i], _mm512_xor_si512(k, _mm512_loadu_si512(ks + (i) * WIDE)));                           \
    c[i] = _mm512_xor_si512(c[i], _mm512_loadu_si512(src + (i) * WIDE));                           \
    _mm512_storeu_si512(dst + (i) * WIDE, c[i]);
    EACH(COMBINE)
}

/* The same for less than 16 blocks; beyond the end c is zero. */
INLINE void combine_rest(const struct dp_srtp_key *key, __m512i ctr, const struct srtp_run *run,
                         size_t at, __m512i c[LANES])
{
    const uint8_t *src = run->src + at, *ks = run->ks + at;
    __m512i k = round_key(key, 10);
    uint8_t *dst = run->dst + at;
    size_t len = run->len - at;

    rounds(key, ctr, c);
#define COMBINE_PART(i)                                                                            \
    do {                                                                                           \
        __mmask64 m = lane_mask(len, i);                                                           \
                                                                                                   \
        c[i] = _mm512_aesenclast_epi128(                                                           \
            c[i], _mm512_xor_si512(k, _mm512_maskz_loadu_epi8(m, ks + (i) * WIDE)));               \
        c[i] = _mm512_xor_si512(c[i], _mm512_maskz_loadu_epi8(m, src + (i) * WIDE));               \
        c[i] = _mm512_maskz_mov_epi8(m, c[i]);                                                     \
        _mm512_mask_storeu_epi8(dst + (i) * WIDE, m, c[i]);                                        \
    } while (0);
    EACH(COMBINE_PART)
}

INLINE int blocks_of(size_t len)
{
    return (int) ((len + SRTP_BLOCK - 1) / SRTP_BLOCK);
}

INLINE __m512i add_blocks(__m512i ctr, int n)
{
    return _mm512_add_epi32(ctr, _mm512_broadcast_i32x4(_mm_set_epi32(n, 0, 0, 0)));
}

PATH static void cm_rekey(const struct dp_srtp_key *key, const uint8_t *start,
                          const struct srtp_runs *runs)
{
    __m512i ctr = first_counts(start, 0), c[LANES];

    for (int r = 0; r < runs->n; r++) {
        const struct srtp_run *run = &runs->run[r];
        size_t at = 0;

        for (; run->len - at >= CHUNK; at += CHUNK) {
            combine_chunk(key, ctr, run, at, c);
            ctr = add_count(ctr, LANES * 4);
        }
        if (at < run->len) {
            combine_rest(key, ctr, run, at, c);
            ctr = add_blocks(ctr, blocks_of(run->len - at));
        }
    }
}

/* --- GHASH --- */

INLINE __m512i swap_bytes(__m512i v)
{
    return _mm512_shuffle_epi8(
        v, _mm512_broadcast_i32x4(
               _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
}

/* Sums of products in each quarter. */
struct sum {
    __m512i lo, mid, hi;
};

INLINE void add_product(struct sum *s, __m512i x, __m512i h)
{
    __m512i mid = _mm512_xor_si512(_mm512_clmulepi64_epi128(x, h, 0x01),
                                   _mm512_clmulepi64_epi128(x, h, 0x10));

    s->lo = _mm512_xor_si512(s->lo, _mm512_clmulepi64_epi128(x, h, 0x00));
    s->hi = _mm512_xor_si512(s->hi, _mm512_clmulepi64_epi128(x, h, 0x11));
    s->mid = _mm512_xor_si512(s->mid, mid);
}

INLINE __m128i add_quarters(__m512i v)
{
    __m256i half = _mm256_xor_si256(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));

    return _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

INLINE __m128i fold(__m128i v)
{
    const __m128i poly = _mm_set_epi64x(0, (long long) 0xc200000000000000);

    return _mm_xor_si128(_mm_shuffle_epi32(v, 0x4e), _mm_clmulepi64_si128(v, poly, 0x00));
}

INLINE __m128i reduce(const struct sum *s)
{
    __m128i lo = add_quarters(s->lo), mid = add_quarters(s->mid), hi = add_quarters(s->hi);

    lo = _mm_xor_si128(lo, _mm_slli_si128(mid, 8));
    hi = _mm_xor_si128(hi, _mm_srli_si128(mid, 8));
    return _mm_xor_si128(fold(fold(lo)), hi);
}

INLINE __m512i powers(const struct dp_srtp_key *key, size_t n, size_t i)
{
    const uint8_t *h = key->powers + (DP_SRTP_GHASH_POWERS - n) * SRTP_BLOCK;

    return _mm512_maskz_loadu_epi8(lane_mask(n * SRTP_BLOCK, i), h + i * WIDE);
}

/* n <= 16 blocks in c, zeros behind them; n is 16 at compile time for whole chunks. */
INLINE __m128i ghash_blocks(const struct dp_srtp_key *key, __m128i y, const __m512i c[LANES],
                            size_t n)
{
    struct sum s = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};

    add_product(&s, _mm512_xor_si512(_mm512_zextsi128_si512(y), swap_bytes(c[0])),
                powers(key, n, 0));
#define PRODUCT(i)                                                                                 \
    if (n > 4 * (i))                                                                               \
        add_product(&s, swap_bytes(c[i]), powers(key, n, i));
    PRODUCT(1) PRODUCT(2) PRODUCT(3)
    return reduce(&s);
}

PATH static __m128i ghash(const struct dp_srtp_key *key, __m128i y, const uint8_t *p, size_t len)
{
    __m512i c[LANES];

    for (; len >= CHUNK; p += CHUNK, len -= CHUNK) {
#define LOAD(i) c[i] = _mm512_loadu_si512(p + (i) * WIDE);
        EACH(LOAD)
        y = ghash_blocks(key, y, c, DP_SRTP_GHASH_POWERS);
    }
    if (len) {
#define LOAD_PART(i) c[i] = _mm512_maskz_loadu_epi8(lane_mask(len, i), p + (i) * WIDE);
        EACH(LOAD_PART)
        y = ghash_blocks(key, y, c, (size_t) blocks_of(len));
    }
    return y;
}

/* --- GCM --- */

INLINE void finish(const struct dp_srtp_key *key, __m128i y, const uint8_t *j0, size_t hdr_len,
                   size_t len, uint8_t *tag)
{
    __m128i lengths = _mm_set_epi64x((long long) hdr_len * 8, (long long) len * 8);
    __m512i c[LANES];

    /* ghash_blocks swaps whole blocks: undo it in advance. */
    c[0] = swap_bytes(_mm512_zextsi128_si512(lengths));
    c[1] = c[2] = c[3] = _mm512_setzero_si512();
    y = ghash_blocks(key, y, c, 1);
    y = _mm_shuffle_epi8(y, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    _mm_storeu_si128((__m128i *) (void *) tag, _mm_xor_si128(y, encrypt_one(key, j0)));
}

PATH static void gcm_tag(const struct dp_srtp_key *key, const uint8_t *j0, const uint8_t *pkt,
                         size_t hdr_len, size_t len, uint8_t *tag)
{
    __m128i y = ghash(key, _mm_setzero_si128(), pkt, hdr_len);

    finish(key, ghash(key, y, pkt + hdr_len, len), j0, hdr_len, len, tag);
}

PATH static void gcm_rekey(const struct dp_srtp_key *key, const uint8_t *j0,
                           const struct dp_srtp_rekey *job, const struct srtp_runs *runs)
{
    __m128i y = ghash(key, _mm_setzero_si128(), job->dst, job->hdr_len);
    __m512i ctr = first_counts(j0, 1), c[LANES];

    for (int r = 0; r < runs->n; r++) {
        const struct srtp_run *run = &runs->run[r];
        size_t at = 0;

        for (; run->len - at >= CHUNK; at += CHUNK) {
            combine_chunk(key, ctr, run, at, c);
            ctr = add_count(ctr, LANES * 4);
            y = ghash_blocks(key, y, c, DP_SRTP_GHASH_POWERS);
        }
        if (at < run->len) {
            combine_rest(key, ctr, run, at, c);
            ctr = add_blocks(ctr, blocks_of(run->len - at));
            y = ghash_blocks(key, y, c, (size_t) blocks_of(run->len - at));
        }
    }
    finish(key, y, j0, job->hdr_len, runs->len, job->dst + job->hdr_len + runs->len);
}

const struct srtp_ops dp_srtp_ops_vaes = {"vaes", keystream, cm_rekey, gcm_tag, gcm_rekey};
