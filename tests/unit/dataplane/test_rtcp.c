/* RTCP of clients, and what the relay makes of its own accord. Client 0 publishes, 1 and 2 receive.
 */
#include "rig.h"

#include "dataplane/rtp/twcc.h"
#include "dataplane/rtp/wire.h"

#include <string.h>

#define GCM HR_SRTP_AEAD_AES_128_GCM
#define CM  HR_SRTP_AES_CM_128_HMAC_SHA1_80

static const struct rig_exts exts = {.id = {[HR_EXT_MID] = 1,
                                            [HR_EXT_RID] = 2,
                                            [HR_EXT_TRANSPORT_CC] = 4,
                                            [HR_EXT_DEPENDENCY_DESCRIPTOR] = 5}};
static struct rig_client *pub, *one, *two;
static uint8_t bytes[512];

static void begin(void)
{
    pub = rig_client(0, GCM, exts);
    one = rig_client(1, GCM, exts);
    two = rig_client(2, CM, (struct rig_exts){0});
    assert_int_equal(rig_video(1, pub, 0), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(1, one, 1), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(2, two, 1), HR_ERROR_OK);
}

static void send_video(uint16_t seq, bool key)
{
    struct rig_rtp p = {.ssrc = 8,
                        .seq = seq,
                        .ts = 100000 + seq * 3000u,
                        .pt = 96,
                        .mid = "v",
                        .transport_cc = seq,
                        .len = 700,
                        .dd = key ? rig_dd_key : rig_dd_delta,
                        .dd_len = key ? sizeof(rig_dd_key) : sizeof(rig_dd_delta)};
    rig_send(pub, &p);
}

static struct dp_rtcp_buf compound(void)
{
    return (struct dp_rtcp_buf){.p = bytes, .cap = sizeof(bytes)};
}

static void send_nack(struct rig_client *c, uint32_t media, uint16_t seq)
{
    struct dp_rtcp_buf b = compound();
    dp_rtcp_put_rr(&b, 5, NULL, 0);
    assert_int_equal(dp_rtcp_put_nack(&b, 5, media, &seq, 1), 0);
    rig_send_rtcp(c, &b);
}

static void send_pli(struct rig_client *c, uint32_t media)
{
    struct dp_rtcp_buf b = compound();
    dp_rtcp_put_rr(&b, 5, NULL, 0);
    assert_int_equal(dp_rtcp_put_pli(&b, 5, media), 0);
    rig_send_rtcp(c, &b);
}

/* ---- what a client gets, by kind */

struct heard {
    unsigned sr, rr, pli, fir, twcc, received;
    struct dp_rtcp_sr last_sr;
    struct dp_rtcp_report_block block;
    uint32_t pli_media, twcc_media;
    char cname[HR_CNAME_MAX + 1];
};

static void on_sr(void *ctx, const struct dp_rtcp_sr *sr)
{
    struct heard *h = ctx;
    h->sr++;
    h->last_sr = *sr;
}

static void on_rr(void *ctx, const struct dp_rtcp_reports *rr)
{
    struct heard *h = ctx;
    if (rr->count == 0)
        return;
    h->rr++;
    dp_rtcp_report_block(rr, 0, &h->block);
}

static void on_cname(void *ctx, const struct dp_rtcp_cname *cname)
{
    struct heard *h = ctx;
    memcpy(h->cname, cname->name, cname->len);
}

static void on_pli(void *ctx, const struct dp_rtcp_pli *pli)
{
    struct heard *h = ctx;
    h->pli++;
    h->pli_media = pli->media;
}

static void on_fir(void *ctx, const struct dp_rtcp_fir *fir)
{
    ((struct heard *)ctx)->fir++;
}

static void on_twcc(void *ctx, const struct dp_twcc_view *view)
{
    struct heard *h = ctx;
    struct dp_twcc_iter it;
    struct dp_twcc_status status;
    h->twcc++;
    h->twcc_media = view->media;
    dp_twcc_iter_init(&it, view);
    while (dp_twcc_next(&it, &status))
        h->received += status.received;
}

