#include "dataplane/rtp/ladder.h"

#include <string.h>

void dp_ladder_count(struct dp_ladder *l, const struct dp_part *part, uint32_t len)
{
    l->bytes[part->spatial][part->temporal] += len;
    l->frames[part->spatial][part->temporal] += part->start;
}

static uint32_t smooth(uint32_t old, uint64_t new, unsigned weight)
{
    return old ? (uint32_t)((old * (uint64_t)(weight - 1) + new) / weight) : (uint32_t) new;
}

static void read_counters(struct dp_ladder *l, uint32_t elapsed)
{
    for (unsigned s = 0; s < DP_DD_SPATIAL_MAX; s++)
        for (unsigned t = 0; t < DP_DD_TEMPORAL_MAX; t++) {
            l->rate[s][t] = smooth(l->rate[s][t], l->bytes[s][t] * 8000ULL / elapsed, 2);
            l->speed[s][t] = smooth(l->speed[s][t], l->frames[s][t] * 1000000ULL / elapsed, 4);
        }
    memset(l->bytes, 0, sizeof(l->bytes));
    memset(l->frames, 0, sizeof(l->frames));
}

static struct dp_rung rung_of(const struct dp_ladder *l, const struct dp_dd_structure *st,
                              unsigned target)
{
    struct dp_rung r = {.target = (uint8_t)target,
                        .spatial = st->target_spatial[target],
                        .temporal = st->target_temporal[target]};
    uint64_t rate = 0;
    uint32_t speed = 0;
    for (unsigned t = 0; t <= r.temporal; t++) {
        for (unsigned s = 0; s <= r.spatial; s++)
            rate += l->rate[s][t];
        speed += l->speed[r.spatial][t];
    }
    r.bitrate = rate < UINT32_MAX ? (uint32_t)rate : UINT32_MAX;
    speed = (speed + 500) / 1000;
    r.fps = speed < UINT8_MAX ? (uint8_t)speed : UINT8_MAX;
    if (st->has_resolutions) {
        r.width = (uint16_t)(st->width[r.spatial] + 1);
        r.height = (uint16_t)(st->height[r.spatial] + 1);
    }
    return r;
}

static bool above(const struct dp_rung *a, const struct dp_rung *b)
{
    return a->spatial != b->spatial ? a->spatial > b->spatial : a->temporal > b->temporal;
}

/* In order; two targets of the same layers are one rung. */
static void insert(struct dp_ladder *l, struct dp_rung r)
{
    unsigned at = l->count;
    while (at > 0 && above(&l->rungs[at - 1], &r))
        at--;
    if (at > 0 && !above(&r, &l->rungs[at - 1]))
        return;
    memmove(&l->rungs[at + 1], &l->rungs[at], (l->count - at) * sizeof(r));
    l->rungs[at] = r;
    l->count++;
}

void dp_ladder_measure(struct dp_ladder *l, const struct dp_dd_state *dd, uint32_t elapsed)
{
    const struct dp_dd_structure *st = &dd->structure;
    l->count = 0;
    if (elapsed == 0)
        return;
    read_counters(l, elapsed);
    if (!dd->valid || st->target_count > DP_RUNGS_MAX)
        return;
    for (unsigned i = 0; i < st->target_count; i++)
        if (dd->active_targets >> i & 1 && l->rate[st->target_spatial[i]][st->target_temporal[i]])
            insert(l, rung_of(l, st, i));
}
