/*
 * A shard moves while media flows: workers are parked for as long as a few endpoints take, again
 * and again, so that a port's receive queue holds what comes meanwhile. In between, some endpoints
 * of the shard are here and some there, which nobody minds: an endpoint says whose it is.
 */
#include "dataplane/apply_call.h"
#include "dataplane/move.h"
#include "dataplane/park.h"

#define OBJECTS_PER_PAUSE 32

/* The next endpoint of the shard that is not there yet, or NULL. */
static struct dp_endpoint_object *next(const struct dp_call *c, const struct dp_shard *shard,
                                       uint32_t after)
{
    struct dp_endpoint_object *o;
    while ((o = dp_index_next(&c->objects->endpoints, after)) != NULL) {
        if (o->endpoint->shard == shard && o->worker != shard->worker)
            return o;
        after = o->id;
    }
    return NULL;
}

/* Moves some, from o on; *o: where to go on. 0 or -ENOMEM. */
static int move_some(const struct dp_call *c, const struct dp_shard *shard,
                     struct dp_endpoint_object **o)
{
    unsigned objects = 0;
    int err = 0;
    dp_park(c->dp);
    while (*o && objects < OBJECTS_PER_PAUSE && !err) {
        objects += dp_move_size(*o);
        err = dp_move_endpoint(c, *o, shard->worker);
        *o = next(c, shard, (*o)->id);
    }
    dp_unpark(c->dp);
    return err;
}

static void assign(struct dp_shard *shard, struct dp_worker *to)
{
    shard->worker->session->counts.shards--;
    shard->worker = to;
    shard->worker->session->counts.shards++;
}

enum hr_error dp_apply_shard_move(struct dp_call *c)
{
    const Headrace__ShardMove *put = c->cmd->shard_move;
    Headrace__Reply reply = HEADRACE__REPLY__INIT;
    uint32_t id = put->shard, worker = put->worker;
    reply.number = c->cmd->number;
    if (id >= c->objects->shards_count)
        return dp_call_refuse(c, HR_ERROR_NOT_FOUND, "shard %u: there are %u", id,
                              c->objects->shards_count);
    if (worker >= c->dp->workers_count)
        return dp_call_refuse(c, HR_ERROR_NOT_FOUND, "shard %u: there is no worker %u", id, worker);

    struct dp_shard *shard = &c->objects->shards[id];
    assign(shard, &c->dp->workers[worker]);
    struct dp_endpoint_object *o = next(c, shard, 0);
    while (o)
        if (move_some(c, shard, &o))
            return dp_call_refuse(c, HR_ERROR_MEMORY, "shard %u: no memory to move all of it", id);
    c->reply(c->arg, &reply);
    return HR_ERROR_OK;
}
