#include "dataplane/crew.h"

#include "dataplane/apply_call.h"
#include "dataplane/move.h"
#include "dataplane/park.h"
#include "dataplane/shard.h"
#include "proto/log.h"

#include <errno.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAP_US 20

/* ---- who polls what */

bool dp_crew_has(const struct dp_crew *crew, unsigned id)
{
    for (unsigned i = 0; i < crew->count; i++)
        if (crew->ids[i] == id)
            return true;
    return false;
}

static struct dp_worker *owner_of(struct dp_dataplane *dp, unsigned lane)
{
    if (dp_crew_has(&dp->crew, lane))
        return &dp->workers[lane];
    return &dp->workers[dp->crew.ids[lane % dp->crew.count]];
}

static struct dp_outlet outlet(struct dp_dataplane *dp, const struct dp_worker *w, unsigned queues)
{
    struct dp_outlet o = {.queue = DP_NO_QUEUE};

    if (queues == 0)
        return o;
    o.lender = (uint16_t)owner_of(dp, w->id % queues)->id;
    if (w->id < queues)
        o.queue = (uint16_t)w->id;
    else if (w->lanes && (unsigned)__builtin_ctzll(w->lanes) < queues)
        o.queue = (uint16_t)__builtin_ctzll(w->lanes);
    return o;
}

static void deal_out(struct dp_dataplane *dp)
{
    for (unsigned i = 0; i < dp->workers_count; i++)
        dp->workers[i].lanes = 0;
    for (unsigned lane = 0; lane < dp->workers_count; lane++)
        owner_of(dp, lane)->lanes |= UINT64_C(1) << lane;
    for (unsigned i = 0; i < dp->workers_count; i++) {
        struct dp_worker *w = &dp->workers[i];
        w->alone = dp->crew.count == 1;
        for (unsigned port = 0; port < dp->ports_count; port++)
            w->outlets[port] = outlet(dp, w, dp->ports[port].tx_queues);
        if (w->session)
            dp_session_share(w);
    }
}

static void enlist(struct dp_dataplane *dp, unsigned id)
{
    struct dp_crew *crew = &dp->crew;
    unsigned at = crew->count++;

    for (; at > 0 && crew->ids[at - 1] > id; at--)
        crew->ids[at] = crew->ids[at - 1];
    crew->ids[at] = id;
}

static void dismiss(struct dp_dataplane *dp, unsigned id)
{
    struct dp_crew *crew = &dp->crew;
    unsigned kept = 0;

    for (unsigned i = 0; i < crew->count; i++)
        if (crew->ids[i] != id)
            crew->ids[kept++] = crew->ids[i];
    crew->count = kept;
}

void dp_crew_open(struct dp_dataplane *dp, unsigned count)
{
    dp->crew.count = 0;
    for (unsigned i = 0; i < count; i++)
        enlist(dp, i);
    deal_out(dp);
}

/* ---- running */

int dp_crew_launch(struct dp_worker *w)
{
    atomic_store(&w->leaving, false);
    atomic_store(&w->running, true); /* so that it is waited for from now on */
    int err = w->dp->launch ? w->dp->launch(w) : rte_eal_remote_launch(dp_worker_main, w, w->lcore);
    if (err)
        atomic_store(&w->running, false);
    return err;
}

void dp_crew_join(struct dp_worker *w)
{
    const struct timespec nap = {.tv_nsec = NAP_US * 1000};

    if (w->dp->join)
        w->dp->join(w);
    while (atomic_load(&w->running)) {
        dp_worker_collect(w); /* so that its done ring has room for the last works */
        clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
    }
    if (!w->dp->join)
        rte_eal_wait_lcore(w->lcore);
    dp_worker_collect(w);
}

struct pin_work {
    struct dp_work work;
    int cpu;
};

static void run_pin(struct dp_worker *w, struct dp_work *work)
{
    dp_worker_pin(w, container_of(work, struct pin_work, work)->cpu);
}

static void done_pin(struct dp_work *work)
{
    free(container_of(work, struct pin_work, work));
}

/* ---- changes */

struct change {
    const struct dp_call *call;
    struct dp_dataplane *dp;
    unsigned cpus[HR_WORKERS_MAX]; /* that have no worker yet */
    unsigned cpus_count;
    unsigned spare[HR_WORKERS_MAX]; /* workers whose CPU is not wanted any more */
    unsigned spare_count;
};

