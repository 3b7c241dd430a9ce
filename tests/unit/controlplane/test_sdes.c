#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/whip.h"
#include "tests/unit/controlplane/fake_transport.h"
#include "tests/unit/controlplane/http_support.h"
#include "tests/unit/controlplane/sdp_support.h"

#define HEAD   "v=0\r\no=- 1 1 IN IP4 198.18.0.1\r\ns=-\r\nc=IN IP4 198.18.0.1\r\nt=0 0\r\n"
#define KEY    "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0" /* 30 bytes: 0..9, a..t */
#define OTHER  "dHNycXBvbm1sa2ppaGdmZWRjYmE5ODc2NTQzMjEw"
#define GCM    "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3Bxcg==" /* 28 bytes */
#define SHA    "AES_CM_128_HMAC_SHA1_80"
#define VIDEO  "m=video 5004 RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\na=rtcp-mux\r\n"
#define CRYPTO "a=crypto:1 " SHA " inline:" KEY "\r\n"
#define SEND   "a=sendonly\r\n"
#define RECV   "a=recvonly\r\n"

static struct cp_exchange *ask(struct cp_service *s, enum cp_method method, const char *path,
                               const char *body, bool cleartext)
{
    return http_ask(s,
                    &(struct http_request){method, path, "application/sdp", body, NULL, cleartext});
}

static struct cp_exchange *post(struct cp_service *s, const char *path, const char *body)
{
    return ask(s, CP_POST, path, body, false);
}

/* Refused with this status, and a text that says so. */
static void refused(struct cp_service *s, const char *body, int status, const char *text)
{
    struct cp_exchange *x = post(s, "/sdes/room/bad", body);
    if (x->status != status || !strstr(x->answer, text))
        fail_msg("%d %s\nfor\n%s", x->status, x->answer, body);
    cp_exchange_unref(x);
}

static const struct cp_participant *by_location(struct cp_service *s, const struct cp_exchange *x)
{
    const char *location = http_header(x, "location:");
    struct cp_resource *r = g_hash_table_lookup(s->resources, strrchr(location, '/') + 1);
    return r->participant;
}

static bool has_line(const struct cp_exchange *x, const char *line)
{
    char *wanted = g_strdup_printf("\r\n%s\r\n", line);
    bool found = strstr(x->answer, wanted) != NULL;
    g_free(wanted);
    return found;
}

/* The key of the answer's one crypto line. */
static void answered_key(const struct cp_exchange *x, struct cp_srtp_key *key)
{
    struct cp_sdp *sdp = sdp_parse_text(x->answer);
    assert_int_equal(sdp->media[0].n_cryptos, 1);
    assert_null(sdp->media[0].cryptos[0].problem);
    *key = sdp->media[0].cryptos[0].key;
    cp_sdp_free(sdp);
}

