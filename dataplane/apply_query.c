/*
 * Questions. Objects are read from main's own tables: the last Put of each, as accepted. Statistics
 * are the worker's, so it fills in the numbers between two bursts.
 */
#include "dataplane/apply_call.h"
#include "dataplane/send.h"

#include <stdlib.h>
#include <string.h>

#define OBJECTS_BYTES (HR_EVENT_SLOT_SIZE - 256) /* of one reply */
#define OBJECT_GROWTH 16                         /* tag and length around a Put */

/* ---- ObjectsGet */

struct page {
    Headrace__Objects objects;
    Headrace__EndpointPut *endpoints[HR_EVENT_SLOT_SIZE / OBJECT_GROWTH];
    Headrace__SourcePut *sources[HR_EVENT_SLOT_SIZE / OBJECT_GROWTH];
    Headrace__SubscriptionPut *subscriptions[HR_EVENT_SLOT_SIZE / OBJECT_GROWTH];
    size_t bytes;
};

/* Whether a Put of this length still fits; if not there is more. */
static bool fits(struct page *p, const struct dp_put *put)
{
    size_t bytes = p->bytes + put->len + OBJECT_GROWTH;
    if (p->bytes && bytes > OBJECTS_BYTES) {
        p->objects.more = true;
        return false;
    }
    p->bytes = bytes;
    return true;
}

static void page_endpoints(struct page *p, const struct dp_index *x, uint32_t after)
{
    const struct dp_endpoint_object *o;
    for (; (o = dp_index_next(x, after)) != NULL && fits(p, &o->put); after = o->id) {
        Headrace__EndpointPut *put = headrace__endpoint_put__unpack(NULL, o->put.len, o->put.bytes);
        if (put)
            p->endpoints[p->objects.n_endpoints++] = put;
    }
}

static void page_sources(struct page *p, const struct dp_index *x, uint32_t after)
{
    const struct dp_source_object *o;
    for (; (o = dp_index_next(x, after)) != NULL && fits(p, &o->put); after = o->id) {
        Headrace__SourcePut *put = headrace__source_put__unpack(NULL, o->put.len, o->put.bytes);
        if (put)
            p->sources[p->objects.n_sources++] = put;
    }
}

static void page_subscriptions(struct page *p, const struct dp_index *x, uint32_t after)
{
    const struct dp_subscription_object *o;
    for (; (o = dp_index_next(x, after)) != NULL && fits(p, &o->put); after = o->id) {
        Headrace__SubscriptionPut *put =
            headrace__subscription_put__unpack(NULL, o->put.len, o->put.bytes);
        if (put == NULL)
            continue;
        put->source = o->source ? o->source->id : 0; /* it may have been deleted since */
        p->subscriptions[p->objects.n_subscriptions++] = put;
    }
}

static void page_free(struct page *p)
{
    for (size_t i = 0; i < p->objects.n_endpoints; i++)
        headrace__endpoint_put__free_unpacked(p->endpoints[i], NULL);
    for (size_t i = 0; i < p->objects.n_sources; i++)
        headrace__source_put__free_unpacked(p->sources[i], NULL);
    for (size_t i = 0; i < p->objects.n_subscriptions; i++)
        headrace__subscription_put__free_unpacked(p->subscriptions[i], NULL);
    free(p);
}

enum hr_error dp_apply_objects_get(struct dp_call *c)
{
    const Headrace__ObjectsGet *get = c->cmd->objects_get;
    struct page *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return dp_call_refuse(c, HR_ERROR_MEMORY, "objects: no memory");
    headrace__objects__init(&p->objects);
    p->objects.endpoints = p->endpoints;
    p->objects.sources = p->sources;
    p->objects.subscriptions = p->subscriptions;
    if (get->type == HEADRACE__OBJECT_DELETE__TYPE__ENDPOINT)
        page_endpoints(p, &c->objects->endpoints, get->after);
    else if (get->type == HEADRACE__OBJECT_DELETE__TYPE__SOURCE)
        page_sources(p, &c->objects->sources, get->after);
    else
        page_subscriptions(p, &c->objects->subscriptions, get->after);

    Headrace__Reply reply = HEADRACE__REPLY__INIT;
    reply.number = c->cmd->number;
    reply.objects = &p->objects;
    c->reply(c->arg, &reply);
    if (p->objects.n_sources && !p->objects.more) /* a restarted control plane knows them now */
        dp_rooms_tell(c->objects);
    page_free(p);
    return HR_ERROR_OK;
}

/* ---- StatsGet */

