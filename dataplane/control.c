#include "dataplane/control.h"

#include "dataplane/dataplane.h"
#include "dataplane/stats.h"
#include "proto/error.h"
#include "proto/handshake.h"
#include "proto/limits.h"
#include "proto/log.h"
#include "proto/version.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOCKET_NAME "dataplane.sock"
#define SOCKET_MODE 0660
#define GROUPS_MAX  64 /* of a client; further ones are not looked at */
#define EVENTS      16

/* epoll_event.data.u32: a client's index, or one of these. */
enum watched { WATCH_LISTENER = DP_CLIENTS_MAX, WATCH_SIGNALS, WATCH_RETURNED, WATCH_CHANNEL };

static int watch(struct dp_control *c, int fd, unsigned what)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = what};

    return epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

/* ---- clients */

static void disconnect_controlplane(struct dp_control *c)
{
    int fds[3];

    hr_channel_fds(c->channel, fds);
    epoll_ctl(c->epoll, EPOLL_CTL_DEL, fds[1], NULL);
    atomic_store(&c->dp->channel, NULL);
    for (unsigned i = 0; i < c->dp->workers_count; i++)
        dp_worker_quiesce(&c->dp->workers[i]);
    hr_channel_destroy(c->channel);
    c->channel = NULL;
    c->controlplane = NULL;
    dp_commands_forget(&c->commands);
    if (!atomic_load(&c->dp->stopping))
        hr_warning("the control plane has disconnected; calls go on");
}

void dp_control_drop_client(struct dp_control *c, struct dp_client *client)
{
    if (client->role == DP_ROLE_NONE)
        return;
    if (client == c->controlplane)
        disconnect_controlplane(c);
    close(client->fd);
    client->fd = -1;
    client->role = DP_ROLE_NONE;
    client->life++;
    client->unanswered = 0;
}

/* Root, the daemon's own user, and the group of the run directory. */
static bool is_permitted(const struct dp_control *c, int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    gid_t groups[GROUPS_MAX];

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
        return false;
    if (peer.uid == 0 || peer.uid == c->owner || peer.gid == c->group)
        return true;
    len = sizeof(groups);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len))
        return false;
    for (unsigned i = 0; i < len / sizeof(groups[0]); i++)
        if (groups[i] == c->group)
            return true;
    return false;
}

static struct dp_client *free_slot(struct dp_control *c)
{
    for (unsigned i = 0; i < DP_CLIENTS_MAX; i++)
        if (c->clients[i].role == DP_ROLE_NONE)
            return &c->clients[i];
    return NULL;
}

static void turn_away(struct dp_control *c, int fd, enum hr_error error, const char *detail)
{
    Headrace__HelloReply reply = HEADRACE__HELLO_REPLY__INIT;

    reply.protocol = HR_PROTOCOL_VERSION;
    reply.build = (char *)hr_build();
    reply.error = error;
    reply.detail = (char *)detail;
    (void)hr_socket_send(fd, &reply.base, NULL, 0); /* a courtesy: it is closed either way */
    close(fd);
    c->refused++;
}

static void accept_client(struct dp_control *c)
{
    int fd = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return;
    if (!is_permitted(c, fd)) {
        turn_away(c, fd, HR_ERROR_PERMISSION,
                  "only root, the dataplane's user and the group of its run directory may connect");
        return;
    }
    struct dp_client *client = free_slot(c);
    if (!client || watch(c, fd, (unsigned)(client - c->clients))) {
        turn_away(c, fd, HR_ERROR_LIMIT, "too many connections");
        return;
    }
    client->fd = fd;
    client->role = DP_ROLE_NEW;
    c->connects++;
}

/* ---- hello */

static void say_hello(struct dp_control *c, struct dp_client *client, enum hr_error error,
                      const char *detail)
{
    Headrace__HelloReply reply = HEADRACE__HELLO_REPLY__INIT;
    int fds[3];
    unsigned nfds = 0;

    reply.protocol = HR_PROTOCOL_VERSION;
    reply.build = (char *)hr_build();
    reply.error = error;
    reply.detail = (char *)(detail ? detail : hr_error_text(error));
    reply.workers = c->dp->crew.count;
    reply.instance = c->dp->instance;
    hr_arena_reset(&c->commands.arena);
    dp_stats_ports(c->dp, &c->commands.arena, &reply.n_ports, &reply.ports);
    if (!error && client->role == DP_ROLE_CONTROLPLANE) {
        hr_channel_fds(c->channel, fds);
        nfds = 3;
    }
    int err = hr_socket_send(client->fd, &reply.base, fds, nfds);
    if (error)
        c->refused++;
    if (error || err)
        dp_control_drop_client(c, client);
}

