/* The parts of a section: header extensions, feedback, simulcast, streams. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/negotiate_section.h"
#include "controlplane/sdp_parser.h"

#define KIND(k) (1u << HR_EXT_##k)

/* What we read or pass on. */
#define FORWARDED                                                                            \
    (KIND(MID) | KIND(AUDIO_LEVEL) | KIND(VIDEO_ORIENTATION) | KIND(DEPENDENCY_DESCRIPTOR) | \
     KIND(PLAYOUT_DELAY) | KIND(ABS_CAPTURE_TIME))
/*
 * And what tells us about a publisher's packets. A subscriber never gets these, and yet its section
 * accepts them: Chromium leaves an extension that one answer refused out of all later sections.
 */
#define ACCEPTED (FORWARDED | KIND(RID) | KIND(RRID) | KIND(TRANSPORT_CC))

static bool has_feedback(const struct cp_sdp_media *m, uint8_t pt, const char *type)
{
    for (size_t i = 0; i < m->n_feedback; i++) {
        if ((m->feedback[i].pt < 0 || m->feedback[i].pt == pt) &&
            strcmp(m->feedback[i].type, type) == 0)
            return true;
    }
    return false;
}

/* Numbers on packets that nobody could report on would be wasted bytes. */
static bool transport_cc_offered(const struct cp_section *s)
{
    for (size_t i = 0; i < s->m->n_codecs; i++) {
        if (has_feedback(s->offer, s->m->codecs[i].pt, "transport-cc"))
            return true;
    }
    return false;
}

static unsigned wanted_extensions(const struct cp_section *s)
{
    return transport_cc_offered(s) ? ACCEPTED : ACCEPTED & ~KIND(TRANSPORT_CC);
}

/*
 * Within a bundle an id means one extension (RFC 8843 9.2), for it is read before the section of a
 * packet is known. A section that says otherwise goes without that extension.
 */
static bool claim_id(struct cp_negotiator *g, uint8_t id, enum hr_ext_kind kind)
{
    if (g->owner[id] ? g->owner[id] != kind : g->n->ext[kind] != 0)
        return false;
    g->owner[id] = (uint8_t)kind;
    g->n->ext[kind] = id;
    return true;
}

int cp_negotiate_extensions(struct cp_negotiator *g, struct cp_section *s)
{
    unsigned wanted = wanted_extensions(s);
    const struct cp_negotiated_media *opaque = cp_negotiate_opaque(g, s);
    enum cp_sdp_direction way = s->client_sends ? CP_SDP_SENDONLY : CP_SDP_RECVONLY;
    for (size_t i = 0; i < s->offer->n_extmaps; i++) {
        const struct cp_sdp_extmap *e = &s->offer->extmaps[i];
        enum hr_ext_kind kind = hr_ext_kind_of(e->uri, strlen(e->uri));
        /* 15 ends a one-byte extension (RFC 8285 4.2), so it is no id. */
        if (kind == HR_EXT_NONE || !(wanted & 1u << kind) || !(e->direction & way) || e->id == 15)
            continue;
        if (opaque && opaque->ext[kind] != e->id)
            continue;
        if (s->m->ext[kind] || !claim_id(g, (uint8_t)e->id, kind))
            continue;
        s->m->ext[kind] = (uint8_t)e->id;
        struct cp_sdp_extmap *echo =
            CP_SDP_APPEND(&g->answer->arena, s->answer->extmaps, s->answer->n_extmaps);
        if (!echo)
            return -ENOMEM;
        *echo = *e;
        if (e->direction != CP_SDP_SENDRECV)
            echo->direction = cp_sdp_reverse(way);
    }
    return 0;
}

static int answer_feedback(struct cp_negotiator *g, struct cp_section *s, uint8_t pt, bool accepted,
                           const char *type)
{
    if (!accepted)
        return 0;
    struct cp_sdp_feedback *fb =
        CP_SDP_APPEND(&g->answer->arena, s->answer->feedback, s->answer->n_feedback);
    if (!fb)
        return -ENOMEM;
    *fb = (struct cp_sdp_feedback){.pt = pt, .type = type};
    return 0;
}

