/* Which packets get in, as which stream. One publisher (client 0), one subscriber (client 1). */
#include "rig.h"

#include <string.h>

#define GCM HR_SRTP_AEAD_AES_128_GCM
#define CM  HR_SRTP_AES_CM_128_HMAC_SHA1_80

static const struct rig_exts exts = {
    .id = {[HR_EXT_MID] = 1, [HR_EXT_RID] = 2, [HR_EXT_RRID] = 3, [HR_EXT_TRANSPORT_CC] = 5}};
static struct rig_client *pub, *sub;

static void begin(void)
{
    pub = rig_client(0, GCM, exts);
    sub = rig_client(1, CM, (struct rig_exts){0});
    assert_int_equal(rig_audio(1, pub), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(1, sub, 1), HR_ERROR_OK);
}

static struct rig_rtp audio(uint32_t ssrc, uint16_t seq)
{
    return (struct rig_rtp){.ssrc = ssrc, .seq = seq, .ts = seq * 960u, .pt = 111, .len = 80};
}

static unsigned delivered(void)
{
    unsigned n = sub->inbox_count;
    rig_empty(sub);
    return n;
}

static void test_found_by_payload_type(void **state)
{
    begin();
    struct rig_rtp p = audio(7, 1);
    rig_send(pub, &p);
    assert_int_equal(delivered(), 1);
    assert_int_equal(rig.seen, 1);
    assert_int_equal(rig.seen_ssrc, 7);
}

static void test_unknown_when_two_sources_have_the_type(void **state)
{
    begin();
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__SourcePut put = HEADRACE__SOURCE_PUT__INIT;
    Headrace__Payload opus = HEADRACE__PAYLOAD__INIT, *payloads[] = {&opus};
    opus.type = 111;
    opus.clock_rate = 48000;
    put.id = 2;
    put.endpoint = pub->id;
    put.mid = "b";
    put.n_payloads = 1;
    put.payloads = payloads;
    cmd.op_case = HEADRACE__COMMAND__OP_SOURCE_PUT;
    cmd.source_put = &put;
    assert_int_equal(rig_apply(&cmd), HR_ERROR_OK);

    struct rig_rtp p = audio(7, 1);
    rig_send(pub, &p);
    assert_int_equal(rig_drops(DP_DROP_SSRC_UNKNOWN), 1);
    p.seq++;
    p.mid = "a";
    rig_send(pub, &p);
    p.seq++;
    p.mid = NULL; /* known by SSRC now */
    rig_send(pub, &p);
    assert_int_equal(delivered(), 2);
}

static void test_unknown_mid_and_payload_type(void **state)
{
    begin();
    struct rig_rtp p = audio(7, 1);
    p.mid = "zz";
    rig_send(pub, &p);
    assert_int_equal(rig_drops(DP_DROP_SSRC_UNKNOWN), 1);
    p = audio(7, 2);
    p.pt = 50;
    rig_send(pub, &p);
    assert_int_equal(rig_drops(DP_DROP_SSRC_UNKNOWN), 2);
    p.mid = "a";
    p.seq = 3;
    rig_send(pub, &p);
    assert_int_equal(rig_drops(DP_DROP_PAYLOAD_TYPE), 1);
    assert_int_equal(rig.seen, 0);
    assert_int_equal(delivered(), 0);
}

