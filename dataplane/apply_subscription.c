#include "dataplane/apply_call.h"
#include "dataplane/mirror.h"
#include "dataplane/send.h"
#include "dataplane/subscription.h"

#include <rte_random.h>
#include <stdlib.h>
#include <string.h>

#define FAN_MIN 8
#define FIRST_INDEX_MASK                                                                           \
    0x7FFF /* below 2^15, so a receiver that loses the first packets still guesses right */

struct subscription_work {
    struct dp_call_work call;
    struct dp_subscription *subscription;
    struct dp_subscription_conf conf;
    struct dp_source *source; /* the worker's view of it */
    struct dp_mirror *mirror; /* that is new with it, or NULL */
    struct dp_send *send;     /* likewise */
    bool link;
    /* Larger tables, if needed; the worker swaps them, and what is here then is the old ones. */
    struct dp_subscription **fan;
    uint32_t fan_size;
    struct dp_ssrc_slot *out;
    uint32_t out_size;
    void *legs;
    uint32_t legs_size;
};

static void swap_fan(struct subscription_work *job)
{
    struct dp_source *s = job->source;
    struct dp_subscription **old = s->fan;
    if (s->fan_count)
        memcpy(job->fan, old, s->fan_count * sizeof(*old));
    s->fan = job->fan;
    s->fan_size = job->fan_size;
    job->fan = old;
}

static void swap_out(struct subscription_work *job)
{
    struct dp_endpoint *e = job->subscription->endpoint;
    job->out = dp_ssrcs_grow(&e->out, job->out, job->out_size);
    if (job->out == e->out_few)
        job->out = NULL;
}

static void run(struct dp_worker *w, struct dp_work *work)
{
    struct subscription_work *job = container_of(work, struct subscription_work, call.work);
    struct dp_subscription *s = job->subscription;
    if (job->mirror && job->mirror->worker != w)
        dp_mirror_publish(job->mirror->origin, job->mirror);
    if (s->endpoint->worker != w)
        return;
    if (job->mirror)
        dp_mirror_link(w, job->mirror);
    if (job->out)
        swap_out(job);
    if (job->fan)
        swap_fan(job);
    if (job->legs)
        job->legs = dp_opaque_grow(&job->source->opaque, job->legs, job->legs_size);
    if (job->send)
        dp_send_begin(w, s->endpoint, job->send);
    if (job->link)
        dp_subscription_link(w, s);
    dp_subscription_configure(w, s, &job->conf);
    dp_subscription_attach(w, s, job->source);
}

static void release_conf(struct dp_subscription_conf *conf)
{
    dp_intern_release(conf->pt);
    dp_intern_release(conf->cname);
    dp_intern_release(conf->mid);
}

static void done(struct dp_work *work)
{
    struct subscription_work *job = container_of(work, struct subscription_work, call.work);
    dp_call_done(&job->call);
    release_conf(&job->conf);
    free(job->fan);
    free(job->out);
    free(job->legs);
    free(job);
}

/* ---- checks */

static enum hr_error read_payload_map(struct dp_call *c, uint8_t pt[2 * DP_PAYLOAD_TYPES])
{
    const Headrace__SubscriptionPut *put = c->cmd->subscription_put;
    if (put->n_payload_map > HR_PAYLOADS_MAX)
        return dp_call_refuse(c, HR_ERROR_INVALID, "subscription %u: more than %d payload types",
                              put->id, HR_PAYLOADS_MAX);
    memset(pt, DP_PT_NONE, 2 * DP_PAYLOAD_TYPES);
    for (size_t i = 0; i < put->n_payload_map; i++) {
        const Headrace__PayloadMap *map = put->payload_map[i];
        if (map->from >= DP_PAYLOAD_TYPES || map->to >= DP_PAYLOAD_TYPES ||
            map->rtx >= DP_PAYLOAD_TYPES || pt[map->from] != DP_PT_NONE)
            return dp_call_refuse(c, HR_ERROR_INVALID,
                                  "subscription %u: payload type %u to %u: out of range or twice",
                                  put->id, map->from, map->to);
        pt[map->from] = (uint8_t)map->to;
        if (map->rtx)
            pt[DP_PAYLOAD_TYPES + map->to] = (uint8_t)map->rtx;
    }
    return HR_ERROR_OK;
}

