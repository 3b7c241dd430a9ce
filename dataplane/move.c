/*
 * A source that moves takes what its publisher's packets change along. Its subscribers stay where
 * they are: those at the old worker get a mirror, which inherits fan and histories; those at the
 * new one had a mirror, whose fan and histories become the source's own. A subscription that moves
 * goes from one worker's view of its source to another's, and stands there as it stood: with
 * nothing on its way between workers, both have seen the same packets.
 *
 * Everything that needs memory comes first, so that nothing is left half moved.
 */
#include "dataplane/move.h"

#include "dataplane/endpoint.h"
#include "dataplane/mirror.h"
#include "dataplane/subscription.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What one subscription may need at its new worker. */
struct step {
    struct dp_subscription_object *subscription;
    struct dp_mirror *mirror;
    struct dp_subscription **fan;
    uint32_t fan_size;
    void *legs;
    uint32_t legs_size;
};

struct move {
    const struct dp_call *call;
    struct dp_endpoint_object *o;
    struct dp_worker *from, *to;
    struct dp_mirror *mirrors[DP_ENDPOINT_SOURCES_MAX]; /* at from, of its sources in order */
    struct step *steps;
    unsigned steps_count;
};

/* ---- memory */

static void move_free(struct move *m)
{
    for (unsigned i = 0; i < DP_ENDPOINT_SOURCES_MAX; i++)
        dp_mirror_free(m->mirrors[i]);
    for (unsigned i = 0; i < m->steps_count; i++) {
        dp_mirror_free(m->steps[i].mirror);
        free(m->steps[i].fan);
        free(m->steps[i].legs);
    }
    free(m->steps);
}

/* How many of its subscriptions there are to one source: one, as a rule. All are of one kind. */
static uint32_t count_same(const struct move *m, const struct dp_source_object *source)
{
    uint32_t n = 0;
    for (unsigned i = 0; i < m->steps_count; i++)
        n += m->steps[i].subscription->source == source;
    return n;
}

static bool prepare_legs(const struct move *m, struct step *step)
{
    const struct dp_source_object *source = step->subscription->source;
    const struct dp_view *view = &source->views[m->to->id];
    uint32_t need = view->opaque + count_same(m, source);
    if (need <= view->opaque_size)
        return true;
    step->legs_size = rte_align32pow2(need);
    step->legs = dp_new(dp_opaque_bytes(step->legs_size));
    return step->legs;
}

static bool prepare_step(const struct move *m, struct step *step)
{
    const struct dp_source_object *source = step->subscription->source;
    const struct dp_view *view = &source->views[m->to->id];
    uint32_t need = view->subscribers + count_same(m, source);
    if (source->endpoint != m->o && source->endpoint->worker != m->to && view->mirror == NULL) {
        step->mirror = dp_mirror_new(m->call, source, m->to);
        if (step->mirror == NULL)
            return false;
    }
    if (step->subscription->subscription->opaque)
        return prepare_legs(m, step);
    if (need <= view->fan_size)
        return true;
    step->fan_size = rte_align32pow2(need);
    step->fan = calloc(step->fan_size, sizeof(struct dp_subscription *));
    return step->fan;
}

static bool prepare(struct move *m)
{
    struct dp_source_object *source;
    struct dp_subscription_object *sub;
    unsigned i = 0;
    TAILQ_FOREACH (source, &m->o->sources, of_endpoint) {
        m->mirrors[i] = dp_mirror_new(m->call, source, m->from);
        if (m->mirrors[i++] == NULL)
            return false;
    }
    m->steps = calloc(m->o->subscriptions_count + 1, sizeof(*m->steps));
    if (m->steps == NULL)
        return false;
    TAILQ_FOREACH (sub, &m->o->subscriptions, of_endpoint)
        if (sub->source)
            m->steps[m->steps_count++].subscription = sub;
    for (i = 0; i < m->steps_count; i++)
        if (!prepare_step(m, &m->steps[i]))
            return false;
    return true;
}

/* ---- sources */

static void show(struct dp_source_object *o, struct dp_mirror *mirror)
{
    dp_mirror_link(mirror->worker, mirror);
    dp_mirror_publish(o->source, mirror);
    dp_mirror_sync(mirror);
    o->views[mirror->worker->id].mirror = mirror;
}

static void hide(struct dp_source_object *o, struct dp_mirror *mirror)
{
    o->views[mirror->worker->id].mirror = NULL;
    dp_mirror_retract(o->source, mirror);
    dp_mirror_unlink(mirror->worker, mirror);
    dp_mirror_free(mirror);
}

/* A mirror that serves nobody any more. */
static void hide_unused(struct dp_source_object *o, const struct dp_worker *worker)
{
    struct dp_view *view = &o->views[worker->id];
    if (view->mirror == NULL || view->subscribers || view->opaque)
        return;
    hide(o, view->mirror);
    view->fan_size = view->opaque_size = 0;
}

