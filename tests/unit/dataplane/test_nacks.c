/* What a publisher (client 0) loses on its way here, and what it hears about it. */
#include "rig.h"

#include "dataplane/rtp/wire.h"

#include <stdlib.h>
#include <string.h>

#define GCM HR_SRTP_AEAD_AES_128_GCM
#define CM  HR_SRTP_AES_CM_128_HMAC_SHA1_80

static const struct rig_exts exts = {.id = {[HR_EXT_MID] = 1, [HR_EXT_DEPENDENCY_DESCRIPTOR] = 5}};
static struct rig_client *pub, *one;
static uint16_t rtx_seq;

static void begin(void)
{
    rtx_seq = 1;
    rig.audio_nack = true;
    pub = rig_client(0, GCM, exts);
    one = rig_client(1, CM, exts);
    assert_int_equal(rig_video(1, pub, 0), HR_ERROR_OK);
    assert_int_equal(rig_audio(2, pub), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(1, one, 1), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(2, one, 2), HR_ERROR_OK);
}

static struct rig_rtp video(uint16_t seq)
{
    bool key = seq == 300;
    return (struct rig_rtp){.ssrc = 8,
                            .seq = seq,
                            .ts = seq * 300u,
                            .pt = 96,
                            .mid = "v",
                            .len = 200,
                            .fill = (uint8_t)(1 + seq % 200),
                            .dd = key ? rig_dd_key : rig_dd_delta,
                            .dd_len = key ? sizeof(rig_dd_key) : sizeof(rig_dd_delta)};
}

static void send_video(uint16_t seq)
{
    struct rig_rtp p = video(seq);
    rig_send(pub, &p);
}

static void send_audio(uint16_t seq)
{
    struct rig_rtp p = {.ssrc = 7, .seq = seq, .ts = seq * 960u, .pt = 111, .mid = "a", .len = 80};
    rig_send(pub, &p);
}

static void send_rtx(uint16_t seq)
{
    uint8_t bytes[RIG_PACKET + SRTP_MAX_TRAILER_LEN];
    struct rig_rtp p = video(seq);
    p.ssrc = 9;
    p.seq = rtx_seq++;
    p.pt = 97;
    p.len += 2;
    int len = (int)rig_build(pub, &p, bytes);
    dp_put16(bytes + (size_t)len - p.len, seq);
    assert_int_equal(srtp_protect(pub->tx, bytes, &len), srtp_err_status_ok);
    rig_deliver(pub, bytes, (size_t)len);
}

/* ---- what the publisher hears */

struct heard {
    unsigned numbers, pli, rr, cname, first;
    uint16_t seq[1024];
    uint32_t media;
    uint32_t bye;
    uint32_t reference;
};

static void on_nack(void *ctx, struct dp_rtcp_nack *nack)
{
    struct heard *h = ctx;
    uint16_t seq;
    h->media = nack->media;
    while (dp_rtcp_nack_next(nack, &seq)) {
        assert_true(h->numbers < 1024);
        h->seq[h->numbers++] = seq;
    }
}

static void on_pli(void *ctx, const struct dp_rtcp_pli *pli)
{
    ((struct heard *)ctx)->pli++;
}

static void on_rr(void *ctx, const struct dp_rtcp_reports *rr)
{
    ((struct heard *)ctx)->rr++;
}

static void on_cname(void *ctx, const struct dp_rtcp_cname *cname)
{
    ((struct heard *)ctx)->cname++;
}

static void on_bye(void *ctx, uint32_t ssrc)
{
    ((struct heard *)ctx)->bye = ssrc;
}

/* The reference time of an XR packet at the end. */
static void note_reference(struct heard *h, const uint8_t *p, size_t len)
{
    if (len >= 20 && p[len - 19] == DP_RTCP_XR && p[len - 12] == DP_XR_RRTR)
        h->reference = (uint32_t)dp_get16(p + len - 6) << 16 | dp_get16(p + len - 4);
}

static struct heard listen(struct rig_client *c)
{
    static const struct dp_rtcp_handlers handlers = {
        .nack = on_nack, .pli = on_pli, .rr = on_rr, .cname = on_cname, .bye = on_bye};
    struct heard h = {0};
    struct rig_got g;
    while (rig_receive(c, &g)) {
        if (!g.rtcp)
            continue;
        if (h.first == 0)
            h.first = g.bytes[1];
        assert_int_equal(dp_rtcp_dispatch(g.bytes, g.len, &handlers, &h), DP_RTCP_OK);
        note_reference(&h, g.bytes, g.len);
    }
    return h;
}

