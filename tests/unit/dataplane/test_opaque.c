/*
 * Opaque subscriptions, with several workers: whatever the publisher sends reaches its receivers as
 * it was, RTP and RTCP; what they report reaches it; and who has it rekeyed is not disturbed.
 * Client 0 publishes, 1 to 3 receive as it is, 4 has it rekeyed.
 */
#include "rig.h"

#include "dataplane/rtp/wire.h"

#include <stdlib.h>
#include <string.h>

#define GCM    HR_SRTP_AEAD_AES_128_GCM
#define CM     HR_SRTP_AES_CM_128_HMAC_SHA1_80
#define SHARDS 4
#define OPAQUE 3 /* receivers */
#define STEPS  3000
#define TIMES(n) (rig_threads ? (n) / 30 : (n)) /* threads take real time */

static const struct rig_exts exts = {.id = {[HR_EXT_MID] = 1, [HR_EXT_AUDIO_LEVEL] = 3}};
static struct rig_client *pub, *to[OPAQUE], *browser;
static uint16_t seq;

static Headrace__SubscriptionPut *opaque(uint32_t id, struct rig_client *c, uint32_t source)
{
    Headrace__SubscriptionPut *put = rig_subscription(id, c, source);
    put->opaque = true;
    put->ssrc = 0;
    put->n_payload_map = 0;
    return put;
}

static enum hr_error apply(Headrace__SubscriptionPut *put)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    cmd.op_case = HEADRACE__COMMAND__OP_SUBSCRIPTION_PUT;
    cmd.subscription_put = put;
    return rig_apply(&cmd);
}

static void begin(enum hr_srtp_profile profile, bool gather)
{
    rig.dp.ports[0].tx_multi_segment = gather;
    seq = 1;
    pub = rig_client(0, profile, exts);
    assert_int_equal(rig_audio(1, pub), HR_ERROR_OK);
    for (unsigned i = 0; i < OPAQUE; i++) {
        to[i] = rig_client(1 + i, CM, (struct rig_exts){0});
        assert_int_equal(apply(opaque(1 + i, to[i], 1)), HR_ERROR_OK);
    }
    browser = rig_client(4, GCM, exts);
}

static void watch(void)
{
    assert_int_equal(rig_subscribe(9, browser, 1), HR_ERROR_OK);
}

static int make(uint8_t bytes[RIG_PACKET], size_t len)
{
    struct rig_rtp p = {.ssrc = 7, .seq = seq, .ts = seq * 960u, .pt = 111, .mid = "a", .len = len};
    p.level = 0x80 | 40;
    seq++;
    int n = (int)rig_build(pub, &p, bytes);
    for (int i = n - (int)len; i < n; i++)
        bytes[i] = (uint8_t)rand();
    assert_int_equal(srtp_protect(pub->tx, bytes, &n), srtp_err_status_ok);
    return n;
}

static void assert_got(struct rig_client *c, const uint8_t *bytes, size_t len)
{
    assert_true(c->inbox_count > 0);
    assert_int_equal(c->inbox[0].len, len);
    assert_memory_equal(c->inbox[0].bytes, bytes, len);
    memmove(&c->inbox[0], &c->inbox[1], --c->inbox_count * sizeof(c->inbox[0]));
}

static void send_and_check(size_t len)
{
    uint8_t bytes[RIG_PACKET];
    int n = make(bytes, len);
    rig_deliver(pub, bytes, (size_t)n);
    for (unsigned i = 0; i < OPAQUE; i++) {
        assert_got(to[i], bytes, (size_t)n);
        assert_int_equal(to[i]->inbox_count, 0);
    }
}

/* ---- RTP */

static void check_as_it_was(enum hr_srtp_profile profile, bool gather)
{
    begin(profile, gather);
    for (unsigned i = 0; i < TIMES(300); i++)
        send_and_check((size_t)rand() % 1400);
    assert_int_equal(browser->inbox_count, 0);
}

static void test_as_it_was_gathered(void **state)
{
    check_as_it_was(GCM, true);
}

static void test_as_it_was_copied(void **state)
{
    check_as_it_was(CM, false);
}

