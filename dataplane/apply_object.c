/* Commands about an object that is there: take it away, or ask its publisher for a key frame. */
#include "dataplane/apply_call.h"
#include "dataplane/endpoint.h"
#include "dataplane/keyframe.h"
#include "dataplane/mirror.h"
#include "dataplane/reports.h"
#include "dataplane/source.h"
#include "dataplane/subscription.h"

#include <stdlib.h>

/* One of the three is set. Main has taken it out of its tables; done() frees it. */
struct delete_work {
    struct dp_call_work call;
    struct dp_later later;
    struct dp_endpoint_object *endpoint;
    struct dp_source_object *source;
    struct dp_subscription_object *subscription;
    struct dp_flow_slots flows; /* to release */
    struct dp_pass_news news;   /* to the endpoint's peer */
    unsigned news_count;
};

static void delete_source(struct dp_worker *w, const struct dp_source_object *o)
{
    if (o->views[w->id].mirror)
        dp_mirror_unlink(w, o->views[w->id].mirror);
    else
        dp_source_unlink(w, o->source);
}

static void delete_endpoint(struct dp_worker *w, const struct dp_endpoint_object *o)
{
    const struct dp_source_object *source;
    if (o->worker == w) {
        dp_endpoint_unlink(w, o->endpoint);
        return;
    }
    TAILQ_FOREACH (source, &o->sources, of_endpoint)
        if (source->views[w->id].mirror)
            dp_mirror_unlink(w, source->views[w->id].mirror);
}

static void end_subscription(struct dp_worker *w, struct dp_subscription *s)
{
    dp_reports_bye(w, s);
    dp_subscription_unlink(w, s);
}

static void run_delete(struct dp_worker *w, struct dp_work *work)
{
    struct delete_work *job = container_of(work, struct delete_work, call.work);
    if (job->news_count && job->news.endpoint->worker == w)
        dp_pass_learn(&job->news);
    if (job->endpoint)
        delete_endpoint(w, job->endpoint);
    else if (job->source)
        delete_source(w, job->source);
    else
        end_subscription(w, job->subscription->subscription);
}

static void leave_room(const struct dp_source_object *o)
{
    if (o->room == NULL)
        return;
    dp_room_leave(o->room, o);
    dp_room_release(o->room);
}

/* No worker takes packets of them any more. */
static void leave_rooms(const struct delete_work *job)
{
    const struct dp_source_object *source;
    if (job->source)
        leave_room(job->source);
    if (job->endpoint)
        TAILQ_FOREACH (source, &job->endpoint->sources, of_endpoint)
            leave_room(source);
}

static void free_deleted(struct dp_later *later)
{
    struct delete_work *job = container_of(later, struct delete_work, later);
    dp_flows_release_all(job->call.objects->dp->flows, &job->flows);
    if (job->endpoint)
        dp_endpoint_object_free(job->endpoint);
    else if (job->source)
        dp_source_object_free(job->source);
    else
        dp_subscription_object_free(job->subscription);
    free(job);
}

static void done_delete(struct dp_work *work)
{
    struct delete_work *job = container_of(work, struct delete_work, call.work);
    leave_rooms(job);
    dp_call_done(&job->call);
    job->later.run = free_deleted;
    dp_later(job->call.objects->dp, &job->later);
}

/* Its SSRCs are never sent under this key again; the room was made when it was put. */
static void forget_subscription(struct dp_objects *objects, struct dp_subscription_object *o)
{
    struct dp_endpoint_object *e = o->endpoint;
    uint32_t ssrc = dp_subscription_ssrc(o->subscription);
    if (ssrc)
        e->retired[e->retired_count++] = ssrc;
    if (o->rtx_ssrc)
        e->retired[e->retired_count++] = o->rtx_ssrc;
    e->subscriptions_count--;
    dp_index_remove(&objects->subscriptions, o->id);
    dp_subscription_object_follow(o, NULL);
}

static void forget_source(struct dp_objects *objects, struct dp_source_object *o)
{
    while (!TAILQ_EMPTY(&o->subscribers)) {
        struct dp_subscription_object *sub = TAILQ_FIRST(&o->subscribers);
        TAILQ_REMOVE(&o->subscribers, sub, of_source);
        sub->source = NULL;
    }
    o->endpoint->sources_count--;
    dp_index_remove(&objects->sources, o->id);
}

