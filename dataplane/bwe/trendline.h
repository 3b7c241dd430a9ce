/*
 * How one-way delay changes: packets sent within 5 ms are a group, and a line is fitted through the
 * smoothed sum of delay variations between groups (draft-ietf-rmcat-gcc-02 section 5.2 to 5.4, with
 * the trendline filter that took the Kalman filter's place). Times in us, the line in ms.
 */
#ifndef HEADRACE_DATAPLANE_BWE_TRENDLINE_H
#define HEADRACE_DATAPLANE_BWE_TRENDLINE_H

#include <stdbool.h>
#include <stdint.h>

#define DP_BWE_WINDOW 20 /* points that the line is fitted through */

struct dp_bwe_group {
    int64_t first_sent, last_sent;
    int64_t first_arrived, last_arrived;
};

struct dp_bwe_trendline {
    struct dp_bwe_group now, before;
    uint8_t groups; /* of these two, in use */
    uint8_t points; /* in use */
    uint8_t next;
    uint16_t deltas; /* counted to DP_BWE_DELTAS */
    int64_t origin;  /* first arrival, so that ms stay small */
    double sum, smoothed;
    double slope; /* ms of delay per ms; 0 until the window is full */
    struct {
        double at, delay;
    } point[DP_BWE_WINDOW];
};

/* What is known of a pair of groups when the second has ended. */
struct dp_bwe_delta {
    double sent_ms;
    double trend; /* the slope, weighted by how much it rests on: against the threshold */
    double at_ms; /* arrival */
};

/* A packet that arrived, in the order of sending. True: a group ended, and *delta is filled in. */
bool dp_bwe_trendline_add(struct dp_bwe_trendline *t, int64_t sent_us, int64_t arrived_us,
                          struct dp_bwe_delta *delta);

#endif
