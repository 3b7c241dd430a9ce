/* C_out = C_in ^ (KS_in ^ KS_out), then the tag over the new header and C_out.
 *
 * Plaintext never exists. The keystreams are combined first and only then meet the ciphertext;
 * where the compiler could regroup the two XORs, the paths put a barrier between them. RTX (RFC
 * 4588) shifts the payload by two bytes against KS_out: the first block is put together apart, from
 * the original sequence number (with no keystream: it stood in the clear in the ingress header) and
 * 14 bytes of ciphertext; the rest is an ordinary run that begins at the 15th byte of source and
 * KS_in. */
#include "dataplane/srtp/srtp_internal.h"

#include <string.h>

static void split(const struct dp_srtp_rekey *job, struct srtp_runs *runs)
{
    uint8_t *dst = job->dst + job->hdr_len;
    size_t head = job->len < SRTP_BLOCK - 2 ? job->len : SRTP_BLOCK - 2;

    if (job->rtx_osn < 0) {
        runs->n = 1;
        runs->len = job->len;
        runs->run[0] = (struct srtp_run){dst, job->src, job->ks, job->len};
        return;
    }
    runs->head_src[0] = (uint8_t)(job->rtx_osn >> 8);
    runs->head_src[1] = (uint8_t)job->rtx_osn;
    memcpy(runs->head_src + 2, job->src, head);
    memset(runs->head_ks, 0, 2);
    memcpy(runs->head_ks + 2, job->ks, head);
    runs->n = job->len > head ? 2 : 1;
    runs->len = job->len + 2;
    runs->run[0] = (struct srtp_run){dst, runs->head_src, runs->head_ks, head + 2};
    runs->run[1] =
        (struct srtp_run){dst + SRTP_BLOCK, job->src + head, job->ks + head, job->len - head};
}

void dp_srtp_gcm_one(const struct dp_srtp_rekey *job)
{
    uint8_t ctr[SRTP_BLOCK];
    struct srtp_runs runs;

    split(job, &runs);
    dp_srtp_counter(job->key, srtp_ssrc(job->dst), job->index, ctr);
    ctr[15] = 1;
    dp_srtp_ops()->gcm_rekey(job->key, ctr, job, &runs);
}

void dp_srtp_cm_one(const struct dp_srtp_rekey *job)
{
    uint8_t ctr[SRTP_BLOCK];
    struct srtp_runs runs;

    split(job, &runs);
    dp_srtp_counter(job->key, srtp_ssrc(job->dst), job->index, ctr);
    dp_srtp_ops()->cm_rekey(job->key, ctr, &runs);
}

size_t dp_srtp_rekey(const struct dp_srtp_rekey *job)
{
    struct dp_srtp_rekey plain = *job, *row = &plain;
    const struct srtp_ops *ops = dp_srtp_ops();
    uint8_t tag[SRTP_SHA1_LEN];
    size_t len;

    if (!dp_srtp_rekey_ok(job))
        return 0;
    len = dp_srtp_rekey_len(job);
    if (job->key->profile == HR_SRTP_AEAD_AES_128_GCM) {
        if (ops->gcm_plain && dp_srtp_plain(job))
            ops->gcm_plain(&row, 1);
        else
            dp_srtp_gcm_one(job);
        return len;
    }
    if (ops->cm_plain && dp_srtp_plain(job))
        ops->cm_plain(&row, 1);
    else
        dp_srtp_cm_one(job);
    len -= SRTP_HMAC_TAG;
    dp_srtp_tag(job->key, job->dst, job->hdr_len, len - job->hdr_len, job->index, tag);
    memcpy(job->dst + len, tag, SRTP_HMAC_TAG);
    return len + SRTP_HMAC_TAG;
}

void dp_srtp_keystream(const struct dp_srtp_key *key, uint32_t ssrc, uint64_t index, uint8_t *ks,
                       size_t len)
{
    uint8_t ctr[SRTP_BLOCK];

    dp_srtp_counter(key, ssrc, index, ctr);
    ctr[15] = key->profile == HR_SRTP_AEAD_AES_128_GCM ? 2 : 0;
    dp_srtp_ops()->keystream(key, ctr, ks, len);
}
