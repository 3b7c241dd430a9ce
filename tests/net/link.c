/*
 * link: a switch whose ports are slow, late and lossy links, for tests; one process in a network
 * namespace of its own, whose interfaces are one end of a veth pair each.
 *
 *     link --control SOCKET [--csv FILE] [--seed N] NAME=INTERFACE...
 *     link --say SOCKET WORD...
 *
 * Each port has two directions: up, from the interface into the switch, and down, out of it. Both
 * start without limits. Words: set NAME up|down|both KEY VALUE [KEY VALUE]..., and stats. Keys:
 * rate (bit/s; 0: none), queue, delay, jitter (ms), loss (%), burst (frames). CSV: a row for each
 * port and direction a second.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <math.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "shaper.h"

#define PORTS_MAX   32
#define MACS_MAX    128
#define FRAME_MAX   9216
#define SAID_MAX    512
#define ANSWER_MAX  16384
#define SECOND      1000000000LL
#define BUFFER      (8 << 20)
#define QUEUE_START 0.2 /* s */

enum way { UP, DOWN, WAYS };

static const char *const way_names[WAYS] = {"up", "down"};

struct port {
    const char *name;
    int fd;
    struct shaper way[WAYS];
    struct shaper_counts reported[WAYS]; /* as of the last row of the CSV */
};

static struct {
    int epoll, control;
    struct port ports[PORTS_MAX];
    unsigned port_count;
    struct mac {
        uint8_t bytes[ETH_ALEN];
        struct port *port;
    } macs[MACS_MAX];
    unsigned mac_count;
    FILE *csv;
    int64_t started, next_row;
} g;

static volatile sig_atomic_t over;

