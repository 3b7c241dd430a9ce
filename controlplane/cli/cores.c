/* cores, shards: who carries what in the dataplane, and changes of it while calls go on. */
#include "controlplane/cli/command.h"

#include "proto/headrace.pb-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_S 1 /* between the two looks that rates are of */

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What has been added since the look before; an object that is gone takes its share along. */
static double rate(uint64_t before, uint64_t now, double elapsed)
{
    return now > before && elapsed > 0 ? (double)(now - before) / elapsed : 0;
}

/* ---- cores */

static Headrace__Reply *ask_status(struct cli_context *c)
{
    Headrace__Command command = HEADRACE__COMMAND__INIT;
    Headrace__StatusGet get = HEADRACE__STATUS_GET__INIT;

    command.op_case = HEADRACE__COMMAND__OP_STATUS_GET;
    command.status_get = &get;
    return cli_dataplane_ask(c, &command);
}

static const Headrace__StageCounters *stage(const Headrace__WorkerStatus *w, const char *name)
{
    static const Headrace__StageCounters none = HEADRACE__STAGE_COUNTERS__INIT;

    for (size_t i = 0; i < w->n_stages; i++)
        if (!strcmp(w->stages[i]->name, name))
            return w->stages[i];
    return &none;
}

static const Headrace__WorkerStatus *find_worker(const Headrace__Status *s, uint32_t id)
{
    static const Headrace__WorkerStatus none = HEADRACE__WORKER_STATUS__INIT;

    for (size_t i = 0; i < s->n_workers; i++)
        if (s->workers[i]->id == id)
            return s->workers[i];
    return &none;
}

static json_t *worker_json(const Headrace__WorkerStatus *was, const Headrace__WorkerStatus *w,
                           double elapsed)
{
    uint64_t busy = w->busy_cycles - was->busy_cycles, total = w->total_cycles - was->total_cycles;
    uint64_t received = stage(w, "rx")->packets - stage(was, "rx")->packets;
    uint64_t sent = stage(w, "tx")->packets - stage(was, "tx")->packets;
    uint64_t packets = sent > received ? sent : received;

    return json_pack(
        "{s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:i, s:i, s:i, s:i}", "id", (int)w->id, "cpu",
        (int)w->cpu, "node", (int)w->node, "lcore", (int)w->lcore, "busy_percent",
        total ? 100.0 * (double)busy / (double)total : 0, "cycles_per_packet",
        packets ? (double)busy / (double)packets : 0, "received_per_second",
        rate(0, received, elapsed), "sent_per_second", rate(0, sent, elapsed), "shards",
        (int)w->shards, "endpoints", (int)w->endpoints, "streams", (int)w->streams, "subscriptions",
        (int)w->subscriptions);
}

json_t *cli_cores_get(struct cli_context *c)
{
    json_t *list = NULL;
    double start = seconds();
    Headrace__Reply *was = ask_status(c), *now = NULL;

    if (was) {
        sleep(LOOK_S);
        now = ask_status(c);
    }
    if (now) {
        double elapsed = seconds() - start;
        list = json_array();
        for (size_t i = 0; i < now->status->n_workers; i++) {
            const Headrace__WorkerStatus *w = now->status->workers[i];
            if (w->running)
                json_array_append_new(
                    list, worker_json(find_worker(was->status, w->id), w, elapsed));
        }
        headrace__reply__free_unpacked(now, NULL);
    }
    if (was)
        headrace__reply__free_unpacked(was, NULL);
    return list;
}

static const char *number_or_any(json_int_t n, char buf[24])
{
    if (n < 0)
        return "any";
    snprintf(buf, 24, "%lld", (long long)n);
    return buf;
}

void cli_cores_text(const json_t *v)
{
    char cpu[24], node[24];
    json_t *w;
    size_t i;

    printf("%6s %4s %4s %7s %14s %11s %11s %7s %10s\n", "WORKER", "CPU", "NODE", "BUSY",
           "CYCLES/PACKET", "RECEIVED/S", "SENT/S", "SHARDS", "ENDPOINTS");
    json_array_foreach (v, i, w) {
        printf("%6lld %4s %4s %5.1f %% %14.0f %11.0f %11.0f %7lld %10lld\n",
               (long long)cli_integer(w, "id"), number_or_any(cli_integer(w, "cpu"), cpu),
               cli_integer(w, "node") < 0 ? "-" : number_or_any(cli_integer(w, "node"), node),
               json_number_value(json_object_get(w, "busy_percent")),
               json_number_value(json_object_get(w, "cycles_per_packet")),
               json_number_value(json_object_get(w, "received_per_second")),
               json_number_value(json_object_get(w, "sent_per_second")),
               (long long)cli_integer(w, "shards"), (long long)cli_integer(w, "endpoints"));
    }
}

