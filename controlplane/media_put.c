/*
 * Puts are whole and idempotent, so whatever changed is simply put again, and after a restart of
 * the dataplane everything is. Nothing is put before the endpoint is (`connected`).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/media.h"
#include "controlplane/room.h"
#include "proto/error.h"
#include "proto/log.h"

#define PAIRS_MAX HR_PAYLOADS_MAX

static bool can_put(const struct cp_media *m)
{
    return m && m->endpoint && m->connected && m->negotiation &&
           cp_dataplane_is_up(cp_transport_dataplane(m->env->transport));
}

static void replied(void *arg, int error, const Headrace__Reply *reply)
{
    if (error > 0)
        hr_warning("dataplane refused to %s: %s%s%s", (const char *)arg,
                   hr_error_text((unsigned)error), reply->detail[0] ? ": " : "", reply->detail);
}

/* True: to be said again, on `room`. */
static bool command(struct cp_media_env *env, Headrace__Command *cmd, const char *what)
{
    int rc = cp_dataplane_command(cp_transport_dataplane(env->transport), cmd, replied,
                                  (void *)(uintptr_t)what);
    if (rc == -EAGAIN)
        env->behind = true;
    else if (rc && rc != -ENOTCONN)
        hr_warning("the dataplane was not told to %s: %s", what, strerror(-rc));
    return rc == -EAGAIN;
}

static Headrace__Payload__Codec codec_of(enum cp_codec_id id)
{
    switch (id) {
    case CP_CODEC_OPUS:
        return HEADRACE__PAYLOAD__CODEC__OPUS;
    case CP_CODEC_RED:
        return HEADRACE__PAYLOAD__CODEC__RED;
    case CP_CODEC_TELEPHONE_EVENT:
        return HEADRACE__PAYLOAD__CODEC__TELEPHONE_EVENT;
    case CP_CODEC_VP8:
        return HEADRACE__PAYLOAD__CODEC__VP8;
    case CP_CODEC_VP9:
        return HEADRACE__PAYLOAD__CODEC__VP9;
    case CP_CODEC_H264:
        return HEADRACE__PAYLOAD__CODEC__H264;
    case CP_CODEC_AV1:
        return HEADRACE__PAYLOAD__CODEC__AV1;
    case CP_CODEC_RTX:
        return HEADRACE__PAYLOAD__CODEC__RTX;
    case CP_CODEC_NONE:
        break;
    }
    return HEADRACE__PAYLOAD__CODEC__OTHER;
}

/* Storage that a SourcePut points into while it is packed. */
struct source_put {
    Headrace__SourcePut msg;
    Headrace__Payload payloads[HR_PAYLOADS_MAX], *payload_list[HR_PAYLOADS_MAX];
    Headrace__SourceSsrc ssrcs[HR_RIDS_MAX], *ssrc_list[HR_RIDS_MAX];
    char *rids[HR_RIDS_MAX];
};

static void fill_payloads(struct source_put *put, const struct cp_negotiated_media *n)
{
    size_t count = n->n_codecs < HR_PAYLOADS_MAX ? n->n_codecs : HR_PAYLOADS_MAX;
    for (size_t i = 0; i < count; i++) {
        const struct cp_codec *c = &n->codecs[i];
        headrace__payload__init(&put->payloads[i]);
        put->payloads[i].type = c->pt;
        put->payloads[i].clock_rate = c->key.clock_rate;
        put->payloads[i].codec = codec_of(c->key.id);
        put->payloads[i].rtx_for = c->rtx_for == CP_NO_PT ? 0 : (uint32_t)c->rtx_for;
        put->payload_list[i] = &put->payloads[i];
    }
    put->msg.payloads = put->payload_list;
    put->msg.n_payloads = count;
}

static void fill_streams(struct source_put *put, const struct cp_negotiated_media *n)
{
    for (size_t i = 0; i < n->n_rids; i++)
        put->rids[i] = (char *)(uintptr_t)n->rids[i].id;
    put->msg.rids = put->rids;
    put->msg.n_rids = n->n_rids;
    /* Without RIDs, one SSRC is the stream; several are layers in the order of their SIM group.
     * With RIDs nothing says which SSRC (Firefox announces them) is whose. */
    size_t count = n->n_ssrcs < HR_RIDS_MAX ? n->n_ssrcs : HR_RIDS_MAX;
    if (n->n_rids)
        count = 0;
    for (size_t i = 0; i < count; i++) {
        headrace__source_ssrc__init(&put->ssrcs[i]);
        put->ssrcs[i].ssrc = n->ssrcs[i].ssrc;
        put->ssrcs[i].rtx_ssrc = n->ssrcs[i].rtx_ssrc;
        put->ssrc_list[i] = &put->ssrcs[i];
    }
    put->msg.ssrcs = put->ssrc_list;
    put->msg.n_ssrcs = count;
}

