/* What subscribers get: headers of their own, the payload bit for bit. */
#include "rig.h"

#include "dataplane/rtp/wire.h"

#include <stdlib.h>
#include <string.h>

#define GCM HR_SRTP_AEAD_AES_128_GCM
#define CM  HR_SRTP_AES_CM_128_HMAC_SHA1_80

static struct rig_client *pub, *one, *two;

static void begin(enum hr_srtp_profile profile)
{
    pub = rig_client(0, profile,
                     (struct rig_exts){.id = {[HR_EXT_MID] = 1,
                                              [HR_EXT_RID] = 2,
                                              [HR_EXT_AUDIO_LEVEL] = 3,
                                              [HR_EXT_TRANSPORT_CC] = 4,
                                              [HR_EXT_DEPENDENCY_DESCRIPTOR] = 5}});
    one = rig_client(
        1, GCM,
        (struct rig_exts){
            .id = {
                [HR_EXT_MID] = 9, [HR_EXT_AUDIO_LEVEL] = 8, [HR_EXT_DEPENDENCY_DESCRIPTOR] = 7}});
    two = rig_client(2, CM, (struct rig_exts){.id = {[HR_EXT_AUDIO_LEVEL] = 3}});
    assert_int_equal(rig_audio(1, pub), HR_ERROR_OK);
    assert_int_equal(rig_video(2, pub, 0), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(1, one, 1), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(2, two, 1), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(3, one, 2), HR_ERROR_OK);
}

static struct rig_rtp audio(uint16_t seq)
{
    return (struct rig_rtp){.ssrc = 7,
                            .seq = seq,
                            .ts = 5000 + seq * 960u,
                            .pt = 111,
                            .mid = "a",
                            .level = 40,
                            .transport_cc = seq,
                            .marker = seq & 1,
                            .len = 60 + seq % 40};
}

/* The first element of a client's inbox: extension by its id, NULL if absent. */
static const uint8_t *ext_of(const struct rig_got *g, uint8_t id, uint8_t *len)
{
    for (unsigned i = 0; i < g->rtp.ext_count; i++)
        if (g->rtp.ext[i].id == id) {
            *len = g->rtp.ext[i].len;
            return g->bytes + g->rtp.ext[i].off;
        }
    return NULL;
}

static void check_payload(const struct rig_got *g, const struct rig_rtp *sent)
{
    assert_int_equal(g->rtp.payload_len, sent->len);
    for (size_t i = 0; i < sent->len; i++)
        assert_int_equal(g->bytes[g->rtp.hdr_len + i],
                         sent->fill ? sent->fill : (uint8_t)sent->seq);
}

static void check_two_receivers(enum hr_srtp_profile profile)
{
    struct rig_got a, b;
    uint8_t len;
    uint16_t first_a = 0, first_b = 0;
    begin(profile);
    for (uint16_t seq = 100; seq < 200; seq++) {
        struct rig_rtp p = audio(seq);
        rig_send(pub, &p);
        assert_true(rig_receive(one, &a));
        assert_true(rig_receive(two, &b));
        if (seq == 100) {
            first_a = a.rtp.seq;
            first_b = b.rtp.seq;
            assert_true(first_a < 0x8000 && first_b < 0x8000);
        }
        check_payload(&a, &p);
        check_payload(&b, &p);
        assert_int_equal(a.rtp.ssrc, 1000);
        assert_int_equal(b.rtp.ssrc, 2000);
        assert_int_equal(a.rtp.pt, 112);
        assert_int_equal(a.rtp.marker, p.marker);
        assert_int_equal(a.rtp.seq, (uint16_t)(first_a + seq - 100));
        assert_int_equal(b.rtp.seq, (uint16_t)(first_b + seq - 100));
        assert_int_equal(a.rtp.ts, p.ts);
        assert_memory_equal(ext_of(&a, 9, &len), "m1", 2);
        assert_int_equal(*ext_of(&a, 8, &len), 40);
        assert_int_equal(*ext_of(&b, 3, &len), 40);
        assert_int_equal(a.rtp.ext_count, 2);
        assert_int_equal(b.rtp.ext_count, 1);
    }
    assert_int_equal(one->inbox_count + two->inbox_count, 0);
}

static void test_two_receivers_from_gcm(void **state)
{
    check_two_receivers(GCM);
}

static void test_two_receivers_from_cm(void **state)
{
    check_two_receivers(CM);
}

