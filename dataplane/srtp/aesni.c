/* AES-NI and PCLMULQDQ: 8 counter blocks in flight, GHASH of 8 blocks with one reduction.
 *
 * GHASH's bits are reflected: with H multiplied by x beforehand, carry-less products of byte-swapped
 * blocks need no shift, only the reduction (Gueron and Kounaves). For n blocks, block i meets
 * H^(n-i), and the powers stand in memory in that order, H^16 first. KS_in goes into the last AES
 * round key, so what leaves the last round is KS_in ^ KS_out, and only that meets the ciphertext. */
#include "dataplane/srtp/srtp_internal.h"

#include <immintrin.h>
#include <string.h>

#define PATH  __attribute__((target("aes,pclmul,ssse3,sse4.1")))
#define INLINE PATH static inline __attribute__((always_inline))
#define LANES 8
#define CHUNK (LANES * SRTP_BLOCK)
/* Constant indices, so that the arrays live in registers. */
#define EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)

INLINE __m128i load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *) (const void *) p);
}

INLINE void store(uint8_t *p, __m128i v)
{
    _mm_storeu_si128((__m128i *) (void *) p, v);
}

INLINE __m128i load_part(const uint8_t *p, size_t n)
{
    uint8_t block[SRTP_BLOCK] = {0};

    memcpy(block, p, n);
    return load(block);
}

INLINE void store_part(uint8_t *p, __m128i v, size_t n)
{
    uint8_t block[SRTP_BLOCK];

    store(block, v);
    memcpy(p, block, n);
}

INLINE __m128i round_key(const struct dp_srtp_key *key, int r)
{
    return load(key->round_keys + r * SRTP_BLOCK);
}

/* --- AES --- */

