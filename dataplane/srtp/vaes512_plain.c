/* Plain jobs, the many, on 512 bits: no RTX, more than two blocks, counts of one byte.
 *
 * A packet is a row of units of four blocks, laid so that the block of lengths is the last of the
 * last unit:
 *
 *     -  J0 C1 C2 | C3 C4 C5 C6 | ... | Cn-1 Cn len        (here one block before J0 is unused)
 *
 * J0, whose keystream makes the tag, is encrypted in passing, and the header's last block takes its
 * place for GHASH. GHASH keeps a sum per quarter: quarters step by H^4, up to four units between
 * two reductions, and meet H^4 .. H^1 at the end. So a key is five cache lines of which all is
 * used: round keys and salt, H^16 H^12 H^8 H^4, and H^4 .. H^1. Products are Karatsuba's three, for
 * carry-less multiplication is the scarcest unit, then AES.
 *
 * Both wait for themselves more than they work. So packets of one length, which the copies of a
 * packet are, go two by two, and GHASH of the units before stands between the rounds of AES.
 *
 * A count below 256 never carries: the counter block is a salted base XOR the count, with the first
 * round key in the base. */
#include "dataplane/srtp/aesni.h"

#define PATH                                                                                       \
    __attribute__((target("aes,pclmul,ssse3,sse4.1,bmi,bmi2,avx512f,avx512bw,avx512vl,vaes,"       \
                          "vpclmulqdq")))
#define INLINE PATH static inline __attribute__((always_inline))
#define WIDE   64
#define GROUP  4 /* units between two reductions, and side by side in AES */
#define PAIR   2 /* packets side by side */
#define UNROLL _Pragma("GCC unroll 11")

/* --- one packet --- */

struct stream {
    const uint8_t *round_keys;
    __m512i base;  /* counter block with no count, after round key 0 */
    __m512i count; /* of the next unit */
    const uint8_t *src, *ks;
    uint8_t *dst;
};

INLINE __m512i wide_load(const uint8_t *p)
{
    return _mm512_loadu_si512(p);
}

INLINE __m512i quarters(const uint8_t *p)
{
    return _mm512_broadcast_i32x4(load(p));
}

/* All bits below n <= 64. */
INLINE __mmask64 low(size_t n)
{
    return _bzhi_u64(~UINT64_C(0), (unsigned int)n);
}

INLINE __m128i counter_base(const struct dp_srtp_rekey *job)
{
    uint32_t ssrc = srtp_get32(job->dst + 8);
    __m128i salt = _mm_and_si128(load(job->key->salt), _mm_set_epi32(0xffff, -1, -1, -1));
    uint64_t first = ssrc, second = job->index << 16;

    if (job->key->profile == HR_SRTP_AEAD_AES_128_GCM) {
        first = (uint64_t)ssrc << 16 | job->index >> 32;
        second = job->index << 32;
    }
    return _mm_xor_si128(salt, _mm_set_epi64x((long long)__builtin_bswap64(second),
                                              (long long)__builtin_bswap64(first)));
}

/* count is the first block's; the row begins lead bytes before the payload. */
INLINE void stream_init(struct stream *s, const struct dp_srtp_rekey *job, unsigned int count,
                        size_t lead)
{
    const __m512i step =
        _mm512_set_epi32(3 << 24, 0, 0, 0, 2 << 24, 0, 0, 0, 1 << 24, 0, 0, 0, 0, 0, 0, 0);

    s->round_keys = job->key->round_keys;
    s->base = _mm512_xor_si512(_mm512_broadcast_i32x4(counter_base(job)), quarters(s->round_keys));
    s->count =
        _mm512_add_epi32(step, _mm512_broadcast_i32x4(_mm_set_epi32((int)(count << 24), 0, 0, 0)));
    s->src = job->src - lead;
    s->ks = job->ks - lead;
    s->dst = job->dst + job->hdr_len - lead;
}

/* All rounds but the last of g units. */
INLINE void rounds_of(struct stream *s, __m512i *b, int g)
{
    UNROLL for (int i = 0; i < g; i++)
    {
        b[i] = _mm512_xor_si512(s->base, s->count);
        s->count =
            _mm512_add_epi32(s->count, _mm512_broadcast_i32x4(_mm_set_epi32(4 << 24, 0, 0, 0)));
    }
    UNROLL for (int r = 1; r < 10; r++)
    {
        UNROLL for (int i = 0; i < g; i++) b[i] =
            _mm512_aesenc_epi128(b[i], quarters(s->round_keys + r * SRTP_BLOCK));
    }
}

