/*
 * A shard moves while media flows: workers are parked for as long as a few endpoints take, again
 * and again, so that a port's receive queue holds what comes meanwhile. In between, some endpoints
 * of the shard are here and some there, which nobody minds: an endpoint says whose it is.
 */
#include "dataplane/shard.h"

#include "dataplane/move.h"
#include "dataplane/park.h"

#include <errno.h>

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

int dp_shard_move(const struct dp_call *c, struct dp_shard *shard, struct dp_worker *to)
{
    int err = 0;
    shard->worker->session->counts.shards--;
    shard->worker = to;
    shard->worker->session->counts.shards++;
    struct dp_endpoint_object *o = next(c, shard, 0);
    while (o && !err)
        err = move_some(c, shard, &o);
    return err;
}

/* ---- dealing out */

static struct dp_worker *with_fewest(const struct dp_call *c, uint64_t leaving)
{
    struct dp_worker *best = NULL;
    for (unsigned i = 0; i < c->dp->crew.count; i++) {
        struct dp_worker *w = &c->dp->workers[c->dp->crew.ids[i]];
        if (leaving >> w->id & 1)
            continue;
        if (best == NULL || w->session->counts.shards < best->session->counts.shards)
            best = w;
    }
    return best;
}

/* Whether it would be better off elsewhere. */
static bool is_over(const struct dp_shard *shard, const struct dp_worker *fewest, uint64_t leaving)
{
    return leaving >> shard->worker->id & 1 ||
           shard->worker->session->counts.shards > fewest->session->counts.shards + 1;
}

static int deal(const struct dp_call *c, unsigned from, unsigned step, uint64_t leaving)
{
    int err = 0;
    for (unsigned i = from; i < c->objects->shards_count && !err; i += step) {
        struct dp_shard *shard = &c->objects->shards[i];
        struct dp_worker *fewest = with_fewest(c, leaving);
        if (is_over(shard, fewest, leaving))
            err = dp_shard_move(c, shard, fewest);
    }
    return err;
}

/* Every other one first: neighbours, which are groups that came one after the other, part. */
int dp_shards_deal(const struct dp_call *c, uint64_t leaving)
{
    int err = deal(c, 1, 2, leaving);
    return err ? err : deal(c, 0, 1, leaving);
}
