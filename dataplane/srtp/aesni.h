/* Inline pieces of 128 bits, shared by the AES-NI path and the wider ones.
 *
 * GHASH's bits are reflected: with H multiplied by x beforehand, carry-less products of
 * byte-swapped blocks need no shift, only the reduction (Gueron and Kounavis). For n blocks, block
 * i meets H^(n-i), and the powers stand in memory in that order, H^16 first. KS_in goes into the
 * last AES round key, so what leaves the last round is KS_in ^ KS_out, and only that meets the
 * ciphertext. */
#ifndef DP_SRTP_AESNI_H
#define DP_SRTP_AESNI_H

#include "dataplane/srtp/srtp_internal.h"

#include <immintrin.h>
#include <string.h>

#define AESNI \
    __attribute__((target("aes,pclmul,ssse3,sse4.1"), always_inline, unused)) static inline
#define LANES8 8
#define CHUNK8 (LANES8 * SRTP_BLOCK)
/* Constant indices, so that the arrays live in registers. */
#define EACH8(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)

AESNI __m128i load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

AESNI void store(uint8_t *p, __m128i v)
{
    _mm_storeu_si128((__m128i *)(void *)p, v);
}

AESNI __m128i load_part(const uint8_t *p, size_t n)
{
    uint8_t block[SRTP_BLOCK] = {0};

    memcpy(block, p, n);
    return load(block);
}

AESNI void store_part(uint8_t *p, __m128i v, size_t n)
{
    uint8_t block[SRTP_BLOCK];

    store(block, v);
    memcpy(p, block, n);
}

AESNI __m128i round_key(const struct dp_srtp_key *key, int r)
{
    return load(key->round_keys + r * SRTP_BLOCK);
}

/* --- AES --- */