/* The last round and both XORs, KS_in ^ KS_out before C_in. */
INLINE __m512i combine(struct stream *s, __m512i b)
{
    b = _mm512_aesenclast_epi128(
        b, _mm512_xor_si512(quarters(s->round_keys + 10 * SRTP_BLOCK), wide_load(s->ks)));
    b = _mm512_xor_si512(b, wide_load(s->src));
    _mm512_storeu_si512(s->dst, b);
    s->src += WIDE;
    s->ks += WIDE;
    s->dst += WIDE;
    return b;
}

/* The same for some bytes of a unit; the others become KS_out. */
INLINE __m512i combine_part(struct stream *s, __m512i b, __mmask64 m)
{
    __m512i k = _mm512_xor_si512(quarters(s->round_keys + 10 * SRTP_BLOCK),
                                 _mm512_maskz_loadu_epi8(m, s->ks));

    b = _mm512_aesenclast_epi128(b, k);
    b = _mm512_xor_si512(b, _mm512_maskz_loadu_epi8(m, s->src));
    _mm512_mask_storeu_epi8(s->dst, m, b);
    s->src += WIDE;
    s->ks += WIDE;
    s->dst += WIDE;
    return b;
}

/* --- AES_CM --- */

INLINE void cm_group(struct stream *s, int g)
{
    __m512i b[GROUP];

    rounds_of(s, b, g);
    UNROLL for (int i = 0; i < g; i++) combine(s, b[i]);
}

PATH static void cm_one(const struct dp_srtp_rekey *job)
{
    size_t whole = (job->len - 1) / WIDE;
    struct stream s;
    __m512i b;

    stream_init(&s, job, 0, 0);
    for (size_t i = whole / GROUP; i > 0; i--)
        cm_group(&s, GROUP);
    switch (whole % GROUP) {
    case 3:
        cm_group(&s, 3);
        break;
    case 2:
        cm_group(&s, 2);
        break;
    case 1:
        cm_group(&s, 1);
        break;
    }
    rounds_of(&s, &b, 1);
    combine_part(&s, b, low(job->len - whole * WIDE));
}

/* --- GHASH --- */

INLINE __m512i wide_swap_bytes(__m512i v)
{
    return _mm512_shuffle_epi8(v, _mm512_broadcast_i32x4(_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
                                                                      10, 11, 12, 13, 14, 15)));
}

struct power {
    __m512i h, folded;
};

/* Sums of products in each quarter. */
struct wide_sum {
    __m512i lo, mid, hi;
};

INLINE __m512i halves_swapped(__m512i v)
{
    return _mm512_shuffle_epi32(v, (_MM_PERM_ENUM)0x4e);
}

INLINE __m512i folded(__m512i v)
{
    return _mm512_xor_si512(v, halves_swapped(v));
}

INLINE struct power power_of(__m512i h)
{
    return (struct power){h, folded(h)};
}

INLINE void add(struct wide_sum *s, __m512i x, struct power p)
{
    s->lo = _mm512_xor_si512(s->lo, _mm512_clmulepi64_epi128(x, p.h, 0x00));
    s->hi = _mm512_xor_si512(s->hi, _mm512_clmulepi64_epi128(x, p.h, 0x11));
    s->mid = _mm512_xor_si512(s->mid, _mm512_clmulepi64_epi128(folded(x), p.folded, 0x00));
}

INLINE void add2(struct wide_sum *s, __m512i x, struct power p, __m512i x2, struct power p2)
{
    __m512i lo = _mm512_clmulepi64_epi128(x, p.h, 0x00);
    __m512i hi = _mm512_clmulepi64_epi128(x, p.h, 0x11);
    __m512i mid = _mm512_clmulepi64_epi128(folded(x), p.folded, 0x00);

    s->lo = _mm512_ternarylogic_epi64(s->lo, lo, _mm512_clmulepi64_epi128(x2, p2.h, 0x00), 0x96);
    s->hi = _mm512_ternarylogic_epi64(s->hi, hi, _mm512_clmulepi64_epi128(x2, p2.h, 0x11), 0x96);
    s->mid = _mm512_ternarylogic_epi64(s->mid, mid,
                                       _mm512_clmulepi64_epi128(folded(x2), p2.folded, 0x00), 0x96);
}

