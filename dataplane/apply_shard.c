/* Commands about shards and workers. All of them main's alone; media goes on meanwhile. */
#include "dataplane/cores.h"
#include "dataplane/crew.h"
#include "dataplane/shard.h"
#include "dataplane/subscription.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SHARDS_PER_REPLY 512 /* of about 40 bytes: a slot of the event ring holds them */

static enum hr_error answered(const struct dp_call *c, Headrace__Shards *shards)
{
    Headrace__Reply reply = HEADRACE__REPLY__INIT;
    reply.number = c->cmd->number;
    reply.shards = shards;
    c->reply(c->arg, &reply);
    return HR_ERROR_OK;
}

/* ---- ShardMove */

enum hr_error dp_apply_shard_move(struct dp_call *c)
{
    uint32_t id = c->cmd->shard_move->shard, worker = c->cmd->shard_move->worker;
    if (id >= c->objects->shards_count)
        return dp_call_refuse(c, HR_ERROR_NOT_FOUND, "shard %u: there are %u", id,
                              c->objects->shards_count);
    if (!dp_crew_has(&c->dp->crew, worker))
        return dp_call_refuse(c, HR_ERROR_NOT_FOUND, "shard %u: there is no worker %u", id, worker);
    if (dp_shard_move(c, &c->objects->shards[id], &c->dp->workers[worker]))
        return dp_call_refuse(c, HR_ERROR_MEMORY, "shard %u: no memory to move all of it", id);
    return answered(c, NULL);
}

/* ---- ShardsGet */

struct page {
    Headrace__Shards shards;
    Headrace__ShardStatus status[SHARDS_PER_REPLY], *rows[SHARDS_PER_REPLY];
};

static uint64_t sent(const struct dp_endpoint_object *o)
{
    const struct dp_subscription_object *sub;
    uint64_t packets = o->endpoint->tx_packets;
    TAILQ_FOREACH (sub, &o->subscriptions, of_endpoint)
        packets += dp_subscription_packets(sub->subscription);
    return packets;
}

/* Workers go on counting: each number is right, of slightly different moments. */
static void count_endpoints(const struct dp_objects *objects, struct page *p, uint32_t from)
{
    const struct dp_endpoint_object *o;
    for (uint32_t id = 0; (o = dp_index_next(&objects->endpoints, id)) != NULL; id = o->id) {
        uint32_t at = o->endpoint->shard->id - from;
        if (at >= p->shards.n_shards)
            continue;
        p->status[at].endpoints++;
        p->status[at].subscriptions += o->subscriptions_count;
        p->status[at].rx_packets += o->endpoint->rx_packets;
        p->status[at].tx_packets += sent(o);
    }
}

enum hr_error dp_apply_shards_get(struct dp_call *c)
{
    uint32_t from = c->cmd->shards_get->from, count = c->objects->shards_count;
    struct page *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return dp_call_refuse(c, HR_ERROR_MEMORY, "shards: no memory");
    headrace__shards__init(&p->shards);
    p->shards.shards = p->rows;
    for (uint32_t id = from; id < count && p->shards.n_shards < SHARDS_PER_REPLY; id++) {
        Headrace__ShardStatus *row = &p->status[p->shards.n_shards];
        headrace__shard_status__init(row);
        row->id = id;
        row->worker = c->objects->shards[id].worker->id;
        p->rows[p->shards.n_shards++] = row;
    }
    p->shards.more = from < count && count - from > p->shards.n_shards;
    count_endpoints(c->objects, p, from);
    enum hr_error error = answered(c, &p->shards);
    free(p);
    return error;
}

/* ---- WorkersSet */

static enum hr_error read_cpus(struct dp_call *c, unsigned *cpus, unsigned *count)
{
    const char *text = c->cmd->workers_set->cpus;
    int n = dp_cores_parse(text, cpus, HR_WORKERS_MAX);
    if (n < 0 && n != -E2BIG)
        return dp_call_refuse(c, HR_ERROR_INVALID, "'%.40s' is not a list of CPUs such as 2-5,8",
                              text);
    if (n < 0 || (unsigned)n > c->dp->workers_count)
        return dp_call_refuse(c, HR_ERROR_LIMIT,
                              "'%.40s' is more than %u workers: raise dataplane.workers_max and "
                              "restart the dataplane",
                              text, c->dp->workers_count);
    for (int i = 0; i < n; i++)
        if (cpus[i] >= CPU_SETSIZE || !CPU_ISSET(cpus[i], &c->dp->cpus))
            return dp_call_refuse(c, HR_ERROR_INVALID,
                                  "CPU %u does not exist or is not allowed to the dataplane "
                                  "(taskset -cp PID shows those that are)",
                                  cpus[i]);
    *count = (unsigned)n;
    return HR_ERROR_OK;
}

enum hr_error dp_apply_workers_set(struct dp_call *c)
{
    unsigned cpus[HR_WORKERS_MAX], count = 0;
    enum hr_error error = read_cpus(c, cpus, &count);
    if (error)
        return error;
    int err = dp_crew_change(c, cpus, count);
    if (err == -ENOMEM)
        return dp_call_refuse(c, HR_ERROR_MEMORY, "no memory to move all shards; nothing is lost, "
                                                  "headrace cores shows who runs; try again");
    if (err)
        return dp_call_refuse(c, HR_ERROR_UNSUPPORTED, "a worker did not begin: %s",
                              strerror(-err));
    return answered(c, NULL);
}