static void a_publisher_is_a_participant(void **state)
{
    struct cp_service *s = *state;
    struct fake_client watcher;
    struct cp_srtp_key key;
    fake_client_open(&watcher, s, "room", 0);
    fake_client_send(&watcher, json_pack("{s:s, s:s}", "type", "join", "name", "W"), 0);
    struct cp_exchange *x =
        post(s, "/sdes/room/cam", HEAD VIDEO CRYPTO SEND "a=ssrc:4711 cname:c\r\n");
    assert_int_equal(x->status, 201);
    assert_int_equal(strncmp(http_header(x, "location:"), "/sdes/room/cam/", 15), 0);
    assert_string_equal(http_header(x, "cache-control:"), "no-store");
    assert_string_equal(http_header(x, "etag:"), "");
    assert_true(has_line(x, "m=video 10000 RTP/SAVPF 96"));
    assert_true(has_line(x, "c=IN IP4 198.18.0.2"));
    assert_true(has_line(x, "a=recvonly"));
    assert_true(has_line(x, "a=rtcp-mux"));
    assert_null(strstr(x->answer, "a=mid"));
    assert_null(strstr(x->answer, "ice"));
    assert_null(strstr(x->answer, "fingerprint"));
    assert_null(strstr(x->answer, KEY));
    json_t *p = json_object_get(fake_client_last(&watcher, "participant-joined"), "participant");
    assert_string_equal(fake_text(p, "kind"), "sdes");
    const struct cp_endpoint *e = by_location(s, x)->media->endpoint;
    assert_true(e->latched);
    assert_int_equal(e->ingress.profile, HR_SRTP_AES_CM_128_HMAC_SHA1_80);
    assert_memory_equal(e->ingress.bytes, "0123456789abcdefghijklmnopqrst", 30);
    answered_key(x, &key);
    assert_true(cp_srtp_key_same(&key, &e->egress));
    assert_false(cp_srtp_key_same(&key, &e->ingress));
    assert_int_equal(e->n_ssrcs, 1);
    assert_int_equal(e->first_ssrc, 4711);
    assert_int_equal(e->wait_ms, 60000);
    assert_int_equal(e->silence_ms, 30000);
    assert_int_equal(fake.n_sources, 1);
    assert_int_equal(fake.sources[0].payloads, 1);
    struct cp_exchange *y = post(s, "/sdes/room/CAM", HEAD VIDEO CRYPTO SEND);
    assert_int_equal(y->status, 409);
    cp_exchange_unref(y);
    y = ask(s, CP_PATCH, http_header(x, "location:"), "", false);
    assert_int_equal(y->status, 204);
    assert_int_equal(fake.renewals, 1);
    cp_exchange_unref(y);
    y = ask(s, CP_DELETE, http_header(x, "location:"), "", false);
    assert_int_equal(y->status, 200);
    assert_int_equal(fake.endpoints, 0);
    cp_exchange_unref(y);
    cp_exchange_unref(x);
    fake_client_send(&watcher, json_pack("{s:s}", "type", "leave"), 0);
    fake_client_free(&watcher);
}

static void keys_are_ours_and_fresh(void **state)
{
    struct cp_service *s = *state;
    struct cp_srtp_key keys[2];
    for (int i = 0; i < 2; i++) {
        struct cp_exchange *x = post(s, i ? "/sdes/room/b" : "/sdes/room/a",
                                     HEAD VIDEO "a=crypto:7 AEAD_AES_128_GCM inline:" GCM "\r\n");
        assert_int_equal(x->status, 201);
        assert_non_null(strstr(x->answer, "a=crypto:7 AEAD_AES_128_GCM inline:"));
        answered_key(x, &keys[i]);
        assert_int_equal(keys[i].len, 28);
        cp_exchange_unref(x);
    }
    assert_false(cp_srtp_key_same(&keys[0], &keys[1]));
}

/* FFmpeg's own description: RTP/AVP above a=crypto, no direction, no rtcp-mux. */
static void ffmpeg_publishes(void **state)
{
    struct cp_service *s = *state;
    struct cp_exchange *x =
        post(s, "/sdes/room/ff",
             "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=No Name\nc=IN IP4 198.18.0.2\nt=0 0\n"
             "a=tool:libavformat 59\nm=video 10000 RTP/AVP 96\nb=AS:300\n"
             "a=rtpmap:96 VP8/90000\na=crypto:1 " SHA " inline:" KEY "\n");
    assert_int_equal(x->status, 201);
    assert_true(has_line(x, "m=video 10000 RTP/AVP 96"));
    assert_true(has_line(x, "a=rtcp:10000"));
    assert_null(strstr(x->answer, "rtcp-mux"));
    assert_int_equal(((struct cp_endpoint *)by_location(s, x)->media->endpoint)->n_ssrcs, 0);
    cp_exchange_unref(x);
}

static void lines_that_cannot_be_used_are_skipped(void **state)
{
    struct cp_service *s = *state;
    struct cp_exchange *x =
        post(s, "/sdes/room/cam",
             HEAD VIDEO SEND "a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:QUFB\r\n"
                             "a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:" KEY "\r\n"
                             "a=crypto:3 " SHA " inline:" OTHER "|2^20|1:4\r\n"
                             "a=crypto:4 " SHA " inline:" OTHER " UNENCRYPTED_SRTCP\r\n"
                             "a=crypto:5 " SHA " inline:" KEY "|2^31 WSH=64 -UNKNOWN\r\n");
    assert_int_equal(x->status, 201);
    assert_non_null(strstr(x->answer, "a=crypto:5 " SHA " inline:"));
    const struct cp_endpoint *e = by_location(s, x)->media->endpoint;
    assert_memory_equal(e->ingress.bytes, "0123456789", 10);
    cp_exchange_unref(x);
}

