#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH        16
#define CONSENT_US   5000000 /* RFC 7675 5.1 */
#define TIMERS_US    25000
#define JOIN_LIMIT   20000000
#define LEAVE_S      60
#define CLIENT_PORT  40000
#define DATAGRAM_MAX 2048
#define UDP_KEY      UINT64_MAX /* of the epoll; clients have their index */

union control {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
};

/* What is known of a room: the sources of those who have their answer. */
struct room {
    uint32_t *sources;
    unsigned count;
};

static struct {
    int epoll, udp;
    unsigned most, count, joining, held, room_size;
    struct client **all;
    struct client **under_way; /* those that join */
    struct room *rooms;
    unsigned *consent; /* indices, by when their next check is due */
    unsigned consent_head, consent_tail;
    uint64_t next_timers;
    struct join_stats stats;
} g;

static void watch(int fd, uint64_t key, uint32_t events, int op)
{
    struct epoll_event e = {.events = events, .data.u64 = key};

    if (epoll_ctl(g.epoll, op, fd, &e))
        die("epoll: %s", strerror(errno));
}

/* Every client has an address of its own, but all have one socket: it tells and is told which. */
static void open_udp(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(CLIENT_PORT)};
    int one = 1, bytes = 64 << 20;

    g.udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (g.udp < 0 || setsockopt(g.udp, SOL_IP, IP_PKTINFO, &one, sizeof(one)) < 0 ||
        setsockopt(g.udp, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0 ||
        setsockopt(g.udp, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0 ||
        bind(g.udp, (struct sockaddr *)&at, sizeof(at)) < 0)
        die("the clients' UDP socket: %s", strerror(errno));
    watch(g.udp, UDP_KEY, EPOLLIN, EPOLL_CTL_ADD);
}

void clients_open(unsigned most, const struct options *o)
{
    memset(&g, 0, sizeof(g));
    if (most > LAB_CLIENTS_MAX)
        die("%u clients are more than have addresses, %u", most, LAB_CLIENTS_MAX);
    g.most = most;
    g.room_size = o->room_size;
    g.epoll = epoll_create1(EPOLL_CLOEXEC);
    g.all = calloc(most, sizeof(*g.all));
    g.under_way = calloc(most, sizeof(*g.under_way));
    g.rooms = calloc(most + 1, sizeof(*g.rooms));
    g.consent = calloc(most + 1, sizeof(*g.consent));
    g.stats.ms = calloc(most, sizeof(float));
    g.stats.late_ms = calloc(most, sizeof(float));
    g.stats.ms_size = most;
    if (g.epoll < 0 || !g.all || !g.under_way || !g.rooms || !g.consent || !g.stats.ms ||
        !g.stats.late_ms)
        die("no memory for %u clients", most);
    open_udp();
}

static void free_client(struct client *c)
{
    if (c->tcp >= 0)
        close(c->tcp);
    if (c->j)
        peer_free(c->j);
    media_free(c->media);
    free(c->location);
    free(c->rx);
    free(c);
}

static void forget_all(void)
{
    for (unsigned i = 0; i < g.count; i++) {
        free_client(g.all[i]);
        free(g.rooms[i].sources);
        g.rooms[i] = (struct room){0};
    }
    g.count = g.joining = g.held = g.consent_head = g.consent_tail = 0;
}

void clients_close(void)
{
    forget_all();
    close(g.udp);
    close(g.epoll);
    free(g.all);
    free(g.under_way);
    free(g.rooms);
    free(g.consent);
    free(g.stats.ms);
    free(g.stats.late_ms);
}

/* ---- sockets */

static int tcp_socket(const struct client *c)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(LAB_CLIENTS + c->index)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

    setsockopt(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
        die("a client's socket: %s", strerror(errno));
    return fd;
}

static void flush(struct client *c)
{
    struct joining *j = c->j;

    while (j && j->tx_at < j->tx_len) {
        ssize_t n = send(c->tcp, j->tx + j->tx_at, j->tx_len - j->tx_at, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            watch(c->tcp, c->index, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            return;
        }
        if (n < 0) {
            client_fail(c, "TCP: %s", strerror(errno));
            return;
        }
        j->tx_at += (size_t)n;
    }
    if (j)
        j->tx_at = j->tx_len = 0;
}

/* Those that are in say little enough for any socket; a client that joins may have to wait. */
void client_write(struct client *c, const void *head, size_t head_len, const void *body,
                  size_t body_len)
{
    struct iovec parts[] = {{(void *)(uintptr_t)head, head_len},
                            {(void *)(uintptr_t)body, body_len}};
    struct msghdr m = {.msg_iov = parts, .msg_iovlen = body_len ? 2 : 1};
    ssize_t sent = c->j && c->j->tx_len ? 0 : sendmsg(c->tcp, &m, MSG_NOSIGNAL);
    size_t n = sent > 0 ? (size_t)sent : 0, total = head_len + body_len;

    if (n == total || !c->j)
        return;
    struct joining *j = c->j;
    j->tx = realloc(j->tx, j->tx_len + total - n);
    if (!j->tx)
        die("no memory");
    if (n < head_len) {
        memcpy(j->tx + j->tx_len, (const char *)head + n, head_len - n);
        j->tx_len += head_len - n;
        n = head_len;
    }
    if (total > n)
        memcpy(j->tx + j->tx_len, (const char *)body + n - head_len, total - n);
    j->tx_len += total - n;
    flush(c);
}

void client_datagram(struct client *c, const uint8_t *data, size_t len)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(c->answer.port),
                             .sin_addr.s_addr = htonl(c->answer.address)};
    union control control = {0};
    struct iovec part = {(void *)(uintptr_t)data, len};
    struct msghdr m = {.msg_name = &to,
                       .msg_namelen = sizeof(to),
                       .msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control)};
    struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(LAB_CLIENTS + c->index)};

    control.head.cmsg_level = SOL_IP;
    control.head.cmsg_type = IP_PKTINFO;
    control.head.cmsg_len = CMSG_LEN(sizeof(info));
    memcpy(CMSG_DATA(&control.head), &info, sizeof(info));
    (void)sendmsg(g.udp, &m, MSG_NOSIGNAL); /* lost like any other */
}

