/* AES-NI and PCLMULQDQ: 8 counter blocks in flight, GHASH of 8 blocks with one reduction. */
#include "dataplane/srtp/aesni.h"

#define PATH __attribute__((target("aes,pclmul,ssse3,sse4.1")))

PATH static void keystream(const struct dp_srtp_key *key, const uint8_t *start, uint8_t *ks,
                           size_t len)
{
    keystream_rest(key, swap_count(load(start)), ks, len);
}

PATH static void cm_rekey(const struct dp_srtp_key *key, const uint8_t *start,
                          const struct srtp_runs *runs)
{
    __m128i ctr = swap_count(load(start));

    for (int r = 0; r < runs->n; r++)
        ctr = combine_from(key, ctr, &runs->run[r], 0);
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
    __m128i y = ghash(key, _mm_setzero_si128(), job->dst, job->hdr_len, NULL), c[LANES8];
    uint8_t *tag = job->dst + job->hdr_len + runs->len;

    for (int r = 0; r < runs->n; r++) {
        const struct srtp_run *run = &runs->run[r];
        size_t at = 0;

        for (; run->len - at >= CHUNK8; at += CHUNK8) {
            combine_chunk(key, ctr, run, at, c);
            ctr = add_count(ctr, LANES8);
            y = ghash_chunk(key, y, c);
        }
        if (at < run->len)
            ctr = add_count(ctr, combine_rest(key, ctr, run, at));
        y = ghash_rest(key, y, run->dst + at, run->len - at, r + 1 == runs->n ? &lengths : NULL);
    }
    store(tag, _mm_xor_si128(swap_bytes(y), encrypt_one(key, j0)));
}

/* --- keys --- */

AESNI __m128i next_round_key(__m128i k, __m128i assist)
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
#define EXPAND(r, rcon)                                        \
    k = next_round_key(k, _mm_aeskeygenassist_si128(k, rcon)); \
    store(out + (r)*SRTP_BLOCK, k);
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
AESNI __m128i times_x(__m128i v)
{
    uint64_t lo = (uint64_t)_mm_cvtsi128_si64(v), hi = (uint64_t)_mm_extract_epi64(v, 1);
    uint64_t carry = -(hi >> 63);

    hi = (hi << 1 | lo >> 63) ^ (carry & 0xc200000000000000);
    lo = lo << 1 ^ (carry & 1);
    return _mm_set_epi64x((long long)hi, (long long)lo);
}

PATH void dp_srtp_aesni_powers(struct dp_srtp_key *key)
{
    __m128i h = _mm_set_epi64x((long long)key->ghash_h[0], (long long)key->ghash_h[1]), power = h;

    for (int n = 1; n <= DP_SRTP_GHASH_POWERS; n++) {
        struct sum s = {0};

        store(key->powers + (DP_SRTP_GHASH_POWERS - n) * SRTP_BLOCK, times_x(power));
        add_product(&s, power, times_x(h));
        power = reduce(&s);
    }
    for (int n = 1; n <= DP_SRTP_GHASH_POWERS; n++) {
        __m128i p = load(powers(key, (size_t)n));
        int lane = n % 2, half = (n - 1) % 4 < 2;

        _mm_storel_epi64(
            (__m128i *)(void *)(key->folds + (n - 1) / 4 * 32 + lane * 16 + half * 8),
            _mm_xor_si128(p, _mm_srli_si128(p, 8)));
    }
    for (int i = 0; i < 4; i++)
        memcpy(key->strides + i * SRTP_BLOCK, powers(key, (size_t)(16 - 4 * i)), SRTP_BLOCK);
}

const struct srtp_ops dp_srtp_ops_aesni = {
    .name = "aesni",
    .keystream = keystream,
    .cm_rekey = cm_rekey,
    .gcm_tag = gcm_tag,
    .gcm_rekey = gcm_rekey,
};