/* The first of a sum. */
INLINE void multiply(struct wide_sum *s, __m512i x, struct power p)
{
    s->lo = _mm512_clmulepi64_epi128(x, p.h, 0x00);
    s->hi = _mm512_clmulepi64_epi128(x, p.h, 0x11);
    s->mid = _mm512_clmulepi64_epi128(folded(x), p.folded, 0x00);
}

/* Karatsuba's middle part, put where it belongs. */
INLINE void settle(struct wide_sum *s)
{
    __m512i mid = _mm512_ternarylogic_epi64(s->mid, s->lo, s->hi, 0x96);

    s->lo = _mm512_xor_si512(s->lo, _mm512_bslli_epi128(mid, 8));
    s->hi = _mm512_xor_si512(s->hi, _mm512_bsrli_epi128(mid, 8));
}

INLINE __m512i wide_fold(__m512i v)
{
    const __m512i poly = _mm512_broadcast_i32x4(_mm_set_epi64x(0, (long long)0xc200000000000000));

    return _mm512_xor_si512(halves_swapped(v), _mm512_clmulepi64_epi128(v, poly, 0x00));
}

INLINE __m512i wide_reduce(struct wide_sum *s)
{
    settle(s);
    return _mm512_xor_si512(wide_fold(wide_fold(s->lo)), s->hi);
}

INLINE __m128i add_quarters(__m512i v)
{
    __m256i half = _mm256_xor_si256(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));

    return _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

/* --- AEAD_AES_128_GCM --- */

/* What is under way of the packets of a row. */
struct gcm {
    struct stream s[PAIR];
    struct power h[PAIR][GROUP]; /* H^16, H^12, H^8, H^4 */
    __m512i y[PAIR];             /* a sum per quarter */
    __m512i x[PAIR][GROUP];      /* ciphertext that y has yet to take */
    __m512i first[PAIR];         /* with J0's keystream */
};

/* How the units of a packet are laid out. */
struct layout {
    size_t j0;     /* the block of the first unit where J0 is */
    size_t groups; /* whole ones between the first, with 1 to 4 units, and the last unit */
    size_t last;   /* bytes of payload in the last unit */
};

/* Steps y over g units of x: piece after piece, so that they can stand between AES rounds. */
INLINE void absorb_piece(struct gcm *c, int width, struct wide_sum *sum, int g, int piece)
{
    UNROLL for (int p = 0; p < width; p++)
    {
        const struct power *h = c->h[p] + GROUP - g;
        __m512i *x = c->x[p];

        if (piece == 1)
            UNROLL for (int i = 0; i < g; i++) x[i] = wide_swap_bytes(x[i]);
        if (piece == 2 && g == 1)
            multiply(&sum[p], _mm512_xor_si512(x[0], c->y[p]), h[0]);
        if (piece == 2 && g > 1)
            multiply(&sum[p], x[g - 1], h[g - 1]);
        if (piece == 3 && g == 4)
            add2(&sum[p], x[2], h[2], x[1], h[1]);
        if (piece == 3 && g == 3)
            add(&sum[p], x[1], h[1]);
        if (piece == 4 && g > 1)
            add(&sum[p], _mm512_xor_si512(x[0], c->y[p]), h[0]);
        if (piece == 6)
            settle(&sum[p]);
        if (piece == 7 || piece == 8)
            sum[p].lo = wide_fold(sum[p].lo);
        if (piece == 9)
            c->y[p] = _mm512_xor_si512(sum[p].lo, sum[p].hi);
    }
}

/* All rounds but the last of g units of each packet, while y takes the pending units of x. */
INLINE void gcm_rounds(struct gcm *c, int width, __m512i b[PAIR][GROUP], int g, int pending)
{
    struct wide_sum sum[PAIR];

    UNROLL for (int i = 0; i < g; i++)
    {
        UNROLL for (int p = 0; p < width; p++) b[p][i] =
            _mm512_xor_si512(c->s[p].base, c->s[0].count);
        c->s[0].count = _mm512_add_epi32(c->s[0].count,
                                         _mm512_broadcast_i32x4(_mm_set_epi32(4 << 24, 0, 0, 0)));
    }
    UNROLL for (int r = 1; r < 10; r++)
    {
        UNROLL for (int p = 0; p < width; p++)
        {
            __m512i k = quarters(c->s[p].round_keys + r * SRTP_BLOCK);

            UNROLL for (int i = 0; i < g; i++) b[p][i] = _mm512_aesenc_epi128(b[p][i], k);
        }
        if (pending)
            absorb_piece(c, width, sum, pending, r);
    }
}

