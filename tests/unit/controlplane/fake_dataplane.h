/* The dataplane's side of socket and rings in the test's own process: answers commands, remembers
 * endpoints. */
#ifndef FAKE_DATAPLANE_H
#define FAKE_DATAPLANE_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/dataplane.h"
#include "proto/arena.h"
#include "proto/channel.h"

#define FAKE_ENDPOINTS 64
#define FAKE_WORKERS   2

struct fake_endpoint {
    uint32_t id;
    unsigned puts;
    Headrace__EndpointPut *last;
};

struct fake_dataplane {
    char dir[64];
    int listener, sock;
    struct hr_channel *ch;
    struct hr_arena arena;
    uint64_t instance; /* what Hello is answered with */
    uint32_t hello_error; /* to answer hello with */
    bool mute;            /* do not read commands */
    uint32_t put_error;   /* to answer EndpointPut with */
    bool hears;           /* has statistics of every endpoint, with this silence */
    uint32_t silence_ms;
    uint64_t rx_packets;
    unsigned commands, deletes;
    unsigned page; /* endpoints in one Objects; 0: all */
    struct fake_endpoint endpoints[FAKE_ENDPOINTS];
    /* Where injected datagrams go. */
    void (*injected)(void *arg, const struct cp_path *path, const uint8_t *data, size_t len);
    void *arg;
};

void fake_open(struct fake_dataplane *f); /* makes dir, listens */
void fake_crash(
    struct fake_dataplane *f); /* everything it knew is lost; fake_reopen listens again */
void fake_reopen(struct fake_dataplane *f);
void fake_close(struct fake_dataplane *f);
bool fake_step(
    struct fake_dataplane *f); /* accepts, greets, answers, takes injects; true: did anything */
void fake_punt(struct fake_dataplane *f, const struct cp_path *path, const uint8_t *data,
               size_t len);
/* The first packet of an endpoint that latches. */
void fake_latch(struct fake_dataplane *f, uint32_t endpoint, const struct cp_path *path);
struct fake_endpoint *fake_find(struct fake_dataplane *f, uint32_t id);
void fake_add(struct fake_dataplane *f, uint32_t id); /* a left-over */

#endif
