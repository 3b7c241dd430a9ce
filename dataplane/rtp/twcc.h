/*
 * Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01):
 * the receiver that records arrivals and builds it, and the reader of it.
 * Times are in microseconds of any monotonic clock; the format keeps 250 us.
 */
#ifndef HEADRACE_DATAPLANE_RTP_TWCC_H
#define HEADRACE_DATAPLANE_RTP_TWCC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/rtp/rtcp.h"

#define DP_TWCC_TICK_US      250
#define DP_TWCC_REFERENCE_US 64000
#define DP_TWCC_WINDOW       4096 /* packets remembered, and reported at most per call */
#define DP_TWCC_MIN_LEN      24   /* the smallest feedback packet */

/* Of one transport; zero it before the first packet. */
struct dp_twcc {
    bool started;
    uint8_t feedbacks; /* built so far, modulo 256 */
    uint64_t first;    /* first number not reported yet */
    uint64_t highest;  /* all numbers extended to 64 bits */
    int64_t last_tick; /* arrival of the packet recorded last */
    uint64_t seen[DP_TWCC_WINDOW / 64];
    uint32_t tick[DP_TWCC_WINDOW]; /* arrival in ticks modulo 2^32 */
};

/*
 * Records that the packet with this transport-wide number arrived. One that is late, but within the
 * window, is reported again with all after it; older ones and repeats are ignored.
 */
void dp_twcc_record(struct dp_twcc *t, uint16_t number, int64_t now_us);

/* Packets, received or lost, that the next feedback would report. */
unsigned dp_twcc_pending(const struct dp_twcc *t);

/*
 * Appends one feedback packet. Call until dp_twcc_pending() is 0: one packet ends where the buffer
 * does, or where two arrivals are more than 8 s apart. 0, -EAGAIN: nothing to report, -ENOSPC.
 */
int dp_twcc_build(struct dp_twcc *t, uint32_t sender, uint32_t media, struct dp_rtcp_buf *b);

/* A feedback packet that has been checked: every status has a chunk, every arrival its delta. */
struct dp_twcc_view {
    uint32_t sender;
    uint32_t media;
    uint16_t base;      /* number of the first status */
    uint16_t count;     /* statuses */
    uint32_t reference; /* in 64 ms, modulo 2^24 */
    uint8_t feedback;   /* its number, modulo 256 */
    const uint8_t *chunks;
    const uint8_t *deltas;
};

/* Reads the body (after the first four bytes) of an RTPFB packet with format 15. */
enum dp_rtcp_error dp_twcc_parse(const uint8_t *body, size_t len, struct dp_twcc_view *view);

struct dp_twcc_status {
    uint16_t number;
    bool received;
    int64_t arrival_us; /* if received; on the scale of view->reference, may be negative */
};

struct dp_twcc_iter {
    const uint8_t *chunk;
    const uint8_t *delta;
    int64_t ticks;
    uint32_t left;
    uint16_t number;
    uint16_t run; /* statuses already taken from chunk */
};

/* Steps through the statuses of a parsed feedback packet. */
void dp_twcc_iter_init(struct dp_twcc_iter *it, const struct dp_twcc_view *view);
bool dp_twcc_next(struct dp_twcc_iter *it, struct dp_twcc_status *status);

#endif
