/*
 * Descriptions between two browsers whose DTLS runs end to end: they go through with the ICE lines
 * replaced by the relay's, so that packets come here; fingerprints, roles, codecs and streams stay
 * the clients' own. Pure.
 */
#ifndef CP_DIRECT_SDP_H
#define CP_DIRECT_SDP_H

#include "controlplane/negotiate.h"
#include "controlplane/sdp.h"

#define CP_DIRECT_SECTIONS_MAX 16

/* What an answer must agree with, and what its sender's checks will carry. */
struct cp_direct_shape {
    size_t n;
    enum cp_sdp_kind kinds[CP_DIRECT_SECTIONS_MAX];
    char mids[CP_DIRECT_SECTIONS_MAX][HR_MID_MAX + 1];
    char ufrag[HR_UFRAG_MAX + 1], pwd[HR_PWD_MAX + 1]; /* the sender's */
};

/* offer: NULL for an offer, else that of the offer. 0, or -EINVAL, -ENOTSUP and *err. */
int cp_direct_sdp_check(const struct cp_sdp *sdp, const struct cp_direct_shape *offer,
                        struct cp_direct_shape *out, struct cp_sdp_error *err);

/* What the receiver's checks will carry, and where they go. */
struct cp_direct_ice {
    const char *ufrag, *pwd;
    const struct cp_local_candidate *candidates;
    size_t n_candidates;
};

/* A description that passed the check, for the other client, in place. 0 or -ENOMEM. */
int cp_direct_sdp_readdress(struct cp_sdp *sdp, const struct cp_direct_ice *ice);

#endif
