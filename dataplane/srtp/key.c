#include "dataplane/srtp/srtp_internal.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

/* Labels of RFC 3711 4.3.2. */
enum { LABEL_ENCRYPTION = 0, LABEL_AUTHENTICATION = 1, LABEL_SALT = 2 };

/* Each path keeps the AES key its own way; all are filled, so that the path can change. */
static void expand(struct dp_srtp_key *key, const uint8_t *raw)
{
    dp_srtp_portable_expand(key, raw);
    if (dp_srtp_cpu_has(DP_SRTP_CPU_AESNI))
        dp_srtp_aesni_expand(key, raw);
}

void dp_srtp_derive(const uint8_t *master_key, const uint8_t *salt, size_t salt_len, uint8_t label,
                    uint8_t *out, size_t len)
{
    struct dp_srtp_key master = {0};
    uint8_t ctr[SRTP_BLOCK] = {0};

    expand(&master, master_key);
    memcpy(ctr, salt, salt_len);
    ctr[7] ^= label;
    dp_srtp_ops()->keystream(&master, ctr, out, len);
    OPENSSL_cleanse(&master, sizeof(master));
}

static void gcm_init(struct dp_srtp_key *key)
{
    uint8_t h[SRTP_BLOCK], zero[SRTP_BLOCK] = {0};

    dp_srtp_ops()->keystream(key, zero, h, sizeof(h));
    key->ghash_h[0] = srtp_get64(h);
    key->ghash_h[1] = srtp_get64(h + 8);
    if (dp_srtp_cpu_has(DP_SRTP_CPU_AESNI))
        dp_srtp_aesni_powers(key);
    OPENSSL_cleanse(h, sizeof(h));
}

int dp_srtp_key_init_session(struct dp_srtp_key *key, enum hr_srtp_profile profile,
                             const uint8_t *enc_key, const uint8_t *salt, const uint8_t *auth_key)
{
    memset(key, 0, sizeof(*key));
    if (!hr_srtp_profile_ok(profile))
        return -EINVAL;
    key->profile = (uint16_t)profile;
    memcpy(key->salt, salt, hr_srtp_salt_len(profile));
    expand(key, enc_key);
    if (profile == HR_SRTP_AEAD_AES_128_GCM)
        gcm_init(key);
    else
        dp_srtp_hmac_init(key, auth_key, SRTP_AUTH_KEY_LEN);
    return 0;
}

int dp_srtp_key_init(struct dp_srtp_key *key, enum hr_srtp_profile profile,
                     const uint8_t *master_key, const uint8_t *master_salt)
{
    uint8_t enc[HR_SRTP_KEY_LEN_MAX], auth[SRTP_AUTH_KEY_LEN], salt[HR_SRTP_SALT_LEN_MAX];
    size_t salt_len = hr_srtp_salt_len(profile);
    int rc;

    if (!hr_srtp_profile_ok(profile))
        return -EINVAL;
    dp_srtp_derive(master_key, master_salt, salt_len, LABEL_ENCRYPTION, enc, sizeof(enc));
    dp_srtp_derive(master_key, master_salt, salt_len, LABEL_AUTHENTICATION, auth, sizeof(auth));
    dp_srtp_derive(master_key, master_salt, salt_len, LABEL_SALT, salt, sizeof(salt));
    rc = dp_srtp_key_init_session(key, profile, enc, salt, auth);
    OPENSSL_cleanse(enc, sizeof(enc));
    OPENSSL_cleanse(auth, sizeof(auth));
    OPENSSL_cleanse(salt, sizeof(salt));
    return rc;
}

void dp_srtp_key_clear(struct dp_srtp_key *key)
{
    OPENSSL_cleanse(key, sizeof(*key));
}

/* SSRC and index lie side by side in both transforms, CM's after four bytes of salt, GCM's after
 * two. */
void dp_srtp_counter(const struct dp_srtp_key *key, uint32_t ssrc, uint64_t index, uint8_t *ctr)
{
    size_t at = key->profile == HR_SRTP_AEAD_AES_128_GCM ? 2 : 4;
    uint8_t word[8];

    memcpy(ctr, key->salt, sizeof(key->salt));
    memset(ctr + sizeof(key->salt), 0, SRTP_BLOCK - sizeof(key->salt));
    srtp_put32(word, ssrc);
    for (size_t i = 0; i < 4; i++)
        ctr[at + i] ^= word[i];
    srtp_put64(word, index << 16);
    for (size_t i = 0; i < 6; i++)
        ctr[at + 4 + i] ^= word[i];
}
