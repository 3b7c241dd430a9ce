/*
 * What receivers lose and ask for again. Client 0 publishes; 1 has RTX, 2 has not. libsrtp2 opens
 * what they get.
 */
#include "rig.h"
#include "rig_internal.h"

#include "dataplane/bucket.h"
#include "dataplane/egress.h"
#include "dataplane/rtp/wire.h"

#include <stdlib.h>
#include <string.h>

#define GCM    HR_SRTP_AEAD_AES_128_GCM
#define CM     HR_SRTP_AES_CM_128_HMAC_SHA1_80
#define RTX    77  /* SSRC of retransmissions to 1, */
#define RTX_PT 100 /* and their payload type */

static const struct rig_exts exts = {
    .id = {[HR_EXT_MID] = 1, [HR_EXT_TRANSPORT_CC] = 3, [HR_EXT_DEPENDENCY_DESCRIPTOR] = 5}};
static struct rig_client *pub, *one, *two;
static uint16_t next_seq; /* to publish */
static uint16_t offset;   /* what 1 gets is numbered by, less what is published */
static uint16_t rtx_next; /* the number that RTX goes on with */
static bool rtx_begun;

static void subscribe(struct rig_client *c, uint32_t id, bool rtx, bool numbered)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    cmd.op_case = HEADRACE__COMMAND__OP_SUBSCRIPTION_PUT;
    cmd.subscription_put = rig_subscription(id, c, 1);
    cmd.subscription_put->rtx_ssrc = c == one ? RTX : 0;
    cmd.subscription_put->payload_map[0]->rtx = rtx ? RTX_PT : 0;
    cmd.subscription_put->transport_cc = numbered;
    assert_int_equal(rig_apply(&cmd), HR_ERROR_OK);
}

static void begin(enum hr_srtp_profile from, enum hr_srtp_profile to)
{
    pub = rig_client(0, from, exts);
    one = rig_client(1, to, exts);
    two = rig_client(2, to, exts);
    assert_int_equal(rig_video(1, pub, 0), HR_ERROR_OK);
    next_seq = 65500;
    rtx_begun = false;
}

static struct rig_rtp video(uint16_t seq)
{
    bool key = seq == 65500;
    return (struct rig_rtp){.ssrc = 8,
                            .seq = seq,
                            .ts = 7000 + seq * 3000u,
                            .pt = 96,
                            .mid = "v",
                            .marker = seq % 3 == 0,
                            .len = 200 + seq % 500u,
                            .fill = (uint8_t)(1 + seq % 200),
                            .dd = key ? rig_dd_key : rig_dd_delta,
                            .dd_len = key ? sizeof(rig_dd_key) : sizeof(rig_dd_delta)};
}

static void publish(void)
{
    struct rig_rtp p = video(next_seq++);
    rig_send(pub, &p);
}

/* What c got first is lost. */
static struct rig_packet lose(struct rig_client *c)
{
    assert_true(c->inbox_count > 0);
    struct rig_packet p = c->inbox[0];
    memmove(&c->inbox[0], &c->inbox[1], --c->inbox_count * sizeof(c->inbox[0]));
    return p;
}

static void nack(struct rig_client *c, uint32_t media, const uint16_t *seqs, unsigned n)
{
    uint8_t bytes[1400];
    struct dp_rtcp_buf b = {.p = bytes, .cap = 1200};
    dp_rtcp_put_rr(&b, 5, NULL, 0);
    assert_int_equal(dp_rtcp_put_nack(&b, 5, media, seqs, n), 0);
    rig_send_rtcp(c, &b);
}

static void check_payload(const struct rig_got *g, const struct rig_rtp *p, size_t skip)
{
    assert_int_equal(g->rtp.payload_len, p->len + skip);
    for (size_t i = skip; i < g->rtp.payload_len; i++)
        assert_int_equal(g->bytes[g->rtp.hdr_len + i], p->fill);
    assert_int_equal(g->rtp.marker, p->marker);
    assert_int_equal(g->rtp.ts, p->ts);
    assert_int_equal(g->rtp.ext_count, 2); /* MID and descriptor */
}