/* Blocks of the header that do not fit before the payload. */
PATH static __m512i __attribute__((noinline))
long_header(const struct dp_srtp_key *key, const uint8_t *hdr, size_t blocks)
{
    struct power h = power_of(quarters(key->strides + 3 * SRTP_BLOCK));
    size_t empty = -blocks % 4 * SRTP_BLOCK;
    __mmask64 m = ~UINT64_C(0) << empty;
    __m512i y = _mm512_setzero_si512();
    struct wide_sum sum;

    hdr -= empty;
    for (size_t units = (blocks + 3) / 4; units > 0; units--, hdr += WIDE) {
        multiply(&sum, _mm512_xor_si512(y, wide_swap_bytes(_mm512_maskz_loadu_epi8(m, hdr))), h);
        y = wide_reduce(&sum);
        m = ~UINT64_C(0);
    }
    return y;
}

/* The header, or its end, in the blocks up to J0's; blocks is how many those are. */
INLINE __m512i header(__m512i *y, const struct dp_srtp_rekey *job, size_t blocks)
{
    size_t mine = (job->hdr_len + SRTP_BLOCK - 1) / SRTP_BLOCK, len = job->hdr_len, empty;
    const uint8_t *hdr = job->dst;

    *y = _mm512_setzero_si512();
    if (__builtin_expect(mine > blocks, 0)) {
        *y = long_header(job->key, hdr, mine - blocks);
        hdr += (mine - blocks) * SRTP_BLOCK;
        len -= (mine - blocks) * SRTP_BLOCK;
        mine = blocks;
    }
    empty = (blocks - mine) * SRTP_BLOCK;
    return _mm512_maskz_loadu_epi8(low(len) << empty, hdr - empty);
}

INLINE void gcm_group(struct gcm *c, int width, int pending)
{
    __m512i b[PAIR][GROUP];

    gcm_rounds(c, width, b, GROUP, pending);
    UNROLL for (int p = 0; p < width; p++) UNROLL for (int i = 0; i < GROUP; i++) c->x[p][i] =
        combine(&c->s[p], b[p][i]);
}

/* g units, of which the first begins with the header and J0. */
INLINE void first_group(struct gcm *c, int width, struct dp_srtp_rekey *const *jobs, int g,
                        size_t j0)
{
    __mmask64 payload = ~UINT64_C(0) << j0 * SRTP_BLOCK << SRTP_BLOCK;
    __m512i b[PAIR][GROUP];

    gcm_rounds(c, width, b, g, 0);
    UNROLL for (int p = 0; p < width; p++)
    {
        __m512i hdr = header(&c->y[p], jobs[p], j0 + 1);

        c->first[p] = combine_part(&c->s[p], b[p][0], payload);
        c->x[p][0] = _mm512_mask_mov_epi8(hdr, payload, c->first[p]);
        UNROLL for (int i = 1; i < g; i++) c->x[p][i] = combine(&c->s[p], b[p][i]);
    }
}

/* The last unit, with the block of lengths, and the tag. */
INLINE void last_unit(struct gcm *c, int width, struct dp_srtp_rekey *const *jobs,
                      const struct layout *l, int pending)
{
    __mmask64 m = low(l->last);
    __m512i b[PAIR][GROUP];

    gcm_rounds(c, width, b, 1, pending);
    UNROLL for (int p = 0; p < width; p++)
    {
        const struct dp_srtp_rekey *job = jobs[p];
        struct wide_sum sum;
        struct sum one;
        __m512i v = wide_swap_bytes(_mm512_maskz_mov_epi8(m, combine_part(&c->s[p], b[p][0], m)));
        __m512i e = _mm512_maskz_compress_epi64((__mmask8)(3u << 2 * l->j0), c->first[p]);

        v = _mm512_inserti32x4(v, lengths_of(job->hdr_len, job->len), 3);
        multiply(&sum, _mm512_xor_si512(v, c->y[p]), power_of(wide_load(powers(job->key, 4))));
        settle(&sum);
        one = (struct sum){add_quarters(sum.lo), _mm_setzero_si128(), add_quarters(sum.hi)};
        store(job->dst + job->hdr_len + job->len,
              _mm_xor_si128(swap_bytes(reduce(&one)), _mm512_castsi512_si128(e)));
    }
}

