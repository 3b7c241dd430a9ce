/* HMAC-SHA1 of many packets with the CPU's SHA instructions.
 *
 * Each of SHA-1's 20 steps of four rounds waits six cycles for the one before, while the unit takes
 * one every two cycles; so three packets go side by side. Four would need more registers than there
 * are. Each packet's end, padded, is laid out apart first. A packet with fewer blocks than its
 * neighbours keeps its state from where it ends; the caller puts packets in order of length, so
 * that these are few. */
#include "dataplane/srtp/srtp_internal.h"

#include <immintrin.h>
#include <string.h>

#define PATH    __attribute__((target("sha,ssse3,sse4.1")))
#define INLINE  PATH static inline __attribute__((always_inline))
#define UNROLL  _Pragma("GCC unroll 20")
#define STREAMS 3
#define BLOCK   64

/* As the instructions have it: a in the highest word of abcd, e in that of e. */
struct state {
    __m128i abcd, e;
};

/* A packet under way. */
struct stream {
    struct state state;
    const uint8_t *msg;
    size_t whole, blocks;   /* in place; all */
    uint8_t end[2 * BLOCK]; /* the blocks behind those in place */
};

INLINE __m128i load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

INLINE __m128i reverse(__m128i v)
{
    return _mm_shuffle_epi8(v, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

/* Four rounds; the function and constant change every 20. */
INLINE __m128i four_rounds(__m128i abcd, __m128i e, int step)
{
    switch (step / 5) {
    case 0:
        return _mm_sha1rnds4_epu32(abcd, e, 0);
    case 1:
        return _mm_sha1rnds4_epu32(abcd, e, 1);
    case 2:
        return _mm_sha1rnds4_epu32(abcd, e, 2);
    default:
        return _mm_sha1rnds4_epu32(abcd, e, 3);
    }
}

/* The message's next four words; FIPS 180-4 6.1.2. */
INLINE __m128i schedule(const __m128i w[4], int step)
{
    __m128i v = _mm_sha1msg1_epu32(w[step % 4], w[(step + 1) % 4]);

    return _mm_sha1msg2_epu32(_mm_xor_si128(v, w[(step + 2) % 4]), w[(step + 3) % 4]);
}

/* One block of each stream into the states; the bytes of msg are reversed if raw. */
INLINE void compress(struct state s[STREAMS], const uint8_t *const msg[STREAMS], int streams,
                     bool raw)
{
    __m128i w[STREAMS][4], abcd[STREAMS], before[STREAMS], e[STREAMS];

    UNROLL for (int i = 0; i < streams; i++) abcd[i] = s[i].abcd;
    UNROLL for (int step = 0; step < 20; step++)
    {
        UNROLL for (int i = 0; i < streams; i++)
        {
            __m128i v;

            if (step < 4)
                v = raw ? reverse(load(msg[i] + 16 * step)) : load(msg[i] + 16 * step);
            else
                v = schedule(w[i], step);
            w[i][step % 4] = v;
            e[i] = step == 0 ? _mm_add_epi32(s[i].e, v) : _mm_sha1nexte_epu32(before[i], v);
            before[i] = abcd[i];
            abcd[i] = four_rounds(abcd[i], e[i], step);
        }
    }
    UNROLL for (int i = 0; i < streams; i++)
    {
        s[i].e = _mm_sha1nexte_epu32(before[i], s[i].e);
        s[i].abcd = _mm_add_epi32(s[i].abcd, abcd[i]);
    }
}

/* --- packets --- */

INLINE struct state state_of(const uint32_t words[5])
{
    __m128i abcd = load((const uint8_t *)words);

    return (struct state){_mm_shuffle_epi32(abcd, 0x1b), _mm_set_epi32((int)words[4], 0, 0, 0)};
}

/* The rest of the message, a bit, zeros and the length in bits, the padded key's block included. */
INLINE void begin(struct stream *s, const struct srtp_hmac *h)
{
    size_t rest = h->len % BLOCK, end = rest + 9 <= BLOCK ? BLOCK : 2 * BLOCK;

    memset(s->end, 0, sizeof(s->end));
    memcpy(s->end, h->msg + h->len - rest, rest);
    s->end[rest] = 0x80;
    srtp_put64(s->end + end - 8, (h->len + BLOCK) * 8);
    s->msg = h->msg;
    s->whole = h->len / BLOCK;
    s->blocks = s->whole + end / BLOCK;
    s->state = state_of(h->key->hmac_inner);
}

INLINE const uint8_t *block_of(const struct stream *s, size_t at)
{
    at = at < s->blocks ? at : s->blocks - 1;
    return at < s->whole ? s->msg + at * BLOCK : s->end + (at - s->whole) * BLOCK;
}

/* As many blocks as the longest has. */
INLINE void inner(struct stream *s, int streams)
{
    struct state now[STREAMS];
    const uint8_t *msg[STREAMS];
    size_t most = s[0].blocks;

    for (int i = 1; i < streams; i++)
        most = s[i].blocks > most ? s[i].blocks : most;
    UNROLL for (int i = 0; i < streams; i++) now[i] = s[i].state;
    for (size_t at = 0; at < most; at++) {
        UNROLL for (int i = 0; i < streams; i++) msg[i] = block_of(&s[i], at);
        compress(now, msg, streams, true);
        UNROLL for (int i = 0; i < streams; i++) if (at + 1 == s[i].blocks) s[i].state = now[i];
    }
}

/* The inner digest is the outer message: one block, in the order that the registers have. */
INLINE void outer(struct stream *s, const struct srtp_hmac *h, int streams)
{
    __m128i message[STREAMS][4];
    const uint8_t *msg[STREAMS];
    struct state now[STREAMS];

    UNROLL for (int i = 0; i < streams; i++)
    {
        message[i][0] = s[i].state.abcd;
        message[i][1] = _mm_or_si128(s[i].state.e, _mm_set_epi32(0, (int)0x80000000, 0, 0));
        message[i][2] = _mm_setzero_si128();
        message[i][3] = _mm_set_epi32(0, 0, 0, (BLOCK + SRTP_SHA1_LEN) * 8);
        msg[i] = (const uint8_t *)message[i];
        now[i] = state_of(h[i].key->hmac_outer);
    }
    compress(now, msg, streams, false);
    UNROLL for (int i = 0; i < streams; i++)
    {
        uint8_t *tag = h[i].msg + h[i].len - SRTP_ROC_LEN;
        __m128i digest = reverse(now[i].abcd);
        uint16_t rest = (uint16_t)_mm_extract_epi16(digest, 4);

        _mm_storel_epi64((__m128i *)(void *)tag, digest);
        memcpy(tag + 8, &rest, sizeof(rest));
    }
}

INLINE void row(const struct srtp_hmac *h, int streams)
{
    struct stream s[STREAMS];

    UNROLL for (int i = 0; i < streams; i++) begin(&s[i], &h[i]);
    inner(s, streams);
    outer(s, h, streams);
}

PATH static __attribute__((noinline)) void one(const struct srtp_hmac *h)
{
    row(h, 1);
}

PATH static __attribute__((noinline)) void two(const struct srtp_hmac *h)
{
    row(h, 2);
}

PATH static __attribute__((noinline)) void three(const struct srtp_hmac *h)
{
    row(h, 3);
}

PATH void dp_srtp_sha_hmac(const struct srtp_hmac *h, unsigned int n)
{
    for (; n >= STREAMS; h += STREAMS, n -= STREAMS)
        three(h);
    if (n == 2)
        two(h);
    else if (n == 1)
        one(h);
}
