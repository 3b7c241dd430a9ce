#include "dataplane/apply_call.h"
#include "dataplane/mirror.h"
#include "dataplane/source.h"

#include <stdlib.h>
#include <string.h>

struct source_work {
    struct dp_call_work call;
    struct dp_source *source;
    struct dp_source_conf conf;
    struct dp_stream *streams[DP_SOURCE_STREAMS]; /* that are new */
    struct dp_nack *nacks[HR_RIDS_MAX];           /* of streams that are not, and had none */
    struct dp_publishing *publishing;             /* of the endpoint, if this is its first source */
    struct dp_room *room, *former;                /* that it is of, and was until now; or NULL */
    bool link;
    struct mirror_part {
        struct dp_mirror *mirror; /* or NULL */
        struct dp_stream *streams[HR_RIDS_MAX];
    } * mirrors; /* by worker; NULL: there are none */
};

static void run(struct dp_worker *w, struct dp_work *work)
{
    struct source_work *job = container_of(work, struct source_work, call.work);
    struct dp_source *s = job->source;
    if (job->mirrors && job->mirrors[w->id].mirror)
        dp_mirror_configure(w, job->mirrors[w->id].mirror, &job->conf, job->mirrors[w->id].streams);
    if (s->endpoint->worker != w)
        return;
    if (job->publishing)
        s->endpoint->publishing = job->publishing;
    for (unsigned i = 0; i < DP_SOURCE_STREAMS; i++)
        if (job->streams[i])
            s->streams[i] = job->streams[i];
    for (unsigned i = 0; i < HR_RIDS_MAX; i++)
        if (job->nacks[i])
            s->streams[i]->nack = job->nacks[i];
    if (job->link)
        dp_source_link(w, s);
    dp_source_configure(w, s, &job->conf);
    dp_speaker_enter(w, &s->speaker, job->room);
}

static void done(struct dp_work *work)
{
    struct source_work *job = container_of(work, struct source_work, call.work);
    dp_room_release(job->former);
    dp_call_done(&job->call);
    free(job->mirrors);
    free(job);
}

/* ---- checks */

static enum hr_error read_payloads(struct dp_call *c, struct dp_source_conf *conf)
{
    const Headrace__SourcePut *put = c->cmd->source_put;
    if (put->n_payloads == 0 || put->n_payloads > HR_PAYLOADS_MAX)
        return dp_call_refuse(c, HR_ERROR_INVALID, "source %u: %zu payload types, not 1 to %d",
                              put->id, put->n_payloads, HR_PAYLOADS_MAX);
    for (size_t i = 0; i < put->n_payloads; i++) {
        const Headrace__Payload *p = put->payloads[i];
        if (p->type >= DP_PAYLOAD_TYPES || p->rtx_for >= DP_PAYLOAD_TYPES || p->clock_rate == 0 ||
            conf->payloads[p->type].clock_rate)
            return dp_call_refuse(
                c, HR_ERROR_INVALID,
                "source %u: payload type %u: out of range, twice or without clock", put->id,
                p->type);
        conf->payloads[p->type] = (struct dp_payload){
            .clock_rate = p->clock_rate,
            .codec = (uint8_t)p->codec,
            .rtx_for = (uint8_t)p->rtx_for,
        };
    }
    return HR_ERROR_OK;
}

/* The place of rid in conf, or -1. */
static int layer_of(const struct dp_source_conf *conf, const char *rid)
{
    for (int i = 0; i < conf->rids_count; i++)
        if (strlen(rid) == conf->rid_len[i] && memcmp(conf->rid[i], rid, conf->rid_len[i]) == 0)
            return i;
    return -1;
}