/* RTP alone: a receiver hears BYE when a subscription ends. */
static bool browser_receives(struct rig_got *g)
{
    while (rig_receive(browser, g))
        if (!g->rtcp)
            return true;
    return false;
}

/* Another in the same room has it rekeyed: both get all. */
static void test_beside_rekeying(void **state)
{
    struct rig_got g;
    begin(CM, true);
    send_and_check(500);
    watch();
    for (unsigned i = 0; i < TIMES(200); i++) {
        send_and_check(1 + (size_t)rand() % 1300);
        assert_true(rig_receive(browser, &g));
        assert_int_equal(g.rtp.ssrc, 9000);
    }
    assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__SUBSCRIPTION, 9), HR_ERROR_OK);
    send_and_check(600);
    assert_false(browser_receives(&g));
}

/* The relay verifies one in many while all receivers are opaque, so it knows the rollover counter
 * when somebody comes who needs it. */
static void test_rekeying_after_a_rollover(void **state)
{
    struct rig_got g;
    uint8_t bytes[RIG_PACKET];
    begin(GCM, true);
    seq = (uint16_t)(65536 - TIMES(1000));
    for (unsigned i = 0; i < TIMES(6000); i++) {
        int n = make(bytes, 50);
        if (i % 3 == 1)
            continue; /* lost */
        rig_deliver(pub, bytes, (size_t)n);
        for (unsigned k = 0; k < OPAQUE; k++)
            to[k]->inbox_count = 0;
    }
    watch();
    send_and_check(500);
    assert_true(rig_receive(browser, &g));
    assert_int_equal(g.rtp.payload_len, 500);
}

/* Nothing that does not verify is rekeyed, also with opaque receivers beside. */
static void test_forged_is_not_rekeyed(void **state)
{
    uint8_t bytes[RIG_PACKET];
    begin(CM, true);
    send_and_check(100);
    watch();
    int n = make(bytes, 100);
    bytes[n - 1] ^= 1;
    rig_deliver(pub, bytes, (size_t)n);
    assert_int_equal(rig_drops(DP_DROP_SRTP_AUTH), 1);
    assert_int_equal(browser->inbox_count + to[0]->inbox_count, 0);
}

/* Nor does it make a stream, or disturb one, when it is not verified. */
static void test_forged_changes_nothing(void **state)
{
    uint8_t bytes[RIG_PACKET];
    struct rig_got g;
    begin(CM, true);
    send_and_check(100);
    for (unsigned i = 0; i < 3 * DP_OPAQUE_CHECK; i++) {
        struct rig_rtp p = {.ssrc = 7, .pt = 111, .mid = "a", .len = 100};
        p.seq = (uint16_t)(seq + 30000u + i);
        size_t n = rig_build(pub, &p, bytes) + 10;
        rig_deliver(pub, bytes, n);
        for (unsigned k = 0; k < OPAQUE; k++)
            to[k]->inbox_count = 0;
    }
    assert_true(rig_drops(DP_DROP_SRTP_AUTH) >= 2);
    struct rig_rtp p = {.ssrc = 77, .pt = 111, .mid = "a", .len = 100};
    rig_deliver(pub, bytes, rig_build(pub, &p, bytes) + 10);
    assert_int_equal(rig_counts().streams, 1);
    watch();
    send_and_check(100);
    assert_true(rig_receive(browser, &g));
}