static void choose_feedback(const struct cp_negotiator *g, const struct cp_section *s,
                            struct cp_codec *c)
{
    bool video = s->offer->kind == CP_SDP_VIDEO;
    bool reported = s->client_sends || (video && g->cfg->subscribe_transport_cc);
    c->nack = has_feedback(s->offer, c->pt, "nack");
    c->pli = video && has_feedback(s->offer, c->pt, "nack pli");
    c->fir = video && has_feedback(s->offer, c->pt, "ccm fir");
    c->transport_cc =
        reported && s->m->ext[HR_EXT_TRANSPORT_CC] && has_feedback(s->offer, c->pt, "transport-cc");
    c->remb =
        video && reported && !c->transport_cc && has_feedback(s->offer, c->pt, "goog-remb");
}

int cp_negotiate_feedback(struct cp_negotiator *g, struct cp_section *s)
{
    struct cp_negotiated_media *m = s->m;
    int rc = 0;
    for (size_t i = 0; i < m->n_codecs && !rc; i++) {
        struct cp_codec *c = &m->codecs[i];
        if (c->key.id == CP_CODEC_RTX || c->key.id == CP_CODEC_TELEPHONE_EVENT)
            continue;
        choose_feedback(g, s, c);
        const struct {
            bool accepted;
            const char *type;
        } lines[] = {
            {c->transport_cc, "transport-cc"},
            {c->remb, "goog-remb"},
            {c->fir, "ccm fir"},
            {c->nack, "nack"},
            {c->pli, "nack pli"},
        };
        for (size_t k = 0; k < sizeof(lines) / sizeof(lines[0]) && !rc; k++)
            rc = answer_feedback(g, s, c->pt, lines[k].accepted, lines[k].type);
        m->nack |= c->nack;
        m->pli |= c->pli;
        m->fir |= c->fir;
        m->transport_cc |= c->transport_cc;
        m->remb |= c->remb;
    }
    return rc;
}

static bool accepted_pt(const struct cp_negotiated_media *m, const char *digits)
{
    for (size_t i = 0; i < m->n_codecs; i++) {
        if (m->codecs[i].pt == strtoul(digits, NULL, 10))
            return true;
    }
    return false;
}

/* "pt=96,97" with what is left of it after codecs were chosen; NULL: nothing is. */
static const char *filter_pts(struct cp_negotiator *g, const struct cp_section *s, char *list)
{
    const char *kept = NULL;
    for (char *pt; (pt = strsep(&list, ","));) {
        if (accepted_pt(s->m, pt))
            kept = cp_sdp_printf(&g->n->arena, "%s%s%s", kept ? kept : "pt=", kept ? "," : "", pt);
    }
    return kept;
}

/* A rid's restrictions are echoed (RFC 8851 6.3), payload types only as far as they are accepted.
 */
static bool rid_params(struct cp_negotiator *g, const struct cp_section *s, const char *offered,
                       const char **out)
{
    char copy[256];
    *out = NULL;
    if (!offered)
        return true;
    if (strlen(offered) >= sizeof(copy))
        return false;
    strcpy(copy, offered);
    for (char *param, *rest = copy; (param = strsep(&rest, ";"));) {
        const char *kept = param;
        if (strncmp(param, "pt=", 3) == 0 && !(kept = filter_pts(g, s, param + 3)))
            return false;
        *out = cp_sdp_printf(&g->n->arena, "%s%s%s", *out ? *out : "", *out ? ";" : "", kept);
    }
    return true;
}

static const struct cp_sdp_rid *find_rid(const struct cp_sdp_media *m, const char *id)
{
    for (size_t i = 0; i < m->n_rids; i++) {
        if (m->rids[i].direction == CP_SDP_SENDONLY && strcmp(m->rids[i].id, id) == 0)
            return &m->rids[i];
    }
    return NULL;
}

static int answer_layer(struct cp_negotiator *g, struct cp_section *s, const char *id,
                        const char *params)
{
    struct cp_sdp_arena *arena = &g->answer->arena;
    struct cp_sdp_media *a = s->answer;
    struct cp_sdp_rid *rid = CP_SDP_APPEND(arena, a->rids, a->n_rids);
    struct cp_sdp_layer *layer = CP_SDP_APPEND(arena, a->receive.layers, a->receive.n);
    if (!rid || !layer)
        return -ENOMEM;
    *rid = (struct cp_sdp_rid){.id = id, .direction = CP_SDP_RECVONLY, .params = params};
    layer->rids[layer->n++] = id;
    return 0;
}

