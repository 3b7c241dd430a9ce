/*
 * The client's end of the dataplane: connects, says hello, maps the rings, numbers commands and
 * hands out replies, punts and events. Single-threaded; `now` is CLOCK_MONOTONIC in ms. Reconnects
 * by itself. Nothing here blocks, and no length or content from a ring is trusted.
 */
#ifndef CP_DATAPLANE_H
#define CP_DATAPLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/address.h"
#include "proto/headrace.pb-c.h"
#include "proto/limits.h"

#define CP_DATAPLANE_IN_FLIGHT_MAX 1024 /* commands sent, reply not seen */
#define CP_DATAPLANE_WAITING_MAX   8192 /* commands behind those; then -EAGAIN */
#define CP_DATAPLANE_RETRY_MS      100  /* first pause before connecting again; doubles up to ... */
#define CP_DATAPLANE_RETRY_MAX_MS  2000
#define CP_DATAPLANE_HELLO_MS      5000        /* a hello unanswered for so long: connect again */
#define CP_DATAPLANE_BUDGET        256         /* slots of one ring read in one go */
#define CP_DATAPLANE_ARENA         (256 << 10) /* bytes for unpacking one message */
#define CP_NEVER                   UINT64_MAX

/* Where datagrams of one client come from and go to: Path of headrace.proto, checked. */
struct cp_path {
    uint32_t port;   /* DPDK port */
    uint32_t worker; /* that punted; its inject ring takes the answers */
    uint8_t local_mac[6], remote_mac[6];
    struct hr_address local, remote;
};

struct cp_dataplane;

struct cp_dataplane_handlers {
    void *arg;
    void (*up)(void *arg, const Headrace__HelloReply *hello);
    void (*down)(void *arg, const char *why); /* after all pending commands have failed */
    void (*punt)(void *arg, const struct cp_path *path, const uint8_t *data, size_t len);
    void (*event)(void *arg, const Headrace__Event *event); /* no replies */
    void (*room)(void *arg); /* commands are taken again, after an -EAGAIN */
};

/*
 * Called once per command taken. error: 0; enum hr_error, with reply->detail; or -ENOTCONN (the
 * dataplane went away), and then reply is NULL. The reply lives until the callback returns.
 */
typedef void (*cp_reply_fn)(void *arg, int error, const Headrace__Reply *reply);

/* build: our version for the hello. 0, -ENAMETOOLONG, -ENOMEM or -errno of epoll. Handlers are
 * copied. */
int cp_dataplane_create(const char *run_dir, const char *build,
                        const struct cp_dataplane_handlers *h, struct cp_dataplane **out);
void cp_dataplane_destroy(struct cp_dataplane *dp); /* pending commands fail; no `down` */

/* One descriptor for all (an epoll): when it is readable, or the deadline is over, call service. */
int cp_dataplane_fd(const struct cp_dataplane *dp);
void cp_dataplane_service(struct cp_dataplane *dp, uint64_t now);
uint64_t cp_dataplane_deadline(const struct cp_dataplane *dp);

bool cp_dataplane_is_up(const struct cp_dataplane *dp);
const Headrace__HelloReply *cp_dataplane_hello(const struct cp_dataplane *dp); /* NULL when down */
const char *cp_dataplane_why_down(const struct cp_dataplane *dp); /* for /healthz; "" when up */

/*
 * Sends or queues a command; its number is set here and cmd is not kept. fn may be NULL. 0,
 * -ENOTCONN, -EMSGSIZE (larger than a slot), -EAGAIN (queue full: `room` tells when to go on),
 * -ENOMEM. Commands keep their order.
 */
int cp_dataplane_command(struct cp_dataplane *dp, Headrace__Command *cmd, cp_reply_fn fn,
                         void *arg);
unsigned cp_dataplane_pending(const struct cp_dataplane *dp); /* in flight and waiting */

/* Sends a datagram by path->worker. Dropped and counted when the ring is full or the dataplane
 * down. */
/* 0, -ENOSPC, -ENOTCONN, -EMSGSIZE. */
int cp_dataplane_inject(struct cp_dataplane *dp, const struct cp_path *path, const uint8_t *data,
                        size_t len);

/*
 * Deletes the endpoints that the dataplane has and keep() does not know (NULL: all), with their
 * sources and subscriptions; then done(arg, number deleted or -errno). 0, -EBUSY (one is running),
 * or as cp_dataplane_command.
 */
int cp_dataplane_clear(struct cp_dataplane *dp, bool (*keep)(void *arg, uint32_t endpoint),
                       void (*done)(void *arg, int deleted), void *arg);

/* For endpoints, sources and subscriptions: never 0, not used again while this process lives;
 * starts at random. */
uint32_t cp_dataplane_new_id(struct cp_dataplane *dp);

#define CP_DATAPLANE_COUNTERS(X)                                              \
    X(connects, "dataplane_connects")                                         \
    X(commands, "commands")                                                   \
    X(commands_failed, "commands_failed")                                     \
    X(commands_refused, "commands_refused") /* -EAGAIN */                     \
    X(punts, "punts")                                                         \
    X(punts_malformed, "punts_malformed")                                     \
    X(events, "events")                                                       \
    X(events_malformed, "events_malformed")                                   \
    X(replies_unknown, "replies_unknown") /* a number that we did not send */ \
    X(injects, "injects")                                                     \
    X(injects_dropped, "injects_dropped")

struct cp_dataplane_counters {
#define X(field, name) uint64_t field;
    CP_DATAPLANE_COUNTERS(X)
#undef X
};

const struct cp_dataplane_counters *cp_dataplane_counters(const struct cp_dataplane *dp);

int cp_path_unpack(const Headrace__Path *in, struct cp_path *out); /* 0 or -EINVAL; worker is 0 */
void cp_path_pack(const struct cp_path *in, Headrace__Path *out);  /* out points into in */
bool cp_path_same_tuple(const struct cp_path *a, const struct cp_path *b);
bool cp_path_equal(const struct cp_path *a, const struct cp_path *b); /* MACs too, worker not */

#endif
