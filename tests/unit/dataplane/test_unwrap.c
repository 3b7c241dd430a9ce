/* Retransmissions from a publisher (client 0): what comes out at its receivers (1 and 2). */
#include "rig.h"

#include "dataplane/rtp/wire.h"

#include <string.h>

#define GCM HR_SRTP_AEAD_AES_128_GCM
#define CM  HR_SRTP_AES_CM_128_HMAC_SHA1_80

#define MEDIA  8
#define REPAIR 9
#define LENGTH 700

static const struct rig_exts exts = {.id = {[HR_EXT_MID] = 1,
                                            [HR_EXT_RID] = 2,
                                            [HR_EXT_RRID] = 3,
                                            [HR_EXT_TRANSPORT_CC] = 4,
                                            [HR_EXT_DEPENDENCY_DESCRIPTOR] = 5}};
static struct rig_client *pub, *one, *two;
static uint16_t rtx_seq;

static void begin(enum hr_srtp_profile profile)
{
    rtx_seq = 500;
    pub = rig_client(0, profile, exts);
    one = rig_client(1, GCM, exts);
    two = rig_client(2, CM, (struct rig_exts){0});
    assert_int_equal(rig_video(1, pub, 0), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(1, one, 1), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(2, two, 1), HR_ERROR_OK);
}

static struct rig_rtp video(uint16_t seq)
{
    bool key = seq % 100 == 0;
    return (struct rig_rtp){.ssrc = MEDIA,
                            .seq = seq,
                            .ts = seq * 3000u,
                            .pt = 96,
                            .mid = "v",
                            .len = LENGTH,
                            .dd = key ? rig_dd_key : rig_dd_delta,
                            .dd_len = key ? sizeof(rig_dd_key) : sizeof(rig_dd_delta)};
}

static void send_video(uint16_t seq)
{
    struct rig_rtp p = video(seq);
    rig_send(pub, &p);
}

/* Bytes that differ from place to place, so that a shift shows. */
static void fill(uint8_t *bytes, uint16_t seq, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(seq * 7 + i * 31 + i / 100);
}

/* A packet whose payload, of p.len bytes, is fill()ed behind head. */
static void send_filled(const struct rig_rtp *p, const uint8_t *head, size_t head_len, uint16_t seq)
{
    uint8_t bytes[RIG_PACKET + SRTP_MAX_TRAILER_LEN];
    int len = (int)rig_build(pub, p, bytes);
    uint8_t *payload = bytes + (size_t)len - p->len;
    if (head_len)
        memcpy(payload, head, head_len);
    fill(payload + head_len, seq, p->len - head_len);
    assert_int_equal(srtp_protect(pub->tx, bytes, &len), srtp_err_status_ok);
    rig_deliver(pub, bytes, (size_t)len);
}

static void send_filled_video(uint16_t seq)
{
    struct rig_rtp p = video(seq);
    send_filled(&p, NULL, 0, seq);
}

/* The packet of this number once more, in RTX. */
static void send_rtx(uint16_t seq)
{
    struct rig_rtp p = video(seq);
    uint8_t osn[2];
    p.ssrc = REPAIR;
    p.seq = rtx_seq++;
    p.pt = 97;
    p.len += sizeof(osn);
    dp_put16(osn, seq);
    send_filled(&p, osn, sizeof(osn), seq);
}

/* The next packet, and that it is of this number; first: the outgoing number of 100. */
static void expect(struct rig_client *c, uint16_t seq, uint16_t first)
{
    uint8_t bytes[LENGTH];
    struct rig_got g;
    do
        assert_true(rig_receive(c, &g));
    while (g.rtcp);
    fill(bytes, seq, LENGTH);
    assert_int_equal(g.rtp.pt, 97);
    assert_int_equal(g.rtp.payload_len, LENGTH);
    assert_memory_equal(g.bytes + g.rtp.hdr_len, bytes, LENGTH);
    assert_int_equal((uint16_t)(g.rtp.seq - first), (uint16_t)(seq - 100));
}

static uint16_t expect_first(struct rig_client *c)
{
    struct rig_got g;
    assert_true(rig_receive(c, &g));
    return g.rtp.seq;
}

static void test_comes_out_as_the_original(void **state)
{
    static const enum hr_srtp_profile profiles[] = {GCM, CM};
    begin(profiles[*state != NULL]);
    send_filled_video(100);
    uint16_t first[] = {expect_first(one), expect_first(two)};
    send_filled_video(103);
    expect(one, 103, first[0]);
    expect(two, 103, first[1]);
    send_rtx(102);
    send_rtx(101);
    for (uint16_t seq = 102; seq > 100; seq--) {
        expect(one, seq, first[0]);
        expect(two, seq, first[1]);
    }
    assert_int_equal(rig_counts().repaired, 2);
    assert_int_equal(rig_drops(DP_DROP_NONCE_REUSE), 0);
}

