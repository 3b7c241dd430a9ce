#include "dataplane/allocation.h"

#include "dataplane/dataplane.h"
#include "dataplane/layers.h"
#include "dataplane/send.h"
#include "dataplane/subscription.h"

#define OVERLOAD  3 / 2 /* times the budget: then what is too large stops at once */
#define LOST      0.05
#define BEGIN_MS  1000
#define SHORT_MS  1000 /* so long a budget that is short by less than OVERLOAD is borne */
#define PAUSE_MS  2500 /* and one that is too short for the smallest pictures that are forwarded */
#define CALM_MS   1000 /* a link that has said nothing for so long */
#define WAIT_MS   6000 /* is believed for so long that it carries them */
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

static void add(struct plan *p, struct dp_subscription *s)
{
    struct dp_allocate_want *w = &p->wants[p->n];
    unsigned count = dp_layers_list(s, p->layers[p->n]);
    if (count == 0)
        return;
    *w = (struct dp_allocate_want){
        .priority = s->conf.priority,
        .max_width = s->conf.max_width,
        .max_height = s->conf.max_height,
        .layers = p->layers[p->n],
        .count = (uint8_t)count,
    };
    w->now = (int8_t)dp_layers_now(s, w->layers, count);
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
           (e->send->bwe.usage == DP_BWE_OVERUSE || dp_bwe_lost(&e->send->bwe) > LOST);
}

/* What is too large by far does not go on until a smaller one's key frame comes. */
static void relieve(struct dp_subscription *s, uint64_t budget)
{
    if (s->stream && s->wanted && congested(s->endpoint) && s->stream->rate > s->wanted->rate &&
        s->stream->rate > budget * OVERLOAD)
        dp_subscription_halt(s);
}

/* A first key frame is on its way: asking for another stream's would make it later. */
static bool begins(const struct dp_worker *w, const struct dp_subscription *s,
                   const struct dp_layer *l)
{
    return s->stream == NULL && s->wanted && s->wanted != s->source->streams[l->stream] &&
           !congested(s->endpoint) &&
           w->now - s->wanted_since < dp_session_tsc(w->session, BEGIN_MS);
}

/* What is forwarded takes now, and would take at its smallest. */
struct taken {
    uint64_t now, least;
};

static struct taken taken_of(const struct plan *p)
{
    struct taken t = {0};
    for (unsigned i = 0; i < p->n; i++) {
        const struct dp_allocate_want *w = &p->wants[i];
        if (w->now < 0)
            continue;
        t.now += w->layers[w->now].bitrate;
        t.least += RTE_MIN(w->layers[0].bitrate, w->layers[w->now].bitrate);
    }
    return t;
}

/* Whether the smallest pictures go on although there is too little for them. */
static bool bears_least(const struct dp_worker *w, const struct dp_send *s, uint64_t short_tsc)
{
    bool calm = s->bwe.answered && /* REMB says no more than a rate */
                w->now - s->congested_at > dp_session_tsc(w->session, CALM_MS);
    return short_tsc < dp_session_tsc(w->session, calm ? WAIT_MS : PAUSE_MS);
}

/* Estimates tremble, and fall below what the link carries before they find it; a switch or a pause
 * costs a key frame. So what is a little short does not count for a while, unless the link says so
 * itself, and nothing pauses for what may be over in a moment. */
static uint64_t bear(const struct dp_worker *w, const struct plan *p, struct dp_endpoint *e,
                     uint64_t budget)
{
    struct taken t = taken_of(p);
    struct dp_send *s = e->send;
    if (s == NULL)
        return budget;
    bool says = congested(e);
    if (says)
        s->congested_at = w->now;
    if (budget >= t.now) {
        s->short_since = 0;
        return budget;
    }
    if (s->short_since == 0)
        s->short_since = w->now;
    uint64_t since = w->now - s->short_since;
    if (since < dp_session_tsc(w->session, SHORT_MS) && !says && t.now <= budget * OVERLOAD)
        return t.now;
    return bears_least(w, s, since) ? RTE_MAX(budget, t.least) : budget;
}

static void give(struct dp_worker *w, struct plan *p, uint64_t budget)
{
    for (unsigned i = 0; i < p->n; i++) {
        struct dp_subscription *s = p->subs[i];
        const struct dp_allocate_want *want = &p->wants[i];
        const struct dp_layer *l = want->given < 0 ? NULL : &want->layers[want->given];
        if (l && begins(w, s, l))
            continue;
        dp_layers_set(w, s, l);
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
    budget = bear(w, &p, e, budget);
    uint64_t enough = dp_allocate(p.wants, p.n, budget);
    give(w, &p, budget);
    if (e->send)
        e->send->wanted = enough * 6 / 5; /* what a step up must find free, and some more */
}