static void test_pause_path_and_delete(void **state)
{
    uint8_t bytes[RIG_PACKET];
    begin(CM, true);
    Headrace__SubscriptionPut *put = opaque(1, to[0], 1);
    put->paused = true;
    assert_int_equal(apply(put), HR_ERROR_OK);
    assert_int_equal(rig_endpoint(to[1], true, false), HR_ERROR_OK);
    int n = make(bytes, 300);
    rig_deliver(pub, bytes, (size_t)n);
    assert_int_equal(to[0]->inbox_count + to[1]->inbox_count, 0);
    assert_got(to[2], bytes, (size_t)n);
    assert_int_equal(apply(opaque(1, to[0], 1)), HR_ERROR_OK);
    to[1]->udp_port += 4; /* client 6's, of whom there is none */
    rig.clients[6].inbox = to[1]->inbox;
    assert_int_equal(rig_endpoint(to[1], true, true), HR_ERROR_OK);
    n = make(bytes, 300);
    rig_deliver(pub, bytes, (size_t)n);
    assert_got(to[0], bytes, (size_t)n);
    assert_got(&rig.clients[6], bytes, (size_t)n);
    assert_got(to[2], bytes, (size_t)n);
    rig.clients[6].inbox = NULL;
    assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__ENDPOINT, to[1]->id), HR_ERROR_OK);
    assert_int_equal(apply(opaque(1, to[0], 0)), HR_ERROR_OK);
    n = make(bytes, 300);
    rig_deliver(pub, bytes, (size_t)n);
    assert_got(to[2], bytes, (size_t)n);
    assert_int_equal(to[0]->inbox_count, 0);
    assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__SOURCE, 1), HR_ERROR_OK);
    n = make(bytes, 300);
    rig_deliver(pub, bytes, (size_t)n);
    assert_int_equal(to[2]->inbox_count, 0);
}

/* ---- RTCP */

static size_t report(struct rig_client *c, uint32_t sender, uint8_t *bytes)
{
    struct dp_rtcp_buf b = {.p = bytes, .cap = 256};
    dp_rtcp_put_rr(&b, sender, NULL, 0);
    dp_rtcp_put_pli(&b, sender, 7);
    int len = (int)b.len;
    assert_int_equal(srtp_protect_rtcp(c->tx, bytes, &len), srtp_err_status_ok);
    return (size_t)len;
}

/* By the publisher, beside what the relay itself tells it. */
static void assert_heard(const uint8_t *bytes, size_t len)
{
    unsigned times = 0;
    for (unsigned i = 0; i < pub->inbox_count; i++)
        times += pub->inbox[i].len == len && memcmp(pub->inbox[i].bytes, bytes, len) == 0;
    assert_int_equal(times, 1);
    pub->inbox_count = 0;
}

static void test_rtcp_both_ways(void **state)
{
    uint8_t bytes[RIG_PACKET];
    begin(GCM, true);
    send_and_check(100);
    for (unsigned round = 0; round < 3; round++) {
        if (round == 1)
            watch();
        size_t n = report(pub, 7, bytes); /* by its stream's SSRC, then by one of no stream */
        rig_deliver(pub, bytes, n);
        for (unsigned i = 0; i < OPAQUE; i++)
            assert_got(to[i], bytes, n);
        n = report(pub, 1234, bytes);
        rig_deliver(pub, bytes, n);
        for (unsigned i = 0; i < OPAQUE; i++)
            assert_got(to[i], bytes, n);
        for (unsigned i = 0; i < OPAQUE; i++) {
            n = report(to[i], 100 + i, bytes);
            rig_deliver(to[i], bytes, n);
            assert_heard(bytes, n);
        }
        n = report(to[0], 100, bytes);
        bytes[n - 20] ^= 1;
        rig_deliver(to[0], bytes, n);
        pub->inbox_count = 0;
    }
    assert_int_equal(rig_drops(DP_DROP_RTCP_AUTH), 3);
}

/* The relay's own reports go only to publishers that somebody has rekeyed, and to nobody under an
 * SSRC that is in use. */
static void test_reports_of_the_relay(void **state)
{
    uint8_t bytes[RIG_PACKET];
    begin(GCM, true);
    send_and_check(100);
    rig_pass(3000);
    assert_int_equal(pub->inbox_count + to[0]->inbox_count, 0);
    watch();
    send_and_check(100);
    rig_pass(3000);
    assert_true(pub->inbox_count > 0);
    assert_int_equal(to[0]->inbox_count + to[1]->inbox_count, 0);
    rig_empty(pub);
    size_t n = report(to[0], 99, bytes); /* the relay's */
    rig_deliver(to[0], bytes, n);
    assert_got(pub, bytes, n);
    send_and_check(100);
    rig_pass(3000);
    assert_int_equal(pub->inbox_count, 0);
}

