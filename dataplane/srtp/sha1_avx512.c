/* HMAC-SHA1 of many packets side by side: lane i of every register belongs to packet i.
 *
 * A step of SHA-1 waits for the one before, so 16 lanes leave the CPU idle half the time; with more
 * than 16 packets two sets of lanes go through each step together. Message blocks become words
 * across lanes by transposing 16 by 16; each packet's end, padded, is laid out apart first. Lanes
 * with fewer blocks than others keep their state from where they end; the caller puts packets in
 * order of length, so that these are few. */
#include "dataplane/srtp/srtp_internal.h"

#include <immintrin.h>
#include <string.h>

#define PATH   __attribute__((target("avx512f,avx512bw,avx512vl,bmi,bmi2")))
#define INLINE PATH static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")
#define LANES  16
#define SETS   2
#define BLOCK  64
#define WORDS  5

/* rows[i]'s word j becomes rows[j]'s word i. */
INLINE void transpose(__m512i rows[16])
{
    __m512i t[16];

    UNROLL for (int i = 0; i < 16; i += 2)
    {
        t[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    UNROLL for (int i = 0; i < 16; i += 4)
    {
        rows[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        rows[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        rows[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        rows[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    /* rows[4a + b]: quarter q has word 4q + b of rows 4a .. 4a + 3 */
    UNROLL for (int b = 0; b < 4; b++)
    {
        t[b] = _mm512_shuffle_i32x4(rows[b], rows[4 + b], 0x88);
        t[4 + b] = _mm512_shuffle_i32x4(rows[b], rows[4 + b], 0xdd);
        t[8 + b] = _mm512_shuffle_i32x4(rows[8 + b], rows[12 + b], 0x88);
        t[12 + b] = _mm512_shuffle_i32x4(rows[8 + b], rows[12 + b], 0xdd);
    }
    UNROLL for (int b = 0; b < 4; b++)
    {
        rows[b] = _mm512_shuffle_i32x4(t[b], t[8 + b], 0x88);
        rows[8 + b] = _mm512_shuffle_i32x4(t[b], t[8 + b], 0xdd);
        rows[4 + b] = _mm512_shuffle_i32x4(t[4 + b], t[12 + b], 0x88);
        rows[12 + b] = _mm512_shuffle_i32x4(t[4 + b], t[12 + b], 0xdd);
    }
}

/* Choice, parity, majority as truth tables of (b, c, d). */
#define ROUND_OF(step, table, constant)                                                            \
    UNROLL for (int i = 0; i < sets; i++)                                                          \
    {                                                                                              \
        __m512i in = w[i][(step) % 16];                                                            \
                                                                                                   \
        if ((step) >= 16) {                                                                        \
            in = _mm512_ternarylogic_epi32(in, w[i][((step) + 2) % 16], w[i][((step) + 8) % 16],   \
                                           0x96);                                                  \
            in = _mm512_rol_epi32(_mm512_xor_si512(in, w[i][((step) + 13) % 16]), 1);              \
            w[i][(step) % 16] = in;                                                                \
        }                                                                                          \
        in = _mm512_add_epi32(in, _mm512_set1_epi32((int)(constant)));                             \
        in = _mm512_add_epi32(in, s[i][4]);                                                        \
        in = _mm512_add_epi32(in, _mm512_ternarylogic_epi32(s[i][1], s[i][2], s[i][3], table));    \
        in = _mm512_add_epi32(in, _mm512_rol_epi32(s[i][0], 5));                                   \
        s[i][4] = s[i][3];                                                                         \
        s[i][3] = s[i][2];                                                                         \
        s[i][2] = _mm512_rol_epi32(s[i][1], 30);                                                   \
        s[i][1] = s[i][0];                                                                         \
        s[i][0] = in;                                                                              \
    }
#define ROUNDS_5(at, table, constant)                                                              \
    ROUND_OF((at), table, constant)                                                                \
    ROUND_OF((at) + 1, table, constant)                                                            \
    ROUND_OF((at) + 2, table, constant) ROUND_OF((at) + 3, table, constant)                        \
        ROUND_OF((at) + 4, table, constant)
#define ROUNDS_20(at, table, constant)                                                             \
    ROUNDS_5((at), table, constant)                                                                \
    ROUNDS_5((at) + 5, table, constant)                                                            \
    ROUNDS_5((at) + 10, table, constant) ROUNDS_5((at) + 15, table, constant)

/* One block of each lane into the states; FIPS 180-4 6.1.2. */
INLINE void compress(__m512i state[SETS][WORDS], __m512i w[SETS][16], const __mmask16 live[SETS],
                     int sets)
{
    __m512i s[SETS][WORDS];

    UNROLL for (int i = 0; i < sets; i++) UNROLL for (int j = 0; j < WORDS; j++) s[i][j] =
        state[i][j];
    ROUNDS_20(0, 0xca, 0x5a827999)
    ROUNDS_20(20, 0x96, 0x6ed9eba1)
    ROUNDS_20(40, 0xe8, 0x8f1bbcdc)
    ROUNDS_20(60, 0x96, 0xca62c1d6)
    UNROLL for (int i = 0; i < sets; i++) UNROLL for (int j = 0; j < WORDS; j++) state[i][j] =
        _mm512_mask_add_epi32(state[i][j], live[i], state[i][j], s[i][j]);
}

/* --- messages --- */

/* Where the blocks of each lane are. */
struct lanes {
    const uint8_t *msg[SETS * LANES];
    uint32_t whole[SETS * LANES], blocks[SETS * LANES]; /* in place; all */
    uint8_t end[SETS * LANES][2 * BLOCK];               /* the blocks behind those in place */
    uint32_t most;                                      /* blocks of the longest */
};

/* The rest of the message, a bit, zeros and the length in bits, the padded key's block included. */
PATH static void lay_out(struct lanes *l, unsigned int i, const struct srtp_hmac *h)
{
    size_t rest = h->len % BLOCK, end = rest + 9 <= BLOCK ? BLOCK : 2 * BLOCK;
    __mmask64 m = _bzhi_u64(~UINT64_C(0), (unsigned int)rest);
    __m512i tail = _mm512_maskz_loadu_epi8(m, h->msg + h->len - rest);

    tail = _mm512_mask_blend_epi8(UINT64_C(1) << rest, tail, _mm512_set1_epi8((char)0x80));
    _mm512_storeu_si512(l->end[i], tail);
    _mm512_storeu_si512(l->end[i] + BLOCK, _mm512_setzero_si512());
    srtp_put64(l->end[i] + end - 8, (h->len + BLOCK) * 8);
    l->msg[i] = h->msg;
    l->whole[i] = (uint32_t)(h->len / BLOCK);
    l->blocks[i] = l->whole[i] + (uint32_t)(end / BLOCK);
    l->most = l->blocks[i] > l->most ? l->blocks[i] : l->most;
}

INLINE const uint8_t *block_of(const struct lanes *l, int lane, uint32_t at)
{
    uint32_t last = l->blocks[lane] - 1;

    at = at < last ? at : last;
    return at < l->whole[lane] ? l->msg[lane] + at * BLOCK
                               : l->end[lane] + (at - l->whole[lane]) * BLOCK;
}

INLINE void load_words(const struct lanes *l, int set, uint32_t at, __m512i w[16])
{
    const __m512i swap =
        _mm512_broadcast_i32x4(_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));

    UNROLL for (int i = 0; i < LANES; i++) w[i] =
        _mm512_shuffle_epi8(_mm512_loadu_si512(block_of(l, set * LANES + i, at)), swap);
    transpose(w);
}

INLINE void inner(const struct lanes *l, __m512i state[SETS][WORDS], int sets)
{
    __m512i w[SETS][16];
    __mmask16 live[SETS];

    for (uint32_t at = 0; at < l->most; at++) {
        for (int i = 0; i < sets; i++) {
            load_words(l, i, at, w[i]);
            live[i] = _mm512_cmpgt_epu32_mask(_mm512_loadu_si512(l->blocks + i * LANES),
                                              _mm512_set1_epi32((int)at));
        }
        compress(state, w, live, sets);
    }
}

/* The inner digest is the outer message: one block. */
INLINE void outer(const __m512i digest[SETS][WORDS], __m512i state[SETS][WORDS], int sets)
{
    const __mmask16 live[SETS] = {0xffff, 0xffff};
    __m512i w[SETS][16];

    for (int i = 0; i < sets; i++) {
        UNROLL for (int j = 0; j < 16; j++) w[i][j] =
            j < WORDS ? digest[i][j] : _mm512_setzero_si512();
        w[i][5] = _mm512_set1_epi32((int)0x80000000);
        w[i][15] = _mm512_set1_epi32((BLOCK + SRTP_SHA1_LEN) * 8);
    }
    compress(state, w, live, sets);
}

/* --- a row of packets --- */

/* Both states of a key are the first ten words of one row. */
INLINE void load_states(const struct srtp_hmac *h, unsigned int n, __m512i in[WORDS],
                        __m512i out[WORDS])
{
    __m512i rows[16];

    UNROLL for (unsigned int i = 0; i < LANES; i++) rows[i] =
        _mm512_maskz_loadu_epi32(0x3ff, h[i < n ? i : 0].key->hmac_inner);
    transpose(rows);
    UNROLL for (int j = 0; j < WORDS; j++)
    {
        in[j] = rows[j];
        out[j] = rows[WORDS + j];
    }
}

INLINE void store_tags(const struct srtp_hmac *h, unsigned int n, const __m512i state[WORDS])
{
    uint32_t words[3][LANES];

    UNROLL for (int j = 0; j < 3; j++) _mm512_storeu_si512(words[j], state[j]);
    for (unsigned int i = 0; i < n; i++) {
        uint8_t *tag = h[i].msg + h[i].len - SRTP_ROC_LEN;

        srtp_put32(tag, words[0][i]);
        srtp_put32(tag + 4, words[1][i]);
        tag[8] = (uint8_t)(words[2][i] >> 24);
        tag[9] = (uint8_t)(words[2][i] >> 16);
    }
}

/* n packets, 1 to 16 in each of the sets. Lanes to spare repeat the first packet's key and have no
 * blocks. */
INLINE void row(const struct srtp_hmac *h, unsigned int n, int sets)
{
    __m512i in[SETS][WORDS], out[SETS][WORDS];
    struct lanes l;

    l.most = 0;
    for (unsigned int i = 0; i < n; i++)
        lay_out(&l, i, &h[i]);
    for (unsigned int i = n; i < (unsigned int)sets * LANES; i++) {
        l.msg[i] = l.msg[0];
        l.whole[i] = l.whole[0];
        l.blocks[i] = 1;
    }
    for (int i = 0; i < sets; i++)
        load_states(h + i * LANES, n - (unsigned int)i * LANES, in[i], out[i]);
    inner(&l, in, sets);
    outer((const __m512i(*)[WORDS])in, out, sets);
    for (int i = 0; i < sets; i++) {
        unsigned int left = n - (unsigned int)i * LANES;

        store_tags(h + i * LANES, left < LANES ? left : LANES, out[i]);
    }
}

PATH static __attribute__((noinline)) void narrow(const struct srtp_hmac *h, unsigned int n)
{
    row(h, n, 1);
}

PATH static __attribute__((noinline)) void wide(const struct srtp_hmac *h, unsigned int n)
{
    row(h, n, SETS);
}

PATH void dp_srtp_avx512_hmac(const struct srtp_hmac *h, unsigned int n)
{
    while (n > 0) {
        unsigned int now = n < SETS * LANES ? n : SETS * LANES;

        if (now > LANES)
            wide(h, now);
        else
            narrow(h, now);
        h += now;
        n -= now;
    }
}