/* Where it succeeds, conf is released with release_conf(). */
static enum hr_error read_conf(struct dp_call *c, struct dp_subscription_conf *conf)
{
    uint8_t pt[2 * DP_PAYLOAD_TYPES];
    const Headrace__SubscriptionPut *put = c->cmd->subscription_put;
    if (put->cookie.len > HR_COOKIE_MAX)
        return dp_call_refuse(c, HR_ERROR_INVALID, "subscription %u: cookie longer than %d bytes",
                              put->id, HR_COOKIE_MAX);
    if (strlen(put->mid) > HR_MID_MAX || strlen(put->cname) > HR_CNAME_MAX)
        return dp_call_refuse(c, HR_ERROR_INVALID,
                              "subscription %u: mid longer than %d or cname than %d bytes", put->id,
                              HR_MID_MAX, HR_CNAME_MAX);
    if (put->max_width > UINT16_MAX || put->max_height > UINT16_MAX || put->priority > UINT8_MAX)
        return dp_call_refuse(c, HR_ERROR_INVALID,
                              "subscription %u: %ux%u pixels or priority %u: out of range", put->id,
                              put->max_width, put->max_height, put->priority);
    enum hr_error error = read_payload_map(c, pt);
    if (error)
        return error;
    conf->paused = put->paused;
    conf->transport_cc = put->transport_cc;
    conf->priority = (uint8_t)put->priority;
    conf->max_width = (uint16_t)put->max_width;
    conf->max_height = (uint16_t)put->max_height;
    conf->pt = dp_intern(&c->objects->interns, pt, sizeof(pt));
    conf->cname = dp_intern(&c->objects->interns, put->cname, (uint32_t)strlen(put->cname) + 1);
    conf->mid = dp_intern(&c->objects->interns, put->mid, (uint32_t)strlen(put->mid));
    if (conf->pt && conf->cname && conf->mid)
        return HR_ERROR_OK;
    release_conf(conf);
    return dp_call_refuse(c, HR_ERROR_MEMORY, "subscription %u: no memory", put->id);
}

static bool ssrc_used(const struct dp_endpoint_object *e, uint32_t ssrc)
{
    const struct dp_subscription_object *o;
    if (ssrc == 0)
        return false;
    TAILQ_FOREACH (o, &e->subscriptions, of_endpoint)
        if (dp_subscription_ssrc(o->subscription) == ssrc || o->rtx_ssrc == ssrc)
            return true;
    for (uint32_t i = 0; i < e->retired_count; i++)
        if (e->retired[i] == ssrc)
            return true;
    return false;
}

/* What leaves bit for bit is under a key that others use too, so the relay sends nothing of its own
 * there. */
static enum hr_error check_opaque(struct dp_call *c, const struct dp_endpoint_object *e)
{
    const Headrace__SubscriptionPut *put = c->cmd->subscription_put;
    if (put->opaque && (put->ssrc || put->rtx_ssrc || put->n_payload_map))
        return dp_call_refuse(c, HR_ERROR_INVALID,
                              "subscription %u: opaque, and with SSRC or payload types", put->id);
    bool used = e->subscriptions_count || e->retired_count || e->opaque;
    if (used && put->opaque != e->opaque)
        return dp_call_refuse(c, HR_ERROR_INVALID, "subscription %u: endpoint %u has had %s",
                              put->id, e->id,
                              e->opaque ? "opaque subscriptions" : "others than opaque ones");
    return HR_ERROR_OK;
}

