#include "controlplane/direct_sdp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/sdp_parser.h"

#define DISCARD_PORT         9 /* RFC 8840 4.1.1: no default candidate */
#define HOST_TYPE_PREFERENCE 126u

static bool in_bundle(const struct cp_sdp *sdp, const char *mid)
{
    for (size_t i = 0; i < sdp->n_bundle; i++)
        if (strcmp(sdp->bundle[i], mid) == 0)
            return true;
    return false;
}

static bool same_fingerprints(const struct cp_sdp_transport *a, const struct cp_sdp_transport *b)
{
    if (a->n_fingerprints != b->n_fingerprints)
        return false;
    for (size_t i = 0; i < a->n_fingerprints; i++)
        if (a->fingerprints[i].len != b->fingerprints[i].len ||
            memcmp(a->fingerprints[i].bytes, b->fingerprints[i].bytes, a->fingerprints[i].len) != 0)
            return false;
    return true;
}

/* One transport for all: what the first section says, the others say too. */
static int check_transport(const struct cp_sdp *sdp, const struct cp_sdp_media *m, bool is_offer,
                           struct cp_sdp_error *err)
{
    const struct cp_sdp_transport *t = &m->transport, *first = &sdp->media[0].transport;
    if (!t->ufrag || !t->pwd)
        return cp_sdp_fail(err, m->line, -EINVAL, "no a=ice-ufrag or a=ice-pwd");
    if (!*t->ufrag || strlen(t->ufrag) > HR_UFRAG_MAX || strlen(t->pwd) > HR_PWD_MAX)
        return cp_sdp_fail(err, m->line, -EINVAL, "ICE credentials of a wrong length");
    if (!t->n_fingerprints)
        return cp_sdp_fail(err, m->line, -EINVAL, "no a=fingerprint with sha-256 or better");
    if (strcmp(t->ufrag, first->ufrag) != 0 || strcmp(t->pwd, first->pwd) != 0 ||
        !same_fingerprints(t, first) || t->setup != first->setup)
        return cp_sdp_fail(err, m->line, -ENOTSUP, "another transport than the first section's");
    if (is_offer && t->setup != CP_SDP_ACTPASS)
        return cp_sdp_fail(err, m->line, -ENOTSUP, "a=setup of an offer is not actpass");
    if (!is_offer && t->setup != CP_SDP_ACTIVE && t->setup != CP_SDP_PASSIVE)
        return cp_sdp_fail(err, m->line, -ENOTSUP, "a=setup of an answer is not active or passive");
    return 0;
}

static int check_section(const struct cp_sdp *sdp, const struct cp_sdp_media *m,
                         struct cp_sdp_error *err)
{
    if (m->kind != CP_SDP_AUDIO && m->kind != CP_SDP_VIDEO)
        return cp_sdp_fail(err, m->line, -ENOTSUP, "neither audio nor video");
    if (!m->n_codecs || strcmp(m->protocol, "UDP/TLS/RTP/SAVPF") != 0)
        return cp_sdp_fail(err, m->line, -ENOTSUP, "not UDP/TLS/RTP/SAVPF");
    if (!m->mid || strlen(m->mid) > HR_MID_MAX)
        return cp_sdp_fail(err, m->line, -ENOTSUP, "no a=mid of at most %d bytes", HR_MID_MAX);
    if (!m->port && !m->bundle_only)
        return cp_sdp_fail(err, m->line, -ENOTSUP, "stopped: every section must be served");
    if (!in_bundle(sdp, m->mid))
        return cp_sdp_fail(err, m->line, -ENOTSUP, "not in the BUNDLE group");
    if (!m->rtcp_mux)
        return cp_sdp_fail(err, m->line, -ENOTSUP, "no a=rtcp-mux");
    return 0;
}

static int check_against(const struct cp_sdp *sdp, const struct cp_direct_shape *offer,
                         struct cp_sdp_error *err)
{
    if (sdp->n_media != offer->n)
        return cp_sdp_fail(err, 0, -EINVAL, "%zu media sections answer %zu", sdp->n_media,
                           offer->n);
    for (size_t i = 0; i < offer->n; i++) {
        const struct cp_sdp_media *m = &sdp->media[i];
        if (m->kind != offer->kinds[i] || strcmp(m->mid, offer->mids[i]) != 0)
            return cp_sdp_fail(err, m->line, -EINVAL, "does not answer the section of mid %s",
                               offer->mids[i]);
    }
    return 0;
}

