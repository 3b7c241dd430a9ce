/* VAES and VPCLMULQDQ on 512 bits: 16 counter blocks in flight, GHASH of 16 blocks with one
 * reduction, byte masks for the rest. The field and the order of the XORs are aesni.h's. */
#include "dataplane/srtp/aesni.h"

#define PATH \
    __attribute__((target("aes,pclmul,ssse3,sse4.1,avx512f,avx512bw,avx512vl,vaes,vpclmulqdq")))
#define INLINE PATH static inline __attribute__((always_inline))
#define LANES  4 /* of 4 blocks */
#define WIDE   64
#define CHUNK  (LANES * WIDE)
/* Constant indices, so that the arrays live in registers. */
#define EACH(DO) DO(0) DO(1) DO(2) DO(3)

/* --- AES --- */

INLINE __m512i wide_round_key(const struct dp_srtp_key *key, int r)
{
    return _mm512_broadcast_i32x4(
        _mm_load_si128((const __m128i *)(const void *)(key->round_keys + r * SRTP_BLOCK)));
}

/* Swaps the counts, so that they can be added to; its own inverse. */
INLINE __m512i wide_swap_count(__m512i ctr)
{
    return _mm512_shuffle_epi8(ctr, _mm512_broadcast_i32x4(_mm_set_epi8(
                                        12, 13, 14, 15, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)));
}

INLINE __m512i wide_add_count(__m512i ctr, int n)
{
    return _mm512_add_epi32(ctr, _mm512_broadcast_i32x4(_mm_set_epi32(n, 0, 0, 0)));
}

/* The counter blocks start, start + 1, + 2, + 3, each plus skip. */
INLINE __m512i first_counts(const uint8_t *start, int skip)
{
    __m128i ctr = _mm_loadu_si128((const __m128i *)(const void *)start);
    __m512i wide = wide_swap_count(_mm512_broadcast_i32x4(ctr));

    wide = _mm512_add_epi32(wide, _mm512_set_epi32(3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0));
    return wide_add_count(wide, skip);
}

/* All rounds but the last of 16 counter blocks. */
INLINE void wide_rounds(const struct dp_srtp_key *key, __m512i ctr, __m512i b[LANES])
{
    __m512i k = wide_round_key(key, 0);

#define WIDE_START(i) b[i] = _mm512_xor_si512(wide_swap_count(wide_add_count(ctr, 4 * (i))), k);
    EACH(WIDE_START)
    for (int r = 1; r < 10; r++) {
        k = wide_round_key(key, r);
#define WIDE_ROUND(i) b[i] = _mm512_aesenc_epi128(b[i], k);
        EACH(WIDE_ROUND)
    }
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
    __m512i ctr = first_counts(start, 0), k = wide_round_key(key, 10), b[LANES];

    for (; len >= CHUNK; ks += CHUNK, len -= CHUNK) {
        wide_rounds(key, ctr, b);
#define WIDE_LAST(i) _mm512_storeu_si512(ks + (i)*WIDE, _mm512_aesenclast_epi128(b[i], k));
        EACH(WIDE_LAST)
        ctr = wide_add_count(ctr, LANES * 4);
    }
    if (len) {
        wide_rounds(key, ctr, b);
#define WIDE_LAST_PART(i) \
    _mm512_mask_storeu_epi8(ks + (i)*WIDE, lane_mask(len, i), _mm512_aesenclast_epi128(b[i], k));
        EACH(WIDE_LAST_PART)
    }
}

