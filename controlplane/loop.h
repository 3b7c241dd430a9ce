/*
 * The control plane's one loop: libuv's, for libwebsockets' own polls all descriptors each time. On
 * it are libwebsockets and our own descriptors, timers and signals. Everything runs on one thread;
 * times are milliseconds of CLOCK_MONOTONIC.
 */
#ifndef CP_LOOP_H
#define CP_LOOP_H

#include <libwebsockets.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct cp_loop {
    uv_loop_t uv;
    struct lws_context *context;
    struct lws_vhost *files; /* carries no listener; adopted descriptors hang on it */
    bool stopping;
};

struct cp_timer {
    lws_sorted_usec_list_t sul;
    void (*fire)(void *user);
    void *user;
};

struct cp_watch; /* a descriptor on the loop */

/* Makes the context; its vhosts come later (http.c). 0, or -errno and logged. */
int cp_loop_create(struct cp_loop *loop, void *user);
void cp_loop_destroy(struct cp_loop *loop);
/* Runs until cp_loop_stop(). */
void cp_loop_run(struct cp_loop *loop);
void cp_loop_stop(struct cp_loop *loop);

/* Calls readable(user) whenever fd has something to read. fd stays the caller's. NULL: out of
 * memory. */
struct cp_watch *cp_loop_watch(struct cp_loop *loop, int fd, void (*readable)(void *user),
                               void *user);
void cp_loop_unwatch(struct cp_watch *watch);

/* Fires once, in that many milliseconds; set again, it moves. */
void cp_timer_set(struct cp_loop *loop, struct cp_timer *t, uint64_t ms);
void cp_timer_cancel(struct cp_timer *t);

uint64_t cp_now_ms(void);

#endif
