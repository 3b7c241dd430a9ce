#include "measure.h"

#include "rounds.h"

#include <errno.h>
#include <rte_cycles.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Times the wanted time, and seconds at least: then a machine that is too busy ends the round. */
#define LATE     60
#define LATE_MIN 10

static int feed(struct measure *m)
{
    if (m->chunk_next + m->burst > MEASURE_CHUNK) {
        unsigned left = MEASURE_CHUNK - m->chunk_next;
        memmove(m->chunk, m->chunk + m->chunk_next, left * sizeof(m->chunk[0]));
        if (publisher_make(m->publisher, m->chunk + left, m->chunk_next))
            return -ENOBUFS;
        m->chunk_next = 0;
    }
    rte_ring_sp_enqueue_bulk(m->relay.in, (void **)&m->chunk[m->chunk_next], m->burst, NULL);
    m->chunk_next += m->burst;
    return 0;
}

/* The timers that are due by now. How many are depends on real time, of which making packets takes
 * a part, so they are told apart. */
static void tick(struct measure *m, struct measure_tally *t)
{
    long interrupted = rounds_interruptions();
    uint64_t start = rte_rdtsc();

    dp_worker_loop(m->relay.w);
    uint64_t took = rte_rdtsc() - start;
    relay_tidy(&m->relay);
    if (rounds_interruptions() == interrupted)
        t->idle_cycles += took;
}

/* One burst through the relay. */
static void turn(struct measure *m, struct measure_tally *t)
{
    struct dp_worker *w = m->relay.w;
    struct dp_stage_counters before[DP_STAGES];
    long interrupted = rounds_interruptions();

    memcpy(before, w->stages, sizeof(before));
    uint64_t start = rte_rdtsc();
    dp_worker_loop(w);
    uint64_t took = rte_rdtsc() - start;
    t->bursts++;
    relay_tidy(&m->relay);
    if (rounds_interruptions() != interrupted) {
        t->interrupted++;
        return;
    }
    t->cycles += took;
    for (unsigned i = 0; i < DP_STAGES; i++) {
        t->stages[i].packets += w->stages[i].packets - before[i].packets;
        t->stages[i].cycles += w->stages[i].cycles - before[i].cycles;
    }
}

int measure_round(struct measure *m, double seconds, struct measure_tally *t)
{
    uint64_t begin = rte_rdtsc(), hz = m->relay.dp.tsc_hz;
    uint64_t enough = (uint64_t)(seconds * (double)hz),
             late = RTE_MAX(LATE * enough, LATE_MIN * hz);

    *t = (struct measure_tally){0};
    while (t->cycles < enough && rte_rdtsc() - begin < late) {
        tick(m, t);
        if (feed(m))
            return -ENOBUFS;
        turn(m, t);
    }
    t->wall = rte_rdtsc() - begin;
    return measure_copies(t) ? 0 : -ENODATA;
}

int measure_open(struct measure *m, const struct relay_plan *plan, size_t payload, unsigned burst,
                 double warm_seconds)
{
    struct measure_tally t;

    *m = (struct measure){.chunk_next = MEASURE_CHUNK, .burst = burst};
    int err = relay_open(&m->relay, plan);
    if (err)
        return err;
    m->publisher = publisher_new(&m->relay, payload);
    err = m->publisher ? measure_round(m, warm_seconds, &t) : -ENOMEM;
    if (err) {
        fprintf(stderr, "bench: %s\n", strerror(-err));
        measure_close(m);
        return err;
    }
    memcpy(m->dropped, m->relay.w->drops, sizeof(m->dropped));
    return 0;
}

uint64_t measure_dropped(const struct measure *m)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < DP_DROPS; i++) {
        uint64_t n = m->relay.w->drops[i] - m->dropped[i];
        if (n)
            fprintf(stderr, "bench: the relay dropped %llu packets: %s\n", (unsigned long long)n,
                    dp_drop_names[i]);
        sum += n;
    }
    return sum;
}

void measure_close(struct measure *m)
{
    for (; m->chunk_next < MEASURE_CHUNK; m->chunk_next++)
        rte_pktmbuf_free(m->chunk[m->chunk_next]);
    publisher_free(m->publisher);
    m->publisher = NULL;
    relay_close(&m->relay);
}
