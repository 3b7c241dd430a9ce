/* status: both daemons on one screen, each asked for itself. */
#include "controlplane/cli/command.h"

#include "proto/version.h"

#include <stdio.h>
#include <string.h>

const char *cli_string(const json_t *object, const char *key, const char *fallback)
{
    const char *s = json_string_value(json_object_get(object, key));

    return s ? s : fallback;
}

json_int_t cli_integer(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

const char *cli_duration(json_int_t seconds, char buf[32])
{
    static const struct {
        json_int_t seconds;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    unsigned i = 0;

    while (i < 3 && seconds < 2 * units[i].seconds)
        i++;
    snprintf(buf, 32, "%lld %s", (long long)(seconds / units[i].seconds), units[i].unit);
    return buf;
}

/* {"up": true, …} as the daemon answered, or {"up": false, "error": why}. */
static json_t *daemon_state(struct cli_context *c, json_t *answer)
{
    if (answer) {
        json_object_set_new(answer, "up", json_true());
        return answer;
    }
    return json_pack("{s:b, s:s}", "up", 0, "error", c->error);
}

json_t *cli_status_get(struct cli_context *c)
{
    long http;
    json_t *dataplane = daemon_state(c, cli_dataplane_status(c));

    c->error[0] = 0;
    json_t *controlplane = daemon_state(c, cli_controlplane_get(c, "/admin/status", &http));
    bool both = json_is_true(json_object_get(dataplane, "up")) &&
                json_is_true(json_object_get(controlplane, "up")) &&
                json_is_true(json_object_get(dataplane, "controlplane_connected"));

    c->exit = both ? CLI_OK : CLI_UNREACHABLE;
    return json_pack("{s:s, s:s, s:o, s:o}", "status", both ? "ok" : "degraded", "version",
                     hr_build(), "dataplane", dataplane, "controlplane", controlplane);
}

static void print_worker(const json_t *w)
{
    double total = (double)cli_integer(w, "total_cycles");
    double busy = (double)cli_integer(w, "busy_cycles");
    json_t *s, *value;
    const char *name;
    size_t i;

    char cpu[32] = "any cpu";
    if (cli_integer(w, "cpu") >= 0)
        snprintf(cpu, sizeof(cpu), "cpu %lld", (long long)cli_integer(w, "cpu"));
    printf("  worker %lld on %s%s: %.1f %% busy since start, %lld endpoints, %lld streams, "
           "%lld subscriptions\n",
           (long long)cli_integer(w, "id"), cpu,
           json_is_true(json_object_get(w, "running")) ? "" : " (ended)",
           total > 0 ? 100 * busy / total : 0, (long long)cli_integer(w, "endpoints"),
           (long long)cli_integer(w, "streams"), (long long)cli_integer(w, "subscriptions"));
    printf("    %-10s %14s %14s %14s\n", "stage", "packets", "packets/call", "cycles/packet");
    json_array_foreach (json_object_get(w, "stages"), i, s) {
        double packets = (double)cli_integer(s, "packets"), calls = (double)cli_integer(s, "calls");
        if (packets > 0)
            printf("    %-10s %14.0f %14.1f %14.0f\n", cli_string(s, "name", "?"), packets,
                   calls > 0 ? packets / calls : 0, (double)cli_integer(s, "cycles") / packets);
    }
    json_object_foreach (json_object_get(w, "drops"), name, value) {
        if (json_integer_value(value))
            printf("    dropped    %14lld  %s\n", (long long)json_integer_value(value), name);
    }
}

static void print_dataplane(const json_t *d)
{
    char up[32];
    json_t *p, *a, *w;
    size_t i, j;

    if (!json_is_true(json_object_get(d, "up"))) {
        printf("dataplane      DOWN: %s\n", cli_string(d, "error", ""));
        return;
    }
    printf("dataplane      up %s, version %s, SRTP on %s, %lld of %lld packet buffers in use\n",
           cli_duration(cli_integer(d, "uptime_s"), up), cli_string(d, "version", "?"),
           cli_string(d, "srtp_kernel", "?"), (long long)cli_integer(d, "mbufs_used"),
           (long long)cli_integer(d, "mbufs_total"));
    json_array_foreach (json_object_get(d, "ports"), i, p) {
        printf("  port %lld %s, %s, link %s, MTU %lld,", (long long)cli_integer(p, "id"),
               cli_string(p, "device", "?"), cli_string(p, "mac", "?"),
               json_is_true(json_object_get(p, "link_up")) ? "up" : "DOWN",
               (long long)cli_integer(p, "mtu"));
        json_array_foreach (json_object_get(p, "addresses"), j, a) {
            printf(" %s", json_string_value(a));
        }
        putchar('\n');
    }
    json_array_foreach (json_object_get(d, "workers"), i, w) {
        print_worker(w);
    }
}

static void print_controlplane(const json_t *c)
{
    char up[32];
    const json_t *http = json_object_get(c, "http");

    if (!json_is_true(json_object_get(c, "up"))) {
        printf("control plane  DOWN: %s\n", cli_string(c, "error", ""));
        return;
    }
    printf("control plane  up %s, version %s, %s:%lld%s, %lld rooms, %lld participants, %lld "
           "endpoints, dataplane %s\n",
           cli_duration(cli_integer(c, "uptime_s"), up), cli_string(c, "version", "?"),
           cli_string(http, "address", "?"), (long long)cli_integer(http, "port"),
           json_is_true(json_object_get(http, "tls")) ? " (TLS)" : "",
           (long long)cli_integer(c, "rooms"), (long long)cli_integer(c, "participants"),
           (long long)cli_integer(c, "endpoints"),
           json_is_true(json_object_get(json_object_get(c, "dataplane"), "connected"))
               ? "connected"
               : "NOT CONNECTED");
}

void cli_status_text(const json_t *v)
{
    print_controlplane(json_object_get(v, "controlplane"));
    print_dataplane(json_object_get(v, "dataplane"));
}
