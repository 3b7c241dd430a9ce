/* Plain jobs, the many, on 256 bits: no RTX, more than two blocks, counts of one byte.
 *
 * A packet is a row of units of two blocks, laid so that the block of lengths is the last:
 *
 *     J0 C1 | C2 C3 | ... | Cn len        or        - J0 | C1 C2 | ... | Cn len
 *
 * J0, whose keystream makes the tag, is encrypted in passing, and the header's last block takes its
 * place for GHASH; what the header has before that goes into a free block before J0, into one more
 * unit that has no keystream, and if there is still more, ahead of everything.
 *
 * A step encrypts up to eight units while GHASH takes the units of the step before, which may be
 * another packet's: carry-less multiplication and AES wait for themselves, but not for each other.
 * One reduction ends a step, so a packet of up to 14 blocks has one. GHASH takes the ciphertext
 * from memory, so eight units of AES and two of GHASH fit the registers.
 *
 * A count below 256 never carries: the counter block is a salted base XOR the count, with the first
 * round key in the base. KS_in goes into the last round key, as in aesni.h.
 *
 * Bytes are summed on the way out, by the integer units, from what GHASH takes. */
#include "dataplane/srtp/vaes256.h"

/* --- sums --- */

/* End-around. */
INLINE uint64_t add_words(uint64_t sum, const __m256i *x)
{
    __asm__("addq %1, %0\n\t"
            "adcq %2, %0\n\t"
            "adcq %3, %0\n\t"
            "adcq %4, %0\n\t"
            "adcq $0, %0"
            : "+r"(sum)
            : "m"(((const uint64_t *)x)[0]), "m"(((const uint64_t *)x)[1]),
              "m"(((const uint64_t *)x)[2]), "m"(((const uint64_t *)x)[3])
            : "cc");
    return sum;
}

INLINE uint64_t add_word(uint64_t sum, uint64_t word)
{
    sum += word;
    return sum + (sum < word);
}

INLINE uint64_t word_at(const uint8_t *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return word;
}

/* --- AES --- */

/* The unit with J0 in it, and perhaps the payload's first block. */
INLINE void gcm_first(struct packet *a, struct place *at, __m256i b)
{
    __m128i first = _mm256_castsi256_si128(b), second = _mm256_extracti128_si256(b, 1);
    __m128i j0 = a->half ? second : first;

    a->e = _mm_aesenclast_si128(j0, _mm256_castsi256_si128(at->k));
    at->x[0] = a->end;
    if (!a->half)
        at->x[0] = _mm256_inserti128_si256(a->end, combine_half(at, second), 1);
}

/* The payload's last block. What is stored behind it is where the tag will be. */
INLINE void gcm_last(const struct packet *a, struct place *at, __m256i b, int i)
{
    const struct dp_srtp_rekey *job = a->job;
    __m128i choice = choice_of((job->len - 1) % SRTP_BLOCK + 1), c;
    __m128i ks = _mm_shuffle_epi8(load(job->ks + job->len - SRTP_BLOCK), choice);

    c = _mm_aesenclast_si128(_mm256_castsi256_si128(b),
                             _mm_xor_si128(_mm256_castsi256_si128(at->k), ks));
    c = _mm_xor_si128(c, _mm_shuffle_epi8(load(job->src + job->len - SRTP_BLOCK), choice));
    c = _mm_and_si128(c, mask_of(choice));
    store(at->dst + i * WIDE, c);
    at->x[i] = _mm256_set_m128i(swap_bytes(lengths_of(job->hdr_len, job->len)), c);
}