/* c = 16 blocks of ciphertext of the run at offset at, stored too. */
INLINE void wide_combine(const struct dp_srtp_key *key, __m512i ctr, const struct srtp_run *run,
                         size_t at, __m512i c[LANES])
{
    const uint8_t *src = run->src + at, *ks = run->ks + at;
    __m512i k = wide_round_key(key, 10);
    uint8_t *dst = run->dst + at;

    wide_rounds(key, ctr, c);
#define WIDE_COMBINE(i)                                                                            \
    c[i] = _mm512_aesenclast_epi128(c[i], _mm512_xor_si512(k, _mm512_loadu_si512(ks + (i)*WIDE))); \
    c[i] = _mm512_xor_si512(c[i], _mm512_loadu_si512(src + (i)*WIDE));                             \
    _mm512_storeu_si512(dst + (i)*WIDE, c[i]);
    EACH(WIDE_COMBINE)
}

/* The same for less than 16 blocks; beyond the end c is zero. */
INLINE void wide_combine_rest(const struct dp_srtp_key *key, __m512i ctr,
                              const struct srtp_run *run, size_t at, __m512i c[LANES])
{
    const uint8_t *src = run->src + at, *ks = run->ks + at;
    __m512i k = wide_round_key(key, 10);
    uint8_t *dst = run->dst + at;
    size_t len = run->len - at;

    wide_rounds(key, ctr, c);
#define WIDE_COMBINE_PART(i)                                                       \
    do {                                                                           \
        __mmask64 m = lane_mask(len, i);                                           \
                                                                                   \
        c[i] = _mm512_aesenclast_epi128(                                           \
            c[i], _mm512_xor_si512(k, _mm512_maskz_loadu_epi8(m, ks + (i)*WIDE))); \
        c[i] = _mm512_xor_si512(c[i], _mm512_maskz_loadu_epi8(m, src + (i)*WIDE)); \
        c[i] = _mm512_maskz_mov_epi8(m, c[i]);                                     \
        _mm512_mask_storeu_epi8(dst + (i)*WIDE, m, c[i]);                          \
    } while (0);
    EACH(WIDE_COMBINE_PART)
}

INLINE int blocks_of(size_t len)
{
    return (int)((len + SRTP_BLOCK - 1) / SRTP_BLOCK);
}

PATH static void cm_rekey(const struct dp_srtp_key *key, const uint8_t *start,
                          const struct srtp_runs *runs)
{
    __m512i ctr = first_counts(start, 0), c[LANES];

    for (int r = 0; r < runs->n; r++) {
        const struct srtp_run *run = &runs->run[r];
        size_t at = 0;

        for (; run->len - at >= CHUNK; at += CHUNK) {
            wide_combine(key, ctr, run, at, c);
            ctr = wide_add_count(ctr, LANES * 4);
        }
        if (at < run->len) {
            wide_combine_rest(key, ctr, run, at, c);
            ctr = wide_add_count(ctr, blocks_of(run->len - at));
        }
    }
}

/* --- GHASH --- */

INLINE __m512i wide_swap_bytes(__m512i v)
{
    return _mm512_shuffle_epi8(v, _mm512_broadcast_i32x4(_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
                                                                      10, 11, 12, 13, 14, 15)));
}

/* Sums of products in each quarter. */
struct wide_sum {
    __m512i lo, mid, hi;
};

INLINE void wide_add_product(struct wide_sum *s, __m512i x, __m512i h)
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

INLINE __m128i wide_reduce(const struct wide_sum *s)
{
    struct sum sum = {add_quarters(s->lo), add_quarters(s->mid), add_quarters(s->hi)};

    return reduce(&sum);
}

INLINE __m512i wide_powers(const struct dp_srtp_key *key, size_t n, size_t i)
{
    const uint8_t *h = key->powers + (DP_SRTP_GHASH_POWERS - n) * SRTP_BLOCK;

    return _mm512_maskz_loadu_epi8(lane_mask(n * SRTP_BLOCK, i), h + i * WIDE);
}

/* n <= 16 blocks in c, zeros behind them; n is 16 at compile time for whole chunks. */
INLINE __m128i wide_ghash(const struct dp_srtp_key *key, __m128i y, const __m512i c[LANES],
                          size_t n)
{
    struct wide_sum s = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};

    wide_add_product(&s, _mm512_xor_si512(_mm512_zextsi128_si512(y), wide_swap_bytes(c[0])),
                     wide_powers(key, n, 0));