static enum hr_error check_new(struct dp_call *c, const struct dp_endpoint_object *e)
{
    const Headrace__SubscriptionPut *put = c->cmd->subscription_put;
    uint32_t limit = c->dp->config->dataplane.subscriptions;
    if (!put->opaque && (put->ssrc == 0 || put->ssrc == put->rtx_ssrc))
        return dp_call_refuse(c, HR_ERROR_INVALID,
                              "subscription %u: SSRC %u is 0 or the RTX one's too", put->id,
                              put->ssrc);
    if (ssrc_used(e, put->ssrc) || ssrc_used(e, put->rtx_ssrc))
        return dp_call_refuse(c, HR_ERROR_KEY_REUSE,
                              "subscription %u: SSRC %u or %u was used before at endpoint %u",
                              put->id, put->ssrc, put->rtx_ssrc, e->id);
    if (c->objects->subscriptions.count >= limit)
        return dp_call_refuse(c, HR_ERROR_LIMIT, "subscription %u: there are %u already", put->id,
                              limit);
    if (e->subscriptions_count >= DP_ENDPOINT_SUBSCRIPTIONS_MAX)
        return dp_call_refuse(c, HR_ERROR_LIMIT, "subscription %u: endpoint %u has %d already",
                              put->id, e->id, DP_ENDPOINT_SUBSCRIPTIONS_MAX);
    if (!put->opaque && e->retired_count >= DP_RETIRED_SSRCS_MAX)
        return dp_call_refuse(c, HR_ERROR_LIMIT,
                              "subscription %u: endpoint %u has used up its SSRCs", put->id, e->id);
    return HR_ERROR_OK;
}

static enum hr_error check_same(struct dp_call *c, const struct dp_subscription_object *o)
{
    const Headrace__SubscriptionPut *put = c->cmd->subscription_put;
    if (o->endpoint->id != put->endpoint)
        return dp_call_refuse(c, HR_ERROR_INVALID, "subscription %u: is endpoint %u's, not %u's",
                              o->id, o->endpoint->id, put->endpoint);
    if (dp_subscription_ssrc(o->subscription) != put->ssrc || o->rtx_ssrc != put->rtx_ssrc)
        return dp_call_refuse(c, HR_ERROR_INVALID, "subscription %u: SSRCs cannot change", o->id);
    return HR_ERROR_OK;
}

/* ---- making it */

static struct dp_subscription *subscription_new(const struct dp_call *c,
                                                const struct dp_endpoint_object *e)
{
    const Headrace__SubscriptionPut *put = c->cmd->subscription_put;
    struct dp_subscription *s = dp_new(sizeof(*s));
    if (s == NULL)
        return NULL;
    s->id = put->id;
    s->endpoint = e->endpoint;
    s->opaque = put->opaque;
    if (s->opaque)
        return s;
    s->ssrc_be = rte_cpu_to_be_32(put->ssrc);
    s->rtx_ssrc = put->rtx_ssrc;
    s->rtx_next = rte_rand() & FIRST_INDEX_MASK;
    dp_seqmap_init(&s->seqmap, rte_rand() & FIRST_INDEX_MASK);
    dp_tsmap_init(&s->tsmap);
    return s;
}

static struct dp_subscription_object *object_new(const struct dp_call *c,
                                                 struct dp_endpoint_object *e)
{
    const Headrace__SubscriptionPut *put = c->cmd->subscription_put;
    struct dp_subscription_object *o = calloc(1, sizeof(*o));
    struct dp_subscription *s = subscription_new(c, e);
    if (o == NULL || s == NULL) {
        free(o);
        dp_subscription_free(s);
        return NULL;
    }
    *o = (struct dp_subscription_object){
        .id = put->id, .subscription = s, .endpoint = e, .rtx_ssrc = put->rtx_ssrc};
    return o;
}

