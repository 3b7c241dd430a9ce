/*
 * A source as the subscribers of another worker see it. A source is written by its publisher's
 * worker alone; a worker with subscribers of it has a mirror, a source of its own to which they are
 * subscribed, with its own fan, histories and choice of stream. The publisher's worker sends it
 * references to packets, and before them the state they rest on: so what egress reads of a
 * publisher is always its own worker's. What a mirror asks for goes back as a message.
 */
#ifndef DP_MIRROR_H
#define DP_MIRROR_H

#include "dataplane/session.h"

/* The first packets of a stream are sent before the mirror's subscribers could say that they want
 * it. */
#define DP_MIRROR_FIRST 64
#define DP_MIRROR_ALL   (UINT32_C(1) << 31) /* in wanted: opaque receivers, who get everything */

struct dp_mirror {
    /* set when made, and when it moves */
    struct dp_source *origin;
    struct dp_worker *worker; /* whose subscribers it serves */

    /* the publisher's worker's */
    struct dp_mirror *next; /* of origin */
    uint32_t version;       /* of origin's, as told last */

    /* its own worker's */
    alignas(RTE_CACHE_LINE_SIZE) struct dp_source source;
    struct dp_endpoint publisher; /* source.endpoint: what is known of the real one */
    bool again;                   /* asks to be told again */
    bool gone;                    /* with its source: messages still on their way are nothing */
    TAILQ_ENTRY(dp_mirror) of_session;

    /* Bit i: streams[i] has takers; or DP_MIRROR_ALL. Its own worker writes, the publisher's
     * reads. */
    alignas(RTE_CACHE_LINE_SIZE) _Atomic uint32_t wanted;
};

/* What a message to a mirror says of one stream. */
struct dp_mirror_stream {
    uint32_t ssrc;
    bool begun, has_dd;
    uint64_t packets;
    uint64_t sr_ntp;
    uint32_t sr_ts, sr_count;
    uint64_t keyframe_asked;
    uint64_t rate;
    uint32_t clock_rate;
    uint16_t width, height;
    uint8_t rungs_count; /* of its ladder */
    struct dp_rung rungs[DP_RUNGS_MAX];
};

struct dp_mirror_state {
    struct dp_mirror *mirror;
    struct dp_keys *keys;
    struct dp_ext_map exts;
    int best; /* index of a stream, or -1 */
    struct dp_mirror_stream streams[HR_RIDS_MAX];
};

/* What a mirror asks of its origin: key frames of the streams whose bits are set. */
struct dp_mirror_request {
    struct dp_source *source;
    uint32_t streams;
    bool again; /* to be told its state, for it has new streams */
};

/* ---- the publisher's worker */

/* References to packet m, which ingress has let pass, to every mirror that wants it. */
void dp_mirrors_send(struct dp_worker *w, struct rte_mbuf *m);
/* Tells mirrors what has changed since they were told. */
void dp_mirrors_update(struct dp_worker *w, struct dp_source *s);
/* Whether a mirror wants packets of st. */
bool dp_mirrors_want(const struct dp_stream *st);
/* A request has come: out is what goes to the publisher. */
void dp_mirror_requested(struct dp_worker *w, struct rte_mbuf *m, struct dp_burst *out);
void dp_mirror_publish(struct dp_source *origin, struct dp_mirror *mirror);
void dp_mirror_retract(struct dp_source *origin, struct dp_mirror *mirror);

/* ---- the mirror's worker */

void dp_mirror_link(struct dp_worker *w, struct dp_mirror *mirror);
/* Out of every subscription too. */
void dp_mirror_unlink(struct dp_worker *w, struct dp_mirror *mirror);
/* New settings, and streams that they add. */
void dp_mirror_configure(struct dp_worker *w, struct dp_mirror *mirror,
                         const struct dp_source_conf *conf,
                         struct dp_stream *const streams[HR_RIDS_MAX]);
/* A struct dp_mirror_state has come. */
void dp_mirror_told(struct dp_worker *w, struct rte_mbuf *m);
/* The same at once, while workers are parked. */
void dp_mirror_sync(struct dp_mirror *mirror);
/* A reference has come: false if there is nobody to fan it out to. */
bool dp_mirror_receive(struct rte_mbuf *m);
/* Sends key frame requests to the publisher's worker. */
void dp_mirror_ask(struct dp_worker *w, struct dp_source *s);
/* Visits mirrors in turn, each once in so many cycles. */
void dp_mirrors_tick(struct dp_worker *w, uint64_t round);

/* A subscription takes (1) or leaves (-1) a stream. */
static inline void dp_stream_taken(struct dp_stream *st, int by)
{
    struct dp_mirror *mirror = st->source->mirror;
    st->takers += (uint32_t)by;
    if (mirror == NULL)
        return;
    uint32_t bit = UINT32_C(1) << st->layer;
    uint32_t wanted = atomic_load_explicit(&mirror->wanted, memory_order_relaxed);
    wanted = st->takers ? wanted | bit : wanted & ~bit;
    atomic_store_explicit(&mirror->wanted, wanted, memory_order_relaxed);
}

#endif
