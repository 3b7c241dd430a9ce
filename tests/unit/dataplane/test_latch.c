/* Endpoints without ICE: their address is where the first packet comes from that their key
 * verifies. */
#include "rig.h"

#include "dataplane/latch.h"

#include <string.h>

#define GCM HR_SRTP_AEAD_AES_128_GCM
#define SHA HR_SRTP_AES_CM_128_HMAC_SHA1_80

static const struct rig_exts none;

static struct rig_client *latching(unsigned i, enum hr_srtp_profile profile, uint32_t ssrc)
{
    rig.clients[i].latch = true;
    rig.clients[i].latch_ssrc = ssrc;
    return rig_client(i, profile, none);
}

/* One packet, after the pause between two that are looked at. */
static void send_pt(struct rig_client *c, uint32_t ssrc, uint16_t seq, uint8_t pt)
{
    const struct rig_rtp p = {.ssrc = ssrc, .seq = seq, .pt = pt, .len = 100};
    rig_pass(DP_LATCH_PAUSE_US / 1000 + 1);
    rig_send(c, &p);
}

static void send(struct rig_client *c, uint32_t ssrc, uint16_t seq)
{
    send_pt(c, ssrc, seq, 96);
}

static void assert_latched(const struct rig_client *c, unsigned times)
{
    assert_int_equal(rig.latched, times);
    assert_int_equal(rig.latched_id, c->id);
    assert_int_equal(rig.latched_port, c->udp_port);
}

static unsigned received(struct rig_client *c)
{
    struct rig_got got;
    unsigned n = 0;
    while (rig_receive(c, &got))
        n += !got.rtcp;
    return n;
}

static void test_a_publisher(void **state)
{
    struct rig_client *pub = latching(0, SHA, 0), *sub = rig_client(1, GCM, none);
    assert_int_equal(rig_video(1, pub, 0), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(1, sub, 1), HR_ERROR_OK);
    send(pub, 7, 100); /* is looked at, and goes no further */
    assert_latched(pub, 1);
    assert_int_equal(received(sub), 0);
    for (uint16_t i = 1; i <= 20; i++)
        send(pub, 7, (uint16_t)(100 + i));
    assert_int_equal(received(sub), 20);
    assert_int_equal(rig.latched, 1);
    assert_int_equal(rig_drops(DP_DROP_LATCH_AUTH), 0);
}

static void test_a_wrong_key(void **state)
{
    struct rig_client *pub = latching(0, GCM, 0), *other = rig_client(1, GCM, none);
    assert_int_equal(rig_video(1, pub, 0), HR_ERROR_OK);
    other->udp_port = 41000;
    for (uint16_t i = 0; i < 10; i++)
        send(other, 7, i);
    assert_int_equal(rig.latched, 0);
    /* The last at each worker is counted with the next. */
    assert_in_range(rig_drops(DP_DROP_LATCH_AUTH), 10 - rig_workers, 10);
    send(pub, 7, 0);
    assert_latched(pub, 1);
    /* Nobody waits any more: but whoever is silent may have moved, so it is still looked at. */
    send(other, 7, 11);
    assert_int_equal(rig.latched, 1);
}

static void test_ssrcs_and_payload_types_tell(void **state)
{
    struct rig_client *a = latching(0, GCM, 1001), *b = latching(1, GCM, 0);
    assert_int_equal(rig_video(1, a, 0), HR_ERROR_OK);
    assert_int_equal(rig_audio(2, b), HR_ERROR_OK);
    send(a, 1000, 1);
    send_pt(b, 5, 1, 96); /* its key, but no payload type of its */
    assert_int_equal(rig.latched, 0);
    send(a, 1001, 2);
    assert_latched(a, 1);
    send_pt(b, 5, 2, 111);
    assert_latched(b, 2);
}