static void on_signal(int sig)
{
    over = 1;
}

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *format, ...)
{
    va_list ap;

    fprintf(stderr, "link: ");
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

/* ---- the switch */

static struct mac *find_mac(const uint8_t *bytes)
{
    for (unsigned i = 0; i < g.mac_count; i++)
        if (memcmp(g.macs[i].bytes, bytes, ETH_ALEN) == 0)
            return &g.macs[i];
    return NULL;
}

static void learn(const uint8_t *bytes, struct port *port)
{
    struct mac *m = find_mac(bytes);

    if (!m) {
        if (g.mac_count == MACS_MAX || bytes[0] & 1)
            return;
        m = &g.macs[g.mac_count++];
        memcpy(m->bytes, bytes, ETH_ALEN);
    }
    m->port = port;
}

static void put_copy(struct port *port, const struct frame *f, int64_t now)
{
    struct frame *copy = malloc(sizeof(*copy) + f->len);

    if (!copy)
        die("no memory");
    copy->len = f->len;
    memcpy(copy->data, f->data, f->len);
    shaper_put(&port->way[DOWN], copy, now);
}

/* A frame that came up from a port goes down to one, or to all others. */
static void forward(struct port *from, struct frame *f, int64_t now)
{
    learn(f->data + ETH_ALEN, from);
    struct mac *to = find_mac(f->data);
    if (to) {
        if (to->port == from)
            free(f);
        else
            shaper_put(&to->port->way[DOWN], f, now);
        return;
    }
    for (unsigned i = 0; i < g.port_count; i++)
        if (&g.ports[i] != from)
            put_copy(&g.ports[i], f, now);
    free(f);
}

/* What has arrived by now; returns when something will next. */
static int64_t deliver(int64_t now)
{
    int64_t next = SHAPER_NEVER;
    struct frame *f;

    for (struct port *p = g.ports; p < g.ports + g.port_count; p++)
        while ((f = shaper_take(&p->way[UP], now)))
            forward(p, f, now);
    for (struct port *p = g.ports; p < g.ports + g.port_count; p++) {
        while ((f = shaper_take(&p->way[DOWN], now))) {
            (void)!send(p->fd, f->data, f->len, 0);
            free(f);
        }
        for (int way = 0; way < WAYS; way++)
            if (shaper_next(&p->way[way]) < next)
                next = shaper_next(&p->way[way]);
    }
    return next;
}

static void receive(struct port *p)
{
    static uint8_t bytes[FRAME_MAX];
    ssize_t n;

    while ((n = recv(p->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) >= ETH_HLEN) {
        struct frame *f = malloc(sizeof(*f) + (size_t)n);
        if (!f)
            die("no memory");
        f->len = (uint32_t)n;
        memcpy(f->data, bytes, (size_t)n);
        shaper_put(&p->way[UP], f, now_ns());
    }
}

/* ---- what is said on the control socket */

static const struct key {
    const char *name;
    size_t offset;
    double unit, most;
} keys[] = {
    {"rate", offsetof(struct shape, rate), 1, 1e11},
    {"queue", offsetof(struct shape, queue), 1e-3, 60},
    {"delay", offsetof(struct shape, delay), 1e-3, 60},
    {"jitter", offsetof(struct shape, jitter), 1e-3, 60},
    {"loss", offsetof(struct shape, loss), 1e-2, 1},
    {"burst", offsetof(struct shape, burst), 1, 1e6},
};

static const char *set_key(struct shape *s, const char *name, const char *text)
{
    char *end;
    double value = text ? strtod(text, &end) : NAN;

    for (const struct key *k = keys; k < keys + sizeof(keys) / sizeof(*keys); k++) {
        if (strcmp(k->name, name))
            continue;
        value *= k->unit;
        if (!text || end == text || *end || !(value >= 0 && value <= k->most))
            return "not a value for this key";
        memcpy((char *)s + k->offset, &value, sizeof(value));
        return NULL;
    }
    return "no such key";
}

static const char *set_way(struct shaper *s, const char *rest, int64_t now)
{
    char text[SAID_MAX], *at = NULL;
    struct shape shape = s->shape;

    snprintf(text, sizeof(text), "%s", rest);
    for (char *name = strtok_r(text, " ", &at); name; name = strtok_r(NULL, " ", &at)) {
        const char *wrong = set_key(&shape, name, strtok_r(NULL, " ", &at));
        if (wrong)
            return wrong;
    }
    shaper_set(s, &shape, now);
    return NULL;
}

static const char *on_set(char *rest)
{
    int64_t now = now_ns();
    const char *name = strsep(&rest, " "), *way = rest ? strsep(&rest, " ") : "", *wrong = NULL;

    for (struct port *p = g.ports; p < g.ports + g.port_count; p++) {
        if (strcmp(p->name, name))
            continue;
        if (!rest || (strcmp(way, "both") && strcmp(way, "up") && strcmp(way, "down")))
            return "set NAME up|down|both KEY VALUE...";
        for (int i = 0; i < WAYS && !wrong; i++)
            if (!strcmp(way, "both") || !strcmp(way, way_names[i]))
                wrong = set_way(&p->way[i], rest, now);
        return wrong;
    }
    return "no such port";
}

static void write_stats(char *out, size_t size)
{
    size_t n = 0;

    for (struct port *p = g.ports; p < g.ports + g.port_count; p++)
        for (int i = 0; i < WAYS && n < size; i++) {
            const struct shaper_counts *c = &p->way[i].counts;
            n += (size_t)snprintf(
                out + n, size - n,
                "%s{\"port\":\"%s\",\"way\":\"%s\",\"packets\":%lu,\"bytes\":%lu,\"sent\":%lu,"
                "\"sent_bytes\":%lu,\"lost\":%lu,\"dropped\":%lu,\"queue_bytes_peak\":%u,"
                "\"queue_ms_peak\":%.1f}",
                n ? ",\n" : "[", p->name, way_names[i], c->packets, c->bytes, c->sent,
                c->sent_bytes, c->lost, c->dropped, c->queue_bytes_peak,
                c->queue_seconds_peak * 1e3);
        }
    if (n < size)
        snprintf(out + n, size - n, "]");
}

static void answer(int fd)
{
    static char said[SAID_MAX], out[ANSWER_MAX];
    ssize_t n = recv(fd, said, sizeof(said) - 1, 0);
    char *rest = said;

    if (n > 0) {
        said[n] = 0;
        const char *verb = strsep(&rest, " "), *wrong = NULL;
        snprintf(out, sizeof(out), "ok");
        if (!strcmp(verb, "stats"))
            write_stats(out, sizeof(out));
        else
            wrong = strcmp(verb, "set") || !rest ? "set or stats" : on_set(rest);
        if (wrong)
            snprintf(out, sizeof(out), "error: %s", wrong);
        (void)!send(fd, out, strlen(out), MSG_NOSIGNAL);
    }
    close(fd);
}

static int control_socket(const char *path, struct sockaddr_un *at)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    at->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof(at->sun_path))
        die("%s: too long", path);
    strcpy(at->sun_path, path);
    return fd;
}

static int say(const char *path, char **words, int count)
{
    static char text[SAID_MAX], out[ANSWER_MAX];
    struct sockaddr_un at = {0};
    int fd = control_socket(path, &at);
    size_t n = 0;

    for (int i = 0; i < count && n < sizeof(text); i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? " " : "", words[i]);
    if (connect(fd, (struct sockaddr *)&at, sizeof(at)) || send(fd, text, strlen(text), 0) < 0)
        die("%s: %s", path, strerror(errno));
    ssize_t len = recv(fd, out, sizeof(out) - 1, 0);
    if (len <= 0)
        die("%s: no answer", path);
    puts(out);
    return strncmp(out, "error", 5) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- rows of the CSV */

static void write_rows(int64_t now)
{
    for (struct port *p = g.ports; p < g.ports + g.port_count; p++)
        for (int i = 0; i < WAYS; i++) {
            struct shaper_counts *c = &p->way[i].counts, *old = &p->reported[i];
            fprintf(g.csv, "%.2f,%s,%s,%.0f,%lu,%lu,%lu,%lu,%.1f\n",
                    (double)(now - g.started) / 1e9, p->name, way_names[i], p->way[i].shape.rate,
                    (c->bytes - old->bytes) * 8, (c->sent_bytes - old->sent_bytes) * 8,
                    c->lost - old->lost, c->dropped - old->dropped,
                    (c->queue_seconds_total - old->queue_seconds_total) * 1e3 /
                        (double)(c->packets > old->packets ? c->packets - old->packets : 1));
            *old = *c;
        }
    fflush(g.csv);
    g.next_row += SECOND;
}

static void open_csv(const char *path)
{
    g.csv = fopen(path, "w");
    if (!g.csv)
        die("%s: %s", path, strerror(errno));
    g.next_row = g.started + SECOND;
    fprintf(g.csv, "seconds,port,way,rate,offered_bps,sent_bps,lost,dropped,queue_ms\n");
}

/* ---- start */

static void watch(int fd, uint64_t key)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = key};

    if (epoll_ctl(g.epoll, EPOLL_CTL_ADD, fd, &e))
        die("epoll: %s", strerror(errno));
}

