/*
 * An offer is taken in two halves. First everything that can fail: parse, find the sources that it
 * names, negotiate with the endpoint's credentials. Then the rest, which cannot: the model follows
 * the negotiation.
 */
#include "controlplane/media.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/room.h"
#include "proto/log.h"

/* One offer being taken. */
struct taking {
    struct cp_media_env *env;
    struct cp_participant *p;
    const struct cp_offer *offer;
    struct cp_sdp *sdp;
    struct cp_negotiation *n;
    const struct cp_negotiation *before;
    uint64_t now;
    struct cp_media_failure *why;
};

const char *cp_media_error_code(enum cp_media_error e)
{
    static const char *const codes[] = {
#define X(name, code, status) code,
        CP_MEDIA_ERROR_MAP(X)
#undef X
    };
    return codes[e];
}

int cp_media_error_status(enum cp_media_error e)
{
    static const int statuses[] = {
#define X(name, code, status) status,
        CP_MEDIA_ERROR_MAP(X)
#undef X
    };
    return statuses[e];
}

int cp_media_fail(struct cp_media_failure *why, enum cp_media_error error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    why->error = error;
    vsnprintf(why->text, sizeof(why->text), format, args);
    va_end(args);
    return -1;
}

static int fail_sdp(struct taking *t, enum cp_media_error error, const struct cp_sdp_error *err)
{
    if (err->line)
        return cp_media_fail(t->why, error, "line %u: %s", err->line, err->text);
    return cp_media_fail(t->why, error, "%s", err->text);
}

int cp_media_open(struct cp_media_env *env, const struct hr_config *config,
                  struct cp_transport *transport, struct cp_rooms *rooms)
{
    env->config = config;
    env->transport = transport;
    env->rooms = rooms;
    rooms->media = env;
    unsigned count = config->media.video_codecs_count;
    if (count == 0)
        return 0;
    env->video_codecs = calloc(count + 1, sizeof(*env->video_codecs));
    for (unsigned i = 0; env->video_codecs && i < count; i++)
        env->video_codecs[i] = config->media.video_codecs[i];
    return env->video_codecs ? 0 : -ENOMEM;
}

void cp_media_close(struct cp_media_env *env)
{
    free(env->video_codecs);
    env->video_codecs = NULL;
}

static uint32_t random32(void)
{
    uint32_t value;
    if (RAND_bytes((unsigned char *)&value, sizeof(value)) != 1)
        abort();
    return value;
}

static struct cp_media *media_new(struct taking *t)
{
    struct cp_media *m = g_new0(struct cp_media, 1);
    m->env = t->env;
    m->owner = t->p;
    m->session_id = (uint64_t)random32() << 30 | (random32() >> 2);
    m->used_ssrcs = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    int rc = cp_endpoint_create(t->env->transport, m, t->now, &m->endpoint);
    if (rc == 0) {
        m->group = cp_room_group(t->p->room);
        cp_endpoint_set_group(m->endpoint, m->group);
        return m;
    }
    cp_media_free(m);
    if (rc == -ENOSPC)
        cp_media_fail(t->why, CP_MEDIA_FULL, "the server has no room for another endpoint");
    else
        cp_media_fail(t->why, CP_MEDIA_INTERNAL, "no endpoint could be made: %s", strerror(-rc));
    return NULL;
}

void cp_media_shut(struct cp_media *m)
{
    if (!m || !m->endpoint)
        return;
    struct cp_endpoint *all[CP_TRANSPORTS_MAX];
    for (size_t n = cp_media_endpoints(m, all); n > 0; n--)
        cp_endpoint_destroy(all[n - 1]);
    g_free(m->others);
    m->others = NULL;
    m->endpoint = NULL;
    m->connected = false;
}

void cp_media_free(struct cp_media *m)
{
    if (!m)
        return;
    cp_media_shut(m);
    cp_negotiation_free(m->negotiation);
    g_array_free(m->used_ssrcs, TRUE);
    g_free(m);
}

