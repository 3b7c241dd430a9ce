/*
 * From the room's model to media: offers become an endpoint, sources and subscriptions; what the
 * dataplane must know of them is put there, and put again when it comes back. One endpoint per
 * participant.
 */
#ifndef CP_MEDIA_H
#define CP_MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/negotiate.h"
#include "controlplane/participant.h"
#include "controlplane/source.h"
#include "controlplane/subscription.h"
#include "controlplane/transport.h"

#define CP_CANDIDATES_MAX 16   /* addresses in an answer; more are left out */
#define CP_SSRCS_MAX      4096 /* of an endpoint in its life; then its client needs a new one */

struct cp_rooms;

/* What all media of the process share. */
struct cp_media_env {
    const struct hr_config *config;
    struct cp_transport *transport;
    struct cp_rooms *rooms;
    const char **video_codecs; /* NULL-terminated, the configuration's strings */
    char addresses[CP_CANDIDATES_MAX][HR_ADDRESS_TEXT];
    struct cp_local_candidate candidates[CP_CANDIDATES_MAX];
    size_t n_candidates;
    bool behind; /* a put was refused for want of room: so are all, until `room` */
    /* When a source came or went: WHEP sections may be filled anew. */
    void (*sources_changed)(struct cp_room *room);
};

struct cp_media {
    struct cp_media_env *env;
    struct cp_participant *owner;
    struct cp_endpoint *endpoint;
    struct cp_endpoint **others; /* SDES with several transports: by transport, one is endpoint */
    uint32_t group;              /* of its endpoints */
    bool connected;              /* the dataplane has the endpoint */
    struct cp_negotiation *negotiation; /* the newest; NULL before the first */
    uint64_t session_id, session_version;
    enum cp_dtls_role role;
    struct cp_sdp_fingerprint fingerprints[CP_SDP_FINGERPRINTS_MAX]; /* the client's */
    size_t n_fingerprints;
    GArray *used_ssrcs; /* uint32_t: every SSRC that ever was a subscription's */
};

/* Why an offer was not taken: X(name, code of docs/signalling.md, HTTP status of WHIP). */
#define CP_MEDIA_ERROR_MAP(X)                                                                      \
    X(NONE, "", 201)                                                                               \
    X(MALFORMED, "bad_sdp", 400)                                                                   \
    X(NO_CODEC, "bad_sdp", 406)                                                                    \
    X(UNSERVABLE, "bad_sdp", 422)                                                                  \
    X(UNKNOWN_SOURCE, "unknown_source", 422)                                                       \
    X(DOWN, "dataplane_down", 503)                                                                 \
    X(FULL, "server_full", 503)                                                                    \
    X(INTERNAL, "dataplane_down", 500)

enum cp_media_error {
#define X(name, code, status) CP_MEDIA_##name,
    CP_MEDIA_ERROR_MAP(X)
#undef X
};

const char *cp_media_error_code(enum cp_media_error e);
int cp_media_error_status(enum cp_media_error e);

struct cp_offer_source {
    const char *mid;
    int label; /* enum cp_label, or -1: by its kind */
    bool muted;
};

struct cp_offer_binding {
    const char *mid;
    uint32_t source; /* of the room; 0: none */
};

struct cp_offer {
    const char *sdp;
    size_t len;
    const struct cp_offer_source *sources;
    size_t n_sources;
    const struct cp_offer_binding *bindings;
    size_t n_bindings;
    bool sdes; /* its keys are in it; a participant's only offer */
};

struct cp_media_failure {
    enum cp_media_error error;
    char text[256];
};

/* Says why; always -1. */
__attribute__((format(printf, 3, 4))) int cp_media_fail(struct cp_media_failure *why,
                                                        enum cp_media_error error,
                                                        const char *format, ...);

/* 0 or -ENOMEM. config and transport must outlive it. */
int cp_media_open(struct cp_media_env *env, const struct hr_config *config,
                  struct cp_transport *transport, struct cp_rooms *rooms);
void cp_media_close(struct cp_media_env *env);

/*
 * Takes an offer. 0: p->media->negotiation->answer is the answer, and the others have been told of
 * sources. Else -1 and *why; what was before goes on.
 */
int cp_media_offer(struct cp_media_env *env, struct cp_participant *p, const struct cp_offer *offer,
                   uint64_t now, struct cp_media_failure *why);
/* New remote credentials outside an offer (WHIP PATCH); ours are new after it. 0 or -errno. */
int cp_media_restart(struct cp_media *m, const char *ufrag, const char *pwd, uint64_t now);

/* ---- media_sdes.c */

/* Makes endpoints for the transports that were negotiated, hands them their keys. 0 or -errno. */
int cp_media_latch(struct cp_media *m, const struct cp_negotiation *n, uint64_t now);
/* One endpoint of several is gone, with what was sent and received by it. False: it is the last. */
bool cp_media_lose(struct cp_media *m, struct cp_endpoint *e);
/* Of a section; the only one but with SDES. */
struct cp_endpoint *cp_media_endpoint(const struct cp_media *m, const char *mid);
size_t cp_media_endpoints(const struct cp_media *m, struct cp_endpoint *out[CP_TRANSPORTS_MAX]);
/* Whether what a section receives leaves as it came, and whether a source can be received so. */
bool cp_media_opaque(const struct cp_media *m, const char *mid);
bool cp_media_opaque_fits(const struct cp_source *from, const struct cp_subscription *to);
/* Of an endpoint as a whole: when every section that it has allows it (RFC 8285 6). */
bool cp_media_allows_mixed(const struct cp_negotiation *n);
/* Whether every section that is used takes RTCP of reduced size (RFC 5506). */
bool cp_media_allows_rsize(const struct cp_negotiation *n);

/* The endpoint goes with all its objects in the dataplane; NULL is fine. */
void cp_media_shut(struct cp_media *m);
/* After cp_media_shut(), sources and subscriptions too, the others being told. p->media is NULL
 * after it. */
void cp_media_drop(struct cp_participant *p);
void cp_media_free(struct cp_media *m); /* the struct; NULL is fine */
bool cp_media_alive(const struct cp_media *m);
/* The negotiated section of that mid, or NULL. */
const struct cp_negotiated_media *cp_media_section(const struct cp_media *m, const char *mid);

/* ---- media_put.c: what the dataplane is told */

void cp_media_connected(struct cp_media *m);
void cp_media_up(struct cp_media_env *env, const Headrace__HelloReply *hello);
void cp_media_put_all(struct cp_media_env *env);
void cp_media_catch_up(struct cp_media_env *env);  /* there is room for commands again */
void cp_media_source_changed(struct cp_source *s); /* and its subscriptions */
void cp_media_source_gone(struct cp_source *s);
void cp_media_subscription_changed(struct cp_subscription *s);
void cp_media_subscription_gone(struct cp_subscription *s);
/* One CNAME for all that a participant sends, so that receivers play its voice and face together.
 */
void cp_media_cname(const struct cp_participant *sender, char *cname, size_t size);

#endif
