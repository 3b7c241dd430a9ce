/*
 * Stands where the transport and the dataplane's client stand: hands out endpoints, remembers what
 * the dataplane was told. The objects here are the dataplane's view.
 */
#ifndef FAKE_TRANSPORT_H
#define FAKE_TRANSPORT_H

#include "controlplane/service.h"

#define FAKE_OBJECTS_MAX 256

struct fake_source {
    uint32_t id, endpoint, room;
    bool video, nack, pli;
    char mid[HR_MID_MAX + 1];
    size_t payloads, rids, ssrcs;
};

struct fake_subscription {
    uint32_t id, endpoint, source, ssrc;
    char mid[HR_MID_MAX + 1], cname[HR_CNAME_MAX + 1];
    bool opaque, paused;
    uint32_t max_width, max_height, priority;
    size_t payloads;
    uint32_t from, to; /* the first pair */
};

extern struct fake {
    bool ready, up;
    int refuse_command, refuse_endpoint; /* -errno to answer with */
    unsigned commands, endpoints, endpoints_made, restarts, renewals;
    struct fake_source sources[FAKE_OBJECTS_MAX];
    size_t n_sources;
    struct fake_subscription subscriptions[FAKE_OBJECTS_MAX];
    size_t n_subscriptions;
} fake;

struct cp_endpoint {
    void *owner;
    uint32_t id, group, peer;
    struct cp_ice_credentials ours;
    char ufrag[64], pwd[64];
    unsigned remotes; /* calls of set_remote */
    bool latched;     /* and with what */
    struct cp_srtp_key ingress, egress;
    uint32_t first_ssrc, wait_ms, silence_ms;
    size_t n_ssrcs;
};

/* A service on the fake: one candidate, limits that tests can hit. Ready and up. */
void fake_service(struct cp_service *s);
void fake_service_free(struct cp_service *s);
const struct fake_source *fake_source(uint32_t id);
const struct fake_subscription *fake_subscription(uint32_t endpoint, const char *mid);

/* A client that keeps what it is sent. */
struct fake_client {
    struct cp_session session; /* first */
    json_t *messages;          /* array */
    bool closed;
};
void fake_client_open(struct fake_client *c, struct cp_service *s, const char *room, uint64_t now);
void fake_client_send(struct fake_client *c, json_t *message, uint64_t now);
void fake_client_free(struct fake_client *c);
/* The newest message of that type, borrowed; NULL: none. */
json_t *fake_client_last(const struct fake_client *c, const char *type);
unsigned fake_client_count(const struct fake_client *c, const char *type);
const char *fake_text(const json_t *object, const char *key);

#endif
