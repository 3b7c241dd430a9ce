/*
 * DOWN -> connected, hello sent: HELLO -> reply with the descriptors: UP -> end of file, or a
 * fault: DOWN, and again after a pause. The socket carries nothing but the hello; its end is the
 * sign that the dataplane has gone.
 */
#include "controlplane/dataplane_internal.h"

#include "proto/error.h"
#include "proto/handshake.h"
#include "proto/log.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define CHANNEL_FDS 3

int cp_dataplane_create(const char *run_dir, const char *build,
                        const struct cp_dataplane_handlers *h, struct cp_dataplane **out)
{
    struct cp_dataplane *dp = calloc(1, sizeof(*dp));

    if (!dp)
        return -ENOMEM;
    dp->h = *h;
    dp->sock = -1;
    dp->next_number = 1;
    dp->retry_ms = CP_DATAPLANE_RETRY_MS;
    g_queue_init(&dp->waiting);
    snprintf(dp->why, sizeof(dp->why), "not connected yet");
    dp->epoll = epoll_create1(EPOLL_CLOEXEC);
    int err = dp->epoll < 0 ? -errno : 0;
    if (!err && asprintf(&dp->path, "%s/dataplane.sock", run_dir) < 0)
        dp->path = NULL;
    dp->build = strdup(build);
    if (!err && (!dp->path || !dp->build || hr_arena_init(&dp->arena, CP_DATAPLANE_ARENA)))
        err = -ENOMEM;
    /* Objects of an earlier run may be there still; below 2^30 there is room for a billion more. */
    if (!err && RAND_bytes((uint8_t *)&dp->next_id, sizeof(dp->next_id)) != 1)
        err = -EIO;
    dp->next_id &= (1u << 30) - 1;
    if (err) {
        cp_dataplane_destroy(dp);
        return err;
    }
    *out = dp;
    return 0;
}

/*
 * The epoll forgets a descriptor by itself only when its last copy is closed, and the dataplane has
 * copies of the eventfd: so it is told.
 */
static void close_connection(struct cp_dataplane *dp)
{
    int fds[CHANNEL_FDS];

    if (dp->ch) {
        hr_channel_fds(dp->ch, fds);
        (void)epoll_ctl(dp->epoll, EPOLL_CTL_DEL, fds[2], NULL);
        hr_channel_destroy(dp->ch);
        dp->ch = NULL;
    }
    if (dp->sock >= 0) {
        (void)epoll_ctl(dp->epoll, EPOLL_CTL_DEL, dp->sock, NULL);
        close(dp->sock);
        dp->sock = -1;
    }
    if (dp->hello)
        headrace__hello_reply__free_unpacked(dp->hello, NULL);
    dp->hello = NULL;
    dp->more = false;
}

void cp_dataplane_destroy(struct cp_dataplane *dp)
{
    if (!dp)
        return;
    dp->state = CP_DATAPLANE_DOWN;
    cp_dataplane_fail_pending(dp);
    close_connection(dp);
    if (dp->epoll >= 0)
        close(dp->epoll);
    hr_arena_free(&dp->arena);
    free(dp->path);
    free(dp->build);
    free(dp);
}

/* Logs a reason once, not at every attempt. */
__attribute__((format(printf, 3, 4))) static void go_down(struct cp_dataplane *dp, uint64_t now,
                                                          const char *format, ...)
{
    bool was_up = dp->state == CP_DATAPLANE_UP;
    char why[sizeof(dp->why)];
    va_list ap;

    va_start(ap, format);
    vsnprintf(why, sizeof(why), format, ap);
    va_end(ap);
    if (was_up || strcmp(why, dp->why) != 0)
        hr_warning("dataplane: %s; trying again", why);
    snprintf(dp->why, sizeof(dp->why), "%s", why);
    dp->state = CP_DATAPLANE_DOWN;
    close_connection(dp);
    dp->deadline = now + dp->retry_ms;
    dp->retry_ms =
        dp->retry_ms * 2 < CP_DATAPLANE_RETRY_MAX_MS ? dp->retry_ms * 2 : CP_DATAPLANE_RETRY_MAX_MS;
    if (!was_up)
        return;
    cp_dataplane_fail_pending(dp);
    if (dp->h.down)
        dp->h.down(dp->h.arg, dp->why);
}

