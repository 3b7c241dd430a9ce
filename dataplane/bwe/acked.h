/*
 * The rate at which packets arrive at the other end, from their arrival times: a sample every
 * 150 ms, weighted against what is known already (a Bayesian estimate). Rates in bit/s.
 */
#ifndef HEADRACE_DATAPLANE_BWE_ACKED_H
#define HEADRACE_DATAPLANE_BWE_ACKED_H

#include <stdbool.h>
#include <stdint.h>

struct dp_bwe_acked {
    bool started;
    int64_t since; /* the window under way, of arrival times in us */
    int64_t last;
    uint32_t bytes;
    double kbps; /* 0: not known yet */
    double variance;
};

void dp_bwe_acked_add(struct dp_bwe_acked *a, uint32_t bytes, int64_t arrived_us);

/* 0: not known yet. */
uint64_t dp_bwe_acked_rate(const struct dp_bwe_acked *a);

#endif
