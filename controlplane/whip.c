#include "controlplane/whip.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/log.h"

void cp_resource_cors(struct cp_exchange *x)
{
    cp_exchange_header(x, "access-control-allow-origin:", "*");
    cp_exchange_header(x, "access-control-allow-methods:", "POST, PATCH, DELETE, OPTIONS");
    cp_exchange_header(x, "access-control-allow-headers:", "Authorization, Content-Type, If-Match");
    cp_exchange_header(x, "access-control-expose-headers:", "ETag, Link, Location");
    cp_exchange_header(x, "access-control-max-age:", "600");
}

void cp_resource_options(struct cp_service *s, struct cp_exchange *x)
{
    cp_exchange_header(x, "accept-post:", "application/sdp");
    cp_exchange_header(x, "accept-patch:", "application/trickle-ice-sdpfrag");
    cp_exchange_header(x, "allow:", "%s",
                       x->params.count == 3 ? "PATCH, DELETE, OPTIONS" : "POST, OPTIONS");
    cp_answer(x, 200);
}

static void unavailable(struct cp_exchange *x, const char *text)
{
    cp_exchange_header(x, "retry-after:", "%d", CP_RETRY_AFTER_S);
    cp_answer_problem(x, 503, "%s", text);
}

bool cp_whip_check(struct cp_service *s, struct cp_exchange *x, struct cp_sdp **sdp)
{
    struct cp_sdp_error err = {0};
    *sdp = NULL;
    if (!cp_exchange_is(x, "application/sdp")) {
        cp_answer_problem(x, 415, "the body of a POST is application/sdp");
        return false;
    }
    if (s->draining || s->stopping) {
        unavailable(x, "the server takes no new sessions");
        return false;
    }
    int rc = cp_sdp_parse(x->body ? x->body : "", x->body_len, sdp, &err);
    if (rc == 0)
        return true;
    cp_answer_problem(x, rc == -ENOMEM ? 500 : 400, "line %u: %s", err.line, err.text);
    return false;
}

static struct cp_resource *resource_new(struct cp_service *s, const struct cp_exchange *x,
                                        struct cp_participant *p)
{
    struct cp_resource *r = g_new0(struct cp_resource, 1);
    cp_token(r->id);
    cp_token(r->etag);
    g_strlcpy(r->room, x->params.value[0], sizeof(r->room));
    g_strlcpy(r->name, x->params.value[1], sizeof(r->name));
    r->participant = p;
    p->resource = r;
    g_hash_table_insert(s->resources, r->id, r);
    return r;
}

struct cp_resource *cp_whip_begin(struct cp_service *s, struct cp_exchange *x, enum cp_kind kind,
                                  const struct cp_offer *offer)
{
    struct cp_refusal refusal;
    const struct cp_profile profile = {.name = x->params.value[1]};
    struct cp_media_failure why;
    uint64_t now = cp_now_ms();
    struct cp_participant *p =
        cp_rooms_join(&s->rooms, x->params.value[0], kind, &profile, now, &refusal);
    if (!p) {
        unavailable(x, refusal.text);
        return NULL;
    }
    if (cp_media_offer(&s->media, p, offer, now, &why) < 0) {
        int status = cp_media_error_status(why.error);
        s->counters.offers_failed++;
        if (status == 503)
            unavailable(x, why.text);
        else
            cp_answer_problem(x, status, "%s", why.text);
        cp_room_leave(p, "gone");
        return NULL;
    }
    s->counters.offers++;
    return resource_new(s, x, p);
}

/* RFC 9725 4.6: one Link header per server. */
static void link_ice_servers(struct cp_exchange *x, const struct hr_config *config)
{
    for (unsigned i = 0; i < config->media.ice_servers_count; i++) {
        const char *uri = config->media.ice_servers[i];
        const char *user = strchr(uri, ' ');
        if (!user) {
            cp_exchange_header(x, "link:", "<%s>; rel=\"ice-server\"", uri);
            continue;
        }
        const char *password = strchr(++user, ' ') + 1;
        cp_exchange_header(x, "link:",
                           "<%.*s>; rel=\"ice-server\"; username=\"%.*s\"; credential=\"%s\"; "
                           "credential-type=\"password\"",
                           (int)(user - 1 - uri), uri, (int)(password - 1 - user), user, password);
    }
}

