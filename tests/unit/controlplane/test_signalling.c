#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/signalling.h"
#include "tests/unit/controlplane/fake_transport.h"
#include "tests/unit/controlplane/sdp_support.h"

/* ---- messages alone */

static void test_refused_messages(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "not a JSON object"},
        {"[]", "not a JSON object"},
        {"{\"type\":7}", "type is missing"},
        {"{\"type\":\"dance\"}", "not one that the server knows"},
        {"{\"type\":\"ping\",\"request\":\"1\"}", "request is not a number"},
        {"{\"type\":\"join\"}", "name is missing"},
        {"{\"type\":\"join\",\"name\":\"\"}", "name has a value"},
        {"{\"type\":\"join\",\"name\":\"a\\u0007\"}", "name has a value"},
        {"{\"type\":\"join\",\"name\":\"A\",\"avatar\":\"http://x/y\"}", "avatar has a value"},
        {"{\"type\":\"join\",\"name\":\"A\",\"resume\":5}", "resume is not a string"},
        {"{\"type\":\"chat\",\"text\":\"\"}", "text has a value"},
        {"{\"type\":\"update\",\"hand\":\"up\"}", "hand is not true or false"},
        {"{\"type\":\"source\",\"source\":\"s1\"}", "muted is missing"},
        {"{\"type\":\"source\",\"source\":\"x1\",\"muted\":true}", "source is not the id"},
        {"{\"type\":\"offer\"}", "sdp is missing"},
        {"{\"type\":\"offer\",\"sdp\":\"x\",\"sources\":{}}", "sources is not an array"},
        {"{\"type\":\"offer\",\"sdp\":\"x\",\"sources\":[1]}", "not an object"},
        {"{\"type\":\"offer\",\"sdp\":\"x\",\"sources\":[{\"mid\":\"0\",\"label\":\"face\"}]}",
         "label is none of"},
        {"{\"type\":\"offer\",\"sdp\":\"x\",\"subscriptions\":[{\"source\":\"s1\"}]}",
         "mid is missing"},
        {"{\"type\":\"offer\",\"sdp\":\"x\",\"subscriptions\":[{\"mid\":\"0\",\"source\":\"4\"}]}",
         "source is not the id"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cp_message m;
        struct cp_message_error err;
        assert_true(cp_message_parse(rows[i].text, strlen(rows[i].text), &m, &err) < 0);
        if (!strstr(err.text, rows[i].why))
            fail_msg("%s: %s", rows[i].text, err.text);
        cp_message_free(&m);
    }
}

static void test_taken_message(void **state)
{
    static const char text[] =
        "{\"type\":\"offer\",\"sdp\":\"v=0\",\"request\":3,\"extra\":[1],"
        "\"sources\":[{\"mid\":\"0\",\"label\":\"screen\",\"muted\":true},{\"mid\":\"1\"}],"
        "\"subscriptions\":[{\"mid\":\"2\",\"source\":\"s12\"},{\"mid\":\"3\",\"source\":null}]}";
    struct cp_message m;
    struct cp_message_error err;
    assert_int_equal(cp_message_parse(text, sizeof(text) - 1, &m, &err), 0);
    assert_int_equal(m.type, CP_MESSAGE_OFFER);
    assert_int_equal(m.offer.sources[0].label, CP_LABEL_SCREEN);
    assert_true(m.offer.sources[0].muted);
    assert_int_equal(m.offer.sources[1].label, -1);
    assert_int_equal(m.offer.bindings[0].source, 12);
    assert_int_equal(m.offer.bindings[1].source, 0);
    assert_int_equal(json_integer_value(m.request), 3);
    cp_message_free(&m);
}

static void test_ids(void **state)
{
    assert_int_equal(cp_id_parse("s4", 's'), 4);
    assert_int_equal(cp_id_parse("s04", 's'), 0);
    assert_int_equal(cp_id_parse("s", 's'), 0);
    assert_int_equal(cp_id_parse("p4", 's'), 0);
    assert_int_equal(cp_id_parse("s4x", 's'), 0);
    assert_int_equal(cp_id_parse("s99999999999", 's'), 0);
}

/* ---- sessions */

