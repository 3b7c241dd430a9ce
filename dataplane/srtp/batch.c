/* Jobs sorted by what they need: GCM and CM payloads in rows for the path's kernels, then the HMACs
 * of all CM packets at once, side by side: 16 and 16 where the CPU has AVX-512 (sha1_avx512.c), by
 * threes with SHA instructions (sha1_ni.c), else in intel-ipsec-mb's lanes; with none of them,
 * OpenSSL takes one after the other. intel-ipsec-mb is given ciphertext and HMAC states, no AES
 * key. */
#include "dataplane/srtp/srtp_internal.h"

#include <intel-ipsec-mb.h>
#include <stdlib.h>
#include <string.h>

struct dp_srtp_batch {
    IMB_MGR *mgr; /* NULL where the library has nothing for this CPU */
    IMB_JOB jobs[DP_SRTP_BATCH_MAX];
    uint8_t tags[DP_SRTP_BATCH_MAX][12]; /* the library writes 12 bytes, SRTP has 10 */
};

struct dp_srtp_batch *dp_srtp_batch_new(void)
{
    struct dp_srtp_batch *batch = calloc(1, sizeof(*batch));
    IMB_ARCH arch;

    if (batch == NULL)
        return NULL;
    batch->mgr = alloc_mb_mgr(0);
    if (batch->mgr)
        init_mb_mgr_auto(batch->mgr, &arch);
    if (batch->mgr && imb_get_errno(batch->mgr) != 0) {
        free_mb_mgr(batch->mgr);
        batch->mgr = NULL;
    }
    return batch;
}

void dp_srtp_batch_free(struct dp_srtp_batch *batch)
{
    if (batch && batch->mgr)
        free_mb_mgr(batch->mgr);
    free(batch);
}

/* --- HMAC --- */

/* Packets from which the library's lanes pay: a full set takes as long as one packet in it, which
 * is about six times what OpenSSL's SHA-1 takes. */
#define LIBRARY_MIN 6

static void hmac_one(const struct srtp_hmac *h)
{
    uint8_t mac[SRTP_SHA1_LEN];
    size_t len = h->len - SRTP_ROC_LEN;

    dp_srtp_hmac(h->key, h->msg, len, h->msg + len, SRTP_ROC_LEN, mac);
    memcpy(h->msg + len, mac, SRTP_HMAC_TAG);
}

static void hmac_library(struct dp_srtp_batch *batch, const struct srtp_hmac *h, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        IMB_JOB *job = &batch->jobs[i];

        memset(job, 0, sizeof(*job));
        job->cipher_mode = IMB_CIPHER_NULL;
        job->cipher_direction = IMB_DIR_ENCRYPT;
        job->chain_order = IMB_ORDER_HASH_CIPHER;
        job->hash_alg = IMB_AUTH_HMAC_SHA_1;
        job->src = h[i].msg;
        job->msg_len_to_hash_in_bytes = h[i].len;
        job->auth_tag_output = batch->tags[i];
        job->auth_tag_output_len_in_bytes = sizeof(batch->tags[i]);
        job->u.HMAC._hashed_auth_key_xor_ipad = (const uint8_t *)h[i].key->hmac_inner;
        job->u.HMAC._hashed_auth_key_xor_opad = (const uint8_t *)h[i].key->hmac_outer;
    }
    IMB_SUBMIT_HASH_BURST(batch->mgr, batch->jobs, n, IMB_AUTH_HMAC_SHA_1);
    for (unsigned int i = 0; i < n; i++) {
        if (batch->jobs[i].status == IMB_STATUS_COMPLETED)
            memcpy(h[i].msg + h[i].len - SRTP_ROC_LEN, batch->tags[i], SRTP_HMAC_TAG);
        else
            hmac_one(&h[i]);
    }
}

/* A set of lanes takes as long as its longest packet. Copies of a packet are in order already. */
static void by_length(struct srtp_hmac *h, unsigned int n)
{
    for (unsigned int i = 1; i < n; i++) {
        struct srtp_hmac one = h[i];
        unsigned int at = i;

        for (; at > 0 && h[at - 1].len > one.len; at--)
            h[at] = h[at - 1];
        h[at] = one;
    }
}

