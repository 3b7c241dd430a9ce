#include "tests/unit/controlplane/fake_transport.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake fake;

static struct hr_config config = {
    .run_dir = "/nowhere",
    .media = {.port = 10000, .direct = true},
    .http = {.address = "127.0.0.1",
             .port = 8080,
             .tls_certificate = "",
             .tls_key = "",
             .web_root = "/nowhere"},
    .limits = {.rooms = 3,
               .participants_per_room = 4,
               .participants = 6,
               .sources_per_participant = 4,
               .chat_lines = 3,
               .messages_per_second = 20,
               .resume_s = 40,
               .sdes_wait_s = 60,
               .sdes_silence_s = 30},
};

/* ---- dataplane */

const struct fake_source *fake_source(uint32_t id)
{
    for (size_t i = 0; i < fake.n_sources; i++)
        if (fake.sources[i].id == id)
            return &fake.sources[i];
    return NULL;
}

const struct fake_subscription *fake_subscription(uint32_t endpoint, const char *mid)
{
    for (size_t i = 0; i < fake.n_subscriptions; i++)
        if (fake.subscriptions[i].endpoint == endpoint &&
            strcmp(fake.subscriptions[i].mid, mid) == 0)
            return &fake.subscriptions[i];
    return NULL;
}

static void put_source(const Headrace__SourcePut *put)
{
    struct fake_source *s = (struct fake_source *)(uintptr_t)fake_source(put->id);
    if (!s)
        s = &fake.sources[fake.n_sources++];
    *s = (struct fake_source){.id = put->id,
                              .endpoint = put->endpoint,
                              .room = put->room,
                              .video = put->kind == HEADRACE__KIND__VIDEO,
                              .nack = put->nack,
                              .pli = put->pli,
                              .payloads = put->n_payloads,
                              .rids = put->n_rids,
                              .ssrcs = put->n_ssrcs};
    snprintf(s->mid, sizeof(s->mid), "%s", put->mid);
}

static void put_subscription(const Headrace__SubscriptionPut *put)
{
    struct fake_subscription *s = NULL;
    for (size_t i = 0; i < fake.n_subscriptions; i++)
        if (fake.subscriptions[i].id == put->id)
            s = &fake.subscriptions[i];
    if (!s)
        s = &fake.subscriptions[fake.n_subscriptions++];
    *s = (struct fake_subscription){.id = put->id,
                                    .endpoint = put->endpoint,
                                    .source = put->source,
                                    .ssrc = put->ssrc,
                                    .opaque = put->opaque,
                                    .paused = put->paused,
                                    .max_width = put->max_width,
                                    .max_height = put->max_height,
                                    .priority = put->priority,
                                    .payloads = put->n_payload_map};
    if (put->n_payload_map) {
        s->from = put->payload_map[0]->from;
        s->to = put->payload_map[0]->to;
    }
    snprintf(s->mid, sizeof(s->mid), "%s", put->mid);
    snprintf(s->cname, sizeof(s->cname), "%s", put->cname);
}

static void delete_object(const Headrace__ObjectDelete *d)
{
    for (size_t i = 0; d->type == HEADRACE__OBJECT_DELETE__TYPE__SOURCE && i < fake.n_sources; i++)
        if (fake.sources[i].id == d->id)
            fake.sources[i] = fake.sources[--fake.n_sources];
    for (size_t i = 0;
         d->type == HEADRACE__OBJECT_DELETE__TYPE__SUBSCRIPTION && i < fake.n_subscriptions; i++)
        if (fake.subscriptions[i].id == d->id)
            fake.subscriptions[i] = fake.subscriptions[--fake.n_subscriptions];
}

int cp_dataplane_command(struct cp_dataplane *dp, Headrace__Command *cmd, cp_reply_fn fn, void *arg)
{
    if (fake.refuse_command)
        return fake.refuse_command;
    fake.commands++;
    if (cmd->op_case == HEADRACE__COMMAND__OP_SOURCE_PUT)
        put_source(cmd->source_put);
    else if (cmd->op_case == HEADRACE__COMMAND__OP_SUBSCRIPTION_PUT)
        put_subscription(cmd->subscription_put);
    else if (cmd->op_case == HEADRACE__COMMAND__OP_OBJECT_DELETE)
        delete_object(cmd->object_delete);
    Headrace__Reply reply = HEADRACE__REPLY__INIT;
    if (fn)
        fn(arg, 0, &reply);
    return 0;
}