/* ---- the tests */

static void test_video_is_asked_for_within_milliseconds(void **state)
{
    begin();
    send_video(300);
    send_video(303);
    rig_pass(4);
    assert_int_equal(listen(pub).numbers, 0);
    rig_pass(2);
    struct heard h = listen(pub);
    assert_int_equal(h.first, DP_RTCP_RTPFB);
    assert_int_equal(h.media, 8);
    assert_int_equal(h.numbers, 2);
    assert_int_equal(h.seq[0], 301);
    assert_int_equal(h.seq[1], 302);
    send_video(306);
    send_video(307);
    send_video(308);
    send_rtx(301);
    rig_pass(1);
    h = listen(pub);
    assert_int_equal(h.numbers, 2);
    assert_int_equal(h.seq[0], 304);
    assert_int_equal(h.seq[1], 305);
    rig_empty(one);
}

static void test_audio_is_asked_for_at_once(void **state)
{
    begin();
    send_audio(65535);
    send_audio(1);
    rig_pass(1);
    struct heard h = listen(pub);
    assert_int_equal(h.media, 7);
    assert_int_equal(h.numbers, 1);
    assert_int_equal(h.seq[0], 0);
    send_audio(0); /* once more, as it was */
    rig_pass(500);
    assert_int_equal(listen(pub).numbers, 0);
    assert_int_equal(rig_counts().nacks_sent, 1);
    rig_empty(one);
}

static void test_given_up_for_a_key_frame(void **state)
{
    begin();
    send_video(300);
    send_video(301);
    send_video(303);
    rig_pass(60);
    listen(pub);
    rig_pass(1400);
    struct heard h = listen(pub);
    assert_in_range(h.numbers, 8, DP_NACK_TRIES - 1);
    assert_true(h.pli >= 1);
    rig_pass(500);
    assert_int_equal(listen(pub).numbers, 0);
    rig_empty(one);
}

static void test_what_nobody_receives_is_not_asked_for(void **state)
{
    begin();
    for (uint16_t seq = 300; seq < 400; seq++) /* other workers get the first in any case */
        send_video(seq);
    rig_empty(one);
    assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__SUBSCRIPTION, 1), HR_ERROR_OK);
    rig_pass(1);
    for (uint16_t seq = 400; seq < 700; seq += 3)
        send_video(seq);
    rig_pass(50);
    assert_int_equal(listen(pub).numbers, 0);
    rig_empty(one);
}

/* A receiver hears that its SSRC is no more. */
static void test_bye(void **state)
{
    begin();
    send_video(300);
    rig_empty(one);
    assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__SUBSCRIPTION, 1), HR_ERROR_OK);
    assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__SUBSCRIPTION, 2), HR_ERROR_OK);
    rig_pass(1);
    struct heard h = listen(one);
    assert_int_equal(h.bye, 1000); /* under 2000 nothing was sent */
    assert_int_equal(h.first, DP_RTCP_RR);
    assert_int_equal(h.cname, 1);
}

/* Where reduced size was not negotiated every packet begins with a report and a name. */
static void test_whole_compounds(void **state)
{
    begin();
    pub->whole_rtcp = true;
    assert_int_equal(rig_endpoint(pub, true, true), HR_ERROR_OK);
    send_video(300);
    rig_pass(60);
    listen(pub);
    send_audio(1);
    send_audio(3);
    rig_pass(1);
    struct heard h = listen(pub);
    assert_int_equal(h.numbers, 1);
    assert_int_equal(h.first, DP_RTCP_RR);
    assert_true(h.rr == 1 && h.cname == 1);
    rig_empty(one);
}

static struct dp_publishing *publishing(void)
{
    struct dp_endpoint *e;
    for (unsigned i = 0; i < rig_workers; i++)
        TAILQ_FOREACH (e, &rig.workers[i].session->endpoints, of_session)
            if (e->id == pub->id)
                return e->publishing;
    return NULL;
}

static void test_round_trip_from_a_repaired_packet(void **state)
{
    begin();
    send_video(300);
    send_video(302);
    rig_pass(6);
    assert_int_equal(listen(pub).numbers, 1);
    rig_pass(40);
    send_rtx(301);
    assert_in_range(publishing()->rtt_us, 39000, 42000);
    rig_empty(one);
}

