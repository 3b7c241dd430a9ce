#include "controlplane/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "controlplane/direct.h"
#include "controlplane/service.h"
#include "proto/srtp_profile.h"
#include "proto/version.h"

void cp_admin_version(struct cp_service *s, struct cp_exchange *x)
{
    cp_answer_json(x, 200, json_pack("{s:s}", "version", hr_build()));
}

static json_t *dataplane_json(const struct cp_service *s)
{
    struct cp_dataplane *dp = cp_transport_dataplane(s->transport);
    const Headrace__HelloReply *hello = cp_dataplane_hello(dp);
    if (!hello)
        return json_pack("{s:b, s:b, s:s}", "connected", 0, "ready", 0, "error",
                         cp_dataplane_why_down(dp));
    return json_pack("{s:b, s:b, s:s, s:i}", "connected", 1, "ready",
                     (int)cp_transport_is_ready(s->transport), "version", hello->build, "workers",
                     (int)hello->workers);
}

void cp_admin_status(struct cp_service *s, struct cp_exchange *x)
{
    const struct hr_config *c = s->config;
    json_t *http = json_pack("{s:s, s:i, s:b}", "address", c->http.address, "port",
                             (int)c->http.port, "tls", *c->http.tls_certificate != 0);
    cp_answer_json(x, 200,
                   json_pack("{s:s, s:I, s:i, s:i, s:i, s:i, s:b, s:o, s:o}", "version", hr_build(),
                             "uptime_s", (json_int_t)((cp_now_ms() - s->started) / 1000), "pid",
                             (int)getpid(), "rooms", (int)g_hash_table_size(s->rooms.by_name),
                             "participants", (int)s->rooms.participants, "endpoints",
                             (int)cp_transport_endpoints(s->transport), "draining",
                             (int)s->draining, "dataplane", dataplane_json(s), "http", http));
}

static json_int_t created(const struct cp_room *room)
{
    return (json_int_t)time(NULL) - (json_int_t)((cp_now_ms() - room->created_ms) / 1000);
}

static int by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

void cp_admin_rooms(struct cp_service *s, struct cp_exchange *x)
{
    json_t *rooms = json_array();
    GList *names = g_list_sort(g_hash_table_get_keys(s->rooms.by_name), by_name);
    for (GList *l = names; l; l = l->next) {
        const struct cp_room *room = g_hash_table_lookup(s->rooms.by_name, l->data);
        unsigned sources = 0;
        for (guint i = 0; i < room->participants->len; i++)
            sources += ((const struct cp_participant *)room->participants->pdata[i])->sources->len;
        json_array_append_new(rooms,
                              json_pack("{s:s, s:i, s:i, s:I}", "name", room->name, "participants",
                                        (int)room->participants->len, "sources", (int)sources,
                                        "created_s", created(room)));
    }
    g_list_free(names);
    cp_answer_json(x, 200, rooms);
}

/* ---- one room: its statistics come from the dataplane, HR_STATS_MAX endpoints at a time */

struct gathering {
    struct cp_service *service;
    struct cp_exchange *exchange;
    char room[CP_NAME_MAX + 1];
    json_t *stats; /* "ENDPOINT/OBJECT" -> sums; "ENDPOINT" -> of the whole */
    unsigned open; /* answers that are awaited */
};

/* Sums over the streams of a source or subscription. */
static void add(json_t *sum, const char *key, uint64_t value)
{
    json_int_t before = json_integer_value(json_object_get(sum, key));
    json_object_set_new(sum, key, json_integer(before + (json_int_t)value));
}

static void at_least(json_t *sum, const char *key, uint64_t value)
{
    if ((json_int_t)value > json_integer_value(json_object_get(sum, key)))
        json_object_set_new(sum, key, json_integer((json_int_t)value));
}