/*
 * 0: always forwarded, and never named as who speaks. So it is with packets that tell no level,
 * with what a shared screen plays, which nobody says, and with SDES: receivers that have the
 * publisher's key get its packets bit for bit, and none may be left out of those.
 */
static uint32_t speakers_room(const struct cp_source *s, const struct cp_negotiated_media *n)
{
    bool voice = s->label == CP_LABEL_MICROPHONE && n->ext[HR_EXT_AUDIO_LEVEL];
    return voice && !n->keys.ingress.len ? s->owner->room->number : 0;
}

static void put_source(struct cp_source *s)
{
    struct cp_media *m = s->owner->media;
    const struct cp_negotiated_media *n = cp_media_section(m, s->mid);
    s->behind = can_put(m) && n && m->env->behind;
    if (!can_put(m) || !n || s->behind)
        return;
    struct source_put put;
    headrace__source_put__init(&put.msg);
    put.msg.id = s->object;
    put.msg.endpoint = cp_endpoint_id(cp_media_endpoint(m, s->mid));
    put.msg.kind = s->video ? HEADRACE__KIND__VIDEO : HEADRACE__KIND__AUDIO;
    put.msg.mid = s->mid;
    put.msg.transport_cc = n->transport_cc;
    put.msg.nack = n->nack;
    put.msg.pli = n->pli;
    put.msg.fir = n->fir;
    put.msg.room = speakers_room(s, n);
    fill_payloads(&put, n);
    fill_streams(&put, n);
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    cmd.op_case = HEADRACE__COMMAND__OP_SOURCE_PUT;
    cmd.source_put = &put.msg;
    s->behind = command(m->env, &cmd, "put a source");
    s->put = true;
}

struct map {
    Headrace__PayloadMap entries[PAIRS_MAX], *list[PAIRS_MAX];
    size_t n;
    bool rtx;
};

static void add_entry(struct map *map, const struct cp_payload_pair *pair)
{
    Headrace__PayloadMap *e = &map->entries[map->n];
    headrace__payload_map__init(e);
    e->from = pair->from;
    e->to = pair->to;
    e->rtx = pair->to_rtx == CP_NO_PT ? 0 : (uint32_t)pair->to_rtx;
    map->rtx |= e->rtx != 0;
    map->list[map->n++] = e;
}

static void fill_map(struct map *map, const struct cp_subscription *s)
{
    struct cp_payload_pair pairs[PAIRS_MAX];
    const struct cp_negotiated_media *from =
        cp_media_section(s->source->owner->media, s->source->mid);
    const struct cp_negotiated_media *to = cp_media_section(s->owner->media, s->mid);
    size_t n = from && to ? cp_negotiate_payload_map(from, to, pairs, PAIRS_MAX) : 0;
    for (size_t i = 0; i < n; i++)
        add_entry(map, &pairs[i]);
    if (from && to && n == 0)
        hr_info("subscription of p%u to s%u stays empty: no codec in common", s->owner->id,
                s->source->id);
}

/* A source that the dataplane has not been told of yet counts as none: its own put brings it. */
static bool source_is_put(const struct cp_source *source)
{
    return source && can_put(source->owner->media) &&
           cp_media_section(source->owner->media, source->mid);
}

void cp_media_subscription_changed(struct cp_subscription *s)
{
    struct cp_media *m = s->owner->media;
    bool due = can_put(m) && cp_media_section(m, s->mid) && (s->source || s->put);
    s->behind = due && m->env->behind;
    if (!due || s->behind)
        return;
    struct map map = {.n = 0};
    bool opaque = cp_media_opaque(m, s->mid), fits = false;
    char cname[HR_CNAME_MAX + 1];
    Headrace__SubscriptionPut put = HEADRACE__SUBSCRIPTION_PUT__INIT;
    if (source_is_put(s->source) && opaque)
        fits = cp_media_opaque_fits(s->source, s);
    else if (source_is_put(s->source))
        fill_map(&map, s);
    cp_media_cname(s->source ? s->source->owner : s->owner, cname, sizeof(cname));
    put.id = s->object;
    put.endpoint = cp_endpoint_id(cp_media_endpoint(m, s->mid));
    put.source = map.n || fits ? s->source->object : 0;
    put.opaque = opaque;
    put.mid = s->mid;
    put.ssrc = opaque ? 0 : s->ssrc;
    put.rtx_ssrc = opaque ? 0 : s->rtx_ssrc;
    /* Without RTX the identical packet is sent again, which leaves no room for a new number. */
    put.transport_cc = map.rtx && cp_media_section(m, s->mid)->transport_cc;
    put.remb = cp_media_section(m, s->mid)->remb;
    put.payload_map = map.list;
    put.n_payload_map = map.n;
    put.cname = cname;
    put.paused = s->shown.paused;
    put.max_width = s->shown.width;
    put.max_height = s->shown.height;
    put.priority = s->shown.priority;
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    cmd.op_case = HEADRACE__COMMAND__OP_SUBSCRIPTION_PUT;
    cmd.subscription_put = &put;
    s->behind = command(m->env, &cmd, "put a subscription");
    s->put = true;
}