/* ---- a join */

static void no_longer_joining(struct client *c)
{
    for (unsigned i = 0; i < g.joining; i++)
        if (g.under_way[i] == c) {
            g.under_way[i] = g.under_way[--g.joining];
            break;
        }
    peer_free(c->j);
    c->j = NULL;
}

void client_fail(struct client *c, const char *format, ...)
{
    va_list ap;

    if (!c->j)
        return;
    if (g.stats.failed++ == 0) {
        va_start(ap, format);
        vsnprintf(g.stats.first_failure, sizeof(g.stats.first_failure), format, ap);
        va_end(ap);
    }
    c->state = FAILED;
    /* Its buffers may be in use further up; the timers clean up. */
}

struct client *client_join(enum by by, unsigned room, const char *name, uint64_t due)
{
    struct client *c = calloc(1, sizeof(*c));
    struct joining *j = calloc(1, sizeof(*j));

    if (!c || !j || g.count == g.most)
        die("no room for another client");
    c->j = j;
    c->by = by;
    c->room = room;
    c->index = g.count;
    snprintf(c->name, sizeof(c->name), "%s", name);
    snprintf(c->ufrag, sizeof(c->ufrag), "u%07u", c->index % 10000000);
    j->started = now_us();
    g.stats.late_ms[g.stats.late_count++] = (float)(j->started > due ? j->started - due : 0) / 1e3f;
    g.stats.started++;
    c->tcp = tcp_socket(c);
    g.all[g.count++] = c;
    g.under_way[g.joining++] = c;
    watch(c->tcp, c->index, EPOLLIN | EPOLLOUT, EPOLL_CTL_ADD);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(LAB_HTTP_PORT),
                             .sin_addr.s_addr = htonl(LAB_HTTP)};
    if (connect(c->tcp, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS)
        client_fail(c, "connect: %s", strerror(errno));
    return c;
}