/* RFC 4588 4: the packet published as seq, in the RTX stream, the next in it. */
static void check_rtx(const struct rig_got *g, uint16_t seq)
{
    struct rig_rtp p = video(seq);
    assert_int_equal(g->rtp.ssrc, RTX);
    assert_int_equal(g->rtp.pt, RTX_PT);
    assert_int_equal(dp_get16(g->bytes + g->rtp.hdr_len), (uint16_t)(seq + offset));
    check_payload(g, &p, DP_OSN_LEN);
    if (rtx_begun)
        assert_int_equal(g->rtp.seq, rtx_next);
    rtx_begun = true;
    rtx_next = (uint16_t)(g->rtp.seq + 1);
}

static bool receive(struct rig_client *c, struct rig_got *g)
{
    do
        if (!rig_receive(c, g))
            return false;
    while (g->rtcp);
    return true;
}

/* The first packet, which nobody loses. */
static void publish_first(void)
{
    struct rig_got g;
    publish();
    assert_true(receive(one, &g));
    offset = (uint16_t)(g.rtp.seq - (next_seq - 1));
}

static void check_repair(enum hr_srtp_profile from, enum hr_srtp_profile to)
{
    struct rig_got g;
    begin(from, to);
    subscribe(one, 1, true, false);
    publish_first();
    for (unsigned i = 0; i < 100; i++) { /* over the end of the numbers */
        uint16_t seq = next_seq;
        publish();
        lose(one);
        uint16_t asked = (uint16_t)(seq + offset);
        nack(one, 1000, &asked, 1);
        assert_true(receive(one, &g));
        check_rtx(&g, seq);
        rig_pass(1);
    }
    assert_false(receive(one, &g));
    assert_int_equal(rig_counts().retransmitted, 100);
}

static void test_rtx_is_the_original(void **state)
{
    check_repair(GCM, GCM);
}

static void test_rtx_from_gcm_to_cm(void **state)
{
    check_repair(GCM, CM);
}

static void test_rtx_from_cm_to_gcm(void **state)
{
    check_repair(CM, GCM);
}

/* Many in one request, not in order, with media between. */
static void test_many_at_once(void **state)
{
    struct rig_got g;
    uint16_t asked[20];
    begin(GCM, GCM);
    subscribe(one, 1, true, false);
    publish_first();
    uint16_t first = next_seq;
    for (unsigned i = 0; i < 60; i++) {
        publish();
        if (i % 3 == 0)
            lose(one);
        else
            assert_true(receive(one, &g));
    }
    for (unsigned i = 0; i < 20; i++)
        asked[i] = (uint16_t)(first + 3 * i + offset);
    nack(one, 1000, asked, 20);
    for (unsigned i = 0; i < 20; i++) {
        assert_true(receive(one, &g));
        check_rtx(&g, (uint16_t)(asked[i] - offset));
    }
    assert_false(receive(one, &g));
}

/* The round trip is measured by reports: between 100 and 160 ms. */
static void measure_round_trip(void)
{
    uint8_t bytes[256];
    struct rig_got g;
    struct dp_rtcp_buf b = {.p = bytes, .cap = 200};
    struct dp_rtcp_sr sr = {.ntp = 0x1122334455667788, .rtp_ts = 7000, .reports.sender = 8};
    dp_rtcp_put_sr(&b, &sr, NULL, 0);
    rig_send_rtcp(pub, &b);
    rig_pass(60);
    rig_skip(rig.dp.tsc_hz / 10);
    b = (struct dp_rtcp_buf){.p = bytes, .cap = 200};
    struct dp_rtcp_report_block block = {.ssrc = 1000, .lsr = 0x33445566};
    dp_rtcp_put_rr(&b, 5, &block, 1);
    rig_send_rtcp(one, &b);
    while (receive(one, &g))
        ;
}

