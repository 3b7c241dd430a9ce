/*
 * Commands from the ring and from operators' sockets, and the replies to them. A reply that finds
 * the event ring full waits in a queue; while one waits no further command is taken, which fills
 * the command ring and so pushes back on the control plane. Replies in flight and waiting are never
 * more than DP_ANSWERS_MAX.
 */
#ifndef DP_COMMANDS_H
#define DP_COMMANDS_H

#include "proto/arena.h"
#include "proto/headrace.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DP_ANSWERS_MAX          256 /* commands taken and not yet answered; then the ring waits */
#define DP_OPERATOR_ANSWERS_MAX 8   /* of one operator; then refused with HR_ERROR_LIMIT */

struct dp_client;
struct dp_control;

/* Who is owed the reply to a command that is with a worker. */
struct dp_answer {
    struct dp_control *control;
    struct dp_client *client; /* NULL: free */
    uint32_t life;            /* of the client, when it asked */
};

struct dp_waiting_event {
    uint8_t *bytes; /* a packed Event; ours */
    size_t len;
};

struct dp_commands {
    struct hr_arena arena; /* one command and what is made to answer it */
    struct dp_answer answers[DP_ANSWERS_MAX];
    unsigned answers_count;
    struct dp_waiting_event waiting[DP_ANSWERS_MAX]; /* a ring */
    unsigned waiting_first, waiting_count;
    uint64_t taken, malformed, denied, events, events_dropped;
};

int dp_commands_open(struct dp_commands *q); /* 0 or -ENOMEM */
void dp_commands_close(struct dp_commands *q);

/* Takes what the command ring has, a bounded number. Returns when to be called again: milliseconds
 * as for epoll_wait. */
int dp_commands_drain(struct dp_control *c);
/* One datagram of an operator. */
void dp_commands_datagram(struct dp_control *c, struct dp_client *client, const uint8_t *bytes,
                          size_t len);
/* dp_apply_event_fn: arg is the dp_control. Dropped, counted, when nobody can take it. */
void dp_commands_event(void *arg, const Headrace__Event *event);
/* The control plane has left: forgets what waits for it. */
void dp_commands_forget(struct dp_commands *q);

#endif
