#include "controlplane/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/dataplane_status.h"
#include "controlplane/direct.h"
#include "controlplane/metrics_dataplane.h"
#include "controlplane/service.h"
#include "proto/version.h"

/* jemalloc's, where it is linked. */
extern int mallctl(const char *name, void *old, size_t *old_len, void *new, size_t new_len)
    __attribute__((weak));

static uint64_t heap_bytes(void)
{
    uint64_t epoch = 1;
    size_t value = 0, len = sizeof(value), epoch_len = sizeof(epoch);
    if (!mallctl)
        return 0;
    mallctl("epoch", &epoch, &epoch_len, &epoch, sizeof(epoch));
    return mallctl("stats.allocated", &value, &len, NULL, 0) == 0 ? value : 0;
}

/* ---- health */

static json_t *dataplane_health(const struct cp_service *s)
{
    struct cp_dataplane *dp = cp_transport_dataplane(s->transport);
    const Headrace__HelloReply *hello = cp_dataplane_hello(dp);
    if (!cp_dataplane_is_up(dp) || !hello)
        return json_pack("{s:b, s:s}", "connected", 0, "error", cp_dataplane_why_down(dp));
    return json_pack("{s:b, s:b, s:s}", "connected", 1, "ready",
                     (int)cp_transport_is_ready(s->transport), "version", hello->build);
}

void cp_healthz(struct cp_service *s, struct cp_exchange *x)
{
    bool ok = cp_transport_is_ready(s->transport) && !s->stopping;
    json_t *self = json_pack(
        "{s:s, s:I, s:i, s:i, s:i, s:b}", "version", hr_build(), "uptime_s",
        (json_int_t)((cp_now_ms() - s->started) / 1000), "rooms",
        (int)g_hash_table_size(s->rooms.by_name), "participants", (int)s->rooms.participants,
        "endpoints", (int)cp_transport_endpoints(s->transport), "draining", (int)s->draining);
    cp_answer_json(x, 200,
                   json_pack("{s:s, s:o, s:o}", "status", ok ? "ok" : "degraded", "controlplane",
                             self, "dataplane", dataplane_health(s)));
}

/* ---- metrics */

void cp_metrics_describe(GString *out, const char *name, const char *type, const char *help)
{
    g_string_append_printf(out, "# HELP headrace_%s %s\n# TYPE headrace_%s %s\n", name, help, name,
                           type);
}

void cp_metrics_single(GString *out, const char *name, const char *type, const char *help,
                       uint64_t value)
{
    cp_metrics_describe(out, name, type, help);
    g_string_append_printf(out, "headrace_%s %" PRIu64 "\n", name, value);
}

static void transport_counter(void *arg, const char *name, uint64_t value)
{
    g_string_append_printf(arg,
                           "# HELP headrace_%s_total Transport of the control plane: %s.\n"
                           "# TYPE headrace_%s_total counter\n"
                           "headrace_%s_total %" PRIu64 "\n",
                           name, name, name, name, value);
}

static unsigned count_kind(const struct cp_service *s, enum cp_kind kind)
{
    unsigned n = 0;
    GHashTableIter it;
    gpointer value;
    g_hash_table_iter_init(&it, s->rooms.by_name);
    while (g_hash_table_iter_next(&it, NULL, &value)) {
        const GPtrArray *list = ((const struct cp_room *)value)->participants;
        for (guint i = 0; i < list->len; i++)
            n += ((const struct cp_participant *)list->pdata[i])->kind == kind;
    }
    return n;
}

static unsigned count_direct(const struct cp_service *s)
{
    unsigned n = 0;
    GHashTableIter it;
    gpointer room;
    g_hash_table_iter_init(&it, s->rooms.by_name);
    while (g_hash_table_iter_next(&it, NULL, &room))
        n += cp_direct_runs(room);
    return n;
}

static void controlplane(const struct cp_service *s, GString *out)
{
    cp_metrics_describe(out, "build_info", "gauge", "Version of the control plane.");
    g_string_append_printf(out, "headrace_build_info{version=\"%s\"} 1\n", hr_build());
    cp_metrics_single(out, "uptime_seconds", "gauge", "Since the control plane started.",
                      (cp_now_ms() - s->started) / 1000);
    cp_metrics_single(out, "rooms", "gauge", "Rooms with somebody in them.",
                      g_hash_table_size(s->rooms.by_name));
    cp_metrics_describe(out, "participants", "gauge", "Participants by kind.");
    for (int kind = CP_KIND_MEMBER; kind <= CP_KIND_SDES; kind++)
        g_string_append_printf(out, "headrace_participants{kind=\"%s\"} %u\n",
                               cp_kind_word((enum cp_kind)kind), count_kind(s, (enum cp_kind)kind));
    cp_metrics_single(out, "direct_calls", "gauge", "Rooms whose two speak end to end.",
                      count_direct(s));
    cp_metrics_single(out, "direct_calls_total", "counter", "Direct calls begun since start.",
                      s->rooms.directs);
    cp_metrics_single(out, "joins_total", "counter", "Participants since start.", s->rooms.joins);
    cp_metrics_single(out, "endpoints", "gauge", "Endpoints, connected or connecting.",
                      cp_transport_endpoints(s->transport));
    cp_metrics_single(out, "websockets", "gauge", "Open signalling WebSockets.", s->sessions->len);
#define X(field, name, help) cp_metrics_single(out, name, "counter", help, s->counters.field);
    CP_COUNTER_MAP(X)
#undef X
    cp_metrics_single(out, "controlplane_heap_bytes", "gauge", "Allocated by the control plane.",
                      heap_bytes());
    cp_transport_counters(s->transport, transport_counter, out);
    cp_metrics_single(out, "dataplane_connected", "gauge", "1 while the dataplane is connected.",
                      cp_dataplane_is_up(cp_transport_dataplane(s->transport)));
}

struct waiting {
    struct cp_service *service;
    struct cp_exchange *exchange;
};

static void finish(void *arg, const Headrace__Status *status)
{
    struct waiting *w = arg;
    struct cp_exchange *x = w->exchange;
    GString *out = g_string_sized_new(16384);
    controlplane(w->service, out);
    if (status)
        cp_metrics_dataplane(out, status);
    size_t len = out->len;
    cp_exchange_header(x, "cache-control:", "no-store");
    cp_answer_body(x, 200, "text/plain; version=0.0.4; charset=utf-8", g_string_free(out, FALSE),
                   len);
    cp_exchange_unref(x);
    g_free(w);
}

void cp_metrics(struct cp_service *s, struct cp_exchange *x)
{
    struct waiting *w = g_new(struct waiting, 1);
    *w = (struct waiting){s, cp_exchange_ref(x)};
    cp_status_get(s, finish, w);
}
