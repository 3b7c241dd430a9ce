#include "dataplane/stats.h"

#include "dataplane/dataplane.h"
#include "dataplane/session.h"
#include "proto/version.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PORT_COUNTERS 7

/* jemalloc's; without it (sanitizers bring their own allocator) the heap is not known. */
extern int mallctl(const char *name, void *old, size_t *old_len, void *new_value, size_t new_len)
    __attribute__((weak));

static void *take(struct hr_arena *a, size_t size)
{
    return a->allocator.alloc(a->allocator.allocator_data, size);
}

__attribute__((format(printf, 2, 3))) static char *take_text(struct hr_arena *a, const char *format,
                                                             ...)
{
    char text[160];
    va_list ap;

    va_start(ap, format);
    int len = vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    if (len >= (int)sizeof(text))
        len = sizeof(text) - 1;
    char *out = take(a, (size_t)len + 1);
    if (out)
        memcpy(out, text, (size_t)len + 1);
    return out;
}

/* ---- ports */

static bool fill_port(const struct dp_port *port, struct hr_arena *a, Headrace__PortInfo *out)
{
    headrace__port_info__init(out);
    out->id = port->id;
    out->device = (char *)port->device;
    out->mac = (ProtobufCBinaryData){6, (uint8_t *)port->mac.addr_bytes};
    out->mtu = port->mtu;
    out->link_up = dp_port_link_up(port);
    out->addresses = take(a, port->addresses_count * sizeof(char *));
    if (!out->addresses)
        return false;
    for (unsigned i = 0; i < port->addresses_count; i++) {
        char text[HR_ADDRESS_TEXT];
        const struct hr_address *address = &port->addresses[i];
        out->addresses[i] =
            take_text(a, "%s/%u", hr_address_format(address, text), address->prefix);
        if (!out->addresses[i])
            return false;
    }
    out->n_addresses = port->addresses_count;
    return true;
}

bool dp_stats_ports(const struct dp_dataplane *dp, struct hr_arena *a, size_t *n,
                    Headrace__PortInfo ***out)
{
    Headrace__PortInfo *ports = take(a, dp->ports_count * sizeof(*ports));

    *out = take(a, dp->ports_count * sizeof(**out));
    if (!ports || !*out)
        return false;
    for (unsigned i = 0; i < dp->ports_count; i++) {
        if (!fill_port(&dp->ports[i], a, &ports[i]))
            return false;
        (*out)[i] = &ports[i];
    }
    *n = dp->ports_count;
    return true;
}

/* ---- counters */

struct counters {
    struct hr_arena *arena;
    Headrace__Counter **v;
    size_t n, room;
};

static bool counters_init(struct counters *c, struct hr_arena *a, size_t room)
{
    *c = (struct counters){.arena = a, .v = take(a, room * sizeof(*c->v)), .room = room};
    return c->v != NULL;
}

static bool count(struct counters *c, const char *name, uint64_t value)
{
    Headrace__Counter *row = take(c->arena, sizeof(*row));

    if (!row || !name || c->n == c->room)
        return false;
    headrace__counter__init(row);
    row->name = (char *)name;
    row->value = value;
    c->v[c->n++] = row;
    return true;
}

static bool count_port(struct counters *c, const struct dp_port *port)
{
    struct rte_eth_stats s;

    if (!port->started || rte_eth_stats_get(port->id, &s))
        return true;
    const struct dp_stat rows[PORT_COUNTERS] = {
        {"rx_packets", s.ipackets}, {"rx_bytes", s.ibytes},     {"rx_missed", s.imissed},
        {"rx_errors", s.ierrors},   {"tx_packets", s.opackets}, {"tx_bytes", s.obytes},
        {"tx_errors", s.oerrors},
    };
    for (unsigned i = 0; i < PORT_COUNTERS; i++)
        if (!count(c, take_text(c->arena, "port%u_%s", port->id, rows[i].name), rows[i].value))
            return false;
    return true;
}

struct session_row {
    const char *name;
    size_t offset; /* in struct dp_session_counts */
};

static const struct session_row session_rows[] = {
#define X(name) {#name, offsetof(struct dp_session_counts, name)},
    DP_SESSION_COUNT_MAP(X)
#undef X
};

/* Of all workers together. */
static bool count_sessions(struct counters *c, const struct dp_dataplane *dp)
{
    struct dp_session_counts of[HR_WORKERS_MAX];

    for (unsigned i = 0; i < dp->workers_count; i++)
        dp_session_count(dp->workers[i].session, &of[i]);
    for (unsigned r = 0; r < RTE_DIM(session_rows); r++) {
        uint64_t sum = 0;
        for (unsigned i = 0; i < dp->workers_count; i++)
            sum += *(const uint64_t *)((const char *)&of[i] + session_rows[r].offset);
        if (!count(c, session_rows[r].name, sum))
            return false;
    }
    return true;
}

/* ---- histograms, of all workers together */

static bool fill_histogram(const struct dp_dataplane *dp, enum hr_histogram_id id,
                           struct hr_arena *a, Headrace__Histogram *out)
{
    size_t n = hr_histograms[id].bounds_count + 1u;

    headrace__histogram__init(out);
    out->name = (char *)hr_histograms[id].name;
    out->counts = take(a, n * sizeof(*out->counts));
    if (!out->counts)
        return false;
    memset(out->counts, 0, n * sizeof(*out->counts));
    out->n_counts = n;
    for (unsigned i = 0; i < dp->workers_count; i++) {
        const struct dp_histogram *h = &dp->workers[i].session->histograms[id];
        out->sum += h->sum;
        for (size_t k = 0; k < n; k++)
            out->counts[k] += h->counts[k];
    }
    return true;
}

