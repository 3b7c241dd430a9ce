/* What dataplane.c, dataplane_command.c and dataplane_clear.c share; nobody else includes this. */
#ifndef CP_DATAPLANE_INTERNAL_H
#define CP_DATAPLANE_INTERNAL_H

#include <glib.h>

#include "controlplane/dataplane.h"
#include "proto/arena.h"
#include "proto/channel.h"

enum cp_dataplane_state { CP_DATAPLANE_DOWN, CP_DATAPLANE_HELLO, CP_DATAPLANE_UP };

struct cp_pending {
    uint64_t number; /* 0: free */
    cp_reply_fn fn;
    void *arg;
};

/* A command that waits for its turn, packed. */
struct cp_waiting {
    cp_reply_fn fn;
    void *arg;
    size_t len;
    uint8_t bytes[];
};

struct cp_clear {
    bool running;
    bool (*keep)(void *arg, uint32_t endpoint);
    void (*done)(void *arg, int deleted);
    void *arg;
    uint32_t after;     /* the last id seen */
    unsigned deletes;   /* in flight */
    int deleted, error; /* so far */
    bool more;
};

struct cp_dataplane {
    struct cp_dataplane_handlers h;
    char *path, *build;
    enum cp_dataplane_state state;
    int epoll, sock; /* sock -1: none */
    uint64_t deadline, retry_ms;
    char why[256];
    Headrace__HelloReply *hello; /* while UP */
    struct hr_channel *ch;       /* while UP */
    bool more;                   /* the last round ended with slots unread */
    bool refused;                /* -EAGAIN was said; `room` is owed */
    struct hr_arena arena;
    struct cp_pending in_flight[CP_DATAPLANE_IN_FLIGHT_MAX]; /* by number */
    uint64_t next_number;
    unsigned n_in_flight;
    GQueue waiting; /* struct cp_waiting */
    uint32_t next_id;
    struct cp_clear clear;
    struct cp_dataplane_counters counters;
};

void cp_dataplane_reply(struct cp_dataplane *dp, const Headrace__Reply *reply);
void cp_dataplane_flush(struct cp_dataplane *dp); /* waiting commands into the ring; then `room` */
void cp_dataplane_fail_pending(struct cp_dataplane *dp); /* all of them, with -ENOTCONN */

#endif
