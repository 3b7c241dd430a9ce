#include "dataplane/srtp/srtp_internal.h"

#include <openssl/crypto.h>
#include <string.h>

void dp_srtp_tag(const struct dp_srtp_key *key, const uint8_t *pkt, size_t hdr_len, size_t len,
                 uint64_t index, uint8_t tag[SRTP_SHA1_LEN])
{
    uint8_t ctr[SRTP_BLOCK], roc[4];

    if (key->profile == HR_SRTP_AEAD_AES_128_GCM) {
        dp_srtp_counter(key, srtp_ssrc(pkt), index, ctr);
        ctr[15] = 1;
        dp_srtp_ops()->gcm_tag(key, ctr, pkt, hdr_len, len, tag);
    } else {
        srtp_put32(roc, (uint32_t)(index >> 16));
        dp_srtp_hmac(key, pkt, hdr_len + len, roc, sizeof(roc), tag);
    }
}

bool dp_srtp_verify(const struct dp_srtp_key *key, const uint8_t *pkt, size_t len, size_t hdr_len,
                    uint64_t index)
{
    size_t tag_len = hr_srtp_tag_len(key->profile);
    uint8_t tag[SRTP_SHA1_LEN];

    if (tag_len == 0 || hdr_len < DP_SRTP_RTP_HEADER_MIN || len < hdr_len ||
        len - hdr_len < tag_len)
        return false;
    dp_srtp_tag(key, pkt, hdr_len, len - hdr_len - tag_len, index, tag);
    return CRYPTO_memcmp(tag, pkt + len - tag_len, tag_len) == 0;
}
