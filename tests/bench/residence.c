/*
 * One thread is generator and worker: before each turn of the loop it enqueues what has become due,
 * as a NIC would have by then. A window is as many packets as can be made ahead. The moment of
 * sending is taken in a callback of the port; the n-th copy to a client is of the n-th packet of
 * its room, because nothing is lost or asked for again.
 */
#include "residence.h"

#include "publisher.h"
#include "rounds.h"

#include <errno.h>
#include <math.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW   16384 /* packets, at most; */
#define SECONDS  0.1   /* as long, at most: longer ones are interrupted */
#define QUEUE    512   /* packets that may wait; more are lost, as in a NIC's ring */
#define BACKLOG  64    /* that may be left at the end, beyond what chance makes of it */
#define STEPS    8     /* of halving */
#define TRIES    6     /* windows for one decision */
#define WINDOWS  40    /* at most, for one figure */
#define PAUSE_US 10000 /* after a window, for others; the kernel takes it from who never gives */
#define AHEAD_US 20    /* before the first packet is due */

/* Buckets: 32 of equal width for each power of two cycles. */
#define SUB_BITS 5
#define BUCKETS  (40 << SUB_BITS)

#define FRAME_RTP  42 /* offset in an IPv4 frame */
#define FIRST_SSRC 1000000u

struct residence {
    struct relay relay;
    struct publisher *publisher;
    const struct rte_eth_rxtx_callback *callback;
    unsigned packets; /* of this window: pkts, due */
    struct rte_mbuf *pkts[WINDOW];
    uint64_t due[WINDOW]; /* TSC */
    unsigned rooms, fanout;
    unsigned *first; /* of each room: place in pkts; the next is rooms further on */
    uint32_t *sent;  /* copies in this window, by client */
    uint32_t window[BUCKETS], sum[BUCKETS];
};

static unsigned bucket_of(uint64_t cycles)
{
    if (cycles < 2u << SUB_BITS)
        return (unsigned)cycles;
    unsigned shift = 63 - (unsigned)__builtin_clzll(cycles) - SUB_BITS;
    unsigned b = (shift << SUB_BITS) + (unsigned)(cycles >> shift);
    return RTE_MIN(b, BUCKETS - 1u);
}

/* Its upper end. */
static double bucket_cycles(unsigned b)
{
    if (b < 2u << SUB_BITS)
        return b + 1;
    unsigned shift = (b >> SUB_BITS) - 1;
    return ldexp((double)((b & ((1u << SUB_BITS) - 1)) + (1u << SUB_BITS) + 1), (int)shift);
}

/* Called with what goes out, before it does. */
static uint16_t on_sent(uint16_t port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n,
                        void *arg)
{
    struct residence *r = arg;
    uint64_t now = rte_rdtsc();

    for (unsigned i = 0; i < n; i++) {
        const uint8_t *rtp = rte_pktmbuf_mtod_offset(pkts[i], const uint8_t *, FRAME_RTP);
        uint8_t type = rtp[1] & 0x7F;
        rte_be32_t ssrc;
        if (type != RELAY_PT_VIDEO && type != RELAY_PT_AUDIO)
            continue; /* RTCP */
        memcpy(&ssrc, rtp + 8, sizeof(ssrc));
        uint32_t client = rte_be_to_cpu_32(ssrc) - FIRST_SSRC;
        unsigned at = r->first[client / (r->fanout + 1)] + r->sent[client]++ * r->rooms;
        r->window[bucket_of(now - r->due[at])]++;
    }
    return n;
}

/* The next window's packets, due at random moments from now on. */
static int make_window(struct residence *r, double rate, uint64_t *offsets)
{
    double at = 0, mean = (double)r->relay.dp.tsc_hz / rate;

    r->packets = RTE_ALIGN((unsigned)RTE_MIN(rate * SECONDS, (double)WINDOW), (unsigned)DP_BURST);
    publisher_waits(r->publisher, r->first);
    for (unsigned i = 0; i < r->packets; i += DP_BURST)
        if (publisher_make(r->publisher, r->pkts + i, DP_BURST)) {
            rte_pktmbuf_free_bulk(r->pkts, i);
            return -ENOBUFS;
        }
    for (unsigned i = 0; i < r->packets; i++) {
        at -= mean * log(1 - drand48());
        offsets[i] = (uint64_t)at;
    }
    memset(r->window, 0, sizeof(r->window));
    memset(r->sent, 0, r->rooms * (r->fanout + 1) * sizeof(*r->sent));
    return 0;
}

static uint64_t drops(const struct residence *r)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < DP_DROPS; i++)
        sum += r->relay.w->drops[i];
    return sum;
}

/* How many packets found no place; or, as lost, what had piled up when the last one came. */
static unsigned send_window(struct residence *r)
{
    struct rte_ring *in = r->relay.in;
    unsigned next = 0, lost = 0, backlog = 0;

    while (next < r->packets || rte_ring_count(in)) {
        uint64_t now = rte_rdtsc();
        unsigned end = next;
        while (end < r->packets && r->due[end] <= now)
            end++;
        unsigned n = RTE_MIN(end - next, QUEUE - rte_ring_count(in));
        rte_ring_sp_enqueue_bulk(in, (void **)&r->pkts[next], n, NULL);
        rte_pktmbuf_free_bulk(r->pkts + next + n, end - next - n);
        lost += end - next - n;
        if (end == r->packets && next < end)
            backlog = rte_ring_count(in);
        next = end;
        dp_worker_loop(r->relay.w);
    }
    return lost ? lost : backlog > BACKLOG + 2 * sqrt(r->packets) ? backlog : 0;
}

