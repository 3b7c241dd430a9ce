/* AES_CM's rows: like those of GCM without J0 and the block of lengths, so with an odd number of
 * blocks the first unit has no first block. Bytes are summed on the way out: all wraps, and high,
 * the sum of the upper halves, says by how much. */
#include "dataplane/srtp/vaes256.h"

/* Of 64-bit words, and of their upper halves. */
struct sums {
    __m256i all, high;
};

struct cm {
    struct packet packet;
    struct sums sums;
};

INLINE void add_to_sum(struct sums *s, __m256i v)
{
    s->all = _mm256_add_epi64(s->all, v);
    s->high = _mm256_add_epi64(s->high, _mm256_srli_epi64(v, 32));
}

INLINE uint16_t sum_of(const struct sums *s)
{
    __m256i low = _mm256_sub_epi64(s->all, _mm256_slli_epi64(s->high, 32));
    __m256i both = _mm256_add_epi64(low, s->high);
    __m128i v = _mm_add_epi64(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));

    return srtp_sum_fold((uint64_t)_mm_cvtsi128_si64(v) + (uint64_t)_mm_extract_epi64(v, 1));
}

/* The payload's last two blocks. There is no room behind them, so the 16 bytes before the end
 * are written as one. */
INLINE void cm_last(const struct dp_srtp_rekey *job, struct place *at, struct sums *sums, __m256i b,
                    int i)
{
    size_t part = (job->len - 1) % SRTP_BLOCK + 1, end_at = job->len - SRTP_BLOCK;
    __m256i both = _mm256_aesenclast_epi128(b, at->k);
    __m128i first = _mm256_castsi256_si128(both), second = _mm256_extracti128_si256(both, 1);
    __m128i end = _mm_or_si128(_mm_shuffle_epi8(first, choice_of(SRTP_BLOCK - part)),
                               _mm_shuffle_epi8(second, load((const uint8_t *)choices + part)));

    first = combine_block(first, load(at->ks + i * WIDE), load(at->src + i * WIDE));
    end = combine_block(end, load(job->ks + end_at), load(job->src + end_at));
    store(at->dst + i * WIDE, first);
    store(job->dst + job->hdr_len + end_at, end);
    add_to_sum(sums, _mm256_set_m128i(_mm_shuffle_epi8(end, choice_of(part)), first));
}

/* g units. */
INLINE void step(struct cm *c, int g)
{
    struct packet *a = &c->packet;
    struct place at = {a->src, a->ks, a->dst, NULL, halves(a->round_keys + 10 * SRTP_BLOCK)};
    bool half = a->half && !a->begun, last = a->left == (unsigned int)g;
    struct sums sums = c->sums;
    __m256i b[UNITS];

    start(a, b, g);
    UNROLL for (int r = 1; r < 10; r++)
    {
        __m256i k = halves(a->round_keys + r * SRTP_BLOCK);

        UNROLL for (int i = 0; i < g; i++) b[i] = _mm256_aesenc_epi128(b[i], k);
    }
    UNROLL for (int i = 0; i < g; i++)
    {
        if (i == 0 && half)
            add_to_sum(&sums, _mm256_zextsi128_si256(
                                  combine_half(&at, _mm256_extracti128_si256(b[i], 1))));
        else if (i == g - 1 && last)
            cm_last(a->job, &at, &sums, b[i], i);
        else
            add_to_sum(&sums, combine(&at, b[i], i));
    }
    c->sums = sums;
    advance(a, &at, g);
}

#define CM_STEP(g)                                                                                 \
    PATH static __attribute__((noinline)) void cm_step_##g(struct cm *c)                           \
    {                                                                                              \
        step(c, g);                                                                                \
    }
CM_STEP(1)
CM_STEP(2)
CM_STEP(3)
CM_STEP(4)
CM_STEP(5)
CM_STEP(6)
CM_STEP(7)
CM_STEP(8)

typedef void step_fn(struct cm *c);
static step_fn *const cm_steps[UNITS + 1] = {NULL,      cm_step_1, cm_step_2, cm_step_3, cm_step_4,
                                             cm_step_5, cm_step_6, cm_step_7, cm_step_8};

INLINE void cm_begin(struct cm *c, struct dp_srtp_rekey *job)
{
    struct packet *a = &c->packet;
    size_t blocks = (job->len + SRTP_BLOCK - 1) / SRTP_BLOCK, i = 0;

    a->half = blocks & 1;
    a->left = (unsigned int)(blocks + 1) / 2;
    begin(a, job, a->half ? -1 : 0, a->half ? SRTP_BLOCK : 0);
    c->sums.all = c->sums.high = _mm256_setzero_si256();
    for (; job->hdr_len - i > SRTP_BLOCK; i += SRTP_BLOCK)
        add_to_sum(&c->sums, _mm256_zextsi128_si256(load(job->dst + i)));
    add_to_sum(&c->sums, _mm256_zextsi128_si256(_mm_and_si128(
                             load(job->dst + i), mask_of(choice_of(job->hdr_len - i)))));
}

PATH void dp_srtp_vaes256_cm(struct dp_srtp_rekey *const *jobs, unsigned int n)
{
    struct cm c;

    for (unsigned int i = 0; i < n; i++) {
        struct dp_srtp_rekey *job = jobs[i];

        if (i + AHEAD < n)
            fetch(jobs[i + AHEAD]->key, 3);
        cm_begin(&c, job);
        for (unsigned int g = (c.packet.left - 1) % UNITS + 1; c.packet.left > 0; g = UNITS)
            cm_steps[g](&c);
        job->sum = c.packet.odd ? dp_srtp_sum(job->dst, job->hdr_len + job->len) : sum_of(&c.sums);
    }
}
