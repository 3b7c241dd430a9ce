#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/admin.h"
#include "controlplane/metrics.h"
#include "controlplane/whip.h"
#include "tests/unit/controlplane/fake_transport.h"
#include "tests/unit/controlplane/http_support.h"
#include "tests/unit/controlplane/sdp_support.h"

static struct cp_exchange *ask(struct cp_service *s, enum cp_method method, const char *path,
                               const char *type, const char *body, const char *if_match)
{
    return http_ask(s, &(struct http_request){method, path, type, body, if_match, false});
}

static int status_of(struct cp_exchange *x)
{
    int status = x->status;
    cp_exchange_unref(x);
    return status;
}

#define SDP      "application/sdp"
#define FRAGMENT "application/trickle-ice-sdpfrag"

static char *vector(const char *name)
{
    size_t len;
    char *text = sdp_read(name, ".sdp", &len);
    assert_non_null(text);
    return text;
}

static struct cp_exchange *publish(struct cp_service *s, const char *name)
{
    char *sdp = vector("chromium-whip"), path[64];
    snprintf(path, sizeof(path), "/whip/room/%s", name);
    struct cp_exchange *x = ask(s, CP_POST, path, SDP, sdp, "");
    free(sdp);
    return x;
}

static void test_links(void **state)
{
    struct cp_service *s = *state;
    static char *servers[] = {"stun:stun.example.org:3478", "turns:turn.example.org ann secret"};
    static struct hr_config config; /* the service keeps it until teardown */
    config = *s->config;
    config.media.ice_servers = servers;
    config.media.ice_servers_count = 1;
    s->media.config = &config;
    struct cp_exchange *x = publish(s, "one");
    assert_string_equal(http_header(x, "link:"),
                        "<stun:stun.example.org:3478>; rel=\"ice-server\"");
    cp_exchange_unref(x);
    config.media.ice_servers++;
    x = publish(s, "two");
    assert_string_equal(http_header(x, "link:"),
                        "<turns:turn.example.org>; rel=\"ice-server\"; username=\"ann\"; "
                        "credential=\"secret\"; credential-type=\"password\"");
    assert_int_equal(x->status, 201);
    cp_exchange_unref(x);
}

static void test_post_and_delete(void **state)
{
    struct cp_service *s = *state;
    struct fake_client watcher;
    fake_client_open(&watcher, s, "room", 0);
    fake_client_send(&watcher, json_pack("{s:s, s:s}", "type", "join", "name", "W"), 0);
    struct cp_exchange *x = publish(s, "cam");
    assert_int_equal(x->status, 201);
    assert_string_equal(http_header(x, "content-type:"), SDP);
    assert_int_equal(strncmp(http_header(x, "location:"), "/whip/room/cam/", 15), 0);
    assert_int_equal(http_header(x, "etag:")[0], '"');
    assert_int_equal(strncmp(x->answer, "v=0\r\n", 5), 0);
    json_t *p = json_object_get(fake_client_last(&watcher, "participant-joined"), "participant");
    assert_string_equal(fake_text(p, "kind"), "whip");
    assert_string_equal(fake_text(p, "name"), "cam");
    assert_int_equal(json_array_size(json_object_get(p, "sources")), 2);
    assert_int_equal(fake_client_count(&watcher, "source-added"), 0);
    assert_int_equal(status_of(publish(s, "CAM")), 409);
    assert_int_equal(status_of(ask(s, CP_DELETE, http_header(x, "location:"), "", "", "")), 200);
    assert_int_equal(status_of(ask(s, CP_DELETE, http_header(x, "location:"), "", "", "")), 404);
    assert_non_null(fake_client_last(&watcher, "participant-left"));
    assert_int_equal(fake.endpoints, 0);
    cp_exchange_unref(x);
    fake_client_send(&watcher, json_pack("{s:s}", "type", "leave"), 0);
    fake_client_free(&watcher);
}

static void test_refusals(void **state)
{
    struct cp_service *s = *state;
    char *sdp = vector("chromium-whip"), *viewer = vector("chromium-whep");
    assert_int_equal(status_of(ask(s, CP_POST, "/whip/r/n", "text/plain", sdp, "")), 415);
    assert_int_equal(status_of(ask(s, CP_POST, "/whip/r/n", SDP, "nonsense", "")), 400);
    assert_int_equal(status_of(ask(s, CP_POST, "/whip/r/n", SDP, "", "")), 400);
    assert_int_equal(status_of(ask(s, CP_POST, "/whip/r/n", SDP, viewer, "")), 422);
    assert_int_equal(status_of(ask(s, CP_POST, "/whep/r/n", SDP, viewer, "")), 404);
    char **parts = g_strsplit(sdp, "UDP/TLS/RTP/SAVPF", -1);
    char *plain = g_strjoinv("RTP/AVP", parts);
    assert_int_equal(status_of(ask(s, CP_POST, "/whip/r/n", SDP, plain, "")), 406);
    g_strfreev(parts);
    g_free(plain);
    fake.ready = false;
    struct cp_exchange *x = ask(s, CP_POST, "/whip/r/n", SDP, sdp, "");
    assert_int_equal(x->status, 503);
    assert_string_equal(http_header(x, "retry-after:"), "5");
    assert_string_equal(http_header(x, "content-type:"), "application/problem+json");
    cp_exchange_unref(x);
    fake.ready = true;
    s->draining = true;
    assert_int_equal(status_of(ask(s, CP_POST, "/whip/r/n", SDP, sdp, "")), 503);
    assert_int_equal(g_hash_table_size(s->rooms.by_name), 0);
    assert_int_equal(fake.endpoints, 0);
    free(sdp);
    free(viewer);
}

