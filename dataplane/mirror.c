#include "dataplane/mirror.h"

#include "dataplane/dataplane.h"
#include "dataplane/keyframe.h"
#include "dataplane/layers.h"
#include "dataplane/packet.h"
#include "dataplane/peers.h"
#include "dataplane/subscription.h"

#include <string.h>

_Static_assert(sizeof(struct dp_mirror_state) <= RTE_MBUF_DEFAULT_DATAROOM,
               "a message is one mbuf");

/* ---- the publisher's worker */

static void describe(const struct dp_source *s, struct dp_mirror_state *state)
{
    state->keys = s->endpoint->keys;
    state->exts = s->endpoint->conf.exts;
    state->best = -1;
    for (int i = 0; i < HR_RIDS_MAX; i++) {
        const struct dp_stream *st = s->streams[i];
        state->streams[i] = (struct dp_mirror_stream){0};
        if (st == NULL || !st->begun)
            continue;
        if (st == s->best)
            state->best = i;
        state->streams[i] = (struct dp_mirror_stream){
            .ssrc = st->ssrc,
            .begun = true,
            .has_dd = st->has_dd,
            .packets = st->packets,
            .sr_ntp = st->sr_ntp,
            .sr_ts = st->sr_ts,
            .sr_count = st->sr_count,
            .keyframe_asked = st->keyframe_asked,
            .rate = st->rate,
            .clock_rate = st->rxstats.clock_rate,
            .width = st->width,
            .height = st->height,
        };
        if (st->ladder == NULL)
            continue;
        state->streams[i].rungs_count = st->ladder->count;
        memcpy(state->streams[i].rungs, st->ladder->rungs, sizeof(st->ladder->rungs));
    }
}

static void *message(struct dp_worker *w, size_t size, struct rte_mbuf **m)
{
    *m = rte_pktmbuf_alloc(w->pool);
    return *m ? rte_pktmbuf_append(*m, (uint16_t)size) : NULL;
}

/* False: not now; it stays to be told. */
static bool tell(struct dp_worker *w, struct dp_source *s, struct dp_mirror *mirror)
{
    struct rte_mbuf *m;
    struct dp_mirror_state *state = message(w, sizeof(*state), &m);
    if (state == NULL)
        return false;
    state->mirror = mirror;
    describe(s, state);
    dp_packet(m)->arrival = w->now;
    if (!dp_peers_tell(w, mirror->worker, m, DP_PEER_STATE)) {
        rte_pktmbuf_free(m);
        return false;
    }
    mirror->version = s->version;
    return true;
}

void dp_mirrors_update(struct dp_worker *w, struct dp_source *s)
{
    for (struct dp_mirror *mirror = s->mirrors; mirror; mirror = mirror->next)
        if (mirror->version != s->version)
            tell(w, s, mirror);
}

static uint32_t wanted(const struct dp_mirror *mirror)
{
    return atomic_load_explicit(&mirror->wanted, memory_order_relaxed);
}

static bool wants(const struct dp_mirror *mirror, const struct dp_stream *st)
{
    return wanted(mirror) >> st->layer & 1 || st->packets <= DP_MIRROR_FIRST;
}

bool dp_mirrors_want(const struct dp_stream *st)
{
    for (const struct dp_mirror *mirror = st->source->mirrors; mirror; mirror = mirror->next)
        if (wants(mirror, st))
            return true;
    return false;
}

/* A packet of the mirror's own, with the bytes of m. */
static struct rte_mbuf *refer(struct dp_worker *w, struct dp_mirror *mirror, struct rte_mbuf *m)
{
    struct rte_mbuf *reference = rte_pktmbuf_clone(m, w->pool);
    if (reference == NULL)
        return NULL;
    struct dp_packet *p = dp_packet(reference);
    *p = *dp_packet(m);
    p->layer = p->stream ? p->stream->layer : 0;
    p->stream = NULL;
    p->source = NULL;
    p->endpoint = NULL;
    p->mirror = mirror;
    return reference;
}

