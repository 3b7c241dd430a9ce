/* SRTP protection profiles, by their DTLS-SRTP numbers (RFC 5764 4.1.2, RFC 7714 14.2).
 * Lengths in bytes; all are 0 for a number that is not ours. */
#ifndef HR_PROTO_SRTP_PROFILE_H
#define HR_PROTO_SRTP_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

enum hr_srtp_profile {
    HR_SRTP_NONE = 0,
    HR_SRTP_AES_CM_128_HMAC_SHA1_80 = 1,
    HR_SRTP_AEAD_AES_128_GCM = 7,
};

#define HR_SRTP_KEY_LEN_MAX  16
#define HR_SRTP_SALT_LEN_MAX 14
#define HR_SRTP_TAG_LEN_MAX  16

static inline bool hr_srtp_profile_ok(int profile)
{
    return profile == HR_SRTP_AES_CM_128_HMAC_SHA1_80 || profile == HR_SRTP_AEAD_AES_128_GCM;
}

/* Master key, and the session's encryption key too. */
static inline size_t hr_srtp_key_len(enum hr_srtp_profile profile)
{
    return hr_srtp_profile_ok(profile) ? 16 : 0;
}

/* Master salt, and the session's salt too. */
static inline size_t hr_srtp_salt_len(enum hr_srtp_profile profile)
{
    if (profile == HR_SRTP_AES_CM_128_HMAC_SHA1_80)
        return 14;
    return profile == HR_SRTP_AEAD_AES_128_GCM ? 12 : 0;
}

/* What protection adds to an RTP packet. */
static inline size_t hr_srtp_tag_len(enum hr_srtp_profile profile)
{
    if (profile == HR_SRTP_AES_CM_128_HMAC_SHA1_80)
        return 10;
    return profile == HR_SRTP_AEAD_AES_128_GCM ? 16 : 0;
}

/* The RFCs' name, as WebRTC statistics spell it too. */
static inline const char *hr_srtp_profile_name(enum hr_srtp_profile profile)
{
    if (profile == HR_SRTP_AES_CM_128_HMAC_SHA1_80)
        return "AES_CM_128_HMAC_SHA1_80";
    return profile == HR_SRTP_AEAD_AES_128_GCM ? "AEAD_AES_128_GCM" : "none";
}

/* OpenSSL's name, for SSL_CTX_set_tlsext_use_srtp(); NULL if there is none. */
static inline const char *hr_srtp_openssl_name(enum hr_srtp_profile profile)
{
    if (profile == HR_SRTP_AES_CM_128_HMAC_SHA1_80)
        return "SRTP_AES128_CM_SHA1_80";
    return profile == HR_SRTP_AEAD_AES_128_GCM ? "SRTP_AEAD_AES_128_GCM" : NULL;
}

#endif
