/*
 * Which decode target of its stream a subscription forwards. Most forward all of it; one that does
 * not has a filter and more runs (seqmap.h), from a pool: DP_TARGETS_MAX subscriptions of all
 * workers at a time, and who comes later gets whole streams.
 */
#ifndef DP_TARGET_H
#define DP_TARGET_H

#include "dataplane/packet.h"
#include "dataplane/session.h"

#define DP_TARGETS_MAX 4096

/* What such a subscription has; runs are its seqmap's. */
struct dp_targeting {
    struct dp_seqmap_run runs[DP_SEQMAP_MORE];
    struct dp_filter filter;
};

/* NULL: no memory. rte_mempool_free() frees it. */
struct rte_mempool *dp_targets_pool(void);

/* Of the stream that s forwards, or of the one that it waits for. From where is the filter's
 * choice; asks for a key frame if it takes that. */
void dp_target_want(struct dp_worker *w, struct dp_subscription *s, const struct dp_target *target);
/* Packet p of the stream that s forwards, which may be where another target begins; false: it is
 * not forwarded. Of late packets their run tells (struct dp_seqmap_run, limits). */
bool dp_target_pass(struct dp_subscription *s, const struct dp_packet *p);
/* Whole streams again; s forwards nothing. */
void dp_target_release(struct dp_subscription *s);
/* The stream of which s needs a key frame, and since wanted_since; NULL: of none. */
struct dp_stream *dp_target_awaited(const struct dp_subscription *s);

/* NULL: everything. */
static inline struct dp_filter *dp_target_filter(const struct dp_subscription *s)
{
    return s->seqmap.size == DP_SEQMAP_MORE
               ? &container_of(s->seqmap.more, struct dp_targeting, runs[0])->filter
               : NULL;
}

static inline uint8_t dp_target_limits(const struct dp_subscription *s)
{
    const struct dp_filter *f = dp_target_filter(s);
    return f ? dp_filter_limits(f) : DP_LIMITS_WHOLE;
}

#endif
