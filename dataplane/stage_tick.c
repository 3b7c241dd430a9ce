/*
 * Timers without a timer: every endpoint is visited once in DP_TICK_MS, spread evenly over the
 * time, and a visit does what is due. A visit that finds out full is done again by the next call.
 */
#include "dataplane/allocation.h"
#include "dataplane/dataplane.h"
#include "dataplane/egress.h"
#include "dataplane/keyframe.h"
#include "dataplane/layers.h"
#include "dataplane/mirror.h"
#include "dataplane/nacks.h"
#include "dataplane/reports.h"
#include "dataplane/send.h"
#include "dataplane/target.h"

#define DP_TICK_MS        50
#define KEYFRAME_AGAIN_MS 1000 /* a subscription that waits longer asks again */

static void tend_source(struct dp_worker *w, struct dp_source *s, struct dp_burst *out)
{
    for (unsigned i = 0; i < HR_RIDS_MAX; i++)
        if (s->streams[i])
            dp_history_expire(&s->streams[i]->history, &w->session->budget, w->now);
    dp_layers_tick(w, s);
    dp_keyframe_insist(w, s);
    dp_keyframe_flush(w, s, out);
    dp_mirrors_update(w, s);
}

/* Key frames get lost, or are asked for before the receiver is ready. */
static void ask_again(struct dp_worker *w, struct dp_endpoint *e)
{
    struct dp_subscription *s;
    uint64_t patience = dp_session_tsc(w->session, KEYFRAME_AGAIN_MS);
    if (!dp_endpoint_ready(e))
        return;
    TAILQ_FOREACH (s, &e->subscriptions, of_endpoint) {
        struct dp_stream *st = s->opaque ? NULL : dp_target_awaited(s);
        if (st && w->now - RTE_MAX(st->keyframe_asked, s->wanted_since) > patience)
            dp_keyframe_want(st);
    }
}

static bool visit(struct dp_worker *w, struct dp_endpoint *e, struct dp_burst *out)
{
    struct dp_source *s;
    ask_again(w, e);
    dp_allocation_tick(w, e);
    dp_send_tick(w, e);
    dp_egress_resend_tick(e);
    TAILQ_FOREACH (s, &e->sources, of_endpoint)
        tend_source(w, s, out);
    return dp_reports_publisher(w, e, out) && dp_reports_subscriber(w, e, out);
}

/* One visit; false if it has to be done again. */
static bool step(struct dp_worker *w, struct dp_burst *out)
{
    struct dp_session *s = w->session;
    if (s->tick_endpoint == NULL)
        s->tick_endpoint = TAILQ_FIRST(&s->endpoints);
    if (!visit(w, s->tick_endpoint, out))
        return false;
    s->tick_endpoint = TAILQ_NEXT(s->tick_endpoint, of_session);
    return true;
}

void dp_stage_tick(struct dp_worker *w, struct dp_burst *out)
{
    struct dp_session *s = w->session;
    uint64_t round = dp_session_tsc(s, DP_TICK_MS);
    uint32_t endpoints = s->counts.endpoints;
    dp_reports_flush(w, out);
    dp_nacks_flush(w, out);
    dp_mirrors_tick(w, round);
    if (endpoints == 0 || w->now < s->tick_at)
        return;
    if (w->now - s->tick_at > round)
        s->tick_at = w->now - round; /* behind: nobody is visited twice to catch up */
    for (uint32_t i = 0; i < endpoints && s->tick_at <= w->now; i++) {
        if (!step(w, out))
            return;
        s->tick_at += round / endpoints;
    }
}