void cp_whip_created(struct cp_exchange *x, const struct cp_resource *r)
{
    struct cp_negotiation *n = r->participant->media->negotiation;
    cp_exchange_header(x, "location:", "/%s/%s/%s/%s", cp_kind_word(r->participant->kind), r->room,
                       r->name, r->id);
    if (r->participant->kind != CP_KIND_SDES) {
        link_ice_servers(x, r->participant->media->env->config);
        cp_exchange_header(x, "etag:", "\"%s\"", r->etag);
        cp_exchange_header(x, "accept-patch:", "application/trickle-ice-sdpfrag");
    }
    cp_exchange_header(x, "cache-control:", "no-store");
    cp_answer_body(x, 201, "application/sdp", n->answer, n->answer_len);
    n->answer = NULL; /* the exchange's now */
    cp_negotiation_sent(n);
}

bool cp_whip_publishing(const struct cp_service *s, const char *room, const char *name)
{
    const struct cp_room *found = cp_rooms_find(&s->rooms, room);
    for (guint i = 0; found && i < found->participants->len; i++) {
        const struct cp_participant *p = found->participants->pdata[i];
        bool comes_alone = p->kind == CP_KIND_WHIP || p->kind == CP_KIND_SDES;
        if (comes_alone && p->announced && strcasecmp(p->name, name) == 0)
            return true;
    }
    return false;
}

void cp_whip_post(struct cp_service *s, struct cp_exchange *x)
{
    struct cp_sdp *sdp;
    if (!cp_whip_check(s, x, &sdp))
        return;
    cp_sdp_free(sdp);
    if (cp_whip_publishing(s, x->params.value[0], x->params.value[1])) {
        cp_answer_problem(x, 409, "somebody publishes under this name already");
        return;
    }
    const struct cp_offer offer = {.sdp = x->body, .len = x->body_len};
    struct cp_resource *r = cp_whip_begin(s, x, CP_KIND_WHIP, &offer);
    if (!r)
        return;
    if (r->participant->sources->len == 0) {
        cp_answer_problem(x, 422, "no section of the offer sends anything that can be taken");
        cp_resource_end(s, r, "gone");
        return;
    }
    cp_room_announce(r->participant);
    cp_whip_created(x, r);
}

/* ---- the resource */

void cp_resource_end(struct cp_service *s, struct cp_resource *r, const char *reason)
{
    struct cp_participant *p = r->participant;
    g_hash_table_remove(s->resources, r->id);
    p->resource = NULL;
    cp_room_leave(p, reason);
}

struct cp_resource *cp_resource_find(struct cp_service *s, struct cp_exchange *x)
{
    struct cp_resource *r = g_hash_table_lookup(s->resources, x->params.value[2]);
    bool same = r && g_str_has_prefix(x->path + 1, cp_kind_word(r->participant->kind));
    if (same && strcasecmp(r->room, x->params.value[0]) == 0 &&
        strcasecmp(r->name, x->params.value[1]) == 0)
        return r;
    cp_answer_problem(x, 404, "there is no such session, or it has ended");
    return NULL;
}

void cp_resource_delete(struct cp_service *s, struct cp_exchange *x)
{
    struct cp_resource *r = cp_resource_find(s, x);
    if (!r)
        return;
    cp_resource_end(s, r, "left");
    cp_answer(x, 200);
}

/* Whether an If-Match, a list of quoted tags, has this one. */
static bool matches(const char *if_match, const char *etag)
{
    char quoted[CP_TOKEN_TEXT + 2];
    snprintf(quoted, sizeof(quoted), "\"%s\"", etag);
    return strstr(if_match, quoted) != NULL;
}

