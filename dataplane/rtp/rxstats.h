/*
 * Receiver statistics of one RTP stream, for report blocks (RFC 3550 sections 6.4.1, A.1, A.3,
 * A.8).
 */
#ifndef HEADRACE_DATAPLANE_RTP_RXSTATS_H
#define HEADRACE_DATAPLANE_RTP_RXSTATS_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/rtp/rtcp.h"

#define DP_RXSTATS_DROPOUT  3000 /* a larger step ahead is a restart of the sender */
#define DP_RXSTATS_MISORDER 100  /* so is a larger step back */

struct dp_rxstats {
    uint32_t ssrc;
    uint32_t clock_rate; /* Hz */
    bool started;
    bool has_sr;
    uint16_t highest;
    uint32_t cycles; /* wraps of the sequence number, << 16 */
    uint32_t base;
    uint32_t bad_seq; /* the one that would confirm a restart; above 65535: none */
    uint32_t received;
    uint32_t expected_prior;
    uint32_t received_prior;
    uint32_t transit;
    uint32_t jitter; /* << 4 */
    uint32_t lsr;
    int64_t sr_us;
};

void dp_rxstats_init(struct dp_rxstats *s, uint32_t ssrc, uint32_t clock_rate);

/* A packet came behind others that were sent after it: one less that is lost, and no more, for when
 * it was sent again says nothing of jitter. */
void dp_rxstats_late(struct dp_rxstats *s);

/* A packet came in order: now_us is any monotonic clock, the same in all three calls. */
void dp_rxstats_packet(struct dp_rxstats *s, uint16_t seq, uint32_t ts, int64_t now_us);

/* A sender report of this stream came. */
void dp_rxstats_sender_report(struct dp_rxstats *s, uint64_t ntp, int64_t now_us);

/* Fills the report block and begins the next interval; false if nothing was received yet. */
bool dp_rxstats_report(struct dp_rxstats *s, int64_t now_us, struct dp_rtcp_report_block *block);

#endif