/* Random loss and order over several rollovers of the publisher's numbers. */
static void test_loss_and_order_over_wraps(void **state)
{
    struct rig_got a;
    begin(GCM);
    uint8_t(*held)[RIG_PACKET] = calloc(4, RIG_PACKET);
    size_t held_len[4] = {0};
    unsigned sent = 0, got = 0;
    srand(1);
    for (uint32_t i = 0; i < 3 * 65536; i += 1 + (uint32_t)rand() % 40) {
        uint8_t bytes[RIG_PACKET];
        struct rig_rtp p = audio((uint16_t)i);
        p.ts = i * 960;
        int len = (int)rig_build(pub, &p, bytes);
        assert_int_equal(srtp_protect(pub->tx, bytes, &len), srtp_err_status_ok);
        int slot = rand() % 4;
        if (held_len[slot]) {
            rig_deliver(pub, held[slot], held_len[slot]);
            sent++;
        }
        memcpy(held[slot], bytes, (size_t)len);
        held_len[slot] = (size_t)len;
        while (rig_receive(one, &a))
            got += !a.rtcp;
        rig_empty(two);
    }
    free(held);
    assert_true(sent > 5000);
    assert_int_equal(sent, got + rig_drops(DP_DROP_SEQUENCE_LATE) / 2);
    assert_true(rig_drops(DP_DROP_SEQUENCE_LATE) <= 2 * 3); /* before the very first forwarded */
}

static void test_video_waits_for_a_key_frame(void **state)
{
    struct rig_got g;
    begin(GCM);
    assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__SUBSCRIPTION, 3), HR_ERROR_OK);
    struct rig_rtp p = {.ssrc = 8, .pt = 96, .mid = "v", .len = 500};
    p.dd = rig_dd_key;
    p.dd_len = sizeof(rig_dd_key);
    rig_send(pub, &p); /* nobody listens yet */
    assert_int_equal(rig_subscribe(4, one, 2), HR_ERROR_OK);
    p.dd = rig_dd_delta;
    p.dd_len = sizeof(rig_dd_delta);
    for (p.seq = 1; p.seq < 10; p.seq++)
        rig_send(pub, &p);
    assert_int_equal(one->inbox_count, 0);
    assert_int_equal(rig_drops(DP_DROP_KEYFRAME), 9);
    rig_pass(60);
    assert_int_equal(rig_counts().keyframes_asked, 1);
    rig_empty(pub);
    p.dd = rig_dd_key;
    p.dd_len = sizeof(rig_dd_key);
    rig_send(pub, &p);
    p.seq++;
    p.dd = rig_dd_delta;
    p.dd_len = sizeof(rig_dd_delta);
    rig_send(pub, &p);
    uint8_t len = 0;
    assert_true(rig_receive(one, &g));
    assert_memory_equal(ext_of(&g, 7, &len), rig_dd_key, sizeof(rig_dd_key));
    assert_true(rig_receive(one, &g));
    assert_int_equal(len, sizeof(rig_dd_key));
}

/* Padding between media takes no outgoing number; nor does a payload type that was not negotiated.
 */
static void test_gaps_are_closed(void **state)
{
    struct rig_got g;
    begin(CM);
    uint16_t next = 0;
    for (uint16_t seq = 1; seq < 40; seq++) {
        struct rig_rtp p = {
            .ssrc = 8, .seq = seq, .ts = seq * 3000u, .pt = 96, .mid = "v", .len = 99};
        p.dd = seq == 1 ? rig_dd_key : rig_dd_delta;
        p.dd_len = seq == 1 ? sizeof(rig_dd_key) : sizeof(rig_dd_delta);
        if (seq % 3 == 0) {
            p.dd = NULL;
            p.dd_len = 0;
            p.padding = true;
        }
        rig_send(pub, &p);
        if (seq % 3 == 0) {
            assert_int_equal(one->inbox_count, 0);
            continue;
        }
        assert_true(rig_receive(one, &g));
        if (seq > 1)
            assert_int_equal(g.rtp.seq, next);
        next = (uint16_t)(g.rtp.seq + 1);
    }
    assert_int_equal(rig_drops(DP_DROP_PADDING), 13);
}

static void test_payload_type_not_negotiated(void **state)
{
    begin(CM);
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__SubscriptionPut *put = rig_subscription(1, one, 1);
    put->n_payload_map = 0;
    cmd.op_case = HEADRACE__COMMAND__OP_SUBSCRIPTION_PUT;
    cmd.subscription_put = put;
    assert_int_equal(rig_apply(&cmd), HR_ERROR_OK);
    struct rig_rtp p = audio(1);
    rig_send(pub, &p);
    assert_int_equal(one->inbox_count, 0);
    assert_int_equal(two->inbox_count, 1);
    assert_int_equal(rig_drops(DP_DROP_PAYLOAD_MAP), 1);
}

