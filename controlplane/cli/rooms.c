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

/* "640x360 h", "h" or "": pixels and rid as far as they are known. */
static const char *picture(const json_t *layer, char buf[48])
{
    const char *rid = cli_string(layer, "rid", "");
    long long width = (long long)cli_integer(layer, "width");
    if (width)
        snprintf(buf, 48, "%lldx%lld%s%.16s", width, (long long)cli_integer(layer, "height"),
                 *rid ? " " : "", rid);
    else
        snprintf(buf, 48, "%.16s", rid);
    return buf;
}

static void print_heads(void)
{
    printf("    %-9s %-5s %-12s %-5s %-14s %7s %9s %7s %6s %7s %7s\n", "", "", "", "CODEC",
           "PICTURE", "KBIT/S", "PACKETS", "LOST", "AGAIN", "JITTER", "TRIP");
}

/* "0.4 ms", "42 ms"; "-" for 0: not known. */
static const char *millis(json_int_t us, char buf[16])
{
    if (us == 0)
        return "-";
    snprintf(buf, 16, "%.*f ms", us < 10000, (double)us / 1000);
    return buf;
}

/* Both kinds of rows: how much, and how its way is. */
static void print_figures(const json_t *s)
{
    double packets = (double)cli_integer(s, "packets"), lost = (double)cli_integer(s, "lost");
    char jitter[16], trip[16];
    printf(" %7lld %9.0f %5.1f %% %6lld %7s %7s", (long long)cli_integer(s, "bitrate") / 1000,
           packets, packets + lost > 0 ? 100 * lost / (packets + lost) : 0,
           (long long)cli_integer(s, "retransmitted"), millis(cli_integer(s, "jitter_us"), jitter),
           millis(cli_integer(s, "rtt_us"), trip));
}

static void print_source(const json_t *s)
{
    char text[48];
    const json_t *layers = json_object_get(s, "layers"), *layer;
    size_t i, n = json_array_size(layers);

    printf("    %-9s %-5s %-12s %-5s %-14s", "publishes", cli_string(s, "id", "?"),
           cli_string(s, "label", "?"), cli_string(s, "codec", "-"),
           n == 1 ? picture(json_array_get(layers, 0), text) : "");
    print_figures(s);
    printf("%s%s\n", json_is_true(json_object_get(s, "muted")) ? "  muted" : "",
           json_is_true(json_object_get(s, "not_loudest")) ? "  others are louder" : "");
    json_array_foreach (layers, i, layer) {
        if (n > 1)
            printf("    %34s %-14s %7lld\n", "", picture(layer, text),
                   (long long)cli_integer(layer, "bitrate") / 1000);
    }
}

/* The source of that id, of whoever in the room; NULL: there is none. */
static const json_t *source_of(const json_t *room, const char *id)
{
    json_t *p, *s;
    size_t i, j;
    json_array_foreach (json_object_get(room, "participants"), i, p) {
        json_array_foreach (json_object_get(p, "sources"), j, s) {
            if (strcmp(cli_string(s, "id", ""), id) == 0)
                return s;
        }
    }
    return NULL;
}

/* NULL: it is forwarded. */
static const char *why_not(const json_t *s, const json_t *source)
{
    static const struct {
        const char *state, *text;
    } words[] = {{"not_shown", "not shown"},   {"last_n", "beyond last-n"},
                 {"no_room", "no room"},       {"key_frame", "awaits picture"},
                 {"nothing", "nothing comes"}, {"paused", "paused"}};
    const char *state = cli_string(s, "state", "");
    if (json_is_true(json_object_get(source, "not_loudest")))
        return "others louder";
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i].state, state) == 0)
            return words[i].text;
    return NULL;
}

static void print_subscription(const json_t *room, const json_t *s)
{
    char text[48];
    const char *id = cli_string(s, "source", "-");
    const json_t *source = source_of(room, id);
    const char *not = why_not(s, source);

    printf("    %-9s %-5s %-12s %-5s %-14s", "receives", id, cli_string(source, "label", "-"),
           cli_string(source, "codec", "-"),
           not ? not : picture(json_object_get(s, "layer"), text));
    print_figures(s);
    putchar('\n');
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
        print_heads();
        json_array_foreach (json_object_get(p, "sources"), j, s) {
            print_source(s);
        }
        json_array_foreach (json_object_get(p, "subscriptions"), j, s) {
            print_subscription(v, s);
        }
    }
}
