/*
 * Who speaks in a room, as Volfin and Cohen decide it (activity.h): each source's counts become
 * likelihood ratios of speech against none, on three time scales; who exceeds the dominant speaker
 * on all three becomes it. That takes a pause of the dominant one, so nobody is interrupted by a
 * cough, and two who talk at once do not take turns.
 */
#ifndef HEADRACE_DATAPLANE_SPEAKER_DOMINANT_H
#define HEADRACE_DATAPLANE_SPEAKER_DOMINANT_H

#include "dataplane/speaker/activity.h"
#include "proto/limits.h"

#include <stdbool.h>

#define DP_DOMINANT_EVERY_US 100000 /* microseconds between two decisions */

/* A source that may be it. */
struct dp_candidate {
    uint32_t source; /* id, never 0 */
    struct dp_scores scores;
};

struct dp_dominant {
    uint32_t source; /* 0: nobody has spoken, or who did is gone */
    unsigned recent_count;
    uint32_t recent[HR_RECENT_SPEAKERS]; /* that were it, the newest first */
};

/* Scores are of now; no more than one candidate a source. True: something has changed. */
bool dp_dominant_decide(struct dp_dominant *d, const struct dp_candidate *of, unsigned n);

/* The source is gone. True: something has changed. */
bool dp_dominant_forget(struct dp_dominant *d, uint32_t source);

/* The logarithm of how much likelier a count of v is with speech than without: of the steps of a
 * frame, the frames of a block, the blocks of a second. */
enum dp_time_scale { DP_IMMEDIATE, DP_MEDIUM, DP_LONG, DP_TIME_SCALES };
double dp_dominant_score(enum dp_time_scale scale, unsigned v);

#endif