static void test_pause_and_resume(void **state)
{
    struct rig_got g, h;
    begin(GCM);
    struct rig_rtp p = audio(1);
    rig_send(pub, &p);
    assert_true(rig_receive(one, &g));
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    cmd.op_case = HEADRACE__COMMAND__OP_SUBSCRIPTION_PUT;
    cmd.subscription_put = rig_subscription(1, one, 1);
    cmd.subscription_put->paused = true;
    assert_int_equal(rig_apply(&cmd), HR_ERROR_OK);
    for (uint16_t seq = 2; seq < 9; seq++) {
        p = audio(seq);
        rig_send(pub, &p);
    }
    assert_int_equal(one->inbox_count, 0);
    assert_int_equal(rig_drops(DP_DROP_SUBSCRIPTION_PAUSED), 7);
    rig_skip(rig.dp.tsc_hz); /* a second */
    assert_int_equal(rig_subscribe(1, one, 1), HR_ERROR_OK);
    p = audio(9);
    rig_send(pub, &p);
    assert_true(rig_receive(one, &h));
    assert_int_equal(h.rtp.seq, (uint16_t)(g.rtp.seq + 1));
    assert_int_equal(h.rtp.ts, g.rtp.ts + 48000);
}

static void test_receiver_without_keys_or_path(void **state)
{
    begin(GCM);
    assert_int_equal(rig_endpoint(one, true, false), HR_ERROR_OK);
    struct rig_rtp p = audio(1);
    rig_send(pub, &p);
    assert_int_equal(rig_drops(DP_DROP_SUBSCRIBER_NOT_READY), 1);
    assert_int_equal(rig_endpoint(one, true, true), HR_ERROR_OK);
    p = audio(2);
    rig_send(pub, &p);
    assert_int_equal(one->inbox_count, 1);
}

static void test_largest_and_too_large(void **state)
{
    struct rig_got g;
    begin(CM);
    struct rig_rtp p = {.ssrc = 7, .seq = 1, .pt = 111, .mid = "a", .len = 0};
    rig_send(pub, &p); /* empty payload */
    assert_true(rig_receive(one, &g));
    assert_int_equal(g.rtp.payload_len, 0);
    p.seq = 2;
    p.len = 1500 - 28 - 16 - 12 - 8; /* IP and UDP, tag, header, extension with the mid */
    p.fill = 5;
    rig_send(pub, &p);
    rig_empty(one);
    assert_int_equal(rig_drops(DP_DROP_EGRESS_OVERSIZE), 0);
    p.seq = 3;
    p.len++;
    rig_send(pub, &p);
    assert_int_equal(rig_drops(DP_DROP_EGRESS_OVERSIZE), 1);
    assert_int_equal(one->inbox_count, 0);
}

/* A burst of copies is bounded: more receivers than fit into one go through in steps. */
static void test_many_receivers(void **state)
{
    struct rig_got g;
    begin(GCM);
    rig.config.dataplane.subscriptions = 1000;
    for (uint32_t id = 10; id < 210; id++)
        assert_int_equal(rig_subscribe(id, id % 2 ? one : two, 1), HR_ERROR_OK);
    struct rig_rtp p = audio(1);
    rig_send(pub, &p);
    assert_int_equal(one->inbox_count, 101);
    assert_int_equal(two->inbox_count, 101);
    while (rig_receive(one, &g))
        check_payload(&g, &p);
    rig_empty(two);
    for (uint32_t id = 10; id < 210; id += 3)
        assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__SUBSCRIPTION, id), HR_ERROR_OK);
    rig_pass(1);
    rig_empty(one); /* of BYE */
    rig_empty(two);
    p = audio(2);
    rig_send(pub, &p);
    assert_int_equal(one->inbox_count + two->inbox_count, 202 - 67);
}

static void test_pool_exhausted(void **state)
{
    begin(GCM);
    struct rig_rtp p = audio(1);
    rig_send(pub, &p);
    rig_empty(one);
    rig_empty(two);
    struct rte_mempool *pool = rig.worker.pool;
    unsigned n = rte_mempool_avail_count(pool) - 1;
    void **taken = calloc(n, sizeof(void *));
    assert_int_equal(rte_mempool_get_bulk(pool, taken, n), 0);
    p = audio(2);
    rig_send(pub, &p);
    assert_in_range(rig_drops(DP_DROP_NO_MBUF), 1, 2); /* the receivers may share a reference */
    rte_mempool_put_bulk(pool, taken, n);
    free(taken);
    p = audio(3);
    rig_send(pub, &p);
    assert_int_equal(one->inbox_count, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
    const struct CMUnitTest tests[] = {
        TEST(test_two_receivers_from_gcm),
        TEST(test_two_receivers_from_cm),
        TEST(test_loss_and_order_over_wraps),
        TEST(test_video_waits_for_a_key_frame),
        TEST(test_gaps_are_closed),
        TEST(test_payload_type_not_negotiated),
        TEST(test_pause_and_resume),
        TEST(test_receiver_without_keys_or_path),
        TEST(test_largest_and_too_large),
        TEST(test_many_receivers),
        TEST(test_pool_exhausted),
    };
    return cmocka_run_group_tests(tests, rig_eal, NULL);
}
