/*
 * Which layer of which video a receiver gets when not all fits. Pure: what is asked for in, what is
 * given out. Everybody gets a lowest layer before anybody gets more, in the order of priority, and
 * who comes last pauses; what is left raises them, in the same order, equals in turn.
 */
#ifndef DP_ALLOCATE_H
#define DP_ALLOCATE_H

#include <stdbool.h>
#include <stdint.h>

#define DP_LAYERS_MAX   24 /* of one source: streams times decode targets; more are not offered */
#define DP_ALLOCATE_MAX 64 /* videos of one receiver that are weighed; further ones pause first */

/* Something that can be forwarded of a source. */
struct dp_layer {
    uint8_t stream; /* of the source */
    bool whole;     /* all of the stream: its highest target */
    uint8_t target; /* decode target of the stream's structure */
    uint8_t spatial, temporal;
    uint8_t fps;            /* 0: not known */
    uint16_t width, height; /* 0: not known */
    uint64_t bitrate;       /* bit/s */
};

/* One video that a receiver asks for. */
struct dp_allocate_want {
    uint8_t priority;               /* higher first */
    uint16_t max_width, max_height; /* pixels that are shown; 0: not said */
    const struct dp_layer *layers;  /* by rising bitrate */
    uint8_t count;
    int8_t now;   /* index of what it gets so far; -1: nothing */
    int8_t given; /* the answer, likewise */
};

/* n (at most DP_ALLOCATE_MAX) wants share budget bit/s; returns what would be enough for all. */
uint64_t dp_allocate(struct dp_allocate_want *wants, unsigned n, uint64_t budget);

#endif