/* With one key for all, publishers have their packets before receivers do. */
static void test_a_shared_key(void **state)
{
    struct rig_client *sub = latching(0, GCM, 0), *pub = latching(1, GCM, 0);
    struct rig_client *second = latching(2, GCM, 0);
    memcpy(pub->write_key, sub->write_key, sizeof(sub->write_key));
    memcpy(second->write_key, sub->write_key, sizeof(sub->write_key));
    for (unsigned i = 1; i <= 2; i++) {
        assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__ENDPOINT, i + 1), HR_ERROR_OK);
        rig.clients[i].id = 10 + i;
        srtp_dealloc(rig.clients[i].tx);
        rig.clients[i].tx = sub->tx;
        assert_int_equal(rig_endpoint(&rig.clients[i], true, false), HR_ERROR_OK);
    }
    assert_int_equal(rig_video(1, pub, 0), HR_ERROR_OK);
    send(pub, 7, 1);
    assert_latched(pub, 1);
    send_pt(sub, 8, 1, 126);
    assert_latched(sub, 2);
    send_pt(second, 9, 1, 126);
    assert_latched(second, 3);
    pub->tx = second->tx = NULL;
}

static void test_a_receiver_says_hello(void **state)
{
    struct rig_client *pub = rig_client(0, SHA, none), *sub = latching(1, GCM, 0);
    assert_int_equal(rig_audio(1, pub), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(1, sub, 1), HR_ERROR_OK);
    send_pt(pub, 7, 1, 111);
    assert_int_equal(received(sub), 0);
    send_pt(sub, 3, 1, 126);
    assert_latched(sub, 1);
    send_pt(pub, 7, 2, 111);
    assert_int_equal(received(sub), 1);
    send_pt(sub, 3, 2, 126);
    send_pt(sub, 3, 3, 126);
    send_pt(sub, 4, 1, 126); /* under one SSRC alone */
    assert_int_equal(rig_drops(DP_DROP_HELLO), 2);
}

static void test_a_receiver_is_found_by_its_rtcp(void **state)
{
    static const uint8_t bye[] = {0x80, 201, 0, 1, 0, 0, 0, 3};
    struct rig_client *pub = latching(0, SHA, 0), *sub = latching(1, GCM, 0);
    uint8_t bytes[sizeof(bye)];
    memcpy(bytes, bye, sizeof(bye));
    const struct dp_rtcp_buf rr = {.p = bytes, .len = sizeof(bytes)};
    assert_int_equal(rig_video(1, pub, 0), HR_ERROR_OK);
    rig_pass(5);
    rig_send_rtcp(pub, &rr); /* of a publisher it may be of another socket */
    assert_int_equal(rig.latched, 0);
    rig_pass(5);
    rig_send_rtcp(sub, &rr);
    assert_latched(sub, 1);
}

static void test_it_moves_after_a_silence(void **state)
{
    struct rig_client *pub = latching(0, SHA, 0), *sub = rig_client(1, GCM, none);
    uint8_t old[RIG_PACKET + SRTP_MAX_TRAILER_LEN];
    const struct rig_rtp p = {.ssrc = 7, .seq = 50, .pt = 96, .len = 100};
    int len = (int)rig_build(pub, &p, old);
    assert_int_equal(rig_video(1, pub, 0), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(1, sub, 1), HR_ERROR_OK);
    send(pub, 7, 49);
    assert_int_equal(srtp_protect(pub->tx, old, &len), srtp_err_status_ok);
    rig_deliver(pub, old, (size_t)len);
    send(pub, 7, 51);
    assert_int_equal(received(sub), 2);
    pub->udp_port = 41000;
    send(pub, 7, 52); /* it was heard just now */
    assert_int_equal(rig.latched, 1);
    rig_pass(DP_LATCH_SILENT_MS + 100);
    rig_deliver(pub, old, (size_t)len); /* somebody has recorded it */
    assert_int_equal(rig.latched, 1);
    send(pub, 7, 53);
    assert_latched(pub, 2);
    send(pub, 7, 54);
    assert_int_equal(received(sub), 1);
}

