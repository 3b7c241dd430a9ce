/*
 * Steps. Not every layer is worth having: above the smallest picture, fewer than DP_FPS_MIN frames
 * a second are no gain over the next smaller one at its full rate. What is left, up to the
 * smallest picture that fills what is shown, are the want's steps.
 *
 * Steadiness. An estimate trembles, so a layer above the one that is forwarded must fit with some
 * room to spare, and one that is forwarded stays while it just fits.
 */
#include "dataplane/allocate.h"

#include <rte_common.h>
#include <stdbool.h>

#define FPS_MIN   12
#define SPARE     15  /* per cent that a higher layer must leave free */
#define FILLS     110 /* per cent of its pixels that a picture may be enlarged to */
#define NOT_GIVEN (-1)
#define STEPS_MAX DP_LAYERS_MAX

struct steps {
    uint8_t layer[STEPS_MAX]; /* indexes, rising */
    uint8_t count;
    int8_t at; /* of those; NOT_GIVEN: paused */
};

/* Whether its picture fills what is shown. */
static bool fills(const struct dp_allocate_want *w, const struct dp_layer *l)
{
    if (w->max_height == 0 && w->max_width == 0)
        return false;
    if (l->height == 0)
        return false;
    return (uint32_t)l->height * FILLS >= (uint32_t)w->max_height * 100 ||
           (uint32_t)l->width * FILLS >= (uint32_t)w->max_width * 100;
}

/* Pixels, or where they are not known the order of the streams. */
static uint32_t size_of(const struct dp_layer *l)
{
    return l->height ? (uint32_t)l->width * l->height : (uint32_t)l->stream * 8 + l->spatial + 1;
}

/* The largest picture that is worth sending. */
static uint32_t largest(const struct dp_allocate_want *w)
{
    uint32_t enough = 0, most = 0;
    for (unsigned i = 0; i < w->count; i++) {
        const struct dp_layer *l = &w->layers[i];
        most = RTE_MAX(most, size_of(l));
        if (fills(w, l) && (enough == 0 || size_of(l) < enough))
            enough = size_of(l);
    }
    return enough ? enough : most;
}

static void find_steps(const struct dp_allocate_want *w, struct steps *s)
{
    uint32_t least = UINT32_MAX, most = largest(w), reached = 0;
    s->count = 0;
    s->at = NOT_GIVEN;
    for (unsigned i = 0; i < w->count; i++)
        least = RTE_MIN(least, size_of(&w->layers[i]));
    for (unsigned i = 0; i < w->count && s->count < STEPS_MAX; i++) {
        const struct dp_layer *l = &w->layers[i];
        bool slow = l->fps && l->fps < FPS_MIN && size_of(l) > least;
        bool whole = true; /* nothing faster of its size would be left */
        for (unsigned k = i + 1; slow && k < w->count; k++)
            whole &= size_of(&w->layers[k]) != size_of(l);
        if (size_of(l) > most || size_of(l) < reached || (slow && !whole))
            continue;
        reached = size_of(l);
        s->layer[s->count++] = (uint8_t)i;
    }
}

/* What step `to` must find free: more than it takes when it is above what is forwarded. */
static uint64_t price(const struct dp_allocate_want *w, const struct steps *s, int to)
{
    uint64_t rate = w->layers[s->layer[to]].bitrate;
    return s->layer[to] > w->now ? rate * (100 + SPARE) / 100 : rate;
}

static uint64_t rate_at(const struct dp_allocate_want *w, const struct steps *s)
{
    return s->at == NOT_GIVEN ? 0 : w->layers[s->layer[s->at]].bitrate;
}

/* The next step that fits; true: taken. */
static bool raise(const struct dp_allocate_want *w, struct steps *s, uint64_t *left)
{
    uint64_t had = rate_at(w, s);
    for (int to = s->at + 1; to < s->count; to++) {
        if (price(w, s, to) > *left + had)
            continue;
        s->at = (int8_t)to;
        *left = *left + had - w->layers[s->layer[to]].bitrate;
        return true;
    }
    return false;
}

/* Of those with the highest priority below `under`: that priority, or -1. */
static int next_priority(const struct dp_allocate_want *wants, unsigned n, int under)
{
    int found = -1;
    for (unsigned i = 0; i < n; i++)
        if (wants[i].priority < under)
            found = RTE_MAX(found, (int)wants[i].priority);
    return found;
}

/* Whoever has least of them is raised first, until nobody can be. */
static void share(const struct dp_allocate_want *wants, struct steps *steps, unsigned n,
                  int priority, uint64_t *left)
{
    uint64_t full = 0; /* bit i: cannot be raised any more */
    for (;;) {
        int least = -1;
        for (unsigned i = 0; i < n; i++) {
            if (wants[i].priority != priority || full >> i & 1)
                continue;
            if (least < 0 || rate_at(&wants[i], &steps[i]) < rate_at(&wants[least], &steps[least]))
                least = (int)i;
        }
        if (least < 0)
            return;
        if (!raise(&wants[least], &steps[least], left))
            full |= UINT64_C(1) << least;
    }
}

/* The lowest step, for each that it fits for. */
static void begin(const struct dp_allocate_want *wants, struct steps *steps, unsigned n,
                  uint64_t *left)
{
    for (int p = next_priority(wants, n, 256); p >= 0; p = next_priority(wants, n, p))
        for (unsigned i = 0; i < n; i++) {
            const struct dp_allocate_want *w = &wants[i];
            if (w->priority != p || steps[i].count == 0 || price(w, &steps[i], 0) > *left)
                continue;
            steps[i].at = 0;
            *left -= w->layers[steps[i].layer[0]].bitrate;
        }
}

uint64_t dp_allocate(struct dp_allocate_want *wants, unsigned n, uint64_t budget)
{
    struct steps steps[DP_ALLOCATE_MAX];
    uint64_t left = budget, enough = 0;
    n = RTE_MIN(n, (unsigned)DP_ALLOCATE_MAX);
    for (unsigned i = 0; i < n; i++) {
        find_steps(&wants[i], &steps[i]);
        if (steps[i].count)
            enough += wants[i].layers[steps[i].layer[steps[i].count - 1]].bitrate;
    }
    begin(wants, steps, n, &left);
    for (int p = next_priority(wants, n, 256); p >= 0; p = next_priority(wants, n, p))
        share(wants, steps, n, p, &left);
    for (unsigned i = 0; i < n; i++)
        wants[i].given = steps[i].at == NOT_GIVEN ? NOT_GIVEN : (int8_t)steps[i].layer[steps[i].at];
    return enough;
}
