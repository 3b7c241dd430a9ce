/*
 * The rate that loss allows. Loss that does not follow the rate is the link's own (radio) and is
 * let be; what exceeds it is congestion: above 10 % the rate falls by half of it
 * (draft-ietf-rmcat-gcc-02 section 6). Rates in bit/s, times in us.
 */
#ifndef HEADRACE_DATAPLANE_BWE_LOSS_H
#define HEADRACE_DATAPLANE_BWE_LOSS_H

#include <stdbool.h>
#include <stdint.h>

#define DP_BWE_OBSERVATIONS 16

/* Of a quarter of a second of sending, or more. */
struct dp_bwe_observation {
    float rate;
    uint16_t packets, lost;
};

struct dp_bwe_loss {
    struct dp_bwe_observation past[DP_BWE_OBSERVATIONS];
    uint8_t count, next;
    bool fresh; /* an observation since the last update */
    bool begun;
    int64_t since, last; /* times of sending of the observation under way */
    uint32_t packets, lost, bytes;
    double own;     /* part of the packets that this link loses whatever the rate */
    uint64_t bound; /* UINT64_MAX: none */
    int64_t changed_us, decreased_us;
};

void dp_bwe_loss_init(struct dp_bwe_loss *l);

/* What feedback says of a packet, in the order of sending. */
void dp_bwe_loss_count(struct dp_bwe_loss *l, int64_t sent_us, uint32_t bytes, bool lost);

/* One that was said to be lost has come after all. */
void dp_bwe_loss_found(struct dp_bwe_loss *l);

/* An observation from elsewhere: a receiver report. */
void dp_bwe_loss_observe(struct dp_bwe_loss *l, struct dp_bwe_observation o);

/* The bound, given the rate that is in use. */
uint64_t dp_bwe_loss_update(struct dp_bwe_loss *l, uint64_t rate, uint32_t rtt_us, int64_t now_us);

/* A probe has shown that this rate passes. */
void dp_bwe_loss_raise(struct dp_bwe_loss *l, uint64_t rate);

/* Part of the packets lost lately, 0 to 1. */
double dp_bwe_loss_recent(const struct dp_bwe_loss *l);

#endif