/* For a window of some tens of milliseconds nothing else shall run here, if that is allowed. */
static void take_cpu(bool take)
{
    struct sched_param param = {.sched_priority = take ? 50 : 0};

    sched_setscheduler(0, take ? SCHED_FIFO : SCHED_OTHER, &param);
}

/* 0, -EBUSY if the kernel ran something else meanwhile, -ENOBUFS. */
static int run_window(struct residence *r, double rate, unsigned *lost)
{
    static uint64_t offsets[WINDOW];
    int err = make_window(r, rate, offsets);

    if (err)
        return err;
    take_cpu(true);
    long interrupted = rounds_interruptions();
    uint64_t start = rte_rdtsc() + r->relay.dp.tsc_hz / 1000000 * AHEAD_US;
    for (unsigned i = 0; i < r->packets; i++)
        r->due[i] = start + offsets[i];
    uint64_t dropped = drops(r);
    *lost = send_window(r);
    *lost += (unsigned)(drops(r) - dropped);
    interrupted -= rounds_interruptions();
    take_cpu(false);
    rte_delay_us_sleep(PAUSE_US);
    relay_tidy(&r->relay);
    return interrupted ? -EBUSY : 0;
}

struct residence *residence_open(const struct relay_plan *plan, size_t payload)
{
    struct residence *r = calloc(1, sizeof(*r));
    unsigned lost;

    if (!r || relay_open(&r->relay, plan)) {
        free(r);
        return NULL;
    }
    r->rooms = plan->rooms;
    r->fanout = plan->fanout;
    r->first = calloc(plan->rooms, sizeof(*r->first));
    r->sent = calloc(plan->rooms * (plan->fanout + 1), sizeof(*r->sent));
    r->publisher = publisher_new(&r->relay, payload);
    r->callback = rte_eth_add_tx_callback(relay_port_out(), 0, on_sent, r);
    int err = r->first && r->sent && r->publisher && r->callback ? 0 : -ENOMEM;
    if (!err)
        err = run_window(r, 1e9, &lost); /* starts every stream */
    if (!err || err == -EBUSY)
        return r;
    fprintf(stderr, "bench: residence: %s\n", strerror(-err));
    residence_close(r);
    return NULL;
}

void residence_close(struct residence *r)
{
    if (r->callback)
        rte_eth_remove_tx_callback(relay_port_out(), 0, r->callback);
    publisher_free(r->publisher);
    relay_close(&r->relay);
    rte_free((void *)(uintptr_t)r->callback);
    free(r->first);
    free(r->sent);
    free(r);
}

/* A calm window at that rate without a loss, and none with. */
static bool lossless(struct residence *r, double rate)
{
    unsigned lost;

    for (unsigned i = 0; i < TRIES; i++) {
        int err = run_window(r, rate, &lost);
        if (err == 0)
            return lost == 0;
        if (err != -EBUSY)
            return false;
    }
    return false;
}

double residence_lossless(struct residence *r)
{
    double low = 0, high = 1e5;

    for (; high < 1e8 && lossless(r, high); high *= 2)
        low = high;
    for (unsigned i = 0; i < STEPS; i++) {
        double middle = (low + high) / 2;
        if (lossless(r, middle))
            low = middle;
        else
            high = middle;
    }
    return low;
}

static double percentile(const struct residence *r, uint64_t copies, double part)
{
    uint64_t below = 0, wanted = (uint64_t)((double)copies * part);

    for (unsigned b = 0; b < BUCKETS; b++) {
        below += r->sum[b];
        if (below > wanted)
            return bucket_cycles(b) * 1e6 / (double)r->relay.dp.tsc_hz;
    }
    return INFINITY;
}

static uint64_t add_window(struct residence *r)
{
    uint64_t copies = 0;

    for (unsigned b = 0; b < BUCKETS; b++) {
        r->sum[b] += r->window[b];
        copies += r->window[b];
    }
    return copies;
}

int residence_at(struct residence *r, double rate, uint64_t copies, struct residence_figures *f)
{
    *f = (struct residence_figures){.rate = rate};
    memset(r->sum, 0, sizeof(r->sum));
    while (f->copies < copies && f->windows < WINDOWS) {
        unsigned lost;
        int err = run_window(r, rate, &lost);
        if (err && err != -EBUSY)
            return err;
        f->windows++;
        f->interrupted += err != 0;
        if (err)
            continue;
        f->lost += lost;
        if (!lost) /* else it is not known which packet a copy is of */
            f->copies += add_window(r);
    }
    if (f->copies < copies / 4)
        return -EBUSY;
    f->p50 = percentile(r, f->copies, 0.5);
    f->p99 = percentile(r, f->copies, 0.99);
    f->p999 = percentile(r, f->copies, 0.999);
    f->p9999 = percentile(r, f->copies, 0.9999);
    return 0;
}
