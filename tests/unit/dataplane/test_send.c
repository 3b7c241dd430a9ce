/*
 * What leaves for a receiver with transport-cc: in order, whole, at the pace of its estimate. Its
 * link is played here: a queue that drains at a rate, and feedback about what has come out.
 */
#include "rig.h"
#include "rig_internal.h"

#include "dataplane/rtp/wire.h"
#include "dataplane/send.h"

#include <string.h>

#define FRAME_MS    33
#define FEEDBACK_MS 50
#define DELAY_US    20000
#define QUEUE_US    300000 /* of the link; beyond, it drops */
#define BURST       60     /* packets of a large key frame */

static struct rig_client *from, *to;
static uint16_t seq, next_got;
static unsigned got;

/* Packets on the link, by the time when they come out of it. */
static struct {
    uint64_t rate; /* bit/s; 0: there is no limit */
    int64_t free_us;
    struct {
        int64_t at_us;
        uint16_t number;
    } packets[1024];
    unsigned head, tail;
    size_t bytes; /* that have come out of it since the test looked */
    struct dp_twcc twcc;
} wire;

static const struct dp_send *sender(void)
{
    const struct dp_endpoint *e = TAILQ_FIRST(&rig.worker.session->endpoints);
    return TAILQ_NEXT(e, of_session)->send;
}

static void subscribe(void)
{
    struct rig_exts exts = {
        .id = {[HR_EXT_MID] = 1, [HR_EXT_TRANSPORT_CC] = 3, [HR_EXT_DEPENDENCY_DESCRIPTOR] = 5}};
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    from = rig_client(0, HR_SRTP_AEAD_AES_128_GCM, exts);
    to = rig_client(1, HR_SRTP_AEAD_AES_128_GCM, exts);
    assert_int_equal(rig_video(1, from, 0), HR_ERROR_OK);
    cmd.op_case = HEADRACE__COMMAND__OP_SUBSCRIPTION_PUT;
    cmd.subscription_put = rig_subscription(2, to, 1);
    cmd.subscription_put->transport_cc = true;
    cmd.subscription_put->rtx_ssrc = 77;
    cmd.subscription_put->payload_map[0]->rtx = 100;
    assert_int_equal(rig_apply(&cmd), HR_ERROR_OK);
    seq = next_got = 0;
    got = 0;
    memset(&wire, 0, sizeof(wire));
}

static void publish(bool key, size_t len)
{
    struct rig_rtp p = {.ssrc = 7, .seq = seq, .ts = seq * 3000u, .pt = 96, .mid = "v", .len = len};
    p.dd = key ? rig_dd_key : rig_dd_delta;
    p.dd_len = key ? sizeof(rig_dd_key) : sizeof(rig_dd_delta);
    p.fill = 1;
    rig_send(from, &p);
    seq++;
}

static void pass_ms(void)
{
    struct dp_burst out = {.n = 0};
    rig_pass(1);
    dp_stage_pace(&rig.worker, &out);
    rig_hand_out(&out);
}

static int64_t now_us(void)
{
    return dp_session_us(rig.worker.session, rig.worker.now);
}

static void enter_link(const struct rig_got *g)
{
    struct dp_ext_map map;
    uint16_t number;
    dp_ext_map_init(&map, false);
    assert_int_equal(dp_ext_map_set(&map, HR_EXT_TRANSPORT_CC, 3), 0);
    assert_int_equal(dp_ext_transport_cc(g->bytes, &g->rtp, &map, &number), 0);
    wire.free_us = RTE_MAX(wire.free_us, now_us());
    if (wire.rate == 0 || wire.free_us - now_us() > QUEUE_US)
        return;
    wire.free_us += (int64_t)((g->len + 28) * 8 * 1000000 / wire.rate);
    wire.packets[wire.head % RTE_DIM(wire.packets)].number = number;
    wire.packets[wire.head++ % RTE_DIM(wire.packets)].at_us = wire.free_us + DELAY_US;
    wire.bytes += g->len + 28;
    assert_true(wire.head - wire.tail < RTE_DIM(wire.packets));
}

/* What came: first sendings are in order and whole. */
static void take(void)
{
    struct rig_got g;
    while (rig_receive(to, &g)) {
        if (g.rtcp)
            continue;
        enter_link(&g);
        if (g.rtp.ssrc != 2000)
            continue;
        if (got++)
            assert_int_equal(g.rtp.seq, next_got);
        next_got = (uint16_t)(g.rtp.seq + 1);
    }
}

static void leave_link(void)
{
    for (; wire.tail != wire.head; wire.tail++) {
        unsigned i = wire.tail % RTE_DIM(wire.packets);
        if (wire.packets[i].at_us > now_us())
            return;
        dp_twcc_record(&wire.twcc, wire.packets[i].number, wire.packets[i].at_us);
    }
}

