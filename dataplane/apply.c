#include "dataplane/apply_call.h"
#include "proto/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

typedef enum hr_error apply_fn(struct dp_call *c);

static const struct {
    Headrace__Command__OpCase op;
    apply_fn *apply;
} rows[] = {
    {HEADRACE__COMMAND__OP_ENDPOINT_PUT, dp_apply_endpoint_put},
    {HEADRACE__COMMAND__OP_SOURCE_PUT, dp_apply_source_put},
    {HEADRACE__COMMAND__OP_SUBSCRIPTION_PUT, dp_apply_subscription_put},
    {HEADRACE__COMMAND__OP_OBJECT_DELETE, dp_apply_object_delete},
    {HEADRACE__COMMAND__OP_KEYFRAME_REQUEST, dp_apply_keyframe_request},
    {HEADRACE__COMMAND__OP_STATS_GET, dp_apply_stats_get},
    {HEADRACE__COMMAND__OP_OBJECTS_GET, dp_apply_objects_get},
    {HEADRACE__COMMAND__OP_SHARD_MOVE, dp_apply_shard_move},
    {HEADRACE__COMMAND__OP_SHARDS_GET, dp_apply_shards_get},
    {HEADRACE__COMMAND__OP_WORKERS_SET, dp_apply_workers_set},
};

enum hr_error dp_call_refuse(struct dp_call *c, enum hr_error error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(c->detail, sizeof(c->detail), format, args);
    va_end(args);
    return error;
}

void *dp_call_work_new(const struct dp_call *c, size_t size)
{
    size_t parts = RTE_ALIGN_CEIL(size, _Alignof(struct dp_call_part));
    struct dp_call_work *work =
        calloc(1, parts + c->dp->workers_count * sizeof(struct dp_call_part));
    if (work == NULL)
        return NULL;
    work->parts = (struct dp_call_part *)((char *)work + parts);
    work->objects = c->objects;
    work->number = c->cmd->number;
    work->reply = c->reply;
    work->arg = c->arg;
    return work;
}

void dp_call_post(struct dp_worker *w, struct dp_call_work *work)
{
    int error = dp_worker_post(w, &work->work);
    RTE_VERIFY(error == 0);
}

static void run_part(struct dp_worker *w, struct dp_work *work)
{
    struct dp_call_work *call = container_of(work, struct dp_call_part, work)->call;
    call->work.run(w, &call->work);
}

static void done_part(struct dp_work *work)
{
    struct dp_call_work *call = container_of(work, struct dp_call_part, work)->call;
    if (--call->left == 0)
        call->work.done(&call->work);
}

void dp_call_post_all(struct dp_dataplane *dp, struct dp_call_work *work, uint64_t workers)
{
    work->left = (unsigned)__builtin_popcountll(workers);
    for (unsigned i = 0; i < dp->workers_count; i++) {
        if (!(workers >> i & 1))
            continue;
        work->parts[i].work = (struct dp_work){.run = run_part, .done = done_part};
        work->parts[i].call = work;
        int error = dp_worker_post(&dp->workers[i], &work->parts[i].work);
        RTE_VERIFY(error == 0);
    }
}

void dp_call_done(const struct dp_call_work *work)
{
    Headrace__Reply reply = HEADRACE__REPLY__INIT;
    reply.number = work->number;
    work->reply(work->arg, &reply);
}

static void answer(const struct dp_call *c, enum hr_error error)
{
    Headrace__Reply reply = HEADRACE__REPLY__INIT;
    reply.number = c->cmd->number;
    reply.error = error;
    reply.detail = (char *)(c->detail[0] ? c->detail : hr_error_text(error));
    c->reply(c->arg, &reply);
}

static bool a_mailbox_is_full(const struct dp_dataplane *dp)
{
    for (unsigned i = 0; i < dp->workers_count; i++)
        if (rte_ring_full(dp->workers[i].mailbox))
            return true;
    return false;
}

int dp_apply(struct dp_dataplane *dp, const Headrace__Command *cmd, dp_apply_reply_fn reply,
             void *arg)
{
    struct dp_call c = {.dp = dp, .objects = dp->objects, .cmd = cmd, .reply = reply, .arg = arg};
    if (cmd->op_case == HEADRACE__COMMAND__OP_STATUS_GET)
        return -ENOTSUP;
    if (a_mailbox_is_full(dp))
        return -EAGAIN;
    enum hr_error error = HR_ERROR_UNSUPPORTED;
    for (unsigned i = 0; i < RTE_DIM(rows); i++)
        if (rows[i].op == cmd->op_case)
            error = rows[i].apply(&c);
    if (error != HR_ERROR_OK)
        answer(&c, error);
    return 0;
}