static struct heard listen(struct rig_client *c)
{
    static const struct dp_rtcp_handlers handlers = {
        .sr = on_sr, .rr = on_rr, .cname = on_cname, .pli = on_pli, .fir = on_fir, .twcc = on_twcc};
    struct heard h = {0};
    struct rig_got g;
    while (rig_receive(c, &g))
        if (g.rtcp)
            assert_int_equal(dp_rtcp_dispatch(g.bytes, g.len, &handlers, &h), DP_RTCP_OK);
    return h;
}

static struct dp_subscription *subscription_of(const struct rig_client *c)
{
    struct dp_endpoint *e;
    for (unsigned i = 0; i < rig_workers; i++)
        TAILQ_FOREACH (e, &rig.workers[i].session->endpoints, of_session)
            if (e->id == c->id)
                return TAILQ_FIRST(&e->subscriptions);
    return NULL;
}

/* Of all workers. */
static struct dp_histogram observed(enum hr_histogram_id id)
{
    struct dp_histogram all = {0};
    for (unsigned i = 0; i < rig_workers; i++) {
        const struct dp_histogram *h = &rig.workers[i].session->histograms[id];
        all.sum += h->sum;
        for (unsigned k = 0; k <= HR_HISTOGRAM_BOUNDS_MAX; k++)
            all.counts[k] += h->counts[k];
    }
    return all;
}

static uint64_t observations(enum hr_histogram_id id)
{
    struct dp_histogram h = observed(id);
    uint64_t n = 0;
    for (unsigned k = 0; k <= HR_HISTOGRAM_BOUNDS_MAX; k++)
        n += h.counts[k];
    return n;
}

/* ---- NACK */

/* Bytes on the wire of packets sent to one, by their place in the inbox. */
static void test_retransmission_is_identical(void **state)
{
    static struct rig_packet first[40];
    begin();
    for (uint16_t seq = 1; seq <= 40; seq++)
        send_video(seq, seq == 1);
    assert_int_equal(one->inbox_count, 40);
    memcpy(first, one->inbox, sizeof(first));
    one->inbox_count = 0;
    for (int i = 39; i >= 0; i -= 3) {
        send_nack(one, 1000, dp_get16(first[i].bytes + 2));
        assert_int_equal(one->inbox_count, 1);
        assert_int_equal(one->inbox[0].len, first[i].len);
        assert_memory_equal(one->inbox[0].bytes, first[i].bytes, first[i].len);
        rig_empty(one);
    }
    assert_int_equal(rig_counts().retransmitted, 14);
}

static void test_too_soon_and_again_later(void **state)
{
    begin();
    send_video(1, true);
    uint16_t seq = dp_get16(one->inbox[0].bytes + 2);
    one->inbox_count = 0;
    send_nack(one, 1000, seq);
    send_nack(one, 1000, seq);
    assert_int_equal(one->inbox_count, 1);
    assert_int_equal(rig_drops(DP_DROP_RESEND_LIMIT), 1);
    rig_skip(rig.dp.tsc_hz / 20);
    send_nack(one, 1000, seq);
    assert_int_equal(one->inbox_count, 2);
    assert_memory_equal(one->inbox[0].bytes, one->inbox[1].bytes, one->inbox[0].len);
}

static void test_not_kept_any_more(void **state)
{
    begin();
    send_video(1, true);
    uint16_t seq = dp_get16(one->inbox[0].bytes + 2);
    rig_empty(one);
    send_nack(one, 1000, (uint16_t)(seq + 1)); /* not sent yet */
    send_nack(one, 1000, (uint16_t)(seq - 1)); /* never sent */
    assert_int_equal(rig_drops(DP_DROP_HISTORY_MISS), 2);
    send_nack(one, 77, seq); /* somebody else's SSRC */
    send_nack(one, 2000, seq);
    assert_int_equal(rig_drops(DP_DROP_HISTORY_MISS), 2);
    rig_pass(1200);
    rig_empty(one);
    send_nack(one, 1000, seq);
    assert_int_equal(rig_drops(DP_DROP_HISTORY_MISS), 3);
    assert_int_equal(rig_held(), 0);
}