static bool take_cpu(struct change *ch, int cpu)
{
    for (unsigned i = 0; i < ch->cpus_count; i++) {
        if ((int)ch->cpus[i] != cpu)
            continue;
        memmove(&ch->cpus[i], &ch->cpus[i + 1], (--ch->cpus_count - i) * sizeof(ch->cpus[0]));
        return true;
    }
    return false;
}

static int put_on_cpu(struct dp_worker *w, unsigned cpu)
{
    struct pin_work *job = calloc(1, sizeof(*job));

    if (job == NULL)
        return -ENOMEM;
    *job = (struct pin_work){.work = {.run = run_pin, .done = done_pin}, .cpu = (int)cpu};
    w->cpu = (int)cpu;
    int err = dp_worker_post(w, &job->work);
    RTE_VERIFY(err == 0); /* a full mailbox was refused before the command was looked at */
    return 0;
}

/* Workers that are over, to CPUs that lack one: nothing moves but a thread. */
static int change_cpus(struct change *ch)
{
    int err = 0;

    while (ch->spare_count && ch->cpus_count && !err) {
        err = put_on_cpu(&ch->dp->workers[ch->spare[ch->spare_count - 1]],
                         ch->cpus[ch->cpus_count - 1]);
        ch->spare_count--;
        ch->cpus_count--;
    }
    return err;
}

static struct dp_worker *idle_worker(struct dp_dataplane *dp)
{
    for (unsigned i = 0; i < dp->workers_count; i++)
        if (!dp_crew_has(&dp->crew, i))
            return &dp->workers[i];
    return NULL;
}

static int begin(struct dp_dataplane *dp, unsigned cpu)
{
    struct dp_worker *w = idle_worker(dp);

    w->cpu = (int)cpu;
    w->now = dp->workers[dp->crew.ids[0]].now;
    enlist(dp, w->id);
    int err = dp_crew_launch(w);
    if (err)
        dismiss(dp, w->id);
    return err;
}

static int add_workers(struct change *ch)
{
    int err = 0;

    if (ch->cpus_count == 0)
        return 0;
    dp_park(ch->dp);
    dp_later_run_all(ch->dp);
    for (unsigned i = 0; i < ch->cpus_count && !err; i++)
        err = begin(ch->dp, ch->cpus[i]);
    deal_out(ch->dp);
    dp_unpark(ch->dp);
    return err;
}

/* Its endpoints are others' already. */
static void end_worker(struct change *ch, struct dp_worker *w)
{
    dp_park(ch->dp);
    dp_later_run_all(ch->dp);
    dp_move_forget(ch->call, w);
    dismiss(ch->dp, w->id);
    for (unsigned i = 0; i < ch->dp->ports_count; i++)
        if (w->outlets[i].queue != DP_NO_QUEUE) /* what it has sent is not kept for later */
            rte_eth_tx_done_cleanup(ch->dp->ports[i].id, w->outlets[i].queue, 0);
    deal_out(ch->dp);
    atomic_store(&w->leaving, true);
    dp_unpark(ch->dp);
    dp_crew_join(w);
}

static int remove_workers(struct change *ch)
{
    uint64_t leaving = 0;

    for (unsigned i = 0; i < ch->spare_count; i++)
        leaving |= UINT64_C(1) << ch->spare[i];
    int err = dp_shards_deal(ch->call, leaving);
    for (unsigned i = 0; i < ch->spare_count && !err; i++)
        end_worker(ch, &ch->dp->workers[ch->spare[i]]);
    return err;
}

int dp_crew_change(const struct dp_call *c, const unsigned *cpus, unsigned count)
{
    struct change ch = {.call = c, .dp = c->dp, .cpus_count = count};

    memcpy(ch.cpus, cpus, count * sizeof(*cpus));
    for (unsigned i = 0; i < c->dp->crew.count; i++) {
        unsigned id = c->dp->crew.ids[i];
        if (!take_cpu(&ch, c->dp->workers[id].cpu))
            ch.spare[ch.spare_count++] = id;
    }
    int err = change_cpus(&ch);
    if (!err)
        err = add_workers(&ch);
    return err ? err : remove_workers(&ch);
}
