/*
 * The main thread after start: dataplane.sock, the rings of the connected control plane, the
 * workers' done rings and signals, all on one epoll. Commands themselves are commands.c's.
 */
#ifndef DP_CONTROL_H
#define DP_CONTROL_H

#include "dataplane/commands.h"
#include "proto/channel.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Sockets at once: one control plane, the rest operators. More are refused, counted. */
#define DP_CLIENTS_MAX 32

struct dp_dataplane;

enum dp_role { DP_ROLE_NONE, DP_ROLE_NEW, DP_ROLE_CONTROLPLANE, DP_ROLE_OPERATOR };

struct dp_client {
    int fd;
    enum dp_role role; /* NONE: the slot is free; NEW: has not said hello */
    uint32_t life;     /* raised when the client leaves: an answer for an earlier one is not sent */
    unsigned unanswered; /* commands in flight */
};

struct dp_control {
    struct dp_dataplane *dp;
    int epoll, listener, signals;
    uid_t owner;    /* of the process */
    gid_t group;    /* of the run directory: its members may connect */
    char path[256]; /* of the socket */
    struct dp_client clients[DP_CLIENTS_MAX];
    struct dp_client *controlplane; /* or NULL */
    struct hr_channel *channel;     /* its rings, or NULL; also in dp->channel for the workers */
    struct dp_commands commands;
    uint64_t connects, refused; /* clients */
};

/* Listens on run_dir/dataplane.sock and takes SIGTERM and SIGINT; before any other thread. 0 or
 * -errno, logged. */
int dp_control_open(struct dp_control *c, struct dp_dataplane *dp, const char *run_dir);
/* Until a signal comes: then sets dp->stopping. */
void dp_control_run(struct dp_control *c);
/* Disconnects all clients. Workers may still run. */
void dp_control_close(struct dp_control *c);

/* Closes it and, if it is the control plane, takes its rings away from the workers. */
void dp_control_drop_client(struct dp_control *c, struct dp_client *client);

#endif
