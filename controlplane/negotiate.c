/*
 * The session around the sections: which transport the bundle has, who starts DTLS, and the
 * answer's own transport. All accepted sections share one transport, that of the tagged section
 * (RFC 8843 7.3).
 */
#include "controlplane/negotiate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/negotiate_section.h"
#include "controlplane/sdp_parser.h"

#define HOST_TYPE_PREFERENCE 126u /* RFC 8445 5.1.2.1 */
#define RTP_COMPONENT        1u

static const struct cp_sdp_media *find_mid(const struct cp_sdp *offer, const char *mid, size_t *at)
{
    for (size_t i = 0; i < offer->n_media; i++) {
        if (offer->media[i].mid && strcmp(offer->media[i].mid, mid) == 0) {
            *at = i;
            return &offer->media[i];
        }
    }
    return NULL;
}

static int check_offer(struct cp_negotiator *g, struct cp_sdp_error *err)
{
    const struct cp_sdp *offer = g->offer;
    size_t at;
    if (!offer->n_media)
        return cp_sdp_fail(err, 0, -EINVAL, "no media section");
    if (offer->ice_lite)
        return cp_sdp_fail(err, 0, -ENOTSUP, "a=ice-lite on both sides: nobody would check");
    for (size_t i = 0; i < offer->n_media; i++)
        g->live += cp_section_live(&offer->media[i]);
    if (g->live > 1 && !offer->has_bundle && !g->cfg->fresh)
        return cp_sdp_fail(err, offer->media[1].line, -ENOTSUP,
                           "no a=group:BUNDLE for %zu media sections", g->live);
    for (size_t i = 0; i < offer->n_bundle; i++) {
        if (!find_mid(offer, offer->bundle[i], &at))
            return cp_sdp_fail(err, 0, -EINVAL, "a=group:BUNDLE names mid %.32s of no section",
                               offer->bundle[i]);
    }
    return 0;
}

static int negotiate_sections(struct cp_negotiator *g, struct cp_sdp_error *err)
{
    size_t n = g->offer->n_media;
    g->n->media = cp_sdp_alloc(&g->n->arena, n * sizeof(*g->n->media));
    g->answer->media = cp_sdp_alloc(&g->answer->arena, n * sizeof(*g->answer->media));
    if (!g->n->media || !g->answer->media)
        return -ENOMEM;
    g->n->n_media = g->answer->n_media = n;
    for (size_t i = 0; i < n; i++)
        cp_negotiate_begin(g, i);
    int rc = g->cfg->fresh ? cp_negotiate_keys(g, err) : 0;
    for (size_t i = 0; i < n && !rc; i++) {
        struct cp_section s = {
            .offer = &g->offer->media[i], .m = &g->n->media[i], .answer = &g->answer->media[i]};
        rc = cp_negotiate_section(g, &s);
    }
    return rc;
}

/* Whose transport the bundle takes: the first of the group that we accept (RFC 8843 7.3.1). */
static size_t tagged_section(const struct cp_negotiator *g)
{
    size_t at;
    for (size_t i = 0; i < g->offer->n_bundle; i++) {
        const struct cp_sdp_media *m = find_mid(g->offer, g->offer->bundle[i], &at);
        if (m && m->port && g->n->media[at].role != CP_MEDIA_REJECTED)
            return at;
    }
    for (at = 0; at < g->n->n_media && g->n->media[at].role == CP_MEDIA_REJECTED;)
        at++;
    return at;
}

static int choose_dtls_role(struct cp_negotiator *g, const struct cp_sdp_media *m,
                            struct cp_sdp_error *err)
{
    enum cp_sdp_setup setup = m->transport.setup;
    enum cp_dtls_role role = g->cfg->dtls_role;
    if (setup == CP_SDP_HOLDCONN)
        return cp_sdp_fail(err, m->line, -ENOTSUP, "a=setup:holdconn cannot be answered");
    if (role == CP_DTLS_ANY)
        role = setup == CP_SDP_PASSIVE ? CP_DTLS_CLIENT : CP_DTLS_SERVER;
    bool clash = (setup == CP_SDP_PASSIVE && role == CP_DTLS_SERVER) ||
                 (setup == CP_SDP_ACTIVE && role == CP_DTLS_CLIENT);
    if (clash)
        return cp_sdp_fail(err, m->line, -ENOTSUP, "a=setup changes roles within a session");
    g->n->dtls_role = role;
    return 0;
}

static int copy_fingerprints(struct cp_negotiator *g, const struct cp_sdp_transport *t)
{
    size_t size = t->n_fingerprints * sizeof(*t->fingerprints);
    void *copy = cp_sdp_alloc(&g->n->arena, size);
    if (!copy)
        return -ENOMEM;
    g->n->remote_fingerprints = memcpy(copy, t->fingerprints, size);
    g->n->n_remote_fingerprints = t->n_fingerprints;
    return 0;
}

static int read_transport(struct cp_negotiator *g, const struct cp_sdp_media *m,
                          struct cp_sdp_error *err)
{
    const struct cp_sdp_transport *t = &m->transport;
    if (!t->ufrag)
        return cp_sdp_fail(err, m->line, -EINVAL, "no a=ice-ufrag");
    if (!t->pwd)
        return cp_sdp_fail(err, m->line, -EINVAL, "no a=ice-pwd");
    if (!t->n_fingerprints)
        return cp_sdp_fail(err, m->line, -EINVAL, "no a=fingerprint with sha-256 or better");
    g->n->remote_ufrag = cp_sdp_strdup(&g->n->arena, t->ufrag);
    g->n->remote_pwd = cp_sdp_strdup(&g->n->arena, t->pwd);
    int rc = copy_fingerprints(g, t);
    return rc ? rc : choose_dtls_role(g, m, err);
}

