/* What the files of dataplane/srtp share, and their tests. */
#ifndef DP_SRTP_INTERNAL_H
#define DP_SRTP_INTERNAL_H

#include "dataplane/srtp/replay.h"
#include "dataplane/srtp/srtp.h"

#define SRTP_BLOCK        16
#define SRTP_AUTH_KEY_LEN 20 /* HMAC-SHA1, RFC 3711 8.2 */
#define SRTP_SHA1_LEN     20

/* dst = src ^ (ks ^ KS_out): a stretch of one payload. */
struct srtp_run {
    uint8_t *dst;
    const uint8_t *src;
    const uint8_t *ks;
    size_t len;
};

/* A payload as runs. All but the last are whole blocks, so the counter goes on from run to run. */
struct srtp_runs {
    int n;
    size_t len;
    struct srtp_run run[2];
    uint8_t head_src[SRTP_BLOCK],
        head_ks[SRTP_BLOCK]; /* RTX: original sequence number, first bytes */
};

/* A packet whose tag is due: len bytes at msg with the ROC behind them, in the tag's place. */
struct srtp_hmac {
    const struct dp_srtp_key *key;
    uint8_t *msg;
    size_t len; /* with the ROC */
};

#define SRTP_HMAC_TAG 10
#define SRTP_ROC_LEN  4

/* A job is plain if it is no RTX and its payload between these; what they are for is in
 * vaes512_plain.c. */
#define SRTP_PLAIN_MIN 33
#define SRTP_PLAIN_MAX 4000

/* One code path. ctr is a counter block whose last 4 bytes count, big-endian. */
struct srtp_ops {
    const char *name;
    void (*keystream)(const struct dp_srtp_key *key, const uint8_t *ctr, uint8_t *ks, size_t len);
    void (*cm_rekey)(const struct dp_srtp_key *key, const uint8_t *ctr,
                     const struct srtp_runs *runs);
    /* GCM: j0 is the counter block of the tag, the payload's are the next ones. */
    void (*gcm_tag)(const struct dp_srtp_key *key, const uint8_t *j0, const uint8_t *pkt,
                    size_t hdr_len, size_t len, uint8_t *tag);
    void (*gcm_rekey)(const struct dp_srtp_key *key, const uint8_t *j0,
                      const struct dp_srtp_rekey *job, const struct srtp_runs *runs);
    /* Rows of plain jobs: tags too for GCM, payloads alone for CM. NULL: one by one, as above. If
     * sums, they set the jobs' sum to that of all they wrote and the header. */
    void (*gcm_plain)(struct dp_srtp_rekey *const *jobs, unsigned int n);
    void (*cm_plain)(struct dp_srtp_rekey *const *jobs, unsigned int n);
    bool sums;
    /* HMACs of hmac_min packets or more, in order of length. NULL: as the batch can. */
    void (*hmac_plain)(const struct srtp_hmac *jobs, unsigned int n);
    unsigned int hmac_min;
};

extern const struct srtp_ops dp_srtp_ops_portable, dp_srtp_ops_aesni, dp_srtp_ops_vaes256,
    dp_srtp_ops_vaes512;

void dp_srtp_vaes256_gcm(struct dp_srtp_rekey *const *jobs, unsigned int n);
void dp_srtp_vaes256_cm(struct dp_srtp_rekey *const *jobs, unsigned int n);
void dp_srtp_vaes512_gcm(struct dp_srtp_rekey *const *jobs, unsigned int n);
void dp_srtp_vaes512_cm(struct dp_srtp_rekey *const *jobs, unsigned int n);
void dp_srtp_sha_hmac(const struct srtp_hmac *jobs, unsigned int n);
void dp_srtp_avx512_hmac(const struct srtp_hmac *jobs, unsigned int n);

/* The path in use. */
const struct srtp_ops *dp_srtp_ops(void);
bool dp_srtp_cpu_has(enum dp_srtp_cpu level);

