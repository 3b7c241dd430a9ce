#include "dataplane/worker.h"

#include "dataplane/dataplane.h"
#include "dataplane/meter.h"
#include "dataplane/mirror.h"
#include "dataplane/nap.h"
#include "dataplane/packet.h"
#include "dataplane/park.h"
#include "dataplane/peers.h"
#include "dataplane/session.h"
#include "proto/log.h"

#include <errno.h>
#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_pause.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>

#define WORKS_PER_LOOP 32   /* so that a flood of commands cannot hold media up */
#define IDLE_LOOPS     200  /* without work before the first nap */
#define PARKED_LOOPS   500 /* likewise, parked */
#define NAP_FIRST_US   10   /* each nap is twice as long as the last, up to dataplane.nap_us */
#define PREFETCH       256  /* bytes of a packet from another worker */
#define INJECT_ARENA   8192 /* bytes: an inject slot and its pointers */

const char *const dp_stage_names[DP_STAGES] = {
#define X(name, word) [DP_STAGE_##name] = word,
    DP_STAGE_MAP(X)
#undef X
};

typedef void (*stage_fn)(struct dp_worker *w, struct dp_burst *in, struct dp_burst *out);

/* Books the cycles since start on a stage; returns now, which is the start of the next. */
static inline uint64_t book(struct dp_worker *w, enum dp_stage_id id, unsigned packets,
                            uint64_t start)
{
    uint64_t now = rte_rdtsc();
    struct dp_stage_counters *s = &w->stages[id];

    s->calls++;
    s->packets += packets;
    s->cycles += now - start;
    return now;
}

static void transmit(struct dp_worker *w, struct dp_burst *b)
{
    unsigned n = b->n;

    if (n == 0)
        return;
    uint64_t start = rte_rdtsc();
    dp_stage_tx(w, b);
    book(w, DP_STAGE_TX, n, start);
}

/* A stage whose packets go straight out. */
static void answer(struct dp_worker *w, enum dp_stage_id id, stage_fn stage, struct dp_burst *in)
{
    struct dp_burst out;
    unsigned n = in->n;

    if (n == 0)
        return;
    out.n = 0;
    uint64_t start = rte_rdtsc();
    stage(w, in, &out);
    book(w, id, n, start);
    transmit(w, &out);
}

static void latch(struct dp_worker *w, struct dp_burst *in)
{
    unsigned n = in->n;

    if (n == 0)
        return;
    uint64_t start = rte_rdtsc();
    dp_stage_latch(w, in);
    book(w, DP_STAGE_LATCH, n, start);
}

static void punt(struct dp_worker *w, struct dp_burst *in)
{
    unsigned n = in->n;

    if (n == 0)
        return;
    uint64_t start = rte_rdtsc();
    dp_stage_punt(w, in);
    book(w, DP_STAGE_PUNT, n, start);
}

/* To this worker's subscribers. */
static void fan_out(struct dp_worker *w, struct dp_fanout *f)
{
    struct dp_copies copies;
    struct dp_burst out;
    bool more;

    if (f->burst.n == 0)
        return;
    f->packet = f->subscription = 0;
    uint64_t at = rte_rdtsc();
    do {
        copies.n = out.n = 0;
        more = dp_stage_fanout(w, f, &copies);
        unsigned n = copies.n;
        at = book(w, DP_STAGE_FANOUT, n, at);
        if (n == 0)
            continue;
        dp_stage_egress(w, &copies, &out);
        book(w, DP_STAGE_EGRESS, n, at);
        transmit(w, &out);
        at = rte_rdtsc();
    } while (more);
}

