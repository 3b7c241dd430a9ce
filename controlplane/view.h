/*
 * What a client shows: which videos, how large, which of them first (docs/signalling.md). Until it
 * has said so of a video, that counts as shown at any size. Kept with its subscriptions; the
 * dataplane, which chooses layers by it, is told what changes.
 */
#ifndef CP_VIEW_H
#define CP_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CP_VIEW_PIXELS_MAX 16384 /* width or height; a larger number is an error */
#define CP_VIEW_ALL        UINT32_MAX

struct cp_participant;
struct cp_room;

/* Of one subscription. */
struct cp_shown {
    bool hidden, pinned;
    uint16_t width, height; /* pixels; 0: not said */
    bool resized;           /* and the dataplane is still to be told */
    bool paused;            /* what follows from it, as the dataplane is told */
    uint8_t priority;       /* higher first */
};

struct cp_view_entry {
    uint32_t source;
    uint16_t width, height;
    bool pinned;
};

/* All that is shown: videos that are not named are hidden. */
struct cp_view {
    const struct cp_view_entry *entries;
    size_t n;
    uint32_t last_n; /* videos at most, those of who spoke last; CP_VIEW_ALL: all */
};

void cp_view_set(struct cp_participant *p, const struct cp_view *view);
/* What counts may be other subscriptions, or other speakers. */
void cp_view_update(struct cp_participant *p);

#endif