static int add_candidates(struct cp_negotiator *g, struct cp_sdp_media *a)
{
    for (size_t i = 0; i < g->cfg->n_candidates && i < CP_SDP_CANDIDATES_MAX; i++) {
        const struct cp_local_candidate *c = &g->cfg->candidates[i];
        uint32_t priority =
            HOST_TYPE_PREFERENCE << 24 | (65535u - (uint32_t)i) << 8 | (256u - RTP_COMPONENT);
        const char **slot = CP_SDP_APPEND(&g->answer->arena, a->candidates, a->n_candidates);
        if (!slot)
            return -ENOMEM;
        *slot = cp_sdp_printf(&g->answer->arena, "%zu %u udp %u %s %u typ host", i + 1,
                              RTP_COMPONENT, priority, c->address, c->port);
    }
    a->end_of_candidates = true;
    return 0;
}

/*
 * Our transport stands in every accepted section, for clients that do not inherit it within a
 * bundle; the candidates only in the tagged one.
 */
static int write_transport(struct cp_negotiator *g, size_t tagged, struct cp_sdp_error *err)
{
    struct cp_sdp_fingerprint *own = cp_sdp_alloc(&g->answer->arena, sizeof(*own));
    if (!own)
        return -ENOMEM;
    if (cp_sdp_fingerprint_parse(g->cfg->fingerprint, own))
        return cp_sdp_fail(err, 0, -EINVAL, "the server's own fingerprint is malformed");
    const char *offered = g->offer->media[tagged].transport.ice_options;
    bool trickle = offered && strstr(offered, "trickle");
    const struct cp_sdp_transport transport = {
        .ufrag = g->cfg->ufrag,
        .pwd = g->cfg->pwd,
        .ice_options = trickle ? "ice2 trickle" : "ice2",
        .setup = g->n->dtls_role == CP_DTLS_CLIENT ? CP_SDP_ACTIVE : CP_SDP_PASSIVE,
        .fingerprints = own,
        .n_fingerprints = 1,
    };
    for (size_t i = 0; i < g->n->n_media; i++) {
        if (g->n->media[i].role != CP_MEDIA_REJECTED)
            g->answer->media[i].transport = transport;
    }
    return add_candidates(g, &g->answer->media[tagged]);
}

/* The accepted mids, the tagged one first: it is the answerer's tag (RFC 8843 7.3). */
static int write_bundle(struct cp_negotiator *g, size_t tagged)
{
    const struct cp_sdp *offer = g->offer;
    struct cp_sdp *a = g->answer;
    a->has_bundle = offer->has_bundle;
    a->bundle = cp_sdp_alloc(&a->arena, (offer->n_bundle + 1) * sizeof(*a->bundle));
    if (!a->bundle)
        return -ENOMEM;
    const char *tag = tagged < offer->n_media ? offer->media[tagged].mid : NULL;
    for (size_t i = 0; i < offer->n_bundle; i++) {
        size_t at;
        if (!find_mid(offer, offer->bundle[i], &at) || g->n->media[at].role == CP_MEDIA_REJECTED)
            continue;
        if (a->n_bundle && tag && at == tagged) {
            memmove(a->bundle + 1, a->bundle, a->n_bundle * sizeof(*a->bundle));
            a->bundle[0] = tag;
        } else {
            a->bundle[a->n_bundle] = offer->bundle[i];
        }
        a->n_bundle++;
    }
    return 0;
}

static int write_answer(struct cp_negotiator *g)
{
    struct cp_sdp *a = g->answer;
    a->session_id = g->cfg->session_id;
    a->session_version = g->cfg->session_version;
    a->ice_lite = !g->cfg->fresh;
    a->extmap_allow_mixed = g->offer->extmap_allow_mixed;
    size_t len;
    char *text = a->arena.failed ? NULL : cp_sdp_write(a, &len);
    if (!text)
        return -ENOMEM;
    g->n->answer = text;
    g->n->answer_len = len;
    return g->n->arena.failed ? -ENOMEM : 0;
}

static int negotiate(struct cp_negotiator *g, struct cp_sdp_error *err)
{
    int rc = check_offer(g, err);
    if (!rc)
        rc = negotiate_sections(g, err);
    if (rc)
        return rc;
    size_t tagged = tagged_section(g);
    if (tagged < g->n->n_media && !g->cfg->fresh) {
        rc = read_transport(g, &g->offer->media[tagged], err);
        if (!rc)
            rc = write_transport(g, tagged, err);
    }
    if (!rc)
        rc = write_bundle(g, tagged);
    return rc ? rc : write_answer(g);
}

int cp_negotiate(const struct cp_sdp *offer, const struct cp_negotiate_config *cfg,
                 struct cp_negotiation **out, struct cp_sdp_error *err)
{
    struct cp_negotiator g = {
        .offer = offer, .cfg = cfg, .n = calloc(1, sizeof(*g.n)), .answer = cp_sdp_new()};
    int rc = g.n && g.answer ? negotiate(&g, err) : -ENOMEM;
    if (rc == -ENOMEM)
        cp_sdp_fail(err, 0, rc, "out of memory");
    cp_sdp_free(g.answer);
    if (rc)
        cp_negotiation_free(g.n);
    else
        *out = g.n;
    return rc;
}

void cp_negotiation_sent(struct cp_negotiation *n)
{
    free(n->answer);
    n->answer = NULL;
    n->answer_len = 0;
}

void cp_negotiation_free(struct cp_negotiation *n)
{
    if (!n)
        return;
    cp_negotiation_sent(n);
    cp_sdp_arena_free(&n->arena);
    free(n);
}