static enum hr_error read_rids(struct dp_call *c, struct dp_source_conf *conf)
{
    const Headrace__SourcePut *put = c->cmd->source_put;
    if (put->n_rids > HR_RIDS_MAX)
        return dp_call_refuse(c, HR_ERROR_INVALID, "source %u: more than %d rids", put->id,
                              HR_RIDS_MAX);
    for (size_t i = 0; i < put->n_rids; i++) {
        size_t len = strlen(put->rids[i]);
        if (len > HR_RID_MAX)
            return dp_call_refuse(c, HR_ERROR_INVALID, "source %u: rid longer than %d bytes",
                                  put->id, HR_RID_MAX);
        if (len == 0 || layer_of(conf, put->rids[i]) >= 0)
            return dp_call_refuse(c, HR_ERROR_INVALID, "source %u: rid '%s' is empty or twice",
                                  put->id, put->rids[i]);
        memcpy(conf->rid[i], put->rids[i], len);
        conf->rid_len[i] = (uint8_t)len;
        conf->rids_count++;
    }
    return HR_ERROR_OK;
}

static bool has_ssrc(const struct dp_source_conf *conf, uint32_t ssrc)
{
    for (unsigned i = 0; i < conf->ssrcs_count; i++)
        if (conf->ssrc[i] == ssrc || conf->rtx_ssrc[i] == ssrc)
            return true;
    return false;
}

/* Whether a source of this endpoint has it: another one, or the one being read. */
static bool ssrc_taken(const struct dp_endpoint_object *e, const struct dp_source_conf *conf,
                       uint32_t id, uint32_t ssrc)
{
    const struct dp_source_object *o;
    if (ssrc == 0)
        return false;
    TAILQ_FOREACH (o, &e->sources, of_endpoint)
        if (o->id != id && has_ssrc(&o->conf, ssrc))
            return true;
    return has_ssrc(conf, ssrc);
}

static enum hr_error read_ssrcs(struct dp_call *c, const struct dp_endpoint_object *e,
                                struct dp_source_conf *conf)
{
    const Headrace__SourcePut *put = c->cmd->source_put;
    if (put->n_ssrcs > HR_RIDS_MAX)
        return dp_call_refuse(c, HR_ERROR_INVALID, "source %u: more than %d SSRCs", put->id,
                              HR_RIDS_MAX);
    for (size_t i = 0; i < put->n_ssrcs; i++) {
        const Headrace__SourceSsrc *ssrc = put->ssrcs[i];
        int layer = put->n_rids ? layer_of(conf, ssrc->rid) : (int)i;
        if (layer < 0)
            return dp_call_refuse(c, HR_ERROR_INVALID, "source %u: SSRC %u: there is no rid '%s'",
                                  put->id, ssrc->ssrc, ssrc->rid);
        if (ssrc->ssrc == 0 || ssrc->ssrc == ssrc->rtx_ssrc ||
            ssrc_taken(e, conf, put->id, ssrc->ssrc) ||
            ssrc_taken(e, conf, put->id, ssrc->rtx_ssrc))
            return dp_call_refuse(c, HR_ERROR_INVALID,
                                  "source %u: SSRC %u or %u is 0 or taken at endpoint %u", put->id,
                                  ssrc->ssrc, ssrc->rtx_ssrc, put->endpoint);
        conf->ssrc_layer[i] = (uint8_t)layer;
        conf->ssrc[i] = ssrc->ssrc;
        conf->rtx_ssrc[i] = ssrc->rtx_ssrc;
        conf->ssrcs_count++;
    }
    return HR_ERROR_OK;
}

static enum hr_error read_mid(struct dp_call *c, const struct dp_endpoint_object *e,
                              struct dp_source_conf *conf)
{
    const Headrace__SourcePut *put = c->cmd->source_put;
    const struct dp_source_object *o;
    size_t len = strlen(put->mid);
    if (len > HR_MID_MAX)
        return dp_call_refuse(c, HR_ERROR_INVALID, "source %u: mid longer than %d bytes", put->id,
                              HR_MID_MAX);
    TAILQ_FOREACH (o, &e->sources, of_endpoint)
        if (len && o->id != put->id && o->conf.mid_len == len &&
            memcmp(o->conf.mid, put->mid, len) == 0)
            return dp_call_refuse(c, HR_ERROR_EXISTS, "source %u: mid '%s' is source %u's", put->id,
                                  put->mid, o->id);
    memcpy(conf->mid, put->mid, len);
    conf->mid_len = (uint8_t)len;
    return HR_ERROR_OK;
}

