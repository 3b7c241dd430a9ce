/* What endpoint.c, endpoint_path.c, endpoint_put.c and transport.c share; nobody else includes
 * this. */
#ifndef CP_ENDPOINT_INTERNAL_H
#define CP_ENDPOINT_INTERNAL_H

#include <glib.h>

#include "controlplane/endpoint.h"
#include "controlplane/transport.h"

#define CP_NO_PATH (-1)

/* A 5-tuple that a valid check came from. */
struct cp_checked_path {
    struct cp_endpoint *endpoint; /* NULL: unused */
    struct cp_path path;
    uint64_t checked; /* when last */
    uint32_t priority;
    bool nominated; /* with the credentials in use */
};

/* Of an endpoint that latches. */
struct cp_latch {
    uint32_t ssrcs[CP_LATCH_SSRCS_MAX];
    size_t n_ssrcs;
    uint32_t wait_ms, silence_ms;
    bool latched;        /* heard of its first packet */
    struct cp_path path; /* where that came from; no family: the event was lost, media is there */
};

struct cp_endpoint {
    struct cp_transport *t;
    void *owner;
    unsigned refs; /* one for its owner, one per put in flight and per handler running */
    uint32_t id;
    uint32_t feedback_ssrc;
    uint32_t group;
    uint32_t peer;  /* id; 0: none, and DTLS is ours */
    bool connected; /* the handler has been called */
    bool gone;      /* ended: no handler any more, in no table but by_id */
    bool destroyed; /* by its owner */
    bool put;       /* the dataplane has heard of it */
    bool dirty;     /* in t->dirty */
    bool asking;    /* the dataplane, how long nothing was heard */

    struct cp_ice_session session;     /* the newest */
    struct cp_ice_session old_session; /* has_old: before a restart, good until a nomination */
    bool has_old;
    char remote_pwd[HR_PWD_MAX + 1]; /* only to tell a restart: a lite agent sends no checks */
    bool has_remote;
    bool nominated;      /* once at least, with the credentials in use */
    uint64_t settled;    /* until then the higher priority wins */
    uint64_t last_check; /* valid, on any path; or authentic media */
    int chosen;          /* index, or CP_NO_PATH */
    struct cp_checked_path paths[CP_ENDPOINT_PATHS_MAX];

    bool dtls_client;
    struct cp_sdp_fingerprint fingerprints[CP_SDP_FINGERPRINTS_MAX];
    size_t n_fingerprints;
    struct cp_dtls *dtls;     /* from the first valid check on */
    uint64_t alerts;          /* counted so far */
    struct cp_dtls_keys keys; /* len 0: not yet */
    struct cp_latch *latch;   /* NULL: ICE and DTLS; owned */

    uint8_t ext[HR_EXT_KINDS];
    bool extmap_allow_mixed, rtcp_rsize;

    GSequenceIter *timer; /* in t->timers while not gone */
    uint64_t deadline;
};

#define CP_TRANSPORT_COUNTERS(X)                                                                   \
    X(endpoints_created, "endpoints_created")                                                      \
    X(endpoints_connected, "endpoints_connected")                                                  \
    X(endpoint_puts, "endpoint_puts")                                                              \
    X(path_moves, "path_moves")                                                                    \
    X(path_taken, "path_taken") /* a check from a 5-tuple that is another endpoint's */            \
    X(endpoints_latched, "endpoints_latched") /* first packets of endpoints without ICE */         \
    X(latches_unknown, "latches_unknown")     /* of an endpoint that is gone, or without a path */ \
    X(dtls_handshakes, "dtls_handshakes")                                                          \
    X(dtls_connected, "dtls_connected")                                                            \
    X(dtls_alerts, "dtls_alerts")                                                                  \
    X(dtls_unchecked_source, "dtls_unchecked_source")                                              \
    X(punt_other, "punt_other") /* neither STUN nor DTLS */

struct cp_transport {
    struct cp_transport_handlers h;
    struct cp_dataplane *dp;
    struct cp_dtls_context *dtls;
    uint64_t now;         /* of the call under way */
    unsigned limit;       /* endpoints */
    GHashTable *by_id;    /* struct cp_endpoint, until destroyed */
    GHashTable *by_ufrag; /* struct cp_ice_session */
    GHashTable *by_tuple; /* struct cp_checked_path */
    GSequence *timers;    /* struct cp_endpoint by deadline */
    GQueue dirty;         /* struct cp_endpoint to be put */
    GQueue deletes;       /* ids to be deleted */
    unsigned puts;        /* in flight */
    bool cleared, ready;
    bool met;          /* a dataplane, whose */
    uint64_t instance; /* was this */
    struct {
#define X(field, name) uint64_t field;
        CP_TRANSPORT_COUNTERS(X)
#undef X
    } counters;
    uint64_t verdicts[CP_ICE_VERDICTS];
    uint64_t ends[CP_DTLS_ENDS];
    uint64_t gone[CP_GONES];
};

/* endpoint.c */
void cp_endpoint_ref(struct cp_endpoint *e);
void cp_endpoint_unref(struct cp_endpoint *e);
void cp_endpoint_end(struct cp_endpoint *e,
                     enum cp_gone reason);      /* calls the handler; e may be freed after it */
void cp_endpoint_arm(struct cp_endpoint *e);    /* timer to the next deadline */
void cp_endpoint_expire(struct cp_endpoint *e); /* its deadline is over */
void cp_endpoint_datagram(struct cp_endpoint *e, struct cp_checked_path *p, const uint8_t *data,
                          size_t len);
void cp_endpoint_start_dtls(struct cp_endpoint *e);

/* endpoint_path.c */
void cp_endpoint_stun(struct cp_transport *t, const struct cp_path *path, const uint8_t *data,
                      size_t len);
void cp_endpoint_choose(struct cp_endpoint *e, int index);
void cp_endpoint_forget_paths(struct cp_endpoint *e);
guint cp_path_hash(gconstpointer path);
gboolean cp_path_table_equal(gconstpointer a, gconstpointer b);

/* endpoint_latch.c */
void cp_endpoint_latched(struct cp_transport *t, const Headrace__EndpointLatched *event);

/* Whether the dataplane can be told of it: it has keys or needs none, and a path or finds one
 * itself. */
static inline bool cp_endpoint_puttable(const struct cp_endpoint *e)
{
    return !e->gone && (e->keys.len || e->peer) && (e->latch || e->chosen != CP_NO_PATH);
}

/* endpoint_put.c */
void cp_endpoint_changed(struct cp_endpoint *e); /* to be put, if there is something to put */
void cp_endpoint_delete(struct cp_endpoint *e);  /* from the dataplane */
void cp_transport_flush(struct cp_transport *t); /* deletes and puts, as many as are taken */

#endif
