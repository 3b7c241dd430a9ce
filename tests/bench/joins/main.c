/* Phases, each with daemons of its own: memory, storm, rate, media. */
#include "joins.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define OTHER_FILES 256        /* that a process has open beside WebSockets */
#define WARM_UP     64         /* joins before anything is measured */
#define AGAIN       1000       /* joins of the second round, at most */
#define PACKET_US   20000      /* Opus frames */
#define QUIET_US    500000     /* for packets under way */
#define CAPACITY_HZ 4000       /* joins a second that no machine reaches */
#define LATE_MS     5.0        /* a generator as late as this has set the figure, not the relay */
#define MOST_MEMORY (48 << 10) /* bytes a participant */

static struct options opt = {.storm_seconds = 8,
                             .rate_seconds = 10,
                             .rate = 500,
                             .media_seconds = 10,
                             .participants = 20000,
                             .settle_seconds = 12, /* the allocator gives pages back after 10 */
                             .in_flight = 48,
                             .room_size = 5,
                             .calls = 40,
                             .by = BY_WS,
                             .controlplane_core = 1,
                             .other_core = 0};

/* ---- rows */

static struct row {
    const char *name, *unit;
    double value, limit; /* limit NAN: none */
    bool at_least, doubtful;
} rows[32];
static unsigned rows_count;

static void row(const char *name, double value, const char *unit)
{
    rows[rows_count++] =
        (struct row){.name = name, .unit = unit, .value = value, .limit = (double)NAN};
}

static struct row *limited(const char *name, double value, const char *unit, double limit)
{
    row(name, value, unit);
    rows[rows_count - 1].limit = limit;
    return &rows[rows_count - 1];
}

static bool is_ok(const struct row *r)
{
    if (isnan(r->limit))
        return true;
    return r->at_least ? r->value >= r->limit : r->value <= r->limit;
}

static void print_json(void)
{
    printf("{\"rows\": [");
    for (unsigned i = 0; i < rows_count; i++) {
        const struct row *r = &rows[i];
        printf("%s\n  {\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\", \"against\": null, "
               "\"against_value\": null, \"ratio\": null, \"limit\": ",
               i ? "," : "", r->name, r->value, r->unit);
        if (isnan(r->limit))
            printf("null");
        else
            printf("%.6g", r->limit);
        printf(", \"ok\": %s%s}", is_ok(r) ? "true" : "false",
               r->doubtful ? ", \"note\": \"the generator was late\"" : "");
    }
    printf("\n]}\n");
}

static void print_table(void)
{
    for (unsigned i = 0; i < rows_count; i++) {
        const struct row *r = &rows[i];
        printf("%-36s %12.6g %-6s", r->name, r->value, r->unit);
        if (!isnan(r->limit))
            printf(" %s %-8.6g %s", r->at_least ? "at least" : "at most ", r->limit,
                   is_ok(r) ? "ok" : "NOT REACHED");
        printf("%s\n", r->doubtful ? " (the generator was late)" : "");
    }
}

/* ---- joining */

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static double quantile(float *values, unsigned count, double q)
{
    if (!count)
        return NAN;
    qsort(values, count, sizeof(*values), by_size);
    return (double)values[(unsigned)(q * (count - 1))];
}

static void join_next(uint64_t due)
{
    static unsigned count;
    char name[32];
    unsigned place = clients_stats()->started;

    snprintf(name, sizeof(name), "n%u", ++count);
    client_join(place < opt.sockets ? opt.by : BY_WHIP, place / opt.room_size, name, due);
}

static void serve(uint64_t us)
{
    for (uint64_t until = now_us() + us; now_us() < until;)
        clients_turn(until);
}

static void finish_joining(void)
{
    while (clients_joining())
        clients_turn(now_us() + 100000);
}

/* Joins as fast as they are answered. */
static void join_many(unsigned count)
{
    for (unsigned i = 0; i < count;) {
        if (clients_joining() < opt.in_flight) {
            join_next(now_us());
            i++;
        } else {
            clients_turn(now_us() + 100000);
        }
    }
    finish_joining();
}

/* Nobody may fail: a figure over those who happened to succeed is none. */
static void check_failures(const char *phase)
{
    const struct join_stats *s = clients_stats();

    if (s->failed)
        die("%s: %u of %u joins failed; the first: %s", phase, s->failed, s->started,
            s->first_failure);
    double endpoints = lab_metric("headrace_endpoints");
    double connected = lab_metric("headrace_endpoints_connected_total");
    if (endpoints < clients_held() || connected < clients_held())
        die("%s: %u clients are in, but the relay has %.0f endpoints, %.0f with keys", phase,
            clients_held(), endpoints, connected);
}

