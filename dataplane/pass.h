/*
 * Where what an endpoint sends is passed on to: its peer's path, as the endpoint's own worker keeps
 * it, so that no packet needs a second worker. Main tells it of every change (apply_pass.c).
 */
#ifndef DP_PASS_H
#define DP_PASS_H

#include "dataplane/path.h"
#include "dataplane/port.h"

#include <stdbool.h>

struct dp_endpoint;

struct dp_route {
    bool reachable; /* the rest is set */
    const struct dp_port *port;
    struct dp_path path;
};

/* Of an endpoint that has a peer: made with it, freed with it. Its worker writes; the peer's worker
 * reads the counts. */
struct dp_pass {
    struct dp_route to;
    const struct dp_endpoint *other; /* NULL: not there */
    uint64_t packets, bytes;         /* passed on */
};

/* The same as main knows it. */
struct dp_pass_object {
    uint32_t peer;
    struct dp_route route; /* the way to this endpoint */
};

/* What one end is told of the other. */
struct dp_pass_news {
    struct dp_endpoint *endpoint;
    const struct dp_endpoint *other; /* NULL: gone */
    struct dp_route to;
};

/* On the endpoint's worker. */
void dp_pass_learn(const struct dp_pass_news *news);

#endif
