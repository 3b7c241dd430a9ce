/* Commands: what they refuse, that Puts are idempotent, what deletes take along, and reading back.
 */
#include "rig.h"

#include <stdio.h>
#include <string.h>

#define GCM HR_SRTP_AEAD_AES_128_GCM
#define CM  HR_SRTP_AES_CM_128_HMAC_SHA1_80

#define ENDPOINT     HEADRACE__OBJECT_DELETE__TYPE__ENDPOINT
#define SOURCE       HEADRACE__OBJECT_DELETE__TYPE__SOURCE
#define SUBSCRIPTION HEADRACE__OBJECT_DELETE__TYPE__SUBSCRIPTION

static const struct rig_exts exts = {.id = {[HR_EXT_MID] = 1}};
static struct rig_client *pub, *sub;

static void begin(void)
{
    pub = rig_client(0, GCM, exts);
    sub = rig_client(1, CM, exts);
    assert_int_equal(rig_audio(7, pub), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(1, sub, 7), HR_ERROR_OK);
}

static void send_audio(struct rig_client *c, uint16_t seq)
{
    struct rig_rtp p = {.ssrc = 7, .seq = seq, .ts = seq * 960u, .pt = 111, .len = 80};
    rig_send(c, &p);
}

/* ---- endpoints */

static enum hr_error put_endpoint(const Headrace__EndpointPut *put)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    cmd.op_case = HEADRACE__COMMAND__OP_ENDPOINT_PUT;
    cmd.endpoint_put = (Headrace__EndpointPut *)put;
    return rig_apply(&cmd);
}

static void test_bad_endpoints(void **state)
{
    uint8_t bytes[HR_COOKIE_MAX + 1] = {0};
    char text[100];
    memset(text, 'x', 99);
    text[99] = 0;
    Headrace__EndpointPut put = HEADRACE__ENDPOINT_PUT__INIT;
    assert_int_equal(put_endpoint(&put), HR_ERROR_INVALID);
    put.id = 5;
    put.cookie = (ProtobufCBinaryData){sizeof(bytes), bytes};
    assert_int_equal(put_endpoint(&put), HR_ERROR_INVALID);
    assert_string_equal(rig.detail, "endpoint 5: cookie longer than 2048 bytes");
    put.cookie.len = 0;
    put.ice_pwd = text;
    assert_int_equal(put_endpoint(&put), HR_ERROR_INVALID);
    put.ice_pwd = "";

    Headrace__SrtpKeys keys = HEADRACE__SRTP_KEYS__INIT;
    put.keys = &keys;
    keys.profile = 3;
    assert_int_equal(put_endpoint(&put), HR_ERROR_UNSUPPORTED);
    keys.profile = GCM;
    keys.ingress_key = (ProtobufCBinaryData){28, bytes};
    keys.egress_key = (ProtobufCBinaryData){27, bytes};
    assert_int_equal(put_endpoint(&put), HR_ERROR_INVALID);
    assert_string_equal(rig.detail, "endpoint 5: key with salt is not 28 bytes");
    put.keys = NULL;

    Headrace__Path path = HEADRACE__PATH__INIT;
    put.path = &path;
    assert_int_equal(put_endpoint(&put), HR_ERROR_INVALID);
    put.path = NULL;

    Headrace__Extension ext = HEADRACE__EXTENSION__INIT, *list[HR_EXTENSIONS_MAX + 1];
    for (int i = 0; i <= HR_EXTENSIONS_MAX; i++)
        list[i] = &ext;
    put.extensions = list;
    put.n_extensions = HR_EXTENSIONS_MAX + 1;
    assert_int_equal(put_endpoint(&put), HR_ERROR_INVALID);
    put.n_extensions = 1;
    ext.id = 300;
    ext.kind = HR_EXT_MID;
    assert_int_equal(put_endpoint(&put), HR_ERROR_INVALID);
    ext.id = 3;
    ext.kind = 900;
    assert_int_equal(put_endpoint(&put), HR_ERROR_INVALID);
    assert_int_equal(rig_counts().endpoints, 0);
}

