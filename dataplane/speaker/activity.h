/*
 * How much one source is speech, from the levels of its packets (RFC 6464): at once, lately, and
 * for about a second. The time scales and the counts are those of Volfin and Cohen, "Dominant
 * speaker identification for multipoint videoconferencing" (Computer Speech and Language 27, 2013);
 * where they count sub-bands above the noise, a level has steps above its own noise floor.
 */
#ifndef HEADRACE_DATAPLANE_SPEAKER_ACTIVITY_H
#define HEADRACE_DATAPLANE_SPEAKER_ACTIVITY_H

#include <stdint.h>

#define DP_ACTIVITY_STEPS  13 /* immediate: 0 to so many steps of 3 dB above the floor */
#define DP_ACTIVITY_FRAMES 5  /* medium: of the last so many frames those that are speech */
#define DP_ACTIVITY_BLOCKS                                                                         \
    10                       /* long: of as many blocks of as many frames those that are speech    \
                              */
#define DP_ACTIVITY_SPEECH 4 /* steps from which a frame is speech */

#define DP_FRAME_US 20000 /* microseconds */
#define DP_BLOCK_MS (DP_ACTIVITY_FRAMES * DP_FRAME_US / 1000)

#define DP_LOUDNESS_MAX 127 /* RFC 6464 the other way round: 127 + dBov */

/* Of one moment. */
struct dp_scores {
    uint8_t immediate, medium, longer;
    uint8_t loudness; /* of late: rises in a few frames, falls in a second; 0: silence */
    uint32_t at_ms;   /* the moment: low bits of the time */
};

_Static_assert(sizeof(struct dp_scores) == sizeof(uint64_t), "one store");

struct dp_activity {
    int64_t at;            /* us: frames up to here are counted */
    uint8_t steps;         /* of the newest frame */
    uint8_t in_block;      /* frames of the block that is not yet whole */
    uint16_t frames;       /* bit i: the i-th last frame was speech */
    uint16_t blocks;       /* likewise the i-th last whole block, mostly */
    uint16_t loudness;     /* in 1/256 */
    uint8_t floor, lowest; /* loudness that is noise; the lowest of the period that goes on, */
    uint8_t period;        /* of so many frames until now */
};

void dp_activity_init(struct dp_activity *a, int64_t now);

/*
 * A packet has come, in order, with this level (0 loudest, 127 silence). Its frames are those since
 * the last packet: a longer packet, or one before it that was lost. A long gap was silence (DTX).
 */
void dp_activity_level(struct dp_activity *a, unsigned level, int64_t now);

struct dp_scores dp_activity_scores(const struct dp_activity *a);

/* What scores of then are worth now: without packets a source falls silent. */
struct dp_scores dp_scores_at(struct dp_scores then, uint32_t now_ms);

#endif
