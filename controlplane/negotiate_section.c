/* One section: can it be served, in which direction, and its lines in the answer. */
#include "controlplane/negotiate_section.h"

#include <errno.h>
#include <string.h>

#include "controlplane/sdp_parser.h"

#define DISCARD_PORT 9 /* RFC 8840 4.1.1: no default candidate */

bool cp_section_bundled(const struct cp_sdp *offer, const struct cp_sdp_media *m)
{
    for (size_t i = 0; m->mid && i < offer->n_bundle; i++) {
        if (strcmp(offer->bundle[i], m->mid) == 0)
            return true;
    }
    return false;
}

/* SRTP with keys from DTLS; it runs over UDP whatever the word in front (RFC 8829 5.1.2). */
static const char *const dtls_protocols[] = {"UDP/TLS/RTP/SAVPF",  "UDP/TLS/RTP/SAVP",
                                             "TCP/DTLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVP",
                                             "RTP/SAVPF",          NULL};
/* FFmpeg writes RTP/AVP above its a=crypto. */
static const char *const sdes_protocols[] = {"RTP/SAVPF", "RTP/SAVP", "RTP/AVPF", "RTP/AVP", NULL};

static bool known_protocol(const char *const *names, const char *protocol)
{
    while (*names && strcmp(*names, protocol) != 0)
        names++;
    return *names;
}

/* Why a section cannot be served, before its codecs are looked at; NULL: it can. */
static const char *refusal(const struct cp_negotiator *g, const struct cp_sdp_media *m)
{
    if (!cp_section_live(m))
        return "stopped by the client";
    if (m->kind == CP_SDP_APPLICATION)
        return "data channels are not served";
    if (m->kind == CP_SDP_OTHER)
        return "neither audio nor video";
    if (g->cfg->fresh && (!m->n_codecs || !known_protocol(sdes_protocols, m->protocol)))
        return "neither RTP/SAVP nor RTP/SAVPF";
    if (!g->cfg->fresh && (!m->n_codecs || !known_protocol(dtls_protocols, m->protocol)))
        return "not RTP over DTLS-SRTP";
    if (g->live > 1 && !g->cfg->fresh && !cp_section_bundled(g->offer, m))
        return "not in the BUNDLE group";
    if (m->mid && strlen(m->mid) > HR_MID_MAX)
        return "its mid is longer than 16 bytes";
    if (!m->rtcp_mux && !g->cfg->fresh)
        return "no a=rtcp-mux";
    return NULL;
}

static int reject(struct cp_negotiator *g, struct cp_section *s, const char *reason)
{
    struct cp_sdp_media *a = s->answer;
    s->m->role = CP_MEDIA_REJECTED;
    s->m->reason = reason;
    s->m->n_codecs = 0;
    a->port = 0;
    a->direction = CP_SDP_INACTIVE;
    a->formats = s->offer->formats;
    if (!s->offer->n_codecs)
        return 0;
    struct cp_sdp_codec *c = CP_SDP_APPEND(&g->answer->arena, a->codecs, a->n_codecs);
    if (!c)
        return -ENOMEM;
    *c = s->offer->codecs[0]; /* a section names at least one format */
    return 0;
}

static void take_role(struct cp_section *s)
{
    s->client_sends = s->offer->direction & CP_SDP_SENDONLY;
    if (s->client_sends)
        s->m->role = CP_MEDIA_PUBLISH;
    else
        s->m->role = s->offer->direction ? CP_MEDIA_SUBSCRIBE : CP_MEDIA_INACTIVE;
}

static int answer_codecs(struct cp_negotiator *g, struct cp_section *s)
{
    for (size_t i = 0; i < s->m->n_codecs; i++) {
        const struct cp_codec *from = &s->m->codecs[i];
        struct cp_sdp_codec *to =
            CP_SDP_APPEND(&g->answer->arena, s->answer->codecs, s->answer->n_codecs);
        if (!to)
            return -ENOMEM;
        *to = (struct cp_sdp_codec){.pt = from->pt,
                                    .name = from->name,
                                    .clock_rate = from->key.clock_rate,
                                    .channels = from->key.channels > 1 ? from->key.channels : 0,
                                    .fmtp = from->fmtp};
    }
    return 0;
}

/* Without ICE the answer has one address: of the client's family, if we have one. */
static const struct cp_local_candidate *address_for(const struct cp_negotiate_config *cfg,
                                                    const struct cp_sdp_media *offer)
{
    for (size_t i = 0; cfg->fresh && offer->address && i < cfg->n_candidates; i++) {
        if (!strchr(cfg->candidates[i].address, ':') == !strchr(offer->address, ':'))
            return &cfg->candidates[i];
    }
    return cfg->n_candidates ? cfg->candidates : NULL;
}

static void answer_flags(struct cp_negotiator *g, struct cp_section *s)
{
    static const enum cp_sdp_direction ours[] = {
        [CP_MEDIA_INACTIVE] = CP_SDP_INACTIVE,
        [CP_MEDIA_PUBLISH] = CP_SDP_RECVONLY,
        [CP_MEDIA_SUBSCRIBE] = CP_SDP_SENDONLY,
    };
    struct cp_sdp_media *a = s->answer;
    const struct cp_local_candidate *first = address_for(g->cfg, s->offer);
    a->direction = ours[s->m->role];
    a->port = first ? first->port : DISCARD_PORT;
    a->address = first ? first->address : NULL;
    /* RTCP has no port of its own here; a client that cannot mux is told where to (RFC 3605). */
    a->rtcp_mux = s->offer->rtcp_mux;
    a->rtcp_port = a->rtcp_mux ? 0 : a->port;
    a->rtcp_rsize = s->m->rtcp_rsize = s->offer->rtcp_rsize;
    s->m->extmap_allow_mixed = s->offer->extmap_allow_mixed;
    a->extmap_allow_mixed = s->offer->extmap_allow_mixed && !g->offer->extmap_allow_mixed;
}

static int accept_section(struct cp_negotiator *g, struct cp_section *s)
{
    int rc = answer_codecs(g, s);
    if (!rc)
        rc = cp_negotiate_extensions(g, s);
    if (!rc)
        rc = cp_negotiate_feedback(g, s);
    if (!rc)
        rc = cp_negotiate_simulcast(g, s);
    if (!rc)
        rc = cp_negotiate_streams(g, s);
    if (!rc && g->cfg->fresh)
        rc = cp_negotiate_crypto(g, s);
    answer_flags(g, s);
    g->n->n_accepted++;
    return rc;
}

void cp_negotiate_begin(struct cp_negotiator *g, size_t at)
{
    const struct cp_sdp_media *offer = &g->offer->media[at];
    g->n->media[at] = (struct cp_negotiated_media){
        .line = offer->line,
        .kind = offer->kind,
        .mid = offer->mid ? cp_sdp_strdup(&g->n->arena, offer->mid) : "",
        .offered = offer->direction,
    };
}

int cp_negotiate_section(struct cp_negotiator *g, struct cp_section *s)
{
    const struct cp_sdp_media *offer = s->offer;
    s->answer->kind = offer->kind;
    s->answer->kind_name = offer->kind_name;
    s->answer->protocol = offer->protocol;
    s->answer->mid = offer->mid;
    s->answer->mid_made = offer->mid_made;
    const char *reason = refusal(g, offer);
    if (reason)
        return reject(g, s, reason);
    take_role(s);
    int rc = cp_negotiate_codecs(g, s);
    if (rc)
        return rc;
    reason = s->m->n_codecs ? cp_negotiate_opaque_codecs(g, s) : "no codec in common";
    return reason ? reject(g, s, reason) : accept_section(g, s);
}