/* Fan and histories change places, each with its worker's budget. */
static void swap_views(struct dp_source *a, struct dp_source *b)
{
    RTE_SWAP(a->fan, b->fan);
    RTE_SWAP(a->fan_count, b->fan_count);
    RTE_SWAP(a->fan_size, b->fan_size);
    RTE_SWAP(a->opaque, b->opaque);
    for (unsigned i = 0; i < HR_RIDS_MAX; i++)
        if (a->streams[i])
            RTE_SWAP(a->streams[i]->history, b->streams[i]->history);
}

static void rebase_fan(struct dp_source *view)
{
    for (uint32_t i = 0; i < view->fan_count; i++)
        dp_subscription_rebase(view->fan[i], view);
    dp_opaque_rebase(view);
}

static void move_source(const struct move *m, struct dp_source_object *o, struct dp_mirror *left)
{
    struct dp_mirror *joined = o->views[m->to->id].mirror;
    show(o, left);
    swap_views(o->source, &left->source);
    rebase_fan(&left->source);
    if (joined == NULL)
        return;
    swap_views(o->source, &joined->source);
    rebase_fan(o->source);
    hide(o, joined);
}

/* ---- subscriptions */

/* What may be asked for again. */
static void copy_history(const struct dp_history *from, struct dp_history *to,
                         struct dp_worker *worker)
{
    for (uint64_t index = from->low; from->size && index <= from->high; index++) {
        struct rte_mbuf *m = dp_history_find(from, index);
        if (m)
            dp_history_keep(to, &worker->session->budget, m);
    }
}

static void copy_histories(const struct dp_source *from, struct dp_source *to,
                           struct dp_worker *worker)
{
    for (unsigned i = 0; i < HR_RIDS_MAX; i++)
        if (from->streams[i])
            copy_history(&from->streams[i]->history, &to->streams[i]->history, worker);
}

static void grow_fan(struct dp_view *view, struct dp_source *s, struct step *step)
{
    if (view->subscribers < view->fan_size)
        return;
    if (s->fan_count)
        memcpy(step->fan, s->fan, s->fan_count * sizeof(*s->fan));
    RTE_SWAP(s->fan, step->fan);
    s->fan_size = view->fan_size = step->fan_size;
}

static void move_legs(const struct move *m, struct step *step, struct dp_source *to)
{
    struct dp_source_object *o = step->subscription->source;
    struct dp_view *view = &o->views[m->to->id];
    if (view->opaque == view->opaque_size) {
        step->legs = dp_opaque_grow(&to->opaque, step->legs, step->legs_size);
        view->opaque_size = step->legs_size;
    }
    dp_opaque_attach(step->subscription->subscription, to);
    view->opaque++;
    o->views[m->from->id].opaque--;
}

static void move_subscription(const struct move *m, struct step *step)
{
    struct dp_subscription *s = step->subscription->subscription;
    struct dp_source_object *o = step->subscription->source;
    struct dp_view *view = &o->views[m->to->id];
    if (o->endpoint->worker != m->to && view->mirror == NULL) {
        show(o, step->mirror);
        step->mirror = NULL;
    }
    struct dp_source *to = dp_view_source(o, m->to);
    if (s->opaque) {
        move_legs(m, step, to);
    } else {
        grow_fan(view, to, step);
        if (view->subscribers == 0) /* else it has them, from the same packets */
            copy_histories(s->source, to, m->to);
        dp_subscription_follow(s, to);
        view->subscribers++;
        o->views[m->from->id].subscribers--;
    }
    hide_unused(o, m->from);
}

static void move(struct move *m)
{
    struct dp_source_object *source;
    unsigned i = 0;
    dp_endpoint_rehome(m->o->endpoint, m->to);
    m->o->worker = m->to;
    TAILQ_FOREACH (source, &m->o->sources, of_endpoint) {
        move_source(m, source, m->mirrors[i]);
        m->mirrors[i++] = NULL;
    }
    for (i = 0; i < m->steps_count; i++)
        move_subscription(m, &m->steps[i]);
    TAILQ_FOREACH (source, &m->o->sources, of_endpoint)
        hide_unused(source, m->from);
}

int dp_move_endpoint(const struct dp_call *c, struct dp_endpoint_object *o, struct dp_worker *to)
{
    struct move m = {.call = c, .o = o, .from = o->worker, .to = to};
    int err = 0;
    if (m.from == to)
        return 0;
    if (prepare(&m))
        move(&m);
    else
        err = -ENOMEM;
    move_free(&m);
    return err;
}

void dp_move_forget(const struct dp_call *c, const struct dp_worker *from)
{
    struct dp_source_object *o;
    for (uint32_t id = 0; (o = dp_index_next(&c->objects->sources, id)) != NULL; id = o->id)
        hide_unused(o, from);
}