static void source_leaves(struct cp_source *s)
{
    cp_room_tell_source(s, "source-removed");
    cp_source_free(s);
}

static void sources_changed(struct cp_participant *p)
{
    if (p->media->env->sources_changed)
        p->media->env->sources_changed(p->room);
}

void cp_media_drop(struct cp_participant *p)
{
    if (!p->media)
        return;
    cp_media_shut(p->media);
    while (p->subscriptions->len)
        cp_subscription_free(p->subscriptions->pdata[p->subscriptions->len - 1]);
    while (p->sources->len)
        source_leaves(p->sources->pdata[p->sources->len - 1]);
    sources_changed(p);
    cp_media_free(p->media);
    p->media = NULL;
}

bool cp_media_alive(const struct cp_media *m)
{
    return m && m->endpoint;
}

static const struct cp_negotiated_media *section(const struct cp_negotiation *n, const char *mid)
{
    for (size_t i = 0; n && i < n->n_media; i++)
        if (n->media[i].mid && strcmp(n->media[i].mid, mid) == 0)
            return &n->media[i];
    return NULL;
}

const struct cp_negotiated_media *cp_media_section(const struct cp_media *m, const char *mid)
{
    return m ? section(m->negotiation, mid) : NULL;
}

/* ---- the half that can fail */

static const struct cp_offer_binding *binding_of(const struct cp_offer *offer, const char *mid)
{
    for (size_t i = 0; i < offer->n_bindings; i++)
        if (strcmp(offer->bindings[i].mid, mid) == 0)
            return &offer->bindings[i];
    return NULL;
}

static bool receives(const struct cp_sdp_media *media)
{
    return media->mid && strlen(media->mid) <= HR_MID_MAX &&
           (media->port != 0 || media->bundle_only) && media->direction == CP_SDP_RECVONLY &&
           (media->kind == CP_SDP_AUDIO || media->kind == CP_SDP_VIDEO);
}

static int check_bindings(struct taking *t)
{
    for (size_t i = 0; i < t->sdp->n_media; i++) {
        const struct cp_sdp_media *media = &t->sdp->media[i];
        const struct cp_offer_binding *b =
            receives(media) ? binding_of(t->offer, media->mid) : NULL;
        if (!b || !b->source)
            continue;
        const struct cp_source *s = cp_room_source(t->p->room, b->source);
        if (!s)
            return cp_media_fail(t->why, CP_MEDIA_UNKNOWN_SOURCE,
                                 "s%u, named for mid %s, is not in the room", b->source,
                                 media->mid);
        if (s->video != (media->kind == CP_SDP_VIDEO))
            return cp_media_fail(t->why, CP_MEDIA_UNKNOWN_SOURCE,
                                 "s%u is %s, the section of mid %s is not", b->source,
                                 s->video ? "video" : "audio", media->mid);
    }
    return 0;
}

/* An SSRC that this endpoint's keys have never seen (RFC 3711 9.1); 0: none left to give. */
static uint32_t fresh_ssrc(struct cp_media *m)
{
    if (m->used_ssrcs->len >= CP_SSRCS_MAX)
        return 0;
    for (;;) {
        uint32_t ssrc = random32();
        bool used = ssrc == 0 || ssrc == cp_endpoint_feedback_ssrc(m->endpoint);
        for (guint i = 0; !used && i < m->used_ssrcs->len; i++)
            used = g_array_index(m->used_ssrcs, uint32_t, i) == ssrc;
        if (used)
            continue;
        g_array_append_val(m->used_ssrcs, ssrc);
        return ssrc;
    }
}