/* Other settings would give other bytes under the same number: nothing may be sent. */
static void test_not_after_settings_changed(void **state)
{
    begin();
    send_video(1, true);
    uint16_t seq = dp_get16(one->inbox[0].bytes + 2);
    rig_empty(one);
    one->exts.id[HR_EXT_DEPENDENCY_DESCRIPTOR] = 11;
    assert_int_equal(rig_endpoint(one, true, true), HR_ERROR_OK);
    send_nack(one, 1000, seq);
    assert_int_equal(rig_drops(DP_DROP_HISTORY_MISS), 1);

    send_video(2, false);
    rig_empty(one);
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    cmd.op_case = HEADRACE__COMMAND__OP_SUBSCRIPTION_PUT;
    cmd.subscription_put = rig_subscription(1, one, 1);
    cmd.subscription_put->mid = "other";
    assert_int_equal(rig_apply(&cmd), HR_ERROR_OK);
    send_nack(one, 1000, (uint16_t)(seq + 1));
    assert_int_equal(rig_drops(DP_DROP_HISTORY_MISS), 2);

    pub->exts.id[HR_EXT_PLAYOUT_DELAY] = 12; /* it would now be copied */
    send_video(3, false);
    rig_empty(one);
    assert_int_equal(rig_endpoint(pub, true, true), HR_ERROR_OK);
    rig_pass(60); /* other workers have heard of it */
    send_nack(one, 1000, (uint16_t)(seq + 2));
    assert_int_equal(rig_drops(DP_DROP_HISTORY_MISS), 3);

    send_video(4, false);
    rig_empty(one);
    send_nack(one, 1000, (uint16_t)(seq + 3));
    assert_int_equal(one->inbox_count, 1);
}

/* Were it not so, the checker would see it. */
static void test_checker_sees_other_bytes(void **state)
{
    begin();
    send_video(1, true);
    uint16_t seq = dp_get16(one->inbox[0].bytes + 2);
    rig_empty(one);
    struct dp_seqmap *map = &subscription_of(one)->seqmap;
    map->run[map->newest].ts_offset ^= 1;
    send_nack(one, 1000, seq);
    assert_int_equal(one->inbox_count, 0);
    assert_int_equal(rig_drops(DP_DROP_NONCE_REUSE), 1);
    rig.alarms = 1;
}

/* ---- keyframes */

static void test_keyframe_requests_are_coalesced(void **state)
{
    begin();
    send_video(1, true);
    rig_pass(60);
    listen(pub);
    rig_skip(rig.dp.tsc_hz);
    for (int i = 0; i < 10; i++) {
        send_pli(one, 1000);
        send_pli(two, 2000);
    }
    struct heard h = listen(pub);
    assert_int_equal(h.pli, 1);
    assert_int_equal(h.pli_media, 8);
    rig_pass(400);
    assert_int_equal(listen(pub).pli, 0);
    rig_pass(200); /* what was asked for since goes out when the interval is over, */
    assert_int_equal(listen(pub).pli, 1);
    rig_pass(1000); /* once */
    assert_int_equal(listen(pub).pli, 0);
}

static void test_keyframe_command_and_fir(void **state)
{
    begin();
    send_video(1, true);
    rig_pass(60);
    listen(pub);
    rig_skip(rig.dp.tsc_hz);
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__KeyframeRequest request = HEADRACE__KEYFRAME_REQUEST__INIT;
    request.source = 1;
    cmd.op_case = HEADRACE__COMMAND__OP_KEYFRAME_REQUEST;
    cmd.keyframe_request = &request;
    assert_int_equal(rig_apply(&cmd), HR_ERROR_OK);
    rig_pass(60);
    assert_int_equal(listen(pub).pli, 1);
    request.source = 9;
    assert_int_equal(rig_apply(&cmd), HR_ERROR_NOT_FOUND);

    rig_skip(rig.dp.tsc_hz);
    struct dp_rtcp_buf b = compound();
    struct dp_rtcp_fir fir = {.sender = 5, .ssrc = 1000, .seq = 1};
    dp_rtcp_put_fir(&b, &fir);
    rig_send_rtcp(one, &b);
    assert_int_equal(listen(pub).pli, 1);
}

