#include "controlplane/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/log.h"

#define CLOSE_TURNS 1000 /* of the loop, for handles to close */

struct cp_watch {
    struct lws *wsi; /* NULL once the loop has closed it */
    void (*readable)(void *user);
    void *user;
};

uint64_t cp_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int file_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                         size_t len)
{
    struct cp_watch *watch = lws_get_opaque_user_data(wsi);
    if (reason == LWS_CALLBACK_RAW_RX_FILE && watch) {
        watch->readable(watch->user);
    } else if (reason == LWS_CALLBACK_RAW_CLOSE_FILE && watch) {
        watch->wsi = NULL;
    } else if (reason == LWS_CALLBACK_RAW_RX_FILE) {
        return -1; /* unwatched: lws closes its copy of the descriptor */
    }
    return 0;
}

static const struct lws_protocols file_protocols[] = {
    {.name = "headrace-file", .callback = file_callback},
    {.name = NULL},
};

/* libwebsockets' lines say nothing that an operator can act on; ours do, at the edge. */
static void log_line(int level, const char *line)
{
    int len = (int)strcspn(line, "\n");
    hr_debug("libwebsockets: %.*s", len, line);
}

int cp_loop_create(struct cp_loop *loop, void *user)
{
    lws_set_log_level(LLL_ERR | LLL_WARN, log_line);
    int err = uv_loop_init(&loop->uv);
    if (err)
        return err;
    void *loops[] = {&loop->uv};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
                   LWS_SERVER_OPTION_LIBUV,
        .foreign_loops = loops,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .user = user,
        .pt_serv_buf_size = 16384,
        .max_http_header_data = 8192,
        .timeout_secs = 15,
    };
    loop->stopping = false;
    loop->context = lws_create_context(&info);
    if (!loop->context) {
        hr_error("libwebsockets cannot use libuv: is its plugin (libwebsockets-evlib-uv) there?");
        uv_loop_close(&loop->uv);
        return -ENOSYS;
    }
    struct lws_context_creation_info files = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .vhost_name = "files",
        .protocols = file_protocols,
    };
    loop->files = lws_create_vhost(loop->context, &files);
    return loop->files ? 0 : -ENOMEM;
}

/*
 * libuv closes handles in its turn, and libwebsockets frees what hangs on them then; the second
 * call takes the rest.
 */
void cp_loop_destroy(struct cp_loop *loop)
{
    if (!loop->context)
        return;
    lws_context_destroy(loop->context);
    for (unsigned turns = 0; turns < CLOSE_TURNS && uv_run(&loop->uv, UV_RUN_NOWAIT); turns++)
        ;
    lws_context_destroy(loop->context);
    loop->context = NULL;
    uv_loop_close(&loop->uv);
}

void cp_loop_run(struct cp_loop *loop)
{
    /* Timers set before are looked at when something has happened. */
    lws_cancel_service(loop->context);
    while (!loop->stopping)
        uv_run(&loop->uv, UV_RUN_ONCE);
}

void cp_loop_stop(struct cp_loop *loop)
{
    loop->stopping = true;
}

struct cp_watch *cp_loop_watch(struct cp_loop *loop, int fd, void (*readable)(void *user),
                               void *user)
{
    struct cp_watch *watch = calloc(1, sizeof(*watch));
    /* The loop closes what it adopts, so it gets a copy. */
    int copy = watch ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
    if (copy < 0) {
        free(watch);
        return NULL;
    }
    watch->readable = readable;
    watch->user = user;
    lws_sock_file_fd_type desc = {.filefd = copy};
    watch->wsi = lws_adopt_descriptor_vhost(loop->files, LWS_ADOPT_RAW_FILE_DESC, desc,
                                            file_protocols[0].name, NULL);
    if (!watch->wsi) {
        close(copy);
        free(watch);
        return NULL;
    }
    lws_set_opaque_user_data(watch->wsi, watch);
    return watch;
}

void cp_loop_unwatch(struct cp_watch *watch)
{
    if (!watch)
        return;
    if (watch->wsi) {
        lws_set_opaque_user_data(watch->wsi, NULL);
        lws_set_timeout(watch->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    }
    free(watch);
}

static void fire(lws_sorted_usec_list_t *sul)
{
    struct cp_timer *t = lws_container_of(sul, struct cp_timer, sul);
    t->fire(t->user);
}

void cp_timer_set(struct cp_loop *loop, struct cp_timer *t, uint64_t ms)
{
    lws_sul_schedule(loop->context, 0, &t->sul, fire, (lws_usec_t)(ms * 1000 + 1));
}

void cp_timer_cancel(struct cp_timer *t)
{
    lws_sul_cancel(&t->sul);
}