struct stats_work {
    struct dp_call_work call;
    unsigned endpoints;
    atomic_uint streams; /* rows taken; workers fill in their endpoints' at the same time */
    atomic_bool more;    /* streams that did not fit */
    struct dp_endpoint *endpoint[HR_STATS_MAX];
    Headrace__EndpointStats stats[HR_STATS_MAX], *stats_rows[HR_STATS_MAX];
    Headrace__StreamStats stream[HR_STATS_STREAMS_MAX], *stream_rows[HR_STATS_STREAMS_MAX];
    char rids[HR_STATS_STREAMS_MAX][HR_RID_MAX + 1];
};

static unsigned count_streams(const struct dp_endpoint *e)
{
    const struct dp_source *source;
    const struct dp_subscription *sub;
    unsigned n = 0;
    TAILQ_FOREACH (source, &e->sources, of_endpoint)
        for (unsigned i = 0; i < DP_SOURCE_STREAMS; i++)
            n += source->streams[i] && source->streams[i]->begun;
    TAILQ_FOREACH (sub, &e->subscriptions, of_endpoint)
        n++;
    return n;
}

/* By the worker that it is of. */
static void fill_level(const struct dp_source *s, Headrace__StreamStats *row)
{
    const struct dp_worker *w = s->endpoint->worker;
    if (s->speaker.room == NULL)
        return;
    int64_t now = dp_session_us(w->session, w->now);
    row->level = dp_speaker_level(&s->speaker, (uint32_t)(now / 1000));
    row->not_loudest = dp_speaker_unheard(&s->speaker);
}

/* Rows of one endpoint. */
struct rows {
    struct stats_work *job;
    Headrace__EndpointStats *stats;
    unsigned next, end;
};

static struct rows take_rows(struct stats_work *job, Headrace__EndpointStats *stats, unsigned n)
{
    unsigned first = atomic_fetch_add(&job->streams, n);
    unsigned end = RTE_MIN(first + n, (unsigned)HR_STATS_STREAMS_MAX);
    if (end < first + n)
        atomic_store(&job->more, true);
    if (first < end)
        stats->streams = &job->stream_rows[first];
    return (struct rows){.job = job, .stats = stats, .next = first, .end = end};
}

/* The next row, counted to stats; NULL when there is no room. */
static Headrace__StreamStats *add_stream(struct rows *r)
{
    struct stats_work *job = r->job;
    if (r->next >= r->end)
        return NULL;
    unsigned i = r->next++;
    headrace__stream_stats__init(&job->stream[i]);
    job->stream_rows[i] = &job->stream[i];
    job->stream[i].rid = job->rids[i];
    r->stats->n_streams++;
    return &job->stream[i];
}

/* What the stream is: its layer, and the size of its picture. */
static void fill_picture(Headrace__StreamStats *row, const struct dp_stream *st)
{
    const struct dp_source_conf *conf = &st->source->conf;
    if (st->layer < conf->rids_count)
        memcpy(row->rid, conf->rid[st->layer], conf->rid_len[st->layer]);
    row->clock_rate = st->rxstats.clock_rate;
    row->width = st->width;
    row->height = st->height;
}

static void fill_ingress(struct rows *r, const struct dp_source *s)
{
    for (unsigned i = 0; i < DP_SOURCE_STREAMS; i++) {
        const struct dp_stream *st = s->streams[i];
        Headrace__StreamStats *row = st && st->begun ? add_stream(r) : NULL;
        if (row == NULL)
            continue;
        fill_level(s, row);
        row->id = s->id;
        row->ssrc = st->ssrc;
        row->packets = st->packets;
        row->bytes = st->bytes;
        row->lost = (uint64_t)RTE_MAX(st->lost, 0);
        row->jitter = st->rxstats.jitter >> 4;
        row->retransmitted = st->repaired;
        row->rtt_us = s->endpoint->publishing->rtt_us;
        row->bitrate = st->rate;
        fill_picture(row, st);
    }
}

static bool comes(const struct dp_source *s)
{
    for (unsigned i = 0; i < HR_RIDS_MAX; i++)
        if (s->streams[i] && s->streams[i]->begun && s->streams[i]->rate)
            return true;
    return false;
}

static Headrace__StreamStats__Forwarding forwarding(const struct dp_subscription *s)
{
    if (s->conf.paused)
        return HEADRACE__STREAM_STATS__FORWARDING__PAUSED;
    if (s->stream || (s->opaque && s->source))
        return HEADRACE__STREAM_STATS__FORWARDING__FORWARDED;
    if (s->source == NULL || !comes(s->source))
        return HEADRACE__STREAM_STATS__FORWARDING__NOTHING;
    if (s->wanted || !s->allocated)
        return HEADRACE__STREAM_STATS__FORWARDING__KEY_FRAME;
    return HEADRACE__STREAM_STATS__FORWARDING__NO_ROOM;
}