static bool fill_histograms(const struct dp_dataplane *dp, struct hr_arena *a,
                            Headrace__Status *out)
{
    Headrace__Histogram *rows = take(a, HR_HISTOGRAMS * sizeof(*rows));

    out->histograms = take(a, HR_HISTOGRAMS * sizeof(*out->histograms));
    if (!rows || !out->histograms)
        return false;
    for (unsigned i = 0; i < HR_HISTOGRAMS; i++) {
        if (!fill_histogram(dp, (enum hr_histogram_id)i, a, &rows[i]))
            return false;
        out->histograms[out->n_histograms++] = &rows[i];
    }
    return true;
}

/* ---- workers */

static bool fill_stages(const struct dp_worker *w, struct hr_arena *a, Headrace__WorkerStatus *out)
{
    Headrace__StageCounters *rows = take(a, DP_STAGES * sizeof(*rows));

    out->stages = take(a, DP_STAGES * sizeof(*out->stages));
    if (!rows || !out->stages)
        return false;
    for (unsigned i = 0; i < DP_STAGES; i++) {
        headrace__stage_counters__init(&rows[i]);
        rows[i].name = (char *)dp_stage_names[i];
        rows[i].calls = w->stages[i].calls;
        rows[i].packets = w->stages[i].packets;
        rows[i].cycles = w->stages[i].cycles;
        out->stages[i] = &rows[i];
    }
    out->n_stages = DP_STAGES;
    return true;
}

static bool fill_worker(const struct dp_worker *w, struct hr_arena *a, Headrace__WorkerStatus *out)
{
    struct counters drops;
    struct dp_session_counts session;

    headrace__worker_status__init(out);
    if (!fill_stages(w, a, out) || !counters_init(&drops, a, DP_DROPS))
        return false;
    for (unsigned i = 0; i < DP_DROPS; i++)
        if (!count(&drops, dp_drop_names[i], w->drops[i]))
            return false;
    out->drops = drops.v;
    out->n_drops = drops.n;
    dp_session_count(w->session, &session);
    out->id = w->id;
    out->lcore = w->lcore;
    out->busy_cycles = w->busy_cycles;
    out->total_cycles = w->total_cycles;
    out->endpoints = session.endpoints;
    out->streams = session.streams;
    out->subscriptions = session.subscriptions;
    out->shards = session.shards;
    out->history_mbufs = w->session->budget.held;
    out->running = atomic_load(&w->running);
    out->cpu = w->cpu;
    out->node = w->cpu == DP_CPU_ANY ? -1 : (int)rte_lcore_to_socket_id(w->lcore);
    return true;
}

/* Those that have ended stay, if they have worked: their counters do not go back. */
static bool is_shown(const struct dp_worker *w)
{
    return atomic_load(&w->running) || w->total_cycles;
}

static bool fill_workers(const struct dp_dataplane *dp, struct hr_arena *a, Headrace__Status *out)
{
    Headrace__WorkerStatus *rows = take(a, dp->workers_count * sizeof(*rows));

    out->workers = take(a, dp->workers_count * sizeof(*out->workers));
    if (!rows || !out->workers)
        return false;
    for (unsigned i = 0; i < dp->workers_count; i++) {
        if (!is_shown(&dp->workers[i]))
            continue;
        if (!fill_worker(&dp->workers[i], a, &rows[i]))
            return false;
        out->workers[out->n_workers++] = &rows[i];
    }
    return true;
}

/* ---- all of it */

static uint64_t heap_bytes(void)
{
    uint64_t epoch = 1;
    size_t bytes = 0, size = sizeof(bytes);

    if (!mallctl)
        return 0;
    mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)); /* the figures are of the last epoch */
    if (mallctl("stats.allocated", &bytes, &size, NULL, 0))
        return 0;
    return bytes;
}

static bool fill_counters(const struct dp_dataplane *dp, const struct dp_stat *more, unsigned n,
                          struct hr_arena *a, Headrace__Status *out)
{
    struct counters c;

    if (!counters_init(&c, a, n + RTE_DIM(session_rows) + dp->ports_count * PORT_COUNTERS))
        return false;
    for (unsigned i = 0; i < n; i++)
        if (!count(&c, more[i].name, more[i].value))
            return false;
    if (!count_sessions(&c, dp))
        return false;
    for (unsigned i = 0; i < dp->ports_count; i++)
        if (!count_port(&c, &dp->ports[i]))
            return false;
    out->counters = c.v;
    out->n_counters = c.n;
    return true;
}

Headrace__Status *dp_stats_status(const struct dp_dataplane *dp, const struct dp_stat *more,
                                  unsigned n, struct hr_arena *a)
{
    Headrace__Status *s = take(a, sizeof(*s));

    if (!s)
        return NULL;
    headrace__status__init(s);
    if (!fill_workers(dp, a, s) || !fill_counters(dp, more, n, a, s) ||
        !fill_histograms(dp, a, s) || !dp_stats_ports(dp, a, &s->n_ports, &s->ports))
        return NULL;
    s->build = (char *)hr_build();
    s->uptime_ms = (rte_rdtsc() - dp->started) / (dp->tsc_hz / 1000);
    s->tsc_hz = dp->tsc_hz;
    s->controlplane_connected = dp->channel != NULL;
    s->mbufs_used = rte_mempool_in_use_count(dp->pool);
    s->mbufs_total = dp->pool->size;
    s->heap_bytes = heap_bytes();
    s->srtp_kernel = (char *)dp_srtp_cpu_name();
    return s;
}
