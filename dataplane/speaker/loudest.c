#include "dataplane/speaker/loudest.h"

#include <stddef.h>

#define LOUDER_DB 6 /* than one who speaks, to take that one's seat */
#define SPEAKS    3 /* frames of the last ones, to take it */

static bool idle(const struct dp_scores *s)
{
    return s->medium == 0 && s->longer == 0;
}

/* Idle before speaking, then by loudness. */
static bool weaker(const struct dp_scores *a, const struct dp_scores *b)
{
    if (idle(a) != idle(b))
        return idle(a);
    return a->loudness < b->loudness;
}

/* Somebody who has just begun may have it a while. */
static bool is_new(const struct dp_seat *s, uint32_t now_ms)
{
    int32_t age = (int32_t)(now_ms - s->since_ms);
    return age < (idle(&s->who.scores) ? DP_SEAT_IDLE_MS : DP_SEAT_MS);
}

static const struct dp_seat *weakest(const struct dp_loudest *l, uint32_t dominant, uint32_t now_ms)
{
    const struct dp_seat *w = NULL;
    for (unsigned i = 0; i < l->count; i++) {
        const struct dp_seat *s = &l->seat[i];
        if (s->who.source == dominant || is_new(s, now_ms))
            continue;
        if (w == NULL || weaker(&s->who.scores, &w->who.scores))
            w = s;
    }
    return w;
}

int dp_loudest_seat(const struct dp_loudest *l, const struct dp_scores *asks, uint32_t dominant,
                    uint32_t now_ms)
{
    if (l->count < l->size)
        return (int)l->count;
    const struct dp_seat *w = weakest(l, dominant, now_ms);
    if (w == NULL || !dp_loudest_audible(asks))
        return -1;
    if (!idle(&w->who.scores) &&
        (asks->medium < SPEAKS || asks->loudness < w->who.scores.loudness + LOUDER_DB))
        return -1;
    return (int)(w - l->seat);
}