/* To this worker's opaque subscribers; in keeps what is for others. */
static void forward_opaque(struct dp_worker *w, struct dp_burst *in)
{
    struct dp_opaque_burst b;
    struct dp_burst out;
    bool more;

    if (in->n == 0 || !dp_opaque_any(w))
        return;
    memset(&b, 0, offsetof(struct dp_opaque_burst, spare));
    b.burst = in;
    uint64_t at = rte_rdtsc();
    do {
        more = dp_stage_opaque(w, &b, &out);
        book(w, DP_STAGE_OPAQUE, out.n, at);
        transmit(w, &out);
        at = rte_rdtsc();
    } while (more);
}

/* To all who subscribe to it. */
static void distribute(struct dp_worker *w, struct dp_fanout *f)
{
    uint64_t start = rte_rdtsc();

    if (!w->alone) {
        unsigned n = dp_stage_mirror(w, &f->burst);
        if (n)
            book(w, DP_STAGE_MIRROR, n, start);
    }
    forward_opaque(w, &f->burst);
    fan_out(w, f);
}

static void forward(struct dp_worker *w, struct dp_burst *in)
{
    struct dp_fanout f;
    unsigned n = in->n;

    if (n == 0)
        return;
    f.burst.n = 0;
    uint64_t start = rte_rdtsc();
    dp_stage_ingress(w, in, &f.burst);
    book(w, DP_STAGE_INGRESS, n, start);
    distribute(w, &f);
}

static void take_rtcp(struct dp_worker *w, struct dp_burst *in)
{
    struct dp_fanout f;

    answer(w, DP_STAGE_RTCP, dp_stage_rtcp, in);
    if (w->session->opaque_rtcp.n == 0)
        return;
    f.burst = w->session->opaque_rtcp;
    w->session->opaque_rtcp.n = 0;
    distribute(w, &f);
}

/* What is of other workers' endpoints leaves the bursts. */
static void hand_off(struct dp_worker *w, struct dp_classified *c)
{
    unsigned n = c->rtp.n + c->rtcp.n + c->pass.n;

    if (n == 0)
        return;
    uint64_t start = rte_rdtsc();
    dp_stage_handoff(w, &c->rtp, DP_PEER_RTP);
    dp_stage_handoff(w, &c->rtcp, DP_PEER_RTCP);
    dp_stage_handoff(w, &c->pass, DP_PEER_PASS);
    n -= c->rtp.n + c->rtcp.n + c->pass.n;
    if (n)
        book(w, DP_STAGE_HANDOFF, n, start);
}

static unsigned receive(struct dp_worker *w, unsigned port, uint16_t queue)
{
    struct dp_burst in;
    struct dp_classified c;
    uint64_t at = rte_rdtsc();

    dp_stage_rx(w, port, queue, &in);
    unsigned n = in.n;
    if (n == 0)
        return 0;
    at = book(w, DP_STAGE_RX, n, at);
    dp_stage_classify(w, &in, &c);
    book(w, DP_STAGE_CLASSIFY, n, at);
    if (!w->alone)
        hand_off(w, &c);
    answer(w, DP_STAGE_PASS, dp_stage_pass, &c.pass);
    latch(w, &c.latch);
    punt(w, &c.punt);
    answer(w, DP_STAGE_HOST, dp_stage_host, &c.host);
    take_rtcp(w, &c.rtcp);
    forward(w, &c.rtp);
    return n;
}

/* The queues of its lanes. */
static unsigned receive_port(struct dp_worker *w, unsigned port)
{
    unsigned n = 0;

    for (uint64_t lanes = w->lanes; lanes; lanes &= lanes - 1) {
        unsigned queue = (unsigned)__builtin_ctzll(lanes);
        if (queue >= w->dp->ports[port].rx_queues)
            break;
        n += receive(w, port, (uint16_t)queue);
    }
    return n;
}

static void take_references(struct dp_worker *w, struct dp_burst *in)
{
    struct dp_fanout f;

    f.burst.n = 0;
    for (unsigned i = 0; i < in->n; i++) {
        if (dp_mirror_receive(in->pkts[i]))
            f.burst.pkts[f.burst.n++] = in->pkts[i];
        else
            dp_drop(w, DP_DROP_NO_SUBSCRIBER, in->pkts[i]);
    }
    forward_opaque(w, &f.burst);
    fan_out(w, &f);
}