void dp_mirrors_send(struct dp_worker *w, struct rte_mbuf *m)
{
    const struct dp_packet *p = dp_packet(m);
    struct dp_source *s = p->source;
    for (struct dp_mirror *mirror = s->mirrors; mirror; mirror = mirror->next) {
        if (!(wanted(mirror) & DP_MIRROR_ALL) && !(p->rekey && wants(mirror, p->stream)))
            continue;
        if (mirror->version != s->version && !tell(w, s, mirror)) {
            w->drops[DP_DROP_HANDOFF_FULL]++;
            continue;
        }
        struct rte_mbuf *reference = refer(w, mirror, m);
        if (reference)
            dp_peers_put(w, mirror->worker, reference, DP_PEER_REFERENCE);
        else
            w->drops[DP_DROP_NO_MBUF]++;
    }
}

void dp_mirror_requested(struct dp_worker *w, struct rte_mbuf *m, struct dp_burst *out)
{
    const struct dp_mirror_request *request = rte_pktmbuf_mtod(m, const struct dp_mirror_request *);
    for (unsigned i = 0; i < HR_RIDS_MAX; i++)
        if (request->streams >> i & 1)
            dp_keyframe_want(request->source->streams[i]);
    dp_keyframe_flush(w, request->source, out);
    request->source->version += request->again;
    dp_mirrors_update(w, request->source);
    rte_pktmbuf_free(m);
}

void dp_mirror_publish(struct dp_source *origin, struct dp_mirror *mirror)
{
    mirror->version = origin->version - 1;
    mirror->next = origin->mirrors;
    origin->mirrors = mirror;
}

void dp_mirror_retract(struct dp_source *origin, struct dp_mirror *mirror)
{
    struct dp_mirror **at = &origin->mirrors;
    while (*at != mirror)
        at = &(*at)->next;
    *at = mirror->next;
}

/* ---- the mirror's worker */

void dp_mirror_link(struct dp_worker *w, struct dp_mirror *mirror)
{
    TAILQ_INSERT_TAIL(&w->session->mirrors, mirror, of_session);
    w->session->mirrors_count++;
}

/* The stream under its present SSRC is no more. */
static void end(struct dp_worker *w, struct dp_stream *st)
{
    dp_layers_end(w, st);
    dp_history_clear(&st->history, &w->session->budget);
    st->claimed = st->begun = false;
    st->keyframe_wanted = false;
}

void dp_mirror_unlink(struct dp_worker *w, struct dp_mirror *mirror)
{
    struct dp_session *session = w->session;
    struct dp_source *s = &mirror->source;
    while (s->fan_count)
        dp_subscription_attach(w, s->fan[s->fan_count - 1], NULL);
    while (s->opaque.count)
        dp_opaque_attach(s->opaque.of[s->opaque.count - 1], NULL);
    for (unsigned i = 0; i < HR_RIDS_MAX; i++)
        if (s->streams[i])
            end(w, s->streams[i]);
    if (session->tick_mirror == mirror)
        session->tick_mirror = TAILQ_NEXT(mirror, of_session);
    TAILQ_REMOVE(&session->mirrors, mirror, of_session);
    session->mirrors_count--;
    session->keystream.key = NULL; /* it may be the publisher's */
    mirror->gone = true;
}

void dp_mirror_configure(struct dp_worker *w, struct dp_mirror *mirror,
                         const struct dp_source_conf *conf,
                         struct dp_stream *const streams[HR_RIDS_MAX])
{
    mirror->source.conf = *conf;
    for (unsigned i = 0; i < HR_RIDS_MAX; i++) {
        if (streams[i] == NULL)
            continue;
        mirror->source.streams[i] = streams[i];
        mirror->again = true;
    }
    dp_mirror_ask(w, &mirror->source);
}

static void set_publisher(struct dp_mirror *mirror, const struct dp_mirror_state *state)
{
    struct dp_endpoint *publisher = &mirror->publisher;
    struct dp_source *s = &mirror->source;
    publisher->keys = state->keys;
    if (memcmp(&publisher->conf.exts, &state->exts, sizeof(state->exts)) == 0)
        return;
    publisher->conf.exts = state->exts;
    for (uint32_t i = 0; i < s->fan_count; i++)
        dp_subscription_forget(s->fan[i]); /* what was sent cannot be made again */
}