void cp_media_source_changed(struct cp_source *s)
{
    put_source(s);
    for (guint i = 0; i < s->subscriptions->len; i++)
        cp_media_subscription_changed(s->subscriptions->pdata[i]);
}

static void delete (struct cp_media *m, Headrace__ObjectDelete__Type type, uint32_t id)
{
    if (!can_put(m))
        return;
    Headrace__ObjectDelete object = HEADRACE__OBJECT_DELETE__INIT;
    object.type = type;
    object.id = id;
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    cmd.op_case = HEADRACE__COMMAND__OP_OBJECT_DELETE;
    cmd.object_delete = &object;
    command(m->env, &cmd, "delete an object");
}

void cp_media_source_gone(struct cp_source *s)
{
    if (s->put)
        delete (s->owner->media, HEADRACE__OBJECT_DELETE__TYPE__SOURCE, s->object);
}

void cp_media_subscription_gone(struct cp_subscription *s)
{
    if (s->put)
        delete (s->owner->media, HEADRACE__OBJECT_DELETE__TYPE__SUBSCRIPTION, s->object);
}

static void put_sources(struct cp_participant *p)
{
    for (guint i = 0; i < p->sources->len; i++)
        put_source(p->sources->pdata[i]);
}

static void put_subscriptions(struct cp_participant *p)
{
    for (guint i = 0; i < p->subscriptions->len; i++)
        cp_media_subscription_changed(p->subscriptions->pdata[i]);
}

void cp_media_connected(struct cp_media *m)
{
    m->connected = true;
    for (guint i = 0; i < m->owner->sources->len; i++)
        cp_media_source_changed(m->owner->sources->pdata[i]);
    put_subscriptions(m->owner);
}

static void each_participant(struct cp_rooms *rooms, void (*fn)(struct cp_participant *p))
{
    GHashTableIter it;
    gpointer value;
    g_hash_table_iter_init(&it, rooms->by_name);
    while (g_hash_table_iter_next(&it, NULL, &value)) {
        const struct cp_room *room = value;
        for (guint i = 0; i < room->participants->len; i++)
            fn(room->participants->pdata[i]);
    }
}

void cp_media_put_all(struct cp_media_env *env)
{
    env->behind = false;
    each_participant(env->rooms, put_sources);
    each_participant(env->rooms, put_subscriptions);
}

static void catch_up_sources(struct cp_participant *p)
{
    for (guint i = 0; i < p->sources->len; i++)
        if (((const struct cp_source *)p->sources->pdata[i])->behind)
            put_source(p->sources->pdata[i]);
}

static void catch_up_subscriptions(struct cp_participant *p)
{
    for (guint i = 0; i < p->subscriptions->len; i++)
        if (((const struct cp_subscription *)p->subscriptions->pdata[i])->behind)
            cp_media_subscription_changed(p->subscriptions->pdata[i]);
}

/* Only what was refused, sources first: all of them again would be refused again. */
void cp_media_catch_up(struct cp_media_env *env)
{
    if (!env->behind)
        return;
    env->behind = false;
    each_participant(env->rooms, catch_up_sources);
    each_participant(env->rooms, catch_up_subscriptions);
}

static void add_candidate(struct cp_media_env *env, const char *text)
{
    struct hr_address a;
    if (env->n_candidates == CP_CANDIDATES_MAX)
        return;
    if (hr_address_parse(text, &a) < 0) {
        hr_warning("address '%s' cannot be a candidate: it does not parse", text);
        return;
    }
    uint16_t port = a.port ? a.port : env->config->media.port;
    a.port = 0;
    a.prefix = 0;
    size_t n = env->n_candidates++;
    hr_address_format(&a, env->addresses[n]);
    env->candidates[n] = (struct cp_local_candidate){.address = env->addresses[n], .port = port};
}

void cp_media_up(struct cp_media_env *env, const Headrace__HelloReply *hello)
{
    env->n_candidates = 0;
    for (unsigned i = 0; i < env->config->media.advertise_count; i++)
        add_candidate(env, env->config->media.advertise[i]);
    if (env->config->media.advertise_count == 0)
        for (size_t i = 0; i < hello->n_ports; i++)
            for (size_t k = 0; k < hello->ports[i]->n_addresses; k++)
                add_candidate(env, hello->ports[i]->addresses[k]);
    if (env->n_candidates == 0)
        hr_warning("no address to offer to clients: give dataplane.ports addresses, or set "
                   "media.advertise");
    cp_media_put_all(env);
}

void cp_media_cname(const struct cp_participant *sender, char *cname, size_t size)
{
    snprintf(cname, size, "p%u@headrace", sender->id);
}