static void test_round_trip_from_the_reference_time(void **state)
{
    uint8_t bytes[64] = {0x80, DP_RTCP_XR, 0, 5, 0, 0, 0, 8, DP_XR_DLRR, 0, 0, 3};
    begin();
    send_audio(1);
    struct heard h = {0};
    for (unsigned i = 0; i < 2000 && h.reference == 0; i++) {
        rig_pass(1);
        h = listen(pub);
    }
    assert_true(h.reference != 0);
    rig_pass(70);
    dp_put32(bytes + 12, 99);
    dp_put32(bytes + 16, h.reference);
    dp_put32(bytes + 20, 65536 / 20); /* of which it was 50 ms there */
    struct dp_rtcp_buf b = {.p = bytes, .len = 24};
    rig_send_rtcp(pub, &b);
    assert_in_range(publishing()->rtt_us, 19000, 22000);
    rig_empty(one);
}

/* ---- loss, repair and moves between workers, at random */

#define PACKETS 3000

struct {
    uint16_t seq[4096];
    unsigned due[4096], count; /* step at which a request arrives */
} requests;

static unsigned got[PACKETS];

static void hear_requests(unsigned now)
{
    struct heard h = listen(pub);
    for (unsigned i = 0; i < h.numbers; i++) {
        if (rand() % 100 < 20)
            continue; /* the request, or the answer to it, is lost */
        assert_true(requests.count < 4096);
        requests.seq[requests.count] = h.seq[i];
        requests.due[requests.count++] = now + 30 + (unsigned)rand() % 10;
    }
}

static void answer_requests(unsigned now)
{
    for (unsigned i = 0; i < requests.count; i++) {
        if (requests.due[i] > now)
            continue;
        send_rtx(requests.seq[i]);
        if (rand() % 10 == 0)
            send_rtx(requests.seq[i]);
        requests.seq[i] = requests.seq[--requests.count];
        requests.due[i] = requests.due[requests.count];
        i--;
    }
}

static void receive(uint16_t *first)
{
    struct rig_got g;
    while (rig_receive(one, &g)) {
        if (g.rtcp || g.rtp.ssrc != 1000)
            continue;
        if (*first == 0)
            *first = g.rtp.seq;
        unsigned i = (uint16_t)(g.rtp.seq - *first);
        assert_true(i < PACKETS);
        assert_int_equal(g.bytes[g.rtp.hdr_len], (uint8_t)(1 + (300 + i) % 200));
        assert_int_equal(g.rtp.payload_len, 200);
        got[i]++;
    }
}

static void test_every_loss_is_repaired(void **state)
{
    uint16_t first = 0;
    unsigned lost = 0;
    memset(got, 0, sizeof(got));
    requests.count = 0;
    srand(5);
    begin();
    if (rig_workers > 1)
        assert_int_equal(rig_move(0, 0), HR_ERROR_OK);
    for (unsigned i = 0; i < PACKETS + 300; i++) {
        bool lose = i > 0 && i < PACKETS - 1 && rand() % 100 < 15;
        if (i < PACKETS && !lose)
            send_video((uint16_t)(300 + i));
        lost += lose;
        rig_pass(1);
        hear_requests(i);
        answer_requests(i);
        if (rig_workers > 1 && rand() % 50 == 0)
            assert_int_equal(rig_move((unsigned)rand() % 4, (unsigned)rand() % rig_workers),
                             HR_ERROR_OK);
        receive(&first);
    }
    assert_true(lost > PACKETS / 10);
    assert_int_equal(rig_counts().repaired, lost);
    for (unsigned i = 0; i < PACKETS; i++)
        assert_int_equal(got[i], 1);
    assert_int_equal(rig_drops(DP_DROP_NONCE_REUSE), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
    const struct CMUnitTest tests[] = {
        TEST(test_video_is_asked_for_within_milliseconds),
        TEST(test_audio_is_asked_for_at_once),
        TEST(test_given_up_for_a_key_frame),
        TEST(test_what_nobody_receives_is_not_asked_for),
        TEST(test_bye),
        TEST(test_whole_compounds),
        TEST(test_round_trip_from_a_repaired_packet),
        TEST(test_round_trip_from_the_reference_time),
        TEST(test_every_loss_is_repaired),
    };
    return cmocka_run_group_tests(tests, rig_eal, NULL);
}