bool cp_dataplane_is_up(const struct cp_dataplane *dp)
{
    return fake.up;
}

const Headrace__HelloReply *cp_dataplane_hello(const struct cp_dataplane *dp)
{
    static Headrace__HelloReply hello;
    headrace__hello_reply__init(&hello);
    return fake.up ? &hello : NULL;
}

const char *cp_dataplane_why_down(const struct cp_dataplane *dp)
{
    return fake.up ? "" : "stopped";
}

uint32_t cp_dataplane_new_id(struct cp_dataplane *dp)
{
    static uint32_t next = 1000;
    return next++;
}

/* ---- transport */

int cp_transport_create(const struct hr_config *cfg, const char *build,
                        const struct cp_transport_handlers *h, struct cp_transport **out)
{
    *out = (struct cp_transport *)&fake;
    return 0;
}

void cp_transport_destroy(struct cp_transport *t)
{
}

int cp_transport_fd(const struct cp_transport *t)
{
    return -1;
}

void cp_transport_service(struct cp_transport *t, uint64_t now)
{
}

uint64_t cp_transport_deadline(const struct cp_transport *t)
{
    return CP_NEVER;
}

struct cp_dataplane *cp_transport_dataplane(struct cp_transport *t)
{
    return (struct cp_dataplane *)t;
}

bool cp_transport_is_ready(const struct cp_transport *t)
{
    return fake.ready;
}

const char *cp_transport_fingerprint(const struct cp_transport *t)
{
    return "sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:"
           "10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F";
}

unsigned cp_transport_endpoints(const struct cp_transport *t)
{
    return fake.endpoints;
}

void cp_transport_counters(const struct cp_transport *t,
                           void (*each)(void *arg, const char *name, uint64_t value), void *arg)
{
    each(arg, "punts", 7);
}

const char *cp_gone_word(enum cp_gone reason)
{
    return "consent";
}

/* ---- endpoints */

int cp_endpoint_create(struct cp_transport *t, void *owner, uint64_t now, struct cp_endpoint **out)
{
    if (fake.refuse_endpoint)
        return fake.refuse_endpoint;
    struct cp_endpoint *e = calloc(1, sizeof(*e));
    e->owner = owner;
    e->id = ++fake.endpoints_made;
    snprintf(e->ours.ufrag, sizeof(e->ours.ufrag), "ours%u", e->id);
    snprintf(e->ours.pwd, sizeof(e->ours.pwd), "password%016u", 0);
    fake.endpoints++;
    *out = e;
    return 0;
}

void cp_endpoint_set_group(struct cp_endpoint *e, uint32_t group)
{
    e->group = group;
}

void cp_endpoint_pair(struct cp_endpoint *a, struct cp_endpoint *b)
{
    a->peer = b->id;
    b->peer = a->id;
}

bool cp_endpoint_is_paired(const struct cp_endpoint *e)
{
    return e->peer;
}

void cp_endpoint_destroy(struct cp_endpoint *e)
{
    if (!e)
        return;
    /* Its objects go with it. */
    for (size_t i = fake.n_sources; i > 0; i--)
        if (fake.sources[i - 1].endpoint == e->id)
            fake.sources[i - 1] = fake.sources[--fake.n_sources];
    for (size_t i = fake.n_subscriptions; i > 0; i--)
        if (fake.subscriptions[i - 1].endpoint == e->id)
            fake.subscriptions[i - 1] = fake.subscriptions[--fake.n_subscriptions];
    fake.endpoints--;
    free(e);
}

int cp_endpoint_set_remote(struct cp_endpoint *e, const struct cp_endpoint_remote *r, uint64_t now)
{
    snprintf(e->ufrag, sizeof(e->ufrag), "%s", r->ufrag);
    snprintf(e->pwd, sizeof(e->pwd), "%s", r->pwd);
    e->remotes++;
    return 0;
}