void client_answered(struct client *c)
{
    c->state = CHECKING;
    peer_check(c);
}

void client_done(struct client *c)
{
    uint64_t now = now_us();

    g.stats.ms[g.stats.done++] = (float)(now - c->j->started) / 1e3f;
    c->state = CONNECTED;
    g.held++;
    c->next_check = now + CONSENT_US;
    g.consent[g.consent_tail++ % (g.most + 1)] = c->index;
}

unsigned client_room_sources(const struct client *c, uint32_t *out, unsigned max)
{
    const struct room *r = &g.rooms[c->room];
    unsigned n = r->count < max ? r->count : max;

    if (n)
        memcpy(out, r->sources, n * sizeof(*out));
    return n;
}

void client_published(struct client *c)
{
    struct room *r = &g.rooms[c->room];

    if (!r->sources)
        r->sources = calloc(2 * g.room_size + 2, sizeof(*r->sources));
    if (!r->sources || r->count + 2 > 2 * g.room_size + 2)
        return;
    r->sources[r->count++] = c->sources[0];
    r->sources[r->count++] = c->sources[1];
}

bool client_connected(const struct client *c)
{
    return c->state == CONNECTED;
}

bool client_failed(const struct client *c)
{
    return c->state == FAILED;
}

void client_send_media(struct client *c)
{
    uint8_t packet[DATAGRAM_MAX];

    if (c->media)
        client_datagram(c, packet, media_packet(c->media, packet));
}

/* ---- events */

static void read_tcp(struct client *c)
{
    for (;;) {
        if (c->rx_size - c->rx_len < 4096) {
            size_t size = c->rx_size ? 2 * c->rx_size : 16384;
            c->rx = realloc(c->rx, size);
            if (!c->rx)
                die("no memory");
            c->rx_size = size;
        }
        ssize_t n = recv(c->tcp, c->rx + c->rx_len, c->rx_size - c->rx_len, 0);
        if (n < 0 && errno == EAGAIN)
            break;
        if (n <= 0) {
            client_fail(c, "TCP closed by the relay%s%s", n ? ": " : "", n ? strerror(errno) : "");
            close(c->tcp);
            c->tcp = -1;
            break;
        }
        c->rx_len += (size_t)n;
        if (c->rx_len < c->rx_size)
            break; /* level-triggered */
    }
    signal_read(c);
    if (c->rx_len == 0) {
        free(c->rx);
        c->rx = NULL;
        c->rx_size = 0;
    }
}

/* Whose datagram it is, by the address that it came to; NULL: nobody's. */
static struct client *addressee(struct msghdr *m)
{
    struct in_pktinfo info;

    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
        if (h->cmsg_level != SOL_IP || h->cmsg_type != IP_PKTINFO)
            continue;
        memcpy(&info, CMSG_DATA(h), sizeof(info));
        uint32_t index = ntohl(info.ipi_addr.s_addr) - LAB_CLIENTS;
        return index < g.count ? g.all[index] : NULL;
    }
    return NULL;
}

static void read_udp(void)
{
    uint8_t data[DATAGRAM_MAX];

    for (int i = 0; i < BATCH; i++) {
        union control control;
        struct iovec part = {data, sizeof(data)};
        struct msghdr m = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof(control)};
        ssize_t n = recvmsg(g.udp, &m, 0);
        struct client *c = n > 0 ? addressee(&m) : NULL;
        if (n <= 0)
            return;
        if (c && data[0] <= 3)
            peer_stun(c, data, (size_t)n);
        else if (c && data[0] >= 20 && data[0] <= 63 && c->j)
            peer_dtls(c, data, (size_t)n);
        else if (c && data[0] >= 128 && c->media)
            media_take(c->media, data, (size_t)n);
    }
}