static void test_once_in_a_round_trip(void **state)
{
    struct rig_got g;
    begin(GCM, CM);
    subscribe(one, 1, true, false);
    publish_first();
    measure_round_trip();
    uint16_t seq = next_seq, asked = (uint16_t)(seq + offset);
    publish();
    lose(one);
    nack(one, 1000, &asked, 1);
    assert_true(receive(one, &g));
    check_rtx(&g, seq);
    for (unsigned i = 0; i < 9; i++) { /* as browsers do for voices */
        rig_skip(rig.dp.tsc_hz / 100);
        nack(one, 1000, &asked, 1);
    }
    assert_false(receive(one, &g));
    assert_int_equal(rig_drops(DP_DROP_RESEND_LIMIT), 9);
    rig_skip(rig.dp.tsc_hz / 12);
    nack(one, 1000, &asked, 1);
    assert_true(receive(one, &g));
    check_rtx(&g, seq); /* a packet of its own: nothing is repeated */
    assert_int_equal(rig_drops(DP_DROP_RESEND_LIMIT), 9);
}

/* Endpoints go from worker to worker, with what they may be asked for. */
static void test_after_moves(void **state)
{
    struct rig_got g;
    unsigned asked_for = 0;
    if (rig_workers == 1)
        skip();
    srand(3);
    begin(GCM, CM);
    subscribe(one, 1, true, false);
    publish_first();
    for (unsigned i = 0; i < 300; i++) {
        uint16_t seq = next_seq;
        publish();
        if (i % 3) {
            assert_true(receive(one, &g));
            continue;
        }
        lose(one);
        for (unsigned shard = 0; shard < 4; shard++)
            assert_int_equal(rig_move(shard, (unsigned)rand() % rig_workers), HR_ERROR_OK);
        uint16_t asked = (uint16_t)(seq + offset);
        nack(one, 1000, &asked, 1);
        assert_true(receive(one, &g));
        check_rtx(&g, seq);
        rig_pass(20);
        asked_for++;
    }
    assert_int_equal(rig_counts().retransmitted, asked_for);
    assert_int_equal(rig_drops(DP_DROP_HISTORY_MISS), 0);
    assert_int_equal(rig_drops(DP_DROP_NONCE_REUSE), 0);
}

/* Where there is no RTX: the packet that was lost, to the byte. */
static void test_plain_without_rtx(void **state)
{
    struct rig_got g;
    begin(GCM, CM);
    subscribe(one, 1, true, false);
    subscribe(two, 2, false, false);
    publish_first();
    rig_empty(two);
    for (unsigned i = 0; i < 50; i++) {
        struct rig_rtp p = video(next_seq);
        publish();
        struct rig_packet lost = lose(two);
        uint16_t seq = dp_get16(lost.bytes + 2);
        rig_pass(1);
        nack(two, 2000, &seq, 1);
        assert_int_equal(two->inbox_count, 1);
        assert_int_equal(two->inbox[0].len, lost.len);
        assert_memory_equal(two->inbox[0].bytes, lost.bytes, lost.len);
        assert_true(receive(two, &g));
        assert_int_equal(g.rtp.ssrc, 2000);
        check_payload(&g, &p, 0);
        rig_empty(one);
    }
}

/* A new number in the old bytes cannot be, and there is nothing to carry it. */
static void test_nothing_for_numbered_without_rtx(void **state)
{
    struct rig_got g;
    begin(GCM, GCM);
    subscribe(one, 1, false, true);
    publish();
    assert_true(receive(one, &g));
    nack(one, 1000, &g.rtp.seq, 1);
    assert_false(receive(one, &g));
    assert_int_equal(rig_drops(DP_DROP_RESEND_NUMBERED), 1);
}