int cp_endpoint_latch(struct cp_endpoint *e, const struct cp_endpoint_latch *l, uint64_t now)
{
    e->latched = true;
    e->ingress = *l->ingress;
    e->egress = *l->egress;
    e->n_ssrcs = l->n_ssrcs;
    e->first_ssrc = l->n_ssrcs ? l->ssrcs[0] : 0;
    e->wait_ms = l->wait_ms;
    e->silence_ms = l->silence_ms;
    cp_media_connected(e->owner);
    return 0;
}

void cp_endpoint_renew(struct cp_endpoint *e, uint64_t now)
{
    fake.renewals++;
}

bool cp_endpoint_wants_restart(const struct cp_endpoint *e, const char *ufrag, const char *pwd)
{
    return e->remotes && (strcmp(e->ufrag, ufrag) != 0 || strcmp(e->pwd, pwd) != 0);
}

int cp_endpoint_restart(struct cp_endpoint *e)
{
    snprintf(e->ours.ufrag, sizeof(e->ours.ufrag), "new%u", ++fake.restarts);
    return 0;
}

uint32_t cp_endpoint_id(const struct cp_endpoint *e)
{
    return e->id;
}

uint32_t cp_endpoint_feedback_ssrc(const struct cp_endpoint *e)
{
    return 1;
}

const struct cp_ice_credentials *cp_endpoint_credentials(const struct cp_endpoint *e)
{
    return &e->ours;
}

bool cp_endpoint_connected(const struct cp_endpoint *e)
{
    return true;
}

const struct cp_path *cp_endpoint_path(const struct cp_endpoint *e)
{
    return NULL;
}

enum hr_srtp_profile cp_endpoint_profile(const struct cp_endpoint *e)
{
    return HR_SRTP_AEAD_AES_128_GCM;
}

enum cp_dtls_end cp_endpoint_dtls_end(const struct cp_endpoint *e)
{
    return CP_DTLS_END_NONE;
}

const char *cp_dtls_end_word(enum cp_dtls_end end)
{
    return "none";
}

/* ---- service and clients */

void fake_service(struct cp_service *s)
{
    fake = (struct fake){.ready = true, .up = true};
    cp_service_init(s, &config);
    s->transport = (struct cp_transport *)&fake;
    cp_media_open(&s->media, &config, s->transport, &s->rooms);
    snprintf(s->media.addresses[0], sizeof(s->media.addresses[0]), "198.18.0.2");
    s->media.candidates[0] =
        (struct cp_local_candidate){.address = s->media.addresses[0], .port = 10000};
    s->media.n_candidates = 1;
}

void fake_service_free(struct cp_service *s)
{
    s->transport = NULL;
    cp_service_destroy(s);
}

static void keep(struct cp_client *c, const char *text, size_t len)
{
    json_array_append_new(((struct fake_client *)c)->messages, json_loadb(text, len, 0, NULL));
}

static void end(struct cp_client *c)
{
    struct fake_client *f = (struct fake_client *)c;
    f->session.participant = NULL;
    f->session.ended = true;
    f->closed = true;
}

void fake_client_open(struct fake_client *c, struct cp_service *s, const char *room, uint64_t now)
{
    *c = (struct fake_client){.messages = json_array()};
    c->session.client.send = keep;
    c->session.client.end = end;
    cp_session_open(&c->session, s, room, now);
}

void fake_client_send(struct fake_client *c, json_t *message, uint64_t now)
{
    char *text = json_dumps(message, 0);
    cp_session_receive(&c->session, text, strlen(text), now);
    free(text);
    json_decref(message);
}

void fake_client_free(struct fake_client *c)
{
    json_decref(c->messages);
    c->messages = NULL;
}

json_t *fake_client_last(const struct fake_client *c, const char *type)
{
    for (size_t i = json_array_size(c->messages); i > 0; i--) {
        json_t *m = json_array_get(c->messages, i - 1);
        if (strcmp(fake_text(m, "type"), type) == 0)
            return m;
    }
    return NULL;
}

unsigned fake_client_count(const struct fake_client *c, const char *type)
{
    unsigned n = 0;
    for (size_t i = 0; i < json_array_size(c->messages); i++)
        n += strcmp(fake_text(json_array_get(c->messages, i), "type"), type) == 0;
    return n;
}

const char *fake_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}