static json_t *sum_of(json_t *stats, uint32_t endpoint, uint32_t object)
{
    char key[32];
    snprintf(key, sizeof(key), "%u/%u", endpoint, object);
    json_t *sum = json_object_get(stats, key);
    if (!sum && json_object_set_new(stats, key, json_object()) == 0)
        sum = json_object_get(stats, key);
    return sum;
}

/* What is known of the way to it. */
static void take_estimate(json_t *whole, const Headrace__EndpointStats *e)
{
    if (e->estimate_bps == 0)
        return;
    json_object_set_new(whole, "estimate", json_integer((json_int_t)e->estimate_bps));
    json_object_set_new(whole, "rtt_us", json_integer(e->rtt_us));
    json_object_set_new(whole, "loss", json_integer(e->loss));
    json_object_set_new(whole, "pace_queue_ms", json_integer(e->pace_queue_ms));
    json_object_set_new(whole, "probes", json_integer(e->probes));
}

/* The way of a stream: of several the worst. */
static void take_way(json_t *sum, const Headrace__StreamStats *stream)
{
    uint64_t jitter = stream->jitter;
    jitter = stream->clock_rate ? jitter * 1000000 / stream->clock_rate : 0;
    at_least(sum, "jitter_us", jitter);
    at_least(sum, "rtt_us", stream->rtt_us);
}

static json_t *picture_json(const Headrace__StreamStats *stream)
{
    return json_pack("{s:s, s:i, s:i}", "rid", stream->rid, "width", (int)stream->width, "height",
                     (int)stream->height);
}

/* What comes of a source, one entry a simulcast stream. */
static void add_layer(json_t *sum, const Headrace__StreamStats *stream)
{
    json_t *layer = picture_json(stream), *layers = json_object_get(sum, "layers");
    json_object_set_new(layer, "bitrate", json_integer((json_int_t)stream->bitrate));
    if (!layers && json_object_set_new(sum, "layers", json_array()) == 0)
        layers = json_object_get(sum, "layers");
    json_array_append_new(layers, layer);
}

static void take_forwarding(json_t *sum, const Headrace__StreamStats *stream)
{
    static const char *const words[] = {
        [HEADRACE__STREAM_STATS__FORWARDING__FORWARDED] = "forwarded",
        [HEADRACE__STREAM_STATS__FORWARDING__PAUSED] = "paused",
        [HEADRACE__STREAM_STATS__FORWARDING__NO_ROOM] = "no_room",
        [HEADRACE__STREAM_STATS__FORWARDING__KEY_FRAME] = "key_frame",
        [HEADRACE__STREAM_STATS__FORWARDING__NOTHING] = "nothing",
    };
    unsigned state = (unsigned)stream->forwarding;
    json_object_set_new(sum, "state",
                        json_string(state < G_N_ELEMENTS(words) ? words[state] : "unknown"));
    json_object_set_new(sum, "layer", picture_json(stream));
}

static void take_stats(struct gathering *g, const Headrace__EndpointStats *e)
{
    json_t *whole = sum_of(g->stats, e->id, 0);
    json_object_set_new(whole, "silence_ms", json_integer(e->silence_ms));
    json_object_set_new(whole, "rx_packets", json_integer((json_int_t)e->rx_packets));
    json_object_set_new(whole, "tx_packets", json_integer((json_int_t)e->tx_packets));
    take_estimate(whole, e);
    for (size_t i = 0; i < e->n_streams; i++) {
        const Headrace__StreamStats *stream = e->streams[i];
        json_t *sum = sum_of(g->stats, e->id, stream->id);
        add(sum, "packets", stream->packets);
        add(sum, "bytes", stream->bytes);
        add(sum, "lost", stream->lost);
        add(sum, "retransmitted", stream->retransmitted);
        take_way(sum, stream);
        json_object_set_new(sum, "level", json_integer(stream->level));
        json_object_set_new(sum, "not_loudest", json_boolean(stream->not_loudest));
        if (stream->egress)
            take_forwarding(sum, stream);
        else if (stream->bitrate)
            add_layer(sum, stream);
    }
}