static void begin(struct lab *lab, unsigned capacity)
{
    lab_start(lab, &opt, capacity + WARM_UP);
    clients_open(capacity + WARM_UP, &opt);
    join_many(WARM_UP);
    check_failures("warm-up");
    clients_leave();
    clients_forget_stats();
}

static void end(struct lab *lab)
{
    clients_close();
    lab_stop(lab);
}

/* ---- phases */

static double heap(void)
{
    return lab_metric("headrace_controlplane_heap_bytes");
}

static void settle(void)
{
    serve((uint64_t)(opt.settle_seconds * 1e6));
}

/* What others leave behind, when all tables have grown by a first round already. */
static void leave_and_come_again(void)
{
    unsigned again = opt.participants < AGAIN ? opt.participants : AGAIN;

    clients_leave();
    settle();
    double before = heap();
    clients_forget_stats();
    join_many(again);
    check_failures("memory, second round");
    clients_leave();
    settle();
    row("controlplane_heap_left_per_join", (heap() - before) / again, "bytes");
}

static void memory(void)
{
    struct lab lab;

    begin(&lab, opt.participants);
    settle();
    double base = (double)lab_memory(lab.controlplane), base_heap = heap();
    join_many(opt.participants);
    settle();
    check_failures("memory");
    double held = clients_held(), used = (double)lab_memory(lab.controlplane) - base;
    limited("controlplane_bytes_per_participant", used / held, "bytes", MOST_MEMORY);
    row("controlplane_heap_per_participant", (heap() - base_heap) / held, "bytes");
    row("participants", held, "");
    if (opt.by == BY_WS)
        row("participants_with_websocket", held < opt.sockets ? held : opt.sockets, "");
    leave_and_come_again();
    end(&lab);
}

/* Shares of the time in which it ran, and in which others kept it from running. */
static void shares(const char *ran, const char *waited, const struct lab_time *before, pid_t pid,
                   double seconds)
{
    struct lab_time now = lab_time(pid);

    row(ran, (now.ran - before->ran) / seconds, "");
    row(waited, (now.waited - before->waited) / seconds, "");
}

static void storm(void)
{
    struct lab lab;

    begin(&lab, (unsigned)(opt.storm_seconds * CAPACITY_HZ));
    struct lab_time cp = lab_time(lab.controlplane), dp = lab_time(lab.dataplane),
                    own = lab_time(getpid());
    uint64_t start = now_us(), until = start + (uint64_t)(opt.storm_seconds * 1e6);
    while (now_us() < until) {
        while (clients_joining() < opt.in_flight)
            join_next(now_us());
        clients_turn(until);
    }
    double seconds = (double)(now_us() - start) / 1e6, done = clients_stats()->done;
    double used = lab_time(lab.controlplane).ran - cp.ran;
    limited("joins_per_core_second", done / used, "1/s", 1000)->at_least = true;
    row("joins_per_second", done / seconds, "1/s");
    shares("controlplane_ran", "controlplane_kept_waiting", &cp, lab.controlplane, seconds);
    shares("dataplane_ran", "dataplane_kept_waiting", &dp, lab.dataplane, seconds);
    shares("clients_ran", "clients_kept_waiting", &own, getpid(), seconds);
    finish_joining();
    check_failures("storm");
    end(&lab);
}

static uint64_t exponential(double rate)
{
    return (uint64_t)(-log(1 - drand48()) / rate * 1e6);
}

static void rate(void)
{
    struct lab lab;
    struct join_stats *s;

    begin(&lab, (unsigned)(opt.rate_seconds * opt.rate * 2) + 100);
    s = clients_stats();
    uint64_t due = now_us(), until = due + (uint64_t)(opt.rate_seconds * 1e6);
    while (now_us() < until) {
        for (; due <= now_us() && due < until; due += exponential(opt.rate))
            join_next(due);
        clients_turn(due < until ? due : until);
    }
    finish_joining();
    check_failures("rate");
    bool late = quantile(s->late_ms, s->late_count, 0.99) > LATE_MS;
    row("join_p50_ms", quantile(s->ms, s->done, 0.5), "ms");
    limited("join_p99_ms", quantile(s->ms, s->done, 0.99), "ms", 100)->doubtful = late;
    row("join_worst_ms", quantile(s->ms, s->done, 1), "ms");
    row("join_rate", s->done / opt.rate_seconds, "1/s");
    row("generator_late_p99_ms", quantile(s->late_ms, s->late_count, 0.99), "ms");
    end(&lab);
}