static void test_replayed_and_altered(void **state)
{
    begin();
    uint8_t bytes[RIG_PACKET], copy[RIG_PACKET];
    struct rig_rtp p = audio(7, 1);
    int len = (int)rig_build(pub, &p, bytes);
    assert_int_equal(srtp_protect(pub->tx, bytes, &len), srtp_err_status_ok);

    for (int i = 0; i < len; i++) { /* before the stream is known: makes no state */
        memcpy(copy, bytes, (size_t)len);
        copy[i] ^= 1;
        rig_deliver(pub, copy, (size_t)len);
        assert_int_equal(sub->inbox_count, 0);
    }
    assert_int_equal(rig.seen, 0);
    rig_deliver(pub, bytes, (size_t)len);
    assert_int_equal(delivered(), 1);
    rig_deliver(pub, bytes, (size_t)len);
    assert_int_equal(rig_drops(DP_DROP_SRTP_REPLAY), 1);
    copy[3] = 9; /* sequence number */
    uint64_t before = rig_drops(DP_DROP_SRTP_AUTH);
    rig_deliver(pub, copy, (size_t)len);
    assert_int_equal(rig_drops(DP_DROP_SRTP_AUTH), before + 1);
    for (int i = 0; i < len; i++)
        rig_deliver(pub, bytes, (size_t)i); /* cut short */
    assert_int_equal(delivered(), 0);
}

static void test_older_than_the_window(void **state)
{
    begin();
    uint8_t bytes[RIG_PACKET];
    struct rig_rtp p = audio(7, 1);
    rig_send(pub, &p);
    p = audio(7, 2);
    int len = (int)rig_build(pub, &p, bytes);
    assert_int_equal(srtp_protect(pub->tx, bytes, &len), srtp_err_status_ok);
    p = audio(7, 2 + 1024);
    rig_send(pub, &p);
    rig_deliver(pub, bytes, (size_t)len);
    assert_int_equal(rig_drops(DP_DROP_SRTP_OLD), 1);
}

static void test_before_keys_and_from_elsewhere(void **state)
{
    begin();
    struct rig_client *c = &rig.clients[2];
    *c = *pub;
    c->id = 3;
    c->udp_port = 40002;
    c->inbox = NULL;
    assert_int_equal(rig_endpoint(c, false, true), HR_ERROR_OK);
    struct rig_rtp p = audio(7, 1);
    rig_send(c, &p);
    assert_int_equal(rig_drops(DP_DROP_NO_KEYS), 1);
    c->udp_port = 40003;
    p.seq++;
    rig_send(c, &p);
    assert_int_equal(rig_drops(DP_DROP_FLOW_UNKNOWN), 1);
    memset(c, 0, sizeof(*c));
}

static void test_malformed(void **state)
{
    begin();
    static const uint8_t packets[][20] = {
        {0x80, 111, 0, 1, 0},                                           /* short */
        {0x8F, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7}, /* CSRCs */
        {0x90, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0xBE, 0xDE, 0xFF, 0}, /* extension */
    };
    static const size_t len[] = {5, 20, 20};
    for (int i = 0; i < 3; i++)
        rig_deliver(pub, packets[i], len[i]);
    assert_int_equal(rig_drops(DP_DROP_RTP_MALFORMED), 3);
}

/* The rollover counter, with loss and reordering around the wrap. */
static void test_wrap(void **state)
{
    begin();
    static const uint16_t seqs[] = {65530, 65534, 65533, 1, 65535, 0, 5, 3};
    for (unsigned i = 0; i < RTE_DIM(seqs); i++) {
        struct rig_rtp p = audio(7, seqs[i]);
        rig_send(pub, &p);
    }
    assert_int_equal(delivered(), RTE_DIM(seqs));
}

/* A new SSRC takes the stream over; what was sent under the old one stays replayed. */
static void test_ssrc_changes(void **state)
{
    begin();
    uint8_t bytes[RIG_PACKET];
    struct rig_rtp p = audio(7, 10);
    int len = (int)rig_build(pub, &p, bytes);
    assert_int_equal(srtp_protect(pub->tx, bytes, &len), srtp_err_status_ok);
    rig_deliver(pub, bytes, (size_t)len);
    p = audio(8, 20);
    rig_send(pub, &p);
    assert_int_equal(delivered(), 2);
    assert_int_equal(rig.seen, 2);
    rig_deliver(pub, bytes, (size_t)len);
    assert_int_equal(rig_drops(DP_DROP_SRTP_REPLAY), 1);
    p = audio(8, 21);
    rig_send(pub, &p);
    p = audio(7, 11); /* and back */
    rig_send(pub, &p);
    assert_int_equal(delivered(), 2);
    assert_int_equal(rig_counts().streams, 1);
}

