/* One section: can it be served, in which direction, and its lines in the answer. */
#include "controlplane/negotiate_section.h"

#include <errno.h>
#include <string.h>

#include "controlplane/sdp_parser.h"

#define DISCARD_PORT 9 /* RFC 8840 4.1.1: no default candidate */

static bool in_bundle(const struct cp_sdp *offer, const char *mid)
{
    for (size_t i = 0; mid && i < offer->n_bundle; i++) {
        if (strcmp(offer->bundle[i], mid) == 0)
            return true;
    }
    return false;
}

/* SRTP with keys from DTLS; it runs over UDP whatever the word in front (RFC 8829 5.1.2). */
static bool known_protocol(const char *protocol)
{
    static const char *const names[] = {"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP",
                                        "TCP/DTLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVP", "RTP/SAVPF"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], protocol) == 0)
            return true;
    }
    return false;
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
    if (!m->n_codecs || !known_protocol(m->protocol))
        return "not RTP over DTLS-SRTP";
    if (g->live > 1 && !in_bundle(g->offer, m->mid))
        return "not in the BUNDLE group";
    if (m->mid && strlen(m->mid) > HR_MID_MAX)
        return "its mid is longer than 16 bytes";
    if (!m->rtcp_mux)
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

static void answer_flags(struct cp_negotiator *g, struct cp_section *s)
{
    static const enum cp_sdp_direction ours[] = {
        [CP_MEDIA_INACTIVE] = CP_SDP_INACTIVE,
        [CP_MEDIA_PUBLISH] = CP_SDP_RECVONLY,
        [CP_MEDIA_SUBSCRIBE] = CP_SDP_SENDONLY,
    };
    struct cp_sdp_media *a = s->answer;
    const struct cp_local_candidate *first = g->cfg->n_candidates ? g->cfg->candidates : NULL;
    a->direction = ours[s->m->role];
    a->port = first ? first->port : DISCARD_PORT;
    a->address = first ? first->address : NULL;
    a->rtcp_mux = true;
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
    answer_flags(g, s);
    g->n->n_accepted++;
    return rc;
}

int cp_negotiate_section(struct cp_negotiator *g, struct cp_section *s)
{
    const struct cp_sdp_media *offer = s->offer;
    *s->m = (struct cp_negotiated_media){
        .line = offer->line,
        .kind = offer->kind,
        .mid = offer->mid ? cp_sdp_strdup(&g->n->arena, offer->mid) : "",
        .offered = offer->direction,
    };
    s->answer->kind = offer->kind;
    s->answer->kind_name = offer->kind_name;
    s->answer->protocol = offer->protocol;
    s->answer->mid = offer->mid;
    const char *reason = refusal(g, offer);
    if (reason)
        return reject(g, s, reason);
    take_role(s);
    int rc = cp_negotiate_codecs(g, s);
    if (rc)
        return rc;
    return s->m->n_codecs ? accept_section(g, s) : reject(g, s, "no codec in common");
}