/* Of each simulcast stream the first alternative that we can serve; the client sends no other. */
static int add_layer(struct cp_negotiator *g, struct cp_section *s,
                     const struct cp_sdp_layer *layer)
{
    struct cp_negotiated_media *m = s->m;
    for (size_t i = 0; i < layer->n && m->n_rids < HR_RIDS_MAX; i++) {
        const struct cp_sdp_rid *rid = find_rid(s->offer, layer->rids[i]);
        const char *params;
        if (!rid || strlen(rid->id) > HR_RID_MAX || !rid_params(g, s, rid->params, &params))
            continue;
        const char *id = cp_sdp_strdup(&g->n->arena, rid->id);
        m->rids[m->n_rids++] = (struct cp_negotiated_rid){.id = id, .paused = layer->paused[i]};
        return answer_layer(g, s, id, params);
    }
    return 0;
}

int cp_negotiate_simulcast(struct cp_negotiator *g, struct cp_section *s)
{
    int rc = 0;
    if (s->m->role != CP_MEDIA_PUBLISH || !s->m->ext[HR_EXT_RID])
        return 0;
    for (size_t i = 0; i < s->offer->send.n && !rc; i++)
        rc = add_layer(g, s, &s->offer->send.layers[i]);
    return rc;
}

/* The repair stream of an SSRC by its FID group (RFC 5576 4.2), 0: none. */
static uint32_t repair_of(const struct cp_sdp_media *m, uint32_t ssrc)
{
    for (size_t i = 0; i < m->n_ssrc_groups; i++) {
        const struct cp_sdp_ssrc_group *group = &m->ssrc_groups[i];
        if (strcmp(group->semantics, "FID") == 0 && group->n == 2 && group->ssrcs[0] == ssrc)
            return group->ssrcs[1];
    }
    return 0;
}

/* Whether it repairs another: second in a group that is not about simulcast (FID, FEC-FR). */
static bool is_repair(const struct cp_sdp_media *m, uint32_t ssrc)
{
    for (size_t i = 0; i < m->n_ssrc_groups; i++) {
        const struct cp_sdp_ssrc_group *group = &m->ssrc_groups[i];
        if (strcmp(group->semantics, "SIM") == 0)
            continue;
        for (size_t k = 1; k < group->n; k++) {
            if (group->ssrcs[k] == ssrc)
                return true;
        }
    }
    return false;
}

static int add_ssrc(struct cp_negotiator *g, struct cp_section *s, const struct cp_sdp_ssrc *from)
{
    struct cp_negotiated_media *m = s->m;
    if (is_repair(s->offer, from->ssrc))
        return 0;
    for (size_t i = 0; i < m->n_ssrcs; i++) {
        if (m->ssrcs[i].ssrc == from->ssrc)
            return 0;
    }
    struct cp_negotiated_ssrc *to = CP_SDP_APPEND(&g->n->arena, m->ssrcs, m->n_ssrcs);
    if (!to)
        return -ENOMEM;
    *to = (struct cp_negotiated_ssrc){.ssrc = from->ssrc,
                                      .rtx_ssrc = repair_of(s->offer, from->ssrc),
                                      .cname = cp_sdp_strdup(&g->n->arena, from->cname),
                                      .stream = cp_sdp_strdup(&g->n->arena, from->stream),
                                      .track = cp_sdp_strdup(&g->n->arena, from->track)};
    return 0;
}

static int add_ssrc_number(struct cp_negotiator *g, struct cp_section *s, uint32_t ssrc)
{
    for (size_t i = 0; i < s->offer->n_ssrcs; i++) {
        if (s->offer->ssrcs[i].ssrc == ssrc)
            return add_ssrc(g, s, &s->offer->ssrcs[i]);
    }
    return 0;
}

