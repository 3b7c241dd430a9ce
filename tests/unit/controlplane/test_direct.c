/* Two people alone: what is passed between their browsers, what is refused, when it begins and
 * ends. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/direct.h"
#include "controlplane/direct_sdp.h"
#include "tests/unit/controlplane/fake_transport.h"
#include "tests/unit/controlplane/sdp_support.h"

#define PRINT                                                                                      \
    "A0:A1:A2:A3:A4:A5:A6:A7:A8:A9:AA:AB:AC:AD:AE:AF:B0:B1:B2:B3:B4:B5:B6:B7:B8:B9:BA:BB:BC:BD:"   \
    "BE:BF"

#define HEAD    "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nt=0 0\r\n"
#define BUNDLE  "a=group:BUNDLE 0 1\r\n"
#define AUDIO   "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n"
#define VIDEO   "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n"
#define ICE \
    "a=ice-ufrag:CLie\r\na=ice-pwd:clientPasswordOf24Bytes0\r\na=ice-options:trickle\r\n"
#define DTLS    "a=fingerprint:sha-256 " PRINT "\r\n"
#define ACTPASS "a=setup:actpass\r\n"
#define ACTIVE  "a=setup:active\r\n"
#define MUX     "a=rtcp-mux\r\n"
#define CAND    "a=candidate:1 1 udp 2130706431 192.0.2.9 50000 typ host\r\n"
#define OPUS    "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n"
#define VP8                                                                                        \
    "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=rtpmap:96 VP8/90000\r\n"                  \
    "a=rtcp-fb:96 nack pli\r\na=ssrc:1234 cname:x\r\n"

#define GOOD(setup) HEAD BUNDLE AUDIO ICE DTLS setup MUX CAND OPUS VIDEO ICE DTLS setup MUX CAND VP8

/* ---- descriptions */

static int check(const char *text, const struct cp_direct_shape *offer, struct cp_direct_shape *out,
                 struct cp_sdp_error *err)
{
    struct cp_sdp *sdp = sdp_parse_text(text);
    *err = (struct cp_sdp_error){0};
    int rc = cp_direct_sdp_check(sdp, offer, out, err);
    cp_sdp_free(sdp);
    return rc;
}

static void test_bad_descriptions(void **state)
{
    static const struct {
        bool answer;
        const char *text, *why;
    } rows[] = {
        {false, HEAD, "0 media sections"},
        {false, HEAD "a=ice-lite\r\n" BUNDLE AUDIO ICE DTLS ACTPASS MUX OPUS, "ice-lite"},
        {false, HEAD AUDIO ICE DTLS ACTPASS MUX OPUS, "BUNDLE"},
        {false, HEAD BUNDLE AUDIO DTLS ACTPASS MUX OPUS VIDEO ICE DTLS ACTPASS MUX VP8,
         "ice-ufrag"},
        {false, HEAD BUNDLE AUDIO ICE ACTPASS MUX OPUS VIDEO ICE DTLS ACTPASS MUX VP8,
         "a=fingerprint"},
        {false, HEAD BUNDLE AUDIO ICE DTLS ACTPASS OPUS VIDEO ICE DTLS ACTPASS MUX VP8, "rtcp-mux"},
        {false,
         HEAD BUNDLE AUDIO ICE DTLS ACTPASS MUX OPUS VIDEO
         "a=ice-ufrag:other\r\na=ice-pwd:clientPasswordOf24Bytes0\r\n" DTLS ACTPASS MUX VP8,
         "another transport"},
        {false, GOOD(ACTIVE), "not actpass"},
        {true, GOOD(ACTPASS), "not active or passive"},
        {true, HEAD BUNDLE AUDIO ICE DTLS ACTIVE MUX OPUS "a=x\r\n" VIDEO ICE DTLS ACTIVE VP8,
         "rtcp-mux"},
        {true, HEAD "a=group:BUNDLE 0\r\n" AUDIO ICE DTLS ACTIVE MUX OPUS, "1 media sections"},
        {true,
         HEAD BUNDLE "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n" ICE DTLS ACTIVE MUX VIDEO ICE
             DTLS ACTIVE MUX,
         "mid 0"},
        {false, HEAD BUNDLE "m=audio 9 RTP/SAVP 111\r\na=mid:0\r\n" ICE DTLS ACTPASS MUX,
         "not UDP/TLS"},
        {false, HEAD BUNDLE "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n" ICE DTLS ACTPASS MUX,
         "stopped"},
        {false,
         HEAD BUNDLE
         "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n" ICE DTLS ACTPASS,
         "neither audio nor video"},
    };
    struct cp_direct_shape offer, shape;
    struct cp_sdp_error err;
    assert_int_equal(check(GOOD(ACTPASS), NULL, &offer, &err), 0);
    assert_int_equal(check(GOOD(ACTIVE), &offer, &shape, &err), 0);
    assert_string_equal(shape.ufrag, "CLie");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (check(rows[i].text, rows[i].answer ? &offer : NULL, &shape, &err) == 0)
            fail_msg("taken, row %zu", i);
        if (!strstr(err.text, rows[i].why))
            fail_msg("row %zu: %s", i, err.text);
    }
}