static void test_patch(void **state)
{
    struct cp_service *s = *state;
    struct cp_exchange *x = publish(s, "cam");
    const char *path = http_header(x, "location:"), *etag = http_header(x, "etag:");
    static const char restart[] = "a=ice-ufrag:NewU\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n";
    char same[256];
    struct cp_resource *r = g_hash_table_lookup(s->resources, strrchr(path, '/') + 1);
    const struct cp_negotiation *n = r->participant->media->negotiation;
    snprintf(same, sizeof(same), "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=end-of-candidates\r\n",
             n->remote_ufrag, n->remote_pwd);
    assert_int_equal(status_of(ask(s, CP_PATCH, path, SDP, same, etag)), 415);
    assert_int_equal(status_of(ask(s, CP_PATCH, path, FRAGMENT, same, "")), 428);
    assert_int_equal(status_of(ask(s, CP_PATCH, path, FRAGMENT, same, "\"other\"")), 412);
    assert_int_equal(status_of(ask(s, CP_PATCH, path, FRAGMENT, "?", etag)), 400);
    assert_int_equal(status_of(ask(s, CP_PATCH, path, FRAGMENT, same, etag)), 204);
    assert_int_equal(status_of(ask(s, CP_PATCH, path, FRAGMENT, restart, etag)), 412);
    struct cp_exchange *y = ask(s, CP_PATCH, path, FRAGMENT, restart, "*");
    assert_int_equal(y->status, 200);
    assert_string_equal(http_header(y, "content-type:"), FRAGMENT);
    assert_string_not_equal(http_header(y, "etag:"), etag);
    assert_non_null(strstr(y->answer, "a=ice-ufrag:new1\r\n"));
    assert_non_null(strstr(y->answer, "198.18.0.2 10000 typ host"));
    assert_int_equal(status_of(ask(s, CP_PATCH, path, FRAGMENT, same, etag)), 412);
    cp_exchange_unref(y);
    assert_int_equal(status_of(ask(s, CP_PATCH, "/whip/room/other/0", FRAGMENT, same, etag)), 404);
    cp_exchange_unref(x);
}

static void test_whep(void **state)
{
    struct cp_service *s = *state;
    struct cp_exchange *pub = publish(s, "cam");
    char *sdp = vector("chromium-whep");
    struct cp_exchange *x = ask(s, CP_POST, "/whep/room/Cam", SDP, sdp, "");
    assert_int_equal(x->status, 201);
    assert_int_equal(strncmp(http_header(x, "location:"), "/whep/room/Cam/", 15), 0);
    struct cp_resource *r =
        g_hash_table_lookup(s->resources, strrchr(http_header(x, "location:"), '/') + 1);
    assert_false(r->participant->announced);
    const GPtrArray *subs = r->participant->subscriptions;
    assert_true(subs->len >= 2);
    for (guint i = 0; i < subs->len; i++)
        assert_non_null(((struct cp_subscription *)subs->pdata[i])->source);
    /* The publisher goes and comes again: the viewer is filled anew. */
    assert_int_equal(status_of(ask(s, CP_DELETE, http_header(pub, "location:"), "", "", "")), 200);
    assert_null(((struct cp_subscription *)subs->pdata[0])->source);
    cp_exchange_unref(pub);
    pub = publish(s, "cam");
    for (guint i = 0; i < subs->len; i++)
        assert_non_null(((struct cp_subscription *)subs->pdata[i])->source);
    cp_exchange_unref(pub);
    cp_exchange_unref(x);
    free(sdp);
}

static void test_health_and_admin(void **state)
{
    struct cp_service *s = *state;
    cp_exchange_unref(publish(s, "cam"));
    struct cp_exchange *x = ask(s, CP_GET, "/healthz", "", "", "");
    assert_int_equal(x->status, 200);
    assert_non_null(strstr(x->answer, "\"status\":\"ok\""));
    cp_exchange_unref(x);
    fake.up = fake.ready = false;
    x = ask(s, CP_GET, "/healthz", "", "", "");
    assert_int_equal(x->status, 200);
    assert_non_null(strstr(x->answer, "\"status\":\"degraded\""));
    cp_exchange_unref(x);
    x = ask(s, CP_GET, "/metrics", "", "", "");
    assert_int_equal(x->status, 200);
    assert_non_null(strstr(x->answer, "\nheadrace_participants{kind=\"whip\"} 1\n"));
    assert_non_null(strstr(x->answer, "\nheadrace_punts_total 7\n"));
    cp_exchange_unref(x);
    fake.up = fake.ready = true;
    x = ask(s, CP_GET, "/admin/rooms", "", "", "");
    assert_non_null(strstr(x->answer, "\"name\":\"room\",\"participants\":1,\"sources\":2"));
    cp_exchange_unref(x);
    x = ask(s, CP_GET, "/admin/rooms/ROOM", "", "", "");
    assert_int_equal(x->status, 200);
    assert_non_null(strstr(x->answer, "\"codec\":\"opus\""));
    cp_exchange_unref(x);
    assert_int_equal(status_of(ask(s, CP_GET, "/admin/rooms/none", "", "", "")), 404);
    assert_int_equal(status_of(ask(s, CP_GET, "/admin/status", "", "", "")), 200);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, http_set_up, http_tear_down)
    const struct CMUnitTest tests[] = {
        T(test_links), T(test_post_and_delete),  T(test_refusals), T(test_patch),
        T(test_whep),  T(test_health_and_admin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