static int watch(struct cp_dataplane *dp, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(dp->epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static void try_connect(struct cp_dataplane *dp, uint64_t now)
{
    Headrace__Hello hello = HEADRACE__HELLO__INIT;

    dp->sock = hr_socket_connect(dp->path);
    if (dp->sock < 0) {
        int err = -dp->sock;
        dp->sock = -1;
        go_down(dp, now, "%s: %s", dp->path, strerror(err));
        return;
    }
    hello.protocol = HR_PROTOCOL_VERSION;
    hello.build = dp->build;
    hello.role = HEADRACE__HELLO__ROLE__CONTROLPLANE;
    int flags = fcntl(dp->sock, F_GETFL);
    int err = fcntl(dp->sock, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
    if (!err)
        err = watch(dp, dp->sock);
    if (!err)
        err = hr_socket_send(dp->sock, &hello.base, NULL, 0);
    if (err) {
        go_down(dp, now, "%s: hello not sent: %s", dp->path, strerror(-err));
        return;
    }
    dp->state = CP_DATAPLANE_HELLO;
    dp->deadline = now + CP_DATAPLANE_HELLO_MS;
}

/* Takes over the descriptors. The text of what is wrong, or NULL. */
static const char *attach(struct cp_dataplane *dp, const int *fds, unsigned nfds)
{
    if (nfds != CHANNEL_FDS) {
        for (unsigned i = 0; i < nfds; i++)
            close(fds[i]);
        return "it sent no rings";
    }
    int err = hr_channel_attach(fds[0], fds[1], fds[2], &dp->ch);
    if (err) {
        dp->ch = NULL;
        return err == -EPROTO ? "its rings are laid out otherwise" : strerror(-err);
    }
    err = watch(dp, fds[2]);
    return err ? strerror(-err) : NULL;
}

static void on_hello(struct cp_dataplane *dp, Headrace__HelloReply *r, const int *fds,
                     unsigned nfds, uint64_t now)
{
    const char *wrong = NULL;

    dp->hello = r;
    if (r->error == HR_ERROR_OK && r->protocol == HR_PROTOCOL_VERSION) {
        wrong = attach(dp, fds, nfds);
    } else {
        for (unsigned i = 0; i < nfds; i++)
            close(fds[i]);
        wrong = r->error ? hr_error_text(r->error) : "protocol versions differ";
    }
    if (wrong) {
        go_down(dp, now, "hello refused: %s (protocol %u of %s, ours %u of %s) %s", wrong,
                r->protocol, r->build, HR_PROTOCOL_VERSION, dp->build, r->detail);
        return;
    }
    dp->state = CP_DATAPLANE_UP;
    dp->deadline = CP_NEVER;
    dp->retry_ms = CP_DATAPLANE_RETRY_MS;
    dp->why[0] = 0;
    dp->more = true; /* what is in the rings already wakes nobody */
    dp->counters.connects++;
    hr_info("dataplane: connected, build %s, %u workers", r->build, hr_channel_workers(dp->ch));
    if (dp->h.up)
        dp->h.up(dp->h.arg, dp->hello);
}

static void read_socket(struct cp_dataplane *dp, uint64_t now)
{
    static uint8_t buf[HR_SOCKET_MESSAGE_MAX]; /* too much for a stack; we are single-threaded */
    int fds[CHANNEL_FDS];
    unsigned nfds = CHANNEL_FDS;
    int n = hr_socket_receive(dp->sock, buf, sizeof(buf), fds, &nfds);

    if (n == -EAGAIN || n == -EINTR)
        return;
    if (n <= 0) {
        go_down(dp, now, n ? "connection lost: %s" : "connection closed by it%s",
                n ? strerror(-n) : "");
        return;
    }
    Headrace__HelloReply *r = dp->state == CP_DATAPLANE_HELLO
                                  ? headrace__hello_reply__unpack(NULL, (size_t)n, buf)
                                  : NULL;
    if (r) {
        on_hello(dp, r, fds, nfds, now);
        return;
    }
    for (unsigned i = 0; i < nfds; i++)
        close(fds[i]);
    go_down(dp, now, "it sent a message that does not parse or belong here");
}

static void on_event(struct cp_dataplane *dp, const uint8_t *data, size_t len)
{
    hr_arena_reset(&dp->arena);
    Headrace__Event *e = headrace__event__unpack(&dp->arena.allocator, len, data);

    hr_channel_consume(dp->ch, HR_RING_EVENT, 0);
    if (!e || e->what_case == HEADRACE__EVENT__WHAT__NOT_SET) {
        dp->counters.events_malformed++;
        return;
    }
    dp->counters.events++;
    if (e->what_case == HEADRACE__EVENT__WHAT_REPLY)
        cp_dataplane_reply(dp, e->reply);
    else if (dp->h.event)
        dp->h.event(dp->h.arg, e);
}

static void on_punt(struct cp_dataplane *dp, unsigned worker, const uint8_t *data, size_t len)
{
    struct cp_path path;

    hr_arena_reset(&dp->arena);
    Headrace__Punt *p = headrace__punt__unpack(&dp->arena.allocator, len, data);
    hr_channel_consume(dp->ch, HR_RING_PUNT, worker);
    if (!p || !p->path || p->payload.len == 0 || cp_path_unpack(p->path, &path)) {
        dp->counters.punts_malformed++;
        return;
    }
    path.worker = worker;
    dp->counters.punts++;
    if (dp->h.punt)
        dp->h.punt(dp->h.arg, &path, p->payload.data, p->payload.len);
}

static void drain(struct cp_dataplane *dp)
{
    const uint8_t *data;
    size_t len;

    for (unsigned n = 0; n < CP_DATAPLANE_BUDGET; n++) {
        if (!(data = hr_channel_peek(dp->ch, HR_RING_EVENT, 0, &len)))
            break;
        on_event(dp, data, len);
    }
    for (unsigned w = 0; w < hr_channel_workers(dp->ch); w++)
        for (unsigned n = 0; n < CP_DATAPLANE_BUDGET; n++) {
            if (!(data = hr_channel_peek(dp->ch, HR_RING_PUNT, w, &len)))
                break;
            on_punt(dp, w, data, len);
        }
    cp_dataplane_flush(dp);
}

static bool rings_empty(struct cp_dataplane *dp)
{
    for (unsigned w = 0; w < hr_channel_workers(dp->ch); w++)
        if (!hr_channel_empty(dp->ch, HR_RING_PUNT, w))
            return false;
    return hr_channel_empty(dp->ch, HR_RING_EVENT, 0);
}

/* Nothing in here may close the connection: handlers run below, and the rings are in use. */
static void serve_rings(struct cp_dataplane *dp)
{
    hr_channel_awake(dp->ch, HR_SIDE_CONTROLPLANE);
    drain(dp);
    hr_channel_sleep(dp->ch, HR_SIDE_CONTROLPLANE);
    dp->more = !rings_empty(dp);
}

void cp_dataplane_service(struct cp_dataplane *dp, uint64_t now)
{
    if (dp->state == CP_DATAPLANE_DOWN && now >= dp->deadline)
        try_connect(dp, now);
    else if (dp->state == CP_DATAPLANE_HELLO && now >= dp->deadline)
        go_down(dp, now, "no answer to hello");
    /* Rings first: what a dataplane wrote before it went is still good. */
    if (dp->state == CP_DATAPLANE_UP)
        serve_rings(dp);
    if (dp->state != CP_DATAPLANE_DOWN)
        read_socket(dp, now);
}

uint64_t cp_dataplane_deadline(const struct cp_dataplane *dp)
{
    return dp->more ? 0 : dp->deadline;
}

int cp_dataplane_fd(const struct cp_dataplane *dp)
{
    return dp->epoll;
}

bool cp_dataplane_is_up(const struct cp_dataplane *dp)
{
    return dp->state == CP_DATAPLANE_UP;
}

const Headrace__HelloReply *cp_dataplane_hello(const struct cp_dataplane *dp)
{
    return dp->state == CP_DATAPLANE_UP ? dp->hello : NULL;
}

const char *cp_dataplane_why_down(const struct cp_dataplane *dp)
{
    return dp->why;
}

const struct cp_dataplane_counters *cp_dataplane_counters(const struct cp_dataplane *dp)
{
    return &dp->counters;
}

uint32_t cp_dataplane_new_id(struct cp_dataplane *dp)
{
    if (++dp->next_id == 0)
        dp->next_id = 1;
    return dp->next_id;
}

int cp_dataplane_inject(struct cp_dataplane *dp, const struct cp_path *path, const uint8_t *data,
                        size_t len)
{
    Headrace__Inject m = HEADRACE__INJECT__INIT;
    Headrace__Path p;
    int err = -ENOTCONN;

    if (dp->state == CP_DATAPLANE_UP) {
        cp_path_pack(path, &p);
        m.path = &p;
        m.payload = (ProtobufCBinaryData){.data = (uint8_t *)data, .len = len};
        /* A dataplane that came back may have fewer workers. */
        unsigned worker = path->worker % hr_channel_workers(dp->ch);
        err = hr_channel_send(dp->ch, HR_RING_INJECT, worker, &m.base);
    }
    if (err) {
        dp->counters.injects_dropped++;
        return err;
    }
    dp->counters.injects++;
    hr_channel_wake(dp->ch, HR_SIDE_DATAPLANE);
    return 0;
}