static void set_stream(struct dp_worker *w, struct dp_stream *st, const struct dp_mirror_stream *in)
{
    if (st->begun && (!in->begun || in->ssrc != st->ssrc))
        end(w, st);
    if (!in->begun)
        return;
    if (!st->begun)
        st->packets = in->packets - 1; /* the reference behind this is of the newest */
    st->claimed = st->begun = true;
    st->ssrc = in->ssrc;
    st->has_dd = in->has_dd;
    st->sr_ntp = in->sr_ntp;
    st->sr_ts = in->sr_ts;
    st->sr_count = in->sr_count;
    st->keyframe_asked = RTE_MIN(in->keyframe_asked, w->now);
    st->rate = in->rate;
    st->rxstats.clock_rate = in->clock_rate;
    st->width = in->width;
    st->height = in->height;
    if (st->ladder == NULL)
        return;
    st->ladder->count = in->rungs_count;
    memcpy(st->ladder->rungs, in->rungs, sizeof(in->rungs));
}

static void take_state(struct dp_worker *w, const struct dp_mirror_state *state)
{
    struct dp_mirror *mirror = state->mirror;
    struct dp_source *s = &mirror->source;
    if (mirror->gone)
        return;
    set_publisher(mirror, state);
    for (unsigned i = 0; i < HR_RIDS_MAX; i++)
        if (s->streams[i])
            set_stream(w, s->streams[i], &state->streams[i]);
    struct dp_stream *best = state->best < 0 ? NULL : s->streams[state->best];
    if (best != s->best)
        dp_layers_choose(w, s, best);
    dp_mirror_ask(w, s);
}

void dp_mirror_told(struct dp_worker *w, struct rte_mbuf *m)
{
    take_state(w, rte_pktmbuf_mtod(m, const struct dp_mirror_state *));
    rte_pktmbuf_free(m);
}

void dp_mirror_sync(struct dp_mirror *mirror)
{
    struct dp_mirror_state state = {.mirror = mirror};
    describe(mirror->origin, &state);
    take_state(mirror->worker, &state);
    mirror->version = mirror->origin->version;
}

bool dp_mirror_receive(struct rte_mbuf *m)
{
    struct dp_packet *p = dp_packet(m);
    struct dp_source *s = &p->mirror->source;
    p->source = s;
    p->stream = s->streams[p->layer];
    if (p->rekey && p->stream && p->stream->begun)
        p->stream->packets++;
    else
        p->rekey = false;
    if (p->rekey && p->keyframe)
        dp_keyframe_came(p->stream);
    p->rekey = p->rekey && s->fan_count > 0;
    return p->rekey || s->opaque.count > 0;
}

void dp_mirror_ask(struct dp_worker *w, struct dp_source *s)
{
    struct rte_mbuf *m;
    if (!s->mirror->again && !dp_keyframe_due(w, s))
        return;
    struct dp_mirror_request *request = message(w, sizeof(*request), &m);
    uint32_t streams = 0;
    if (request == NULL)
        return;
    for (unsigned i = 0; i < HR_RIDS_MAX; i++)
        if (s->streams[i] && s->streams[i]->keyframe_wanted)
            streams |= UINT32_C(1) << i;
    *request = (struct dp_mirror_request){
        .source = s->mirror->origin,
        .streams = streams,
        .again = s->mirror->again,
    };
    dp_packet(m)->arrival = w->now;
    if (!dp_peers_tell(w, s->mirror->origin->endpoint->worker, m, DP_PEER_KEYFRAME)) {
        rte_pktmbuf_free(m);
        return;
    }
    for (unsigned i = 0; i < HR_RIDS_MAX; i++)
        if (s->streams[i])
            s->streams[i]->keyframe_wanted = false;
    if (streams)
        s->keyframe_sent = w->now;
    s->mirror->again = false;
}

static void visit(struct dp_worker *w, struct dp_mirror *mirror)
{
    for (unsigned i = 0; i < HR_RIDS_MAX; i++)
        if (mirror->source.streams[i])
            dp_history_expire(&mirror->source.streams[i]->history, &w->session->budget, w->now);
    dp_mirror_ask(w, &mirror->source);
}

void dp_mirrors_tick(struct dp_worker *w, uint64_t round)
{
    struct dp_session *s = w->session;
    uint32_t count = s->mirrors_count;
    if (count == 0 || w->now < s->mirrors_at)
        return;
    if (w->now - s->mirrors_at > round)
        s->mirrors_at = w->now - round;
    for (uint32_t i = 0; i < count && s->mirrors_at <= w->now; i++) {
        if (s->tick_mirror == NULL)
            s->tick_mirror = TAILQ_FIRST(&s->mirrors);
        visit(w, s->tick_mirror);
        s->tick_mirror = TAILQ_NEXT(s->tick_mirror, of_session);
        s->mirrors_at += round / count;
    }
}
