/*
 * Everything at once, at random: media with loss and reordering, new SSRCs, NACKs, moved and paused
 * subscriptions, changed settings, deletes. The nonce checker must never object, every client's
 * libsrtp2 must accept what it gets, and in the end nothing may be left.
 */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

#define CLIENTS 4
#define STEPS   20000
#define LAYERS  3

static struct rig_client *client[CLIENTS];
static uint32_t next_id, base_ssrc[CLIENTS];
static uint32_t subscription[CLIENTS], source_of[CLIENTS];
static uint16_t seq[CLIENTS][LAYERS];
static uint16_t recent[CLIENTS][64]; /* outgoing numbers that came */
static unsigned got[CLIENTS], repeated;

static unsigned roll(unsigned n)
{
    return (unsigned)rand() % n;
}

static void receive(unsigned i)
{
    struct rig_client *c = client[i];
    for (unsigned k = 0; k < c->inbox_count; k++) {
        struct rig_packet *p = &c->inbox[k];
        int len = (int)p->len;
        if (!p->rtcp)
            recent[i][got[i]++ % 64] = (uint16_t)(p->bytes[2] << 8 | p->bytes[3]);
        srtp_err_status_t status = p->rtcp ? srtp_unprotect_rtcp(c->rx, p->bytes, &len)
                                           : srtp_unprotect(c->rx, p->bytes, &len);
        if (status == srtp_err_status_replay_fail || status == srtp_err_status_replay_old)
            repeated++;
        else
            assert_int_equal(status, srtp_err_status_ok);
    }
    c->inbox_count = 0;
}

static void send_media(unsigned i)
{
    static const char *const rids[LAYERS] = {"q", "h", "f"};
    unsigned layer = roll(LAYERS);
    bool key = roll(3) == 0;
    for (unsigned n = 1 + roll(6); n; n--) {
        seq[i][layer] += 1 + (roll(10) == 0);
        struct rig_rtp p = {.ssrc = base_ssrc[i] + layer,
                            .seq = seq[i][layer],
                            .ts = seq[i][layer] * 1000u,
                            .pt = roll(50) ? 96 : 60,
                            .padding = roll(20) == 0,
                            .mid = "v",
                            .rid = rids[layer],
                            .len = 50 + roll(900)};
        if (!p.padding) {
            p.dd = key ? rig_dd_key : rig_dd_delta;
            p.dd_len = key ? sizeof(rig_dd_key) : sizeof(rig_dd_delta);
        }
        key = false;
        rig_send(client[i], &p);
    }
}

/* What went out a while ago, before two later ones, is delivered now. */
static void send_late(unsigned i)
{
    static uint8_t held[RIG_PACKET];
    struct rig_rtp p = {.ssrc = base_ssrc[i], .seq = (uint16_t)(seq[i][0] + 1), .pt = 96};
    p.mid = "v";
    p.rid = "q";
    p.len = 100;
    p.dd = rig_dd_delta;
    p.dd_len = sizeof(rig_dd_delta);
    int len = (int)rig_build(client[i], &p, held);
    assert_int_equal(srtp_protect(client[i]->tx, held, &len), srtp_err_status_ok);
    seq[i][0]++;
    send_media(i);
    send_media(i);
    rig_deliver(client[i], held, (size_t)len);
}

static void send_nack(unsigned i)
{
    uint8_t buffer[256];
    uint16_t missing[8];
    struct dp_rtcp_buf b = {.p = buffer, .cap = sizeof(buffer)};
    for (unsigned k = 0; k < 8; k++)
        missing[k] = roll(4) ? recent[i][roll(64)] : (uint16_t)rand();
    for (unsigned k = 0; k < 8; k++)
        dp_rtcp_put_nack(&b, 5, 1000 * subscription[i], &missing[k], 1);
    rig_send_rtcp(client[i], &b);
}