struct world {
    struct cp_service service;
    struct fake_client a, b;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    fake_service(&w->service);
    fake_client_open(&w->a, &w->service, "room", 0);
    fake_client_open(&w->b, &w->service, "room", 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    fake_service_free(&w->service);
    fake_client_free(&w->a);
    fake_client_free(&w->b);
    free(w);
    return 0;
}

static void join(struct fake_client *c)
{
    fake_client_send(c, json_pack("{s:s, s:s}", "type", "join", "name", "Ann"), 0);
    assert_non_null(fake_client_last(c, "joined"));
}

static void expect_error(struct fake_client *c, const char *code)
{
    assert_string_equal(fake_text(fake_client_last(c, "error"), "code"), code);
    json_array_clear(c->messages);
}

static void test_states(void **state)
{
    struct world *w = *state;
    fake_client_send(&w->a, json_pack("{s:s, s:s}", "type", "offer", "sdp", "x"), 0);
    expect_error(&w->a, "bad_state");
    fake_client_send(&w->a, json_pack("{s:s, s:i}", "type", "ping", "request", 9), 0);
    assert_int_equal(
        json_integer_value(json_object_get(fake_client_last(&w->a, "pong"), "request")), 9);
    join(&w->a);
    fake_client_send(&w->a, json_pack("{s:s, s:s}", "type", "join", "name", "A"), 0);
    expect_error(&w->a, "bad_state");
    fake_client_send(&w->a, json_pack("{s:s, s:s, s:i}", "type", "offer", "sdp", "x", "request", 4),
                     0);
    json_t *error = fake_client_last(&w->a, "error");
    assert_int_equal(json_integer_value(json_object_get(error, "request")), 4);
    assert_false(json_is_true(json_object_get(error, "fatal")));
    expect_error(&w->a, "bad_sdp");
    assert_null(w->a.session.participant->media);
}

static void test_join_deadline(void **state)
{
    struct world *w = *state;
    join(&w->a);
    cp_session_tick(&w->a.session, CP_JOIN_MS + 1);
    cp_session_tick(&w->b.session, CP_JOIN_MS + 1);
    assert_false(w->a.closed);
    assert_true(w->b.closed);
}

static void test_rate(void **state)
{
    struct world *w = *state;
    join(&w->a);
    for (int i = 0; i < 200; i++)
        fake_client_send(&w->a, json_pack("{s:s}", "type", "ping"), 5000);
    const unsigned limit = w->service.config->limits.messages_per_second;
    assert_int_equal(fake_client_count(&w->a, "pong"), limit);
    assert_int_equal(fake_client_count(&w->a, "error"), 1);
    fake_client_send(&w->a, json_pack("{s:s}", "type", "ping"), 6000);
    assert_int_equal(fake_client_count(&w->a, "pong"), limit + 1);
}

static void offer(struct fake_client *c, const char *sdp, const char *rest)
{
    json_t *message = json_loads(rest, 0, NULL);
    assert_non_null(message);
    json_object_set_new(message, "type", json_string("offer"));
    json_object_set_new(message, "sdp", json_string(sdp));
    fake_client_send(c, message, 0);
}

static char *vector(const char *name)
{
    size_t len;
    char *text = sdp_read(name, ".sdp", &len);
    assert_non_null(text);
    return text;
}

/* Ann publishes as Chromium does; her endpoint is connected. */
static void publish(struct world *w)
{
    char *sdp = vector("chromium-publish");
    join(&w->a);
    offer(&w->a, sdp, "{\"sources\":[]}");
    assert_non_null(fake_client_last(&w->a, "answer"));
    cp_media_connected(w->a.session.participant->media);
    free(sdp);
}

static struct cp_source *source_of_kind(const struct fake_client *c, bool video)
{
    const GPtrArray *sources = c->session.participant->sources;
    for (guint i = 0; i < sources->len; i++) {
        struct cp_source *s = sources->pdata[i];
        if (s->video == video)
            return s;
    }
    return NULL;
}

/* The first recvonly section of a kind, by its mid. */
static const char *receiving_mid(const struct fake_client *c, bool video)
{
    const GPtrArray *subs = c->session.participant->subscriptions;
    for (guint i = 0; i < subs->len; i++) {
        const struct cp_subscription *s = subs->pdata[i];
        if (s->video == video)
            return s->mid;
    }
    return NULL;
}

/* SSRCs that Firefox announces beside its RIDs say nothing of which layer they are. */
static void test_publishing_layers_with_ssrcs(void **state)
{
    struct world *w = *state;
    char *sdp = vector("firefox-publish");
    join(&w->a);
    offer(&w->a, sdp, "{\"sources\":[]}");
    cp_media_connected(w->a.session.participant->media);
    free(sdp);
    const struct cp_source *camera = source_of_kind(&w->a, true);
    assert_non_null(camera);
    const struct fake_source *put = fake_source(camera->object);
    assert_non_null(put);
    assert_int_equal(put->rids, 3);
    assert_int_equal(put->ssrcs, 0);
}

static void test_publishing(void **state)
{
    struct world *w = *state;
    join(&w->b);
    publish(w);
    struct cp_source *camera = source_of_kind(&w->a, true), *mic = source_of_kind(&w->a, false);
    assert_non_null(camera);
    assert_non_null(mic);
    assert_int_equal(camera->label, CP_LABEL_CAMERA);
    assert_int_equal(fake_client_count(&w->b, "source-added"),
                     w->a.session.participant->sources->len);
    const struct fake_source *put = fake_source(camera->object);
    assert_non_null(put);
    assert_true(put->video && put->nack && put->pli && put->payloads > 0);
    assert_int_equal(put->endpoint, cp_endpoint_id(w->a.session.participant->media->endpoint));
    json_t *answer = fake_client_last(&w->a, "answer");
    assert_non_null(strstr(fake_text(answer, "sdp"), "198.18.0.2 10000 typ host"));
    assert_int_equal(json_array_size(json_object_get(answer, "sources")),
                     w->a.session.participant->sources->len);
    char id[16];
    snprintf(id, sizeof(id), "s%u", camera->id);
    fake_client_send(&w->a,
                     json_pack("{s:s, s:s, s:b}", "type", "source", "source", id, "muted", 1), 0);
    assert_non_null(fake_client_last(&w->b, "source-updated"));
    fake_client_send(&w->b,
                     json_pack("{s:s, s:s, s:b}", "type", "source", "source", id, "muted", 1), 0);
    expect_error(&w->b, "unknown_source");
}

/* Bob offers Chromium's viewer sections, its video bound to Ann's camera. */
static void view(struct world *w, uint32_t source)
{
    char *sdp = vector("chromium-whep"), rest[256];
    struct cp_sdp *parsed = sdp_parse_text(sdp);
    const char *mid = "";
    for (size_t i = 0; i < parsed->n_media; i++)
        if (parsed->media[i].kind == CP_SDP_VIDEO)
            mid = parsed->media[i].mid;
    snprintf(rest, sizeof(rest), "{\"subscriptions\":[{\"mid\":\"%s\",\"source\":\"s%u\"}]}", mid,
             source);
    offer(&w->b, sdp, rest);
    cp_sdp_free(parsed);
    free(sdp);
}

static void test_subscribing(void **state)
{
    struct world *w = *state;
    publish(w);
    join(&w->b);
    struct cp_source *camera = source_of_kind(&w->a, true);
    view(w, 999);
    expect_error(&w->b, "unknown_source");
    assert_null(w->b.session.participant->media);
    view(w, source_of_kind(&w->a, false)->id);
    expect_error(&w->b, "unknown_source");
    view(w, camera->id);
    json_t *answer = fake_client_last(&w->b, "answer");
    assert_non_null(answer);
    char msid[64];
    snprintf(msid, sizeof(msid), "a=msid:p%u s%u", w->a.session.participant->id, camera->id);
    assert_non_null(strstr(fake_text(answer, "sdp"), msid));
    struct cp_media *m = w->b.session.participant->media;
    assert_int_equal(fake.n_subscriptions, 0); /* not before the dataplane has the endpoint */
    cp_media_connected(m);
    const struct fake_subscription *put =
        fake_subscription(cp_endpoint_id(m->endpoint), receiving_mid(&w->b, true));
    assert_non_null(put);
    assert_int_equal(put->source, camera->object);
    assert_true(put->payloads > 0 && put->ssrc != 0);
    snprintf(msid, sizeof(msid), "a=ssrc:%u ", put->ssrc);
    assert_non_null(strstr(fake_text(answer, "sdp"), msid));
    char text[160];
    snprintf(text, sizeof(text),
             "{\"type\":\"view\",\"sources\":[{\"source\":\"s%u\",\"width\":320,"
             "\"height\":180,\"pinned\":true}]}",
             camera->id);
    fake_client_send(&w->b, json_loads(text, 0, NULL), 0);
    put = fake_subscription(cp_endpoint_id(m->endpoint), receiving_mid(&w->b, true));
    assert_true(put->max_width == 320 && put->max_height == 180 && put->priority && !put->paused);
    fake_client_send(&w->b, json_pack("{s:s}", "type", "view"), 0);
    put = fake_subscription(cp_endpoint_id(m->endpoint), receiving_mid(&w->b, true));
    assert_true(put->paused);
    /* When Ann goes, the section stays, empty. */
    fake_client_send(&w->a, json_pack("{s:s}", "type", "leave"), 0);
    put = fake_subscription(cp_endpoint_id(m->endpoint), receiving_mid(&w->b, true));
    assert_int_equal(put->source, 0);
    assert_int_equal(fake.n_sources, 0);
}

static void test_same_offer_is_not_put_again(void **state)
{
    struct world *w = *state;
    char *sdp = vector("chromium-publish");
    publish(w);
    unsigned commands = fake.commands;
    offer(&w->a, sdp, "{}");
    assert_int_equal(fake_client_count(&w->a, "answer"), 2);
    assert_int_equal(fake.commands, commands);
    free(sdp);
}

static void test_dataplane_restart(void **state)
{
    struct world *w = *state;
    publish(w);
    join(&w->b);
    view(w, source_of_kind(&w->a, true)->id);
    cp_media_connected(w->b.session.participant->media);
    size_t sources = fake.n_sources, subscriptions = fake.n_subscriptions;
    fake.n_sources = fake.n_subscriptions = 0;
    fake.up = fake.ready = false;
    cp_media_put_all(&w->service.media);
    assert_int_equal(fake.n_sources, 0);
    fake.up = fake.ready = true;
    cp_media_put_all(&w->service.media);
    assert_int_equal(fake.n_sources, sources);
    assert_int_equal(fake.n_subscriptions, subscriptions);
}

static void test_dataplane_down(void **state)
{
    struct world *w = *state;
    char *sdp = vector("chromium-publish");
    join(&w->a);
    fake.ready = fake.up = false;
    offer(&w->a, sdp, "{}");
    expect_error(&w->a, "dataplane_down");
    fake.ready = fake.up = true;
    fake.refuse_endpoint = -28; /* ENOSPC */
    offer(&w->a, sdp, "{}");
    expect_error(&w->a, "server_full");
    fake.refuse_endpoint = 0;
    offer(&w->a, sdp, "{}");
    assert_non_null(fake_client_last(&w->a, "answer"));
    free(sdp);
}

static char *replaced(const char *text, const char *what, const char *with)
{
    char **parts = g_strsplit(text, what, -1);
    char *joined = g_strjoinv(with, parts);
    g_strfreev(parts);
    return joined;
}

static void test_ice_restart_and_new_connection(void **state)
{
    struct world *w = *state;
    char *sdp = vector("chromium-publish");
    publish(w);
    struct cp_media *m = w->a.session.participant->media;
    struct cp_endpoint *endpoint = m->endpoint;
    const struct cp_negotiation *n = m->negotiation;
    char *again = replaced(sdp, n->remote_ufrag, "Rstr");
    uint32_t camera = source_of_kind(&w->a, true)->id;
    offer(&w->a, again, "{}");
    assert_int_equal(fake.restarts, 1);
    assert_non_null(
        strstr(fake_text(fake_client_last(&w->a, "answer"), "sdp"), "a=ice-ufrag:new1"));
    assert_ptr_equal(w->a.session.participant->media->endpoint, endpoint);
    assert_int_equal(source_of_kind(&w->a, true)->id, camera);
    /* Another fingerprint is another peer connection. */
    char *at = strstr(again, "a=fingerprint:sha-256 ");
    assert_non_null(at);
    at += strlen("a=fingerprint:sha-256 ");
    char first[4] = {at[0], at[1], at[2], 0},
         other[4] = {at[0] == '0' ? '1' : '0', at[1], at[2], 0};
    char from[64], to[64];
    snprintf(from, sizeof(from), "sha-256 %s", first);
    snprintf(to, sizeof(to), "sha-256 %s", other);
    char *anew = replaced(again, from, to);
    offer(&w->a, anew, "{}");
    assert_int_equal(fake.endpoints, 1);
    assert_int_equal(fake.endpoints_made, 2);
    assert_int_not_equal(source_of_kind(&w->a, true)->id, camera);
    g_free(anew);
    g_free(again);
    free(sdp);
}

static void test_every_vector(void **state)
{
    struct world *w = *state;
    join(&w->a);
    for (const char *const *name = sdp_vectors; *name; name++) {
        char *sdp = vector(*name);
        /* Those continue the session of the one before. */
        if (!strstr(*name, "reoffer") && !strstr(*name, "stopped"))
            cp_media_drop(w->a.session.participant);
        json_array_clear(w->a.messages);
        offer(&w->a, sdp, "{}");
        if (!fake_client_last(&w->a, "answer"))
            fail_msg("%s: %s", *name, fake_text(fake_client_last(&w->a, "error"), "text"));
        w->a.session.messages = 0;
        free(sdp);
    }
}

/* Firefox writes port 0 and bundle-only in sections that it adds (RFC 9143 7.1.2). */
static void test_bundle_only_sections(void **state)
{
    struct world *w = *state;
    char *sdp = vector("firefox-reoffer");
    struct cp_sdp *parsed = sdp_parse_text(sdp);
    join(&w->a);
    offer(&w->a, sdp, "{}");
    unsigned expected = 0;
    for (size_t i = 0; i < parsed->n_media; i++)
        expected += parsed->media[i].direction == CP_SDP_RECVONLY;
    assert_true(expected > 0);
    assert_int_equal(w->a.session.participant->subscriptions->len, expected);
    unsigned sent = 0;
    const char *at = fake_text(fake_client_last(&w->a, "answer"), "sdp");
    for (; (at = strstr(at, "\r\na=sendonly\r\n")); at++)
        sent++;
    assert_int_equal(sent, expected);
    cp_sdp_free(parsed);
    free(sdp);
}

static void test_more_sources_than_allowed(void **state)
{
    struct world *w = *state;
    static struct hr_config config; /* the service keeps it until teardown */
    config = *w->service.config;
    char *sdp = vector("chromium-publish");
    config.limits.sources_per_participant = 1;
    w->service.media.config = &config;
    join(&w->a);
    offer(&w->a, sdp, "{}");
    assert_non_null(strstr(fake_text(fake_client_last(&w->a, "error"), "text"),
                           "limits.sources_per_participant"));
    expect_error(&w->a, "bad_sdp");
    assert_int_equal(w->a.session.participant->sources->len, 0);
    assert_int_equal(fake.endpoints, 0);
    config.limits.sources_per_participant = 2;
    offer(&w->a, sdp, "{}");
    assert_int_equal(w->a.session.participant->sources->len, 2);
    free(sdp);
}

static void test_queue_pushes_back(void **state)
{
    struct world *w = *state;
    fake.refuse_command = -11; /* EAGAIN */
    publish(w);
    assert_true(w->service.media.behind);
    fake.refuse_command = 0;
    cp_media_source_changed(w->a.session.participant->sources->pdata[0]);
    assert_int_equal(fake.n_sources, 0); /* in their order: later than those that were refused */
    cp_media_catch_up(&w->service.media);
    assert_false(w->service.media.behind);
    assert_int_equal(fake.n_sources, w->a.session.participant->sources->len);
    w->service.media.behind = true;
    cp_media_catch_up(&w->service.media);
    assert_int_equal(fake.n_sources, w->a.session.participant->sources->len); /* none twice */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_messages),
        cmocka_unit_test(test_taken_message),
        cmocka_unit_test(test_ids),
        T(test_states),
        T(test_join_deadline),
        T(test_rate),
        T(test_publishing),
        T(test_more_sources_than_allowed),
        T(test_publishing_layers_with_ssrcs),
        T(test_subscribing),
        T(test_same_offer_is_not_put_again),
        T(test_dataplane_restart),
        T(test_dataplane_down),
        T(test_ice_restart_and_new_connection),
        T(test_every_vector),
        T(test_bundle_only_sections),
        T(test_queue_pushes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
