/* dp_srtp_rekey_batch() beside intel-ipsec-mb's best for the same bytes, in one run.
 *
 * Both write the header, then encrypt and authenticate one packet to as many destinations as there
 * are keys, in turn. Ours is given a keystream and has two XORs to do; its batches are of 32.
 * Theirs is the direct API for GCM, and for AES_CM with HMAC-SHA1 the job API in batches of 32, in
 * place, without the copy that a relay would have to make first. Cycles are the time-stamp
 * counter's, per packet. Each round measures one after the other; a row is the median round, least
 * and most. */
#include "dataplane/srtp/srtp.h"

#include <intel-ipsec-mb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#define HEADER  12
#define BATCH   32
#define ROUNDS  5
#define SAMPLE  2048 /* packets that are timed together */
#define REPEAT  40   /* samples in a round; the least counts, for interruptions only ever add */
#define SLOT    2048 /* bytes from packet to packet */
#define PACKETS 256  /* destinations in turn: what a pool of packets in use may be */

struct peer_key {
    alignas(16) uint8_t encrypt[11 * 16], decrypt[11 * 16], inner[20], outer[20], iv[16];
};

struct bench {
    unsigned int keys;
    size_t payload;
    enum hr_srtp_profile profile;
    struct dp_srtp_batch *batch;
    struct dp_srtp_key *ours;
    struct gcm_key_data *gcm;
    struct peer_key *peer;
    IMB_MGR *mgr;
    uint8_t (*packets)[SLOT];
    uint64_t index;
};

static uint8_t src[SLOT], ks[SLOT], header[HEADER] = {0x80, 96};

static void *must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

static void *table(size_t rows, size_t size)
{
    return must(aligned_alloc(64, (rows * size + 63) / 64 * 64));
}

/* --- ours and theirs: n packets from number at --- */

static void run_ours(struct bench *b, unsigned int at, unsigned int n)
{
    struct dp_srtp_rekey jobs[BATCH];

    for (unsigned int done = 0; done < n; done += BATCH) {
        for (unsigned int i = 0; i < BATCH; i++, at++) {
            uint8_t *dst = b->packets[at % PACKETS];

            memcpy(dst, header, HEADER);
            jobs[i] = (struct dp_srtp_rekey){.key = &b->ours[at % b->keys],
                                             .index = b->index++,
                                             .dst = dst,
                                             .hdr_len = HEADER,
                                             .src = src + HEADER,
                                             .ks = ks,
                                             .len = b->payload,
                                             .rtx_osn = -1};
        }
        if (dp_srtp_rekey_batch(b->batch, jobs, BATCH) != BATCH)
            abort();
    }
}

static void run_one_by_one(struct bench *b, unsigned int at, unsigned int n)
{
    for (unsigned int done = 0; done < n; done++, at++) {
        uint8_t *dst = b->packets[at % PACKETS];
        struct dp_srtp_rekey job = {.key = &b->ours[at % b->keys],
                                    .index = b->index++,
                                    .dst = dst,
                                    .hdr_len = HEADER,
                                    .src = src + HEADER,
                                    .ks = ks,
                                    .len = b->payload,
                                    .rtx_osn = -1};

        memcpy(dst, header, HEADER);
        if (dp_srtp_rekey(&job) == 0)
            abort();
    }
}

static void run_gcm(struct bench *b, unsigned int at, unsigned int n)
{
    struct gcm_context_data context;

    for (unsigned int done = 0; done < n; done++, at++) {
        uint8_t *dst = b->packets[at % PACKETS];

        memcpy(dst, header, HEADER);
        IMB_AES128_GCM_ENC(b->mgr, &b->gcm[at % b->keys], &context, dst + HEADER, src + HEADER,
                           b->payload, b->peer[at % b->keys].iv, dst, HEADER,
                           dst + HEADER + b->payload, 16);
    }
}

static void fill(IMB_JOB *job, struct bench *b, unsigned int at)
{
    struct peer_key *key = &b->peer[at % b->keys];
    uint8_t *packet = b->packets[at % PACKETS];

    memcpy(packet, header, HEADER);
    job->cipher_mode = IMB_CIPHER_CNTR;
    job->cipher_direction = IMB_DIR_ENCRYPT;
    job->chain_order = IMB_ORDER_CIPHER_HASH;
    job->hash_alg = IMB_AUTH_HMAC_SHA_1;
    job->enc_keys = key->encrypt;
    job->dec_keys = key->decrypt;
    job->key_len_in_bytes = 16;
    job->iv = key->iv;
    job->iv_len_in_bytes = 16;
    job->src = packet;
    job->dst = packet + HEADER;
    job->cipher_start_src_offset_in_bytes = HEADER;
    job->msg_len_to_cipher_in_bytes = b->payload;
    job->hash_start_src_offset_in_bytes = 0;
    job->msg_len_to_hash_in_bytes = HEADER + b->payload + 4; /* the ROC */
    job->auth_tag_output = packet + HEADER + b->payload + 4;
    job->auth_tag_output_len_in_bytes = 12;
    job->u.HMAC._hashed_auth_key_xor_ipad = key->inner;
    job->u.HMAC._hashed_auth_key_xor_opad = key->outer;
}

