/*
 * RTCP: compound packets read into typed views, and built into the caller's buffer.
 * RFC 3550 section 6, RFC 4585 (feedback), RFC 5104 (FIR), RFC 5506 (reduced size),
 * draft-alvestrand-rmcat-remb-03, draft-holmer-rmcat-transport-wide-cc-extensions-01.
 * Views point into the packet and live as long as it does.
 */
#ifndef HEADRACE_DATAPLANE_RTP_RTCP_H
#define HEADRACE_DATAPLANE_RTP_RTCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dp_rtcp_type {
    DP_RTCP_SR = 200,
    DP_RTCP_RR = 201,
    DP_RTCP_SDES = 202,
    DP_RTCP_BYE = 203,
    DP_RTCP_APP = 204,
    DP_RTCP_RTPFB = 205,
    DP_RTCP_PSFB = 206,
    DP_RTCP_XR = 207,
};

enum dp_rtcp_format {
    DP_RTPFB_NACK = 1,
    DP_RTPFB_TWCC = 15,
    DP_PSFB_PLI = 1,
    DP_PSFB_FIR = 4,
    DP_PSFB_AFB = 15, /* application layer feedback; REMB is one */
    DP_XR_RRTR = 4,   /* receiver reference time */
    DP_XR_DLRR = 5,   /* delay since the last one */
};

#define DP_RTCP_REPORTS_MAX 31  /* five bits count them */
#define DP_RTCP_BLOCK_LEN   24  /* one report block */
#define DP_RTCP_CNAME_MAX   255 /* one byte counts them */

#define DP_RTCP_ERRORS(X)                                                                          \
    X(OK, "ok")                                                                                    \
    X(SHORT, "shorter than a header")                                                              \
    X(VERSION, "version is not 2")                                                                 \
    X(TYPE, "not an RTCP packet type")                                                             \
    X(LENGTH, "length field runs past the end")                                                    \
    X(PADDING, "wrong padding")                                                                    \
    X(CONTENT, "content does not fit its length")

enum dp_rtcp_error {
#define X(name, text) DP_RTCP_##name,
    DP_RTCP_ERRORS(X)
#undef X
};

const char *dp_rtcp_error_text(enum dp_rtcp_error error);

/* One packet of a compound: count is RC, SC or FMT; body follows the first four bytes, without
 * padding. */
struct dp_rtcp_packet {
    uint8_t type;
    uint8_t count;
    const uint8_t *body;
    size_t len;
};

struct dp_rtcp_iter {
    const uint8_t *p;
    size_t len;
    enum dp_rtcp_error error;
};

/* Steps through the packets of a compound; false at the end or on it->error. */
void dp_rtcp_iter_init(struct dp_rtcp_iter *it, const uint8_t *p, size_t len);
bool dp_rtcp_next(struct dp_rtcp_iter *it, struct dp_rtcp_packet *packet);

struct dp_rtcp_report_block {
    uint32_t ssrc;
    uint8_t fraction_lost; /* in 1/256 */
    int32_t lost;          /* cumulative, 24 bits signed */
    uint32_t highest_seq;  /* extended by the count of cycles */
    uint32_t jitter;       /* in clock-rate ticks */
    uint32_t lsr;          /* middle 32 bits of the NTP time of the last SR; 0: none */
    uint32_t dlsr;         /* since that SR, in 1/65536 s */
};

/* Report blocks of an SR or RR, read one by one with dp_rtcp_report_block(). */
struct dp_rtcp_reports {
    uint32_t sender;
    uint8_t count;
    const uint8_t *blocks;
};

struct dp_rtcp_sr {
    uint64_t ntp; /* 32.32 */
    uint32_t rtp_ts;
    uint32_t packets;
    uint32_t bytes;
    struct dp_rtcp_reports reports;
};

struct dp_rtcp_cname {
    uint32_t ssrc;
    uint8_t len;
    const char *name;
};

/* Generic NACK; its numbers come from dp_rtcp_nack_next(). */
struct dp_rtcp_nack {
    uint32_t sender;
    uint32_t media;
    size_t entries;
    const uint8_t *fci;
    uint32_t blp_left; /* the iterator's: bits still to give */
    uint16_t pid;
};

struct dp_rtcp_fir {
    uint32_t sender;
    uint32_t ssrc; /* whose keyframe is wanted */
    uint8_t seq;   /* a repetition has the same */
};

struct dp_rtcp_pli {
    uint32_t sender;
    uint32_t media;
};

