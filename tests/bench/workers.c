/*
 * Two workers, each a thread on a CPU of its own, against one: the same rooms, whose receivers are
 * spread over the shards, so half of what a worker receives is another's, and half of its receivers
 * are elsewhere. Packets are made ahead. Told is the CPU time of loops that had work, of the worker
 * that took longer: what other programs take of the CPUs, and waiting for each other because of it,
 * is left out. Beside it the wall time from the first to the last copy, where nothing is.
 */
#include "workers.h"

#include "dataplane/peers.h"
#include "publisher.h"
#include "relay.h"

#include <errno.h>
#include <pthread.h>
#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_pause.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COPIES 200000 /* of a round, about */
#define BURST  32
#define ROUNDS 9
#define WARM   2   /* rounds before those that count */
#define LATE   2   /* seconds */
#define DEEP   256 /* packets on their way to the other worker; then it is waited for */

struct bench {
    struct relay relay;
    struct publisher *publisher;
    struct rte_mbuf **pkts; /* of a round */
    struct rte_mbuf **share[RELAY_WORKERS]; /* of them, by the worker where they come in */
    unsigned shares[RELAY_WORKERS];
    unsigned packets;
    uint64_t wanted; /* copies, by the end of the round */
    pthread_barrier_t barrier;
    atomic_bool over;                               /* no more rounds */
    uint64_t busy[RELAY_WORKERS];                   /* ns, of this round */
    double cpu[ROUNDS + WARM], wall[ROUNDS + WARM]; /* cycles */
};

struct thread {
    struct bench *bench;
    struct dp_worker *w;
    pthread_t thread;
};

static uint64_t copies(const struct bench *b)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < b->relay.dp.workers_count; i++)
        sum += __atomic_load_n(&b->relay.dp.workers[i].stages[DP_STAGE_EGRESS].packets,
                               __ATOMIC_RELAXED);
    return sum;
}