/* Swaps the count, so that it can be added to; its own inverse. */
INLINE __m128i swap_count(__m128i ctr)
{
    return _mm_shuffle_epi8(ctr, _mm_set_epi8(12, 13, 14, 15, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
}

INLINE __m128i add_count(__m128i ctr, int n)
{
    return _mm_add_epi32(ctr, _mm_set_epi32(n, 0, 0, 0));
}

/* All rounds but the last of 8 counter blocks from ctr (count swapped). */
INLINE void rounds(const struct dp_srtp_key *key, __m128i ctr, __m128i b[LANES])
{
    __m128i k = round_key(key, 0);

#define START(i) b[i] = _mm_xor_si128(swap_count(add_count(ctr, i)), k);
    EACH(START)
    for (int r = 1; r < 10; r++) {
        k = round_key(key, r);
#define ROUND(i) b[i] = _mm_aesenc_si128(b[i], k);
        EACH(ROUND)
    }
}

INLINE __m128i encrypt_one(const struct dp_srtp_key *key, const uint8_t *block)
{
    __m128i b = _mm_xor_si128(load(block), round_key(key, 0));

    for (int r = 1; r < 10; r++)
        b = _mm_aesenc_si128(b, round_key(key, r));
    return _mm_aesenclast_si128(b, round_key(key, 10));
}

INLINE void keystream_chunk(const struct dp_srtp_key *key, __m128i ctr, uint8_t *ks)
{
    __m128i b[LANES], k = round_key(key, 10);

    rounds(key, ctr, b);
#define LAST(i) store(ks + (i) * SRTP_BLOCK, _mm_aesenclast_si128(b[i], k));
    EACH(LAST)
}

PATH static void keystream(const struct dp_srtp_key *key, const uint8_t *start, uint8_t *ks,
                           size_t len)
{
    __m128i ctr = swap_count(load(start));
    uint8_t last[CHUNK];

    for (; len >= CHUNK; ks += CHUNK, len -= CHUNK) {
        keystream_chunk(key, ctr, ks);
        ctr = add_count(ctr, LANES);
    }
    if (len) {
        keystream_chunk(key, ctr, last);
        memcpy(ks, last, len);
    }
}

/* c = 8 blocks of ciphertext of the run at offset at, stored too. */
INLINE void combine_chunk(const struct dp_srtp_key *key, __m128i ctr, const struct srtp_run *run,
                          size_t at, __m128i c[LANES])
{
    const uint8_t *src = run->src + at, *ks = run->ks + at;
    __m128i k = round_key(key, 10);
    uint8_t *dst = run->dst + at;

    rounds(key, ctr, c);
#define COMBINE(i)                                                                                 \
    c[i] = _mm_aesenclast_si128(c[i], _mm_xor_si128(k, load(ks + (i) * SRTP_BLOCK)));              \
    c[i] = _mm_xor_si128(c[i], load(src + (i) * SRTP_BLOCK));                                      \
    store(dst + (i) * SRTP_BLOCK, c[i]);
    EACH(COMBINE)
}

/* The barrier keeps the compiler from regrouping: KS_in ^ KS_out is whole before C_in is seen. */
INLINE __m128i combine_block(__m128i ks_out, __m128i ks_in, __m128i src)
{
    __m128i both = _mm_xor_si128(ks_out, ks_in);

    __asm__("" : "+x"(both));
    return _mm_xor_si128(both, src);
}

/* The rest of a run, less than 8 blocks; returns how many. */
INLINE int combine_rest(const struct dp_srtp_key *key, __m128i ctr, const struct srtp_run *run,
                        size_t at)
{
    size_t len = run->len - at, i;
    uint8_t ks[CHUNK];

    keystream_chunk(key, ctr, ks);
    for (i = 0; len - i >= SRTP_BLOCK; i += SRTP_BLOCK)
        store(run->dst + at + i,
              combine_block(load(ks + i), load(run->ks + at + i), load(run->src + at + i)));
    if (i < len)
        store_part(run->dst + at + i,
                   combine_block(load(ks + i), load_part(run->ks + at + i, len - i),
                                 load_part(run->src + at + i, len - i)),
                   len - i);
    return (int) ((len + SRTP_BLOCK - 1) / SRTP_BLOCK);
}

PATH static void cm_rekey(const struct dp_srtp_key *key, const uint8_t *start,
                          const struct srtp_runs *runs)
{
    __m128i ctr = swap_count(load(start)), c[LANES];

    for (int r = 0; r < runs->n; r++) {
        const struct srtp_run *run = &runs->run[r];
        size_t at = 0;

        for (; run->len - at >= CHUNK; at += CHUNK) {
            combine_chunk(key, ctr, run, at, c);
            ctr = add_count(ctr, LANES);
        }
        if (at < run->len)
            ctr = _mm_add_epi32(ctr, _mm_set_epi32(combine_rest(key, ctr, run, at), 0, 0, 0));
    }
}

/* --- GHASH --- */

/* A sum of 256-bit products, before the reduction. */
struct sum {
    __m128i lo, mid, hi;
};

INLINE __m128i swap_bytes(__m128i v)
{
    return _mm_shuffle_epi8(v, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

INLINE void add_product(struct sum *s, __m128i x, __m128i h)
{
    s->lo = _mm_xor_si128(s->lo, _mm_clmulepi64_si128(x, h, 0x00));
    s->hi = _mm_xor_si128(s->hi, _mm_clmulepi64_si128(x, h, 0x11));
    s->mid = _mm_xor_si128(s->mid, _mm_clmulepi64_si128(x, h, 0x01));
    s->mid = _mm_xor_si128(s->mid, _mm_clmulepi64_si128(x, h, 0x10));
}

INLINE __m128i fold(__m128i v)
{
    const __m128i poly = _mm_set_epi64x(0, (long long) 0xc200000000000000);

    return _mm_xor_si128(_mm_shuffle_epi32(v, 0x4e), _mm_clmulepi64_si128(v, poly, 0x00));
}

INLINE __m128i reduce(const struct sum *s)
{
    __m128i lo = _mm_xor_si128(s->lo, _mm_slli_si128(s->mid, 8));
    __m128i hi = _mm_xor_si128(s->hi, _mm_srli_si128(s->mid, 8));

    return _mm_xor_si128(fold(fold(lo)), hi);
}

/* Where the powers for n blocks begin. */
INLINE const uint8_t *powers(const struct dp_srtp_key *key, size_t n)
{
    return key->powers + (DP_SRTP_GHASH_POWERS - n) * SRTP_BLOCK;
}

INLINE __m128i ghash_chunk(const struct dp_srtp_key *key, __m128i y, const __m128i c[LANES])
{
    const uint8_t *h = powers(key, LANES);
    struct sum s = {0};

    add_product(&s, _mm_xor_si128(y, swap_bytes(c[0])), load(h));
#define PRODUCT(i) add_product(&s, swap_bytes(c[i]), load(h + (i) * SRTP_BLOCK));
    PRODUCT(1) PRODUCT(2) PRODUCT(3) PRODUCT(4) PRODUCT(5) PRODUCT(6) PRODUCT(7)
    return reduce(&s);
}

/* The last len < 128 bytes of a part, padded, and the block of lengths if there is one. */
PATH static __m128i ghash_rest(const struct dp_srtp_key *key, __m128i y, const uint8_t *p,
                               size_t len, const __m128i *lengths)
{
    size_t n = (len + SRTP_BLOCK - 1) / SRTP_BLOCK + (lengths != NULL);
    const uint8_t *h = powers(key, n);
    struct sum s = {0};

    for (; len >= SRTP_BLOCK; p += SRTP_BLOCK, len -= SRTP_BLOCK, h += SRTP_BLOCK) {
        add_product(&s, _mm_xor_si128(y, swap_bytes(load(p))), load(h));
        y = _mm_setzero_si128();
    }
    if (len) {
        add_product(&s, _mm_xor_si128(y, swap_bytes(load_part(p, len))), load(h));
        y = _mm_setzero_si128();
        h += SRTP_BLOCK;
    }
    if (lengths)
        add_product(&s, _mm_xor_si128(y, *lengths), load(h));
    return n ? reduce(&s) : y;
}

PATH static __m128i ghash(const struct dp_srtp_key *key, __m128i y, const uint8_t *p, size_t len,
                          const __m128i *lengths)
{
    __m128i c[LANES];

    for (; len >= CHUNK; p += CHUNK, len -= CHUNK) {
#define LOAD(i) c[i] = load(p + (i) * SRTP_BLOCK);
        EACH(LOAD)
        y = ghash_chunk(key, y, c);
    }
    return ghash_rest(key, y, p, len, lengths);
}

/* Already byte-swapped. */
INLINE __m128i lengths_of(size_t hdr_len, size_t len)
{
    return _mm_set_epi64x((long long) hdr_len * 8, (long long) len * 8);
}

/* --- GCM --- */

PATH static void gcm_tag(const struct dp_srtp_key *key, const uint8_t *j0, const uint8_t *pkt,
                         size_t hdr_len, size_t len, uint8_t *tag)
{
    __m128i lengths = lengths_of(hdr_len, len);
    __m128i y = ghash(key, _mm_setzero_si128(), pkt, hdr_len, NULL);

    y = ghash(key, y, pkt + hdr_len, len, &lengths);
    store(tag, _mm_xor_si128(swap_bytes(y), encrypt_one(key, j0)));
}

PATH static void gcm_rekey(const struct dp_srtp_key *key, const uint8_t *j0,
                           const struct dp_srtp_rekey *job, const struct srtp_runs *runs)
{
    __m128i ctr = add_count(swap_count(load(j0)), 1), lengths = lengths_of(job->hdr_len, runs->len);
    __m128i y = ghash(key, _mm_setzero_si128(), job->dst, job->hdr_len, NULL), c[LANES];
    uint8_t *tag = job->dst + job->hdr_len + runs->len;

    for (int r = 0; r < runs->n; r++) {
        const struct srtp_run *run = &runs->run[r];
        size_t at = 0;

        for (; run->len - at >= CHUNK; at += CHUNK) {
            combine_chunk(key, ctr, run, at, c);
            ctr = add_count(ctr, LANES);
            y = ghash_chunk(key, y, c);
        }
        if (at < run->len)
            ctr = _mm_add_epi32(ctr, _mm_set_epi32(combine_rest(key, ctr, run, at), 0, 0, 0));
        y = ghash_rest(key, y, run->dst + at, run->len - at, r + 1 == runs->n ? &lengths : NULL);
    }
    store(tag, _mm_xor_si128(swap_bytes(y), encrypt_one(key, j0)));
}

/* --- keys --- */

INLINE __m128i next_round_key(__m128i k, __m128i assist)
{
    assist = _mm_shuffle_epi32(assist, 0xff);
    k = _mm_xor_si128(k, _mm_slli_si128(k, 4));
    k = _mm_xor_si128(k, _mm_slli_si128(k, 8));
    return _mm_xor_si128(k, assist);
}

PATH void dp_srtp_aesni_expand(struct dp_srtp_key *key, const uint8_t *raw)
{
    __m128i k = load(raw);
    uint8_t *out = key->round_keys;

    store(out, k);
#define EXPAND(r, rcon)                                                                            \
    k = next_round_key(k, _mm_aeskeygenassist_si128(k, rcon));                                     \
    store(out + (r) * SRTP_BLOCK, k);
    EXPAND(1, 0x01)
    EXPAND(2, 0x02)
    EXPAND(3, 0x04)
    EXPAND(4, 0x08)
    EXPAND(5, 0x10)
    EXPAND(6, 0x20)
    EXPAND(7, 0x40)
    EXPAND(8, 0x80)
    EXPAND(9, 0x1b)
    EXPAND(10, 0x36)
}

/* v * x, in the reflected field. */
INLINE __m128i times_x(__m128i v)
{
    uint64_t lo = (uint64_t) _mm_cvtsi128_si64(v), hi = (uint64_t) _mm_extract_epi64(v, 1);
    uint64_t carry = -(hi >> 63);

    hi = (hi << 1 | lo >> 63) ^ (carry & 0xc200000000000000);
    lo = lo << 1 ^ (carry & 1);
    return _mm_set_epi64x((long long) hi, (long long) lo);
}

PATH void dp_srtp_aesni_powers(struct dp_srtp_key *key)
{
    __m128i h = _mm_set_epi64x((long long) key->ghash_h[0], (long long) key->ghash_h[1]), power = h;

    for (int n = 1; n <= DP_SRTP_GHASH_POWERS; n++) {
        struct sum s = {0};

        store(key->powers + (DP_SRTP_GHASH_POWERS - n) * SRTP_BLOCK, times_x(power));
        add_product(&s, power, times_x(h));
        power = reduce(&s);
    }
}

const struct srtp_ops dp_srtp_ops_aesni = {"aesni", keystream, cm_rekey, gcm_tag, gcm_rekey};
