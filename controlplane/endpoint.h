/*
 * An endpoint: ICE, DTLS and the dataplane's EndpointPut of one client, one 5-tuple at a time.
 * Life: create (our credentials, for the answer) -> set_remote (what the offer said) -> checks,
 * handshake
 * -> `connected` -> `gone` -> destroy. Owned by its transport until cp_endpoint_destroy.
 */
#ifndef CP_ENDPOINT_H
#define CP_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/dataplane.h"
#include "controlplane/dtls.h"
#include "controlplane/ice.h"
#include "proto/limits.h"
#include "proto/rtp_ext.h"

#define CP_ENDPOINT_PATHS_MAX                                                                      \
    HR_PATHS_MAX /* 5-tuples with a valid check; beyond it the quietest is forgotten */
#define CP_ENDPOINT_CONSENT_MS                                                                     \
    30000 /* without a valid check or authentic media: gone (RFC 7675 5.1) */
#define CP_ENDPOINT_SETTLE_MS                                                                      \
    5000 /* after the first nomination the higher priority wins, then the later */
#define CP_ENDPOINT_QUIET_MS                                                                       \
    8000 /* chosen path unchecked for so long: any checked path takes over */

struct cp_transport;
struct cp_endpoint;

/* Why an endpoint is gone; the word is for logs and metrics. */
#define CP_GONE_MAP(X)                                                                             \
    X(CONSENT, "consent")     /* nothing heard for CP_ENDPOINT_CONSENT_MS */                       \
    X(UNLATCHED, "unlatched") /* no packet under its key in time */                                \
    X(CLOSED, "closed")       /* the client's close_notify */                                      \
    X(DTLS, "dtls")           /* handshake failed; cp_endpoint_dtls_end says how */                \
    X(REFUSED, "refused")     /* the dataplane refused it */                                       \
    X(RESTARTED, "restarted") /* the dataplane has; its keys cannot be used on */

enum cp_gone {
#define X(name, word) CP_GONE_##name,
    CP_GONE_MAP(X)
#undef X
        CP_GONES
};

const char *cp_gone_word(enum cp_gone reason);

/* owner comes back in the handlers of the transport. 0, -ENOSPC (limit), -ENOMEM, -EIO. */
int cp_endpoint_create(struct cp_transport *t, void *owner, uint64_t now, struct cp_endpoint **out);

/* EndpointPut.group; before it has keys. */
void cp_endpoint_set_group(struct cp_endpoint *e, uint32_t group);

/* Says goodbye to client and dataplane and frees. Allowed within a handler, also for that endpoint.
 */
void cp_endpoint_destroy(struct cp_endpoint *e);

/*
 * Two new ones whose clients do DTLS with each other: what comes from one, STUN aside, leaves for
 * the other (EndpointPut.peer), and there are no keys. set_remote then takes no fingerprints.
 */
void cp_endpoint_pair(struct cp_endpoint *a, struct cp_endpoint *b);
bool cp_endpoint_is_paired(const struct cp_endpoint *e);

/* What an offer and our answer agreed on. */
struct cp_endpoint_remote {
    const char *ufrag, *pwd;                       /* the client's */
    const struct cp_sdp_fingerprint *fingerprints; /* as in cp_dtls_params */
    size_t n_fingerprints;
    bool dtls_client;   /* our role; kept for life */
    const uint8_t *ext; /* [HR_EXT_KINDS] id by kind, 0: not used */
    bool extmap_allow_mixed, rtcp_rsize;
};

/*
 * After each negotiation. Credentials, fingerprints and role count from the first call on; later
 * ones change extensions, and remote credentials after cp_endpoint_restart. 0, -EINVAL (also: other
 * fingerprints), -ENOMEM.
 */
int cp_endpoint_set_remote(struct cp_endpoint *e, const struct cp_endpoint_remote *r, uint64_t now);

/* Keys by other means than DTLS, and no ICE: the path is where the first packet under them is from.
 */
struct cp_endpoint_latch {
    const struct cp_srtp_key *ingress, *egress; /* the client's and ours, of one profile */
    const uint32_t *ssrcs;                      /* that the client said it sends under; none: any */
    size_t n_ssrcs;                             /* beyond CP_LATCH_SSRCS_MAX: as if none */
    const uint8_t *ext;                         /* as in cp_endpoint_remote */
    bool extmap_allow_mixed, rtcp_rsize;
    uint32_t wait_ms;    /* for the first packet; then it is gone */
    uint32_t silence_ms; /* after that without one: gone */
};

#define CP_LATCH_SSRCS_MAX HR_LATCH_SSRCS_MAX

/* Once, in place of cp_endpoint_set_remote. Calls `connected`. 0, -EINVAL, -ENOMEM. */
int cp_endpoint_latch(struct cp_endpoint *e, const struct cp_endpoint_latch *l, uint64_t now);

/* The client is there, says something else than its packets. */
void cp_endpoint_renew(struct cp_endpoint *e, uint64_t now);

/* The offer has other credentials than the one before: call cp_endpoint_restart, then answer. */
bool cp_endpoint_wants_restart(const struct cp_endpoint *e, const char *ufrag, const char *pwd);

/* New local credentials; the old stay good until the first nominated check with the new. 0 or -EIO.
 */
int cp_endpoint_restart(struct cp_endpoint *e);

uint32_t cp_endpoint_id(const struct cp_endpoint *e);            /* EndpointPut.id */
uint32_t cp_endpoint_feedback_ssrc(const struct cp_endpoint *e); /* no subscription may take it */
const struct cp_ice_credentials *
cp_endpoint_credentials(const struct cp_endpoint *e);                /* ours, newest */
bool cp_endpoint_connected(const struct cp_endpoint *e);             /* has keys and a path */
const struct cp_path *cp_endpoint_path(const struct cp_endpoint *e); /* NULL: none chosen yet */
enum hr_srtp_profile cp_endpoint_profile(const struct cp_endpoint *e);
enum cp_dtls_end cp_endpoint_dtls_end(const struct cp_endpoint *e);
struct cp_endpoint *cp_endpoint_find(struct cp_transport *t, uint32_t id); /* or NULL */

#endif