static int with_cm(void **state)
{
    static int cm;
    *state = &cm;
    return rig_up(state);
}

static void nack(struct rig_client *c, uint32_t media, uint16_t seq)
{
    uint8_t bytes[256];
    struct dp_rtcp_buf b = {.p = bytes, .cap = sizeof(bytes)};
    dp_rtcp_put_rr(&b, 5, NULL, 0);
    dp_rtcp_put_nack(&b, 5, media, &seq, 1);
    rig_send_rtcp(c, &b);
}

/* Once more: the identical bytes, under the keystream of the RTX packet again. */
static void test_is_kept_for_receivers_that_lose_it(void **state)
{
    begin(GCM);
    send_filled_video(100);
    uint16_t first = expect_first(one);
    send_filled_video(102);
    rig_empty(one);
    send_rtx(101);
    assert_int_equal(one->inbox_count, 1);
    struct rig_packet was = one->inbox[0];
    expect(one, 101, first);
    rig_pass(100);
    rig_empty(one);
    nack(one, 1000, (uint16_t)(first + 1));
    assert_int_equal(one->inbox_count, 1);
    assert_int_equal(one->inbox[0].len, was.len);
    assert_memory_equal(one->inbox[0].bytes, was.bytes, was.len);
    one->inbox_count = 0;
}

static void test_passes_once_whichever_comes_first(void **state)
{
    begin(GCM);
    send_video(100);
    send_rtx(100); /* a probe with a packet that has come */
    assert_int_equal(rig_drops(DP_DROP_RTX_DUPLICATE), 1);
    send_video(102);
    send_rtx(101);
    send_rtx(101);
    assert_int_equal(rig_drops(DP_DROP_RTX_DUPLICATE), 2);
    send_video(101); /* late, but not lost */
    assert_int_equal(rig_drops(DP_DROP_SRTP_REPLAY), 1);
    assert_int_equal(rig_counts().repaired, 1);
    unsigned n = 0;
    struct rig_got g;
    while (rig_receive(one, &g))
        n += !g.rtcp;
    assert_int_equal(n, 3);
    rig_empty(two);
}

static void test_probes_carry_nothing(void **state)
{
    begin(GCM);
    send_video(100);
    rig_empty(one);
    struct rig_rtp p = {.ssrc = REPAIR, .seq = 1, .pt = 97, .mid = "v"};
    for (p.len = 0; p.len <= 2; p.len++, p.seq++)
        rig_send(pub, &p);
    assert_int_equal(rig_drops(DP_DROP_RTX_PADDING), 3);
    p.len = 200;
    p.padding = true;
    rig_send(pub, &p);
    assert_int_equal(rig_drops(DP_DROP_RTX_PADDING), 4);
    assert_int_equal(one->inbox_count, 0);
    rig_empty(two);
}

static void test_repairs_only_the_last_packets(void **state)
{
    begin(GCM);
    send_rtx(100); /* of nothing */
    send_video(3000);
    send_rtx(1000);
    send_rtx(6000);
    assert_int_equal(rig_drops(DP_DROP_RTX_UNUSED), 3);
    send_video(3001);
    assert_int_equal(rig_counts().repaired, 0);
    rig_empty(one);
    rig_empty(two);
}

/* Which stream of a simulcast source: by repaired RID. Its SSRC is known from then on. */
static void test_simulcast(void **state)
{
    begin(GCM);
    assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__SOURCE, 1), HR_ERROR_OK);
    assert_int_equal(rig_video(2, pub, 3), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(3, one, 2), HR_ERROR_OK);
    struct rig_rtp p = video(100);
    p.rid = "h";
    send_filled(&p, NULL, 0, 100);
    uint16_t first = expect_first(one);
    p = video(102);
    send_filled(&p, NULL, 0, 102);
    expect(one, 102, first);
    uint8_t osn[2] = {0, 101};
    p = video(101);
    p.ssrc = REPAIR;
    p.seq = 7;
    p.pt = 97;
    p.len += 2;
    p.rrid = "f"; /* another's */
    send_filled(&p, osn, 2, 101);
    assert_int_equal(rig_drops(DP_DROP_RTX_UNUSED), 1);
    p.ssrc = REPAIR + 1;
    p.rrid = "h";
    send_filled(&p, osn, 2, 101);
    expect(one, 101, first);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
    const struct CMUnitTest tests[] = {
        TEST(test_comes_out_as_the_original),
        cmocka_unit_test_setup_teardown(test_comes_out_as_the_original, with_cm, rig_down),
        TEST(test_is_kept_for_receivers_that_lose_it),
        TEST(test_passes_once_whichever_comes_first),
        TEST(test_probes_carry_nothing),
        TEST(test_repairs_only_the_last_packets),
        TEST(test_simulcast),
    };
    return cmocka_run_group_tests(tests, rig_eal, NULL);
}