/* Publishers by WHIP, one viewer each by WHEP. */
static void make_calls(struct client **publishers, unsigned count, unsigned first_room)
{
    for (int viewers = 0; viewers < 2; viewers++) {
        for (unsigned i = 0; i < count; i++) {
            struct client *c =
                client_join(viewers ? BY_WHEP : BY_WHIP, first_room + i, "call", now_us());
            if (!viewers)
                publishers[i] = c;
        }
        finish_joining();
    }
    check_failures("calls");
}

static void send_due(struct client **publishers, unsigned count, uint64_t *due)
{
    for (unsigned i = 0; i < count; i++)
        for (; due[i] <= now_us(); due[i] += PACKET_US)
            client_send_media(publishers[i]);
}

/* Joins all the while when that is asked for. Loss of what was sent in that time. */
static double talk(struct client **publishers, uint64_t us, bool joins)
{
    uint64_t *due = calloc(opt.calls, sizeof(*due)), start = now_us();

    serve(QUIET_US);
    media_counts = (struct media_counts){0};
    for (unsigned i = 0; i < opt.calls; i++)
        due[i] = now_us() + i * PACKET_US / opt.calls;
    for (start = now_us(); now_us() < start + us;) {
        send_due(publishers, opt.calls, due);
        while (joins && clients_joining() < opt.in_flight)
            join_next(now_us());
        clients_turn(now_us() + 1000);
    }
    free(due);
    finish_joining();
    serve(QUIET_US);
    if (media_counts.sent == 0 || media_counts.received == 0)
        die("media: %llu packets sent, %llu received", (unsigned long long)media_counts.sent,
            (unsigned long long)media_counts.received);
    return 1 - (double)media_counts.received / (double)media_counts.sent;
}

static void media(void)
{
    struct lab lab;
    unsigned capacity = (unsigned)(opt.media_seconds * CAPACITY_HZ) + 4 * opt.calls;
    struct client **publishers = calloc(opt.calls, sizeof(struct client *));

    begin(&lab, capacity);
    make_calls(publishers, opt.calls, capacity - opt.calls);
    clients_forget_stats();
    talk(publishers, 1000000, false); /* replay windows and codecs have begun */
    row("loss_before_storm", talk(publishers, (uint64_t)(opt.media_seconds * 3e5), false), "");
    uint64_t start = now_us();
    limited("loss_during_storm", talk(publishers, (uint64_t)(opt.media_seconds * 1e6), true), "",
            0.0001);
    row("media_packets_during_storm", (double)media_counts.sent, "");
    row("joins_during_storm", clients_stats()->done / ((double)(now_us() - start) / 1e6), "1/s");
    check_failures("media");
    free(publishers);
    end(&lab);
}

/* ---- command line */

static const char usage[] =
    "Usage: headrace bench joins [OPTION]...\n"
    "\n"
    "Both daemons in network namespaces of their own, and clients that join them: signalling, "
    "ICE,\n"
    "DTLS, until they have their SRTP keys. Must be root.\n"
    "\n"
    "  --only LIST            of memory,storm,rate,media; all\n"
    "  --by ws|whip           how clients join; ws\n"
    "  --participants N       of the memory phase; 20000\n"
    "  --settle SECONDS       before memory is looked at; 12\n"
    "  --storm SECONDS        joins as fast as answered; 8\n"
    "  --in-flight N          joins under way in a storm; 48\n"
    "  --rate N               joins a second of the timed phase; 500\n"
    "  --rate-seconds N       10\n"
    "  --media SECONDS        of a storm beside calls; 10\n"
    "  --calls N              calls with 50 packets a second each; 40\n"
    "  --room-size N          participants of a room, each receives those before it; 5\n"
    "  --cores CP,OTHER       CPUs of the control plane, and of dataplane and clients; 1,0\n"
    "                         (-1: not pinned)\n"
    "  --programs DIR         where the daemons are; beside this program\n"
    "  --json                 rows as JSON\n"
    "\n"
    "Exit code: 0 fine, 1 a limit was not kept or something failed, 2 wrong usage.\n";

static double number(const char *option, const char *text, double least, double most)
{
    char *end;
    double value = strtod(text, &end);

    if (*end || end == text || !(value >= least && value <= most)) {
        fprintf(stderr, "headrace-bench-joins: --%s: '%s' is not a number from %g to %g\n", option,
                text, least, most);
        exit(2);
    }
    return value;
}

static void read_cores(const char *text)
{
    char end;

    if (sscanf(text, "%d,%d%c", &opt.controlplane_core, &opt.other_core, &end) == 2)
        return;
    fprintf(stderr, "headrace-bench-joins: --cores: '%s' is not two numbers, 1,0\n", text);
    exit(2);
}

