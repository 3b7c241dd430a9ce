/*
 * Two workers, each a thread on a CPU of its own, against one: the same rooms, whose receivers are
 * spread over the shards, so half of what a worker receives is another's, and half of its receivers
 * are elsewhere. Packets are made ahead. Told is the CPU time of loops that had work, of the worker
 * that took longer: what other programs take of the CPUs, and waiting for each other because of it,
 * is left out. Beside it the wall time from the first to the last copy, where nothing is.
 */
#include "dataplane/peers.h"
#include "publisher.h"
#include "relay.h"

#include <errno.h>
#include <pthread.h>
#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_pause.h>
#include <sched.h>
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
    unsigned packets;
    uint64_t wanted; /* copies, by the end of the round */
    pthread_barrier_t barrier;
    atomic_bool over;                               /* no more rounds */
    uint64_t busy[RELAY_WORKERS];                   /* ns, of this round */
    double cpu[ROUNDS + WARM], wall[ROUNDS + WARM]; /* cycles */
};

static cpu_set_t allowed; /* to the process, before EAL pinned it */

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

static void pin(unsigned n)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed) && n-- == 0)
            CPU_SET(cpu, &one);
    if (CPU_COUNT(&one))
        pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
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
    unsigned workers = b->relay.dp.workers_count, id = t->w->id;
    uint64_t end = rte_rdtsc() + LATE * rte_get_tsc_hz();

    for (unsigned at = id * BURST; at < b->packets; at += workers * BURST) {
        unsigned n = RTE_MIN(BURST, b->packets - at);
        rte_ring_sp_enqueue_bulk(b->relay.ins[id], (void **)&b->pkts[at], n, NULL);
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
    pin(t->w->id);
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

static int make_round(struct bench *b)
{
    unsigned made = 0;

    for (; made < b->packets; made += RTE_MIN(BURST, b->packets - made))
        if (publisher_make(b->publisher, b->pkts + made, RTE_MIN(BURST, b->packets - made)))
            return -ENOBUFS;
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

/* Cycles per copy, medians; or -errno. */
static int run_case(const struct relay_plan *plan, size_t size, double *cpu, double *wall)
{
    static struct bench b;

    memset(&b, 0, sizeof(b));
    if (relay_open(&b.relay, plan))
        return -EINVAL;
    b.packets = RTE_MIN(COPIES / plan->fanout, 8192u);
    b.pkts = calloc(b.packets, sizeof(*b.pkts));
    b.publisher = publisher_new(&b.relay, size);
    int err = b.pkts && b.publisher ? run_threads(&b) : -ENOMEM;
    if (err)
        tell_drops(&b, err);
    *cpu = b.cpu[WARM + ROUNDS / 2] / ((double)b.packets * plan->fanout);
    *wall = b.wall[WARM + ROUNDS / 2] / ((double)b.packets * plan->fanout);
    publisher_free(b.publisher);
    free(b.pkts);
    relay_close(&b.relay);
    return err;
}

static int compare(unsigned fanout, size_t size)
{
    struct relay_plan plan = {.rooms = RTE_MAX(256 / fanout, 8u),
                              .fanout = fanout,
                              .profile = HR_SRTP_AEAD_AES_128_GCM,
                              .video = size >= 500};
    double cpu[2], wall[2];

    for (unsigned i = 0; i < 2; i++) {
        plan.workers = i + 1;
        if (run_case(&plan, size, &cpu[i], &wall[i]))
            return 1;
    }
    printf("%7u %5zu | %8.1f %8.1f %5.2f | %8.1f %8.1f %5.2f\n", fanout, size, cpu[0], cpu[1],
           cpu[0] / cpu[1], wall[0], wall[1], wall[0] / wall[1]);
    fflush(stdout);
    return 0;
}

int main(void)
{
    static const unsigned fanouts[] = {1, 10, 100, 1000};
    static const size_t sizes[] = {160, 1200};
    bool huge;
    int failed = 0;

    sched_getaffinity(0, sizeof(allowed), &allowed);
    if (relay_start(&huge))
        return 1;
    printf("Cycles per copy, rekey GCM, %s; medians of %d rounds\n",
           huge ? "hugepages" : "no hugepages", ROUNDS);
    printf("%7s %5s | %8s %8s %5s | %8s %8s %5s\n", "", "", "CPU: one", "two", "ratio", "wall: one",
           "two", "ratio");
    for (unsigned s = 0; s < RTE_DIM(sizes); s++)
        for (unsigned f = 0; f < RTE_DIM(fanouts); f++)
            failed |= compare(fanouts[f], sizes[s]);
    return failed;
}