/* Probes are of the RTX stream too: one row of numbers. */
static void test_probes_between(void **state)
{
    struct rig_got g;
    struct dp_burst out = {.n = 0};
    if (rig_workers > 1)
        skip();
    begin(GCM, GCM);
    subscribe(one, 1, true, true);
    publish();
    assert_true(receive(one, &g));
    uint16_t number = g.rtp.seq, rtx = 0;
    struct dp_endpoint *e = TAILQ_NEXT(TAILQ_FIRST(&rig.worker.session->endpoints), of_session);
    for (unsigned i = 0; i < 40; i++) {
        rig_pass(50);
        if (i % 2)
            assert_true(dp_egress_probe(&rig.worker, e, 600, &out) > 0);
        else
            nack(one, 1000, &number, 1);
        dp_stage_pace(&rig.worker, &out);
        rig_hand_out(&out);
        while (receive(one, &g)) {
            assert_int_equal(g.rtp.ssrc, RTX);
            if (rtx)
                assert_int_equal(g.rtp.seq, (uint16_t)(rtx + 1));
            rtx = g.rtp.seq;
        }
    }
    assert_true(rtx > 0);
    assert_true(rig_drops(DP_DROP_HISTORY_MISS) > 0); /* the last probes are padding */
}

/* ---- the bound */

static void test_bucket(void **state)
{
    struct dp_bucket b = {.rate = 1000, .burst = 500};
    const uint64_t hz = 1000000;
    assert_true(dp_bucket_take(&b, 400, 5 * hz, hz)); /* it begins full */
    assert_false(dp_bucket_take(&b, 200, 5 * hz, hz));
    assert_true(dp_bucket_take(&b, 100, 5 * hz, hz));
    for (uint64_t us = 1; us < 100000; us += 10) /* less than a byte each */
        assert_false(dp_bucket_take(&b, 100, 5 * hz + us, hz));
    assert_true(dp_bucket_take(&b, 100, 5 * hz + 101000, hz));
    assert_true(dp_bucket_take(&b, 500, 5000 * hz, hz));
    assert_false(dp_bucket_take(&b, 1, 5000 * hz, hz)); /* no more than a burst, however long */
    b.rate = DP_BUCKET_RATE_MAX;
    b.burst = UINT32_MAX;
    assert_true(dp_bucket_take(&b, DP_BUCKET_RATE_MAX, 5001 * hz, hz));
}

/* All that was sent lately, asked for again and again: 1.6 Mbit/s are sent, and half as much again
 * may be. */
static void test_no_more_than_its_share(void **state)
{
    const unsigned ms = 3000, half = 100000;
    size_t again = 0, media = 0;
    begin(GCM, GCM);
    subscribe(one, 1, true, false);
    publish_first();
    for (unsigned t = 0; t < 1000 + ms; t++) {
        struct rig_got g;
        uint16_t asked[100];
        if (t % 5 == 0) {
            struct rig_rtp p = video(next_seq++);
            p.len = 950;
            rig_send(pub, &p);
        }
        for (unsigned i = 0; i < 100; i++)
            asked[i] = (uint16_t)(next_seq + offset - 100 + i);
        if (t > 1000 && t % 50 == 0)
            nack(one, 1000, asked, 100);
        rig_pass(1);
        while (receive(one, &g))
            *(g.rtp.ssrc == RTX ? &again : &media) += g.len;
    }
    assert_in_range(media, 760000, 820000);
    assert_in_range(again, half * (ms / 1000) * 8 / 10, half * (ms / 1000 + 1) * 11 / 10);
    assert_true(rig_drops(DP_DROP_RESEND_BYTES) > 1000);
    assert_int_equal(rig_drops(DP_DROP_NONCE_REUSE), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
    const struct CMUnitTest tests[] = {
        TEST(test_rtx_is_the_original),    TEST(test_rtx_from_gcm_to_cm),
        TEST(test_rtx_from_cm_to_gcm),     TEST(test_many_at_once),
        TEST(test_once_in_a_round_trip),   TEST(test_after_moves),
        TEST(test_plain_without_rtx),      TEST(test_nothing_for_numbered_without_rtx),
        TEST(test_probes_between),         TEST(test_bucket),
        TEST(test_no_more_than_its_share),
    };
    return cmocka_run_group_tests(tests, rig_eal, NULL);
}