static void refusals_say_where_and_why(void **state)
{
    struct cp_service *s = *state;
    static const struct {
        const char *line, *text;
        int status;
    } rows[] = {
        {"", "line 6: no a=crypto", 422},
        {"a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:" KEY,
         "line 9: crypto 1 cannot be used: its "
         "suite is neither",
         422},
        {"a=crypto:1 " SHA " inline:" KEY "|2^20|1:4", "(MKI) is not served", 422},
        {"a=crypto:1 " SHA " inline:" KEY "|1:4", "(MKI) is not served", 422},
        {"a=crypto:1 " SHA " inline:" KEY "|2^20|1:4;inline:" OTHER "|2^20|2:4", "MKI", 422},
        {"a=crypto:1 " SHA " inline:" KEY " UNENCRYPTED_SRTP", "UNENCRYPTED_SRTP is not", 422},
        {"a=crypto:1 " SHA " inline:" KEY " UNAUTHENTICATED_SRTP", "UNAUTHENTICATED_SRTP", 422},
        {"a=crypto:1 " SHA " inline:" KEY " KDR=1", "KDR", 422},
        {"a=crypto:1 " SHA " inline:" KEY " NEW=1", "not known here", 422},
        {"a=crypto:1 " SHA " inline:" GCM, "line 9: crypto has a key of 28 bytes, " SHA, 400},
        {"a=crypto:1 " SHA " inline:" KEY "AAAA", "not base64 of 30 bytes", 400},
        {"a=crypto:1 " SHA " inline:MDEy!zQ1", "not base64", 400},
        {"a=crypto:1 " SHA " inline:", "a key of 0 bytes", 400},
        {"a=crypto:1 " SHA " " KEY, "does not begin with inline:", 400},
        {"a=crypto:1 " SHA " inline:" KEY "|soon", "lifetime", 400},
        {"a=crypto:1 " SHA, "needs a tag, a suite and a key", 400},
        {"a=crypto:x " SHA " inline:" KEY, "1 to 9 digits", 400},
        {"a=crypto:1 " SHA " inline:" KEY "\r\na=crypto:1 " SHA " inline:" KEY,
         "line 10: crypto tag 1 is that of line 9", 400},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *body =
            g_strdup_printf("%s%s%s", HEAD VIDEO, rows[i].line, *rows[i].line ? "\r\n" : "");
        refused(s, body, rows[i].status, rows[i].text);
        g_free(body);
    }
    refused(s, HEAD "m=video 5004 RTP/SAVP 99\r\na=rtpmap:99 H263/90000\r\n" CRYPTO, 406,
            "no codec in common");
    refused(s, HEAD "m=video 5004 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n" CRYPTO, 406,
            "neither RTP/SAVP nor RTP/SAVPF");
    refused(s, HEAD VIDEO CRYPTO SEND VIDEO CRYPTO RECV, 422, "one session does either");
    refused(s, HEAD VIDEO CRYPTO "a=inactive\r\n", 422, "no section of audio or video");
    refused(s, HEAD VIDEO CRYPTO RECV, 404, "nobody of this name");
    refused(s, "nonsense", 400, "line 1");
    assert_int_equal(g_hash_table_size(s->rooms.by_name), 0);
    assert_int_equal(fake.endpoints, 0);
}

static void keys_do_not_cross_the_network_in_the_clear(void **state)
{
    struct cp_service *s = *state;
    struct hr_config config = *s->config;
    struct cp_exchange *x = ask(s, CP_POST, "/sdes/room/cam", HEAD VIDEO CRYPTO SEND, true);
    assert_int_equal(x->status, 403);
    assert_non_null(strstr(x->answer, "http.sdes_cleartext"));
    cp_exchange_unref(x);
    config.http.sdes_cleartext = true;
    const struct hr_config *before = s->config;
    s->config = &config;
    x = ask(s, CP_POST, "/sdes/room/cam", HEAD VIDEO CRYPTO SEND, true);
    assert_int_equal(x->status, 201);
    cp_exchange_unref(x);
    s->config = before;
}

