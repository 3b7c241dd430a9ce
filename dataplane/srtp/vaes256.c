/* VAES and VPCLMULQDQ on 256 bits, for CPUs with AVX2 and no AVX-512: 16 counter blocks in flight,
 * GHASH of 16 blocks with one reduction; what is left of a run goes the AES-NI way. */
#include "dataplane/srtp/aesni.h"

#define PATH   __attribute__((target("aes,pclmul,ssse3,sse4.1,avx2,vaes,vpclmulqdq")))
#define INLINE PATH static inline __attribute__((always_inline))
#define LANES  8 /* of 2 blocks */
#define WIDE   32
#define CHUNK  (LANES * WIDE)

/* --- AES --- */

INLINE __m256i wide_load(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

INLINE void wide_store(uint8_t *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)(void *)p, v);
}

INLINE __m256i wide_round_key(const struct dp_srtp_key *key, int r)
{
    return _mm256_broadcastsi128_si256(round_key(key, r));
}

INLINE __m256i wide_swap_count(__m256i ctr)
{
    return _mm256_shuffle_epi8(ctr, _mm256_broadcastsi128_si256(_mm_set_epi8(
                                        12, 13, 14, 15, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)));
}

/* All rounds but the last of 16 counter blocks from ctr (count swapped). */
INLINE void wide_rounds(const struct dp_srtp_key *key, __m128i ctr, __m256i b[LANES])
{
    __m256i k = wide_round_key(key, 0), pair = _mm256_broadcastsi128_si256(ctr);

#define WIDE_START(i)                                                                        \
    b[i] = _mm256_add_epi32(pair, _mm256_set_epi32(2 * (i) + 1, 0, 0, 0, 2 * (i), 0, 0, 0)); \
    b[i] = _mm256_xor_si256(wide_swap_count(b[i]), k);
    EACH8(WIDE_START)
    for (int r = 1; r < 10; r++) {
        k = wide_round_key(key, r);
#define WIDE_ROUND(i) b[i] = _mm256_aesenc_epi128(b[i], k);
        EACH8(WIDE_ROUND)
    }
}

PATH static void keystream(const struct dp_srtp_key *key, const uint8_t *start, uint8_t *ks,
                           size_t len)
{
    __m256i k = wide_round_key(key, 10), b[LANES];
    __m128i ctr = swap_count(load(start));

    for (; len >= CHUNK; ks += CHUNK, len -= CHUNK) {
        wide_rounds(key, ctr, b);
#define WIDE_LAST(i) wide_store(ks + (i)*WIDE, _mm256_aesenclast_epi128(b[i], k));
        EACH8(WIDE_LAST)
        ctr = add_count(ctr, LANES * 2);
    }
    keystream_rest(key, ctr, ks, len);
}

/* c = 16 blocks of ciphertext of the run at offset at, stored too. */
INLINE void wide_combine(const struct dp_srtp_key *key, __m128i ctr, const struct srtp_run *run,
                         size_t at, __m256i c[LANES])
{
    const uint8_t *src = run->src + at, *ks = run->ks + at;
    __m256i k = wide_round_key(key, 10);
    uint8_t *dst = run->dst + at;

    wide_rounds(key, ctr, c);
#define WIDE_COMBINE(i)                                                                   \
    c[i] = _mm256_aesenclast_epi128(c[i], _mm256_xor_si256(k, wide_load(ks + (i)*WIDE))); \
    c[i] = _mm256_xor_si256(c[i], wide_load(src + (i)*WIDE));                             \
    wide_store(dst + (i)*WIDE, c[i]);
    EACH8(WIDE_COMBINE)
}

PATH static void cm_rekey(const struct dp_srtp_key *key, const uint8_t *start,
                          const struct srtp_runs *runs)
{
    __m128i ctr = swap_count(load(start));
    __m256i c[LANES];

    for (int r = 0; r < runs->n; r++) {
        const struct srtp_run *run = &runs->run[r];
        size_t at = 0;

        for (; run->len - at >= CHUNK; at += CHUNK) {
            wide_combine(key, ctr, run, at, c);
            ctr = add_count(ctr, LANES * 2);
        }
        ctr = combine_from(key, ctr, run, at);
    }
}

/* --- GHASH --- */

/* Sums of products in each half. */
struct wide_sum {
    __m256i lo, mid, hi;
};