static uint64_t cpu_time(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void loop(struct thread *t)
{
    uint64_t start = cpu_time();

    if (dp_worker_loop(t->w))
        t->bench->busy[t->w->id] += cpu_time() - start;
}

static bool ahead(const struct dp_worker *w)
{
    for (unsigned i = 0; w->peers && i < w->dp->workers_count; i++)
        if (w->peers[i].out && rte_ring_count(w->peers[i].out) > DEEP)
            return true;
    return false;
}

/* Its share of the round's packets, a burst a loop; then what others send it. */
static void run_round(struct thread *t)
{
    struct bench *b = t->bench;
    unsigned id = t->w->id;
    uint64_t end = rte_rdtsc() + LATE * rte_get_tsc_hz();

    for (unsigned at = 0; at < b->shares[id]; at += BURST) {
        unsigned n = RTE_MIN(BURST, b->shares[id] - at);
        rte_ring_sp_enqueue_bulk(b->relay.ins[id], (void **)&b->share[id][at], n, NULL);
        do
            loop(t);
        while (ahead(t->w) && rte_rdtsc() < end);
    }
    while (copies(b) < b->wanted && rte_rdtsc() < end)
        loop(t);
}

static void *run_thread(void *arg)
{
    struct thread *t = arg;
    struct bench *b = t->bench;

    rte_thread_register();
    relay_pin(t->w->id);
    while (true) {
        pthread_barrier_wait(&b->barrier);
        if (atomic_load(&b->over))
            break;
        run_round(t);
        pthread_barrier_wait(&b->barrier);
    }
    rte_thread_unregister();
    return NULL;
}

/* A burst to each worker in turn; or to each what is its own. */
static void deal_out(struct bench *b)
{
    unsigned workers = b->relay.dp.workers_count;

    memset(b->shares, 0, sizeof(b->shares));
    for (unsigned i = 0; i < b->packets; i++) {
        unsigned to = b->relay.plan.steered ? relay_worker_of(&b->relay, b->pkts[i])
                                            : i / BURST % workers;
        b->share[to][b->shares[to]++] = b->pkts[i];
    }
}

static int make_round(struct bench *b)
{
    unsigned made = 0;

    for (; made < b->packets; made += RTE_MIN(BURST, b->packets - made))
        if (publisher_make(b->publisher, b->pkts + made, RTE_MIN(BURST, b->packets - made)))
            return -ENOBUFS;
    deal_out(b);
    b->wanted = copies(b) + (uint64_t)b->packets * b->relay.plan.fanout;
    return 0;
}

static void tell_drops(const struct bench *b, int err)
{
    fprintf(stderr, "workers: %s\n", strerror(-err));
    for (unsigned i = 0; i < b->relay.dp.workers_count; i++)
        for (unsigned k = 0; k < DP_DROPS; k++)
            if (b->relay.dp.workers[i].drops[k])
                fprintf(stderr, "workers: %u dropped %llu: %s\n", i,
                        (unsigned long long)b->relay.dp.workers[i].drops[k], dp_drop_names[k]);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static int run_rounds(struct bench *b)
{
    int err = 0;

    for (unsigned i = 0; i < ROUNDS + WARM && !err; i++) {
        err = make_round(b);
        if (err)
            break;
        memset(b->busy, 0, sizeof(b->busy));
        uint64_t start = rte_rdtsc();
        pthread_barrier_wait(&b->barrier);
        pthread_barrier_wait(&b->barrier);
        b->wall[i] = (double)(rte_rdtsc() - start);
        b->cpu[i] = (double)RTE_MAX(b->busy[0], b->busy[1]) * (double)rte_get_tsc_hz() / 1e9;
        relay_tidy(&b->relay);
        if (i >= WARM && copies(b) < b->wanted)
            err = -ETIME;
    }
    atomic_store(&b->over, true);
    pthread_barrier_wait(&b->barrier);
    qsort(b->cpu + WARM, ROUNDS, sizeof(b->cpu[0]), ascending);
    qsort(b->wall + WARM, ROUNDS, sizeof(b->wall[0]), ascending);
    return err;
}

static int run_threads(struct bench *b)
{
    struct thread threads[RELAY_WORKERS];
    unsigned workers = b->relay.dp.workers_count;

    pthread_barrier_init(&b->barrier, NULL, workers + 1);
    for (unsigned i = 0; i < workers; i++) {
        threads[i] = (struct thread){.bench = b, .w = &b->relay.dp.workers[i]};
        if (pthread_create(&threads[i].thread, NULL, run_thread, &threads[i]))
            abort();
    }
    int err = run_rounds(b);
    for (unsigned i = 0; i < workers; i++)
        pthread_join(threads[i].thread, NULL);
    pthread_barrier_destroy(&b->barrier);
    return err;
}

int workers_measure(const struct relay_plan *plan, size_t payload, struct workers_figures *f)
{
    static struct bench b;

    memset(&b, 0, sizeof(b));
    if (relay_open(&b.relay, plan))
        return -EINVAL;
    b.packets = RTE_MIN(COPIES / plan->fanout, 8192u);
    b.pkts = calloc((1 + RELAY_WORKERS) * b.packets, sizeof(*b.pkts));
    for (unsigned i = 0; i < RELAY_WORKERS; i++)
        b.share[i] = b.pkts + (1 + i) * b.packets;
    b.publisher = publisher_new(&b.relay, payload);
    int err = b.pkts && b.publisher ? run_threads(&b) : -ENOMEM;
    if (err)
        tell_drops(&b, err);
    f->cpu = b.cpu[WARM + ROUNDS / 2] / ((double)b.packets * plan->fanout);
    f->wall = b.wall[WARM + ROUNDS / 2] / ((double)b.packets * plan->fanout);
    publisher_free(b.publisher);
    free(b.pkts);
    relay_close(&b.relay);
    return err;
}
