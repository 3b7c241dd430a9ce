/*
 * Header extensions by kind: the ids that one endpoint negotiated (RFC 8285), readers of the ones
 * the relay acts on, and the writer of a subscriber's RTP header.
 */
#ifndef HEADRACE_DATAPLANE_RTP_EXT_H
#define HEADRACE_DATAPLANE_RTP_EXT_H

#include "dataplane/rtp/rtp.h"
#include "proto/rtp_ext.h"

#define DP_EXT_ONE_BYTE_ID_MAX  14
#define DP_EXT_ONE_BYTE_LEN_MAX 16

/* Largest header that dp_rtp_write makes: every kind once, each 255 bytes, and padding. */
#define DP_RTP_WRITE_MAX (DP_RTP_FIXED_LEN + 4 + (HR_EXT_KINDS - 1) * (2 + 255) + 3)

/* Ids of one endpoint, both ways. two_byte: it takes two-byte headers (a=extmap-allow-mixed). */
struct dp_ext_map {
    bool two_byte;
    uint8_t id_of[HR_EXT_KINDS]; /* 0: not negotiated */
    uint8_t kind_of[256];
};

void dp_ext_map_init(struct dp_ext_map *map, bool two_byte);

/* 0; -EINVAL: no such kind or id 0; -ERANGE: the id needs two-byte headers; -EEXIST: id or kind is
 * taken. */
int dp_ext_map_set(struct dp_ext_map *map, enum hr_ext_kind kind, unsigned id);

/* The first element of this kind, or NULL. */
const struct dp_rtp_ext *dp_ext_find(const struct dp_rtp_header *h, const struct dp_ext_map *map,
                                     enum hr_ext_kind kind);

/* RFC 6464: level is 0 (loudest) to 127 (silence), in -dBov. */
struct dp_audio_level {
    uint8_t level;
    bool voice;
};

/* These read one kind from packet p: 0, -ENOENT if it is absent, -EBADMSG if its length is wrong.
 */
int dp_ext_audio_level(const uint8_t *p, const struct dp_rtp_header *h,
                       const struct dp_ext_map *map, struct dp_audio_level *level);
int dp_ext_transport_cc(const uint8_t *p, const struct dp_rtp_header *h,
                        const struct dp_ext_map *map, uint16_t *number);

/* What a subscriber's header says where it differs from the publisher's. */
struct dp_rtp_rewrite {
    uint32_t ts;
    uint32_t ssrc;
    uint16_t seq;
    uint8_t pt;
    bool has_transport_cc; /* write transport_cc, if the out map knows the extension */
    uint16_t transport_cc;
    uint16_t frame_offset; /* added to the Dependency Descriptor's frame number */
    uint8_t mid_len;       /* 0: none */
    const char *mid;       /* the receiver's MID, no terminator needed */
    const struct dp_ext_map *in;
    const struct dp_ext_map *out;
};

/*
 * Writes to dst (cap bytes, not overlapping p) the header under which packet p, parsed as h, goes
 * to a subscriber: marker and P bit kept, no CSRCs, extensions renumbered and filtered (table in
 * ext.c), one-byte form where all fit it, else two-byte if the receiver takes it, else without
 * those that do not fit. Returns the length (a multiple of 4) or -ENOSPC.
 */
int dp_rtp_write(uint8_t *dst, size_t cap, const uint8_t *p, const struct dp_rtp_header *h,
                 const struct dp_rtp_rewrite *rw);

/* A header that was written for the same packet, and how. */
struct dp_rtp_written {
    const uint8_t *dst;
    size_t len;
    struct dp_rtp_rewrite rw;
};

/* The bytes that dp_rtp_write() would write, from those of another subscriber whose extensions are
 * the same. Returns the length, or 0 where they are not, or where that is not known. Both dst hold
 * DP_RTP_WRITE_LIKE_MAX bytes, and what is behind the header in the other's may be copied too. */
#define DP_RTP_WRITE_LIKE_MAX 64
size_t dp_rtp_write_like(uint8_t *dst, size_t cap, const struct dp_rtp_written *other,
                         const struct dp_rtp_rewrite *rw);

#endif