static void test_same_keys_keep_state_and_others_are_refused(void **state)
{
    begin();
    send_audio(pub, 1);
    assert_int_equal(rig_endpoint(pub, true, true), HR_ERROR_OK);
    assert_int_equal(rig_endpoint(sub, true, true), HR_ERROR_OK);
    send_audio(pub, 2);
    assert_int_equal(sub->inbox_count, 2);
    rig_empty(sub); /* the receiver's replay check agrees: numbers went on */

    assert_int_equal(rig_endpoint(pub, false, true), HR_ERROR_INVALID);
    assert_string_equal(rig.detail, "endpoint 1: keys cannot be taken away");
    pub->write_key[3] ^= 1;
    assert_int_equal(rig_endpoint(pub, true, true), HR_ERROR_INVALID);
    pub->write_key[3] ^= 1;
    pub->read_key[27] ^= 1;
    assert_int_equal(rig_endpoint(pub, true, true), HR_ERROR_INVALID);
    assert_string_equal(rig.detail, "endpoint 1: keys cannot change; make a new endpoint");
    pub->read_key[27] ^= 1;
    send_audio(pub, 3);
    assert_int_equal(sub->inbox_count, 1);
}

static void test_client_moves(void **state)
{
    begin();
    send_audio(pub, 1);
    pub->udp_port = 40007;
    send_audio(pub, 2);
    assert_int_equal(rig_drops(DP_DROP_FLOW_UNKNOWN), 1);
    assert_int_equal(rig_endpoint(pub, true, true), HR_ERROR_OK);
    send_audio(pub, 3);
    pub->udp_port = 40000;
    send_audio(pub, 4);
    assert_int_equal(rig_drops(DP_DROP_FLOW_UNKNOWN), 2);
    assert_int_equal(sub->inbox_count, 2);
    rig_empty(sub);
    assert_int_equal(rig_endpoint(pub, true, false), HR_ERROR_OK); /* nowhere */
    pub->udp_port = 40007;
    send_audio(pub, 5);
    assert_int_equal(rig_drops(DP_DROP_FLOW_UNKNOWN), 3);
    for (int i = 0; i < 500; i++) { /* slots are given back */
        pub->udp_port = (uint16_t)(41000 + i);
        assert_int_equal(rig_endpoint(pub, true, true), HR_ERROR_OK);
    }
    send_audio(pub, 6);
    assert_int_equal(sub->inbox_count, 1);
}

/* Media may come by any pair that was checked, and leaves by the path. */
static void test_client_sends_from_several(void **state)
{
    begin();
    pub->also_ports[0] = 40007;
    pub->also_ports[1] = 40008;
    assert_int_equal(rig_endpoint(pub, true, true), HR_ERROR_OK);
    send_audio(pub, 1);
    pub->udp_port = 40008;
    send_audio(pub, 2);
    assert_int_equal(sub->inbox_count, 2);
    pub->also_ports[0] = 40000;
    pub->also_ports[1] = 0;
    assert_int_equal(rig_endpoint(pub, true, true), HR_ERROR_OK);
    pub->udp_port = 40000;
    send_audio(pub, 3);
    assert_int_equal(sub->inbox_count, 3);
    pub->udp_port = 40007; /* no longer */
    send_audio(pub, 4);
    assert_int_equal(rig_drops(DP_DROP_FLOW_UNKNOWN), 1);
    for (unsigned i = 0; i < HR_PATHS_MAX; i++)
        pub->also_ports[i] = (uint16_t)(42000 + i);
    assert_int_equal(rig_endpoint(pub, true, true), HR_ERROR_INVALID);
    assert_string_equal(rig.detail, "endpoint 1: 8 paths beside its own");
    assert_int_equal(rig_delete(ENDPOINT, pub->id), HR_ERROR_OK);
    pub->udp_port = 40000;
    send_audio(pub, 5);
    assert_int_equal(rig_drops(DP_DROP_FLOW_UNKNOWN), 2);
}

/* A flow that another endpoint took over is not lost when the first one goes. */
static void test_address_reused(void **state)
{
    begin();
    struct rig_client *late = &rig.clients[2];
    rig_client(2, GCM, exts);
    late->udp_port = pub->udp_port;
    assert_int_equal(rig_endpoint(late, true, true), HR_ERROR_OK);
    assert_int_equal(rig_delete(ENDPOINT, pub->id), HR_ERROR_OK);
    assert_int_equal(rig_audio(8, late), HR_ERROR_OK);
    send_audio(late, 1);
    assert_int_equal(rig_drops(DP_DROP_NO_SUBSCRIBER), 1);
}

/* ---- sources */

