#include "proto/histogram.h"

#define BOUNDS(...)                                                                                \
    .bounds = {__VA_ARGS__},                                                                       \
    .bounds_count = sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)

#define MS 1000 /* in us */
#define ROUND_TRIP                                                                                 \
    .metric = "leg_round_trip_seconds", .scale = 1000000,                                          \
    .help = "Round trips to clients, one observation each time one is measured.",                  \
    BOUNDS(5 * MS, 10 * MS, 20 * MS, 50 * MS, 100 * MS, 150 * MS, 200 * MS, 300 * MS, 500 * MS,    \
           1000 * MS)
#define JITTER                                                                                     \
    .metric = "leg_jitter_seconds", .scale = 1000000,                                              \
    .help = "Interarrival jitter of a stream (RFC 3550), one observation a report.",               \
    BOUNDS(1 * MS, 2 * MS, 5 * MS, 10 * MS, 20 * MS, 30 * MS, 50 * MS, 100 * MS, 200 * MS,         \
           500 * MS)
#define LOSS /* in millionths */                                                                   \
    .metric = "leg_loss_ratio", .scale = 1000000,                                                  \
    .help = "Part of a stream's packets lost since the report before, one observation a report.",  \
    BOUNDS(0, 10000, 20000, 50000, 100000, 150000, 200000, 300000, 500000)

const struct hr_histogram hr_histograms[HR_HISTOGRAMS] = {
    [HR_HISTOGRAM_ROUND_TRIP_INGRESS] = {.name = "round_trip_ingress",
                                         .leg = "ingress",
                                         ROUND_TRIP},
    [HR_HISTOGRAM_ROUND_TRIP_EGRESS] = {.name = "round_trip_egress", .leg = "egress", ROUND_TRIP},
    [HR_HISTOGRAM_JITTER_INGRESS] = {.name = "jitter_ingress", .leg = "ingress", JITTER},
    [HR_HISTOGRAM_JITTER_EGRESS] = {.name = "jitter_egress", .leg = "egress", JITTER},
    [HR_HISTOGRAM_LOSS_INGRESS] = {.name = "loss_ingress", .leg = "ingress", LOSS},
    [HR_HISTOGRAM_LOSS_EGRESS] = {.name = "loss_egress", .leg = "egress", LOSS},
    [HR_HISTOGRAM_ESTIMATE] =
        {
            .name = "estimate",
            .metric = "leg_estimate_bytes_per_second",
            .leg = "egress",
            .help =
                "What a receiver's link is estimated to carry, one observation a receiver report.",
            .scale = 8, /* bit/s, as link rates are said */
            BOUNDS(100000, 250000, 500000, 1000000, 2000000, 3000000, 5000000, 10000000, 20000000),
        },
    [HR_HISTOGRAM_QUEUE] =
        {
            .name = "queue",
            .metric = "leg_queue_seconds",
            .leg = "egress",
            .help = "How long what waits for a receiver's link takes, one observation a report.",
            .scale = 1000000,
            BOUNDS(0, 5 * MS, 10 * MS, 20 * MS, 50 * MS, 100 * MS, 200 * MS, 400 * MS),
        },
};
