/* The path for any CPU: AES block by block in OpenSSL, whose AES_KEY is plain memory that threads
 * may share and that needs no context per packet, and GHASH in C. */
#define OPENSSL_API_COMPAT 0x10100000L

#include "dataplane/srtp/srtp_internal.h"

#include <openssl/aes.h>
#include <string.h>

#define CHUNK 16 /* blocks of keystream at a time */

_Static_assert(sizeof(AES_KEY) <= sizeof(((struct dp_srtp_key *)0)->openssl), "AES_KEY grew");

static const AES_KEY *aes_of(const struct dp_srtp_key *key)
{
    return (const AES_KEY *)(const void *)key->openssl;
}

void dp_srtp_portable_expand(struct dp_srtp_key *key, const uint8_t *raw)
{
    AES_set_encrypt_key(raw, 128, (AES_KEY *)(void *)key->openssl);
}

/* n whole blocks at ks; ctr goes on. */
static void blocks(const struct dp_srtp_key *key, uint8_t *ctr, uint8_t *ks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        AES_encrypt(ctr, ks + i * SRTP_BLOCK, aes_of(key));
        srtp_put32(ctr + 12, srtp_get32(ctr + 12) + 1);
    }
}

static void keystream(const struct dp_srtp_key *key, const uint8_t *ctr, uint8_t *ks, size_t len)
{
    uint8_t count[SRTP_BLOCK], last[SRTP_BLOCK];
    size_t whole = len / SRTP_BLOCK, rest = len % SRTP_BLOCK;

    memcpy(count, ctr, sizeof(count));
    blocks(key, count, ks, whole);
    if (rest) {
        blocks(key, count, last, 1);
        memcpy(ks + whole * SRTP_BLOCK, last, rest);
    }
}

/* The two keystreams become one in memory before any ciphertext is read: the barrier keeps the
 * compiler from regrouping the two XORs, which would make plaintext of the first. */
static void combine(uint8_t *ks_out, const struct srtp_run *run, size_t at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ks_out[i] ^= run->ks[at + i];
    __asm__ volatile("" : : "r"(ks_out) : "memory");
    for (size_t i = 0; i < len; i++)
        run->dst[at + i] = run->src[at + i] ^ ks_out[i];
}

static void cm_rekey(const struct dp_srtp_key *key, const uint8_t *ctr,
                     const struct srtp_runs *runs)
{
    uint8_t count[SRTP_BLOCK], ks[CHUNK * SRTP_BLOCK];

    memcpy(count, ctr, sizeof(count));
    for (int r = 0; r < runs->n; r++) {
        const struct srtp_run *run = &runs->run[r];

        for (size_t at = 0; at < run->len; at += sizeof(ks)) {
            size_t len = run->len - at < sizeof(ks) ? run->len - at : sizeof(ks);

            blocks(key, count, ks, (len + SRTP_BLOCK - 1) / SRTP_BLOCK);
            combine(ks, run, at, len);
        }
    }
}

static void gcm_tag(const struct dp_srtp_key *key, const uint8_t *j0, const uint8_t *pkt,
                    size_t hdr_len, size_t len, uint8_t *tag)
{
    uint8_t block[SRTP_BLOCK];
    uint64_t y[2] = {0, 0};

    dp_srtp_ghash(key->ghash_h, y, pkt, hdr_len);
    dp_srtp_ghash(key->ghash_h, y, pkt + hdr_len, len);
    srtp_put64(block, hdr_len * 8);
    srtp_put64(block + 8, len * 8);
    dp_srtp_ghash(key->ghash_h, y, block, sizeof(block));
    AES_encrypt(j0, block, aes_of(key));
    srtp_put64(tag, y[0] ^ srtp_get64(block));
    srtp_put64(tag + 8, y[1] ^ srtp_get64(block + 8));
}

static void gcm_rekey(const struct dp_srtp_key *key, const uint8_t *j0,
                      const struct dp_srtp_rekey *job, const struct srtp_runs *runs)
{
    uint8_t ctr[SRTP_BLOCK];

    memcpy(ctr, j0, sizeof(ctr));
    srtp_put32(ctr + 12, srtp_get32(j0 + 12) + 1);
    cm_rekey(key, ctr, runs);
    gcm_tag(key, j0, job->dst, job->hdr_len, runs->len, job->dst + job->hdr_len + runs->len);
}

const struct srtp_ops dp_srtp_ops_portable = {
    .name = "portable",
    .keystream = keystream,
    .cm_rekey = cm_rekey,
    .gcm_tag = gcm_tag,
    .gcm_rekey = gcm_rekey,
};