#define BUNDLE                                                                                     \
    HEAD "a=group:BUNDLE a v\r\nm=audio 5004 RTP/SAVPF 97\r\na=rtpmap:97 opus/48000/2\r\n"         \
         "a=mid:a\r\na=rtcp-mux\r\n"

static void a_bundle_has_one_key(void **state)
{
    struct cp_service *s = *state;
    struct cp_exchange *x =
        post(s, "/sdes/room/av", BUNDLE CRYPTO SEND VIDEO CRYPTO SEND "a=mid:v\r\n");
    assert_int_equal(x->status, 201);
    assert_true(has_line(x, "a=group:BUNDLE a v"));
    assert_true(has_line(x, "a=mid:v"));
    assert_int_equal(fake.n_sources, 2);
    cp_exchange_unref(x);
    refused(s, BUNDLE CRYPTO SEND VIDEO SEND "a=mid:v\r\na=crypto:1 " SHA " inline:" OTHER "\r\n",
            422, "line 18: not the key of line 11");
    /* RFC 8859: what a section of the bundle does not say it takes from the first. */
    x = post(s, "/sdes/room/av2", BUNDLE CRYPTO SEND VIDEO SEND "a=mid:v\r\n");
    assert_int_equal(x->status, 201);
    cp_exchange_unref(x);
}

#define AUDIO                                                                                      \
    "m=audio 5008 RTP/SAVP 97\r\na=rtpmap:97 opus/48000/2\r\na=crypto:1 " SHA " inline:" OTHER     \
    "\r\n"

/* As FFmpeg sends: each section from a socket of its own. */
static void sections_without_a_bundle_have_an_endpoint_each(void **state)
{
    struct cp_service *s = *state;
    struct fake_client watcher;
    fake_client_open(&watcher, s, "room", 0);
    fake_client_send(&watcher, json_pack("{s:s, s:s}", "type", "join", "name", "W"), 0);
    struct cp_exchange *x = post(s, "/sdes/room/film", HEAD VIDEO CRYPTO SEND AUDIO SEND);
    assert_int_equal(x->status, 201);
    assert_true(has_line(x, "m=audio 10000 RTP/SAVP 97"));
    assert_int_equal(fake.endpoints, 2);
    struct cp_media *m = by_location(s, x)->media;
    struct cp_endpoint *video = cp_media_endpoint(m, "0"), *audio = cp_media_endpoint(m, "1");
    assert_ptr_not_equal(video, audio);
    assert_memory_equal(video->ingress.bytes, "0123456789", 10);
    assert_memory_equal(audio->ingress.bytes, "tsrqponmlk", 10);
    assert_false(cp_srtp_key_same(&video->egress, &audio->egress));
    assert_int_equal(fake.sources[0].endpoint, video->id);
    assert_int_equal(fake.sources[1].endpoint, audio->id);
    /* Each is received bit for bit by who has its key. */
    struct cp_exchange *y = post(s, "/sdes/room/film", HEAD AUDIO RECV VIDEO CRYPTO RECV);
    assert_int_equal(y->status, 201);
    const struct cp_media *viewer = by_location(s, y)->media;
    assert_true(cp_media_opaque(viewer, "0") && cp_media_opaque(viewer, "1"));
    assert_int_equal(fake_subscription(cp_media_endpoint(viewer, "0")->id, "0")->source,
                     fake.sources[1].id);
    cp_exchange_unref(y);
    y = ask(s, CP_PATCH, http_header(x, "location:"), "", false);
    assert_int_equal(fake.renewals, 2);
    cp_exchange_unref(y);
    /* The first falls silent: its source goes, the other stays. */
    assert_true(cp_media_lose(m, video));
    assert_ptr_equal(m->endpoint, audio);
    assert_int_equal(fake_client_count(&watcher, "source-removed"), 1);
    assert_int_equal(fake.n_sources, 1);
    assert_false(cp_media_lose(m, audio));
    y = ask(s, CP_DELETE, http_header(x, "location:"), "", false);
    cp_exchange_unref(y);
    assert_int_equal(fake.endpoints, 2); /* the viewer's */
    cp_exchange_unref(x);
    fake_client_send(&watcher, json_pack("{s:s}", "type", "leave"), 0);
    fake_client_free(&watcher);
}

