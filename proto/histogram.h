/*
 * Distributions over all legs since the dataplane started, so that there are as many series however
 * many rooms there are. Values are whole numbers of a small unit, `scale` of which are one of the
 * metric's own.
 */
#ifndef HR_HISTOGRAM_H
#define HR_HISTOGRAM_H

#include <stdint.h>

#define HR_HISTOGRAM_BOUNDS_MAX 12

enum hr_histogram_id {
    HR_HISTOGRAM_ROUND_TRIP_INGRESS,
    HR_HISTOGRAM_ROUND_TRIP_EGRESS,
    HR_HISTOGRAM_JITTER_INGRESS,
    HR_HISTOGRAM_JITTER_EGRESS,
    HR_HISTOGRAM_LOSS_INGRESS,
    HR_HISTOGRAM_LOSS_EGRESS,
    HR_HISTOGRAM_ESTIMATE,
    HR_HISTOGRAM_QUEUE,
    HR_HISTOGRAMS
};

struct hr_histogram {
    const char *name;   /* on the wire between the daemons */
    const char *metric; /* less its prefix; rows of one metric follow each other */
    const char *leg;    /* label: "ingress" from publishers, "egress" to receivers */
    const char *help;
    uint64_t scale;
    uint64_t
        bounds[HR_HISTOGRAM_BOUNDS_MAX]; /* rising; a value goes into the first that is not less */
    unsigned bounds_count;
};

extern const struct hr_histogram hr_histograms[HR_HISTOGRAMS];

/* The bucket of a value: an index of bounds, or bounds_count: beyond all. */
static inline unsigned hr_histogram_bucket(const struct hr_histogram *h, uint64_t value)
{
    unsigned i = 0;
    while (i < h->bounds_count && value > h->bounds[i])
        i++;
    return i;
}

#endif
