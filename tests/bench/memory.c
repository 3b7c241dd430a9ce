#include "memory.h"

#include "dataplane/session.h"

#include <errno.h>
#include <rte_malloc.h>
#include <stdlib.h>

/* jemalloc's; sanitizers bring their own allocator. */
extern int mallctl(const char *name, void *old, size_t *old_len, void *new_value, size_t new_len)
    __attribute__((weak));

static int heap_bytes(size_t *bytes)
{
    uint64_t epoch = 1;
    size_t size = sizeof(*bytes);

    if (!mallctl)
        return -ENOTSUP;
    mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch));
    return mallctl("stats.allocated", bytes, &size, NULL, 0) ? -ENOTSUP : 0;
}

/* Heap and DPDK's; packets are in the latter all along. */
static int64_t used(void)
{
    struct rte_malloc_socket_stats dpdk = {0};
    size_t heap = 0;

    if (heap_bytes(&heap))
        return -ENOTSUP;
    for (int i = 0; i < RTE_MAX_NUMA_NODES; i++) {
        struct rte_malloc_socket_stats s;
        if (rte_malloc_get_socket_stats(i, &s) == 0)
            dpdk.heap_allocsz_bytes += s.heap_allocsz_bytes;
    }
    return (int64_t)(heap + dpdk.heap_allocsz_bytes);
}

/* The histories' own memory: references to packets received. */
static int64_t history(const struct relay *r)
{
    const struct dp_endpoint *e;
    const struct dp_source *source;
    int64_t bytes = 0;

    TAILQ_FOREACH (e, &r->w->session->endpoints, of_session) {
        TAILQ_FOREACH (source, &e->sources, of_endpoint)
            for (unsigned i = 0; i < DP_SOURCE_STREAMS; i++)
                if (source->streams[i])
                    bytes += source->streams[i]->history.size * (int64_t)sizeof(struct rte_mbuf *);
    }
    return bytes;
}

int memory_measure(const struct relay_plan *plan, struct memory_figures *f)
{
    static struct relay r;
    double clients = (double)plan->rooms * (plan->fanout + 1);
    int64_t at[4] = {used()};
    int err = at[0] < 0 ? (int)at[0] : relay_open_empty(&r, plan);

    if (err)
        return err;
    static int (*const steps[])(struct relay *) = {relay_put_endpoints, relay_put_sources,
                                                   relay_put_subscriptions};
    for (unsigned i = 0; i < RTE_DIM(steps) && !err; i++) {
        err = steps[i](&r);
        at[i + 1] = used() - (err ? 0 : history(&r));
    }
    if (!err)
        *f = (struct memory_figures){
            .endpoint = (double)(at[1] - at[0]) / clients,
            .source = (double)(at[2] - at[1]) / plan->rooms,
            .subscription = (double)(at[3] - at[2]) / (clients - plan->rooms),
        };
    relay_close(&r);
    return err;
}