static void read_by(const char *text)
{
    if (strcmp(text, "ws") && strcmp(text, "whip")) {
        fprintf(stderr, "headrace-bench-joins: --by: '%s' is neither ws nor whip\n", text);
        exit(2);
    }
    opt.by = text[1] == 's' ? BY_WS : BY_WHIP;
}

static const struct phase {
    const char *name;
    void (*run)(void);
} phases[] = {{"memory", memory}, {"storm", storm}, {"rate", rate}, {"media", media}};

static void check_only(const char *list)
{
    char copy[128];

    snprintf(copy, sizeof(copy), "%s", list);
    for (char *word = strtok(copy, ","); word; word = strtok(NULL, ",")) {
        size_t i = 0;
        while (i < sizeof(phases) / sizeof(*phases) && strcmp(phases[i].name, word))
            i++;
        if (i == sizeof(phases) / sizeof(*phases)) {
            fprintf(stderr, "headrace-bench-joins: --only: there is no phase '%s'\n", word);
            exit(2);
        }
    }
    opt.only = list;
}

static void take(int o, const char *name)
{
    switch (o) {
    case 'o':
        check_only(optarg);
        break;
    case 'b':
        read_by(optarg);
        break;
    case 'n':
        opt.participants = (unsigned)number(name, optarg, 10, 60000);
        break;
    case 'S':
        opt.settle_seconds = number(name, optarg, 0, 60);
        break;
    case 's':
        opt.storm_seconds = number(name, optarg, 0.5, 60);
        break;
    case 'f':
        opt.in_flight = (unsigned)number(name, optarg, 1, 4096);
        break;
    case 'r':
        opt.rate = number(name, optarg, 1, 10000);
        break;
    case 'R':
        opt.rate_seconds = number(name, optarg, 0.5, 600);
        break;
    case 'm':
        opt.media_seconds = number(name, optarg, 0.5, 60);
        break;
    case 'c':
        opt.calls = (unsigned)number(name, optarg, 1, 1000);
        break;
    case 'z':
        opt.room_size = (unsigned)number(name, optarg, 1, 30);
        break;
    case 'C':
        read_cores(optarg);
        break;
    case 'p':
        opt.programs = optarg;
        break;
    case 'j':
        opt.json = true;
        break;
    case 'h':
        fputs(usage, stdout);
        exit(EXIT_SUCCESS);
    default:
        fputs(usage, stderr);
        exit(2);
    }
}

/* Whoever has no WebSocket joins by WHIP, which keeps no connection. */
static void count_sockets(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    opt.sockets =
        files.rlim_cur > 2 * OTHER_FILES ? (unsigned)files.rlim_cur - OTHER_FILES : OTHER_FILES;
}

static void parse(int argc, char **argv)
{
    static const struct option options[] = {{"only", required_argument, NULL, 'o'},
                                            {"by", required_argument, NULL, 'b'},
                                            {"participants", required_argument, NULL, 'n'},
                                            {"settle", required_argument, NULL, 'S'},
                                            {"storm", required_argument, NULL, 's'},
                                            {"in-flight", required_argument, NULL, 'f'},
                                            {"rate", required_argument, NULL, 'r'},
                                            {"rate-seconds", required_argument, NULL, 'R'},
                                            {"media", required_argument, NULL, 'm'},
                                            {"calls", required_argument, NULL, 'c'},
                                            {"room-size", required_argument, NULL, 'z'},
                                            {"cores", required_argument, NULL, 'C'},
                                            {"programs", required_argument, NULL, 'p'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int index = 0;

    for (int o; (o = getopt_long(argc, argv, "h", options, &index)) != -1;)
        take(o, o == '?' ? "" : options[index].name);
    if (optind == argc)
        return;
    fprintf(stderr, "headrace-bench-joins: '%s' is one word too many\n", argv[optind]);
    exit(2);
}

int main(int argc, char **argv)
{
    bool all_ok = true;

    parse(argc, argv);
    count_sockets();
    signal(SIGPIPE, SIG_IGN);
    lab_enter();
    peer_open();
    srand48(20261126);
    for (size_t i = 0; i < sizeof(phases) / sizeof(*phases); i++)
        if (!opt.only || strstr(opt.only, phases[i].name))
            phases[i].run();
    if (opt.json)
        print_json();
    else
        print_table();
    for (unsigned i = 0; i < rows_count; i++)
        all_ok = all_ok && is_ok(&rows[i]);
    return all_ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
