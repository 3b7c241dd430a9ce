/*
 * Which frames of one stream a receiver gets: those whose spatial and temporal layers are not above
 * its target's. So a target has all that it depends on, and with K-SVC also what lower targets
 * need. Pure: what the Dependency Descriptor says in (AV1 RTP specification 1.0, appendix A), yes
 * or no out.
 */
#ifndef HEADRACE_DATAPLANE_RTP_FILTER_H
#define HEADRACE_DATAPLANE_RTP_FILTER_H

#include "dataplane/rtp/dd.h"

/* What a packet's descriptor says of it. */
struct dp_part {
    uint64_t dtis; /* of its frame: dp_dd_dti() */
    uint8_t spatial, temporal;
    bool known;      /* it has a descriptor that could be read: else the rest is nothing */
    bool start, end; /* of its frame */
};

/* A decode target. */
struct dp_target {
    uint8_t index;             /* in the stream's structure */
    uint8_t spatial, temporal; /* the highest of its frames' */
    bool whole;                /* the stream, with all that it may have: the highest target */
};

/* The highest layers that are forwarded, a half byte each: what is remembered of a target. */
#define DP_LIMITS_WHOLE 0xFF

struct dp_filter {
    struct dp_target now, wanted;
};

/* Everything. */
void dp_filter_init(struct dp_filter *f);
/* Another target is wanted; false: it was already. */
bool dp_filter_want(struct dp_filter *f, const struct dp_target *target);
/* A stream begins anew, with a key frame. */
void dp_filter_restart(struct dp_filter *f);
/* What is wanted comes with a key frame only. */
bool dp_filter_needs_keyframe(const struct dp_filter *f);

/*
 * A packet that is newer than all before it; keyframe: the first of a coded video sequence. True:
 * from this packet on another target counts. Down at the next frame that is not above it: the
 * frame below is the last of its picture then. Up where a frame that is forwarded anyway is a
 * switch (table A.1): "if it is decodable, all that follow in the target are", so no chain needs
 * to be looked at; to a higher spatial layer encoders do that with key frames only.
 */
bool dp_filter_step(struct dp_filter *f, const struct dp_part *part, bool keyframe);

static inline uint8_t dp_filter_limits(const struct dp_filter *f)
{
    return f->now.whole ? DP_LIMITS_WHOLE : (uint8_t)(f->now.spatial << 4 | f->now.temporal);
}

/* Nothing is filtered, or will be. */
static inline bool dp_filter_whole(const struct dp_filter *f)
{
    return f->now.whole && f->wanted.whole;
}

static inline bool dp_limits_pass(uint8_t limits, const struct dp_part *part)
{
    return !part->known || (part->spatial <= limits >> 4 && part->temporal <= (limits & 15));
}

/* It has become the last packet of its picture, which RTP's marker bit says. */
static inline bool dp_limits_end(uint8_t limits, const struct dp_part *part)
{
    return part->known && part->end && part->spatial == limits >> 4;
}

#endif