/* What the client announces it sends: layers of a SIM group in its order, then the rest. */
static int announced_ssrcs(struct cp_negotiator *g, struct cp_section *s)
{
    const struct cp_sdp_media *offer = s->offer;
    int rc = 0;
    for (size_t i = 0; i < offer->n_ssrc_groups && !rc; i++) {
        const struct cp_sdp_ssrc_group *group = &offer->ssrc_groups[i];
        bool layers = strcmp(group->semantics, "SIM") == 0;
        for (size_t k = 0; layers && k < group->n && !rc; k++)
            rc = add_ssrc_number(g, s, group->ssrcs[k]);
    }
    for (size_t i = 0; i < offer->n_ssrcs && !rc; i++)
        rc = add_ssrc(g, s, &offer->ssrcs[i]);
    return rc;
}

static int published_streams(struct cp_negotiator *g, struct cp_section *s)
{
    s->m->stream = cp_sdp_strdup(&g->n->arena, s->offer->stream);
    s->m->track = cp_sdp_strdup(&g->n->arena, s->offer->track);
    return announced_ssrcs(g, s);
}

const struct cp_sender *cp_negotiate_sender(const struct cp_negotiator *g, const char *mid)
{
    for (size_t i = 0; i < g->cfg->n_senders; i++) {
        if (strcmp(g->cfg->senders[i].mid, mid) == 0)
            return &g->cfg->senders[i];
    }
    return NULL;
}

static bool has_rtx(const struct cp_negotiated_media *m)
{
    for (size_t i = 0; i < m->n_codecs; i++) {
        if (m->codecs[i].key.id == CP_CODEC_RTX)
            return true;
    }
    return false;
}

static int answer_ssrc(struct cp_negotiator *g, struct cp_section *s, uint32_t number,
                       const struct cp_sender *sender)
{
    struct cp_sdp_ssrc *ssrc =
        CP_SDP_APPEND(&g->answer->arena, s->answer->ssrcs, s->answer->n_ssrcs);
    if (!ssrc)
        return -ENOMEM;
    *ssrc = (struct cp_sdp_ssrc){.ssrc = number,
                                 .cname = sender->cname,
                                 .stream = sender->stream_id,
                                 .track = sender->track_id};
    return 0;
}

/* The publisher's own. */
static int opaque_streams(struct cp_negotiator *g, struct cp_section *s,
                          const struct cp_negotiated_media *published)
{
    int rc = 0;
    for (size_t i = 0; i < published->n_ssrcs && !rc; i++) {
        const struct cp_negotiated_ssrc *from = &published->ssrcs[i];
        const struct cp_sender sender = {.cname = from->cname};
        rc = answer_ssrc(g, s, from->ssrc, &sender);
    }
    return rc;
}

/* Tells the subscriber what we will send it, or that for now there is nothing. */
static int forwarded_streams(struct cp_negotiator *g, struct cp_section *s)
{
    const struct cp_sender *sender = cp_negotiate_sender(g, s->m->mid);
    if (!sender) {
        s->m->role = CP_MEDIA_INACTIVE;
        return 0;
    }
    const struct cp_negotiated_media *opaque = cp_negotiate_opaque(g, s);
    if (opaque)
        return opaque_streams(g, s, opaque);
    s->answer->stream = sender->stream_id;
    s->answer->track = sender->track_id;
    int rc = answer_ssrc(g, s, sender->ssrc, sender);
    if (rc || !sender->rtx_ssrc || !has_rtx(s->m))
        return rc;
    struct cp_sdp_ssrc_group *fid =
        CP_SDP_APPEND(&g->answer->arena, s->answer->ssrc_groups, s->answer->n_ssrc_groups);
    if (!fid)
        return -ENOMEM;
    *fid = (struct cp_sdp_ssrc_group){
        .semantics = "FID", .ssrcs = {sender->ssrc, sender->rtx_ssrc}, .n = 2};
    return answer_ssrc(g, s, sender->rtx_ssrc, sender);
}

int cp_negotiate_streams(struct cp_negotiator *g, struct cp_section *s)
{
    int rc;
    switch (s->m->role) {
    case CP_MEDIA_PUBLISH:
        return published_streams(g, s);
    case CP_MEDIA_SUBSCRIBE:
        /* A receiver's RTCP has an SSRC too; only with SDES does that matter. */
        rc = g->cfg->fresh ? announced_ssrcs(g, s) : 0;
        return rc ? rc : forwarded_streams(g, s);
    default:
        return 0;
    }
}
