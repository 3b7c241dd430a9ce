/*
 * Flows: which endpoint a 5-tuple belongs to. The main thread alone writes; workers look up without
 * a lock (rte_hash, RW_CONCURRENCY_LF). A slot taken out is given back only after the workers have
 * passed a mailbox item, so a reader never meets a reused one.
 */
#ifndef DP_FLOW_H
#define DP_FLOW_H

#include "dataplane/stage.h"
#include "proto/limits.h"

#include <stdalign.h>
#include <stdint.h>

struct dp_endpoint;
struct dp_flows;

/* All bytes count in the comparison: zero it first. Ports in host order. */
struct dp_flow_key {
    alignas(8) uint8_t remote_ip[16]; /* network order; IPv4 in the first 4 bytes, the rest zero */
    uint8_t local_ip[16];
    uint16_t remote_port;
    uint16_t local_port;
    uint16_t port;   /* DPDK port */
    uint16_t family; /* 4 or 6 */
};

#define DP_FLOW_NONE (-1)

/* The 5-tuples that one endpoint is to have; the first is that of its path. */
struct dp_flow_set {
    struct dp_flow_key keys[HR_PATHS_MAX];
    unsigned n;
};

/* Those of one endpoint that are in the table. */
struct dp_flow_list {
    struct dp_flow_key *keys;
    unsigned n;
};

/* Slots on their way to dp_flows_release(). */
struct dp_flow_slots {
    int slots[HR_PATHS_MAX];
    unsigned n;
};

/* limit: endpoints. NULL if there is no memory. Name is unique in the process. */
struct dp_flows *dp_flows_new(const char *name, uint32_t limit);
void dp_flows_free(struct dp_flows *f);

/* Main thread. A key that another endpoint has moves to this one. 0, -ENOSPC. */
int dp_flows_put(struct dp_flows *f, const struct dp_flow_key *key, struct dp_endpoint *e);
/* Main thread. Takes the key out if it is still e's: the slot for dp_flows_release(), or
 * DP_FLOW_NONE. */
int dp_flows_remove(struct dp_flows *f, const struct dp_flow_key *key, const struct dp_endpoint *e);
void dp_flows_release(struct dp_flows *f, int slot);

/* Main thread. Makes e's flows *now what *next says; old: slots to release once the workers have
 * passed. -ENOMEM, or -ENOSPC: the first does not fit, nothing has changed; others that do not fit
 * are left out. */
int dp_flows_change(struct dp_flows *f, struct dp_endpoint *e, struct dp_flow_list *now,
                    const struct dp_flow_set *next, struct dp_flow_slots *old);
void dp_flows_release_all(struct dp_flows *f, struct dp_flow_slots *old);

/* Any worker. Fills endpoints[0..n), NULL where unknown; n is at most DP_BURST. */
void dp_flows_lookup_bulk(const struct dp_flows *f, const struct dp_flow_key *keys, unsigned n,
                          struct dp_endpoint **endpoints);

#endif