static void fill_egress(struct rows *r, const struct dp_subscription *s)
{
    Headrace__StreamStats *row = add_stream(r);
    if (row == NULL)
        return;
    row->id = s->id;
    row->ssrc = dp_subscription_ssrc(s);
    row->egress = true;
    row->packets = dp_subscription_packets(s);
    row->bytes = dp_subscription_bytes(s);
    row->lost = (uint64_t)RTE_MAX(s->lost, 0);
    row->jitter = s->jitter;
    row->retransmitted = s->retransmitted;
    row->rtt_us = s->rtt_us;
    row->forwarding = forwarding(s);
    if (s->stream)
        fill_picture(row, s->stream);
}

static void fill_send(const struct dp_endpoint *e, Headrace__EndpointStats *stats)
{
    const struct dp_send *s = e->send;
    if (s == NULL || dp_send_budget(e) == DP_SEND_UNKNOWN)
        return;
    stats->estimate_bps = dp_bwe_target(&s->bwe);
    stats->rtt_us = dp_bwe_rtt(&s->bwe);
    stats->loss = (uint32_t)(dp_bwe_lost(&s->bwe) * 256);
    stats->pace_queue_ms = (uint32_t)(dp_send_wait_us(s) / 1000);
    stats->probes = s->bwe.counters.probes;
}

static void fill_endpoint(struct dp_worker *w, struct stats_work *job, unsigned i)
{
    const struct dp_endpoint *e = job->endpoint[i];
    Headrace__EndpointStats *stats = &job->stats[i];
    const struct dp_source *source;
    struct dp_subscription *sub;
    TAILQ_FOREACH (sub, &e->subscriptions, of_endpoint)
        if (sub->opaque)
            dp_opaque_settle(sub);
    headrace__endpoint_stats__init(stats);
    job->stats_rows[i] = stats;
    stats->id = e->id;
    stats->shard = e->shard->id;
    stats->worker = w->id;
    stats->rx_packets = e->rx_packets;
    stats->rx_bytes = e->rx_bytes;
    stats->tx_packets = e->tx_packets;
    stats->tx_bytes = e->tx_bytes;
    if (e->pass && e->pass->other) {
        stats->tx_packets += e->pass->other->pass->packets;
        stats->tx_bytes += e->pass->other->pass->bytes;
    }
    stats->silence_ms = (uint32_t)((w->now - e->last_packet) / (w->session->hz / 1000));
    fill_send(e, stats);
    struct rows rows = take_rows(job, stats, count_streams(e));
    TAILQ_FOREACH (source, &e->sources, of_endpoint)
        fill_ingress(&rows, source);
    TAILQ_FOREACH (sub, &e->subscriptions, of_endpoint) {
        fill_egress(&rows, sub);
        stats->tx_packets += dp_subscription_packets(sub);
        stats->tx_bytes += dp_subscription_wire_bytes(sub);
    }
}

static void run_stats(struct dp_worker *w, struct dp_work *work)
{
    struct stats_work *job = container_of(work, struct stats_work, call.work);
    for (unsigned i = 0; i < job->endpoints; i++)
        if (job->endpoint[i]->worker == w)
            fill_endpoint(w, job, i);
}

static void done_stats(struct dp_work *work)
{
    struct stats_work *job = container_of(work, struct stats_work, call.work);
    Headrace__Reply reply = HEADRACE__REPLY__INIT;
    reply.number = job->call.number;
    reply.stats = job->stats_rows;
    reply.n_stats = job->endpoints;
    if (job->more)
        reply.detail = "streams left out: ask for fewer endpoints at once";
    job->call.reply(job->call.arg, &reply);
    free(job);
}

enum hr_error dp_apply_stats_get(struct dp_call *c)
{
    const Headrace__StatsGet *get = c->cmd->stats_get;
    if (get->n_endpoints > HR_STATS_MAX)
        return dp_call_refuse(c, HR_ERROR_LIMIT, "stats: more than %d endpoints", HR_STATS_MAX);
    struct stats_work *job = dp_call_work_new(c, sizeof(*job));
    if (job == NULL)
        return dp_call_refuse(c, HR_ERROR_MEMORY, "stats: no memory");
    uint64_t workers = 0;
    for (size_t i = 0; i < get->n_endpoints; i++) {
        const struct dp_endpoint_object *o =
            dp_index_find(&c->objects->endpoints, get->endpoints[i]);
        if (o == NULL)
            continue; /* gone in the meantime: left out of the answer */
        job->endpoint[job->endpoints++] = o->endpoint;
        workers |= UINT64_C(1) << o->worker->id;
    }
    job->call.work = (struct dp_work){.run = run_stats, .done = done_stats};
    if (workers == 0) /* somebody, to answer */
        workers = UINT64_C(1) << c->dp->crew.ids[0];
    dp_call_post_all(c->dp, &job->call, workers);
    return HR_ERROR_OK;
}