static void the_same_key_receives_bit_for_bit(void **state)
{
    struct cp_service *s = *state;
    struct cp_srtp_key key;
    cp_exchange_unref(post(s, "/sdes/room/cam", HEAD VIDEO CRYPTO SEND "a=ssrc:4711 cname:c\r\n"));
    struct cp_exchange *x =
        post(s, "/sdes/room/cam",
             HEAD "m=video 5006 RTP/SAVP 97 96\r\na=rtpmap:96 VP8/90000\r\n"
                  "a=rtpmap:97 VP9/90000\r\n"
                  "a=crypto:1 " SHA " inline:" OTHER "\r\n"
                  "a=crypto:2 " SHA " inline:" KEY "\r\n" RECV "a=ssrc:42 cname:r\r\n");
    assert_int_equal(x->status, 201);
    assert_true(has_line(x, "a=crypto:2 " SHA " inline:" KEY));
    assert_true(has_line(x, "m=video 10000 RTP/SAVP 96"));
    assert_true(has_line(x, "a=sendonly"));
    assert_true(has_line(x, "a=ssrc:4711 cname:c"));
    const struct cp_participant *p = by_location(s, x);
    assert_false(p->announced);
    const struct cp_endpoint *e = p->media->endpoint;
    assert_int_equal(e->n_ssrcs, 1);
    assert_int_equal(e->first_ssrc, 42);
    answered_key(x, &key);
    /* What the relay might send itself is not under a key that somebody else sends under. */
    assert_true(cp_srtp_key_same(&key, &e->ingress));
    assert_false(cp_srtp_key_same(&key, &e->egress));
    const struct fake_subscription *sub = fake_subscription(e->id, "0");
    assert_non_null(sub);
    assert_true(sub->opaque);
    assert_int_equal(sub->source, fake.sources[0].id);
    assert_int_equal(sub->ssrc, 0);
    assert_int_equal(sub->payloads, 0);
    cp_exchange_unref(x);
}

static void opaque_needs_the_publishers_numbers(void **state)
{
    struct cp_service *s = *state;
    cp_exchange_unref(post(s, "/sdes/room/bad", HEAD VIDEO CRYPTO SEND));
    refused(s, HEAD "m=video 5006 RTP/SAVP 100\r\na=rtpmap:100 VP8/90000\r\n" CRYPTO RECV, 406,
            "payload types must be the publisher's: 96 VP8/90000");
    assert_int_equal(fake.n_subscriptions, 0);
}

static void another_key_is_rekeyed(void **state)
{
    struct cp_service *s = *state;
    cp_exchange_unref(post(s, "/sdes/room/cam", HEAD VIDEO CRYPTO SEND));
    struct cp_exchange *x = post(s, "/sdes/room/cam",
                                 HEAD "m=video 5006 RTP/SAVP 100\r\na=rtpmap:100 VP8/90000\r\n"
                                      "a=crypto:1 AEAD_AES_128_GCM inline:" GCM "\r\n" RECV);
    assert_int_equal(x->status, 201);
    assert_null(strstr(x->answer, KEY));
    assert_null(strstr(x->answer, GCM));
    const struct cp_endpoint *e = by_location(s, x)->media->endpoint;
    const struct fake_subscription *sub = fake_subscription(e->id, "0");
    assert_false(sub->opaque);
    assert_int_not_equal(sub->ssrc, 0);
    assert_int_equal(sub->from, 96);
    assert_int_equal(sub->to, 100);
    cp_exchange_unref(x);
}