static void put_subscription(unsigned i)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__SubscriptionPut *put =
        rig_subscription(subscription[i], client[i], source_of[roll(CLIENTS)]);
    put->paused = roll(6) == 0;
    put->mid = roll(2) ? "one" : "two";
    put->source = roll(8) ? put->source : 0;
    put->payload_map[0]->to = 96 + roll(2);
    cmd.op_case = HEADRACE__COMMAND__OP_SUBSCRIPTION_PUT;
    cmd.subscription_put = put;
    assert_int_equal(rig_apply(&cmd), HR_ERROR_OK);
}

static void change_objects(unsigned i)
{
    switch (roll(4)) {
    case 0:
        assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__SUBSCRIPTION, subscription[i]),
                         HR_ERROR_OK);
        subscription[i] = next_id++;
        break;
    case 1:
        assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__SOURCE, source_of[i]),
                         HR_ERROR_OK);
        source_of[i] = next_id++;
        assert_int_equal(rig_video(source_of[i], client[i], LAYERS), HR_ERROR_OK);
        break;
    case 2:
        client[i]->exts.id[HR_EXT_PLAYOUT_DELAY] = (uint8_t)roll(2) * 12;
        assert_int_equal(rig_endpoint(client[i], true, roll(4) > 0), HR_ERROR_OK);
        assert_int_equal(rig_endpoint(client[i], true, true), HR_ERROR_OK);
        break;
    default:
        base_ssrc[i] += roll(2) ? 10 : -10u; /* new ones, or back to old ones */
    }
    put_subscription(i);
}

static void step(void)
{
    unsigned i = roll(CLIENTS);
    switch (roll(200)) {
    case 0:
        change_objects(i);
        break;
    case 1:
        put_subscription(i);
        break;
    case 2:
        assert_int_equal(rig_move(roll(4), roll(rig_workers)), HR_ERROR_OK);
        break;
    case 3 ... 40:
        send_nack(i);
        break;
    case 41 ... 60:
        send_late(i);
        break;
    case 61 ... 90:
        rig_pass(1 + roll(30));
        break;
    default:
        send_media(i);
    }
    for (i = 0; i < CLIENTS; i++)
        receive(i);
}

static void test_at_random(void **state)
{
    struct rig_exts exts = {
        .id = {[HR_EXT_MID] = 1, [HR_EXT_RID] = 2, [HR_EXT_DEPENDENCY_DESCRIPTOR] = 5}};
    srand(42);
    next_id = 1;
    for (unsigned i = 0; i < CLIENTS; i++) {
        exts.id[HR_EXT_MID] = (uint8_t)(1 + 8 * (i % 2));
        client[i] =
            rig_client(i, i % 2 ? HR_SRTP_AEAD_AES_128_GCM : HR_SRTP_AES_CM_128_HMAC_SHA1_80, exts);
        source_of[i] = next_id++;
        base_ssrc[i] = 100000 * (i + 1);
        for (unsigned layer = 0; layer < LAYERS; layer++)
            seq[i][layer] = (uint16_t)rand();
        assert_int_equal(rig_video(source_of[i], client[i], LAYERS), HR_ERROR_OK);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        subscription[i] = next_id++;
        put_subscription(i);
    }
    for (unsigned n = 0; n < STEPS; n++)
        step();
    for (unsigned i = 0; i < CLIENTS; i++) {
        assert_true(got[i] > 1000);
        assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__ENDPOINT, client[i]->id),
                         HR_ERROR_OK);
    }
    const struct dp_session_counts c = rig_counts();
    assert_true(c.retransmitted > 1000 && repeated > 1000 && c.stream_switches > 100);
    assert_int_equal(rig_drops(DP_DROP_NONCE_REUSE), 0);
    assert_int_equal(rig_drops(DP_DROP_RTCP_AUTH), 0);
    assert_int_equal(c.endpoints + c.sources + c.streams + c.subscriptions, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_at_random, rig_up, rig_down),
    };
    return cmocka_run_group_tests(tests, rig_eal, NULL);
}