static void take_messages(struct dp_worker *w, struct dp_burst *in)
{
    for (unsigned i = 0; i < in->n; i++)
        dp_mirror_told(w, in->pkts[i]);
}

static void take_requests(struct dp_worker *w, struct dp_burst *in)
{
    struct dp_burst out;

    out.n = 0;
    for (unsigned i = 0; i < in->n; i++)
        dp_mirror_requested(w, in->pkts[i], &out);
    transmit(w, &out);
}

static void take_upstream(struct dp_worker *w, struct dp_burst *in)
{
    struct dp_burst out;

    out.n = 0;
    dp_opaque_upstream(w, in, &out);
    transmit(w, &out);
}

/* Packets of one kind, in the order in which they came. */
static void take_run(struct dp_worker *w, enum dp_peer_kind kind, struct dp_burst *in)
{
    switch (kind) {
    case DP_PEER_RTP:
        forward(w, in);
        break;
    case DP_PEER_RTCP:
        take_rtcp(w, in);
        break;
    case DP_PEER_PASS:
        answer(w, DP_STAGE_PASS, dp_stage_pass, in);
        break;
    case DP_PEER_REFERENCE:
        take_references(w, in);
        break;
    case DP_PEER_TX:
        transmit(w, in);
        break;
    case DP_PEER_STATE:
        take_messages(w, in);
        break;
    case DP_PEER_KEYFRAME:
        take_requests(w, in);
        break;
    case DP_PEER_UPSTREAM:
        take_upstream(w, in);
        break;
    }
}

/* All of it is in another core's cache. */
static void prefetch(const struct dp_burst *in)
{
    for (unsigned i = 0; i < in->n; i++) {
        rte_prefetch0(in->pkts[i]);
        for (unsigned at = 0; at < sizeof(struct dp_packet); at += RTE_CACHE_LINE_SIZE)
            rte_prefetch0((const uint8_t *)dp_packet(in->pkts[i]) + at);
    }
    for (unsigned i = 0; i < in->n; i++)
        for (unsigned at = 0; at < PREFETCH; at += RTE_CACHE_LINE_SIZE)
            rte_prefetch0(rte_pktmbuf_mtod_offset(in->pkts[i], const uint8_t *, at));
}

static void take_runs(struct dp_worker *w, const struct dp_burst *in)
{
    struct dp_burst run;

    prefetch(in);
    for (unsigned i = 0; i < in->n;) {
        uint8_t kind = dp_packet(in->pkts[i])->peer_kind;
        for (run.n = 0; i < in->n && dp_packet(in->pkts[i])->peer_kind == kind; i++) {
            struct dp_packet *p = dp_packet(in->pkts[i]);
            p->arrival = RTE_MIN(p->arrival, w->now); /* another worker's clock may be ahead */
            run.pkts[run.n++] = in->pkts[i];
        }
        take_run(w, (enum dp_peer_kind)kind, &run);
    }
}

/* What other workers have sent here. */
static unsigned take_peers(struct dp_worker *w)
{
    struct dp_burst in;
    unsigned n = 0;

    for (unsigned i = 0; i < w->dp->crew.count; i++) {
        uint64_t start = rte_rdtsc();
        dp_peers_take(w, w->dp->crew.ids[i], &in);
        if (in.n == 0)
            continue;
        book(w, DP_STAGE_PEERS, in.n, start);
        take_runs(w, &in);
        n += in.n;
    }
    dp_peers_lap(w);
    return n;
}

/* A stage that makes packets of its own accord. */
static unsigned originate(struct dp_worker *w, enum dp_stage_id id,
                          void (*stage)(struct dp_worker *w, struct dp_burst *out))
{
    struct dp_burst out;
    uint64_t start = rte_rdtsc();

    out.n = 0;
    stage(w, &out);
    unsigned n = out.n;
    if (n) {
        book(w, id, n, start);
        transmit(w, &out);
    }
    return n;
}