static void with_sum(json_t *object, const json_t *sum, struct cp_rate *rate)
{
    static const char *const keys[] = {"packets",       "bytes",     "lost",
                                       "retransmitted", "jitter_us", "rtt_us"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        json_object_set_new(object, keys[i],
                            json_integer(json_integer_value(json_object_get(sum, keys[i]))));
    uint64_t bytes = (uint64_t)json_integer_value(json_object_get(sum, "bytes"));
    json_object_set_new(object, "bitrate",
                        json_integer((json_int_t)cp_rate_look(rate, bytes, cp_now_ms())));
}

static uint32_t endpoint_of(const struct cp_participant *p, const char *mid)
{
    return cp_media_alive(p->media) ? cp_endpoint_id(cp_media_endpoint(p->media, mid)) : 0;
}

static json_t *source_json(struct gathering *g, struct cp_source *s)
{
    const struct cp_negotiated_media *n = cp_media_section(s->owner->media, s->mid);
    json_t *object = cp_source_json(s);
    const json_t *sum = sum_of(g->stats, endpoint_of(s->owner, s->mid), s->object);
    json_object_set_new(object, "codec", json_string(n && n->n_codecs ? n->codecs[0].name : ""));
    with_sum(object, sum, &s->rate);
    if (!s->video && json_integer_value(json_object_get(sum, "level")))
        json_object_set(object, "level", json_object_get(sum, "level"));
    if (json_is_true(json_object_get(sum, "not_loudest")))
        json_object_set_new(object, "not_loudest", json_true());
    json_t *layers = json_object_get(sum, "layers");
    if (s->video)
        json_object_set_new(object, "layers", layers ? json_incref(layers) : json_array());
    return object;
}

/* What the dataplane forwards, and if not why: it only knows that it was told to pause. */
static const char *state_of(const struct cp_subscription *s, const json_t *sum)
{
    if (s->shown.paused)
        return s->shown.hidden ? "not_shown" : "last_n";
    const char *state = json_string_value(json_object_get(sum, "state"));
    return state && s->source ? state : "nothing";
}

static json_t *subscription_json(struct gathering *g, struct cp_subscription *s)
{
    char id[16];
    if (s->source)
        snprintf(id, sizeof(id), "s%u", s->source->id);
    json_t *object = json_pack("{s:s, s:s?}", "mid", s->mid, "source", s->source ? id : NULL);
    const json_t *sum = sum_of(g->stats, endpoint_of(s->owner, s->mid), s->object);
    with_sum(object, sum, &s->rate);
    json_object_set_new(object, "state", json_string(state_of(s, sum)));
    json_t *layer = json_object_get(sum, "layer");
    if (layer)
        json_object_set(object, "layer", layer);
    return object;
}

static void with_endpoint(struct gathering *g, json_t *object, const struct cp_media *m)
{
    char text[HR_ADDRESS_TEXT] = "";
    if (!cp_media_alive(m))
        return;
    const struct cp_path *path = cp_endpoint_path(m->endpoint);
    bool connected = cp_endpoint_connected(m->endpoint);
    if (path)
        hr_address_format(&path->remote, text);
    json_object_set_new(object, "connected", json_boolean(connected));
    json_object_set_new(object, "address", json_string(text));
    json_object_set_new(
        object, "srtp",
        json_string(connected ? hr_srtp_profile_name(cp_endpoint_profile(m->endpoint)) : ""));
    json_object_update(object, sum_of(g->stats, cp_endpoint_id(m->endpoint), 0));
}

static json_t *participant_json(struct gathering *g, struct cp_participant *p)
{
    char id[16];
    snprintf(id, sizeof(id), "p%u", p->id);
    json_t *sources = json_array(), *subscriptions = json_array();
    for (guint i = 0; i < p->sources->len; i++)
        json_array_append_new(sources, source_json(g, p->sources->pdata[i]));
    for (guint i = 0; i < p->subscriptions->len; i++)
        json_array_append_new(subscriptions, subscription_json(g, p->subscriptions->pdata[i]));
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:b, s:b, s:s, s:s, s:o, s:o}", "id", id, "name", p->name,
                  "kind", cp_kind_word(p->kind), "signalling", p->client != NULL, "connected", 0,
                  "address", "", "srtp", "", "sources", sources, "subscriptions", subscriptions);
    with_endpoint(g, object, p->media);
    return object;
}