static int ensure_slots(struct taking *t)
{
    struct cp_media *m = t->p->media;
    for (size_t i = 0; i < t->sdp->n_media; i++) {
        const struct cp_sdp_media *media = &t->sdp->media[i];
        if (!receives(media) || cp_subscription_by_mid(t->p, media->mid))
            continue;
        bool video = media->kind == CP_SDP_VIDEO;
        uint32_t ssrc = fresh_ssrc(m), rtx_ssrc = video ? fresh_ssrc(m) : 0;
        if (!ssrc || (video && !rtx_ssrc))
            return cp_media_fail(t->why, CP_MEDIA_FULL,
                                 "this peer connection has had %u sections: make "
                                 "a new one",
                                 CP_SSRCS_MAX);
        uint32_t object = cp_dataplane_new_id(cp_transport_dataplane(t->env->transport));
        struct cp_subscription *s = cp_subscription_new(object, t->p, media->mid, video);
        s->ssrc = ssrc;
        s->rtx_ssrc = rtx_ssrc;
    }
    return 0;
}

static void drop_fresh_slots(struct cp_participant *p)
{
    for (guint i = p->subscriptions->len; i > 0; i--) {
        struct cp_subscription *s = p->subscriptions->pdata[i - 1];
        if (s->fresh)
            cp_subscription_free(s);
    }
}

/* Text of one sender in the answer; a stream is what the receiver plays in step. */
struct sender_text {
    char cname[HR_CNAME_MAX + 1], stream[24], track[16];
};

static void describe(struct taking *t, const struct cp_subscription *s, struct cp_sender *sender,
                     struct sender_text *text)
{
    const struct cp_offer_binding *b = binding_of(t->offer, s->mid);
    const struct cp_source *source = s->source;
    if (b)
        source = b->source ? cp_room_source(t->p->room, b->source) : NULL;
    *sender = (struct cp_sender){
        .mid = s->mid, .ssrc = s->ssrc, .rtx_ssrc = s->rtx_ssrc, .cname = text->cname};
    cp_media_cname(source ? source->owner : t->p, text->cname, sizeof(text->cname));
    if (!source)
        return;
    sender->published = cp_media_section(source->owner->media, source->mid);
    bool screen = source->label == CP_LABEL_SCREEN || source->label == CP_LABEL_SCREEN_AUDIO;
    snprintf(text->stream, sizeof(text->stream), "p%u%s", source->owner->id,
             screen ? "-screen" : "");
    snprintf(text->track, sizeof(text->track), "s%u", source->id);
    sender->stream_id = text->stream;
    sender->track_id = text->track;
}

static bool known(const struct cp_media *m, const struct cp_sdp_fingerprint *f)
{
    for (size_t i = 0; i < m->n_fingerprints; i++)
        if (m->fingerprints[i].hash == f->hash && m->fingerprints[i].len == f->len &&
            memcmp(m->fingerprints[i].bytes, f->bytes, f->len) == 0)
            return true;
    return false;
}

/* Another DTLS identity than before is another peer connection, whose first offer this is. */
static bool is_new_client(const struct cp_media *m, const struct cp_sdp *sdp)
{
    const struct cp_sdp_transport *transport = &sdp->transport;
    for (size_t i = 0; i < sdp->n_media && transport->n_fingerprints == 0; i++)
        transport = &sdp->media[i].transport;
    return m->n_fingerprints > 0 && transport->n_fingerprints > 0 &&
           !known(m, &transport->fingerprints[0]);
}