/* Expand a raw AES key, and H into its powers, for the paths that want them so. */
void dp_srtp_aesni_expand(struct dp_srtp_key *key, const uint8_t *raw);
void dp_srtp_aesni_powers(struct dp_srtp_key *key);
void dp_srtp_portable_expand(struct dp_srtp_key *key, const uint8_t *raw);

/* y = (y ^ block) * H for every block of data, the last one padded with zeros. Constant time. */
void dp_srtp_ghash(const uint64_t h[2], uint64_t y[2], const uint8_t *data, size_t len);

/* HMAC-SHA1 over len bytes of msg and the 4 of roc (RFC 3711 4.2), from precomputed states. */
void dp_srtp_hmac_init(struct dp_srtp_key *key, const uint8_t *auth_key, size_t len);
void dp_srtp_hmac(const struct dp_srtp_key *key, const uint8_t *msg, size_t len,
                  const uint8_t *trailer, size_t trailer_len, uint8_t *mac);

/* From session keys, without derivation; auth_key is NULL for GCM. */
int dp_srtp_key_init_session(struct dp_srtp_key *key, enum hr_srtp_profile profile,
                             const uint8_t *enc_key, const uint8_t *salt, const uint8_t *auth_key);

/* RFC 3711 4.3.1 with a key derivation rate of 0. */
void dp_srtp_derive(const uint8_t *master_key, const uint8_t *salt, size_t salt_len, uint8_t label,
                    uint8_t *out, size_t len);

/* Counter block of (ssrc, index): RFC 3711 4.1.1, RFC 7714 8.1. Its count is 0. */
void dp_srtp_counter(const struct dp_srtp_key *key, uint32_t ssrc, uint64_t index, uint8_t *ctr);

/* dp_srtp_rekey() in pieces: whether it may be, and the payload (and GCM's tag) of any job. */
static inline bool dp_srtp_rekey_ok(const struct dp_srtp_rekey *job)
{
    return hr_srtp_profile_ok(job->key->profile) && job->hdr_len >= DP_SRTP_RTP_HEADER_MIN &&
           job->index <= DP_SRTP_INDEX_MAX && job->len <= DP_SRTP_PAYLOAD_MAX;
}

void dp_srtp_gcm_one(const struct dp_srtp_rekey *job);
void dp_srtp_cm_one(const struct dp_srtp_rekey *job);

static inline bool dp_srtp_plain(const struct dp_srtp_rekey *job)
{
    return job->rtx_osn < 0 && job->len >= SRTP_PLAIN_MIN && job->len <= SRTP_PLAIN_MAX;
}

/* Ones' complement sum of big-endian words, not inverted; an odd last byte is a word's first. */
uint16_t dp_srtp_sum(const uint8_t *p, size_t len);

/* Tag of a packet whose header and ciphertext are in place, as long as the profile's. */
void dp_srtp_tag(const struct dp_srtp_key *key, const uint8_t *pkt, size_t hdr_len, size_t len,
                 uint64_t index, uint8_t tag[SRTP_SHA1_LEN]);

static inline uint32_t srtp_get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t srtp_get64(const uint8_t *p)
{
    return (uint64_t)srtp_get32(p) << 32 | srtp_get32(p + 4);
}

static inline void srtp_put32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static inline void srtp_put64(uint8_t *p, uint64_t v)
{
    srtp_put32(p, (uint32_t)(v >> 32));
    srtp_put32(p + 4, (uint32_t)v);
}

/* 32 bits or more of a sum of words, to 16 in the order of the network (RFC 1071). */
static inline uint16_t srtp_sum_fold(uint64_t s)
{
    s = (s & UINT32_MAX) + (s >> 32);
    s = (s & 0xffff) + (s >> 16 & 0xffff) + (s >> 32);
    s = (s & 0xffff) + (s >> 16);
    s = (s & 0xffff) + (s >> 16);
    return __builtin_bswap16((uint16_t)s);
}

static inline uint32_t srtp_ssrc(const uint8_t *pkt)
{
    return srtp_get32(pkt + 8);
}

#endif