static void test_asked_again_without_a_key_frame(void **state)
{
    begin();
    send_video(1, true);
    struct rig_client *three = rig_client(3, GCM, exts);
    assert_int_equal(rig_subscribe(3, three, 1), HR_ERROR_OK);
    rig_pass(3000);
    assert_in_range(listen(pub).pli, 2, 4);
    send_video(2, true);
    rig_pass(1000);
    listen(pub);
    rig_pass(3000);
    assert_int_equal(listen(pub).pli, 0);
}

/* Requests get lost, and so do key frames on their way here. */
static void test_asked_again_until_one_comes(void **state)
{
    uint16_t seq = 2;
    begin();
    send_video(1, true);
    rig_pass(60);
    listen(pub);
    rig_skip(rig.dp.tsc_hz);
    send_video(seq++, false);
    send_pli(one, 1000);
    assert_int_equal(listen(pub).pli, 1);
    for (unsigned i = 0; i < 40; i++) {
        rig_pass(50);
        send_video(seq++, false);
    }
    assert_in_range(listen(pub).pli, 2, 3);
    send_video(seq++, true);
    for (unsigned i = 0; i < 40; i++) {
        rig_pass(50);
        send_video(seq++, false);
    }
    assert_int_equal(listen(pub).pli, 0);
}

/* Who asks while one is on its way gets that one. */
static void test_one_key_frame_serves_all(void **state)
{
    begin();
    send_video(1, true);
    rig_pass(60);
    listen(pub);
    rig_skip(rig.dp.tsc_hz);
    send_pli(one, 1000);
    send_pli(two, 2000);
    assert_int_equal(listen(pub).pli, 1);
    send_video(2, true);
    rig_pass(1000);
    assert_int_equal(listen(pub).pli, 0);
}

/* ---- reports */

static void test_sender_report_is_translated(void **state)
{
    begin();
    send_video(1, true);
    send_video(2, false);
    listen(one);
    listen(two);
    struct dp_rtcp_buf b = compound();
    struct dp_rtcp_sr sr = {.ntp = 0x1122334455667788, .rtp_ts = 106000, .reports.sender = 8};
    dp_rtcp_put_sr(&b, &sr, NULL, 0);
    rig_send_rtcp(pub, &b);
    rig_pass(60);
    struct heard h = listen(one);
    assert_int_equal(h.sr, 1);
    assert_int_equal(h.last_sr.reports.sender, 1000);
    assert_true(h.last_sr.ntp == sr.ntp);
    assert_int_equal(h.last_sr.rtp_ts, 106000); /* the first stream keeps its timestamps */
    assert_int_equal(h.last_sr.packets, 2);
    assert_string_equal(h.cname, "alice");
    h = listen(two);
    assert_int_equal(h.last_sr.reports.sender, 2000);
    rig_pass(500);
    assert_int_equal(listen(one).sr, 0); /* once each */

    /* the receiver's answer: a little over half a second after the report left, of which it kept
     * half */
    struct dp_rtcp_report_block block = {
        .ssrc = 1000, .fraction_lost = 64, .lost = 3, .jitter = 900, .lsr = 0x33445566};
    b = compound();
    block.dlsr = 65536 / 2;
    dp_rtcp_put_rr(&b, 5, &block, 1);
    rig_send_rtcp(one, &b);
    const struct dp_subscription *s = subscription_of(one);
    assert_int_equal(s->lost, 3);
    assert_int_equal(s->jitter, 900);
    assert_in_range(s->rtt_us, 1000, 70000);

    assert_int_equal(observed(HR_HISTOGRAM_LOSS_EGRESS).sum, 250000); /* a quarter, in millionths */
    assert_int_equal(observed(HR_HISTOGRAM_JITTER_EGRESS).sum, 10000);   /* 900 of 90 kHz, in us */
    assert_int_equal(observed(HR_HISTOGRAM_JITTER_EGRESS).counts[3], 1); /* up to 10 ms */
    assert_int_equal(observed(HR_HISTOGRAM_ROUND_TRIP_EGRESS).sum, s->rtt_us);
    assert_int_equal(observations(HR_HISTOGRAM_ESTIMATE), 0); /* it gives no feedback */
    assert_int_equal(rig_counts().reports_received, 1);
}