static int negotiate(struct taking *t)
{
    struct cp_media *m = t->p->media;
    size_t count = t->p->subscriptions->len;
    struct cp_sender *senders = g_new0(struct cp_sender, count + 1);
    struct sender_text *texts = g_new0(struct sender_text, count + 1);
    for (size_t i = 0; i < count; i++)
        describe(t, t->p->subscriptions->pdata[i], &senders[i], &texts[i]);
    const struct cp_ice_credentials *ours = cp_endpoint_credentials(m->endpoint);
    uint8_t fresh[CP_NEGOTIATE_FRESH];
    if (t->offer->sdes && RAND_bytes(fresh, sizeof(fresh)) != 1)
        abort();
    const struct cp_negotiate_config cfg = {
        .video_codecs = t->env->video_codecs,
        .subscribe_rtx = !t->offer->sdes,
        .subscribe_transport_cc = !t->offer->sdes,
        .dtls_role = is_new_client(m, t->sdp) ? CP_DTLS_ANY : m->role,
        .ufrag = ours->ufrag,
        .pwd = ours->pwd,
        .fingerprint = cp_transport_fingerprint(t->env->transport),
        .candidates = t->env->candidates,
        .n_candidates = t->env->n_candidates,
        .session_id = m->session_id,
        .session_version = m->session_version + 1,
        .senders = senders,
        .n_senders = count,
        .fresh = t->offer->sdes ? fresh : NULL,
    };
    struct cp_sdp_error err = {0};
    cp_negotiation_free(t->n);
    t->n = NULL;
    int rc = cp_negotiate(t->sdp, &cfg, &t->n, &err);
    explicit_bzero(fresh, sizeof(fresh));
    g_free(senders);
    g_free(texts);
    if (rc == -EINVAL)
        return fail_sdp(t, CP_MEDIA_MALFORMED, &err);
    if (rc == -ENOTSUP)
        return fail_sdp(t, CP_MEDIA_UNSERVABLE, &err);
    return rc ? cp_media_fail(t->why, CP_MEDIA_INTERNAL, "%s", strerror(-rc)) : 0;
}

static int settle_remote(struct taking *t)
{
    struct cp_media *m = t->p->media;
    if (t->offer->sdes) {
        int error = cp_media_latch(m, t->n, t->now);
        if (error == -ENOSPC)
            return cp_media_fail(t->why, CP_MEDIA_FULL,
                                 "the server has no room for another endpoint");
        return error ? cp_media_fail(t->why, CP_MEDIA_INTERNAL, "%s", strerror(-error)) : 0;
    }
    const struct cp_endpoint_remote remote = {
        .ufrag = t->n->remote_ufrag,
        .pwd = t->n->remote_pwd,
        .fingerprints = t->n->remote_fingerprints,
        .n_fingerprints = t->n->n_remote_fingerprints,
        .dtls_client = t->n->dtls_role == CP_DTLS_CLIENT,
        .ext = t->n->ext,
        .extmap_allow_mixed = cp_media_allows_mixed(t->n),
        .rtcp_rsize = cp_media_allows_rsize(t->n),
    };
    int rc = cp_endpoint_set_remote(m->endpoint, &remote, t->now);
    if (rc == -EINVAL)
        return cp_media_fail(t->why, CP_MEDIA_UNSERVABLE,
                             "the ICE or DTLS parameters cannot be used");
    if (rc)
        return cp_media_fail(t->why, CP_MEDIA_INTERNAL, "%s", strerror(-rc));
    m->role = t->n->dtls_role;
    m->n_fingerprints = t->n->n_remote_fingerprints;
    memcpy(m->fingerprints, t->n->remote_fingerprints,
           m->n_fingerprints * sizeof(m->fingerprints[0]));
    return 0;
}

static int check_sources(struct taking *t)
{
    const uint32_t limit = t->env->config->limits.sources_per_participant;
    uint32_t count = 0;
    for (size_t i = 0; i < t->n->n_media; i++)
        count += t->n->media[i].role == CP_MEDIA_PUBLISH;
    if (count <= limit)
        return 0;
    return cp_media_fail(t->why, CP_MEDIA_UNSERVABLE,
                         "%u sections send, one participant publishes at most %u "
                         "(limits.sources_per_participant)",
                         count, limit);
}

