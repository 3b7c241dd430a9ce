/*
 * A worker: one polling lcore, and all that it alone may write. Another thread reaches it only
 * through its mailbox; it may read the counters at any time (aligned 64-bit words, written by the
 * worker alone).
 */
#ifndef DP_WORKER_H
#define DP_WORKER_H

#include "dataplane/crew.h"
#include "dataplane/drop.h"
#include "dataplane/stage.h"
#include "proto/arena.h"
#include "proto/channel.h"

#include <rte_mempool.h>
#include <rte_ring.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define DP_MAILBOX_SIZE 1024 /* works; a full one makes commands wait */
#define DP_DONE_SIZE    2048 /* works; a full one makes the mailbox wait */

struct dp_dataplane;
struct dp_meter;
struct dp_peer;
struct dp_session; /* endpoints, sources, streams and subscriptions of this worker: session.h */

/* A piece of work for a worker, made and freed by the main thread; run() is called on the worker
 * between bursts. */
struct dp_work {
    void (*run)(struct dp_worker *w, struct dp_work *work);
    void (*done)(struct dp_work *work); /* on the main thread afterwards; frees it */
};

struct dp_worker {
    /* set at start, read-only afterwards */
    struct dp_dataplane *dp;
    unsigned id;
    unsigned lcore;
    struct rte_mempool *pool;
    struct rte_ring *mailbox; /* struct dp_work *, main -> worker */
    struct rte_ring *done;    /* struct dp_work *, worker -> main */
    struct hr_arena inject;   /* one Inject message, unpacked */
    struct dp_peer *peers;    /* by worker id; NULL: there can be no other worker */

    /* main writes while the worker is parked, or before it starts: crew.h */
    uint64_t lanes;                         /* bit i: polls lane i */
    struct dp_outlet outlets[HR_PORTS_MAX]; /* how it sends, by port */
    bool alone;                             /* no other worker runs */
    int cpu;                                /* main's: wanted, or DP_CPU_ANY */

    /* written by this worker alone */
    uint64_t now;               /* TSC, read once per loop */
    struct hr_channel *channel; /* dp->channel as this loop found it, or NULL */
    struct dp_session *session;
    struct dp_meter *meter;   /* of punts */
    bool punted;              /* something was put on the punt ring since the last wake */
    bool returned;            /* likewise on the done ring */
    unsigned idle;            /* loops without work in a row */
    uint64_t loop_ended;      /* TSC */
    _Atomic uint64_t loops;   /* ended; main reads: what an earlier one used is not in use */
    _Atomic uint64_t laps;    /* of the peers' rings, peers.h; main reads */
    _Atomic uint64_t handled; /* of peers and mailbox while parking; main reads */
    atomic_uint parked;       /* dp->parking as this loop found it; main reads */
    atomic_bool running;      /* main sets, the worker clears when it has ended */
    atomic_bool leaving;      /* main sets: to end */
    uint64_t busy_cycles, total_cycles;
    struct dp_stage_counters stages[DP_STAGES];
    uint64_t drops[DP_DROPS];
};

static inline void dp_drop(struct dp_worker *w, enum dp_drop why, struct rte_mbuf *m)
{
    w->drops[why]++;
    rte_pktmbuf_free(m);
}

/* Main thread, before start: rings, meter, arena. dp, id, lcore and pool are set. 0 or
 * -ENOMEM. */
int dp_worker_init(struct dp_worker *w);
void dp_worker_free(struct dp_worker *w);
/* The lcore's main function: loops until dp->stopping or w->leaving. */
int dp_worker_main(void *worker);
/* This worker's thread: onto a CPU, or DP_CPU_ANY. One that cannot be had is logged; it floats. */
void dp_worker_pin(struct dp_worker *w, int cpu);
/* One turn of that loop: how many packets it handled. For benches, which have no lcore to give. */
unsigned dp_worker_loop(struct dp_worker *w);
/* The same at the time that w->now says. */
unsigned dp_worker_turn(struct dp_worker *w);
/* Main thread: hands work over; -ENOSPC when the mailbox is full (the command ring then pushes
 * back). */
int dp_worker_post(struct dp_worker *w, struct dp_work *work);
/* This worker: hands work to the main thread, where its done() is called; -ENOSPC when the ring is
 * full. */
int dp_worker_return(struct dp_worker *w, struct dp_work *work);
/* Main thread: calls done() of all that workers have returned. */
void dp_worker_collect(struct dp_worker *w);
/* Main thread: returns when the loop that the worker is in, if it runs, has ended. */
void dp_worker_quiesce(const struct dp_worker *w);

#endif
