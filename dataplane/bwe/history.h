/*
 * What was sent under which transport-wide number, until feedback tells its fate. Numbers are
 * extended to 64 bits; the DP_BWE_HISTORY newest are kept, older ones are unknown. Times in us.
 */
#ifndef HEADRACE_DATAPLANE_BWE_HISTORY_H
#define HEADRACE_DATAPLANE_BWE_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#define DP_BWE_HISTORY 2048 /* packets; a power of two: 1 s at 20 Mbit/s */

enum dp_bwe_fate { DP_BWE_NONE, DP_BWE_SENT, DP_BWE_LOST, DP_BWE_ARRIVED };

struct dp_bwe_packet {
    uint32_t sent_us; /* modulo 2^32 */
    uint16_t bytes;
    uint8_t probe;
    uint8_t fate;
};

struct dp_bwe_history {
    int64_t newest;  /* number sent last, extended; below 0: none yet */
    int64_t sent_us; /* when */
    struct dp_bwe_packet packet[DP_BWE_HISTORY];
};

void dp_bwe_history_init(struct dp_bwe_history *h);

/* Numbers left out become unknown; one that is sent again replaces the first. */
void dp_bwe_history_add(struct dp_bwe_history *h, uint16_t number, struct dp_bwe_packet packet,
                        int64_t now_us);

/* The packet with this number, or NULL: never sent, or too long ago. */
struct dp_bwe_packet *dp_bwe_history_find(struct dp_bwe_history *h, uint16_t number);

/* Its whole time: at most 30 minutes before the newest. */
int64_t dp_bwe_history_time(const struct dp_bwe_history *h, const struct dp_bwe_packet *packet);

#endif