/* The last round of unit i of g. */
INLINE void combine_unit(struct packet *a, struct place *at, __m256i b, int i, int g)
{
    if (i == 0 && !a->begun)
        gcm_first(a, at, b);
    else if (i == g - 1 && a->left == (unsigned int)g)
        gcm_last(a, at, b, i);
    else
        at->x[i] = combine(at, b, i);
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

/* The compiler would regroup the XORs, and keep the products of all units until the end. */
INLINE void keep(struct wide_sum *s)
{
    __asm__ volatile("" : "+x"(s->lo), "+x"(s->mid), "+x"(s->hi));
}

/* Where the powers, and their halves' sums, for the unit that is nth from the end stand. */
INLINE __m256i power(const struct packet *q, int n)
{
    return wide_load(q->powers - n * WIDE);
}

INLINE __m256i folds(const struct packet *q, int n)
{
    return wide_load(q->folds + (n - 1) / 2 * WIDE);
}

INLINE void add_outer(struct wide_sum *s, __m256i x, __m256i h)
{
    s->lo = _mm256_xor_si256(s->lo, _mm256_clmulepi64_epi128(x, h, 0x00));
    s->hi = _mm256_xor_si256(s->hi, _mm256_clmulepi64_epi128(x, h, 0x11));
}

/* The nth alone. */
INLINE void add_one(struct wide_sum *s, const struct packet *q, __m256i x, int n)
{
    __m256i f = _mm256_xor_si256(x, _mm256_shuffle_epi32(x, 0x4e)), mid;

    add_outer(s, x, power(q, n));
    if (n % 2)
        mid = _mm256_clmulepi64_epi128(f, folds(q, n), 0x10);
    else
        mid = _mm256_clmulepi64_epi128(f, folds(q, n), 0x00);
    s->mid = _mm256_xor_si256(s->mid, mid);
    keep(s);
}

/* The nth, which is even, and the one behind it. */
INLINE void add_two(struct wide_sum *s, const struct packet *q, __m256i x, __m256i x2, int n)
{
    __m256i f = _mm256_xor_si256(_mm256_unpacklo_epi64(x, x2), _mm256_unpackhi_epi64(x, x2));

    add_outer(s, x2, power(q, n - 1));
    s->mid = _mm256_xor_si256(s->mid, _mm256_clmulepi64_epi128(f, folds(q, n), 0x11));
    keep(s);
    add_outer(s, x, power(q, n));
    s->mid = _mm256_xor_si256(s->mid, _mm256_clmulepi64_epi128(f, folds(q, n), 0x00));
    keep(s);
}

INLINE __m128i add_halves(__m256i v)
{
    return _mm_xor_si128(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}

/* The unit that is nth of p from the end; the first waits for y. */
INLINE __m256i unit(struct packet *q, const __m256i *x, int p, int n)
{
    __m256i v = wide_swap_bytes(x[p - n]);

    q->sum = add_words(q->sum, &x[p - n]);
    return n == p ? _mm256_xor_si256(v, _mm256_zextsi128_si256(q->y)) : v;
}

/* Adds units two by two from the end: the nth, which is even or the first, and the one behind. */
INLINE void hash_two(struct packet *q, const __m256i *x, struct wide_sum *s, int p, int n)
{
    if (n > p)
        add_one(s, q, unit(q, x, p, p), p);
    else
        add_two(s, q, unit(q, x, p, n), unit(q, x, p, n - 1), n);
}

INLINE void hash_end(struct packet *q, const struct wide_sum *s)
{
    struct sum sum = {add_halves(s->lo), add_halves(s->mid), add_halves(s->hi)};

    sum.mid = _mm_xor_si128(sum.mid, _mm_xor_si128(sum.lo, sum.hi));
    q->y = reduce(&sum);
    q->has_header = false;
}

/* The tag. Its words begin at an odd byte if the payload is odd; the block of lengths, which is
 * the end of p units, is no part of the packet, so its complement cancels it. */
INLINE void finish(struct packet *q, const __m256i *x, int p)
{
    struct dp_srtp_rekey *job = q->job;
    __m128i tag = _mm_xor_si128(swap_bytes(q->y), q->e);
    uint64_t words = (uint64_t)_mm_cvtsi128_si64(tag), sum = q->sum;
    const uint8_t *lengths = (const uint8_t *)&x[p] - SRTP_BLOCK;

    store(job->dst + job->hdr_len + job->len, tag);
    words = add_word(words, (uint64_t)_mm_extract_epi64(tag, 1));
    words = job->len & 1 ? words << 8 | words >> 56 : words;
    sum = add_word(sum, words);
    sum = add_word(sum, ~word_at(lengths));
    sum = add_word(sum, ~word_at(lengths + 8));
    job->sum = srtp_sum_fold(sum);
    if (q->odd)
        job->sum = dp_srtp_sum(job->dst, dp_srtp_rekey_len(job));
}

/* --- steps --- */

/* g units of a through AES, p units of q through GHASH, whose products stand evenly between AES
 * rounds, the last two in the last round. */
INLINE void step(struct packet *a, int g, struct packet *q, int p)
{
    const __m256i zero = _mm256_setzero_si256(), *x = p > 0 ? q->x[q->turn] : NULL;
    bool last = p > 0 && q->left == 0;
    struct wide_sum s = {zero, zero, zero};
    int n = 2, most = (p + 1) / 2 * 2;
    __m256i b[UNITS];

    start(a, b, g);
    UNROLL for (int r = 1; r < 10; r++)
    {
        if (g > 0) {
            __m256i k = halves(a->round_keys + r * SRTP_BLOCK);

            UNROLL for (int i = 0; i < g; i++) b[i] = _mm256_aesenc_epi128(b[i], k);
        }
        if (r % 3 == 2 && n < most) {
            hash_two(q, x, &s, p, n);
            n += 2;
        }
        if (r == 9 && p > 0 && p < UNITS && q->has_header)
            add_one(&s, q, wide_swap_bytes(q->header), p + 1);
    }
    if (g > 0) {
        struct place at = {a->src, a->ks, a->dst, a->x[a->turn ^ 1],
                           halves(a->round_keys + 10 * SRTP_BLOCK)};

        UNROLL for (int i = 0; i < g; i++)
        {
            combine_unit(a, &at, b[i], i, g);
            if (i == (g > 2 ? 1 : 0) && p > 0)
                hash_two(q, x, &s, p, most);
        }
        advance(a, &at, g);
    } else if (p > 0) {
        hash_two(q, x, &s, p, most);
    }
    if (p > 0)
        hash_end(q, &s);
    if (last)
        finish(q, x, p);
}

typedef void step_fn(struct packet *a, struct packet *q);

/* By the pair of numbers: only GHASH, only AES, as many of both, 8 of AES, 8 of GHASH. */
#define STEP(g, p)                                                                                 \
    PATH static __attribute__((noinline)) void step_##g##_##p(struct packet *a, struct packet *q)  \
    {                                                                                              \
        step(a, g, q, p);                                                                          \
    }
#define STEPS(n) STEP(0, n) STEP(n, 0) STEP(n, n) STEP(8, n) STEP(n, 8)
STEPS(1)
STEPS(2)
STEPS(3)
STEPS(4)
STEPS(5)
STEPS(6)
STEPS(7)
STEP(0, 8)
STEP(8, 0)
STEP(8, 8)

#define ROW(n) [n] = {step_0_##n, step_##n##_0, step_##n##_##n, step_8_##n, step_##n##_8}
enum { HASH_ONLY, AES_ONLY, BOTH, AES_8, HASH_8 };
static step_fn *const steps[UNITS + 1][5] = {ROW(1), ROW(2), ROW(3), ROW(4),
                                             ROW(5), ROW(6), ROW(7), ROW(8)};

/* --- packets --- */

/* The last two blocks or one of the header's first ones; words of them all are summed. */
INLINE void header_unit(struct packet *a, size_t blocks)
{
    const uint8_t *hdr = a->job->dst;
    __m128i first = _mm_setzero_si128();

    for (size_t i = 0; i < 2 * blocks; i++)
        a->sum = add_word(a->sum, word_at(hdr + 8 * i));
    hdr += (blocks - 1) * SRTP_BLOCK;
    if (blocks > 1)
        first = load(hdr - SRTP_BLOCK);
    a->header = _mm256_set_m128i(load(hdr), first);
    a->has_header = true;
}

/* For these a unit is not enough, or there is none: whole says which. */
PATH static __attribute__((noinline)) void long_header(struct packet *a, size_t blocks, bool whole)
{
    const struct dp_srtp_key *key = a->job->key;
    size_t ahead = (whole ? blocks : blocks - 2) * SRTP_BLOCK;

    header_unit(a, blocks);
    a->has_header = !whole;
    a->y = ghash(key, _mm_setzero_si128(), a->job->dst, ahead, NULL);
    if (whole)
        return;
    a->header = _mm256_xor_si256(a->header, _mm256_zextsi128_si256(swap_bytes(a->y)));
    a->y = _mm_setzero_si128();
}

/* The header's blocks, the last ones where J0 is; g units are in the first step. */
INLINE void take_header(struct packet *a, size_t g)
{
    const struct dp_srtp_rekey *job = a->job;
    size_t before = (job->hdr_len - 1) / SRTP_BLOCK;
    const uint8_t *last = job->dst + before * SRTP_BLOCK;
    __m128i end = _mm_and_si128(load(last), mask_of(choice_of(job->hdr_len - before * SRTP_BLOCK)));
    __m128i first = _mm_setzero_si128();

    a->y = _mm_setzero_si128();
    a->has_header = false;
    if (a->half && before > 0) {
        first = load(last - SRTP_BLOCK);
        before--;
    }
    a->end = a->half ? _mm256_set_m128i(end, first) : _mm256_zextsi128_si256(end);
    if (before > 2 || (before > 0 && g == UNITS))
        long_header(a, before, g == UNITS);
    else if (before > 0)
        header_unit(a, before);
}

INLINE void gcm_begin(struct packet *a, struct dp_srtp_rekey *job)
{
    size_t blocks = (job->len + SRTP_BLOCK - 1) / SRTP_BLOCK + 2;

    a->sum = 0;
    a->half = blocks & 1;
    a->left = (unsigned int)(blocks + 1) / 2;
    begin(a, job, a->half ? 0 : 1, a->half ? WIDE : SRTP_BLOCK);
    take_header(a, (a->left - 1) % UNITS + 1);
}

/* --- batches --- */

/* Round keys, salt and powers, and the folds. */
INLINE void fetch_gcm(const struct dp_srtp_key *key)
{
    fetch(key->round_keys, 7);
    fetch(key->folds, 2);
}

/* The first step of a, with the units of q that are pending; returns how many are now. */
INLINE unsigned int first_step(struct packet *a, struct packet *q, unsigned int pending)
{
    unsigned int g = (a->left - 1) % UNITS + 1;

    if (pending == 0) {
        steps[g][AES_ONLY](a, q);
    } else if (pending == g) {
        steps[g][BOTH](a, q);
    } else if (pending == UNITS) {
        steps[g][HASH_8](a, q);
    } else if (g == UNITS) {
        steps[pending][AES_8](a, q);
    } else {
        steps[pending][HASH_ONLY](a, q);
        steps[g][AES_ONLY](a, q);
    }
    return g;
}

PATH void dp_srtp_vaes256_gcm(struct dp_srtp_rekey *const *jobs, unsigned int n)
{
    struct packet packets[2], *a = &packets[0], *q = &packets[1];
    unsigned int pending = 0;

    for (unsigned int i = 0; i < n; i++) {
        struct packet *next = q;

        if (i + AHEAD < n)
            fetch_gcm(jobs[i + AHEAD]->key);
        gcm_begin(a, jobs[i]);
        pending = first_step(a, q, pending);
        while (a->left > 0) {
            steps[pending][AES_8](a, a);
            pending = UNITS;
        }
        q = a;
        a = next;
    }
    if (n > 0)
        steps[pending][HASH_ONLY](a, q);
}