/* What is passed on to opaque receivers alone is not verified, but may be recorded. */
static void test_what_was_passed_on_moves_nobody(void **state)
{
    struct rig_client *pub = latching(0, SHA, 0), *sub = rig_client(1, SHA, none);
    Headrace__SubscriptionPut *put = rig_subscription(1, sub, 1);
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    uint8_t old[RIG_PACKET + SRTP_MAX_TRAILER_LEN];
    const struct rig_rtp p = {.ssrc = 7, .seq = 60, .pt = 96, .len = 100};
    int len = (int)rig_build(pub, &p, old);
    put->opaque = true;
    put->ssrc = 0;
    put->n_payload_map = 0;
    cmd.op_case = HEADRACE__COMMAND__OP_SUBSCRIPTION_PUT;
    cmd.subscription_put = put;
    assert_int_equal(rig_video(1, pub, 0), HR_ERROR_OK);
    assert_int_equal(rig_apply(&cmd), HR_ERROR_OK);
    for (uint16_t i = 50; i < 60; i++)
        send(pub, 7, i);
    assert_latched(pub, 1);
    assert_int_equal(srtp_protect(pub->tx, old, &len), srtp_err_status_ok);
    rig_deliver(pub, old, (size_t)len);
    pub->udp_port = 41000;
    rig_pass(DP_LATCH_SILENT_MS + 100);
    rig_deliver(pub, old, (size_t)len);
    assert_int_equal(rig.latched, 1);
    send(pub, 7, 61);
    assert_latched(pub, 2);
}

/* A receiver that was started anew, at the same port and with another key. */
static void test_another_comes_to_the_same_address(void **state)
{
    struct rig_client *pub = rig_client(0, SHA, none), *one = latching(1, GCM, 0);
    struct rig_client *two = latching(2, GCM, 0);
    assert_int_equal(rig_video(1, pub, 0), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(1, one, 1), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(2, two, 1), HR_ERROR_OK);
    two->udp_port = one->udp_port;
    send_pt(one, 3, 1, 126);
    assert_latched(one, 1);
    send_pt(two, 4, 1, 126);
    assert_latched(two, 2);
    rig_settle();
    uint64_t before = rig_drops(DP_DROP_SUBSCRIBER_NOT_READY);
    send(pub, 7, 1);
    assert_int_equal(rig_drops(DP_DROP_SUBSCRIBER_NOT_READY),
                     before + 1); /* the first is unheard */
    assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__ENDPOINT, one->id), HR_ERROR_OK);
    send_pt(two, 4, 2, 126);
    assert_int_equal(rig_drops(DP_DROP_HELLO), 1); /* still where it was */
}

static void test_puts(void **state)
{
    struct rig_client *c = latching(0, GCM, 5);
    assert_int_equal(rig_endpoint(c, true, true), HR_ERROR_INVALID);
    assert_int_equal(rig_endpoint(c, false, false), HR_ERROR_INVALID);
    send_pt(c, 5, 1, 126);
    assert_latched(c, 1);
    assert_int_equal(rig_endpoint(c, true, false), HR_ERROR_OK); /* told again, it stays */
    send_pt(c, 5, 2, 126);
    assert_int_equal(rig_drops(DP_DROP_HELLO), 1);
    c->latch = false;
    assert_int_equal(rig_endpoint(c, true, true), HR_ERROR_INVALID);
    c->latch_ssrc = 0;
    assert_int_equal(rig_endpoint(c, true, true), HR_ERROR_INVALID);
    assert_string_equal(rig.detail, "endpoint 1: latch cannot change");
    assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__ENDPOINT, c->id), HR_ERROR_OK);
    rig_pass(5);
    uint64_t before = rig_drops(DP_DROP_FLOW_UNKNOWN);
    send_pt(c, 5, 3, 126); /* nobody latches any more */
    assert_int_equal(rig_drops(DP_DROP_FLOW_UNKNOWN), before + 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
    const struct CMUnitTest tests[] = {
        T(test_a_publisher),
        T(test_a_wrong_key),
        T(test_ssrcs_and_payload_types_tell),
        T(test_a_shared_key),
        T(test_a_receiver_says_hello),
        T(test_a_receiver_is_found_by_its_rtcp),
        T(test_it_moves_after_a_silence),
        T(test_what_was_passed_on_moves_nobody),
        T(test_another_comes_to_the_same_address),
        T(test_puts),
    };
    return cmocka_run_group_tests(tests, rig_eal, NULL);
}