/* ---- commands */

static void test_bad_puts(void **state)
{
    begin(GCM, true);
    watch();
    Headrace__SubscriptionPut *put = opaque(20, to[0], 1);
    put->ssrc = 5;
    assert_int_equal(apply(put), HR_ERROR_INVALID);
    assert_string_equal(rig.detail, "subscription 20: opaque, and with SSRC or payload types");
    assert_int_equal(rig_subscribe(20, to[0], 1), HR_ERROR_INVALID);
    assert_string_equal(rig.detail, "subscription 20: endpoint 2 has had opaque subscriptions");
    assert_int_equal(apply(opaque(20, browser, 1)), HR_ERROR_INVALID);
    assert_string_equal(rig.detail, "subscription 20: endpoint 5 has had others than opaque ones");
    assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__SUBSCRIPTION, 1), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(21, to[0], 1), HR_ERROR_INVALID); /* its key may be others' */
    assert_int_equal(apply(opaque(21, to[0], 1)), HR_ERROR_OK);
    send_and_check(200);
}

static uint64_t stats_packets, stats_tx;

static void on_stats(void *arg, const Headrace__Reply *reply)
{
    stats_tx = reply->stats[0]->tx_packets;
    stats_packets = reply->stats[0]->streams[0]->packets;
}

static void test_stats(void **state)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__StatsGet get = HEADRACE__STATS_GET__INIT;
    begin(GCM, true);
    for (unsigned i = 0; i < 100; i++)
        send_and_check(200);
    cmd.op_case = HEADRACE__COMMAND__OP_STATS_GET;
    cmd.stats_get = &get;
    get.n_endpoints = 1;
    for (unsigned i = 0; i < 2; i++) {
        stats_packets = 0;
        get.endpoints = i ? &to[1]->id : &pub->id;
        assert_int_equal(dp_apply(&rig.dp, &cmd, on_stats, NULL), 0);
        while (stats_packets == 0)
            rig_settle();
        assert_int_equal(stats_packets, 100);
        assert_int_equal(stats_tx, i ? 100 : 0);
    }
}

/* ---- moves */

/* No packet is lost, doubled or changed for anybody, while shards move and receivers come and go.
 */
static void test_moves(void **state)
{
    uint8_t bytes[RIG_PACKET];
    struct rig_got g;
    unsigned moves = 0, watched = 0, id = 100; /* watched: id of the browser's subscription */
    begin(CM, true);
    srand(11);
    for (unsigned step = 0; step < TIMES(STEPS); step++) {
        switch (rand() % 8) {
        case 0:
            assert_int_equal(rig_move((uint32_t)rand() % SHARDS, (unsigned)rand() % rig_workers),
                             HR_ERROR_OK);
            moves++;
            break;
        case 1:
            if (watched)
                rig_delete(HEADRACE__OBJECT_DELETE__TYPE__SUBSCRIPTION, watched);
            else
                assert_int_equal(rig_subscribe(++id, browser, 1), HR_ERROR_OK);
            watched = watched ? 0 : id;
            break;
        default:
            send_and_check((size_t)rand() % 1000);
            assert_int_equal(browser_receives(&g), watched != 0);
            size_t n = report(to[step % OPAQUE], 100 + step % OPAQUE, bytes);
            rig_deliver(to[step % OPAQUE], bytes, n);
            assert_heard(bytes, n);
        }
    }
    assert_true(moves > TIMES(100));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
    const struct CMUnitTest tests[] = {
        TEST(test_as_it_was_gathered),
        TEST(test_as_it_was_copied),
        TEST(test_beside_rekeying),
        TEST(test_rekeying_after_a_rollover),
        TEST(test_forged_is_not_rekeyed),
        TEST(test_forged_changes_nothing),
        TEST(test_pause_path_and_delete),
        TEST(test_rtcp_both_ways),
        TEST(test_reports_of_the_relay),
        TEST(test_bad_puts),
        TEST(test_stats),
        TEST(test_moves),
    };
    setenv("RIG_WORKERS", "2", 0);
    return cmocka_run_group_tests(tests, rig_eal, NULL);
}