/* Makes the participant's media if there is none, then negotiates; leaves t->n. */
static int agree(struct taking *t)
{
    if (!t->p->media) {
        if (!cp_transport_is_ready(t->env->transport))
            return cp_media_fail(t->why, CP_MEDIA_DOWN,
                                 "the dataplane is not there just now; try again");
        t->p->media = media_new(t);
    }
    struct cp_media *m = t->p->media;
    if (!m || ensure_slots(t) < 0 || negotiate(t) < 0 || check_sources(t) < 0)
        return -1;
    if (t->n->n_accepted == 0) {
        const char *reason = t->n->n_media ? t->n->media[0].reason : NULL;
        return m->negotiation
                   ? 0
                   : cp_media_fail(t->why, CP_MEDIA_NO_CODEC, "no media section can be served: %s",
                                   reason ? reason : "there is none");
    }
    if (is_new_client(m, t->sdp)) {
        cp_media_drop(t->p);
        return agree(t);
    }
    if (m->negotiation &&
        cp_endpoint_wants_restart(m->endpoint, t->n->remote_ufrag, t->n->remote_pwd)) {
        if (cp_endpoint_restart(m->endpoint) < 0 || negotiate(t) < 0)
            return t->why->error ? -1 : cp_media_fail(t->why, CP_MEDIA_INTERNAL, "no ICE restart");
    }
    return settle_remote(t);
}

/* ---- the half that cannot */

/* True: others see it otherwise than before. */
static bool name_source(const struct taking *t, struct cp_source *s)
{
    bool changed = false;
    for (size_t i = 0; i < t->offer->n_sources; i++) {
        const struct cp_offer_source *o = &t->offer->sources[i];
        if (strcmp(o->mid, s->mid) != 0)
            continue;
        bool fits = o->label >= 0 &&
                    (o->label == CP_LABEL_CAMERA || o->label == CP_LABEL_SCREEN) == s->video;
        enum cp_label label = fits ? (enum cp_label)o->label : s->label;
        changed = label != s->label || o->muted != s->muted;
        s->label = label;
        s->muted = o->muted;
    }
    return changed;
}

static bool same_codecs(const struct cp_negotiated_media *a, const struct cp_negotiated_media *b)
{
    if (!a || !b || a->n_codecs != b->n_codecs)
        return false;
    for (size_t i = 0; i < a->n_codecs; i++)
        if (a->codecs[i].pt != b->codecs[i].pt || a->codecs[i].rtx_for != b->codecs[i].rtx_for ||
            memcmp(&a->codecs[i].key, &b->codecs[i].key, sizeof(a->codecs[i].key)) != 0)
            return false;
    return true;
}

/* Nothing that the dataplane would have to be told: an offer that changes others' sections is
 * common. */
static bool same_streams(const struct cp_negotiated_media *a, const struct cp_negotiated_media *b)
{
    if (!same_codecs(a, b) || a->n_rids != b->n_rids || a->n_ssrcs != b->n_ssrcs ||
        a->nack != b->nack || a->pli != b->pli || a->fir != b->fir ||
        a->transport_cc != b->transport_cc ||
        a->ext[HR_EXT_AUDIO_LEVEL] != b->ext[HR_EXT_AUDIO_LEVEL])
        return false;
    for (size_t i = 0; i < a->n_rids; i++)
        if (strcmp(a->rids[i].id, b->rids[i].id) != 0)
            return false;
    for (size_t i = 0; i < a->n_ssrcs; i++)
        if (a->ssrcs[i].ssrc != b->ssrcs[i].ssrc || a->ssrcs[i].rtx_ssrc != b->ssrcs[i].rtx_ssrc)
            return false;
    return true;
}

static void publish(struct taking *t, const struct cp_negotiated_media *n)
{
    struct cp_source *s = cp_source_by_mid(t->p, n->mid);
    bool added = !s;
    if (!s) {
        s = cp_source_new(t->env->rooms->next_source++, t->p, n->mid, n->kind == CP_SDP_VIDEO);
        s->object = cp_dataplane_new_id(cp_transport_dataplane(t->env->transport));
    }
    s->simulcast = n->n_rids > 1;
    enum cp_label before = s->label;
    bool changed = name_source(t, s);
    if (added || s->label != before || !same_streams(section(t->before, s->mid), n))
        cp_media_source_changed(s);
    if (added || changed)
        cp_room_tell_source(s, added ? "source-added" : "source-updated");
}

