/*
 * The rate that delay allows: up while it does not grow, by a factor far from the link's capacity
 * and by steps near it; down to a part of what arrives when it does (draft-ietf-rmcat-gcc-02
 * section 5.5). Rates in bit/s, times in us.
 */
#ifndef HEADRACE_DATAPLANE_BWE_AIMD_H
#define HEADRACE_DATAPLANE_BWE_AIMD_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/bwe/overuse.h"

/* What arrived when delay began to grow, in kbit/s; capacity 0: not known. */
struct dp_bwe_capacity {
    double kbps;
    double deviation; /* normalised by the capacity */
};

struct dp_bwe_aimd {
    uint64_t rate, min, max;
    enum { DP_BWE_INCREASE, DP_BWE_HOLD, DP_BWE_DECREASE } state;
    struct dp_bwe_capacity capacity;
    int64_t changed_us;
    int64_t decreased_us;     /* 0: never */
    uint64_t before_decrease; /* rate when it fell last */
};

void dp_bwe_aimd_init(struct dp_bwe_aimd *a, uint64_t start, uint64_t min, uint64_t max);

/* What a feedback said: usage, what arrives (0: not known), round trip. */
struct dp_bwe_signal {
    enum dp_bwe_usage usage;
    uint64_t acked;
    uint32_t rtt_us;
};

/* True: the rate fell. */
bool dp_bwe_aimd_update(struct dp_bwe_aimd *a, const struct dp_bwe_signal *s, int64_t now_us);

/* A probe has shown that the link carries this. */
void dp_bwe_aimd_set(struct dp_bwe_aimd *a, uint64_t rate, int64_t now_us);

#endif
