/* EndpointPut.latch: what it may be, and what main keeps of it. */
#include "dataplane/apply_call.h"
#include "dataplane/latch.h"

#include <stdlib.h>
#include <string.h>

static enum hr_error check(struct dp_call *c, const struct dp_endpoint_object *o)
{
    const Headrace__EndpointPut *put = c->cmd->endpoint_put;
    if (o && (o->latch != NULL) != put->latch)
        return dp_call_refuse(c, HR_ERROR_INVALID, "endpoint %u: latch cannot change", put->id);
    if (!put->latch && put->n_latch_ssrcs)
        return dp_call_refuse(c, HR_ERROR_INVALID, "endpoint %u: latch_ssrcs without latch",
                              put->id);
    if (!put->latch)
        return HR_ERROR_OK;
    if (put->keys == NULL || put->path || put->n_also || put->peer)
        return dp_call_refuse(c, HR_ERROR_INVALID,
                              "endpoint %u: latch needs keys, and takes no path and no peer",
                              put->id);
    if (put->n_latch_ssrcs > HR_LATCH_SSRCS_MAX)
        return dp_call_refuse(c, HR_ERROR_INVALID, "endpoint %u: more than %d latch_ssrcs", put->id,
                              HR_LATCH_SSRCS_MAX);
    return HR_ERROR_OK;
}

enum hr_error dp_latch_read(struct dp_call *c, const struct dp_endpoint_object *o,
                            struct dp_endpoint_conf *conf)
{
    enum hr_error error = check(c, o);
    if (error || !o || !o->latch || !o->latch->latched)
        return error;
    conf->path = o->latch->path;
    conf->port = &c->dp->ports[conf->path.port];
    conf->reachable = true;
    return HR_ERROR_OK;
}

int dp_latch_new(struct dp_endpoint_object *o)
{
    o->latch = calloc(1, sizeof(*o->latch));
    o->endpoint->hello = calloc(1, sizeof(*o->endpoint->hello));
    return o->latch && o->endpoint->hello ? 0 : -1;
}

void dp_latch_put(struct dp_objects *objects, struct dp_endpoint_object *o,
                  const Headrace__EndpointPut *put)
{
    struct dp_latch *l = o->latch;
    if (!l)
        return;
    l->ssrcs_count = (unsigned)put->n_latch_ssrcs;
    for (unsigned i = 0; i < l->ssrcs_count; i++)
        l->ssrcs[i] = put->latch_ssrcs[i];
    if (l->object)
        return;
    l->object = o;
    TAILQ_INSERT_TAIL(&objects->latches, l, of_objects);
    atomic_fetch_add_explicit(&objects->dp->latches, 1, memory_order_relaxed);
}

void dp_latch_forget(struct dp_objects *objects, struct dp_endpoint_object *o)
{
    if (!o->latch)
        return;
    TAILQ_REMOVE(&objects->latches, o->latch, of_objects);
    atomic_fetch_sub_explicit(&objects->dp->latches, 1, memory_order_relaxed);
}