static void open_port(char *arg, uint64_t seed)
{
    char *equals = strchr(arg, '=');
    struct port *p = &g.ports[g.port_count];
    const struct shape start = {.queue = QUEUE_START, .burst = 1};
    int one = 1, buffer = BUFFER;

    if (!equals || g.port_count == PORTS_MAX)
        die("%s: NAME=INTERFACE, at most %d", arg, PORTS_MAX);
    *equals = 0;
    struct sockaddr_ll at = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_ALL),
                             .sll_ifindex = (int)if_nametoindex(equals + 1)};
    p->name = arg;
    p->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (!at.sll_ifindex || p->fd < 0 ||
        setsockopt(p->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) ||
        setsockopt(p->fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) ||
        setsockopt(p->fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer)) ||
        bind(p->fd, (struct sockaddr *)&at, sizeof(at)))
        die("%s: %s", equals + 1, strerror(errno));
    for (int i = 0; i < WAYS; i++) {
        shaper_init(&p->way[i], seed * 1000 + g.port_count * WAYS + (unsigned)i);
        shaper_set(&p->way[i], &start, g.started);
    }
    watch(p->fd, g.port_count++);
}

static void open_control(const char *path)
{
    struct sockaddr_un at = {0};

    g.control = control_socket(path, &at);
    if (bind(g.control, (struct sockaddr *)&at, sizeof(at)) || listen(g.control, 16))
        die("%s: %s", path, strerror(errno));
    watch(g.control, PORTS_MAX);
}

/* Before others, so that delays are as said on a busy machine; without the right to it, like any.
 */
static void be_prompt(void)
{
    struct sched_param p = {.sched_priority = 1};

    sched_setscheduler(0, SCHED_RR, &p);
    prctl(PR_SET_TIMERSLACK, 1UL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static void open_all(int argc, char **argv)
{
    const char *control = NULL, *csv = NULL;
    uint64_t seed = 1;
    int i = 1;

    for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
        if (!strcmp(argv[i], "--control"))
            control = argv[i + 1];
        else if (!strcmp(argv[i], "--csv"))
            csv = argv[i + 1];
        else if (!strcmp(argv[i], "--seed"))
            seed = strtoull(argv[i + 1], NULL, 10);
        else
            die("%s is no option", argv[i]);
    }
    g.epoll = epoll_create1(EPOLL_CLOEXEC);
    for (; i < argc; i++)
        open_port(argv[i], seed);
    if (!control || g.epoll < 0 || !g.port_count)
        die("link --control SOCKET [--csv FILE] [--seed N] NAME=INTERFACE...");
    if (csv)
        open_csv(csv);
    open_control(control); /* who finds the socket finds the rest ready */
}

static void turn(void)
{
    struct epoll_event events[8];
    int64_t now = now_ns(), next = deliver(now);

    if (g.csv && now >= g.next_row)
        write_rows(now);
    if (g.csv && g.next_row < next)
        next = g.next_row;
    int64_t wait = next > now ? next - now : 0;
    struct timespec t = {wait / SECOND, wait % SECOND};
    int n = epoll_pwait2(g.epoll, events, 8, next == SHAPER_NEVER ? NULL : &t, NULL);
    for (int i = 0; i < n; i++) {
        if (events[i].data.u64 < PORTS_MAX)
            receive(&g.ports[events[i].data.u64]);
        else
            answer(accept4(g.control, NULL, NULL, SOCK_CLOEXEC));
    }
}

int main(int argc, char **argv)
{
    struct sigaction quit = {.sa_handler = on_signal};

    if (argc > 3 && !strcmp(argv[1], "--say"))
        return say(argv[2], argv + 3, argc - 3);
    sigaction(SIGTERM, &quit, NULL);
    sigaction(SIGINT, &quit, NULL);
    g.started = now_ns();
    be_prompt();
    open_all(argc, argv);
    while (!over)
        turn();
    if (g.csv) {
        write_rows(now_ns());
        fclose(g.csv);
    }
    for (unsigned i = 0; i < g.port_count; i++)
        for (int way = 0; way < WAYS; way++)
            shaper_free(&g.ports[i].way[way]);
    return EXIT_SUCCESS;
}