INLINE __m256i wide_swap_bytes(__m256i v)
{
    return _mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(_mm_set_epi8(
                                      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
}

INLINE void wide_add_product(struct wide_sum *s, __m256i x, __m256i h)
{
    s->lo = _mm256_xor_si256(s->lo, _mm256_clmulepi64_epi128(x, h, 0x00));
    s->hi = _mm256_xor_si256(s->hi, _mm256_clmulepi64_epi128(x, h, 0x11));
    s->mid = _mm256_xor_si256(s->mid, _mm256_clmulepi64_epi128(x, h, 0x01));
    s->mid = _mm256_xor_si256(s->mid, _mm256_clmulepi64_epi128(x, h, 0x10));
}

INLINE __m128i add_halves(__m256i v)
{
    return _mm_xor_si128(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}

INLINE __m128i wide_ghash(const struct dp_srtp_key *key, __m128i y, const __m256i c[LANES])
{
    const uint8_t *h = powers(key, DP_SRTP_GHASH_POWERS);
    struct wide_sum s = {0};
    struct sum sum;

    wide_add_product(&s, _mm256_xor_si256(_mm256_zextsi128_si256(y), wide_swap_bytes(c[0])),
                     wide_load(h));
#define WIDE_PRODUCT(i) wide_add_product(&s, wide_swap_bytes(c[i]), wide_load(h + (i)*WIDE));
    WIDE_PRODUCT(1)
    WIDE_PRODUCT(2)
    WIDE_PRODUCT(3)
    WIDE_PRODUCT(4)
    WIDE_PRODUCT(5)
    WIDE_PRODUCT(6)
    WIDE_PRODUCT(7)
    sum = (struct sum){add_halves(s.lo), add_halves(s.mid), add_halves(s.hi)};
    return reduce(&sum);
}

/* --- GCM --- */

PATH static void gcm_tag(const struct dp_srtp_key *key, const uint8_t *j0, const uint8_t *pkt,
                         size_t hdr_len, size_t len, uint8_t *tag)
{
    __m128i y = ghash(key, _mm_setzero_si128(), pkt, hdr_len, NULL);
    __m128i lengths = lengths_of(hdr_len, len);
    size_t left = len;
    __m256i c[LANES];

    for (pkt += hdr_len; left >= CHUNK; pkt += CHUNK, left -= CHUNK) {
#define WIDE_LOAD(i) c[i] = wide_load(pkt + (i)*WIDE);
        EACH8(WIDE_LOAD)
        y = wide_ghash(key, y, c);
    }
    y = ghash(key, y, pkt, left, &lengths);
    store(tag, _mm_xor_si128(swap_bytes(y), encrypt_one(key, j0)));
}

PATH static void gcm_rekey(const struct dp_srtp_key *key, const uint8_t *j0,
                           const struct dp_srtp_rekey *job, const struct srtp_runs *runs)
{
    __m128i ctr = add_count(swap_count(load(j0)), 1), lengths = lengths_of(job->hdr_len, runs->len);
    __m128i y = ghash(key, _mm_setzero_si128(), job->dst, job->hdr_len, NULL);
    uint8_t *tag = job->dst + job->hdr_len + runs->len;
    __m256i c[LANES];

    for (int r = 0; r < runs->n; r++) {
        const struct srtp_run *run = &runs->run[r];
        size_t at = 0;

        for (; run->len - at >= CHUNK; at += CHUNK) {
            wide_combine(key, ctr, run, at, c);
            ctr = add_count(ctr, LANES * 2);
            y = wide_ghash(key, y, c);
        }
        ctr = combine_from(key, ctr, run, at);
        y = ghash(key, y, run->dst + at, run->len - at, r + 1 == runs->n ? &lengths : NULL);
    }
    store(tag, _mm_xor_si128(swap_bytes(y), encrypt_one(key, j0)));
}

const struct srtp_ops dp_srtp_ops_vaes256 = {
    .name = "vaes256",
    .keystream = keystream,
    .cm_rekey = cm_rekey,
    .gcm_tag = gcm_tag,
    .gcm_rekey = gcm_rekey,
    .gcm_plain = dp_srtp_vaes256_gcm,
    .cm_plain = dp_srtp_vaes256_cm,
    .sums = true,
    .hmac_plain = dp_srtp_sha_hmac,
    .hmac_min = 1,
};