static char *readdressed(struct cp_sdp *sdp)
{
    static const struct cp_local_candidate ours[] = {{"198.18.0.2", 10000}, {"2001:2::2", 10000}};
    const struct cp_direct_ice ice = {"OURS", "ourPasswordThatIsLongEnough", ours, 2};
    size_t len;
    assert_int_equal(cp_direct_sdp_readdress(sdp, &ice), 0);
    char *text = cp_sdp_write(sdp, &len);
    assert_non_null(text);
    return text;
}

static unsigned count(const char *text, const char *part)
{
    unsigned n = 0;
    for (; (text = strstr(text, part)); text++)
        n++;
    return n;
}

static void test_only_ice_is_replaced(void **state)
{
    struct cp_sdp *sdp = sdp_parse_text(GOOD(ACTPASS));
    char *text = readdressed(sdp);
    static const char *const kept[] = {DTLS,
                                       ACTPASS,
                                       OPUS,
                                       "a=rtcp-fb:96 nack pli\r\n",
                                       "a=ssrc:1234 cname:x\r\n",
                                       "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
                                       BUNDLE,
                                       "a=mid:1\r\n",
                                       MUX};
    static const char *const gone[] = {"CLie", "clientPassword", "192.0.2.9", "trickle"};
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        if (!strstr(text, kept[i]))
            fail_msg("not kept: %s", kept[i]);
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
        if (strstr(text, gone[i]))
            fail_msg("still there: %s", gone[i]);
    assert_int_equal(count(text, "a=ice-lite\r\n"), 1);
    assert_int_equal(count(text, "a=ice-ufrag:OURS\r\n"), 2);
    assert_int_equal(count(text, "a=candidate:"), 2); /* of the tagged section alone */
    assert_int_equal(count(text, "a=candidate:1 1 udp 2130706431 198.18.0.2 10000 typ host\r\n"),
                     1);
    assert_int_equal(count(text, DTLS), 2);
    free(text);
    cp_sdp_free(sdp);
}

/* What real browsers offer, and Firefox's way of saying it once for the session. */
static void test_real_offers(void **state)
{
    static const char *const names[] = {"chromium-publish", "firefox-publish"};
    for (size_t i = 0; i < 2; i++) {
        struct cp_direct_shape shape, again;
        struct cp_sdp_error err = {0};
        struct cp_sdp *sdp = sdp_parse_vector(names[i]);
        if (cp_direct_sdp_check(sdp, NULL, &shape, &err))
            fail_msg("%s: line %u: %s", names[i], err.line, err.text);
        char *text = readdressed(sdp);
        cp_sdp_free(sdp);
        sdp = sdp_parse_text(text);
        assert_int_equal(count(text, "a=fingerprint:sha-256 "), sdp->n_media);
        sdp->ice_lite = false; /* the one thing that the check would not take back */
        assert_int_equal(cp_direct_sdp_check(sdp, NULL, &again, &err), 0);
        assert_string_equal(again.ufrag, "OURS");
        assert_memory_equal(again.mids, shape.mids, sizeof(shape.mids));
        cp_sdp_free(sdp);
        free(text);
    }
}

/* ---- two in a room */