struct source {
    Headrace__SourcePut put;
    Headrace__Payload payload, *payloads[HR_PAYLOADS_MAX + 1];
    Headrace__SourceSsrc ssrc[4], *ssrcs[4];
    char *rids[4];
};

static struct source *good_source(void)
{
    static struct source s;
    headrace__source_put__init(&s.put);
    headrace__payload__init(&s.payload);
    s.payload.type = 96;
    s.payload.clock_rate = 90000;
    for (int i = 0; i <= HR_PAYLOADS_MAX; i++)
        s.payloads[i] = &s.payload;
    for (int i = 0; i < 4; i++) {
        headrace__source_ssrc__init(&s.ssrc[i]);
        s.ssrc[i].ssrc = 50u + (unsigned)i;
        s.ssrcs[i] = &s.ssrc[i];
    }
    s.put.id = 20;
    s.put.endpoint = pub->id;
    s.put.kind = HEADRACE__KIND__VIDEO;
    s.put.mid = "x";
    s.put.n_payloads = 1;
    s.put.payloads = s.payloads;
    s.put.ssrcs = s.ssrcs;
    s.put.rids = s.rids;
    return &s;
}

static enum hr_error put_source(struct source *s)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    cmd.op_case = HEADRACE__COMMAND__OP_SOURCE_PUT;
    cmd.source_put = &s->put;
    return rig_apply(&cmd);
}

static void test_bad_sources(void **state)
{
    begin();
    struct source *s = good_source();
    s->put.id = 0;
    assert_int_equal(put_source(s), HR_ERROR_INVALID);
    s = good_source();
    s->put.endpoint = 77;
    assert_int_equal(put_source(s), HR_ERROR_NOT_FOUND);
    assert_string_equal(rig.detail, "source 20: there is no endpoint 77");
    s = good_source();
    s->put.mid = "12345678901234567";
    assert_int_equal(put_source(s), HR_ERROR_INVALID);
    s->put.mid = "a";
    assert_int_equal(put_source(s), HR_ERROR_EXISTS);
    assert_string_equal(rig.detail, "source 20: mid 'a' is source 7's");
    s = good_source();
    s->put.n_payloads = 0;
    assert_int_equal(put_source(s), HR_ERROR_INVALID);
    s->put.n_payloads = HR_PAYLOADS_MAX + 1;
    assert_int_equal(put_source(s), HR_ERROR_INVALID);
    s->put.n_payloads = 2; /* twice the same */
    assert_int_equal(put_source(s), HR_ERROR_INVALID);
    s->put.n_payloads = 1;
    s->payload.type = 128;
    assert_int_equal(put_source(s), HR_ERROR_INVALID);
    s = good_source();
    s->put.n_rids = 4;
    assert_int_equal(put_source(s), HR_ERROR_INVALID);
    s->put.n_rids = 1;
    s->rids[0] = "12345678901234567";
    assert_int_equal(put_source(s), HR_ERROR_INVALID);
    assert_string_equal(rig.detail, "source 20: rid longer than 16 bytes");
    s->rids[0] = "";
    assert_int_equal(put_source(s), HR_ERROR_INVALID);
    s->rids[0] = "q";
    s->put.n_ssrcs = 1;
    s->ssrc[0].rid = "h";
    assert_int_equal(put_source(s), HR_ERROR_INVALID);
    assert_string_equal(rig.detail, "source 20: SSRC 50: there is no rid 'h'");
    s = good_source();
    s->put.n_ssrcs = 2;
    s->ssrc[1].ssrc = 50;
    assert_int_equal(put_source(s), HR_ERROR_INVALID);
    assert_int_equal(rig_counts().sources, 1);
}

static void test_source_changes(void **state)
{
    begin();
    struct source *s = good_source();
    assert_int_equal(put_source(s), HR_ERROR_OK);
    assert_int_equal(put_source(s), HR_ERROR_OK);
    s->put.kind = HEADRACE__KIND__AUDIO;
    assert_int_equal(put_source(s), HR_ERROR_INVALID);
    s->put.kind = HEADRACE__KIND__VIDEO;
    s->put.endpoint = sub->id;
    assert_int_equal(put_source(s), HR_ERROR_INVALID);
    s->put.endpoint = pub->id;
    s->rids[0] = "q";
    s->rids[1] = "h";
    s->put.n_rids = 2;
    assert_int_equal(put_source(s), HR_ERROR_OK);
    s->rids[0] = "z";
    assert_int_equal(put_source(s), HR_ERROR_INVALID);
    s->rids[0] = "q";
    s->put.n_rids = 1;
    assert_int_equal(put_source(s), HR_ERROR_INVALID);
    s->put.n_rids = 2;
    s->put.n_ssrcs = 1;
    s->ssrc[0].rid = "h";
    assert_int_equal(put_source(s), HR_ERROR_OK);
    struct rig_rtp p = {.ssrc = 50, .seq = 1, .pt = 96, .len = 10};
    rig_send(pub, &p); /* known by its signalled SSRC alone */
    assert_string_equal(rig.seen_rid, "h");
    assert_int_equal(rig_counts().sources, 2);
}

