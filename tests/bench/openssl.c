#include "openssl.h"

#include "rounds.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 256
#define ROOM 1536
#define ROC  4 /* HMAC covers the rollover counter too */
#define PER  512

struct leg {
    EVP_CIPHER_CTX *gcm, *ctr;
    EVP_MAC_CTX *hmac;
    uint8_t packet[ROOM], iv[16], tag[20];
};

struct job {
    enum hr_srtp_profile profile;
    size_t header, payload;
    bool failed;
};

static struct leg *legs;
static uint8_t source[ROOM];

static int start_leg(struct leg *l, EVP_MAC *hmac, const uint8_t *key)
{
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", (char *)"SHA1", 0),
                           OSSL_PARAM_construct_end()};

    l->gcm = EVP_CIPHER_CTX_new();
    l->ctr = EVP_CIPHER_CTX_new();
    l->hmac = EVP_MAC_CTX_new(hmac);
    return l->gcm && l->ctr && l->hmac &&
                   EVP_EncryptInit_ex(l->gcm, EVP_aes_128_gcm(), NULL, key, l->iv) &&
                   EVP_EncryptInit_ex(l->ctr, EVP_aes_128_ctr(), NULL, key, l->iv) &&
                   EVP_MAC_init(l->hmac, key, 20, params)
               ? 0
               : -1;
}

static int start(void)
{
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    uint8_t key[20];
    int err = 0;

    if (legs) {
        EVP_MAC_free(hmac);
        return 0;
    }
    legs = calloc(KEYS, sizeof(*legs));
    for (unsigned i = 0; legs && hmac && i < KEYS && !err; i++) {
        for (unsigned k = 0; k < sizeof(key); k++)
            key[k] = (uint8_t)(i * 31 + k);
        err = start_leg(&legs[i], hmac, key);
    }
    if (!hmac)
        err = -1;
    EVP_MAC_free(hmac);
    return legs ? err : -1;
}

static bool gcm(struct leg *l, const struct job *j)
{
    int n;

    return EVP_EncryptInit_ex(l->gcm, NULL, NULL, NULL, l->iv) &&
           EVP_EncryptUpdate(l->gcm, NULL, &n, l->packet, (int)j->header) &&
           EVP_EncryptUpdate(l->gcm, l->packet + j->header, &n, source + j->header,
                             (int)j->payload) &&
           EVP_EncryptFinal_ex(l->gcm, l->packet + j->header + j->payload, &n) &&
           EVP_CIPHER_CTX_ctrl(l->gcm, EVP_CTRL_AEAD_GET_TAG, 16, l->tag);
}

static bool ctr_hmac(struct leg *l, const struct job *j)
{
    size_t tag;
    int n;

    return EVP_EncryptInit_ex(l->ctr, NULL, NULL, NULL, l->iv) &&
           EVP_EncryptUpdate(l->ctr, l->packet + j->header, &n, source + j->header,
                             (int)j->payload) &&
           EVP_MAC_init(l->hmac, NULL, 0, NULL) &&
           EVP_MAC_update(l->hmac, l->packet, j->header + j->payload + ROC) &&
           EVP_MAC_final(l->hmac, l->tag, &tag, sizeof(l->tag));
}

static void run(void *arg)
{
    struct job *j = arg;

    for (unsigned i = 0; i < PER; i++) {
        struct leg *l = &legs[i % KEYS];
        memcpy(l->packet, source, j->header);
        bool ok = j->profile == HR_SRTP_AEAD_AES_128_GCM ? gcm(l, j) : ctr_hmac(l, j);
        j->failed |= !ok;
    }
}

double openssl_cycles(enum hr_srtp_profile profile, size_t header, size_t payload)
{
    struct job j = {.profile = profile, .header = header, .payload = payload};

    if (start() || header + payload + 20 > ROOM)
        return 0;
    double cycles = rounds_cycles(run, &j) / PER;
    return j.failed ? 0 : cycles;
}

const char *openssl_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}
