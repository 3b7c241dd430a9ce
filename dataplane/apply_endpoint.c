#include "dataplane/apply_call.h"
#include "dataplane/endpoint.h"

#include <rte_hash_crc.h>
#include <stdlib.h>
#include <string.h>

#define SHARD_SEED 0

struct endpoint_work {
    struct dp_call_work call;
    struct dp_endpoint *endpoint;
    struct dp_endpoint_conf conf;
    struct dp_keys *keys; /* with these: */
    struct dp_srtp_key egress;
    bool link;
    struct dp_later later;
    struct dp_flow_slots old_flows;
    struct dp_pass_news news[2]; /* of a peer, to the ends' workers */
    unsigned news_count;
};

static void run(struct dp_worker *w, struct dp_work *work)
{
    struct endpoint_work *job = container_of(work, struct endpoint_work, call.work);
    if (job->endpoint->worker == w) {
        if (job->link)
            dp_endpoint_link(w, job->endpoint);
        dp_endpoint_configure(w, job->endpoint, &job->conf, job->keys, &job->egress);
        dp_srtp_key_clear(&job->egress);
    }
    for (unsigned i = 0; i < job->news_count; i++)
        if (job->news[i].endpoint->worker == w)
            dp_pass_learn(&job->news[i]);
}

static void release(struct dp_later *later)
{
    struct endpoint_work *job = container_of(later, struct endpoint_work, later);
    dp_flows_release_all(job->call.objects->dp->flows, &job->old_flows);
    free(job);
}

static void done(struct dp_work *work)
{
    struct endpoint_work *job = container_of(work, struct endpoint_work, call.work);
    dp_call_done(&job->call);
    job->later.run = release;
    if (job->old_flows.n == 0)
        free(job);
    else
        dp_later(job->call.objects->dp, &job->later);
}

/* ---- checks */

static enum hr_error check_keys(struct dp_call *c, const struct dp_endpoint_object *o)
{
    const Headrace__EndpointPut *put = c->cmd->endpoint_put;
    const Headrace__SrtpKeys *keys = put->keys;
    if (keys == NULL && o && o->keyed)
        return dp_call_refuse(c, HR_ERROR_INVALID, "endpoint %u: keys cannot be taken away",
                              put->id);
    if (keys == NULL)
        return HR_ERROR_OK;
    if (!hr_srtp_profile_ok((int)keys->profile))
        return dp_call_refuse(c, HR_ERROR_UNSUPPORTED, "endpoint %u: SRTP profile %u", put->id,
                              keys->profile);
    size_t want = hr_srtp_key_len(keys->profile) + hr_srtp_salt_len(keys->profile);
    if (keys->ingress_key.len != want || keys->egress_key.len != want)
        return dp_call_refuse(c, HR_ERROR_INVALID, "endpoint %u: key with salt is not %zu bytes",
                              put->id, want);
    return HR_ERROR_OK;
}