static void connect_controlplane(struct dp_control *c, struct dp_client *client, const char *build)
{
    int fds[3];

    if (c->controlplane) {
        say_hello(c, client, HR_ERROR_BUSY, NULL);
        return;
    }
    int err = hr_channel_create(c->dp->workers_count, &c->channel);
    if (!err) {
        hr_channel_fds(c->channel, fds);
        err = watch(c, fds[1], WATCH_CHANNEL);
    }
    if (err) {
        hr_error("cannot make the rings for the control plane: %s", strerror(-err));
        hr_channel_destroy(c->channel);
        c->channel = NULL;
        say_hello(c, client, HR_ERROR_MEMORY, NULL);
        return;
    }
    client->role = DP_ROLE_CONTROLPLANE;
    c->controlplane = client;
    atomic_store(&c->dp->channel, c->channel);
    hr_info("the control plane has connected, build %s", build);
    say_hello(c, client, HR_ERROR_OK, NULL);
}

static void take_hello(struct dp_control *c, struct dp_client *client, const uint8_t *bytes,
                       size_t len)
{
    char detail[256];

    hr_arena_reset(&c->commands.arena);
    Headrace__Hello *hello = headrace__hello__unpack(&c->commands.arena.allocator, len, bytes);
    if (!hello) {
        say_hello(c, client, HR_ERROR_MALFORMED, NULL);
        return;
    }
    if (hello->protocol != HR_PROTOCOL_VERSION) {
        snprintf(detail, sizeof(detail),
                 "dataplane build %s speaks protocol %d, peer build %.64s speaks protocol %u",
                 hr_build(), HR_PROTOCOL_VERSION, hello->build, hello->protocol);
        hr_warning("refused a peer: %s", detail);
        say_hello(c, client, HR_ERROR_PROTOCOL, detail);
        return;
    }
    switch (hello->role) {
    case HEADRACE__HELLO__ROLE__CONTROLPLANE:
        connect_controlplane(c, client, hello->build);
        break;
    case HEADRACE__HELLO__ROLE__OPERATOR:
        client->role = DP_ROLE_OPERATOR;
        say_hello(c, client, HR_ERROR_OK, NULL);
        break;
    default:
        say_hello(c, client, HR_ERROR_INVALID, "no such role");
    }
}

static void read_client(struct dp_control *c, struct dp_client *client)
{
    static uint8_t buf[HR_SOCKET_MESSAGE_MAX]; /* main thread only */
    int n = hr_socket_receive(client->fd, buf, sizeof(buf), NULL, NULL);

    if (n == -EAGAIN || n == -EINTR)
        return;
    if (n <= 0)
        dp_control_drop_client(c, client);
    else if (client->role == DP_ROLE_NEW)
        take_hello(c, client, buf, (size_t)n);
    else if (client->role == DP_ROLE_OPERATOR)
        dp_commands_datagram(c, client, buf, (size_t)n);
    /* The control plane's commands come through its ring: a datagram here says nothing. */
}

/* ---- loop */

static void take_signal(struct dp_control *c)
{
    struct signalfd_siginfo s;

    if (read(c->signals, &s, sizeof(s)) != sizeof(s))
        return;
    hr_info("stopping: SIG%s", sigabbrev_np((int)s.ssi_signo));
    atomic_store(&c->dp->stopping, true);
}

static void collect(struct dp_control *c)
{
    eventfd_t count;

    (void)eventfd_read(c->dp->returned, &count);
    for (unsigned i = 0; i < c->dp->workers_count; i++)
        dp_worker_collect(&c->dp->workers[i]);
}