json_t *cli_cores_set_get(struct cli_context *c)
{
    Headrace__Command command = HEADRACE__COMMAND__INIT;
    Headrace__WorkersSet set = HEADRACE__WORKERS_SET__INIT;

    set.cpus = (char *)c->argument;
    command.op_case = HEADRACE__COMMAND__OP_WORKERS_SET;
    command.workers_set = &set;
    Headrace__Reply *r = cli_dataplane_ask(c, &command);
    if (!r)
        return NULL;
    headrace__reply__free_unpacked(r, NULL);
    return cli_cores_get(c);
}

/* ---- shards */

static Headrace__Reply *ask_shards(struct cli_context *c, uint32_t from)
{
    Headrace__Command command = HEADRACE__COMMAND__INIT;
    Headrace__ShardsGet get = HEADRACE__SHARDS_GET__INIT;

    get.from = from;
    command.op_case = HEADRACE__COMMAND__OP_SHARDS_GET;
    command.shards_get = &get;
    return cli_dataplane_ask(c, &command);
}

/* All of them: raw counts. */
static json_t *look_at_shards(struct cli_context *c)
{
    json_t *list = json_array();
    bool more = true;

    while (more) {
        Headrace__Reply *r = ask_shards(c, (uint32_t)json_array_size(list));
        if (!r || !r->shards || (r->shards->n_shards == 0 && r->shards->more)) {
            if (r)
                headrace__reply__free_unpacked(r, NULL);
            json_decref(list);
            return NULL;
        }
        for (size_t i = 0; i < r->shards->n_shards; i++) {
            const Headrace__ShardStatus *s = r->shards->shards[i];
            json_array_append_new(
                list, json_pack("{s:i, s:i, s:i, s:i, s:I, s:I}", "id", (int)s->id, "worker",
                                (int)s->worker, "endpoints", (int)s->endpoints, "subscriptions",
                                (int)s->subscriptions, "received",
                                (json_int_t)s->rx_packets, "sent",
                                (json_int_t)s->tx_packets));
        }
        more = r->shards->more;
        headrace__reply__free_unpacked(r, NULL);
    }
    return list;
}

static void set_rate(json_t *shard, const json_t *before, const char *count, const char *name,
                     double elapsed)
{
    double r = rate((uint64_t)cli_integer(before, count), (uint64_t)cli_integer(shard, count),
                    elapsed);

    json_object_set_new(shard, name, json_real(r));
}

json_t *cli_shards_get(struct cli_context *c)
{
    double start = seconds();
    json_t *was = look_at_shards(c), *now = NULL, *shard;
    size_t i;

    if (was) {
        sleep(LOOK_S);
        now = look_at_shards(c);
    }
    double elapsed = seconds() - start;
    json_array_foreach (now, i, shard) {
        set_rate(shard, json_array_get(was, i), "received", "received_per_second", elapsed);
        set_rate(shard, json_array_get(was, i), "sent", "sent_per_second", elapsed);
    }
    json_decref(was);
    return now;
}

void cli_shards_text(const json_t *v)
{
    size_t i, empty = 0;
    json_t *s;

    printf("%6s %7s %10s %14s %11s %11s\n", "SHARD", "WORKER", "ENDPOINTS", "SUBSCRIPTIONS",
           "RECEIVED/S", "SENT/S");
    json_array_foreach (v, i, s) {
        if (cli_integer(s, "endpoints") == 0) {
            empty++;
            continue;
        }
        printf("%6lld %7lld %10lld %14lld %11.0f %11.0f\n", (long long)cli_integer(s, "id"),
               (long long)cli_integer(s, "worker"), (long long)cli_integer(s, "endpoints"),
               (long long)cli_integer(s, "subscriptions"),
               json_number_value(json_object_get(s, "received_per_second")),
               json_number_value(json_object_get(s, "sent_per_second")));
    }
    printf("%zu of %zu shards have no endpoints.\n", empty, json_array_size(v));
}

static bool number(const char *text, uint32_t *out)
{
    char *end;

    errno = 0;
    unsigned long n = strtoul(text, &end, 10);
    *out = (uint32_t)n;
    return *text >= '0' && *text <= '9' && *end == 0 && errno == 0 && n <= INT32_MAX;
}

json_t *cli_shards_move_get(struct cli_context *c)
{
    Headrace__Command command = HEADRACE__COMMAND__INIT;
    Headrace__ShardMove move = HEADRACE__SHARD_MOVE__INIT;

    if (!number(c->argument, &move.shard) || !number(c->second, &move.worker))
        return cli_fail(c, CLI_USAGE, "shards move: '%s %s' is not a shard's and a worker's number",
                        c->argument, c->second);
    command.op_case = HEADRACE__COMMAND__OP_SHARD_MOVE;
    command.shard_move = &move;
    Headrace__Reply *r = cli_dataplane_ask(c, &command);
    if (!r)
        return NULL;
    headrace__reply__free_unpacked(r, NULL);
    return json_pack("{s:i, s:i}", "shard", (int)move.shard, "worker", (int)move.worker);
}

void cli_shards_move_text(const json_t *v)
{
    printf("Shard %lld is worker %lld's.\n", (long long)cli_integer(v, "shard"),
           (long long)cli_integer(v, "worker"));
}
