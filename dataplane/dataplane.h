/* The process: what main makes once, and workers read. */
#ifndef DP_DATAPLANE_H
#define DP_DATAPLANE_H

#include "dataplane/crew.h"
#include "dataplane/device.h"
#include "dataplane/later.h"
#include "dataplane/park.h"
#include "dataplane/port.h"
#include "dataplane/worker.h"
#include "proto/channel.h"
#include "proto/config.h"
#include "proto/limits.h"

#include <rte_os.h>
#include <stdatomic.h>

struct dp_dataplane {
    const struct hr_config *config;
    const char *run_dir;
    struct dp_device devices[HR_PORTS_MAX]; /* in the order of the configuration */
    struct dp_port ports[HR_PORTS_MAX];
    unsigned ports_count; /* ports[i].id is i */
    struct dp_worker *workers;
    unsigned workers_count;  /* that there may be */
    unsigned workers_wanted; /* to begin with, as configured */
    unsigned workers_max;    /* as configured, before they are made */
    int wanted_cpus[HR_WORKERS_MAX];
    struct dp_crew crew;     /* main writes while workers are parked */
    rte_cpuset_t cpus;       /* that the process may use */
    struct rte_mempool *pool;    /* packets; each lcore has its own cache of it */
    struct rte_mempool *targets; /* target.h; likewise */
    struct dp_flows *flows;      /* 5-tuple -> endpoint: main writes, workers read */
    struct dp_objects *objects;  /* what commands have made: main thread only */
    struct dp_laters laters;     /* main thread only */
    struct dp_pauses pauses;     /* likewise */
    int returned;                /* eventfd: workers write after a put on a done ring, main reads */
    uint64_t tsc_hz;
    uint64_t started;  /* TSC */
    uint64_t instance; /* random: tells this process from the one before */
    bool low_power;       /* idle workers nap */
    atomic_bool opaque;   /* there are, or were, opaque subscriptions: main writes, workers read */
    bool can_pause;       /* the CPU has TPAUSE */
    atomic_bool stopping; /* written by main on a signal, read by workers */
    atomic_uint parking;  /* enum dp_parking: likewise */
    void (*idle)(void);   /* what main does while it waits for workers; NULL: naps */
    int (*launch)(struct dp_worker *w); /* instead of on its lcore; NULL: there */
    void (*join)(struct dp_worker *w);  /* likewise, to end it */
    atomic_uint latches;  /* endpoints without ICE: main writes, workers read */
    /* The connected control plane's rings, or NULL. Main writes; workers load it once per loop. */
    _Atomic(struct hr_channel *) channel;
};

#endif
