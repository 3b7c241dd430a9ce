/*
 * One direction of an emulated link, pure: frames and the time in, frames out. A frame waits in the
 * queue, takes len * 8 / rate to be sent, may then be lost, and arrives after the delay; none
 * overtakes another. Times are ns of any monotonic clock; frames are malloc'd.
 */
#ifndef TESTS_NET_SHAPER_H
#define TESTS_NET_SHAPER_H

#include <stdint.h>

#define SHAPER_NEVER      INT64_MAX
#define SHAPER_FRAMES_MAX 20000 /* waiting or under way; more are dropped like those beyond queue  \
                                 */

struct shape {
    double rate;   /* bit/s, of whole frames; 0: no limit, and no queue */
    double queue;  /* s that a frame may have to wait before it is sent; more are dropped */
    double delay;  /* s */
    double jitter; /* s, at most so much more delay, evenly */
    double loss;   /* of frames, 0 to 1 */
    double burst;  /* mean length of a row of losses (Gilbert); up to 1: each by itself */
};

struct frame {
    struct frame *next;
    int64_t due;
    uint32_t len;
    uint8_t data[];
};

struct shaper_counts {
    uint64_t packets, bytes; /* offered */
    uint64_t sent, sent_bytes;
    uint64_t lost, dropped;     /* by chance; by the queue */
    uint32_t queue_bytes_peak;  /* the longest queue that a frame found */
    double queue_seconds_peak;  /* and how long it had to wait */
    double queue_seconds_total; /* over all that were sent */
};

struct shaper_row {
    struct frame *first, **last;
};

struct shaper {
    struct shape shape;
    struct shaper_row waiting, flying;
    int64_t began, newest_due; /* when the first one's bits_left were that many */
    double bits_left;
    uint64_t waiting_bytes, random;
    unsigned frames;
    int bad; /* in a row of losses */
    struct shaper_counts counts;
};

void shaper_init(struct shaper *s, uint64_t seed);
void shaper_free(struct shaper *s);
/* Holds at once, also for what waits already. */
void shaper_set(struct shaper *s, const struct shape *shape, int64_t now);
/* Takes the frame over. */
void shaper_put(struct shaper *s, struct frame *f, int64_t now);
/* The next that has arrived by now, whose owner is then the caller; NULL: none. */
struct frame *shaper_take(struct shaper *s, int64_t now);
/* When shaper_take() will have something to do; SHAPER_NEVER: not until the next put. */
int64_t shaper_next(const struct shaper *s);

#endif
