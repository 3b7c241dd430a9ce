#include "dataplane/allocation.h"

#include "dataplane/dataplane.h"
#include "dataplane/layers.h"
#include "dataplane/send.h"
#include "dataplane/subscription.h"

#define OVERLOAD  3 / 2 /* times the budget: then what is too large stops at once */
#define LOST      0.05
#define BEGIN_MS  1000
#define UNLIMITED (UINT64_MAX / 1024)

/* An endpoint's videos, side by side. */
struct plan {
    unsigned n;
    struct dp_subscription *subs[DP_ALLOCATE_MAX];
    struct dp_allocate_want wants[DP_ALLOCATE_MAX];
    struct dp_layer layers[DP_ALLOCATE_MAX][DP_LAYERS_MAX];
};

static bool is_video(const struct dp_subscription *s)
{
    return s->source && s->source->conf.video && !s->opaque;
}

/* Audio is not given up, so it is taken from the budget first. */
static uint64_t audio_of(const struct dp_endpoint *e)
{
    const struct dp_subscription *s;
    uint64_t rate = 0;
    TAILQ_FOREACH (s, &e->subscriptions, of_endpoint)
        if (s->source && !s->source->conf.video && s->stream)
            rate += s->stream->rate;
    return rate;
}

static int now_of(const struct dp_subscription *s, const struct dp_allocate_want *w)
{
    const struct dp_stream *st = s->wanted ? s->wanted : s->stream;
    for (unsigned i = 0; st && i < w->count; i++)
        if (w->layers[i].stream == st->layer)
            return (int)i;
    return -1;
}

static void add(struct plan *p, struct dp_subscription *s)
{
    struct dp_allocate_want *w = &p->wants[p->n];
    unsigned count = dp_layers_list(s->source, p->layers[p->n]);
    if (count == 0)
        return;
    *w = (struct dp_allocate_want){
        .priority = s->conf.priority,
        .max_width = s->conf.max_width,
        .max_height = s->conf.max_height,
        .layers = p->layers[p->n],
        .count = (uint8_t)count,
    };
    w->now = (int8_t)now_of(s, w);
    p->subs[p->n++] = s;
}

static void gather(struct plan *p, const struct dp_endpoint *e)
{
    struct dp_subscription *s;
    p->n = 0;
    TAILQ_FOREACH (s, &e->subscriptions, of_endpoint)
        if (is_video(s) && !s->conf.paused && p->n < DP_ALLOCATE_MAX)
            add(p, s);
}

/* The link says so itself: delay grows, or much is lost. */
static bool congested(const struct dp_endpoint *e)
{
    return e->send &&
           (e->send->bwe.overuse.usage == DP_BWE_OVERUSE || dp_bwe_lost(&e->send->bwe) > LOST);
}

/* What is too large by far does not go on until a smaller one's key frame comes. */
static void relieve(struct dp_subscription *s, uint64_t budget)
{
    if (s->stream && s->wanted && congested(s->endpoint) && s->stream->rate > s->wanted->rate &&
        s->stream->rate > budget * OVERLOAD)
        dp_subscription_halt(s);
}

/* A first key frame is on its way: asking for another layer's would make it later. */
static bool begins(const struct dp_worker *w, const struct dp_subscription *s)
{
    return s->stream == NULL && s->wanted && !congested(s->endpoint) &&
           w->now - s->wanted_since < dp_session_tsc(w->session, BEGIN_MS);
}

static void give(struct dp_worker *w, struct plan *p, uint64_t budget)
{
    for (unsigned i = 0; i < p->n; i++) {
        struct dp_subscription *s = p->subs[i];
        const struct dp_allocate_want *want = &p->wants[i];
        struct dp_stream *st = NULL;
        if (want->given >= 0 && begins(w, s))
            continue;
        if (want->given >= 0)
            st = s->source->streams[want->layers[want->given].stream];
        dp_layers_set(w, s, st);
        relieve(s, budget);
    }
}

/* Nobody limits it: neither feedback nor sizes, and that was so before. */
static bool unlimited(const struct dp_endpoint *e, uint64_t budget)
{
    const struct dp_subscription *s;
    if (budget != DP_SEND_UNKNOWN)
        return false;
    TAILQ_FOREACH (s, &e->subscriptions, of_endpoint)
        if (is_video(s) && (s->conf.max_height || s->conf.max_width || s->allocated))
            return false;
    return true;
}

void dp_allocation_tick(struct dp_worker *w, struct dp_endpoint *e)
{
    struct plan p;
    uint64_t budget = dp_send_budget(e);
    if (TAILQ_EMPTY(&e->subscriptions) || !dp_endpoint_ready(e) || unlimited(e, budget))
        return;
    uint64_t audio = audio_of(e);
    if (budget == DP_SEND_UNKNOWN)
        budget = UNLIMITED;
    else
        budget = budget > audio ? budget - audio : 0;
    gather(&p, e);
    uint64_t enough = dp_allocate(p.wants, p.n, budget);
    give(w, &p, budget);
    if (e->send)
        e->send->wanted = enough * 6 / 5; /* what a step up must find free, and some more */
}
