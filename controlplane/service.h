/* The control plane as a whole: what its parts share. One per process; one thread. */
#ifndef CP_SERVICE_H
#define CP_SERVICE_H

#include <glib.h>
#include <jansson.h>

#include "controlplane/loop.h"
#include "controlplane/media.h"
#include "controlplane/room.h"
#include "controlplane/session.h"
#include "controlplane/transport.h"
#include "proto/config.h"

/* X(field, metric name, help): counters since start. */
#define CP_COUNTER_MAP(X)                                                                          \
    X(messages, "signalling_messages_total", "Messages received from clients.")                    \
    X(messages_bad, "signalling_messages_bad_total", "Messages that could not be taken.")          \
    X(messages_limited, "signalling_messages_limited_total", "Messages beyond the rate limit.")    \
    X(queues_full, "signalling_queues_full_total", "WebSockets closed for not reading.")           \
    X(offers, "offers_total", "Offers answered.")                                                  \
    X(offers_failed, "offers_failed_total", "Offers refused.")                                     \
    X(requests, "http_requests_total", "HTTP requests.")                                           \
    X(endpoints_gone, "endpoints_gone_total", "Endpoints that ended by themselves.")

struct cp_service {
    const struct hr_config *config;
    const char *run_dir;
    struct cp_loop loop;
    struct cp_rooms rooms;
    struct cp_transport *transport;
    struct cp_media_env media;
    struct cp_watch *transport_watch;
    struct cp_timer transport_timer, tick, stop, speakers;
    GPtrArray *sessions;   /* struct cp_session of every WebSocket; not owned */
    GQueue sockets;        /* of ws.c: the WebSockets by when they are looked at next */
    GHashTable *resources; /* id -> struct cp_resource of WHIP and WHEP; owned */
    struct cp_status_cache *status;
    uint64_t started; /* ms */
    bool draining, stopping, closed;
    struct {
#define X(field, name, help) uint64_t field;
        CP_COUNTER_MAP(X)
#undef X
    } counters;
};

/* Makes rooms and tables: enough for sessions and handlers without sockets. 0 or -errno. */
int cp_service_init(struct cp_service *s, const struct hr_config *config);
/* Connects transport and loop, opens listeners; logs what is wrong. 0 or -errno. */
int cp_service_start(struct cp_service *s);
/* Clients are told `bye shutdown`; the loop ends once they have been. */
void cp_service_stop(struct cp_service *s);
void cp_service_destroy(struct cp_service *s);
/* The transport may have a new deadline: after each call that handed it something. */
void cp_service_settle(struct cp_service *s);

#endif
