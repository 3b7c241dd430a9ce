/*
 * RTP headers (RFC 3550 section 5.1) and their extensions (RFC 8285), read from bytes.
 * The payload is ciphertext: of padding only the P bit is known, so payload_len includes it
 * (and the SRTP tag, when the caller's length does).
 */
#ifndef HEADRACE_DATAPLANE_RTP_RTP_H
#define HEADRACE_DATAPLANE_RTP_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DP_RTP_FIXED_LEN       12
#define DP_RTP_EXT_MAX         16     /* elements indexed per packet; more is an error */
#define DP_RTP_PROFILE_ONE     0xBEDE /* RFC 8285 section 4.2 */
#define DP_RTP_PROFILE_TWO     0x1000 /* RFC 8285 section 4.3; the low four bits are "appbits" */
#define DP_RTP_PROFILE_TWO_MSK 0xFFF0

#define DP_RTP_ERRORS(X)                                                 \
    X(OK, "ok")                                                          \
    X(SHORT, "shorter than the fixed header, or longer than a datagram") \
    X(VERSION, "version is not 2")                                       \
    X(CSRC_SHORT, "contributing sources run past the end")               \
    X(EXT_SHORT, "header extension runs past the end")                   \
    X(EXT_ELEMENT, "extension element runs past its block")              \
    X(EXT_MANY, "more extension elements than are indexed")

enum dp_rtp_error {
#define X(name, text) DP_RTP_##name,
    DP_RTP_ERRORS(X)
#undef X
};

/* One extension element; off is counted from the first byte of the packet. */
struct dp_rtp_ext {
    uint8_t id;
    uint8_t len;
    uint16_t off;
};

struct dp_rtp_header {
    uint32_t ts;
    uint32_t ssrc;
    uint16_t seq;
    uint16_t hdr_len;     /* fixed header, CSRCs and extension */
    uint16_t payload_len; /* all bytes after hdr_len */
    uint16_t ext_profile; /* 0 if there is no extension */
    uint16_t ext_off;     /* of the first byte after profile and length */
    uint16_t ext_len;     /* bytes, without profile and length */
    uint8_t pt;
    uint8_t csrc_count;
    bool marker;
    bool padding;
    uint8_t ext_count;
    struct dp_rtp_ext ext[DP_RTP_EXT_MAX];
};

/* Reads the header of a packet of len (at most 65535) bytes; h is valid only if DP_RTP_OK is
 * returned. */
enum dp_rtp_error dp_rtp_parse(const uint8_t *p, size_t len, struct dp_rtp_header *h);

const char *dp_rtp_error_text(enum dp_rtp_error error);

/* RTP and RTCP share the port: tells RTCP by its packet type (RFC 5761 section 4). */
static inline bool dp_rtp_is_rtcp(const uint8_t *p, size_t len)
{
    return len >= 2 && p[1] >= 192 && p[1] <= 223;
}

#endif