struct world {
    struct cp_service service;
    struct fake_client a, b, c;
    uint64_t now;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    fake_service(&w->service);
    fake_client_open(&w->a, &w->service, "room", 0);
    fake_client_open(&w->b, &w->service, "room", 0);
    fake_client_open(&w->c, &w->service, "room", 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    fake_service_free(&w->service);
    fake_client_free(&w->a);
    fake_client_free(&w->b);
    fake_client_free(&w->c);
    free(w);
    return 0;
}

static void enter(struct fake_client *c, bool direct)
{
    size_t len;
    char *sdp = sdp_read("chromium-publish", ".sdp", &len);
    fake_client_send(c, json_pack("{s:s, s:s, s:b}", "type", "join", "name", "A", "direct", direct),
                     0);
    fake_client_send(c, json_pack("{s:s, s:s}", "type", "offer", "sdp", sdp), 0);
    assert_non_null(fake_client_last(c, "answer"));
    cp_media_connected(c->session.participant->media);
    free(sdp);
}

static void pass(struct world *w, unsigned ms)
{
    for (; ms >= 1000; ms -= 1000) {
        w->now += 1000;
        cp_rooms_tick(&w->service.rooms, w->now);
    }
}

static void say(struct fake_client *c, const char *type, const char *id, const char *key,
                const char *value)
{
    fake_client_send(c, json_pack("{s:s, s:s, s:s}", "type", type, "id", id, key, value), 0);
}

static void begin(struct world *w)
{
    enter(&w->a, true);
    enter(&w->b, true);
    assert_null(fake_client_last(&w->a, "direct"));
    pass(w, 3000);
    assert_string_equal(fake_text(fake_client_last(&w->a, "direct"), "role"), "offerer");
    assert_string_equal(fake_text(fake_client_last(&w->a, "direct"), "participant"), "p2");
    assert_string_equal(fake_text(fake_client_last(&w->b, "direct"), "role"), "answerer");
}

static void run(struct world *w)
{
    begin(w);
    unsigned before = fake.endpoints;
    fake_client_send(&w->a,
                     json_pack("{s:s, s:s, s:s, s:[{s:s, s:s}]}", "type", "direct-offer", "id",
                               "d1", "sdp", GOOD(ACTPASS), "sources", "mid", "1", "label",
                               "camera"),
                     0);
    assert_int_equal(fake.endpoints, before + 2);
    say(&w->b, "direct-answer", "d1", "sdp", GOOD(ACTIVE));
}

static void test_descriptions_pass_through(void **state)
{
    struct world *w = *state;
    run(w);
    const json_t *offer = fake_client_last(&w->b, "direct-offer");
    const json_t *answer = fake_client_last(&w->a, "direct-answer");
    assert_non_null(offer);
    assert_non_null(answer);
    assert_non_null(strstr(fake_text(offer, "sdp"), DTLS ACTPASS));
    assert_non_null(strstr(fake_text(answer, "sdp"), DTLS ACTIVE));
    assert_null(strstr(fake_text(offer, "sdp"), "CLie"));
    const json_t *source = json_array_get(json_object_get(offer, "sources"), 0);
    assert_string_equal(fake_text(source, "label"), "camera");
    assert_string_equal(fake_text(source, "mid"), "1");
    say(&w->a, "direct-state", "d1", "state", "direct");
    assert_string_equal(fake_text(fake_client_last(&w->b, "direct-state"), "state"), "direct");
    assert_null(fake_client_last(&w->a, "direct-end"));
    assert_null(fake_client_last(&w->a, "error"));
}

static void test_a_third_ends_it(void **state)
{
    struct world *w = *state;
    run(w);
    unsigned with = fake.endpoints;
    fake_client_send(&w->c, json_pack("{s:s, s:s}", "type", "join", "name", "C"), 0);
    assert_string_equal(fake_text(fake_client_last(&w->a, "direct-end"), "reason"), "joined");
    assert_string_equal(fake_text(fake_client_last(&w->b, "direct-end"), "reason"), "joined");
    say(&w->a, "direct-state", "d1", "state", "relay");
    assert_string_equal(fake_text(fake_client_last(&w->b, "direct-state"), "state"), "relay");
    assert_int_equal(fake.endpoints, with); /* passed on until both are back */
    say(&w->b, "direct-state", "d1", "state", "relay");
    assert_int_equal(fake.endpoints, with - 2);
    pass(w, 30000);
    assert_int_equal(fake_client_count(&w->a, "direct"), 1);
    fake_client_send(&w->c, json_pack("{s:s}", "type", "leave"), 0);
    pass(w, CP_DIRECT_AGAIN_MS - 1000);
    assert_int_equal(fake_client_count(&w->a, "direct"), 1);
    pass(w, 3000);
    assert_int_equal(fake_client_count(&w->a, "direct"), 2);
}

static void test_who_does_not_come_back_is_not_waited_for(void **state)
{
    struct world *w = *state;
    run(w);
    unsigned with = fake.endpoints;
    fake_client_send(&w->c, json_pack("{s:s, s:s}", "type", "join", "name", "C"), 0);
    say(&w->a, "direct-state", "d1", "state", "relay");
    pass(w, CP_DIRECT_BACK_MS);
    assert_int_equal(fake.endpoints, with);
    pass(w, 2000);
    assert_int_equal(fake.endpoints, with - 2);
}

static void test_one_leaves(void **state)
{
    struct world *w = *state;
    run(w);
    fake_client_send(&w->b, json_pack("{s:s}", "type", "leave"), 0);
    assert_string_equal(fake_text(fake_client_last(&w->a, "direct-end"), "reason"), "left");
    assert_int_equal(fake.endpoints, 1); /* hers, in the ordinary way */
    say(&w->a, "direct-state", "d1", "state", "relay");
    assert_null(fake_client_last(&w->a, "error"));
}

static void test_what_begins_it(void **state)
{
    struct world *w = *state;
    enter(&w->a, true);
    pass(w, 5000);
    assert_null(fake_client_last(&w->a, "direct")); /* alone */
    enter(&w->b, false);
    pass(w, 5000);
    assert_null(fake_client_last(&w->a, "direct")); /* an older page */
    fake_client_send(&w->b, json_pack("{s:s}", "type", "leave"), 0);
    enter(&w->c, true);
    w->c.session.participant->media->connected = false;
    pass(w, 5000);
    assert_null(fake_client_last(&w->a, "direct"));
    w->c.session.participant->media->connected = true;
    fake.ready = false;
    pass(w, 5000);
    assert_null(fake_client_last(&w->a, "direct"));
    fake.ready = true;
    pass(w, 3000);
    assert_non_null(fake_client_last(&w->a, "direct"));
}

static void test_bad_offers_end_it(void **state)
{
    struct world *w = *state;
    begin(w);
    say(&w->b, "direct-offer", "d1", "sdp", GOOD(ACTPASS)); /* not her part */
    say(&w->a, "direct-offer", "d7", "sdp", GOOD(ACTPASS)); /* another one */
    assert_null(fake_client_last(&w->b, "direct-offer"));
    say(&w->a, "direct-offer", "d1", "sdp", HEAD);
    assert_string_equal(fake_text(fake_client_last(&w->a, "error"), "code"), "bad_sdp");
    assert_string_equal(fake_text(fake_client_last(&w->b, "direct-end"), "reason"), "failed");
    say(&w->a, "direct-offer", "d1", "sdp", GOOD(ACTPASS));
    assert_null(fake_client_last(&w->b, "direct-offer"));
    pass(w, CP_DIRECT_RETRY_MS);
    assert_int_equal(fake_client_count(&w->a, "direct"), 1);
    pass(w, CP_DIRECT_BACK_MS + 3000);
    assert_int_equal(fake_client_count(&w->a, "direct"), 2);
}

static void test_an_offer_is_not_waited_for(void **state)
{
    struct world *w = *state;
    begin(w);
    pass(w, CP_DIRECT_ANSWER_MS + 1000);
    assert_string_equal(fake_text(fake_client_last(&w->b, "direct-end"), "reason"), "timeout");
}

static void test_no_room_for_endpoints(void **state)
{
    struct world *w = *state;
    begin(w);
    fake.refuse_endpoint = -ENOSPC;
    say(&w->a, "direct-offer", "d1", "sdp", GOOD(ACTPASS));
    assert_string_equal(fake_text(fake_client_last(&w->a, "error"), "code"), "server_full");
    assert_non_null(fake_client_last(&w->b, "direct-end"));
}

/* What the one who comes back is told. */
static void test_resuming(void **state)
{
    struct world *w = *state;
    run(w);
    const char *token = w->a.session.participant->resume;
    fake_client_send(&w->c,
                     json_pack("{s:s, s:s, s:s, s:b}", "type", "join", "name", "A", "resume", token,
                               "direct", 1),
                     0);
    assert_string_equal(fake_text(fake_client_last(&w->c, "joined"), "direct"), "d1");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_descriptions),
        cmocka_unit_test(test_only_ice_is_replaced),
        cmocka_unit_test(test_real_offers),
        T(test_descriptions_pass_through),
        T(test_a_third_ends_it),
        T(test_who_does_not_come_back_is_not_waited_for),
        T(test_one_leaves),
        T(test_what_begins_it),
        T(test_bad_offers_end_it),
        T(test_an_offer_is_not_waited_for),
        T(test_no_room_for_endpoints),
        T(test_resuming),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