/* H^16, H^12, H^8, H^4 from the first to before the last. */
INLINE void load_powers(struct gcm *c, int width, struct dp_srtp_rekey *const *jobs,
                        int first, int last)
{
    UNROLL for (int p = 0; p < width; p++) UNROLL for (int i = first; i < last; i++) c->h[p][i] =
        power_of(quarters(jobs[p]->key->strides + i * SRTP_BLOCK));
}

/* From the first unit to the pending end of the second group; true if that was the packet. */
INLINE bool begin(struct gcm *c, int width, struct dp_srtp_rekey *const *jobs,
                  const struct layout *l, int g)
{
    load_powers(c, width, jobs, GROUP - g, GROUP);
    first_group(c, width, jobs, g, l->j0);
    if (l->groups == 0) {
        last_unit(c, width, jobs, l, g);
        return true;
    }
    load_powers(c, width, jobs, 0, GROUP - g);
    gcm_group(c, width, g);
    return false;
}

/* width packets of one length. */
INLINE void gcm_row(struct dp_srtp_rekey *const *jobs, int width)
{
    size_t blocks = (jobs[0]->len + SRTP_BLOCK - 1) / SRTP_BLOCK + 2, units = (blocks + 3) / 4;
    struct layout l = {.j0 = 4 * units - blocks, .groups = (units - 2) / GROUP};
    size_t lead = (l.j0 + 1) * SRTP_BLOCK;
    bool done;
    struct gcm c;

    l.last = lead + jobs[0]->len - (units - 1) * WIDE;
    UNROLL for (int p = 0; p < width; p++)
        stream_init(&c.s[p], jobs[p], 1u - (unsigned int)l.j0, lead);
    switch ((units - 1) % GROUP) {
    case 0:
        done = begin(&c, width, jobs, &l, 4);
        break;
    case 1:
        done = begin(&c, width, jobs, &l, 1);
        break;
    case 2:
        done = begin(&c, width, jobs, &l, 2);
        break;
    default:
        done = begin(&c, width, jobs, &l, 3);
        break;
    }
    if (done)
        return;
    while (--l.groups > 0)
        gcm_group(&c, width, GROUP);
    last_unit(&c, width, jobs, &l, GROUP);
}

PATH static __attribute__((noinline)) void gcm_one(struct dp_srtp_rekey *const *jobs)
{
    gcm_row(jobs, 1);
}

PATH static __attribute__((noinline)) void gcm_pair(struct dp_srtp_rekey *const *jobs)
{
    gcm_row(jobs, PAIR);
}

/* --- batches --- */

/* The way to memory is longer than a small packet takes, so look ahead. */
#define AHEAD 4

INLINE void fetch(const struct dp_srtp_key *key)
{
    _mm_prefetch((const char *)key->round_keys, _MM_HINT_T0);
    _mm_prefetch((const char *)key->round_keys + 64, _MM_HINT_T0);
    _mm_prefetch((const char *)key->round_keys + 128, _MM_HINT_T0);
}

INLINE void fetch_gcm(const struct dp_srtp_key *key)
{
    fetch(key);
    _mm_prefetch((const char *)powers(key, 4), _MM_HINT_T0);
    _mm_prefetch((const char *)key->strides, _MM_HINT_T0);
}

PATH void dp_srtp_vaes512_gcm(struct dp_srtp_rekey *const *jobs, unsigned int n)
{
    unsigned int i = 0;

    while (i < n) {
        for (unsigned int ahead = i + AHEAD; ahead < i + AHEAD + PAIR && ahead < n; ahead++)
            fetch_gcm(jobs[ahead]->key);
        if (i + 1 < n && jobs[i + 1]->len == jobs[i]->len) {
            gcm_pair(jobs + i);
            i += PAIR;
        } else {
            gcm_one(jobs + i);
            i++;
        }
    }
}

PATH void dp_srtp_vaes512_cm(struct dp_srtp_rekey *const *jobs, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        if (i + AHEAD < n)
            fetch(jobs[i + AHEAD]->key);
        cm_one(jobs[i]);
    }
}