static void finish(struct gathering *g)
{
    const struct cp_room *room = cp_rooms_find(&g->service->rooms, g->room);
    if (!room) {
        cp_answer_problem(g->exchange, 404, "there is no such room just now");
    } else {
        json_t *participants = json_array();
        for (guint i = 0; i < room->participants->len && i < CP_ADMIN_PARTICIPANTS_MAX; i++)
            json_array_append_new(participants, participant_json(g, room->participants->pdata[i]));
        cp_answer_json(g->exchange, 200,
                       json_pack("{s:s, s:I, s:i, s:b, s:o?, s:o}", "name", room->name, "created_s",
                                 created(room), "chat_lines", (int)room->chat.lines.length,
                                 "direct", (int)cp_direct_runs(room), "speaker",
                                 cp_speakers_json(room), "participants", participants));
    }
    cp_exchange_unref(g->exchange);
    json_decref(g->stats);
    g_free(g);
}

static void release(struct gathering *g)
{
    if (--g->open == 0)
        finish(g);
}

static void replied(void *arg, int error, const Headrace__Reply *reply)
{
    struct gathering *g = arg;
    for (size_t i = 0; error == 0 && reply && i < reply->n_stats; i++)
        take_stats(g, reply->stats[i]);
    release(g);
}

/* Endpoints to ask of at once: as many as one answer has room for. */
struct question {
    uint32_t ids[HR_STATS_MAX];
    size_t count, streams;
};

static void ask(struct gathering *g, struct question *q)
{
    Headrace__StatsGet get = HEADRACE__STATS_GET__INIT;
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    if (q->count == 0)
        return;
    get.endpoints = q->ids;
    get.n_endpoints = q->count;
    cmd.op_case = HEADRACE__COMMAND__OP_STATS_GET;
    cmd.stats_get = &get;
    g->open++;
    if (cp_dataplane_command(cp_transport_dataplane(g->service->transport), &cmd, replied, g) < 0)
        release(g);
    q->count = q->streams = 0;
}

static void ask_of(struct gathering *g, struct question *q, const struct cp_participant *p)
{
    struct cp_endpoint *all[CP_TRANSPORTS_MAX];
    size_t streams = p->sources->len * 2 * HR_RIDS_MAX + p->subscriptions->len; /* RTX too */
    if (!p->media || !p->media->connected)
        return;
    for (size_t n = cp_media_endpoints(p->media, all); n > 0; n--) {
        if (q->count == HR_STATS_MAX || q->streams + streams > HR_STATS_STREAMS_MAX)
            ask(g, q);
        q->ids[q->count++] = cp_endpoint_id(all[n - 1]);
        q->streams += streams;
    }
}

void cp_admin_room(struct cp_service *s, struct cp_exchange *x)
{
    struct question q = {.count = 0};
    const struct cp_room *room = cp_rooms_find(&s->rooms, x->params.value[0]);
    struct gathering *g = g_new0(struct gathering, 1);
    g->service = s;
    g->exchange = cp_exchange_ref(x);
    g->stats = json_object();
    g->open = 1; /* this function's own */
    g_strlcpy(g->room, x->params.value[0], sizeof(g->room));
    for (guint i = 0; room && i < room->participants->len && i < CP_ADMIN_PARTICIPANTS_MAX; i++)
        ask_of(g, &q, room->participants->pdata[i]);
    ask(g, &q);
    release(g);
}