/* So is what was sent to a source that was deleted and put again. */
static void test_source_deleted_and_put_again(void **state)
{
    begin();
    uint8_t bytes[RIG_PACKET];
    struct rig_rtp p = audio(7, 10);
    int len = (int)rig_build(pub, &p, bytes);
    assert_int_equal(srtp_protect(pub->tx, bytes, &len), srtp_err_status_ok);
    rig_deliver(pub, bytes, (size_t)len);
    assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__SOURCE, 1), HR_ERROR_OK);
    rig_deliver(pub, bytes, (size_t)len);
    assert_int_equal(rig_drops(DP_DROP_SSRC_UNKNOWN), 1);
    assert_int_equal(rig_audio(2, pub), HR_ERROR_OK);
    rig_deliver(pub, bytes, (size_t)len);
    assert_int_equal(rig_drops(DP_DROP_SRTP_REPLAY), 1);
    p.seq = 11;
    rig_send(pub, &p);
    assert_int_equal(rig_drops(DP_DROP_NO_SUBSCRIBER), 1);
}

/* Endlessly many SSRCs: the list of retired ones ends, and then so does taking new ones. */
static void test_too_many_ssrcs(void **state)
{
    begin();
    for (uint32_t ssrc = 1; ssrc <= DP_RETIRED_STREAMS_MAX + 10; ssrc++) {
        struct rig_rtp p = audio(ssrc, 1);
        rig_send(pub, &p);
        rig_empty(sub);
    }
    assert_int_equal(rig_drops(DP_DROP_STREAM_LIMIT), 8);
}

static void test_rtx_by_rrid_is_counted_and_dropped(void **state)
{
    begin();
    assert_int_equal(rig_video(2, pub, 3), HR_ERROR_OK);
    struct rig_rtp p = {.ssrc = 21, .seq = 1, .pt = 97, .mid = "v", .rrid = "h", .len = 50};
    rig_send(pub, &p);
    assert_int_equal(rig_drops(DP_DROP_RTX_UNUSED), 1);
    assert_int_equal(rig.seen, 1);
    assert_string_equal(rig.seen_rid, "h");
    p = (struct rig_rtp){.ssrc = 22, .seq = 1, .pt = 96, .mid = "v", .len = 50}; /* no rid */
    rig_send(pub, &p);
    assert_int_equal(rig_drops(DP_DROP_SSRC_UNKNOWN), 1);
}

/* A stream that comes back after silence is seen again. */
static void test_seen_again(void **state)
{
    begin();
    struct rig_rtp p = audio(7, 1);
    rig_send(pub, &p);
    rig_pass(1000);
    p = audio(7, 2);
    rig_send(pub, &p);
    assert_int_equal(rig.seen, 1);
    rig_pass(6000);
    p = audio(7, 3);
    rig_send(pub, &p);
    assert_int_equal(rig.seen, 2);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
    const struct CMUnitTest tests[] = {
        TEST(test_found_by_payload_type),
        TEST(test_unknown_when_two_sources_have_the_type),
        TEST(test_unknown_mid_and_payload_type),
        TEST(test_replayed_and_altered),
        TEST(test_older_than_the_window),
        TEST(test_before_keys_and_from_elsewhere),
        TEST(test_malformed),
        TEST(test_wrap),
        TEST(test_ssrc_changes),
        TEST(test_source_deleted_and_put_again),
        TEST(test_too_many_ssrcs),
        TEST(test_rtx_by_rrid_is_counted_and_dropped),
        TEST(test_seen_again),
    };
    return cmocka_run_group_tests(tests, rig_eal, NULL);
}