static void test_limits(void **state)
{
    begin();
    struct source *s = good_source();
    char mid[8];
    s->put.mid = mid;
    enum hr_error error = HR_ERROR_OK;
    unsigned n = 1;
    rig.config.dataplane.endpoints = 8;
    for (; error == HR_ERROR_OK && n < 100; n++) {
        snprintf(mid, sizeof(mid), "m%u", n);
        s->put.id = 100 + n;
        error = put_source(s);
    }
    assert_int_equal(error, HR_ERROR_LIMIT);
    assert_int_equal(rig_counts().sources, DP_ENDPOINT_SOURCES_MAX);
    for (uint32_t id = 2; id <= 64; id++)
        assert_int_equal(rig_subscribe(id, sub, 7), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(65, sub, 7), HR_ERROR_LIMIT);
    Headrace__EndpointPut put = HEADRACE__ENDPOINT_PUT__INIT;
    for (put.id = 3; put.id <= 8; put.id++)
        assert_int_equal(put_endpoint(&put), HR_ERROR_OK);
    assert_int_equal(put_endpoint(&put), HR_ERROR_LIMIT);
    assert_string_equal(rig.detail, "endpoint 9: there are 8 already");
}

/* ---- subscriptions */

static enum hr_error put_subscription(Headrace__SubscriptionPut *put)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    cmd.op_case = HEADRACE__COMMAND__OP_SUBSCRIPTION_PUT;
    cmd.subscription_put = put;
    return rig_apply(&cmd);
}

static void test_bad_subscriptions(void **state)
{
    char text[200];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = 0;
    begin();
    assert_int_equal(rig_subscribe(0, sub, 7), HR_ERROR_INVALID);
    assert_int_equal(rig_subscribe(2, sub, 99), HR_ERROR_NOT_FOUND);
    Headrace__SubscriptionPut *put = rig_subscription(2, sub, 7);
    put->endpoint = 99;
    assert_int_equal(put_subscription(put), HR_ERROR_NOT_FOUND);
    put = rig_subscription(2, sub, 7);
    put->mid = text;
    assert_int_equal(put_subscription(put), HR_ERROR_INVALID);
    put = rig_subscription(2, sub, 7);
    put->cname = text;
    assert_int_equal(put_subscription(put), HR_ERROR_INVALID);
    put = rig_subscription(2, sub, 7);
    put->payload_map[1]->from = 96;
    assert_int_equal(put_subscription(put), HR_ERROR_INVALID);
    put = rig_subscription(2, sub, 7);
    put->payload_map[1]->to = 128;
    assert_int_equal(put_subscription(put), HR_ERROR_INVALID);
    put = rig_subscription(2, sub, 7);
    put->ssrc = 0;
    assert_int_equal(put_subscription(put), HR_ERROR_INVALID);
    put = rig_subscription(1, sub, 7);
    put->ssrc = 4;
    assert_int_equal(put_subscription(put), HR_ERROR_INVALID);
    assert_string_equal(rig.detail, "subscription 1: SSRCs cannot change");
    put = rig_subscription(1, pub, 7);
    assert_int_equal(put_subscription(put), HR_ERROR_INVALID);
    assert_int_equal(rig_counts().subscriptions, 1);
}