static unsigned mailbox(struct dp_worker *w)
{
    struct dp_work *work;
    unsigned n = 0;
    uint64_t start = rte_rdtsc();

    while (n < WORKS_PER_LOOP && rte_ring_free_count(w->done) > 0 &&
           rte_ring_sc_dequeue(w->mailbox, (void **)&work) == 0) {
        work->run(w, work);
        dp_worker_return(w, work);
        n++;
    }
    if (n)
        book(w, DP_STAGE_MAILBOX, n, start);
    return n;
}

/* The system calls of a loop: at most one to either reader, when there is something new. */
static void wake(struct dp_worker *w)
{
    if (w->punted)
        hr_channel_wake(w->channel, HR_SIDE_CONTROLPLANE);
    if (w->returned)
        eventfd_write(w->dp->returned, 1);
    w->punted = w->returned = false;
}

static void idle(struct dp_worker *w)
{
    uint32_t us = NAP_FIRST_US;

    if (atomic_load_explicit(&w->parked, memory_order_relaxed) > DP_PARK_AWAKE) {
        if (++w->idle < PARKED_LOOPS)
            rte_pause();
        else
            dp_nap(NAP_FIRST_US, w->dp->can_pause, w->dp->tsc_hz); /* main may need this CPU */
        return;
    }
    if (!w->dp->low_power || ++w->idle < IDLE_LOOPS) {
        rte_pause();
        return;
    }
    us <<= RTE_MIN(w->idle - IDLE_LOOPS, 10u);
    us = RTE_MIN(us, w->dp->config->dataplane.nap_us);
    if (!TAILQ_EMPTY(&w->session->pacing))
        us = RTE_MIN(us, (uint32_t)DP_PACE_US); /* somebody's packets are due by then */
    dp_nap(us, w->dp->can_pause, w->dp->tsc_hz);
}

/* A turn that takes in nothing new. */
static unsigned park(struct dp_worker *w, unsigned phase)
{
    unsigned n = 0;

    if (phase == DP_PARK_DRAIN) {
        w->channel = atomic_load(&w->dp->channel);
        if (!w->alone)
            n += take_peers(w);
        n += mailbox(w);
        wake(w);
        atomic_fetch_add(&w->handled, n);
    }
    return n;
}

unsigned dp_worker_turn(struct dp_worker *w)
{
    unsigned n = 0, phase = atomic_load(&w->dp->parking);

    if (phase > DP_PARK_AWAKE) {
        n = park(w, phase);
        atomic_store(&w->parked, phase);
        atomic_fetch_add(&w->loops, 1);
        return n;
    }
    atomic_store_explicit(&w->parked, phase, memory_order_relaxed);
    w->idle = phase == DP_PARK_AWAKE ? 0 : w->idle;
    w->channel = atomic_load(&w->dp->channel);
    if (!w->alone)
        n += take_peers(w);
    for (unsigned port = 0; port < w->dp->ports_count; port++)
        n += receive_port(w, port);
    n += originate(w, DP_STAGE_INJECT, dp_stage_inject);
    n += originate(w, DP_STAGE_TICK, dp_stage_tick);
    n += originate(w, DP_STAGE_PACE, dp_stage_pace);
    n += mailbox(w);
    wake(w);
    atomic_fetch_add(&w->loops, 1);
    return n;
}

unsigned dp_worker_loop(struct dp_worker *w)
{
    w->now = rte_rdtsc();
    return dp_worker_turn(w);
}