static void test_receiver_report_and_feedback(void **state)
{
    begin();
    for (uint16_t seq = 1; seq <= 30; seq++)
        if (seq != 7 && seq != 8)
            send_video(seq, seq == 1);
    rig_pass(60);
    struct heard h = listen(pub);
    assert_int_equal(h.twcc, 1);
    assert_int_equal(h.received, 28);
    assert_int_equal(h.twcc_media, 8);
    rig_pass(3000);
    struct heard later = listen(pub);
    assert_in_range(h.rr + later.rr, 2, 6); /* half to one and a half seconds between them */
    assert_string_equal(later.cname, "headrace-00000063");
    assert_int_equal(later.block.ssrc, 8);
    assert_int_equal(later.block.lost, 2);
    assert_int_equal(later.twcc, 0);
    assert_int_equal(observations(HR_HISTOGRAM_LOSS_INGRESS), h.rr + later.rr);
    assert_int_equal(observed(HR_HISTOGRAM_LOSS_INGRESS).sum, 1000000 * (2 * 256 / 30) / 256);
    assert_int_equal(observations(HR_HISTOGRAM_JITTER_INGRESS), h.rr + later.rr);
}

static void publish_second(uint16_t *seq)
{
    for (int i = 0; i < 100; i++) {
        *seq += 1;
        send_video(*seq, *seq == 1);
        rig_pass(10);
    }
    rig_empty(one);
    rig_empty(two);
}

static void take_forwarding(void *arg, const Headrace__Reply *reply)
{
    const Headrace__StreamStats *s = reply->stats[0]->streams[0];
    *(int *)arg = (int)s->forwarding;
    assert_int_equal(s->clock_rate, s->forwarding ? 0 : 90000);
}

/* How one's first subscription stands. */
static int forwarding(void)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__StatsGet get = HEADRACE__STATS_GET__INIT;
    int state = -1;
    get.endpoints = &one->id;
    get.n_endpoints = 1;
    cmd.op_case = HEADRACE__COMMAND__OP_STATS_GET;
    cmd.stats_get = &get;
    assert_int_equal(dp_apply(&rig.dp, &cmd, take_forwarding, &state), 0);
    assert_int_equal(rig_apply(&cmd), HR_ERROR_OK); /* lets the worker run */
    return state;
}

static void test_what_the_link_has_no_room_for(void **state)
{
    uint16_t seq = 0;
    begin();
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    cmd.op_case = HEADRACE__COMMAND__OP_SUBSCRIPTION_PUT;
    cmd.subscription_put = rig_subscription(1, one, 1);
    cmd.subscription_put->remb = true;
    assert_int_equal(rig_apply(&cmd), HR_ERROR_OK);
    assert_int_equal(forwarding(), HEADRACE__STREAM_STATS__FORWARDING__NOTHING);
    publish_second(&seq);
    publish_second(&seq);
    assert_int_equal(rig_counts().video_pauses, 0);
    assert_int_equal(forwarding(), HEADRACE__STREAM_STATS__FORWARDING__FORWARDED);

    struct dp_rtcp_buf b = compound();
    struct dp_rtcp_report_block block = {.ssrc = 1000};
    uint32_t media = 1000;
    dp_rtcp_put_rr(&b, 5, &block, 1);
    dp_rtcp_put_remb(&b, 5, 60000, &media, 1);
    rig_send_rtcp(one, &b);
    publish_second(&seq);
    publish_second(&seq);
    assert_int_equal(rig_counts().video_pauses, 0); /* it may be over in a moment */
    publish_second(&seq);
    publish_second(&seq);
    assert_int_equal(rig_counts().video_pauses, 1); /* once, not at each look */
    assert_int_equal(forwarding(), HEADRACE__STREAM_STATS__FORWARDING__NO_ROOM);
    rig_send_rtcp(one, &b);
    assert_int_equal(observations(HR_HISTOGRAM_ESTIMATE), 1); /* the first came before REMB */
    assert_in_range(observed(HR_HISTOGRAM_ESTIMATE).sum, 60000, 60000);
    assert_int_equal(observed(HR_HISTOGRAM_QUEUE).counts[0], 1);

    cmd.subscription_put->paused = true;
    assert_int_equal(rig_apply(&cmd), HR_ERROR_OK);
    assert_int_equal(forwarding(), HEADRACE__STREAM_STATS__FORWARDING__PAUSED);
}