static bool add_legs(struct subscription_work *job, const struct dp_view *view)
{
    job->legs_size = RTE_MAX(2 * view->opaque_size, (uint32_t)FAN_MIN);
    job->legs = dp_new(dp_opaque_bytes(job->legs_size));
    return job->legs;
}

/* Tables that would not hold one more get larger ones. */
static bool grow_tables(struct subscription_work *job, const struct dp_subscription_object *o,
                        const struct dp_source_object *source, bool is_new)
{
    const struct dp_endpoint_object *e = o->endpoint;
    if (is_new && !o->subscription->opaque && 2 * (e->subscriptions_count + 1) > e->out_size) {
        job->out_size = 2 * e->out_size;
        job->out = calloc(job->out_size, sizeof(*job->out));
        if (job->out == NULL)
            return false;
    }
    const struct dp_view *view = source ? &source->views[e->worker->id] : NULL;
    if (o->subscription->opaque)
        return view == NULL || source == o->source || view->opaque < view->opaque_size ||
               add_legs(job, view);
    if (view && source != o->source && view->subscribers == view->fan_size) {
        job->fan_size = RTE_MAX(2 * view->fan_size, (uint32_t)FAN_MIN);
        job->fan = calloc(job->fan_size, sizeof(struct dp_subscription *));
        if (job->fan == NULL)
            return false;
    }
    return true;
}

/* At the first subscription from a worker that is not the publisher's. */
static bool add_mirror(struct dp_call *c, struct subscription_work *job,
                       const struct dp_endpoint_object *e, const struct dp_source_object *source)
{
    if (source == NULL || source->endpoint->worker == e->worker ||
        source->views[e->worker->id].mirror)
        return true;
    job->mirror = dp_mirror_new(c, source, e->worker);
    return job->mirror;
}

/* At the first subscription whose receiver says how it arrives. */
static bool add_send(struct dp_call *c, struct subscription_work *job,
                     const struct dp_endpoint_object *e)
{
    const Headrace__SubscriptionPut *put = c->cmd->subscription_put;
    if (e->sending || put->opaque || !(put->transport_cc || put->remb))
        return true;
    job->send = dp_new(sizeof(*job->send));
    return job->send;
}

/* Room for the two SSRCs that its deletion will retire. */
static bool reserve_retired(struct dp_endpoint_object *e)
{
    uint32_t need = e->retired_count + 2 * (e->subscriptions_count + 1);
    if (need <= e->retired_size)
        return true;
    uint32_t size = RTE_MAX(need, 2 * e->retired_size);
    uint32_t *retired = realloc(e->retired, size * sizeof(*retired));
    if (retired == NULL)
        return false;
    e->retired = retired;
    e->retired_size = size;
    return true;
}

static void count_taker(struct dp_subscription_object *o, unsigned by)
{
    struct dp_view *view = &o->source->views[o->endpoint->worker->id];
    struct dp_source *source = o->source->source;
    if (o->subscription->opaque)
        view->opaque += by;
    else
        view->subscribers += by;
    atomic_fetch_add(o->subscription->opaque ? &source->opaque_takers : &source->rekey_takers, by);
}

void dp_subscription_object_follow(struct dp_subscription_object *o,
                                   struct dp_source_object *source)
{
    if (o->source == source)
        return;
    if (o->source) {
        TAILQ_REMOVE(&o->source->subscribers, o, of_source);
        count_taker(o, -1u);
    }
    o->source = source;
    if (source) {
        TAILQ_INSERT_TAIL(&source->subscribers, o, of_source);
        count_taker(o, 1);
    }
}