static unsigned int completed(const IMB_JOB *job)
{
    if (job && job->status != IMB_STATUS_COMPLETED)
        abort();
    return job != NULL;
}

static void run_jobs(struct bench *b, unsigned int at, unsigned int n)
{
    for (unsigned int done = 0; done < n; done += BATCH) {
        unsigned int back = 0;

        for (unsigned int i = 0; i < BATCH; i++, at++) {
            fill(IMB_GET_NEXT_JOB(b->mgr), b, at);
            back += completed(IMB_SUBMIT_JOB(b->mgr));
        }
        while (back < BATCH)
            back += completed(IMB_FLUSH_JOB(b->mgr));
    }
}

/* --- measuring --- */

typedef void run_fn(struct bench *b, unsigned int at, unsigned int n);

static double cycles(run_fn *run, struct bench *b)
{
    uint64_t least = UINT64_MAX;
    unsigned int at = 0;

    for (unsigned int i = 0; i < REPEAT; i++, at += SAMPLE) {
        uint64_t begin = __rdtsc(), took;

        run(b, at, SAMPLE);
        took = __rdtsc() - begin;
        least = took < least ? took : least;
    }
    return (double)least / SAMPLE;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void print(double *values, const char *format)
{
    qsort(values, ROUNDS, sizeof(*values), by_value);
    printf(format, values[ROUNDS / 2], values[0], values[ROUNDS - 1]);
}

static void row(struct bench *b, const char *name, run_fn *ours_run)
{
    run_fn *theirs_run = b->profile == HR_SRTP_AEAD_AES_128_GCM ? run_gcm : run_jobs;
    double ours[ROUNDS], theirs[ROUNDS], ratio[ROUNDS];

    for (int round = 0; round < ROUNDS; round++) {
        ours[round] = cycles(ours_run, b);
        theirs[round] = cycles(theirs_run, b);
        ratio[round] = ours[round] / theirs[round];
    }
    printf("%-6s %-10s %6u %6zu", b->profile == HR_SRTP_AEAD_AES_128_GCM ? "GCM" : "SHA1_80", name,
           b->keys, b->payload);
    print(ours, "  %6.0f (%.0f-%.0f)");
    print(theirs, "  %6.0f (%.0f-%.0f)");
    print(ratio, "  %.2f (%.2f-%.2f)\n");
    fflush(stdout);
}

static void make_keys(struct bench *b)
{
    uint8_t raw[64];

    for (unsigned int i = 0; i < b->keys; i++) {
        struct peer_key *peer = &b->peer[i];

        for (unsigned int j = 0; j < sizeof(raw); j++)
            raw[j] = (uint8_t)(i * 7 + (i >> 8) + j);
        if (dp_srtp_key_init(&b->ours[i], b->profile, raw, raw + 16) != 0)
            abort();
        IMB_AES_KEYEXP_128(b->mgr, raw, peer->encrypt, peer->decrypt);
        IMB_AES128_GCM_PRE(b->mgr, raw, &b->gcm[i]);
        IMB_SHA1_ONE_BLOCK(b->mgr, raw, peer->inner);
        IMB_SHA1_ONE_BLOCK(b->mgr, raw, peer->outer);
        memcpy(peer->iv, raw + 32, sizeof(peer->iv));
    }
}

static void rows(struct bench *b, unsigned int keys)
{
    static const enum hr_srtp_profile profiles[] = {HR_SRTP_AEAD_AES_128_GCM,
                                                    HR_SRTP_AES_CM_128_HMAC_SHA1_80};
    static const size_t sizes[] = {1200, 160};

    b->keys = keys;
    b->ours = table(keys, sizeof(*b->ours));
    b->gcm = table(keys, sizeof(*b->gcm));
    b->peer = table(keys, sizeof(*b->peer));
    for (int p = 0; p < 2; p++) {
        b->profile = profiles[p];
        make_keys(b);
        for (int s = 0; s < 2; s++) {
            b->payload = sizes[s];
            row(b, "batch", run_ours);
            row(b, "one by one", run_one_by_one);
        }
    }
    free(b->ours);
    free(b->gcm);
    free(b->peer);
}

int main(void)
{
    struct bench b = {.batch = must(dp_srtp_batch_new()), .mgr = must(alloc_mb_mgr(0))};

    init_mb_mgr_auto(b.mgr, NULL);
    b.packets = table(PACKETS, SLOT);
    for (size_t i = 0; i < SLOT; i++) {
        src[i] = (uint8_t)(i * 7);
        ks[i] = (uint8_t)(i * 31);
    }
    printf("path %s, intel-ipsec-mb %s; cycles per packet: median of %d rounds (least-most)\n",
           dp_srtp_cpu_name(), imb_get_version_str(), ROUNDS);
    printf("%-6s %-10s %6s %6s  %-18s %-18s %s\n", "", "", "keys", "bytes", "  ours", "  theirs",
           "  ratio");
    rows(&b, 256);
    rows(&b, 10000);
    free(b.packets);
    free_mb_mgr(b.mgr);
    dp_srtp_batch_free(b.batch);
    return 0;
}