#define WIDE_PRODUCT(i)                                                          \
    do {                                                                         \
        if (n > 4 * (i))                                                         \
            wide_add_product(&s, wide_swap_bytes(c[i]), wide_powers(key, n, i)); \
    } while (0)
    WIDE_PRODUCT(1);
    WIDE_PRODUCT(2);
    WIDE_PRODUCT(3);
    return wide_reduce(&s);
}

PATH static __m128i wide_ghash_part(const struct dp_srtp_key *key, __m128i y, const uint8_t *p,
                                    size_t len)
{
    __m512i c[LANES];

    for (; len >= CHUNK; p += CHUNK, len -= CHUNK) {
#define WIDE_LOAD(i) c[i] = _mm512_loadu_si512(p + (i)*WIDE);
        EACH(WIDE_LOAD)
        y = wide_ghash(key, y, c, DP_SRTP_GHASH_POWERS);
    }
    if (len) {
#define WIDE_LOAD_PART(i) c[i] = _mm512_maskz_loadu_epi8(lane_mask(len, i), p + (i)*WIDE);
        EACH(WIDE_LOAD_PART)
        y = wide_ghash(key, y, c, (size_t)blocks_of(len));
    }
    return y;
}

/* --- GCM --- */

INLINE void finish(const struct dp_srtp_key *key, __m128i y, const uint8_t *j0, size_t hdr_len,
                   size_t len, uint8_t *tag)
{
    __m128i lengths = lengths_of(hdr_len, len);

    y = ghash_rest(key, y, NULL, 0, &lengths);
    store(tag, _mm_xor_si128(swap_bytes(y), encrypt_one(key, j0)));
}

PATH static void gcm_tag(const struct dp_srtp_key *key, const uint8_t *j0, const uint8_t *pkt,
                         size_t hdr_len, size_t len, uint8_t *tag)
{
    __m128i y = wide_ghash_part(key, _mm_setzero_si128(), pkt, hdr_len);

    finish(key, wide_ghash_part(key, y, pkt + hdr_len, len), j0, hdr_len, len, tag);
}

PATH static void gcm_rekey(const struct dp_srtp_key *key, const uint8_t *j0,
                           const struct dp_srtp_rekey *job, const struct srtp_runs *runs)
{
    __m128i y = wide_ghash_part(key, _mm_setzero_si128(), job->dst, job->hdr_len);
    __m512i ctr = first_counts(j0, 1), c[LANES];

    for (int r = 0; r < runs->n; r++) {
        const struct srtp_run *run = &runs->run[r];
        size_t at = 0;

        for (; run->len - at >= CHUNK; at += CHUNK) {
            wide_combine(key, ctr, run, at, c);
            ctr = wide_add_count(ctr, LANES * 4);
            y = wide_ghash(key, y, c, DP_SRTP_GHASH_POWERS);
        }
        if (at < run->len) {
            wide_combine_rest(key, ctr, run, at, c);
            ctr = wide_add_count(ctr, blocks_of(run->len - at));
            y = wide_ghash(key, y, c, (size_t)blocks_of(run->len - at));
        }
    }
    finish(key, y, j0, job->hdr_len, runs->len, job->dst + job->hdr_len + runs->len);
}

const struct srtp_ops dp_srtp_ops_vaes512 = {
    .name = "vaes512",
    .keystream = keystream,
    .cm_rekey = cm_rekey,
    .gcm_tag = gcm_tag,
    .gcm_rekey = gcm_rekey,
    .gcm_plain = dp_srtp_vaes512_gcm,
    .cm_plain = dp_srtp_vaes512_cm,
    .hmac_plain = dp_srtp_avx512_hmac,
    .hmac_min = 6, /* 16 lanes take as long as six packets of OpenSSL */
};
