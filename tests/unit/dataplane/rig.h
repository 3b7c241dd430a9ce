/*
 * A worker without a lcore or a port: tests push what clients send through the real stages, and
 * read what each client would receive. Clients protect and unprotect with libsrtp2. The nonce
 * checker is always on.
 */
#ifndef RIG_H
#define RIG_H

#include "dataplane/apply.h"
#include "dataplane/dataplane.h"
#include "dataplane/flow.h"
#include "dataplane/packet.h"
#include "dataplane/rtp/rtcp.h"
#include "dataplane/session.h"
#include "proto/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <srtp2/srtp.h>

#define RIG_CLIENTS 24
#define RIG_WORKERS 3
#define RIG_INBOX   512
#define RIG_PACKET  1600

struct rig_packet {
    uint8_t bytes[RIG_PACKET]; /* UDP payload as on the wire */
    size_t len;
    bool rtcp;
};

/* Extension ids that a client negotiated, by kind; 0: not. */
struct rig_exts {
    uint8_t id[HR_EXT_KINDS];
};

struct rig_client {
    uint32_t id; /* of its endpoint: 1.. */
    uint32_t group; /* likewise; set before rig_client() */
    enum hr_srtp_profile profile;
    struct rig_exts exts;
    uint8_t write_key[30], read_key[30]; /* the client's view */
    srtp_t tx, rx;
    uint32_t peer; /* id of another's endpoint: all is passed on to it; 0: no */
    bool latch; /* no path: found by its first packet; set before rig_client() */
    uint32_t latch_ssrc; /* 0: any */
    bool whole_rtcp; /* takes no RTCP of reduced size */
    uint16_t udp_port;
    uint16_t also_ports[HR_PATHS_MAX]; /* more UDP ports that it may send from; 0 ends them */
    struct rig_packet *inbox;
    unsigned inbox_count;
};

struct rig {
    struct hr_config config;
    struct dp_dataplane dp;
    union {
        struct dp_worker worker;
        struct dp_worker workers[RIG_WORKERS];
    };
    struct rig_client clients[RIG_CLIENTS];
    enum hr_error error; /* of the last reply */
    char detail[256];
    unsigned replies;
    unsigned alarms; /* of the nonce checker, that the test expects */
    bool audio_nack; /* what rig_audio() makes has NACK, */
    uint32_t audio_room; /* and is of this room */
    Headrace__SpeakersChanged speakers; /* the last such event, */
    uint32_t recent[HR_RECENT_SPEAKERS];
    unsigned speakers_changed; /* and how many there were */
    unsigned seen;   /* StreamSeen events */
    unsigned latched; /* EndpointLatched events, and the last */
    uint32_t latched_id;
    uint16_t latched_port;
    uint32_t seen_ssrc;
    char seen_rid[HR_RID_MAX + 1];
};

/* What a client sends; lengths 0 and NULL leave an extension out. */
struct rig_rtp {
    uint32_t ssrc, ts;
    uint16_t seq;
    uint8_t pt;
    bool marker, padding;
    const char *mid, *rid, *rrid;
    const uint8_t *dd;
    unsigned dd_len;
    int transport_cc; /* 0: none */
    uint8_t level;    /* 0: none */
    size_t len;       /* of the payload */
    uint8_t fill;     /* its bytes */
};

extern struct rig rig;
/*
 * By RIG_WORKERS in the environment, else one. More than one: packets come in through a port whose
 * queues only the first two workers have, at one of them by chance, and workers take turns at
 * random until nothing moves.
 */
extern unsigned rig_workers;
/* By RIG_THREADS: workers are threads of their own, in real time, and a turn is main's. */
extern bool rig_threads;

/* Group setup and teardown: EAL. */
int rig_eal(void **state);
/* Test setup and teardown: a dataplane with nothing in it. */
int rig_up(void **state);
int rig_down(void **state);