static void hmac_all(struct dp_srtp_batch *batch, struct srtp_hmac *h, unsigned int n)
{
    const struct srtp_ops *ops = dp_srtp_ops();
    bool library = ops != &dp_srtp_ops_portable && ops->hmac_plain == NULL;

    by_length(h, n);
    if (ops->hmac_plain && n >= ops->hmac_min)
        ops->hmac_plain(h, n);
    else if (library && n >= LIBRARY_MIN && batch && batch->mgr)
        hmac_library(batch, h, n);
    else
        for (unsigned int i = 0; i < n; i++)
            hmac_one(&h[i]);
}

/* --- jobs --- */

struct sorted {
    unsigned int gcm_n, cm_n, hmac_n, rest_n;
    struct dp_srtp_rekey *gcm[DP_SRTP_BATCH_MAX], *cm[DP_SRTP_BATCH_MAX];
    struct dp_srtp_rekey *rest[DP_SRTP_BATCH_MAX]; /* what no row sums */
    struct srtp_hmac hmac[DP_SRTP_BATCH_MAX];
};

static void sort_gcm(struct sorted *s, const struct srtp_ops *ops, struct dp_srtp_rekey *job)
{
    bool row = ops->gcm_plain && dp_srtp_plain(job);

    if (row)
        s->gcm[s->gcm_n++] = job;
    else
        dp_srtp_gcm_one(job);
    if (!row || !ops->sums)
        s->rest[s->rest_n++] = job;
}

static void sort_cm(struct sorted *s, const struct srtp_ops *ops, struct dp_srtp_rekey *job)
{
    size_t len = job->out_len - SRTP_HMAC_TAG;
    bool row = ops->cm_plain && dp_srtp_plain(job);

    if (row)
        s->cm[s->cm_n++] = job;
    else
        dp_srtp_cm_one(job);
    if (!row || !ops->sums)
        s->rest[s->rest_n++] = job;
    srtp_put32(job->dst + len, (uint32_t)(job->index >> 16));
    s->hmac[s->hmac_n++] = (struct srtp_hmac){job->key, job->dst, len + SRTP_ROC_LEN};
}

/* Sums of CM packets get their tags, whose words begin where the payload ends. */
static void sum_tags(const struct sorted *s)
{
    for (unsigned int i = 0; i < s->cm_n; i++) {
        struct dp_srtp_rekey *job = s->cm[i];
        size_t at = job->out_len - SRTP_HMAC_TAG;
        uint32_t tag = dp_srtp_sum(job->dst + at, SRTP_HMAC_TAG);

        tag = at & 1 ? __builtin_bswap16((uint16_t)tag) : tag;
        tag += job->sum;
        job->sum = (uint16_t)((tag & 0xffff) + (tag >> 16));
    }
}

static void sum_up(const struct sorted *s)
{
    if (dp_srtp_ops()->sums)
        sum_tags(s);
    for (unsigned int i = 0; i < s->rest_n; i++)
        s->rest[i]->sum = dp_srtp_sum(s->rest[i]->dst, s->rest[i]->out_len);
}

static unsigned int some(struct dp_srtp_batch *batch, struct dp_srtp_rekey *jobs, unsigned int n)
{
    const struct srtp_ops *ops = dp_srtp_ops();
    unsigned int made = 0;
    struct sorted s;

    s.gcm_n = s.cm_n = s.hmac_n = s.rest_n = 0;
    for (unsigned int i = 0; i < n; i++)
        __builtin_prefetch(jobs[i].key->salt);
    for (unsigned int i = 0; i < n; i++) {
        struct dp_srtp_rekey *job = &jobs[i];

        job->out_len = dp_srtp_rekey_ok(job) ? dp_srtp_rekey_len(job) : 0;
        made += job->out_len > 0;
        if (job->out_len > 0 && job->key->profile == HR_SRTP_AEAD_AES_128_GCM)
            sort_gcm(&s, ops, job);
        else if (job->out_len > 0)
            sort_cm(&s, ops, job);
    }
    if (s.gcm_n)
        ops->gcm_plain(s.gcm, s.gcm_n);
    if (s.cm_n)
        ops->cm_plain(s.cm, s.cm_n);
    if (s.hmac_n)
        hmac_all(batch, s.hmac, s.hmac_n);
    sum_up(&s);
    return made;
}

unsigned int dp_srtp_rekey_batch(struct dp_srtp_batch *batch, struct dp_srtp_rekey *jobs,
                                 unsigned int n)
{
    unsigned int made = 0;

    for (unsigned int at = 0; at < n; at += DP_SRTP_BATCH_MAX)
        made += some(batch, jobs + at, n - at < DP_SRTP_BATCH_MAX ? n - at : DP_SRTP_BATCH_MAX);
    return made;
}
