/*
 * A path on paper for tests of the estimator: a sender that obeys it, a bottleneck with a queue, a
 * delay, random loss and cross traffic, and a receiver that answers with transport-cc feedback as
 * browsers do. Times in us, rates in bit/s.
 */
#ifndef TEST_BWE_LINK_H
#define TEST_BWE_LINK_H

#include "dataplane/bwe/bwe.h"

#define LINK_PACKET   1200 /* bytes */
#define LINK_IN_QUEUE 4096

struct link_packet {
    int64_t arrives_us;
    uint16_t number;
};

struct link_feedback {
    int64_t arrives_us;
    size_t len;
    uint8_t bytes[1200];
};

struct link {
    struct dp_bwe bwe;
    /* the path */
    uint64_t capacity, cross; /* of which others take */
    int64_t delay_us, queue_us, jitter_us;
    int64_t busy_us; /* so long, at most, the receiver lets packets lie, for 0.3 of every second */
    double loss;
    /* the sender */
    uint64_t wanted;
    /* where it stands */
    int64_t now_us, free_us;
    int64_t *queue_end; /* when the bottleneck is free: free_us, or another link's */
    double owed;        /* bits */
    uint16_t number;
    struct dp_bwe_probe probe;
    int64_t probe_left;
    struct link_packet packets[LINK_IN_QUEUE];
    unsigned head, count;
    struct dp_twcc twcc;
    int64_t reads_at, feedback_at;
    struct link_feedback feedback[8];
    unsigned feedbacks;
    uint32_t random;
    /* since link_measure() */
    uint64_t sent_bits, arrived_bits;
    int64_t since_us, queue_most_us;
};

void link_init(struct link *l, uint64_t start, uint64_t capacity);
/* From now on both have one bottleneck. Run them in turn, 1 ms each. */
void link_share(struct link *l, struct link *with);
void link_run(struct link *l, int64_t us);
/* Runs until the target is on that side of a rate: us that it took, or -1 when us were over. */
int64_t link_until(struct link *l, bool above, uint64_t rate, int64_t us);
/* Mean arrived bit/s over the next us. */
uint64_t link_measure(struct link *l, int64_t us);

#endif