/* RFC 9110 13.1.1 has it bare, the example of RFC 9725 4.3.3 in quotes. */
static bool matches_any(const char *if_match)
{
    return strcmp(if_match, "*") == 0 || strcmp(if_match, "\"*\"") == 0;
}

/* Ours after an ICE restart, as a fragment (RFC 9725 4.3.3). */
static void answer_restarted(struct cp_exchange *x, struct cp_resource *r)
{
    const struct cp_media *m = r->participant->media;
    const struct cp_ice_credentials *ours = cp_endpoint_credentials(m->endpoint);
    const struct cp_negotiation *n = m->negotiation;
    GString *f = g_string_new("a=ice-lite\r\n");
    const struct cp_negotiated_media *first = NULL;
    for (size_t i = 0; i < n->n_media && !first; i++)
        first = n->media[i].role != CP_MEDIA_REJECTED ? &n->media[i] : NULL;
    g_string_append_printf(f, "m=%s 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:%s\r\n",
                           first && first->kind == CP_SDP_VIDEO ? "video" : "audio",
                           first ? first->mid : "0");
    g_string_append_printf(f, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\n", ours->ufrag, ours->pwd);
    for (size_t i = 0; i < m->env->n_candidates; i++)
        g_string_append_printf(f, "a=candidate:%zu 1 udp %u %s %u typ host\r\n", i + 1,
                               2130706431u - (unsigned)i * 256, m->env->candidates[i].address,
                               m->env->candidates[i].port);
    g_string_append(f, "a=end-of-candidates\r\n");
    cp_token(r->etag);
    cp_exchange_header(x, "etag:", "\"%s\"", r->etag);
    cp_exchange_header(x, "cache-control:", "no-store");
    size_t len = f->len;
    cp_answer_body(x, 200, "application/trickle-ice-sdpfrag", g_string_free(f, FALSE), len);
}

static void take_fragment(struct cp_exchange *x, struct cp_resource *r, const struct cp_sdp *frag)
{
    struct cp_media *m = r->participant->media;
    const struct cp_sdp_transport *t = &frag->transport;
    if (!t->ufrag && frag->n_media > 0)
        t = &frag->media[0].transport;
    bool other = t->ufrag && t->pwd && cp_endpoint_wants_restart(m->endpoint, t->ufrag, t->pwd);
    if (!other) {
        cp_answer(x, 204);
        return;
    }
    if (!matches_any(x->if_match)) {
        cp_answer_problem(x, 412, "an ICE restart comes with If-Match: *");
        return;
    }
    int rc = cp_media_restart(m, t->ufrag, t->pwd, cp_now_ms());
    if (rc == -EINVAL)
        cp_answer_problem(x, 400, "ice-ufrag or ice-pwd cannot be used");
    else if (rc)
        unavailable(x, "no ICE restart just now");
    else
        answer_restarted(x, r);
}

void cp_resource_patch(struct cp_service *s, struct cp_exchange *x)
{
    struct cp_resource *r = cp_resource_find(s, x);
    struct cp_sdp_error err = {0};
    struct cp_sdp *frag = NULL;
    if (!r)
        return;
    if (!cp_exchange_is(x, "application/trickle-ice-sdpfrag")) {
        cp_answer_problem(x, 415, "the body of a PATCH is application/trickle-ice-sdpfrag");
    } else if (!*x->if_match) {
        cp_answer_problem(x, 428, "If-Match names the ICE session, or is * for a restart");
    } else if (!matches_any(x->if_match) && !matches(x->if_match, r->etag)) {
        cp_answer_problem(x, 412, "this is not the ETag of the ICE session");
    } else if (cp_sdp_parse_fragment(x->body ? x->body : "", x->body_len, &frag, &err) < 0) {
        cp_answer_problem(x, 400, "line %u: %s", err.line, err.text);
    } else {
        take_fragment(x, r, frag);
        cp_sdp_free(frag);
    }
}