/* What hangs on the endpoint leaves the tables, but stays on its lists, to be freed with it. */
static void forget_endpoint(struct dp_objects *objects, struct dp_endpoint_object *o,
                            struct dp_flow_slots *old)
{
    const struct dp_flow_set none = {.n = 0};
    struct dp_subscription_object *sub;
    struct dp_source_object *source;
    TAILQ_FOREACH (sub, &o->subscriptions, of_endpoint)
        forget_subscription(objects, sub);
    TAILQ_FOREACH (source, &o->sources, of_endpoint)
        forget_source(objects, source);
    dp_latch_forget(objects, o);
    dp_index_remove(&objects->endpoints, o->id);
    dp_flows_change(objects->dp->flows, o->endpoint, &o->flows, &none, old);
}

static bool find(struct dp_objects *objects, const Headrace__ObjectDelete *what,
                 struct delete_work *job)
{
    switch (what->type) {
    case HEADRACE__OBJECT_DELETE__TYPE__ENDPOINT:
        job->endpoint = dp_index_find(&objects->endpoints, what->id);
        return job->endpoint;
    case HEADRACE__OBJECT_DELETE__TYPE__SOURCE:
        job->source = dp_index_find(&objects->sources, what->id);
        return job->source;
    case HEADRACE__OBJECT_DELETE__TYPE__SUBSCRIPTION:
        job->subscription = dp_index_find(&objects->subscriptions, what->id);
        return job->subscription;
    default:
        return false;
    }
}

/* The workers that have a part of it. */
static uint64_t forget(struct dp_objects *objects, struct delete_work *job)
{
    if (job->endpoint) {
        uint64_t workers = UINT64_C(1) << job->endpoint->worker->id;
        const struct dp_source_object *source;
        TAILQ_FOREACH (source, &job->endpoint->sources, of_endpoint)
            workers |= dp_view_workers(objects, source);
        job->news_count = dp_pass_delete(objects, job->endpoint, &job->news);
        if (job->news_count)
            workers |= UINT64_C(1) << job->news.endpoint->worker->id;
        forget_endpoint(objects, job->endpoint, &job->flows);
        return workers;
    }
    if (job->source) {
        struct dp_endpoint_object *e = job->source->endpoint;
        forget_source(objects, job->source);
        TAILQ_REMOVE(&e->sources, job->source, of_endpoint);
        return dp_view_workers(objects, job->source);
    }
    struct dp_endpoint_object *e = job->subscription->endpoint;
    forget_subscription(objects, job->subscription);
    TAILQ_REMOVE(&e->subscriptions, job->subscription, of_endpoint);
    return UINT64_C(1) << e->worker->id;
}

enum hr_error dp_apply_object_delete(struct dp_call *c)
{
    const Headrace__ObjectDelete *what = c->cmd->object_delete;
    struct delete_work *job = dp_call_work_new(c, sizeof(*job));
    if (job == NULL)
        return dp_call_refuse(c, HR_ERROR_MEMORY, "delete: no memory");
    job->call.work = (struct dp_work){.run = run_delete, .done = done_delete};
    if (!find(c->objects, what, job)) {
        free(job);
        return dp_call_refuse(c, HR_ERROR_NOT_FOUND, "delete: there is no object %u of type %d",
                              what->id, (int)what->type);
    }
    dp_call_post_all(c->dp, &job->call, forget(c->objects, job));
    return HR_ERROR_OK;
}

struct keyframe_work {
    struct dp_call_work call;
    struct dp_source *source;
};

static void run_keyframe(struct dp_worker *w, struct dp_work *work)
{
    struct dp_source *s = container_of(work, struct keyframe_work, call.work)->source;
    if (s->best)
        dp_keyframe_want(s->best);
}

static void done_keyframe(struct dp_work *work)
{
    struct keyframe_work *job = container_of(work, struct keyframe_work, call.work);
    dp_call_done(&job->call);
    free(job);
}

enum hr_error dp_apply_keyframe_request(struct dp_call *c)
{
    uint32_t id = c->cmd->keyframe_request->source;
    const struct dp_source_object *o = dp_index_find(&c->objects->sources, id);
    if (o == NULL)
        return dp_call_refuse(c, HR_ERROR_NOT_FOUND, "keyframe request: there is no source %u", id);
    struct keyframe_work *job = dp_call_work_new(c, sizeof(*job));
    if (job == NULL)
        return dp_call_refuse(c, HR_ERROR_MEMORY, "keyframe request: no memory");
    job->call.work = (struct dp_work){.run = run_keyframe, .done = done_keyframe};
    job->source = o->source;
    dp_call_post(o->endpoint->worker, &job->call);
    return HR_ERROR_OK;
}
