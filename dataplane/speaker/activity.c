#include "dataplane/speaker/activity.h"

#include <stdbool.h>

#define STEP_DB      3
#define FLOOR_LOWEST 63     /* -64 dBov: whatever is below is no speech, however quiet the room */
#define FLOOR_MOST   72     /* -55 dBov: 12 dB above that is speech, however steady */
#define PERIOD       150    /* frames: the floor is the lowest of the last period and of this */
#define GAP_US       140000 /* longer than a packet of 120 ms: the source was silent */
#define QUIET_MS     200    /* of scores that are this old nothing is immediate any more */
#define FORGOTTEN    64     /* frames of silence that leave nothing */
#define BLOCK_SPEECH 3      /* frames of a block that make it speech */
#define FALL         5      /* each frame the loudness falls by 1/2^5 of the way */

static const unsigned frames_mask = (1u << DP_ACTIVITY_FRAMES) - 1;
static const unsigned blocks_mask = (1u << DP_ACTIVITY_BLOCKS) - 1;

static unsigned clamp(unsigned v, unsigned low, unsigned high)
{
    return v < low ? low : v > high ? high : v;
}

void dp_activity_init(struct dp_activity *a, int64_t now)
{
    *a = (struct dp_activity){.at = now, .floor = FLOOR_LOWEST, .lowest = DP_LOUDNESS_MAX};
}

/* People make pauses in 3 seconds, noise does not. */
static void track_floor(struct dp_activity *a, unsigned loudness)
{
    if (loudness < a->lowest)
        a->lowest = (uint8_t)loudness;
    if (a->lowest < a->floor)
        a->floor = (uint8_t)clamp(a->lowest, FLOOR_LOWEST, FLOOR_MOST);
    if (++a->period < PERIOD)
        return;
    a->floor = (uint8_t)clamp(a->lowest, FLOOR_LOWEST, FLOOR_MOST);
    a->lowest = DP_LOUDNESS_MAX;
    a->period = 0;
}

static unsigned steps_of(const struct dp_activity *a, unsigned loudness)
{
    if (loudness <= a->floor)
        return 0;
    return clamp((loudness - a->floor) / STEP_DB, 0, DP_ACTIVITY_STEPS);
}

static void track_loudness(struct dp_activity *a, unsigned loudness)
{
    unsigned now = loudness << 8;
    if (now > a->loudness)
        a->loudness = (uint16_t)(a->loudness + (now - a->loudness + 1) / 2);
    else
        a->loudness = (uint16_t)(a->loudness - ((a->loudness - now) >> FALL));
}

static void add_frame(struct dp_activity *a, unsigned loudness)
{
    track_floor(a, loudness);
    track_loudness(a, loudness);
    a->steps = (uint8_t)steps_of(a, loudness);
    a->frames = (uint16_t)(a->frames << 1 | (a->steps >= DP_ACTIVITY_SPEECH));
    a->at += DP_FRAME_US;
    if (++a->in_block < DP_ACTIVITY_FRAMES)
        return;
    bool speech = __builtin_popcount(a->frames & frames_mask) >= BLOCK_SPEECH;
    a->blocks = (uint16_t)(a->blocks << 1 | speech);
    a->in_block = 0;
}

/* Up to the packet that comes now. */
static void add_silence(struct dp_activity *a, int64_t now)
{
    const int64_t until = now - DP_FRAME_US;
    if (until - a->at > FORGOTTEN * DP_FRAME_US) {
        a->frames = a->blocks = 0;
        a->loudness = 0;
        a->in_block = 0;
        a->at = until;
    }
    while (a->at < until)
        add_frame(a, 0);
}

/* One of several packets that come at once, after a stall. */
static void raise_newest(struct dp_activity *a, unsigned loudness)
{
    unsigned steps = steps_of(a, loudness);
    if (steps <= a->steps)
        return;
    a->steps = (uint8_t)steps;
    a->frames |= steps >= DP_ACTIVITY_SPEECH;
}

void dp_activity_level(struct dp_activity *a, unsigned level, int64_t now)
{
    unsigned loudness = DP_LOUDNESS_MAX - (level & DP_LOUDNESS_MAX);
    if (now - a->at < DP_FRAME_US) {
        raise_newest(a, loudness);
        return;
    }
    if (now - a->at > GAP_US)
        add_silence(a, now);
    do
        add_frame(a, loudness);
    while (now - a->at >= DP_FRAME_US);
}

struct dp_scores dp_activity_scores(const struct dp_activity *a)
{
    return (struct dp_scores){
        .immediate = a->steps,
        .medium = (uint8_t)__builtin_popcount(a->frames & frames_mask),
        .longer = (uint8_t)__builtin_popcount(a->blocks & blocks_mask),
        .loudness = (uint8_t)(a->loudness >> 8),
        .at_ms = (uint32_t)(a->at / 1000),
    };
}

struct dp_scores dp_scores_at(struct dp_scores then, uint32_t now_ms)
{
    struct dp_scores now = then;
    uint32_t quiet = now_ms - then.at_ms;
    if ((int32_t)quiet <= QUIET_MS) /* below 0: another core's clock is ahead */
        return now;
    uint32_t blocks = quiet / DP_BLOCK_MS;
    now.immediate = now.medium = 0;
    now.longer = (uint8_t)(then.longer > blocks ? then.longer - blocks : 0);
    now.loudness = now.longer ? then.loudness : 0;
    now.at_ms = now_ms;
    return now;
}
