/*
 * SRTCP of one endpoint (RFC 3711 3.4, RFC 7714 9). Only the session keys are kept, and expanded
 * for each packet: RTCP is seldom, endpoints are many. Allocates nothing. An object has one writer.
 */
#ifndef DP_SRTCP_H
#define DP_SRTCP_H

#include "proto/srtp_profile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DP_SRTCP_SENDERS_MAX 32   /* SSRCs that one endpoint's RTCP may come from */
#define DP_SRTCP_PACKET_MAX  2048 /* bytes; a longer packet is malformed */
#define DP_SRTCP_GROWTH      (4 + HR_SRTP_TAG_LEN_MAX) /* E bit and index, and tag */

struct dp_srtcp_keys {
    uint16_t profile; /* enum hr_srtp_profile; 0 verifies and sends nothing */
    uint8_t encryption[HR_SRTP_KEY_LEN_MAX], salt[HR_SRTP_SALT_LEN_MAX], authentication[20];
};

struct dp_srtcp_in {
    struct dp_srtcp_keys keys;
    unsigned n;
    struct dp_srtcp_sender {
        uint32_t ssrc, highest; /* index */
        uint32_t window;        /* bit i: highest - i has been */
    } senders[DP_SRTCP_SENDERS_MAX];
};

struct dp_srtcp_out {
    struct dp_srtcp_keys keys;
    uint32_t index; /* of the newest, whatever its SSRC: so none is used twice */
};

/* -EINVAL for an unknown profile. */
int dp_srtcp_keys_init(struct dp_srtcp_keys *k, enum hr_srtp_profile profile,
                       const uint8_t *master_key, const uint8_t *master_salt);

/* In place, room for DP_SRTCP_GROWTH more bytes behind it. The new length; 0: too short, too long,
 * or the key is used up. */
size_t dp_srtcp_protect(struct dp_srtcp_out *out, uint8_t *packet, size_t len);

enum dp_srtcp_verdict {
    DP_SRTCP_OK,
    DP_SRTCP_MALFORMED,
    DP_SRTCP_SENDERS, /* one SSRC more than DP_SRTCP_SENDERS_MAX; not looked at further */
    DP_SRTCP_AUTH,    /* the tag is wrong, or the packet has been before */
};

/* In place; *len becomes that of the RTCP packet. */
enum dp_srtcp_verdict dp_srtcp_unprotect(struct dp_srtcp_in *in, uint8_t *packet, size_t *len);

#endif
