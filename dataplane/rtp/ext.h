/*
 * Header extensions by kind: the ids that one endpoint negotiated (RFC 8285), readers of the ones
 * the relay acts on, and the writer of a subscriber's RTP header.
 */
#ifndef HEADRACE_DATAPLANE_RTP_EXT_H
#define HEADRACE_DATAPLANE_RTP_EXT_H

#include "dataplane/rtp/rtp.h"
#include "proto/rtp_ext.h"

#include <string.h>

#define DP_EXT_ONE_BYTE_ID_MAX  14
#define DP_EXT_ONE_BYTE_LEN_MAX 16

/* Largest header that dp_rtp_write makes: every kind once, each 255 bytes, and padding. */
#define DP_RTP_WRITE_MAX (DP_RTP_FIXED_LEN + 4 + (HR_EXT_KINDS - 1) * (2 + 255) + 3)

/* Ids of one endpoint, both ways. two_byte: it takes two-byte headers (a=extmap-allow-mixed). */
struct dp_ext_map {
    bool two_byte;
    uint8_t id_of[HR_EXT_KINDS]; /* 0: not negotiated */
    uint8_t kinds[256 / 2];      /* by id, the odd one in the upper half: dp_ext_kind() */
};

_Static_assert(HR_EXT_KINDS <= 16, "a kind is half a byte");

static inline unsigned dp_ext_kind(const struct dp_ext_map *map, uint8_t id)
{
    return map->kinds[id / 2] >> (id & 1 ? 4 : 0) & 15;
}

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

/* A map in a word: equal words, equal ids. 0: an id does not fit. */
uint64_t dp_ext_map_word(const struct dp_ext_map *map);

/* A MID in a word: as its bytes are in memory, and its length in the last. Too long for it: */
#define DP_RTP_MID_LONG UINT64_MAX
uint64_t dp_rtp_mid(const char *mid, unsigned len);
/* Set in it: the receiver's packets have transport-wide numbers, so that they and others differ in
 * templates. */
#define DP_RTP_MID_NUMBERED (UINT64_C(1) << 63)

/* What one copy of a packet has of its own. */
struct dp_rtp_numbers {
    uint64_t index;        /* packet index; its low 16 bits are the sequence number */
    uint32_t ts;           /* timestamp */
    uint16_t frame_offset; /* of its Dependency Descriptor */
    uint8_t pt;
    bool marker; /* it has one even if the original has not */
};

/*
 * A header that was written for one subscriber, for others of the same packet whose extensions
 * differ in nothing but the MID's bytes. In every header that has one it is the first element,
 * behind 17 bytes.
 */
#define DP_RTP_TEMPLATE_MAX 64
#define DP_RTP_NO_TEMPLATE  UINT64_MAX /* is no map's word, as 0 is no template's */
struct dp_rtp_template {
    uint64_t exts; /* dp_ext_map_word() of the receivers that it is for, or DP_RTP_NO_TEMPLATE */
    uint16_t frame_offset;
    uint8_t mid_top; /* the receivers' dp_rtp_mid() begins with: its length, and whether numbered */
    uint8_t len;     /* of the header */
    uint32_t first;  /* its first 4 bytes, without payload type and number, */
    uint32_t fourth; /* and the 4 behind the SSRC */
    uint64_t mid;    /* the 8 bytes from byte 16 on, without the MID's, */
    uint64_t mid_mask; /* which are these of dp_rtp_mid() */
    uint8_t number_at; /* where in the header the transport-wide number is; 0: it has none */
    uint8_t bytes[DP_RTP_TEMPLATE_MAX];
};

/* From what dp_rtp_write() made of rw: len bytes at header. */
void dp_rtp_template_make(struct dp_rtp_template *t, const uint8_t *header, size_t len,
                          const struct dp_rtp_rewrite *rw);

static inline bool dp_rtp_template_fits(const struct dp_rtp_template *t, uint64_t exts,
                                        uint64_t mid, uint16_t frame_offset)
{
    return t->exts == exts && mid >> 56 == t->mid_top && t->frame_offset == frame_offset;
}

/* Writes DP_RTP_TEMPLATE_MAX bytes, of which t->len count. */
static inline void dp_rtp_template_write(uint8_t *dst, const struct dp_rtp_template *t,
                                         uint64_t mid, uint32_t ssrc_be,
                                         const struct dp_rtp_numbers *n)
{
    uint32_t seq_be = __builtin_bswap16((uint16_t)n->index);
    uint64_t numbers = t->first | (uint32_t)n->pt << 8 | seq_be << 16;
    numbers |= (uint64_t)__builtin_bswap32(n->ts) << 32;
    uint64_t source = ssrc_be | (uint64_t)t->fourth << 32;
    uint64_t named = t->mid | (mid & t->mid_mask) << 8;
    memcpy(dst + 16, t->bytes + 16, DP_RTP_TEMPLATE_MAX - 16);
    memcpy(dst, &numbers, sizeof(numbers));
    memcpy(dst + 8, &source, sizeof(source));
    memcpy(dst + 16, &named, sizeof(named));
}

static inline void dp_rtp_mark(uint8_t *header, const struct dp_rtp_numbers *n)
{
    header[1] |= (uint8_t)(n->marker << 7);
}

/* The transport-wide number of a header that has one. */
static inline void dp_rtp_template_number(uint8_t *dst, const struct dp_rtp_template *t,
                                          uint16_t number)
{
    uint16_t be = __builtin_bswap16(number);
    memcpy(dst + t->number_at, &be, sizeof(be));
}

#endif
