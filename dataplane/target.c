#include "dataplane/target.h"

#include "dataplane/dataplane.h"
#include "dataplane/keyframe.h"
#include "dataplane/mirror.h"
#include "dataplane/packet.h"
#include "dataplane/subscription.h"

#define CACHE 32 /* of each worker */

struct rte_mempool *dp_targets_pool(void)
{
    return rte_mempool_create("targets", DP_TARGETS_MAX, sizeof(struct dp_targeting), CACHE, 0,
                              NULL, NULL, NULL, NULL, SOCKET_ID_ANY, 0);
}

static struct dp_filter *begin(const struct dp_worker *w, struct dp_subscription *s)
{
    struct dp_targeting *t;
    if (rte_mempool_get(w->dp->targets, (void **)&t))
        return NULL;
    dp_filter_init(&t->filter);
    dp_seqmap_extend(&s->seqmap, t->runs);
    return &t->filter;
}

void dp_target_want(struct dp_worker *w, struct dp_subscription *s, const struct dp_target *target)
{
    struct dp_filter *f = dp_target_filter(s);
    if (f == NULL && !target->whole)
        f = begin(w, s);
    if (f == NULL || !dp_filter_want(f, target))
        return;
    dp_subscription_unsettle(s);
    if (s->wanted || s->stream == NULL || !dp_filter_needs_keyframe(f))
        return;
    s->wanted_since = w->now;
    dp_keyframe_want(s->stream);
    if (s->source->mirror)
        dp_mirror_ask(w, s->source);
}

bool dp_target_pass(struct dp_subscription *s, const struct dp_packet *p)
{
    struct dp_filter *f = dp_target_filter(s);
    if (f == NULL || !dp_seqmap_ahead(&s->seqmap, p->index))
        return true;
    if (s->wanted == NULL && dp_filter_step(f, &p->part, p->keyframe)) {
        struct dp_seqmap_about next = s->seqmap.about;
        next.limits = dp_filter_limits(f);
        dp_seqmap_turn(&s->seqmap, p->index, &next);
    }
    if (dp_limits_pass(s->seqmap.about.limits, &p->part))
        return true;
    dp_seqmap_drop(&s->seqmap, p->index);
    return false;
}

void dp_target_release(struct dp_subscription *s)
{
    struct dp_seqmap_run *runs = dp_seqmap_shrink(&s->seqmap);
    s->seqmap.about.limits = DP_LIMITS_WHOLE;
    if (runs)
        rte_mempool_put(rte_mempool_from_obj(runs), runs);
}

struct dp_stream *dp_target_awaited(const struct dp_subscription *s)
{
    const struct dp_filter *f = dp_target_filter(s);
    if (s->wanted)
        return s->wanted;
    return f && s->stream && dp_filter_needs_keyframe(f) ? s->stream : NULL;
}