static enum hr_error read_conf(struct dp_call *c, const struct dp_endpoint_object *e,
                               struct dp_source_conf *conf)
{
    const Headrace__SourcePut *put = c->cmd->source_put;
    if (put->cookie.len > HR_COOKIE_MAX)
        return dp_call_refuse(c, HR_ERROR_INVALID, "source %u: cookie longer than %d bytes",
                              put->id, HR_COOKIE_MAX);
    conf->video = put->kind == HEADRACE__KIND__VIDEO;
    conf->transport_cc = put->transport_cc;
    conf->nack = put->nack;
    conf->pli = put->pli;
    conf->fir = put->fir;
    enum hr_error error = read_mid(c, e, conf);
    if (!error)
        error = read_payloads(c, conf);
    if (!error)
        error = read_rids(c, conf);
    return error ? error : read_ssrcs(c, e, conf);
}

/* What cannot change: streams and their state hang on it. */
static enum hr_error check_same(struct dp_call *c, const struct dp_source_object *o,
                                const struct dp_source_conf *conf)
{
    const Headrace__SourcePut *put = c->cmd->source_put;
    if (o->endpoint->id != put->endpoint)
        return dp_call_refuse(c, HR_ERROR_INVALID, "source %u: is endpoint %u's, not %u's", o->id,
                              o->endpoint->id, put->endpoint);
    if (o->conf.video != conf->video)
        return dp_call_refuse(c, HR_ERROR_INVALID, "source %u: kind cannot change", o->id);
    bool same = o->conf.rids_count <= conf->rids_count;
    for (unsigned i = 0; same && i < o->conf.rids_count; i++)
        same = o->conf.rid_len[i] == conf->rid_len[i] &&
               memcmp(o->conf.rid[i], conf->rid[i], conf->rid_len[i]) == 0;
    if (!same)
        return dp_call_refuse(c, HR_ERROR_INVALID,
                              "source %u: rids may be added, but not change or go", o->id);
    return HR_ERROR_OK;
}

static enum hr_error check_limits(struct dp_call *c, const struct dp_endpoint_object *e)
{
    uint32_t id = c->cmd->source_put->id, limit = c->dp->config->dataplane.sources;
    if (c->objects->sources.count >= limit)
        return dp_call_refuse(c, HR_ERROR_LIMIT, "source %u: there are %u already", id, limit);
    if (e->sources_count >= DP_ENDPOINT_SOURCES_MAX)
        return dp_call_refuse(c, HR_ERROR_LIMIT, "source %u: endpoint %u has %d already", id, e->id,
                              DP_ENDPOINT_SOURCES_MAX);
    return HR_ERROR_OK;
}

/* ---- making it */

struct dp_stream *dp_stream_new(struct dp_dataplane *dp, struct dp_source *source, unsigned i)
{
    struct dp_stream *st = dp_new(sizeof(*st));
    bool video = source->conf.video, rtx = i >= HR_RIDS_MAX;
    if (st == NULL)
        return NULL;
    st->source = source;
    st->layer = (uint8_t)(i % HR_RIDS_MAX);
    st->rtx = rtx;
    st->seen.dp = dp;
    st->seen.work.done = dp_apply_seen;
    if (rtx)
        return st;
    st->history.size = dp_history_size(video, dp->config->media.history_ms);
    st->history.pkts = calloc(st->history.size, sizeof(struct rte_mbuf *));
    if (video)
        st->ladder = calloc(1, sizeof(*st->ladder));
    if (video && source->mirror == NULL)
        st->dd = calloc(1, sizeof(*st->dd));
    if (st->history.pkts && (!video || st->ladder) && (!video || source->mirror || st->dd))
        return st;
    dp_stream_free(st);
    return NULL;
}