/* ---- bad RTCP */

static void test_replayed_altered_and_malformed(void **state)
{
    begin();
    send_video(1, true);
    rig_pass(100);
    listen(pub);
    rig_skip(rig.dp.tsc_hz);
    struct dp_rtcp_buf b = compound();
    dp_rtcp_put_pli(&b, 5, 1000);
    uint8_t packet[128], copy[128];
    int len = (int)b.len;
    memcpy(packet, b.p, b.len);
    assert_int_equal(srtp_protect_rtcp(one->tx, packet, &len), srtp_err_status_ok);
    unsigned altered = 0;
    for (int i = 8; i < len; i++, altered++) {
        memcpy(copy, packet, (size_t)len);
        copy[i] ^= 0x10;
        rig_deliver(one, copy, (size_t)len);
    }
    assert_int_equal(rig_drops(DP_DROP_RTCP_AUTH), altered);
    rig_deliver(one, packet, (size_t)len);
    assert_int_equal(listen(pub).pli, 1);
    rig_deliver(one, packet, (size_t)len);
    assert_int_equal(rig_drops(DP_DROP_RTCP_AUTH), altered + 1);

    uint8_t wrong[12] = {0x81, 206, 0, 9, 0, 0, 0, 5}; /* longer than it is */
    struct dp_rtcp_buf bad = {.p = wrong, .len = sizeof(wrong)};
    rig_send_rtcp(one, &bad);
    assert_int_equal(rig_drops(DP_DROP_RTCP_MALFORMED), 1);
    rig_deliver(one, (const uint8_t[]){0x80, 200, 0}, 3);
    assert_int_equal(rig_drops(DP_DROP_RTCP_MALFORMED), 2);
}

static void test_senders_are_bounded(void **state)
{
    begin();
    for (uint32_t sender = 1; sender <= DP_SRTCP_SENDERS_MAX + 5; sender++) {
        struct dp_rtcp_buf b = compound();
        dp_rtcp_put_rr(&b, sender, NULL, 0);
        rig_send_rtcp(one, &b);
    }
    assert_int_equal(rig_drops(DP_DROP_STREAM_LIMIT), 5);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
    const struct CMUnitTest tests[] = {
        TEST(test_retransmission_is_identical),
        TEST(test_too_soon_and_again_later),
        TEST(test_not_kept_any_more),
        TEST(test_not_after_settings_changed),
        TEST(test_checker_sees_other_bytes),
        TEST(test_keyframe_requests_are_coalesced),
        TEST(test_keyframe_command_and_fir),
        TEST(test_asked_again_without_a_key_frame),
        TEST(test_asked_again_until_one_comes),
        TEST(test_one_key_frame_serves_all),
        TEST(test_sender_report_is_translated),
        TEST(test_receiver_report_and_feedback),
        TEST(test_what_the_link_has_no_room_for),
        TEST(test_replayed_altered_and_malformed),
        TEST(test_senders_are_bounded),
    };
    return cmocka_run_group_tests(tests, rig_eal, NULL);
}