void dp_apply_seen(struct dp_work *work)
{
    struct dp_seen *seen = container_of(work, struct dp_seen, work);
    const struct dp_objects *objects = seen->dp->objects;
    Headrace__StreamSeen what = HEADRACE__STREAM_SEEN__INIT;
    Headrace__Event event = HEADRACE__EVENT__INIT;
    what.source = seen->source;
    what.ssrc = seen->ssrc;
    what.rid = seen->rid;
    event.what_case = HEADRACE__EVENT__WHAT_STREAM_SEEN;
    event.stream_seen = &what;
    objects->event(objects->event_arg, &event);
    atomic_store_explicit(&seen->posted, false, memory_order_release);
}

static void nonce_alarm(struct dp_work *work)
{
    hr_error("a packet would have left under a key, SSRC and index used before: it was not sent; "
             "this is a bug, please report it (further ones: drop nonce_reuse)");
}

static int open_sessions(struct dp_dataplane *dp)
{
    struct dp_objects *o = dp->objects;
    for (unsigned i = 0; i < dp->workers_count; i++) {
        struct dp_worker *w = &dp->workers[i];
        int error = dp_session_new(w);
        if (error)
            return error;
        w->session->alarm.done = nonce_alarm;
        w->session->latch.worker = w;
        w->session->latch.came.done = dp_latch_came;
        w->session->latch.verdict = DP_DROPS;
    }
    for (unsigned i = 0; i < o->shards_count; i++) {
        o->shards[i].worker = &dp->workers[dp->crew.ids[i % dp->crew.count]];
        o->shards[i].worker->session->counts.shards++;
    }
    return 0;
}

static int open_objects(struct dp_dataplane *dp, dp_apply_event_fn event, void *arg)
{
    struct dp_objects *o = calloc(1, sizeof(*o));
    if (o == NULL)
        return -ENOMEM;
    dp->objects = o;
    *o = (struct dp_objects){.dp = dp, .event = event, .event_arg = arg};
    TAILQ_INIT(&o->latches);
    o->shards_count = dp->config->dataplane.shards;
    o->shards = calloc(o->shards_count, sizeof(*o->shards));
    if (o->shards == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < o->shards_count; i++)
        o->shards[i].id = i;
    return 0;
}

int dp_apply_open(struct dp_dataplane *dp, dp_apply_event_fn event, void *arg)
{
    dp_later_open(dp);
    dp->flows = dp_flows_new("headrace_flows", dp->config->dataplane.endpoints);
    if (dp->flows && open_objects(dp, event, arg) == 0 &&
        open_sessions(dp) == 0)
        return 0;
    dp_apply_close(dp);
    return -ENOMEM;
}

/* Workers have stopped, so main may write what was theirs. */
static void clear_histories(struct dp_source *s, struct dp_worker *w)
{
    for (unsigned i = 0; i < DP_SOURCE_STREAMS; i++)
        if (s->streams[i])
            dp_history_clear(&s->streams[i]->history, &w->session->budget);
}

static void close_objects(struct dp_objects *o)
{
    dp_rooms_free(o);
    struct dp_endpoint_object *e;
    while ((e = dp_index_next(&o->endpoints, 0)) != NULL) {
        struct dp_source_object *source;
        TAILQ_FOREACH (source, &e->sources, of_endpoint)
            for (unsigned i = 0; i < o->dp->workers_count; i++)
                clear_histories(dp_view_source(source, &o->dp->workers[i]), &o->dp->workers[i]);
        dp_index_remove(&o->endpoints, e->id);
        dp_endpoint_object_free(e);
    }
    dp_index_free(&o->endpoints);
    dp_index_free(&o->sources);
    dp_index_free(&o->subscriptions);
    free(o->shards);
    free(o);
}

void dp_apply_close(struct dp_dataplane *dp)
{
    dp_later_run_all(dp);
    if (dp->objects)
        close_objects(dp->objects);
    dp->objects = NULL;
    for (unsigned i = 0; i < dp->workers_count; i++)
        dp_session_free(&dp->workers[i]);
    dp_flows_free(dp->flows);
    dp->flows = NULL;
}
