/*
 * Which of a room's audio sources are forwarded: there are so many seats, one more than the loudest
 * that are wanted, for the dominant speaker keeps the own. Who has one keeps it until somebody else
 * needs it, so that where there are seats for all everybody is heard, and a word's end is. Who
 * begins to speak takes the seat of one who does not, with the first packet that is not silence.
 */
#ifndef HEADRACE_DATAPLANE_SPEAKER_LOUDEST_H
#define HEADRACE_DATAPLANE_SPEAKER_LOUDEST_H

#include "dataplane/speaker/dominant.h"

#define DP_SEATS_MAX 16
/* A seat just given is not taken away again: from who speaks, and from who does not, for words
 * begin softly. */
#define DP_SEAT_MS      500
#define DP_SEAT_IDLE_MS 200

struct dp_seat {
    struct dp_candidate who; /* scores of now when it is asked for */
    uint32_t since_ms;       /* low bits of the time; earlier where it was given in silence */
};

struct dp_loudest {
    unsigned size; /* seats that there are */
    unsigned count;
    struct dp_seat seat[DP_SEATS_MAX];
};

/* Loud enough to ask for a seat that somebody has. */
static inline bool dp_loudest_audible(const struct dp_scores *s)
{
    return s->immediate >= 2;
}

/* The seat for a source that has none: one that is free (count), or whose owner loses it; -1: none.
 * dominant: source that keeps its own. */
int dp_loudest_seat(const struct dp_loudest *l, const struct dp_scores *asks, uint32_t dominant,
                    uint32_t now_ms);

#endif