static void commit(struct dp_call *c, struct dp_subscription_object *o,
                   struct dp_source_object *source, struct subscription_work *job)
{
    if (job->link) {
        dp_index_add(&c->objects->subscriptions, o->id, o);
        TAILQ_INSERT_TAIL(&o->endpoint->subscriptions, o, of_endpoint);
        o->endpoint->subscriptions_count++;
        o->endpoint->opaque = o->subscription->opaque;
        if (o->subscription->opaque)
            atomic_store(&c->dp->opaque, true);
    }
    if (job->out)
        o->endpoint->out_size = job->out_size;
    if (job->send)
        o->endpoint->sending = true;
    struct dp_worker *worker = o->endpoint->worker;
    uint64_t workers = UINT64_C(1) << worker->id;
    if (job->fan)
        source->views[worker->id].fan_size = job->fan_size;
    if (job->legs)
        source->views[worker->id].opaque_size = job->legs_size;
    if (job->mirror) {
        source->views[worker->id].mirror = job->mirror;
        workers |= UINT64_C(1) << source->endpoint->worker->id;
    }
    dp_subscription_object_follow(o, source);
    job->call.work = (struct dp_work){.run = run, .done = done};
    job->subscription = o->subscription;
    job->source = source ? dp_view_source(source, worker) : NULL;
    dp_call_post_all(c->dp, &job->call, workers);
}

static enum hr_error unmake(struct dp_call *c, struct subscription_work *job, struct dp_put *packed,
                            struct dp_subscription_object *new_object)
{
    if (job) {
        dp_mirror_free(job->mirror);
        free(job->send);
        free(job->fan);
        free(job->out);
        free(job->legs);
    }
    free(job);
    dp_put_free(packed);
    if (new_object)
        dp_subscription_object_free(new_object);
    return dp_call_refuse(c, HR_ERROR_MEMORY, "subscription %u: no memory",
                          c->cmd->subscription_put->id);
}

static enum hr_error make(struct dp_call *c, struct dp_endpoint_object *e,
                          struct dp_subscription_object *o, struct dp_subscription_conf *conf)
{
    const Headrace__SubscriptionPut *put = c->cmd->subscription_put;
    struct dp_source_object *source = dp_index_find(&c->objects->sources, put->source);
    bool is_new = o == NULL;
    struct subscription_work *job = dp_call_work_new(c, sizeof(*job));
    struct dp_put packed = {0};
    if (is_new)
        o = object_new(c, e);
    if (job == NULL || o == NULL || dp_put_pack(&packed, &put->base) ||
        !grow_tables(job, o, source, is_new) || !add_mirror(c, job, e, source) ||
        !add_send(c, job, e) || !reserve_retired(e) ||
        dp_index_reserve(&c->objects->subscriptions)) {
        release_conf(conf);
        return unmake(c, job, &packed, is_new ? o : NULL);
    }
    job->conf = *conf;
    job->link = is_new;
    dp_put_free(&o->put);
    o->put = packed;
    commit(c, o, source, job);
    return HR_ERROR_OK;
}

enum hr_error dp_apply_subscription_put(struct dp_call *c)
{
    const Headrace__SubscriptionPut *put = c->cmd->subscription_put;
    struct dp_endpoint_object *e = dp_index_find(&c->objects->endpoints, put->endpoint);
    struct dp_subscription_object *o = dp_index_find(&c->objects->subscriptions, put->id);
    struct dp_subscription_conf conf = {0};
    if (put->id == 0)
        return dp_call_refuse(c, HR_ERROR_INVALID, "subscription 0: the id is never 0");
    if (e == NULL)
        return dp_call_refuse(c, HR_ERROR_NOT_FOUND, "subscription %u: there is no endpoint %u",
                              put->id, put->endpoint);
    if (put->source && dp_index_find(&c->objects->sources, put->source) == NULL)
        return dp_call_refuse(c, HR_ERROR_NOT_FOUND, "subscription %u: there is no source %u",
                              put->id, put->source);
    enum hr_error error = dp_pass_refuse_media(c, e);
    if (!error)
        error = read_conf(c, &conf);
    if (!error)
        error = o ? check_same(c, o) : check_new(c, e);
    if (!error)
        error = check_opaque(c, e);
    if (!error)
        return make(c, e, o, &conf);
    release_conf(&conf);
    return error;
}