static void dispatch(struct dp_control *c, unsigned what)
{
    switch (what) {
    case WATCH_LISTENER:
        accept_client(c);
        break;
    case WATCH_SIGNALS:
        take_signal(c);
        break;
    case WATCH_RETURNED:
        collect(c);
        break;
    case WATCH_CHANNEL:
        break; /* the ring is looked at in each turn */
    default:
        if (c->clients[what].role != DP_ROLE_NONE)
            read_client(c, &c->clients[what]);
    }
}

/* Tells the control plane what is new, and that we are about to sleep; then looks at the ring once
 * more. */
static int prepare_sleep(struct dp_control *c, int timeout)
{
    if (!c->channel)
        return timeout;
    hr_channel_wake(c->channel, HR_SIDE_CONTROLPLANE);
    if (timeout == 0)
        return 0;
    hr_channel_sleep(c->channel, HR_SIDE_DATAPLANE);
    bool stalled = timeout > 0 || c->commands.answers_count == DP_ANSWERS_MAX;
    return stalled || hr_channel_empty(c->channel, HR_RING_COMMAND, 0) ? timeout : 0;
}

void dp_control_run(struct dp_control *c)
{
    struct epoll_event events[EVENTS];

    while (!atomic_load(&c->dp->stopping)) {
        int timeout = prepare_sleep(c, dp_commands_drain(c));
        if (dp_later_poll(c->dp) && (timeout < 0 || timeout > DP_LATER_MS))
            timeout = DP_LATER_MS;
        int n = epoll_wait(c->epoll, events, EVENTS, timeout);
        if (c->channel)
            hr_channel_awake(c->channel, HR_SIDE_DATAPLANE);
        for (int i = 0; i < n; i++)
            dispatch(c, events[i].data.u32);
    }
}

/* ---- start and stop */

static int listen_in(struct dp_control *c, const char *run_dir)
{
    struct stat st;

    if (mkdir(run_dir, 0755) && errno != EEXIST) {
        int err = -errno;
        hr_error("run_dir: cannot make %s: %s", run_dir, strerror(-err));
        return err;
    }
    if (stat(run_dir, &st))
        return -errno;
    c->group = st.st_gid;
    c->owner = geteuid();
    snprintf(c->path, sizeof(c->path), "%s/" SOCKET_NAME, run_dir);
    c->listener = hr_socket_listen(c->path, SOCKET_MODE);
    if (c->listener == -EADDRINUSE)
        hr_error("a dataplane is already running: it answers on %s (another one needs its own "
                 "--run-dir)",
                 c->path);
    else if (c->listener < 0)
        hr_error("cannot listen on %s: %s", c->path, strerror(-c->listener));
    else if (chown(c->path, (uid_t)-1, c->group))
        hr_warning("cannot give %s to the group of %s: %s", c->path, run_dir, strerror(errno));
    return c->listener < 0 ? c->listener : 0;
}

static int take_signals(struct dp_control *c)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL); /* threads made later inherit it */
    c->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return c->signals < 0 ? -errno : 0;
}

int dp_control_open(struct dp_control *c, struct dp_dataplane *dp, const char *run_dir)
{
    *c = (struct dp_control){.dp = dp, .epoll = -1, .listener = -1, .signals = -1};
    for (unsigned i = 0; i < DP_CLIENTS_MAX; i++)
        c->clients[i].fd = -1;
    int err = listen_in(c, run_dir);
    if (err)
        return err;
    dp->returned = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (dp->returned < 0 || c->epoll < 0)
        err = -errno;
    if (!err)
        err = take_signals(c);
    if (!err)
        err = dp_commands_open(&c->commands);
    if (!err)
        err = watch(c, c->listener, WATCH_LISTENER);
    if (!err)
        err = watch(c, c->signals, WATCH_SIGNALS);
    if (!err)
        err = watch(c, dp->returned, WATCH_RETURNED);
    if (err) {
        hr_error("cannot set up the control socket: %s", strerror(-err));
        dp_control_close(c);
    }
    return err;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void dp_control_close(struct dp_control *c)
{
    for (unsigned i = 0; i < DP_CLIENTS_MAX; i++)
        dp_control_drop_client(c, &c->clients[i]);
    dp_commands_close(&c->commands);
    close_fd(&c->epoll);
    close_fd(&c->signals);
    close_fd(&c->dp->returned);
    if (c->listener >= 0)
        unlink(c->path);
    close_fd(&c->listener);
}