/* Runs a command to its reply; its error, with rig.detail. */
enum hr_error rig_apply(Headrace__Command *cmd);
/* Makes the endpoint of client i with keys and path. */
struct rig_client *rig_client(unsigned i, enum hr_srtp_profile profile, struct rig_exts exts);
/* Puts it (again); parts can be left out. */
enum hr_error rig_endpoint(struct rig_client *c, bool keys, bool path);
enum hr_error rig_delete(Headrace__ObjectDelete__Type type, uint32_t id);

/* A video source "v" (pt 96, RTX 97) or an audio one "a" (pt 111), with n rids "q", "h", "f". */
enum hr_error rig_video(uint32_t id, struct rig_client *c, unsigned n);
enum hr_error rig_audio(uint32_t id, struct rig_client *c);
/* A subscription with mid "m<id>", SSRC 1000 * id, that maps pt 96 and 111 to from + 1. */
enum hr_error rig_subscribe(uint32_t id, struct rig_client *c, uint32_t source);
Headrace__SubscriptionPut *rig_subscription(uint32_t id, struct rig_client *c, uint32_t source);

/* Plain packet into out (RIG_PACKET); its length. */
size_t rig_build(const struct rig_client *c, const struct rig_rtp *p, uint8_t *out);
/* Protects and delivers to the relay; what it sends goes to inboxes. */
void rig_send(struct rig_client *c, const struct rig_rtp *p);
void rig_send_rtcp(struct rig_client *c, const struct dp_rtcp_buf *b);
/* Delivers these very bytes. */
void rig_deliver(struct rig_client *c, const uint8_t *bytes, size_t len);
/* Time passes at once. */
void rig_skip(uint64_t tsc);
/* Time passes, workers tick. */
void rig_pass(unsigned ms);

/* The first packet of the inbox, unprotected, parsed; false when it is empty. */
struct rig_got {
    uint8_t bytes[RIG_PACKET];
    size_t len;
    bool rtcp;
    struct dp_rtp_header rtp;
};
bool rig_receive(struct rig_client *c, struct rig_got *got);
void rig_empty(struct rig_client *c);
/* Notes an EndpointLatched; false: it is another event. */
static inline bool rig_on_latched(const Headrace__Event *event)
{
    if (event->what_case != HEADRACE__EVENT__WHAT_ENDPOINT_LATCHED)
        return false;
    rig.latched++;
    rig.latched_id = event->endpoint_latched->endpoint;
    rig.latched_port = (uint16_t)event->endpoint_latched->path->remote_port;
    return true;
}

/* Likewise of a SpeakersChanged. */
static inline bool rig_on_speakers(const Headrace__Event *event)
{
    if (event->what_case != HEADRACE__EVENT__WHAT_SPEAKERS_CHANGED)
        return false;
    rig.speakers_changed++;
    rig.speakers = *event->speakers_changed;
    assert_true(rig.speakers.n_recent <= HR_RECENT_SPEAKERS);
    memcpy(rig.recent, rig.speakers.recent, rig.speakers.n_recent * sizeof(rig.recent[0]));
    return true;
}

static inline void rig_put_latch(Headrace__EndpointPut *put, struct rig_client *c)
{
    put->latch = c->latch;
    put->latch_ssrcs = &c->latch_ssrc;
    put->n_latch_ssrcs = c->latch_ssrc != 0;
}

/* Of all workers. */
uint64_t rig_drops(enum dp_drop why);
struct dp_session_counts rig_counts(void);
uint32_t rig_held(void);                 /* mbufs in histories */
uint64_t rig_stage(enum dp_stage_id id); /* packets */
/* Until nothing moves; what is sent goes to inboxes. */
void rig_settle(void);
/* Into the port, but nobody takes a turn. */
void rig_offer(struct rig_client *c, const uint8_t *bytes, size_t len);
enum hr_error rig_move(uint32_t shard, uint32_t worker);
/* A worker on each of these CPUs; worker i begins on CPU i. */
enum hr_error rig_crew(const char *cpus);
/* One turn of a worker. */
void rig_turn(unsigned worker);

/* Dependency Descriptors with one template: with structure, and without. */
extern const uint8_t rig_dd_key[6], rig_dd_delta[3];

#endif