int cp_direct_sdp_check(const struct cp_sdp *sdp, const struct cp_direct_shape *offer,
                        struct cp_direct_shape *out, struct cp_sdp_error *err)
{
    memset(out, 0, sizeof(*out));
    if (sdp->n_media == 0 || sdp->n_media > CP_DIRECT_SECTIONS_MAX)
        return cp_sdp_fail(err, 0, -ENOTSUP, "%zu media sections; 1 to %d are possible",
                           sdp->n_media, CP_DIRECT_SECTIONS_MAX);
    if (sdp->ice_lite)
        return cp_sdp_fail(err, 0, -ENOTSUP, "a=ice-lite on both sides: nobody would check");
    for (size_t i = 0; i < sdp->n_media; i++) {
        const struct cp_sdp_media *m = &sdp->media[i];
        int rc = check_section(sdp, m, err);
        rc = rc ? rc : check_transport(sdp, m, !offer, err);
        if (rc)
            return rc;
        out->kinds[i] = m->kind;
        snprintf(out->mids[i], sizeof(out->mids[i]), "%s", m->mid);
    }
    out->n = sdp->n_media;
    snprintf(out->ufrag, sizeof(out->ufrag), "%s", sdp->media[0].transport.ufrag);
    snprintf(out->pwd, sizeof(out->pwd), "%s", sdp->media[0].transport.pwd);
    return offer ? check_against(sdp, offer, err) : 0;
}

static int add_candidates(struct cp_sdp *sdp, struct cp_sdp_media *m,
                          const struct cp_direct_ice *ice)
{
    for (size_t i = 0; i < ice->n_candidates && i < CP_SDP_CANDIDATES_MAX; i++) {
        const struct cp_local_candidate *c = &ice->candidates[i];
        uint32_t priority = HOST_TYPE_PREFERENCE << 24 | (65535u - (uint32_t)i) << 8 | 255u;
        const char **slot = CP_SDP_APPEND(&sdp->arena, m->candidates, m->n_candidates);
        if (!slot)
            return -ENOMEM;
        *slot = cp_sdp_printf(&sdp->arena, "%zu 1 udp %u %s %u typ host", i + 1, priority,
                              c->address, c->port);
    }
    m->end_of_candidates = true;
    return sdp->arena.failed ? -ENOMEM : 0;
}

/* Sections have inherited what stood at session level: there it would be written twice. */
static void clear_session(struct cp_sdp *sdp)
{
    sdp->transport = (struct cp_sdp_transport){0};
    sdp->extmaps = NULL;
    sdp->n_extmaps = 0;
    sdp->extmap_allow_mixed = false;
    sdp->direction = CP_SDP_SENDRECV;
    sdp->ice_lite = true;
    sdp->origin_address = NULL; /* of no use to the other, and nobody's business */
}

int cp_direct_sdp_readdress(struct cp_sdp *sdp, const struct cp_direct_ice *ice)
{
    const struct cp_local_candidate *first = ice->n_candidates ? ice->candidates : NULL;
    struct cp_sdp_media *tagged = &sdp->media[0];
    clear_session(sdp);
    for (size_t i = 0; i < sdp->n_media; i++) {
        struct cp_sdp_media *m = &sdp->media[i];
        m->transport.ufrag = ice->ufrag;
        m->transport.pwd = ice->pwd;
        m->transport.ice_options = "ice2";
        m->address = first ? first->address : NULL;
        if (m->port)
            m->port = first ? first->port : DISCARD_PORT;
        m->candidates = NULL;
        m->n_candidates = 0;
        m->end_of_candidates = false;
        m->n_cryptos = 0; /* keys in a description are nobody else's */
        if (strcmp(m->mid, sdp->bundle[0]) == 0)
            tagged = m;
    }
    return add_candidates(sdp, tagged, ice);
}