static void give_feedback(void)
{
    uint8_t buffer[1400];
    struct dp_rtcp_buf b = {.p = buffer, .cap = 1200};
    if (dp_twcc_pending(&wire.twcc) && dp_twcc_build(&wire.twcc, 5, 2000, &b) == 0)
        rig_send_rtcp(to, &b);
}

/* For a key frame: at the begin, and when the relay has said so. */
static bool is_asked(void)
{
    static uint64_t asked;
    uint64_t now = rig_counts().keyframes_asked;
    bool key = seq == 0 || now != asked;
    asked = now;
    return key;
}

/* A publisher of as much as is wanted, over a link of this rate, for so long; the mean rate that
 * came in the second half. */
static uint64_t play(uint64_t rate, uint64_t media, unsigned ms)
{
    static unsigned clock;
    int64_t credit = 0;
    wire.rate = rate;
    for (unsigned i = 0; i < ms; i++, clock++) {
        if (i == ms / 2)
            wire.bytes = 0;
        credit += (int64_t)media / 1000;
        for (; clock % FRAME_MS == 0 && credit > 0; credit -= 1100 * 8)
            publish(is_asked(), 1100);
        pass_ms();
        take();
        leave_link();
        if (clock % FEEDBACK_MS == 0)
            give_feedback();
    }
    return wire.bytes * 8 * 1000 / (ms - ms / 2);
}

static void test_a_key_frame_does_not_burst(void **state)
{
    unsigned ms = 0, first;
    subscribe();
    for (unsigned i = 0; i < BURST; i++)
        publish(i == 0, 1100);
    take();
    first = got;
    assert_in_range(first, 1, BURST / 4);
    for (; got < BURST && ms < 1000; ms++) {
        pass_ms();
        unsigned before = got;
        take();
        assert_in_range(got - before, 0, 8);
    }
    assert_int_equal(got, BURST);
    assert_in_range(ms, 300, 900); /* 528 kbit at 1.5 times 400 kbit/s, raised to leave in time */
    assert_int_equal(sender()->packets, 0);
    assert_int_equal(rig.worker.session->pace_held, 0);
    assert_int_equal(rig_drops(DP_DROP_PACE_FULL), 0);
}

static void test_what_waits_goes_with_its_receiver(void **state)
{
    subscribe();
    for (unsigned i = 0; i < BURST; i++)
        publish(i == 0, 1100);
    unsigned waits = sender()->packets;
    assert_in_range(waits, BURST / 2, BURST);
    assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__ENDPOINT, to->id), HR_ERROR_OK);
    assert_int_equal(rig_drops(DP_DROP_PACE_GONE), waits);
    assert_int_equal(rig.worker.session->pace_held, 0);
}

/* rig_down() finds what is not given back. */
static void test_what_waits_at_the_end_is_given_back(void **state)
{
    subscribe();
    for (unsigned i = 0; i < BURST; i++)
        publish(i == 0, 1100);
    assert_true(sender()->packets > 0);
}

static void test_all_together_are_bounded(void **state)
{
    subscribe();
    rig.worker.session->pace_limit = 20;
    for (unsigned i = 0; i < BURST; i++)
        publish(i == 0, 1100);
    assert_int_equal(sender()->packets, 20);
    assert_true(rig_drops(DP_DROP_PACE_FULL) > 0);
}

/* The link carries twice as much as is published: the estimate is found to be at least that. Then
 * it carries less, and later enough again. */
static void test_the_estimate_follows_the_link(void **state)
{
    subscribe();
    play(3000000, 1500000, 10000);
    uint64_t up = dp_bwe_target(&sender()->bwe);
    uint64_t came = play(700000, 600000, 10000);
    uint64_t down = dp_bwe_target(&sender()->bwe);
    play(3000000, 1500000, 20000);
    uint64_t again = dp_bwe_target(&sender()->bwe);
    print_message("estimates %lu, %lu (%lu came), %lu bit/s; %u probes, %lu lost\n", up, down, came,
                  again, sender()->bwe.counters.probes, sender()->bwe.counters.lost);
    assert_in_range(up, 1500000, 3300000);
    assert_in_range(came, 600000, 700000);
    assert_in_range(down, came, 3300000); /* what does not fill the link does not tell its end */
    assert_in_range(again, 1500000, 3300000);
    assert_true(sender()->bwe.counters.probes >= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_key_frame_does_not_burst, rig_up, rig_down),
        cmocka_unit_test_setup_teardown(test_what_waits_goes_with_its_receiver, rig_up, rig_down),
        cmocka_unit_test_setup_teardown(test_what_waits_at_the_end_is_given_back, rig_up, rig_down),
        cmocka_unit_test_setup_teardown(test_all_together_are_bounded, rig_up, rig_down),
        cmocka_unit_test_setup_teardown(test_the_estimate_follows_the_link, rig_up, rig_down),
    };
    return cmocka_run_group_tests(tests, rig_eal, NULL);
}
