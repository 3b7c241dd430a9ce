/* rooms, room NAME: the control plane's view of who talks. */
#include "controlplane/cli/command.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

json_t *cli_rooms_get(struct cli_context *c)
{
    long status;
    json_t *v = cli_controlplane_get(c, "/admin/rooms", &status);

    if (v && status != 200) {
        json_decref(v);
        return cli_fail(c, CLI_FAILED, "the control plane answers %ld", status);
    }
    return v;
}

void cli_rooms_text(const json_t *v)
{
    char age[32];
    json_t *room;
    size_t i;

    if (json_array_size(v) == 0) {
        puts("No rooms.");
        return;
    }
    printf("%-32s %12s %8s %10s\n", "ROOM", "PARTICIPANTS", "SOURCES", "AGE");
    json_array_foreach (v, i, room) {
        json_int_t seconds = (json_int_t)time(NULL) - cli_integer(room, "created_s");
        printf("%-32s %12lld %8lld %10s\n", cli_string(room, "name", "?"),
               (long long)cli_integer(room, "participants"),
               (long long)cli_integer(room, "sources"), cli_duration(seconds, age));
    }
}

/* Bitrates are between two looks, so the first one only begins. */
json_t *cli_room_get(struct cli_context *c)
{
    char path[1024];
    long status;
    char *escaped = curl_easy_escape(NULL, c->argument, 0);

    snprintf(path, sizeof(path), "/admin/rooms/%.900s", escaped ? escaped : "");
    curl_free(escaped);
    json_t *v = cli_controlplane_get(c, path, &status);
    if (v && status == 200) {
        json_decref(v);
        sleep(1);
        v = cli_controlplane_get(c, path, &status);
    }
    if (v && status != 200) {
        json_decref(v);
        if (status == 404)
            return cli_fail(c, CLI_FAILED, "no room '%s' right now; see headrace rooms",
                            c->argument);
        return cli_fail(c, CLI_FAILED, "the control plane answers %ld", status);
    }
    return v;
}

static void print_source(const json_t *s)
{
    printf("    publishes %-6s %-12s %-6s %10lld packets %8lld lost  %7lld kbit/s%s%s\n",
           cli_string(s, "id", "?"), cli_string(s, "label", "?"), cli_string(s, "codec", "-"),
           (long long)cli_integer(s, "packets"), (long long)cli_integer(s, "lost"),
           (long long)cli_integer(s, "bitrate") / 1000,
           json_is_true(json_object_get(s, "muted")) ? "  muted" : "",
           json_is_true(json_object_get(s, "not_loudest")) ? "  others are louder" : "");
}

static void print_estimate(const json_t *p)
{
    if (cli_integer(p, "estimate") == 0)
        return;
    printf(
        "    estimate %7lld kbit/s, round trip %lld ms, %.1f %% lost, %lld ms wait, %lld probes\n",
        (long long)cli_integer(p, "estimate") / 1000, (long long)cli_integer(p, "rtt_us") / 1000,
        100.0 * (double)cli_integer(p, "loss") / 256, (long long)cli_integer(p, "pace_queue_ms"),
        (long long)cli_integer(p, "probes"));
}

void cli_room_text(const json_t *v)
{
    const char *speaker = cli_string(json_object_get(v, "speaker"), "participant", "-");
    json_t *p, *s;
    size_t i, j;

    printf("Room %s, %zu participants%s\n", cli_string(v, "name", "?"),
           json_array_size(json_object_get(v, "participants")),
           json_is_true(json_object_get(v, "direct")) ? ", end to end: passed on without a key"
                                                      : "");
    json_array_foreach (json_object_get(v, "participants"), i, p) {
        printf("  %-6s %-24s %-7s %-12s %-24s %s%s\n", cli_string(p, "id", "?"),
               cli_string(p, "name", ""), cli_string(p, "kind", ""),
               json_is_true(json_object_get(p, "connected")) ? "connected" : "connecting",
               cli_string(p, "address", "-"), cli_string(p, "srtp", "-"),
               strcmp(cli_string(p, "id", ""), speaker) == 0 ? "  main speaker" : "");
        print_estimate(p);
        json_array_foreach (json_object_get(p, "sources"), j, s) {
            print_source(s);
        }
        json_array_foreach (json_object_get(p, "subscriptions"), j, s) {
            printf("    receives  %-6s %-19s %10lld packets %8lld again %7lld kbit/s\n",
                   cli_string(s, "source", "-"), "", (long long)cli_integer(s, "packets"),
                   (long long)cli_integer(s, "retransmitted"),
                   (long long)cli_integer(s, "bitrate") / 1000);
        }
    }
}