/* Bit i: a source of these settings has streams[i]. */
static uint32_t streams_needed(const struct dp_source_conf *conf)
{
    unsigned layers = RTE_MAX(1u, RTE_MAX(conf->rids_count, conf->ssrcs_count));
    uint32_t media = (1u << layers) - 1, needed = media;
    for (unsigned pt = 0; pt < DP_PAYLOAD_TYPES; pt++)
        if (conf->payloads[pt].codec == HEADRACE__PAYLOAD__CODEC__RTX)
            needed |= media << HR_RIDS_MAX;
    return needed;
}

static struct dp_nack *nack_new(bool video)
{
    struct dp_nack *n = dp_new(dp_nack_size(!video));
    if (n)
        dp_nack_init(n, !video);
    return n;
}

/* For the media streams that are new, and the others when this Put is the first that says so. */
static bool add_nacks(struct source_work *job, const struct dp_source_object *o)
{
    if (!job->conf.nack)
        return true;
    for (unsigned i = 0; i < HR_RIDS_MAX; i++) {
        bool old = o->streams >> i & 1;
        if ((old && o->nacks) || (!old && job->streams[i] == NULL))
            continue;
        struct dp_nack **nack = old ? &job->nacks[i] : &job->streams[i]->nack;
        *nack = nack_new(job->conf.video);
        if (*nack == NULL)
            return false;
    }
    return true;
}

static struct dp_source_object *object_new(const struct dp_call *c, struct dp_endpoint_object *e,
                                           const struct dp_source_conf *conf)
{
    uint32_t id = c->cmd->source_put->id;
    unsigned workers = c->dp->workers_count;
    struct dp_source_object *o = calloc(1, sizeof(*o) + workers * sizeof(struct dp_view));
    struct dp_source *s = dp_new(sizeof(*s));
    if (o == NULL || s == NULL) {
        free(o);
        free(s);
        return NULL;
    }
    s->id = id;
    s->endpoint = e->endpoint;
    s->conf.video = conf->video;
    *o = (struct dp_source_object){.id = id, .source = s, .endpoint = e, .views_count = workers};
    TAILQ_INIT(&o->subscribers);
    return o;
}

static struct dp_publishing *publishing_new(void)
{
    struct dp_publishing *p = dp_new(sizeof(*p));
    if (p)
        p->streams = (struct dp_ssrcs){.slots = p->slots, .size = DP_INGRESS_SSRCS};
    return p;
}

static void job_free(struct source_work *job, unsigned workers)
{
    if (job == NULL)
        return;
    for (unsigned i = 0; i < DP_SOURCE_STREAMS; i++)
        dp_stream_free(job->streams[i]);
    for (unsigned i = 0; i < HR_RIDS_MAX; i++)
        free(job->nacks[i]);
    for (unsigned i = 0; job->mirrors && i < workers; i++)
        for (unsigned k = 0; k < HR_RIDS_MAX; k++)
            dp_stream_free(job->mirrors[i].streams[k]);
    free(job->mirrors);
    free(job->publishing);
    free(job);
}

/* Streams that the settings ask for and the source lacks. */
static bool add_streams(struct dp_call *c, struct source_work *job,
                        const struct dp_source_object *o)
{
    uint32_t missing = streams_needed(&job->conf) & ~o->streams;
    for (unsigned i = 0; i < DP_SOURCE_STREAMS; i++) {
        if (!(missing >> i & 1))
            continue;
        job->streams[i] = dp_stream_new(c->dp, o->source, i);
        if (job->streams[i] == NULL)
            return false;
    }
    return add_nacks(job, o);
}

static bool add_mirror_streams(struct dp_call *c, const struct dp_source_conf *conf,
                               const struct dp_source_object *o, struct mirror_part *part)
{
    uint32_t missing = streams_needed(conf) & ~o->streams;
    for (unsigned i = 0; part->mirror && i < HR_RIDS_MAX; i++) {
        if (!(missing >> i & 1))
            continue;
        part->streams[i] = dp_stream_new(c->dp, &part->mirror->source, i);
        if (part->streams[i] == NULL)
            return false;
    }
    return true;
}

