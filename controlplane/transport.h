/*
 * All endpoints of the process with what they share: the dataplane's client, the certificate,
 * tables and timers. Single-threaded. `now` is CLOCK_MONOTONIC in milliseconds. Call
 * cp_transport_service when the descriptor is readable or the deadline is over; handlers are called
 * from there (connected, gone, up, down, event, room).
 */
#ifndef CP_TRANSPORT_H
#define CP_TRANSPORT_H

#include "controlplane/dataplane.h"
#include "controlplane/endpoint.h"
#include "proto/config.h"

struct cp_transport_handlers {
    void *arg;
    /* The dataplane has been told of the endpoint with its keys: sources and subscriptions may be
     * put behind it. Once per endpoint. */
    void (*connected)(void *arg, struct cp_endpoint *e, void *owner);
    /* Media has ended. Destroy it, now or later; once per endpoint, not after cp_endpoint_destroy.
     */
    void (*gone)(void *arg, struct cp_endpoint *e, void *owner, enum cp_gone reason);
    /*
     * The dataplane is there and has every endpoint again: put sources and subscriptions again.
     * Left-overs of endpoints that are not ours have been deleted.
     */
    void (*up)(void *arg, const Headrace__HelloReply *hello);
    void (*down)(void *arg, const char *why);
    void (*event)(void *arg, const Headrace__Event *event);
    void (*room)(void *arg); /* cp_dataplane_command had said -EAGAIN; now it will not */
};

/* cfg and handlers->arg must outlive it; unset handlers may be NULL. 0 or -errno. */
int cp_transport_create(const struct hr_config *cfg, const char *build,
                        const struct cp_transport_handlers *h, struct cp_transport **out);
void cp_transport_destroy(
    struct cp_transport *t); /* with all its endpoints; handlers are not called */

int cp_transport_fd(const struct cp_transport *t); /* poll for reading */
void cp_transport_service(struct cp_transport *t, uint64_t now);
uint64_t cp_transport_deadline(const struct cp_transport *t); /* ms; CP_NEVER: none */

/* Everything of the dataplane (also for tests): one STUN or DTLS datagram. */
void cp_transport_punt(struct cp_transport *t, const struct cp_path *path, const uint8_t *data,
                       size_t len, uint64_t now);

struct cp_dataplane *cp_transport_dataplane(struct cp_transport *t);
bool cp_transport_is_ready(const struct cp_transport *t); /* up, left-overs gone, endpoints put */
const char *cp_transport_fingerprint(const struct cp_transport *t); /* "sha-256 AB:CD:…" */
unsigned cp_transport_endpoints(const struct cp_transport *t);      /* how many there are */

/* Every counter of transport, ICE, DTLS and dataplane client: "stun_valid", "dtls_end_timeout",
 * "injects_dropped", … */
void cp_transport_counters(const struct cp_transport *t,
                           void (*each)(void *arg, const char *name, uint64_t value), void *arg);

#endif
