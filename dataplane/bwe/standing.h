/*
 * How long a queue stands in the path: the least one-way delay of the last moments above the least
 * of the last 15 to 30 s. A receiver that is slow to read makes single packets late, a queue that
 * stands makes all of them late; so this tells a link in overuse from a busy receiver. Clocks of
 * sender and receiver may differ by any offset. Times in us.
 */
#ifndef HEADRACE_DATAPLANE_BWE_STANDING_H
#define HEADRACE_DATAPLANE_BWE_STANDING_H

#include <stdint.h>

/* A least value over one to two windows: of the one before and of the one under way. */
struct dp_bwe_least {
    int64_t value[2];
    int64_t begun_us; /* by arrival; 0: never */
};

struct dp_bwe_standing {
    struct dp_bwe_least base, recent;
};

void dp_bwe_standing_add(struct dp_bwe_standing *s, int64_t sent_us, int64_t arrived_us);

/* 0 where nothing is known yet. */
int64_t dp_bwe_standing_us(const struct dp_bwe_standing *s);

#endif