static bool add_mirrors(struct dp_call *c, struct source_work *job,
                        const struct dp_source_object *o)
{
    if (o->views_count < 2)
        return true;
    job->mirrors = calloc(o->views_count, sizeof(*job->mirrors));
    for (unsigned i = 0; job->mirrors && i < o->views_count; i++) {
        job->mirrors[i].mirror = o->views[i].mirror;
        if (!add_mirror_streams(c, &job->conf, o, &job->mirrors[i]))
            return false;
    }
    return job->mirrors;
}

static bool fill_job(struct dp_call *c, struct source_work *job, const struct dp_source_object *o,
                     const struct dp_source_conf *conf)
{
    if (job == NULL || o == NULL)
        return false;
    job->call.work = (struct dp_work){.run = run, .done = done};
    job->source = o->source;
    job->conf = *conf;
    if (!add_mirrors(c, job, o))
        return false;
    if (o->endpoint->publishing)
        return add_streams(c, job, o);
    job->publishing = publishing_new();
    return job->publishing && add_streams(c, job, o);
}

/* Nothing may fail after it. */
static bool join_room(struct dp_call *c, struct source_work *job, struct dp_source_object *o)
{
    uint32_t id = job->conf.video ? 0 : c->cmd->source_put->room;
    job->room = o->room;
    if (id == (o->room ? o->room->id : 0))
        return true;
    job->room = id ? dp_room_join(c->objects, id) : NULL;
    if (id && job->room == NULL)
        return false;
    job->former = o->room;
    if (o->room)
        dp_room_leave(o->room, o);
    o->room = job->room;
    return true;
}

static void commit(struct dp_call *c, struct dp_source_object *o, struct source_work *job)
{
    if (job->link) {
        dp_index_add(&c->objects->sources, o->id, o);
        TAILQ_INSERT_TAIL(&o->endpoint->sources, o, of_endpoint);
        o->endpoint->sources_count++;
        o->endpoint->publishing = true;
    }
    o->streams |= streams_needed(&job->conf);
    o->nacks |= job->conf.nack;
    o->conf = job->conf;
    dp_call_post_all(c->dp, &job->call, dp_view_workers(c->objects, o));
}

static enum hr_error make(struct dp_call *c, struct dp_endpoint_object *e,
                          struct dp_source_object *o, const struct dp_source_conf *conf)
{
    const Headrace__SourcePut *put = c->cmd->source_put;
    bool is_new = o == NULL;
    struct source_work *job = dp_call_work_new(c, sizeof(*job));
    struct dp_put packed = {0};
    if (is_new)
        o = object_new(c, e, conf);
    if (!fill_job(c, job, o, conf) || dp_put_pack(&packed, &put->base) ||
        dp_index_reserve(&c->objects->sources) || !join_room(c, job, o)) {
        job_free(job, c->dp->workers_count);
        dp_put_free(&packed);
        if (is_new && o)
            dp_source_object_free(o);
        return dp_call_refuse(c, HR_ERROR_MEMORY, "source %u: no memory", put->id);
    }
    job->link = is_new;
    dp_put_free(&o->put);
    o->put = packed;
    commit(c, o, job);
    return HR_ERROR_OK;
}

enum hr_error dp_apply_source_put(struct dp_call *c)
{
    const Headrace__SourcePut *put = c->cmd->source_put;
    struct dp_endpoint_object *e = dp_index_find(&c->objects->endpoints, put->endpoint);
    struct dp_source_object *o = dp_index_find(&c->objects->sources, put->id);
    struct dp_source_conf conf = {0};
    if (put->id == 0)
        return dp_call_refuse(c, HR_ERROR_INVALID, "source 0: the id is never 0");
    if (e == NULL)
        return dp_call_refuse(c, HR_ERROR_NOT_FOUND, "source %u: there is no endpoint %u", put->id,
                              put->endpoint);
    enum hr_error error = dp_pass_refuse_media(c, e);
    if (!error)
        error = read_conf(c, e, &conf);
    if (!error)
        error = o ? check_same(c, o, &conf) : check_limits(c, e);
    return error ? error : make(c, e, o, &conf);
}
