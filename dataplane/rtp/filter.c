#include "dataplane/rtp/filter.h"

void dp_filter_init(struct dp_filter *f)
{
    const struct dp_target whole = {
        .spatial = DP_DD_SPATIAL_MAX - 1, .temporal = DP_DD_TEMPORAL_MAX - 1, .whole = true};
    f->now = f->wanted = whole;
}

static bool same(const struct dp_target *a, const struct dp_target *b)
{
    return a->index == b->index && a->spatial == b->spatial && a->temporal == b->temporal &&
           a->whole == b->whole;
}

/* All that a forwards, b forwards too. */
static bool under(const struct dp_target *a, const struct dp_target *b)
{
    return b->whole || (a->spatial <= b->spatial && a->temporal <= b->temporal);
}

bool dp_filter_want(struct dp_filter *f, const struct dp_target *target)
{
    if (same(&f->wanted, target))
        return false;
    f->wanted = *target;
    return true;
}

void dp_filter_restart(struct dp_filter *f)
{
    f->now = f->wanted;
}

bool dp_filter_needs_keyframe(const struct dp_filter *f)
{
    return !f->now.whole && f->wanted.spatial > f->now.spatial;
}

static bool forwarded(const struct dp_target *t, const struct dp_part *part)
{
    return t->whole || (part->spatial <= t->spatial && part->temporal <= t->temporal);
}

/* Fewer spatial layers do not wait for more temporal ones. */
static bool lower(struct dp_filter *f)
{
    if (f->wanted.spatial >= f->now.spatial)
        return false;
    f->now.spatial = f->wanted.spatial;
    return true;
}

/* The picture would be cut off: it has gone above what is wanted, or does not belong to it. */
static bool halfway(const struct dp_part *part, const struct dp_target *wanted)
{
    return part->spatial > wanted->spatial ||
           (part->spatial > 0 && part->temporal > wanted->temporal);
}

bool dp_filter_step(struct dp_filter *f, const struct dp_part *part, bool keyframe)
{
    const struct dp_target *wanted = &f->wanted;
    if (same(&f->now, wanted) || !part->known || !part->start)
        return false;
    if (!keyframe && !wanted->whole && halfway(part, wanted))
        return false;
    bool into = forwarded(&f->now, part) && dp_dd_dti(part->dtis, wanted->index) == DP_DTI_SWITCH;
    if (!keyframe && !under(wanted, &f->now) && !into)
        return lower(f);
    f->now = *wanted;
    return true;
}
