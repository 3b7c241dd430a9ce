#include "dataplane/start.h"

#include "dataplane/eal.h"
#include "dataplane/nap.h"
#include "dataplane/packet.h"
#include "dataplane/peers.h"
#include "dataplane/target.h"

#include <errno.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define POOL_CACHE  256 /* packets per lcore */
#define FRAME_MIN   2048
#define FRAME_SPARE 64 /* Ethernet header, VLAN tags, frame check sequence; rounded up */

/* ---- DPDK */

int dp_start_eal(struct dp_dataplane *dp)
{
    const struct hr_config *c = dp->config;
    char where[40];

    if (c->dataplane.ports_count == 0) {
        hr_error("dataplane.ports: none is configured; one is a device and its addresses");
        return -EINVAL;
    }
    if (c->dataplane.ports_count > HR_PORTS_MAX) {
        hr_error("dataplane.ports: %u are configured, at most %d are possible",
                 c->dataplane.ports_count, HR_PORTS_MAX);
        return -E2BIG;
    }
    int err = dp_eal_workers(c, dp);
    for (unsigned i = 0; i < c->dataplane.ports_count && !err; i++) {
        snprintf(where, sizeof(where), "dataplane.ports[%u]", i);
        err = dp_device_open(c->dataplane.ports[i].device, where, &dp->devices[i]);
        dp_device_queues(&dp->devices[i], dp->workers_max);
    }
    if (!err)
        err = dp_eal_start(dp);
    if (err)
        return err;
    dp->tsc_hz = rte_get_tsc_hz();
    dp->started = rte_rdtsc();
    if (getrandom(&dp->instance, sizeof(dp->instance), 0) != (ssize_t)sizeof(dp->instance))
        return -errno;
    dp->can_pause = dp_nap_can_pause();
    dp->low_power = strcmp(c->dataplane.polling, "low-power") == 0;
    return 0;
}

void dp_stop_eal(struct dp_dataplane *dp)
{
    dp_eal_stop(dp->run_dir);
}

/* ---- packets and ports */

/* DPDK numbers ports as it finds them: each goes where its number says. */
static int probe_ports(struct dp_dataplane *dp)
{
    unsigned count = dp->config->dataplane.ports_count;

    for (unsigned i = 0; i < count; i++) {
        struct dp_port port;
        int err = dp_port_probe(&port, &dp->config->dataplane.ports[i], &dp->devices[i]);
        if (err)
            return err;
        if (port.id >= count) {
            hr_error("'%s' is DPDK's port %u, beyond the %u configured: a device with several "
                     "ports needs all of them configured",
                     port.device, port.id, count);
            return -ENOTSUP;
        }
        dp->ports[port.id] = port;
    }
    dp->ports_count = count;
    return 0;
}

static uint16_t frame_size(const struct dp_dataplane *dp)
{
    unsigned size = FRAME_MIN;

    for (unsigned i = 0; i < dp->ports_count; i++) {
        size = RTE_MAX(size, (unsigned)dp->ports[i].mtu + FRAME_SPARE);
        size = RTE_MAX(size, dp->devices[i].frame);
    }
    return (uint16_t)RTE_MIN(size + RTE_PKTMBUF_HEADROOM, UINT16_MAX);
}

static int make_pool(struct dp_dataplane *dp)
{
    const uint16_t priv = RTE_ALIGN(sizeof(struct dp_packet), RTE_MBUF_PRIV_ALIGN);
    uint16_t room = frame_size(dp);
    uint32_t n = dp->config->dataplane.mbufs;

    dp->pool = rte_pktmbuf_pool_create("packets", n, POOL_CACHE, priv, room, SOCKET_ID_ANY);
    if (dp->pool)
        return 0;
    hr_error("no memory for dataplane.mbufs = %u packets, which take %llu MiB: "
             "raise dataplane.memory_mb (%u), or lower dataplane.mbufs (%s)",
             n, (unsigned long long)n * (sizeof(struct rte_mbuf) + priv + room + 64) >> 20,
             dp->config->dataplane.memory_mb, rte_strerror(rte_errno));
    return -ENOMEM;
}

int dp_start_ports(struct dp_dataplane *dp)
{
    int err = probe_ports(dp);

    if (!err)
        err = make_pool(dp);
    for (unsigned i = 0; i < dp->ports_count && !err; i++)
        err = dp_port_start(&dp->ports[i], dp->pool, dp->workers_max);
    if (err)
        dp_stop_ports(dp);
    return err;
}

void dp_stop_ports(struct dp_dataplane *dp)
{
    for (unsigned i = dp->ports_count; i > 0; i--)
        dp_port_stop(&dp->ports[i - 1]);
    rte_mempool_free(dp->pool);
    dp->pool = NULL;
}

/* ---- workers */

int dp_make_workers(struct dp_dataplane *dp)
{
    unsigned count = RTE_MAX(dp->workers_wanted, dp->workers_max);
    int err = 0;

    dp->workers = aligned_alloc(RTE_CACHE_LINE_SIZE,
                                RTE_CACHE_LINE_ROUNDUP(count * sizeof(*dp->workers)));
    dp->targets = dp_targets_pool();
    if (!dp->workers || !dp->targets)
        err = -ENOMEM;
    for (unsigned i = 0; i < count && !err; i++) {
        struct dp_worker *w = &dp->workers[i];
        memset(w, 0, sizeof(*w));
        w->dp = dp;
        w->id = i;
        w->lcore = DP_EAL_WORKER_LCORE + i;
        w->cpu = i < dp->workers_wanted ? dp->wanted_cpus[i] : DP_CPU_ANY;
        w->pool = dp->pool;
        err = dp_worker_init(w);
        if (!err)
            dp->workers_count++;
    }
    if (!err)
        err = dp_peers_open(dp);
    if (err) {
        hr_error("no memory for %u workers: %s", count, strerror(-err));
        dp_free_workers(dp);
        return err;
    }
    dp_crew_open(dp, dp->workers_wanted);
    return 0;
}

void dp_free_workers(struct dp_dataplane *dp)
{
    dp_peers_close(dp);
    for (unsigned i = dp->workers_count; i > 0; i--)
        dp_worker_free(&dp->workers[i - 1]);
    dp->workers_count = 0;
    rte_mempool_free(dp->targets);
    dp->targets = NULL;
    free(dp->workers);
    dp->workers = NULL;
}

int dp_start_workers(struct dp_dataplane *dp)
{
    for (unsigned i = 0; i < dp->crew.count; i++) {
        struct dp_worker *w = &dp->workers[dp->crew.ids[i]];
        int err = dp_crew_launch(w);
        if (err) {
            hr_error("worker %u does not start on lcore %u: %s", w->id, w->lcore, strerror(-err));
            dp_stop_workers(dp);
            return err;
        }
    }
    return 0;
}

void dp_stop_workers(struct dp_dataplane *dp)
{
    atomic_store(&dp->stopping, true);
    for (unsigned i = 0; i < dp->crew.count; i++)
        dp_crew_join(&dp->workers[dp->crew.ids[i]]);
}
