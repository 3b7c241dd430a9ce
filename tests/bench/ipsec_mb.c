#include "ipsec_mb.h"

#include "rounds.h"

#include <intel-ipsec-mb.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define KEYS  256
#define BATCH 32
#define PER   512 /* packets of a round */
#define ROOM  1536
#define ROC   4 /* HMAC covers the rollover counter too */

/* As a relay has them: a key schedule and a buffer for each receiver. */
struct leg {
    _Alignas(64) struct gcm_key_data gcm;
    _Alignas(16) uint8_t enc[16 * 15], dec[16 * 15], iv[16];
    uint8_t inner[20], outer[20], tag[20];
    _Alignas(64) uint8_t packet[ROOM];
};

static struct leg legs[KEYS];
static uint8_t source[ROOM];
static IMB_MGR *mgr;

static void hash_pad(const uint8_t *key, uint8_t pad, uint8_t *state)
{
    uint8_t block[64];

    for (unsigned i = 0; i < sizeof(block); i++)
        block[i] = (uint8_t)((i < 20 ? key[i] : 0) ^ pad);
    IMB_SHA1_ONE_BLOCK(mgr, block, state);
}

static int start(void)
{
    uint8_t key[20];

    if (mgr)
        return 0;
    mgr = alloc_mb_mgr(0);
    if (!mgr)
        return -1;
    init_mb_mgr_auto(mgr, NULL);
    for (unsigned i = 0; i < KEYS; i++) {
        for (unsigned k = 0; k < sizeof(key); k++)
            key[k] = (uint8_t)(i * 31 + k);
        IMB_AES128_GCM_PRE(mgr, key, &legs[i].gcm);
        IMB_AES_KEYEXP_128(mgr, key, legs[i].enc, legs[i].dec);
        hash_pad(key, 0x36, legs[i].inner);
        hash_pad(key, 0x5c, legs[i].outer);
    }
    return 0;
}

static void gcm(unsigned first, size_t header, size_t payload)
{
    struct gcm_context_data context;

    for (unsigned i = first; i < first + BATCH; i++) {
        struct leg *l = &legs[i];
        memcpy(l->packet, source, header);
        IMB_AES128_GCM_ENC(mgr, &l->gcm, &context, l->packet + header, source + header, payload,
                           l->iv, l->packet, header, l->packet + header + payload, 16);
    }
}

static void fill(IMB_JOB *job, struct leg *l, size_t header, size_t payload)
{
    job->cipher_mode = IMB_CIPHER_CNTR;
    job->cipher_direction = IMB_DIR_ENCRYPT;
    job->chain_order = IMB_ORDER_CIPHER_HASH;
    job->hash_alg = IMB_AUTH_HMAC_SHA_1;
    job->enc_keys = job->dec_keys = l->enc;
    job->key_len_in_bytes = 16;
    job->iv = l->iv;
    job->iv_len_in_bytes = sizeof(l->iv);
    job->src = l->packet;
    job->dst = l->packet + header;
    job->cipher_start_src_offset_in_bytes = header;
    job->msg_len_to_cipher_in_bytes = payload;
    job->hash_start_src_offset_in_bytes = 0;
    job->msg_len_to_hash_in_bytes = header + payload + ROC;
    job->auth_tag_output = l->tag;
    job->auth_tag_output_len_in_bytes = 12;
    job->u.HMAC._hashed_auth_key_xor_ipad = l->inner;
    job->u.HMAC._hashed_auth_key_xor_opad = l->outer;
}

static void ctr_hmac(unsigned first, size_t header, size_t payload)
{
    unsigned done = 0;

    for (unsigned i = first; i < first + BATCH; i++) {
        memcpy(legs[i].packet, source, header);
        fill(IMB_GET_NEXT_JOB(mgr), &legs[i], header, payload);
        done += IMB_SUBMIT_JOB(mgr) != NULL;
    }
    while (done < BATCH && IMB_FLUSH_JOB(mgr))
        done++;
}

struct work {
    enum hr_srtp_profile profile;
    size_t header, payload;
};

static void one_round(void *arg)
{
    const struct work *w = arg;

    for (unsigned n = 0; n < PER; n += BATCH) {
        if (w->profile == HR_SRTP_AEAD_AES_128_GCM)
            gcm(n % KEYS, w->header, w->payload);
        else
            ctr_hmac(n % KEYS, w->header, w->payload);
    }
}

double ipsec_mb_cycles(enum hr_srtp_profile profile, size_t header, size_t payload)
{
    struct work w = {.profile = profile, .header = header, .payload = payload};

    if (start() || header + payload + 20 > ROOM)
        return 0;
    double cycles = rounds_cycles(one_round, &w) / PER;
    return imb_get_errno(mgr) ? 0 : cycles;
}

const char *ipsec_mb_version(void)
{
    return imb_get_version_str();
}