static void browsers_and_sdes_see_each_other(void **state)
{
    struct cp_service *s = *state;
    size_t len;
    cp_exchange_unref(post(s, "/sdes/room/cam", HEAD VIDEO CRYPTO SEND));
    char *whep = sdp_read("chromium-whep", ".sdp", &len);
    struct cp_exchange *x = post(s, "/whep/room/cam", whep);
    assert_int_equal(x->status, 201);
    const GPtrArray *subs = by_location(s, x)->subscriptions;
    unsigned filled = 0;
    for (guint i = 0; i < subs->len; i++)
        filled += ((struct cp_subscription *)subs->pdata[i])->source != NULL;
    assert_int_equal(filled, 1); /* it publishes video alone */
    cp_exchange_unref(x);
    free(whep);
    char *whip = sdp_read("chromium-whip", ".sdp", &len);
    cp_exchange_unref(post(s, "/whip/room/browser", whip));
    free(whip);
    x = post(s, "/sdes/room/browser", HEAD VIDEO CRYPTO RECV);
    assert_int_equal(x->status, 201);
    const struct cp_participant *p = by_location(s, x);
    const struct cp_subscription *sub = p->subscriptions->pdata[0];
    assert_string_equal(sub->source->owner->name, "browser");
    assert_false(cp_media_opaque(p->media, "0"));
    cp_exchange_unref(x);
}

static void an_opaque_receiver_goes_on_under_the_same_key_alone(void **state)
{
    struct cp_service *s = *state;
    struct cp_exchange *pub = post(s, "/sdes/room/cam", HEAD VIDEO CRYPTO SEND);
    struct cp_exchange *x = post(s, "/sdes/room/cam", HEAD VIDEO CRYPTO RECV);
    uint32_t id = ((struct cp_endpoint *)by_location(s, x)->media->endpoint)->id;
    cp_exchange_unref(ask(s, CP_DELETE, http_header(pub, "location:"), "", false));
    cp_exchange_unref(pub);
    pub = post(s, "/sdes/room/cam", HEAD VIDEO "a=crypto:1 " SHA " inline:" OTHER "\r\n" SEND);
    assert_int_equal(pub->status, 201);
    assert_int_equal(fake_subscription(id, "0")->source, 0);
    assert_true(fake_subscription(id, "0")->opaque);
    cp_exchange_unref(ask(s, CP_DELETE, http_header(pub, "location:"), "", false));
    cp_exchange_unref(pub);
    pub = post(s, "/sdes/room/cam", HEAD VIDEO CRYPTO SEND);
    assert_int_equal(fake_subscription(id, "0")->source, fake.sources[0].id);
    cp_exchange_unref(pub);
    cp_exchange_unref(x);
}

static void keys_are_shown_to_nobody(void **state)
{
    struct cp_service *s = *state;
    cp_exchange_unref(post(s, "/sdes/room/cam", HEAD VIDEO CRYPTO SEND));
    static const char *const paths[] = {"/admin/rooms", "/admin/rooms/room", "/admin/status",
                                        "/metrics", "/healthz"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct cp_exchange *x = ask(s, CP_GET, paths[i], "", false);
        assert_int_equal(x->status, 200);
        assert_null(strstr(x->answer, "MDEyMzQ1"));
        assert_null(strstr(x->answer, "0123456789abc"));
        cp_exchange_unref(x);
    }
}

/* A receiver with the same key gets all of it, so the loudest of a room are not chosen from it. */
static void its_voice_is_always_forwarded(void **state)
{
    struct cp_service *s = *state;
    struct cp_exchange *x =
        post(s, "/sdes/room/mic",
             HEAD "m=audio 5004 RTP/SAVPF 96\r\na=rtpmap:96 opus/48000/2\r\na=rtcp-mux\r\n"
                  "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n" CRYPTO SEND);
    assert_int_equal(x->status, 201);
    assert_true(has_line(x, "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level"));
    assert_int_equal(fake.n_sources, 1);
    assert_int_equal(fake.sources[0].room, 0);
    cp_exchange_unref(x);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, http_set_up, http_tear_down)
    const struct CMUnitTest tests[] = {
        T(a_publisher_is_a_participant),
        T(keys_are_ours_and_fresh),
        T(ffmpeg_publishes),
        T(lines_that_cannot_be_used_are_skipped),
        T(refusals_say_where_and_why),
        T(keys_do_not_cross_the_network_in_the_clear),
        T(a_bundle_has_one_key),
        T(sections_without_a_bundle_have_an_endpoint_each),
        T(the_same_key_receives_bit_for_bit),
        T(opaque_needs_the_publishers_numbers),
        T(another_key_is_rekeyed),
        T(browsers_and_sdes_see_each_other),
        T(an_opaque_receiver_goes_on_under_the_same_key_alone),
        T(keys_are_shown_to_nobody),
        T(its_voice_is_always_forwarded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
