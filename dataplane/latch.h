/*
 * Endpoints without ICE: where the first packet comes from that their key verifies is their path.
 *
 * A worker that receives media from an unknown address puts it into its slot, one at a time, for
 * the main thread. That asks the workers of the endpoints that could have sent it, one after the
 * other, whether the packet is authentic and new to them; the first that says so gets the address.
 * The packet itself goes no further: there will be more.
 */
#ifndef DP_LATCH_H
#define DP_LATCH_H

#include "dataplane/path.h"
#include "dataplane/rtp/rtp.h"
#include "dataplane/srtp/replay.h"
#include "dataplane/worker.h"
#include "proto/limits.h"

#include <stdatomic.h>
#include <sys/queue.h>

#define DP_LATCH_PACKET_MAX 2048 /* bytes; longer: dropped */
#define DP_LATCH_TRIES      16   /* endpoints asked about one packet */
#define DP_LATCH_PAUSE_US   2000 /* a worker hands over at most one packet in this time */
#define DP_LATCH_SILENT_MS  2000 /* an endpoint that is heard is not looked for elsewhere */

struct dp_call;
struct rte_mbuf;
struct dp_endpoint;
struct dp_endpoint_conf;
struct dp_endpoint_object;
struct dp_objects;

/* What an endpoint that publishes nothing says to be heard: RTP under one SSRC, for its life. */
struct dp_hello {
    bool begun;
    uint32_t ssrc;
    struct dp_srtp_rx rx;
};

/* Main thread's, of an endpoint that latches. */
struct dp_latch {
    TAILQ_ENTRY(dp_latch) of_objects;
    struct dp_endpoint_object *object;
    uint32_t ssrcs[HR_LATCH_SSRCS_MAX];
    unsigned ssrcs_count; /* 0: any */
    bool latched;
    struct dp_path path; /* when latched */
};

TAILQ_HEAD(dp_latches, dp_latch);

/* A packet from an unknown address. The worker writes it while not busy, main and the worker that
 * is asked while it is. */
struct dp_latch_slot {
    struct dp_work came; /* to main */
    struct dp_work ask;  /* to a worker, and back */
    struct dp_worker *worker;
    atomic_bool busy;     /* the worker sets, main clears */
    enum dp_drop verdict; /* of the last packet, to be counted; DP_DROPS: none */
    uint64_t at;          /* TSC of the last packet */
    struct dp_path path;
    bool rtcp;
    uint32_t ssrc;
    uint16_t length;
    uint8_t bytes[DP_LATCH_PACKET_MAX];

    uint32_t tried[DP_LATCH_TRIES]; /* ids */
    unsigned tried_count;
    struct dp_endpoint *asked;
    uint32_t asked_id;
    bool authentic; /* the answer */
};

/* ---- workers */

/* Puts media from an unknown address into the worker's slot, or media from a known one under
 * another key: somebody else may have come there. DP_DROPS: it is in; or why not. */
enum dp_drop dp_latch_offer(struct dp_worker *w, struct rte_mbuf *m);
/* Counts and takes in an authentic packet of an endpoint that publishes nothing; false: it is not.
 */
bool dp_hello_take(struct dp_worker *w, struct dp_endpoint *e, const uint8_t *bytes, size_t len,
                   const struct dp_rtp_header *h);

/* ---- main thread; dp_call: as in apply_call.h */

/* dp_latch_slot.came.done */
void dp_latch_came(struct dp_work *work);
/* May the Put be? Fills conf with the path that was found. OK too when it does not latch. */
enum hr_error dp_latch_read(struct dp_call *c, const struct dp_endpoint_object *o,
                            struct dp_endpoint_conf *conf);
/* What a new endpoint needs for it; 0 or -1, no memory: the object's free() takes what is there. */
int dp_latch_new(struct dp_endpoint_object *o);
/* After a Put, and before the object goes. */
void dp_latch_put(struct dp_objects *objects, struct dp_endpoint_object *o,
                  const Headrace__EndpointPut *put);
void dp_latch_forget(struct dp_objects *objects, struct dp_endpoint_object *o);

#endif