static bool published(const struct cp_negotiation *n, const struct cp_source *s)
{
    const struct cp_negotiated_media *m = section(n, s->mid);
    return m && m->role == CP_MEDIA_PUBLISH && (m->kind == CP_SDP_VIDEO) == s->video;
}

static void follow_sources(struct taking *t)
{
    for (guint i = t->p->sources->len; i > 0; i--) {
        struct cp_source *s = t->p->sources->pdata[i - 1];
        if (!published(t->n, s))
            source_leaves(s);
    }
    for (size_t i = 0; i < t->n->n_media; i++)
        if (t->n->media[i].role == CP_MEDIA_PUBLISH)
            publish(t, &t->n->media[i]);
}

static void follow_subscriptions(struct taking *t)
{
    for (guint i = t->p->subscriptions->len; i > 0; i--) {
        struct cp_subscription *s = t->p->subscriptions->pdata[i - 1];
        const struct cp_negotiated_media *n = section(t->n, s->mid);
        s->fresh = false;
        if (!n) {
            cp_subscription_free(s);
            continue;
        }
        const struct cp_offer_binding *b = binding_of(t->offer, s->mid);
        struct cp_source *source = s->source;
        if (b)
            source = b->source ? cp_room_source(t->p->room, b->source) : NULL;
        if (n->role != CP_MEDIA_SUBSCRIBE)
            source = NULL;
        if (!cp_subscription_bind(s, source) && !same_codecs(section(t->before, s->mid), n))
            cp_media_subscription_changed(s);
    }
    cp_view_update(t->p);
}

static void follow(struct taking *t)
{
    struct cp_media *m = t->p->media;
    struct cp_negotiation *before = m->negotiation;
    t->before = before;
    m->negotiation = t->n;
    m->session_version++;
    follow_sources(t);
    follow_subscriptions(t);
    cp_negotiation_free(before);
    sources_changed(t->p);
}

int cp_media_offer(struct cp_media_env *env, struct cp_participant *p, const struct cp_offer *offer,
                   uint64_t now, struct cp_media_failure *why)
{
    struct taking t = {.env = env, .p = p, .offer = offer, .now = now, .why = why};
    struct cp_sdp_error err = {0};
    *why = (struct cp_media_failure){0};
    int rc = cp_sdp_parse(offer->sdp, offer->len, &t.sdp, &err);
    if (rc)
        return fail_sdp(&t, rc == -ENOMEM ? CP_MEDIA_INTERNAL : CP_MEDIA_MALFORMED, &err);
    if (offer->sdes)
        cp_sdp_name_sections(t.sdp);
    if (check_bindings(&t) < 0 || agree(&t) < 0) {
        drop_fresh_slots(p);
        cp_negotiation_free(t.n);
        cp_sdp_free(t.sdp);
        if (p->media && !p->media->negotiation)
            cp_media_drop(p);
        return -1;
    }
    cp_sdp_free(t.sdp);
    follow(&t);
    return 0;
}

int cp_media_restart(struct cp_media *m, const char *ufrag, const char *pwd, uint64_t now)
{
    const struct cp_negotiation *n = m->negotiation;
    if (!m->endpoint || !n || n->n_accepted == 0)
        return -ENOTCONN;
    int rc = cp_endpoint_restart(m->endpoint);
    const struct cp_endpoint_remote remote = {
        .ufrag = ufrag,
        .pwd = pwd,
        .fingerprints = m->fingerprints,
        .n_fingerprints = m->n_fingerprints,
        .dtls_client = m->role == CP_DTLS_CLIENT,
        .ext = n->ext,
        .extmap_allow_mixed = cp_media_allows_mixed(n),
        .rtcp_rsize = cp_media_allows_rsize(n),
    };
    return rc ? rc : cp_endpoint_set_remote(m->endpoint, &remote, now);
}