static bool same_bytes(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* Against the last Put: keys come once. */
static enum hr_error check_same_keys(struct dp_call *c, const struct dp_endpoint_object *o)
{
    const Headrace__EndpointPut *put = c->cmd->endpoint_put;
    Headrace__EndpointPut *last = headrace__endpoint_put__unpack(NULL, o->put.len, o->put.bytes);
    if (last == NULL)
        return dp_call_refuse(c, HR_ERROR_MEMORY, "endpoint %u: no memory", put->id);
    bool same = put->keys->profile == last->keys->profile &&
                same_bytes(&put->keys->ingress_key, &last->keys->ingress_key) &&
                same_bytes(&put->keys->egress_key, &last->keys->egress_key);
    explicit_bzero(last->keys->ingress_key.data, last->keys->ingress_key.len);
    explicit_bzero(last->keys->egress_key.data, last->keys->egress_key.len);
    headrace__endpoint_put__free_unpacked(last, NULL);
    if (same)
        return HR_ERROR_OK;
    return dp_call_refuse(c, HR_ERROR_INVALID,
                          "endpoint %u: keys cannot change; make a new endpoint", put->id);
}

static enum hr_error read_path(struct dp_call *c, struct dp_endpoint_conf *conf)
{
    const Headrace__EndpointPut *put = c->cmd->endpoint_put;
    const char *wrong = "";
    if (put->path == NULL)
        return HR_ERROR_OK;
    if (dp_path_from_message(put->path, &conf->path, &wrong))
        return dp_call_refuse(c, HR_ERROR_INVALID, "endpoint %u: path: wrong %s", put->id, wrong);
    for (unsigned i = 0; i < c->dp->ports_count; i++)
        if (c->dp->ports[i].id == put->path->port)
            conf->port = &c->dp->ports[i];
    if (conf->port == NULL)
        return dp_call_refuse(c, HR_ERROR_INVALID, "endpoint %u: path: there is no port %u",
                              put->id, put->path->port);
    conf->reachable = true;
    return HR_ERROR_OK;
}

static enum hr_error read_extensions(struct dp_call *c, struct dp_endpoint_conf *conf)
{
    const Headrace__EndpointPut *put = c->cmd->endpoint_put;
    if (put->n_extensions > HR_EXTENSIONS_MAX)
        return dp_call_refuse(c, HR_ERROR_INVALID, "endpoint %u: more than %d extensions", put->id,
                              HR_EXTENSIONS_MAX);
    dp_ext_map_init(&conf->exts, put->extmap_allow_mixed);
    for (size_t i = 0; i < put->n_extensions; i++) {
        const Headrace__Extension *ext = put->extensions[i];
        if (dp_ext_map_set(&conf->exts, (enum hr_ext_kind)ext->kind, ext->id))
            return dp_call_refuse(c, HR_ERROR_INVALID, "endpoint %u: extension %u of kind %u",
                                  put->id, ext->id, ext->kind);
    }
    return HR_ERROR_OK;
}

static enum hr_error read_conf(struct dp_call *c, struct dp_endpoint_conf *conf)
{
    const Headrace__EndpointPut *put = c->cmd->endpoint_put;
    if (put->id == 0)
        return dp_call_refuse(c, HR_ERROR_INVALID, "endpoint 0: the id is never 0");
    if (put->cookie.len > HR_COOKIE_MAX)
        return dp_call_refuse(c, HR_ERROR_INVALID, "endpoint %u: cookie longer than %d bytes",
                              put->id, HR_COOKIE_MAX);
    if (strlen(put->ice_ufrag) > HR_UFRAG_MAX || strlen(put->ice_pwd) > HR_PWD_MAX)
        return dp_call_refuse(c, HR_ERROR_INVALID, "endpoint %u: ICE credentials too long",
                              put->id);
    strcpy(conf->ice_ufrag, put->ice_ufrag);
    strcpy(conf->ice_pwd, put->ice_pwd);
    conf->feedback_ssrc = put->feedback_ssrc;
    conf->rtcp_rsize = put->rtcp_rsize;
    enum hr_error error = read_extensions(c, conf);
    return error ? error : read_path(c, conf);
}

/* ---- making it */

static struct dp_keys *keys_new(const Headrace__SrtpKeys *msg, struct dp_srtp_key *egress,
                                bool check_nonces)
{
    struct dp_keys *keys = dp_new(sizeof(*keys));
    size_t key_len = hr_srtp_key_len(msg->profile);
    const uint8_t *in = msg->ingress_key.data, *out = msg->egress_key.data;
    if (keys == NULL)
        return NULL;
    keys->profile = msg->profile;
    if (check_nonces)
        keys->checker = dp_srtp_checker_new(DP_SRTP_CHECKER_ENTRIES);
    if ((keys->checker || !check_nonces) &&
        dp_srtp_key_init(&keys->ingress, keys->profile, in, in + key_len) == 0 &&
        dp_srtp_key_init(egress, keys->profile, out, out + key_len) == 0 &&
        dp_srtcp_keys_init(&keys->rtcp_in.keys, keys->profile, in, in + key_len) == 0 &&
        dp_srtcp_keys_init(&keys->rtcp_out.keys, keys->profile, out, out + key_len) == 0)
        return keys;
    dp_keys_free(keys);
    return NULL;
}

/* A group stays together, and groups go round: neighbours are at different workers. */
static struct dp_shard *shard_of(const struct dp_objects *objects, uint32_t id, uint32_t group)
{
    uint32_t number = group ? group : rte_hash_crc_4byte(id, SHARD_SEED);
    return &objects->shards[number % objects->shards_count];
}

static struct dp_endpoint_object *object_new(struct dp_objects *objects,
                                             const Headrace__EndpointPut *put)
{
    uint32_t id = put->id;
    struct dp_endpoint_object *o = calloc(1, sizeof(*o));
    struct dp_endpoint *e = dp_new(sizeof(*e));
    if (o == NULL || e == NULL) {
        free(o);
        free(e);
        return NULL;
    }
    e->id = id;
    e->shard = shard_of(objects, id, put->group);
    e->worker = e->shard->worker;
    TAILQ_INIT(&e->sources);
    TAILQ_INIT(&e->subscriptions);
    e->out = (struct dp_ssrcs){.slots = e->out_few, .size = DP_OUT_FEW};
    *o = (struct dp_endpoint_object){
        .id = id, .endpoint = e, .worker = e->worker, .out_size = DP_OUT_FEW};
    TAILQ_INIT(&o->sources);
    TAILQ_INIT(&o->subscriptions);
    if (dp_pass_new(o, put->peer) == 0 && (!put->latch || dp_latch_new(o) == 0))
        return o;
    dp_endpoint_object_free(o);
    return NULL;
}

static struct dp_flow_key flow_of(const struct dp_path *path)
{
    struct dp_flow_key key = {
        .remote_port = path->remote.port,
        .local_port = path->local.port,
        .port = path->port,
        .family = path->family,
    };
    memcpy(key.remote_ip, path->remote.ip, sizeof(key.remote_ip));
    memcpy(key.local_ip, path->local.ip, sizeof(key.local_ip));
    return key;
}

/* Where its media may come from: the path, then the others. */
static enum hr_error read_flows(struct dp_call *c, const struct dp_endpoint_conf *conf,
                                struct dp_flow_set *flows)
{
    const Headrace__EndpointPut *put = c->cmd->endpoint_put;
    const char *wrong = "";
    struct dp_path path;
    flows->n = 0;
    if (put->n_also >= HR_PATHS_MAX || (put->n_also && !conf->reachable))
        return dp_call_refuse(c, HR_ERROR_INVALID, "endpoint %u: %zu paths beside its own", put->id,
                              put->n_also);
    if (conf->reachable)
        flows->keys[flows->n++] = flow_of(&conf->path);
    for (size_t i = 0; i < put->n_also; i++) {
        if (dp_path_from_message(put->also[i], &path, &wrong))
            return dp_call_refuse(c, HR_ERROR_INVALID, "endpoint %u: also: wrong %s", put->id,
                                  wrong);
        flows->keys[flows->n++] = flow_of(&path);
    }
    return HR_ERROR_OK;
}

struct made {
    struct endpoint_work *job;
    struct dp_endpoint_object *o;
    struct dp_put put;
    struct dp_keys *keys;
};

static enum hr_error unmake(struct dp_call *c, struct made *m, bool is_new)
{
    if (m->job)
        dp_srtp_key_clear(&m->job->egress);
    free(m->job);
    dp_put_free(&m->put);
    dp_keys_free(m->keys);
    if (is_new && m->o)
        dp_endpoint_object_free(m->o);
    return dp_call_refuse(c, HR_ERROR_MEMORY, "endpoint %u: no memory", c->cmd->endpoint_put->id);
}

/* Everything is right; from the first allocation to the post nothing may half happen. */
static enum hr_error make(struct dp_call *c, struct dp_endpoint_object *o,
                          const struct dp_endpoint_conf *conf, const struct dp_flow_set *flows)
{
    const Headrace__EndpointPut *put = c->cmd->endpoint_put;
    bool is_new = o == NULL, new_keys = put->keys && (is_new || !o->keyed);
    struct made m = {
        .job = dp_call_work_new(c, sizeof(*m.job)),
        .o = is_new ? object_new(c->objects, put) : o,
    };
    if (m.job && new_keys)
        m.keys = keys_new(put->keys, &m.job->egress, c->dp->config->dataplane.check_nonces);
    if (m.job == NULL || m.o == NULL || (new_keys && m.keys == NULL) ||
        dp_put_pack(&m.put, &put->base) || dp_index_reserve(&c->objects->endpoints) ||
        dp_flows_change(c->dp->flows, m.o->endpoint, &m.o->flows, flows, &m.job->old_flows))
        return unmake(c, &m, is_new);

    m.job->call.work = (struct dp_work){.run = run, .done = done};
    m.job->endpoint = m.o->endpoint;
    m.job->conf = *conf;
    m.job->keys = m.keys;
    m.job->link = is_new;
    if (is_new)
        dp_index_add(&c->objects->endpoints, put->id, m.o);
    m.o->keyed |= new_keys;
    dp_put_free(&m.o->put);
    m.o->put = m.put;
    dp_latch_put(c->objects, m.o, put);
    m.job->news_count = dp_pass_put(c->objects, m.o, conf, m.job->news);
    uint64_t workers = UINT64_C(1) << m.o->worker->id;
    for (unsigned i = 0; i < m.job->news_count; i++)
        workers |= UINT64_C(1) << m.job->news[i].endpoint->worker->id;
    dp_call_post_all(c->dp, &m.job->call, workers);
    return HR_ERROR_OK;
}

enum hr_error dp_apply_endpoint_put(struct dp_call *c)
{
    const Headrace__EndpointPut *put = c->cmd->endpoint_put;
    struct dp_endpoint_object *o = dp_index_find(&c->objects->endpoints, put->id);
    struct dp_endpoint_conf conf;
    memset(&conf, 0, sizeof(conf));
    struct dp_flow_set flows;
    enum hr_error error = read_conf(c, &conf);
    if (!error)
        error = dp_latch_read(c, o, &conf);
    if (!error)
        error = read_flows(c, &conf, &flows);
    if (!error)
        error = check_keys(c, o);
    if (!error)
        error = dp_pass_check(c, o);
    if (!error && o && o->keyed)
        error = check_same_keys(c, o);
    if (error)
        return error;
    uint32_t limit = c->dp->config->dataplane.endpoints;
    if (o == NULL && c->objects->endpoints.count >= limit)
        return dp_call_refuse(c, HR_ERROR_LIMIT, "endpoint %u: there are %u already", put->id,
                              limit);
    return make(c, o, &conf, &flows);
}
