/*
 * The figures that Headrace is held to: one row each. What a row is measured against is measured
 * beside it, in turns: a run does all rows once, and the medians of the runs are told.
 */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include <stdbool.h>

#define ROWS_RUNS_MAX 25

/* Each row: name in JSON, what, unit, against what, limit, what the limit bounds. */
#define ROWS_MAP(X)                                                                                \
    X(OPAQUE_COPY, "opaque_copy", "opaque, 1,200 bytes, fan-out 10, per copy", "cycles",           \
      "testpmd macswap, per packet", 1.5, RATIO_AT_MOST)                                           \
    X(REKEY_GCM_1200, "rekey_gcm_1200", "rekey GCM, 1,200 bytes, fan-out 100, per copy", "cycles", \
      "ipsec-mb AES-128-GCM", 0.95, RATIO_AT_MOST)                                                 \
    X(REKEY_GCM_160, "rekey_gcm_160", "rekey GCM, 160 bytes, fan-out 100, per copy", "cycles",     \
      "ipsec-mb AES-128-GCM", 1.0, RATIO_AT_MOST)                                                  \
    X(REKEY_SHA1_1200, "rekey_sha1_1200", "rekey SHA1_80, 1,200 bytes, fan-out 100, per copy",     \
      "cycles", "ipsec-mb AES-CTR + HMAC-SHA1", 1.15, RATIO_AT_MOST)                               \
    X(ENDPOINTS, "endpoints_100k", "rekey GCM in rooms of 10, per copy, 100,000 endpoints",        \
      "cycles", "100 endpoints", 1.5, RATIO_AT_MOST)                                               \
    X(TWO_WORKERS, "two_workers", "rekey GCM in rooms of 10, two workers", "million copies/s",     \
      "one worker", 1.8, RATIO_AT_LEAST)                                                           \
    X(RESIDENCE, "residence_p999_us", "p99.9 in the relay at 70 % of its highest lossless rate",   \
      "us", "limit", 100, VALUE_AT_MOST)                                                           \
    X(ENDPOINT_BYTES, "endpoint_bytes", "dataplane memory per endpoint, history aside", "bytes",   \
      "limit", 4096, VALUE_AT_MOST)                                                                \
    X(SUBSCRIPTION_BYTES, "subscription_bytes",                                                    \
      "dataplane memory per subscription, history aside", "bytes", "limit", 512, VALUE_AT_MOST)

enum rows_id {
#define X(id, name, what, unit, against, limit, bound) ROW_##id,
    ROWS_MAP(X)
#undef X
        ROWS
};

enum rows_bound { RATIO_AT_MOST, RATIO_AT_LEAST, VALUE_AT_MOST };

struct row {
    const char *name, *what, *unit, *against;
    double limit;
    enum rows_bound bound;

    bool wanted;
    char skipped[256]; /* why there is no figure, or "" */
    unsigned runs;
    double values[ROWS_RUNS_MAX], references[ROWS_RUNS_MAX];
};

struct rows_options {
    unsigned runs, endpoints;
    double seconds; /* of work in each measurement */
    bool huge;      /* on hugepages */
};

/* Median, lowest, highest of a row's runs; ratio is of the medians, its spread that of the runs. */
struct rows_figure {
    double value, low, high, reference, ratio, ratio_low, ratio_high;
    bool ok;
};

void rows_init(struct row rows[ROWS]);
/* DPDK is started. Says on stderr where it is. */
void rows_run(struct row rows[ROWS], const struct rows_options *o);
struct rows_figure rows_figure(const struct row *r);

#endif