struct dp_rtcp_remb {
    uint32_t sender;
    uint64_t bitrate; /* bit/s */
    uint8_t count;
    const uint8_t *ssrcs;
};

/* Of an extended report's DLRR block (RFC 3611 4.5): the answer to our reference time. */
struct dp_rtcp_dlrr {
    uint32_t ssrc; /* whose reference time */
    uint32_t lrr;  /* its middle 32 bits, */
    uint32_t dlrr; /* and how long ago it came, in 1/65536 s */
};

struct dp_twcc_view; /* twcc.h */

/* Who wants what from a compound; a NULL handler passes that over. One call per packet, per CNAME,
 * per BYE source, per FIR entry, per DLRR sub-block. */
struct dp_rtcp_handlers {
    void (*sr)(void *ctx, const struct dp_rtcp_sr *sr);
    void (*rr)(void *ctx, const struct dp_rtcp_reports *rr);
    void (*cname)(void *ctx, const struct dp_rtcp_cname *cname);
    void (*bye)(void *ctx, uint32_t ssrc);
    void (*nack)(void *ctx, struct dp_rtcp_nack *nack);
    void (*twcc)(void *ctx, const struct dp_twcc_view *feedback);
    void (*pli)(void *ctx, const struct dp_rtcp_pli *pli);
    void (*fir)(void *ctx, const struct dp_rtcp_fir *fir);
    void (*remb)(void *ctx, const struct dp_rtcp_remb *remb);
    void (*dlrr)(void *ctx, const struct dp_rtcp_dlrr *dlrr);
};

/*
 * Checks the framing of the whole compound, then hands over each packet. A packet with wrong
 * content ends it with DP_RTCP_CONTENT; what came before it has been handed over. Unknown ones are
 * passed over.
 */
enum dp_rtcp_error dp_rtcp_dispatch(const uint8_t *p, size_t len,
                                    const struct dp_rtcp_handlers *handlers, void *ctx);

/* Block i (below reports->count). */
void dp_rtcp_report_block(const struct dp_rtcp_reports *reports, unsigned i,
                          struct dp_rtcp_report_block *block);

/* The next missing sequence number; false when there are no more. At most 17 per four bytes. */
bool dp_rtcp_nack_next(struct dp_rtcp_nack *nack, uint16_t *seq);

/* SSRC i (below remb->count). */
uint32_t dp_rtcp_remb_ssrc(const struct dp_rtcp_remb *remb, unsigned i);

/*
 * A compound being built in the caller's memory. Each dp_rtcp_put_* appends one packet: 0, -ENOSPC
 * (nothing appended) or -EINVAL. A full compound is SR or RR, then SDES, then feedback (RFC
 * 4585 3.1).
 */
struct dp_rtcp_buf {
    uint8_t *p;
    size_t cap;
    size_t len;
};

/* sr->reports is not used but for its sender; n (at most 31) blocks are. */
int dp_rtcp_put_sr(struct dp_rtcp_buf *b, const struct dp_rtcp_sr *sr,
                   const struct dp_rtcp_report_block *blocks, unsigned n);
int dp_rtcp_put_rr(struct dp_rtcp_buf *b, uint32_t sender,
                   const struct dp_rtcp_report_block *blocks, unsigned n);
int dp_rtcp_put_sdes(struct dp_rtcp_buf *b, uint32_t ssrc, const char *cname);
int dp_rtcp_put_bye(struct dp_rtcp_buf *b, uint32_t ssrc);
int dp_rtcp_put_pli(struct dp_rtcp_buf *b, uint32_t sender, uint32_t media);
int dp_rtcp_put_fir(struct dp_rtcp_buf *b, const struct dp_rtcp_fir *fir);
/* seqs: n numbers, oldest first, packed as PID and bitmask. */
int dp_rtcp_put_nack(struct dp_rtcp_buf *b, uint32_t sender, uint32_t media, const uint16_t *seqs,
                     unsigned n);
/* A receiver's reference time, 32.32 (RFC 3611 4.4). */
int dp_rtcp_put_rrtr(struct dp_rtcp_buf *b, uint32_t sender, uint64_t ntp);
/* The bitrate is rounded down to 18 significant bits; n is at most 255. */
int dp_rtcp_put_remb(struct dp_rtcp_buf *b, uint32_t sender, uint64_t bitrate,
                     const uint32_t *ssrcs, unsigned n);

#endif
