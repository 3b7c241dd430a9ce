#include "controlplane/metrics_dataplane.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "proto/histogram.h"

/* One figure of each stage of each worker. */
static void stages(GString *out, const Headrace__Status *status, const char *name, const char *help,
                   size_t offset)
{
    cp_metrics_describe(out, name, "counter", help);
    for (size_t w = 0; w < status->n_workers; w++) {
        const Headrace__WorkerStatus *worker = status->workers[w];
        for (size_t i = 0; i < worker->n_stages; i++) {
            const Headrace__StageCounters *stage = worker->stages[i];
            g_string_append_printf(out, "headrace_%s{worker=\"%u\",stage=\"%s\"} %" PRIu64 "\n",
                                   name, worker->id, stage->name,
                                   *(const uint64_t *)((const char *)stage + offset));
        }
    }
}

static void drops(GString *out, const Headrace__Status *status)
{
    cp_metrics_describe(out, "dataplane_drops_total", "counter", "Packets dropped, by reason.");
    for (size_t w = 0; w < status->n_workers; w++) {
        const Headrace__WorkerStatus *worker = status->workers[w];
        for (size_t i = 0; i < worker->n_drops; i++)
            g_string_append_printf(
                out, "headrace_dataplane_drops_total{worker=\"%u\",reason=\"%s\"} %" PRIu64 "\n",
                worker->id, worker->drops[i]->name, worker->drops[i]->value);
    }
}

static const struct {
    const char *name, *type, *help;
    size_t offset;
    bool wide;
} worker_rows[] = {
    {"dataplane_busy_cycles_total", "counter", "TSC cycles spent on packets.",
     offsetof(Headrace__WorkerStatus, busy_cycles), true},
    {"dataplane_cycles_total", "counter", "TSC cycles in all.",
     offsetof(Headrace__WorkerStatus, total_cycles), true},
    {"dataplane_endpoints", "gauge", "Endpoints of a worker.",
     offsetof(Headrace__WorkerStatus, endpoints), false},
    {"dataplane_streams", "gauge", "RTP streams received by a worker.",
     offsetof(Headrace__WorkerStatus, streams), false},
    {"dataplane_subscriptions", "gauge", "Subscriptions served by a worker.",
     offsetof(Headrace__WorkerStatus, subscriptions), false},
    {"dataplane_history_mbufs", "gauge", "Packet buffers that a worker keeps for retransmission.",
     offsetof(Headrace__WorkerStatus, history_mbufs), false},
};

static void workers(GString *out, const Headrace__Status *status)
{
    for (size_t r = 0; r < sizeof(worker_rows) / sizeof(worker_rows[0]); r++) {
        cp_metrics_describe(out, worker_rows[r].name, worker_rows[r].type, worker_rows[r].help);
        for (size_t w = 0; w < status->n_workers; w++) {
            const char *at = (const char *)status->workers[w] + worker_rows[r].offset;
            uint64_t value = worker_rows[r].wide ? *(const uint64_t *)at : *(const uint32_t *)at;
            g_string_append_printf(out, "headrace_%s{worker=\"%u\"} %" PRIu64 "\n",
                                   worker_rows[r].name, status->workers[w]->id, value);
        }
    }
}

/* ---- histograms */

static const Headrace__Histogram *histogram_of(const Headrace__Status *status,
                                               const struct hr_histogram *row)
{
    for (size_t i = 0; i < status->n_histograms; i++) {
        const Headrace__Histogram *h = status->histograms[i];
        if (strcmp(h->name, row->name) == 0 && h->n_counts == row->bounds_count + 1u)
            return h;
    }
    return NULL;
}

/* Whole numbers of a small unit in the metric's own. */
static const char *scaled(const struct hr_histogram *row, uint64_t value, char text[32])
{
    return g_ascii_formatd(text, 32, "%.15g", (double)value / (double)row->scale);
}

static void histogram(GString *out, const struct hr_histogram *row, const Headrace__Histogram *h)
{
    char text[32];
    uint64_t count = 0;
    for (unsigned i = 0; i <= row->bounds_count; i++) {
        count += h->counts[i];
        g_string_append_printf(
            out, "headrace_%s_bucket{leg=\"%s\",le=\"%s\"} %" PRIu64 "\n", row->metric, row->leg,
            i < row->bounds_count ? scaled(row, row->bounds[i], text) : "+Inf", count);
    }
    g_string_append_printf(out,
                           "headrace_%s_sum{leg=\"%s\"} %s\n"
                           "headrace_%s_count{leg=\"%s\"} %" PRIu64 "\n",
                           row->metric, row->leg, scaled(row, h->sum, text), row->metric, row->leg,
                           count);
}

static void histograms(GString *out, const Headrace__Status *status)
{
    const char *described = "";
    for (unsigned i = 0; i < HR_HISTOGRAMS; i++) {
        const struct hr_histogram *row = &hr_histograms[i];
        const Headrace__Histogram *h = histogram_of(status, row);
        if (!h)
            continue;
        if (strcmp(described, row->metric) != 0)
            cp_metrics_describe(out, row->metric, "histogram", row->help);
        described = row->metric;
        histogram(out, row, h);
    }
}

void cp_metrics_dataplane(GString *out, const Headrace__Status *status)
{
    cp_metrics_single(out, "dataplane_uptime_seconds", "gauge", "Since the dataplane started.",
                      status->uptime_ms / 1000);
    stages(out, status, "dataplane_stage_calls_total", "Bursts by stage.",
           offsetof(Headrace__StageCounters, calls));
    stages(out, status, "dataplane_stage_packets_total", "Packets by stage.",
           offsetof(Headrace__StageCounters, packets));
    stages(out, status, "dataplane_stage_cycles_total", "TSC cycles by stage.",
           offsetof(Headrace__StageCounters, cycles));
    drops(out, status);
    workers(out, status);
    cp_metrics_describe(out, "dataplane_total", "counter",
                        "Counters of ports and control channel by name.");
    for (size_t i = 0; i < status->n_counters; i++)
        g_string_append_printf(out, "headrace_dataplane_total{counter=\"%s\"} %" PRIu64 "\n",
                               status->counters[i]->name, status->counters[i]->value);
    histograms(out, status);
    cp_metrics_single(out, "dataplane_mbufs_used", "gauge", "Packet buffers in use.",
                      status->mbufs_used);
    cp_metrics_single(out, "dataplane_mbufs", "gauge", "Packet buffers there are.",
                      status->mbufs_total);
    cp_metrics_single(out, "dataplane_heap_bytes", "gauge", "Allocated by the dataplane.",
                      status->heap_bytes);
}