static void on_event(uint64_t key, uint32_t events)
{
    if (key == UDP_KEY) {
        read_udp();
        return;
    }
    struct client *c = g.all[key];
    if (c->tcp >= 0 && c->state == CONNECTING && events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
        int error = 0;
        socklen_t len = sizeof(error);
        getsockopt(c->tcp, SOL_SOCKET, SO_ERROR, &error, &len);
        watch(c->tcp, c->index, EPOLLIN, EPOLL_CTL_MOD);
        if (error)
            client_fail(c, "TCP: %s", strerror(error));
        else
            signal_begin(c);
    } else if (c->tcp >= 0 && events & EPOLLOUT) {
        watch(c->tcp, c->index, EPOLLIN, EPOLL_CTL_MOD);
        flush(c);
    }
    if (c->tcp >= 0 && events & (EPOLLIN | EPOLLHUP))
        read_tcp(c);
}

static void send_consent(uint64_t now)
{
    while (g.consent_head != g.consent_tail) {
        unsigned *first = &g.consent[g.consent_head % (g.most + 1)];
        struct client *c = g.all[*first];
        if (c->next_check > now)
            return;
        g.consent_head++;
        c->next_check = now + CONSENT_US;
        g.consent[g.consent_tail++ % (g.most + 1)] = c->index;
        peer_check(c);
    }
}

static void timers(uint64_t now)
{
    g.next_timers = now + TIMERS_US;
    for (unsigned i = g.joining; i > 0; i--) {
        struct client *c = g.under_way[i - 1];
        if (now - c->j->started > JOIN_LIMIT)
            client_fail(c, "not joined within %d s (state %d)", JOIN_LIMIT / 1000000, c->state);
        if (c->state != FAILED)
            peer_timers(c, now);
        if (c->state == FAILED) {
            if (c->tcp >= 0)
                close(c->tcp);
            c->tcp = -1;
        }
    }
}

static void sweep(void)
{
    for (unsigned i = g.joining; i > 0; i--) {
        struct client *c = g.under_way[i - 1];
        if (c->state == CONNECTED || c->state == FAILED)
            no_longer_joining(c);
    }
}

void clients_turn(uint64_t until)
{
    struct epoll_event events[BATCH];
    uint64_t now = now_us();
    uint64_t next = until < g.next_timers ? until : g.next_timers;
    int wait = next > now ? (int)((next - now + 999) / 1000) : 0;
    int n = epoll_wait(g.epoll, events, BATCH, wait);

    for (int i = 0; i < n; i++)
        on_event(events[i].data.u64, events[i].events);
    sweep();
    now = now_us();
    if (now >= g.next_timers)
        timers(now);
    send_consent(now);
}

/* ---- leaving */

static void delete_resource(struct client *c)
{
    char request[256];
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(LAB_HTTP_PORT),
                             .sin_addr.s_addr = htonl(LAB_HTTP)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int n = snprintf(request, sizeof(request),
                     "DELETE %s HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", c->location);

    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) || write(fd, request, (size_t)n) != n ||
        read(fd, request, sizeof(request)) <= 0)
        die("DELETE %s: %s", c->location, strerror(errno));
    close(fd);
}

void clients_leave(void)
{
    uint64_t limit;

    for (unsigned i = 0; i < g.count; i++) {
        if (g.all[i]->location)
            delete_resource(g.all[i]);
        else
            signal_goodbye(g.all[i]);
        if (i % 64 == 63)
            clients_turn(now_us());
    }
    limit = now_us() + (uint64_t)LEAVE_S * 1000000;
    while (lab_metric("headrace_endpoints") > 0) {
        if (now_us() > limit)
            die("%d s after everybody has left there are %.0f endpoints", LEAVE_S,
                lab_metric("headrace_endpoints"));
        for (uint64_t pause = now_us() + 100000; now_us() < pause;)
            clients_turn(pause);
    }
    forget_all();
}

unsigned clients_joining(void)
{
    return g.joining;
}

unsigned clients_held(void)
{
    return g.held;
}

struct join_stats *clients_stats(void)
{
    return &g.stats;
}

void clients_forget_stats(void)
{
    g.stats.started = g.stats.done = g.stats.failed = g.stats.late_count = 0;
    g.stats.first_failure[0] = 0;
}