void dp_worker_pin(struct dp_worker *w, int cpu)
{
    rte_cpuset_t set = w->dp->cpus;

    if (rte_lcore_id() != w->lcore) /* a test's thread, which plays the worker */
        return;
    if (cpu != DP_CPU_ANY) {
        CPU_ZERO(&set);
        CPU_SET((unsigned)cpu, &set);
    }
    if (rte_thread_set_affinity(&set))
        hr_warning("worker %u cannot run on CPU %d alone: is it online?", w->id, cpu);
}

static bool goes_on(const struct dp_worker *w)
{
    return !atomic_load_explicit(&w->dp->stopping, memory_order_relaxed) &&
           !atomic_load_explicit(&w->leaving, memory_order_relaxed);
}

/* What has been posted is done, so that its owner gets it back; packet buffers go back too. */
static void wind_up(struct dp_worker *w)
{
    while (!rte_ring_empty(w->mailbox))
        mailbox(w);
    wake(w);
    struct rte_mempool_cache *cache = rte_mempool_default_cache(w->pool, rte_lcore_id());
    if (cache)
        rte_mempool_cache_flush(cache, w->pool);
    atomic_store(&w->running, false);
}

int dp_worker_main(void *worker)
{
    struct dp_worker *w = worker;

    prctl(PR_SET_TIMERSLACK, 1000UL); /* ns: the default would make each nap 50 us longer */
    dp_worker_pin(w, w->cpu);
    atomic_store(&w->running, true);
    w->idle = 0;
    w->loop_ended = rte_rdtsc();
    while (goes_on(w)) {
        unsigned n = dp_worker_loop(w);
        if (n == 0)
            idle(w);
        else
            w->idle = 0;
        uint64_t now = rte_rdtsc();
        w->total_cycles += now - w->loop_ended;
        if (n)
            w->busy_cycles += now - w->loop_ended;
        w->loop_ended = now;
    }
    wind_up(w);
    return 0;
}

int dp_worker_init(struct dp_worker *w)
{
    const struct hr_config *c = w->dp->config;
    const unsigned flags = RING_F_SP_ENQ | RING_F_SC_DEQ;
    char name[RTE_RING_NAMESIZE];

    snprintf(name, sizeof(name), "mailbox%u", w->id);
    w->mailbox = rte_ring_create(name, DP_MAILBOX_SIZE, SOCKET_ID_ANY, flags);
    snprintf(name, sizeof(name), "done%u", w->id);
    w->done = rte_ring_create(name, DP_DONE_SIZE, SOCKET_ID_ANY, flags);
    w->meter = dp_meter_new(c->media.punts_per_second, c->media.punts_per_source_second,
                            w->dp->tsc_hz, rte_rdtsc());
    if (!w->mailbox || !w->done || !w->meter || hr_arena_init(&w->inject, INJECT_ARENA)) {
        dp_worker_free(w);
        return -ENOMEM;
    }
    return 0;
}

void dp_worker_free(struct dp_worker *w)
{
    hr_arena_free(&w->inject);
    dp_meter_free(w->meter);
    rte_ring_free(w->done);
    rte_ring_free(w->mailbox);
    w->meter = NULL;
    w->done = w->mailbox = NULL;
}

int dp_worker_post(struct dp_worker *w, struct dp_work *work)
{
    return rte_ring_sp_enqueue(w->mailbox, work) ? -ENOSPC : 0;
}

int dp_worker_return(struct dp_worker *w, struct dp_work *work)
{
    if (rte_ring_sp_enqueue(w->done, work))
        return -ENOSPC;
    w->returned = true;
    return 0;
}

void dp_worker_collect(struct dp_worker *w)
{
    struct dp_work *work;

    while (rte_ring_sc_dequeue(w->done, (void **)&work) == 0)
        work->done(work);
}

void dp_worker_quiesce(const struct dp_worker *w)
{
    const struct timespec nap = {.tv_nsec = 20 * 1000};
    uint64_t loops = atomic_load(&w->loops);

    while (atomic_load(&w->running) && atomic_load(&w->loops) == loops)
        clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
}