static void test_ssrc_is_never_used_again(void **state)
{
    begin();
    Headrace__SubscriptionPut *put = rig_subscription(2, sub, 7);
    put->ssrc = 1000;
    assert_int_equal(put_subscription(put), HR_ERROR_KEY_REUSE);
    put->ssrc = 2000;
    put->rtx_ssrc = 1000;
    assert_int_equal(put_subscription(put), HR_ERROR_KEY_REUSE);
    put->rtx_ssrc = 2001;
    assert_int_equal(put_subscription(put), HR_ERROR_OK);
    assert_int_equal(rig_delete(SUBSCRIPTION, 1), HR_ERROR_OK);
    assert_int_equal(rig_delete(SUBSCRIPTION, 2), HR_ERROR_OK);
    for (uint32_t i = 0; i < 3; i++) {
        put = rig_subscription(3 + i, sub, 7);
        put->ssrc = (uint32_t[]){1000, 2000, 2001}[i];
        assert_int_equal(put_subscription(put), HR_ERROR_KEY_REUSE);
    }
    assert_string_equal(rig.detail, "subscription 5: SSRC 2001 or 0 was used before at endpoint 2");
    put = rig_subscription(3, pub, 7);
    put->ssrc = 1000; /* another key */
    assert_int_equal(put_subscription(put), HR_ERROR_OK);
}

static void test_subscription_changes_source(void **state)
{
    begin();
    struct rig_client *other = rig_client(2, CM, exts);
    assert_int_equal(rig_audio(8, other), HR_ERROR_OK);
    struct rig_got g;
    uint16_t last = 0;
    for (uint16_t i = 0; i < 12; i++) {
        static const uint32_t sources[] = {7, 8, 0};
        uint32_t source = sources[i / 2 % 3];
        if (i % 2 == 0)
            assert_int_equal(rig_subscribe(1, sub, source), HR_ERROR_OK);
        send_audio(pub, (uint16_t)(100 + i));
        send_audio(other, (uint16_t)(9000 + i));
        if (source == 0) {
            assert_false(rig_receive(sub, &g));
            continue;
        }
        assert_true(rig_receive(sub, &g));
        assert_int_equal(g.bytes[g.rtp.hdr_len], (uint8_t)((source == 7 ? 100 : 9000) + i));
        if (i)
            assert_int_equal(g.rtp.seq, (uint16_t)(last + 1));
        last = g.rtp.seq;
        assert_false(rig_receive(sub, &g));
    }
}

/* ---- deletes */

static void test_deletes_under_traffic(void **state)
{
    struct rig_client *c[6];
    for (unsigned i = 0; i < 6; i++) {
        c[i] = rig_client(i, i % 2 ? CM : GCM, exts);
        assert_int_equal(rig_audio(i + 1, c[i]), HR_ERROR_OK);
    }
    uint32_t id = 1;
    for (unsigned i = 0; i < 6; i++)
        for (uint32_t source = 1; source <= 6; source++, id++)
            if (source != i + 1)
                assert_int_equal(rig_subscribe(id, c[i], source), HR_ERROR_OK);
    uint16_t seq = 1;
    for (unsigned gone = 0; gone < 6; gone++) {
        for (unsigned i = 0; i < 6; i++)
            send_audio(c[i], seq);
        seq++;
        rig_pass(20);
        for (unsigned i = 0; i < 6; i++) {
            unsigned media = 0;
            struct rig_got g;
            while (rig_receive(c[i], &g))
                media += !g.rtcp;
            assert_int_equal(media, i < gone ? 0 : 5 - gone);
        }
        if (gone % 2)
            assert_int_equal(rig_delete(SOURCE, gone + 1), HR_ERROR_OK);
        assert_int_equal(rig_delete(ENDPOINT, c[gone]->id), HR_ERROR_OK);
        assert_int_equal(rig_delete(ENDPOINT, c[gone]->id), HR_ERROR_NOT_FOUND);
    }
    const struct dp_session_counts n = rig_counts();
    assert_int_equal(n.endpoints + n.sources + n.subscriptions + n.streams, 0);
    assert_int_equal(rig_held(), 0);
    assert_int_equal(rig_delete(SUBSCRIPTION, 1), HR_ERROR_NOT_FOUND);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
    const struct CMUnitTest tests[] = {
        TEST(test_bad_endpoints),
        TEST(test_same_keys_keep_state_and_others_are_refused),
        TEST(test_client_moves),
        TEST(test_client_sends_from_several),
        TEST(test_address_reused),
        TEST(test_bad_sources),
        TEST(test_source_changes),
        TEST(test_limits),
        TEST(test_bad_subscriptions),
        TEST(test_ssrc_is_never_used_again),
        TEST(test_subscription_changes_source),
        TEST(test_deletes_under_traffic),
    };
    return cmocka_run_group_tests(tests, rig_eal, NULL);
}
