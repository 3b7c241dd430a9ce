/*
 * Probes: a few packets faster than the estimate, whose arrivals tell whether the link carries
 * more. At the start 3 and 6 times the first rate, then twice what was found while that succeeds;
 * later while more is wanted than the estimate. Rates in bit/s, times in us.
 */
#ifndef HEADRACE_DATAPLANE_BWE_PROBE_H
#define HEADRACE_DATAPLANE_BWE_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#define DP_BWE_CLUSTERS 4 /* probes whose packets are still told apart; the oldest is forgotten */

struct dp_bwe_probe {
    uint8_t id; /* 1 to 255, for dp_bwe_sent() */
    uint64_t rate;
    uint32_t bytes;
};

/* What has arrived of a probe. */
struct dp_bwe_cluster {
    uint64_t rate;
    uint32_t least; /* bytes that make it count */
    uint32_t bytes;
    uint32_t first_bytes, last_bytes; /* of the packet that arrived first, that was sent last */
    uint16_t packets;
    uint8_t id; /* 0: none */
    bool fresh; /* something arrived since the last result */
    int64_t first_sent, last_sent, first_arrived, last_arrived;
};

struct dp_bwe_prober {
    struct dp_bwe_cluster cluster[DP_BWE_CLUSTERS];
    uint64_t start;   /* the first rate */
    uint64_t further; /* rate that success asks for; 0: none */
    uint64_t regain;  /* rate to try after a large fall is over; 0: none */
    int64_t asked_us; /* the newest probe */
    uint8_t begun;    /* probes of the start */
    uint8_t newest;   /* id */
    bool full;    /* the last one arrived slower than it was sent */
    bool waiting;     /* for the newest one's packets */
};

void dp_bwe_prober_init(struct dp_bwe_prober *p, uint64_t start);

/* What to probe for: the estimate now, what would be used, and that delay and loss permit it. */
struct dp_bwe_room {
    uint64_t rate, wanted, max;
    bool calm;
};

/* True: send *probe now. */
bool dp_bwe_prober_next(struct dp_bwe_prober *p, const struct dp_bwe_room *room, int64_t now_us,
                        struct dp_bwe_probe *probe);

/* Of a packet of a probe that arrived. */
struct dp_bwe_arrival {
    uint32_t bytes;
    int64_t sent_us, arrived_us;
};
void dp_bwe_prober_arrived(struct dp_bwe_prober *p, uint8_t id, const struct dp_bwe_arrival *a);

/* The rate that probes have shown since the last call; 0: nothing new. */
uint64_t dp_bwe_prober_result(struct dp_bwe_prober *p);

#endif
