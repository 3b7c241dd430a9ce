/* The process: what main makes once, and workers read. */
#ifndef DP_DATAPLANE_H
#define DP_DATAPLANE_H

#include "dataplane/port.h"
#include "dataplane/worker.h"
#include "proto/channel.h"
#include "proto/config.h"
#include "proto/limits.h"

#include <stdatomic.h>

struct dp_dataplane {
    const struct hr_config *config;
    struct dp_port ports[HR_PORTS_MAX];
    unsigned ports_count;
    struct dp_worker *workers;
    unsigned workers_count;
    struct dp_flows *flows;      /* 5-tuple -> endpoint: written by the main thread, read by workers */
    uint64_t tsc_hz;
    uint64_t started; /* TSC */
    atomic_bool stopping; /* written by main on a signal, read by workers */
    /* The connected control plane's rings, or NULL. Main writes; workers load it once per loop. */
    _Atomic(struct hr_channel *) channel;
};

#endif