/* Swaps the count, so that it can be added to; its own inverse. */
AESNI __m128i swap_count(__m128i ctr)
{
    return _mm_shuffle_epi8(ctr,
                            _mm_set_epi8(12, 13, 14, 15, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
}

AESNI __m128i add_count(__m128i ctr, int n)
{
    return _mm_add_epi32(ctr, _mm_set_epi32(n, 0, 0, 0));
}

/* All rounds but the last of 8 counter blocks from ctr (count swapped). */
AESNI void rounds(const struct dp_srtp_key *key, __m128i ctr, __m128i b[LANES8])
{
    __m128i k = round_key(key, 0);

#define START(i) b[i] = _mm_xor_si128(swap_count(add_count(ctr, i)), k);
    EACH8(START)
    for (int r = 1; r < 10; r++) {
        k = round_key(key, r);
#define ROUND(i) b[i] = _mm_aesenc_si128(b[i], k);
        EACH8(ROUND)
    }
}

AESNI __m128i encrypt_one(const struct dp_srtp_key *key, const uint8_t *block)
{
    __m128i b = _mm_xor_si128(load(block), round_key(key, 0));

    for (int r = 1; r < 10; r++)
        b = _mm_aesenc_si128(b, round_key(key, r));
    return _mm_aesenclast_si128(b, round_key(key, 10));
}

AESNI void keystream_chunk(const struct dp_srtp_key *key, __m128i ctr, uint8_t *ks)
{
    __m128i b[LANES8], k = round_key(key, 10);

    rounds(key, ctr, b);
#define LAST(i) store(ks + (i)*SRTP_BLOCK, _mm_aesenclast_si128(b[i], k));
    EACH8(LAST)
}

/* As many bytes as are left, with ctr as the first count. */
AESNI void keystream_rest(const struct dp_srtp_key *key, __m128i ctr, uint8_t *ks, size_t len)
{
    uint8_t last[CHUNK8];

    for (; len >= CHUNK8; ks += CHUNK8, len -= CHUNK8) {
        keystream_chunk(key, ctr, ks);
        ctr = add_count(ctr, LANES8);
    }
    if (len) {
        keystream_chunk(key, ctr, last);
        memcpy(ks, last, len);
    }
}

/* c = 8 blocks of ciphertext of the run at offset at, stored too. */
AESNI void combine_chunk(const struct dp_srtp_key *key, __m128i ctr, const struct srtp_run *run,
                         size_t at, __m128i c[LANES8])
{
    const uint8_t *src = run->src + at, *ks = run->ks + at;
    __m128i k = round_key(key, 10);
    uint8_t *dst = run->dst + at;

    rounds(key, ctr, c);
#define COMBINE(i)                                                                  \
    c[i] = _mm_aesenclast_si128(c[i], _mm_xor_si128(k, load(ks + (i)*SRTP_BLOCK))); \
    c[i] = _mm_xor_si128(c[i], load(src + (i)*SRTP_BLOCK));                         \
    store(dst + (i)*SRTP_BLOCK, c[i]);
    EACH8(COMBINE)
}

/* The barrier keeps the compiler from regrouping: KS_in ^ KS_out is whole before C_in is seen. */
AESNI __m128i combine_block(__m128i ks_out, __m128i ks_in, __m128i src)
{
    __m128i both = _mm_xor_si128(ks_out, ks_in);

    __asm__("" : "+x"(both));
    return _mm_xor_si128(both, src);
}

/* The rest of a run, less than 8 blocks; returns how many. */
AESNI int combine_rest(const struct dp_srtp_key *key, __m128i ctr, const struct srtp_run *run,
                       size_t at)
{
    size_t len = run->len - at, i;
    uint8_t ks[CHUNK8];

    keystream_chunk(key, ctr, ks);
    for (i = 0; len - i >= SRTP_BLOCK; i += SRTP_BLOCK)
        store(run->dst + at + i,
              combine_block(load(ks + i), load(run->ks + at + i), load(run->src + at + i)));
    if (i < len)
        store_part(run->dst + at + i,
                   combine_block(load(ks + i), load_part(run->ks + at + i, len - i),
                                 load_part(run->src + at + i, len - i)),
                   len - i);
    return (int)((len + SRTP_BLOCK - 1) / SRTP_BLOCK);
}

/* The run from offset at to its end; returns the next count. */
AESNI __m128i combine_from(const struct dp_srtp_key *key, __m128i ctr, const struct srtp_run *run,
                           size_t at)
{
    __m128i c[LANES8];

    for (; run->len - at >= CHUNK8; at += CHUNK8) {
        combine_chunk(key, ctr, run, at, c);
        ctr = add_count(ctr, LANES8);
    }
    return at < run->len ? add_count(ctr, combine_rest(key, ctr, run, at)) : ctr;
}

/* --- GHASH --- */

/* A sum of 256-bit products, before the reduction. */
struct sum {
    __m128i lo, mid, hi;
};

AESNI __m128i swap_bytes(__m128i v)
{
    return _mm_shuffle_epi8(v, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

AESNI void add_product(struct sum *s, __m128i x, __m128i h)
{
    s->lo = _mm_xor_si128(s->lo, _mm_clmulepi64_si128(x, h, 0x00));
    s->hi = _mm_xor_si128(s->hi, _mm_clmulepi64_si128(x, h, 0x11));
    s->mid = _mm_xor_si128(s->mid, _mm_clmulepi64_si128(x, h, 0x01));
    s->mid = _mm_xor_si128(s->mid, _mm_clmulepi64_si128(x, h, 0x10));
}

AESNI __m128i fold(__m128i v)
{
    const __m128i poly = _mm_set_epi64x(0, (long long)0xc200000000000000);

    return _mm_xor_si128(_mm_shuffle_epi32(v, 0x4e), _mm_clmulepi64_si128(v, poly, 0x00));
}

AESNI __m128i reduce(const struct sum *s)
{
    __m128i lo = _mm_xor_si128(s->lo, _mm_slli_si128(s->mid, 8));
    __m128i hi = _mm_xor_si128(s->hi, _mm_srli_si128(s->mid, 8));

    return _mm_xor_si128(fold(fold(lo)), hi);
}

/* Where the powers for n blocks begin. */
AESNI const uint8_t *powers(const struct dp_srtp_key *key, size_t n)
{
    return key->powers + (DP_SRTP_GHASH_POWERS - n) * SRTP_BLOCK;
}

AESNI __m128i ghash_chunk(const struct dp_srtp_key *key, __m128i y, const __m128i c[LANES8])
{
    const uint8_t *h = powers(key, LANES8);
    struct sum s = {0};

    add_product(&s, _mm_xor_si128(y, swap_bytes(c[0])), load(h));
#define PRODUCT(i) add_product(&s, swap_bytes(c[i]), load(h + (i)*SRTP_BLOCK))
    PRODUCT(1);
    PRODUCT(2);
    PRODUCT(3);
    PRODUCT(4);
    PRODUCT(5);
    PRODUCT(6);
    PRODUCT(7);
    return reduce(&s);
}

/* The last len < 128 bytes of a part, padded, and the block of lengths if there is one. */
AESNI __m128i ghash_rest(const struct dp_srtp_key *key, __m128i y, const uint8_t *p, size_t len,
                         const __m128i *lengths)
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

AESNI __m128i ghash(const struct dp_srtp_key *key, __m128i y, const uint8_t *p, size_t len,
                    const __m128i *lengths)
{
    __m128i c[LANES8];

    for (; len >= CHUNK8; p += CHUNK8, len -= CHUNK8) {
#define LOAD(i) c[i] = load(p + (i)*SRTP_BLOCK);
        EACH8(LOAD)
        y = ghash_chunk(key, y, c);
    }
    return ghash_rest(key, y, p, len, lengths);
}

/* Already byte-swapped. */
AESNI __m128i lengths_of(size_t hdr_len, size_t len)
{
    return _mm_set_epi64x((long long)hdr_len * 8, (long long)len * 8);
}

#endif
