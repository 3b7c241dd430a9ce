/* SRTP for the media path: verify a packet under one leg's key, rekey it to others.
 *
 * Bytes in, bytes out: nothing here allocates, locks or keeps state per packet, and a key is const
 * after dp_srtp_key_init(), so any number of workers may read it. The way of a packet:
 *
 *     dp_srtp_rx_estimate -> dp_srtp_verify -> dp_srtp_rx_commit -> dp_srtp_keystream   (once)
 *     write the new header at dst -> dp_srtp_rekey_batch                   (per subscription)
 */
#ifndef DP_SRTP_H
#define DP_SRTP_H

#include "proto/srtp_profile.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DP_SRTP_RTP_HEADER_MIN 12
#define DP_SRTP_PAYLOAD_MAX    65535 /* bytes; CM's 16-bit block count ends at 1 MiB */
#define DP_SRTP_GHASH_POWERS   16
/* Bytes that dp_srtp_rekey() may add to a payload: original sequence number and tag. */
#define DP_SRTP_GROWTH_MAX (2 + HR_SRTP_TAG_LEN_MAX)

/* Session keys of one direction of one endpoint, for RTP. Filled and wiped by the functions below;
 * the fields are for dataplane/srtp alone. Laid out in cache lines: with thousands of keys in turn
 * fetching them is what costs, so a rekey reads the first three, and for GCM the last 64 bytes of
 * powers and strides, or for HMAC its two states. Best aligned to 64. */
struct dp_srtp_key {
    alignas(16) uint8_t round_keys[11 * 16];   /* AES-NI order */
    uint8_t salt[HR_SRTP_SALT_LEN_MAX];        /* where the counter block has it */
    uint16_t profile;                          /* enum hr_srtp_profile */
    uint8_t powers[DP_SRTP_GHASH_POWERS * 16]; /* H^16 .. H^1, for carry-less multiply */
    union {
        uint8_t strides[4 * 16]; /* H^16, H^12, H^8, H^4 */
        struct {
            uint32_t hmac_inner[5], hmac_outer[5]; /* SHA-1 after the padded key */
        };
    };
    /* Halves of the powers, added up (Karatsuba), for 256 bits: of H^4 H^2 H^3 H^1, H^8 H^6 H^7
     * H^5, and so on. */
    uint8_t folds[DP_SRTP_GHASH_POWERS * 8];
    uint64_t ghash_h[2];              /* H, most significant word first, for the portable path */
    alignas(16) uint8_t openssl[304]; /* AES_KEY of the portable path, and up to a whole line */
};

_Static_assert(offsetof(struct dp_srtp_key, powers) == 3 * 64, "a rekey reads three lines first");

/* Derives the session keys (RFC 3711 4.3, RFC 7714 11). -EINVAL for an unknown profile. */
int dp_srtp_key_init(struct dp_srtp_key *key, enum hr_srtp_profile profile,
                     const uint8_t *master_key, const uint8_t *master_salt);

/* Wipes; a cleared (or zeroed) key verifies nothing and rekeys nothing. */
void dp_srtp_key_clear(struct dp_srtp_key *key);

/* Whether the tag at the end of pkt is right. hdr_len includes CSRCs and header extension; index is
 * the 48-bit packet index, ROC << 16 | sequence number. False too for a packet too short to hold
 * it. */
bool dp_srtp_verify(const struct dp_srtp_key *key, const uint8_t *pkt, size_t len, size_t hdr_len,
                    uint64_t index);

/* Writes the len bytes of keystream of (ssrc, index), len being the payload without its tag. */
void dp_srtp_keystream(const struct dp_srtp_key *key, uint32_t ssrc, uint64_t index, uint8_t *ks,
                       size_t len);

/* One packet to one subscription. src and ks may have any profile's keystream behind them. */
struct dp_srtp_rekey {
    const struct dp_srtp_key *key; /* of the egress leg */
    uint64_t index;     /* egress packet index; its low 16 bits match the header at dst */
    uint8_t *dst;       /* the new RTP header, then room for what dp_srtp_rekey_len() says */
    size_t hdr_len;     /* of the header at dst, >= 12 */
    const uint8_t *src; /* ingress ciphertext: no header, no tag; apart from dst */
    const uint8_t *ks;  /* the ingress keystream, len bytes */
    size_t len;         /* of the payload at src */
    int32_t rtx_osn;    /* < 0, or the original sequence number to put first (RFC 4588) */
    size_t out_len;     /* dp_srtp_rekey_batch() says here what dp_srtp_rekey() returns, */
    uint16_t sum; /* and here the ones' complement sum (RFC 1071) of all out_len bytes at dst, the
                   * header too: of big-endian words, a zero byte behind an odd last one; not
                   * inverted, and as a number. dp_srtp_rekey() leaves it alone. */
};

/* Length of the packet that dp_srtp_rekey() makes. */
static inline size_t dp_srtp_rekey_len(const struct dp_srtp_rekey *job)
{
    return job->hdr_len + (job->rtx_osn >= 0 ? 2 : 0) + job->len +
           hr_srtp_tag_len(job->key->profile);
}

/* Writes payload and tag behind the header at dst, and returns the packet's length. 0 if the key is
 * cleared, the header too short, the payload too long or the index beyond 48 bits (the key is used
 * up). Never makes plaintext. The caller keeps the one rule: no two different packets under one
 * key, SSRC and index. */
size_t dp_srtp_rekey(const struct dp_srtp_rekey *job);

#define DP_SRTP_BATCH_MAX                                                                          \
    64 /* jobs at a time; dp_srtp_rekey_batch() takes longer rows in turns                         \
        */

/* What one worker's batches need beyond their jobs. NULL if there is no memory. */
struct dp_srtp_batch;
struct dp_srtp_batch *dp_srtp_batch_new(void);
void dp_srtp_batch_free(struct dp_srtp_batch *batch);

/* dp_srtp_rekey() for n jobs, each to its own dst, in less time; what each made is in its out_len.
 * Returns how many are not 0. Allocates nothing. batch may be NULL where there is no worker. */
unsigned int dp_srtp_rekey_batch(struct dp_srtp_batch *batch, struct dp_srtp_rekey *jobs,
                                 unsigned int n);

/* The code paths for AES and GHASH; the best that the CPU has is taken at first use. */
enum dp_srtp_cpu {
    DP_SRTP_CPU_PORTABLE, /* OpenSSL's AES_encrypt, GHASH in C */
    DP_SRTP_CPU_AESNI,    /* AES-NI and PCLMULQDQ, 8 blocks in flight */
    DP_SRTP_CPU_VAES256,  /* VAES and VPCLMULQDQ with AVX2, 16 blocks in flight, and SHA */
    DP_SRTP_CPU_VAES512,  /* the same with AVX-512 */
    DP_SRTP_CPU_COUNT,
};

/* Takes another path from now on, for tests and benches. -ENOTSUP if this CPU cannot. */
int dp_srtp_cpu_force(enum dp_srtp_cpu level);
const char *dp_srtp_cpu_name(void);

#endif
