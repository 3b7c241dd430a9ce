/*
 * Shards move, workers end and begin, all at random, while media flows and workers take turns at
 * random: every receiver gets every packet once, in order, and can still ask for the last ones
 * again.
 */
#include "rig.h"

#include "dataplane/rtp/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS 6
#define STEPS   30000
#define SHARDS  4

static struct rig_client *client[CLIENTS];
static uint16_t sent[CLIENTS];
static uint16_t got[CLIENTS][CLIENTS]; /* by receiver and sender: number in the payload */
static uint16_t number[CLIENTS][CLIENTS];
static unsigned received[CLIENTS][CLIENTS];
static unsigned moves, crews, repeated;

static unsigned roll(unsigned n)
{
    return (unsigned)rand() % n;
}

static uint32_t subscription_id(unsigned receiver, unsigned sender)
{
    return 100 + CLIENTS * receiver + sender;
}

static void check(unsigned i, const struct rig_got *g)
{
    unsigned k = (g->rtp.ssrc / 1000 - 100) % CLIENTS;
    uint16_t value = dp_get16(g->bytes + g->rtp.hdr_len);
    if (received[i][k]++) {
        assert_int_equal(g->rtp.seq, (uint16_t)(number[i][k] + 1));
        assert_int_equal(value, (uint16_t)(got[i][k] + 1));
    }
    number[i][k] = g->rtp.seq;
    got[i][k] = value;
}

/* What comes again is what was asked for, the same bytes: libsrtp2 says that it is a replay. */
static void receive(unsigned i)
{
    struct rig_client *c = client[i];
    for (unsigned n = 0; n < c->inbox_count; n++) {
        struct rig_got g;
        int len = (int)c->inbox[n].len;
        memcpy(g.bytes, c->inbox[n].bytes, c->inbox[n].len);
        if (c->inbox[n].rtcp) {
            assert_int_equal(srtp_unprotect_rtcp(c->rx, g.bytes, &len), srtp_err_status_ok);
            continue;
        }
        srtp_err_status_t status = srtp_unprotect(c->rx, g.bytes, &len);
        if (status == srtp_err_status_replay_fail) {
            repeated++;
            continue;
        }
        assert_int_equal(status, srtp_err_status_ok);
        assert_int_equal(dp_rtp_parse(g.bytes, (size_t)len, &g.rtp), DP_RTP_OK);
        check(i, &g);
    }
    c->inbox_count = 0;
}

static void offer(unsigned i)
{
    uint8_t bytes[RIG_PACKET + SRTP_MAX_TRAILER_LEN];
    struct rig_rtp p = {.ssrc = 7 + i, .seq = sent[i], .ts = sent[i] * 3000u, .pt = 96};
    bool key = sent[i] % 50 == 0;
    p.mid = "v";
    p.len = 100 + roll(500);
    p.dd = key ? rig_dd_key : rig_dd_delta;
    p.dd_len = key ? sizeof(rig_dd_key) : sizeof(rig_dd_delta);
    int len = (int)rig_build(client[i], &p, bytes);
    dp_put16(bytes + (size_t)len - p.len, sent[i]++);
    assert_int_equal(srtp_protect(client[i]->tx, bytes, &len), srtp_err_status_ok);
    rig_offer(client[i], bytes, (size_t)len);
}

static void offer_nack(unsigned i)
{
    uint8_t buffer[256 + SRTP_MAX_TRAILER_LEN];
    unsigned k = (i + 1 + roll(CLIENTS - 1)) % CLIENTS;
    struct dp_rtcp_buf b = {.p = buffer, .cap = 256};
    struct dp_rtcp_report_block none;
    uint16_t missing = (uint16_t)(number[i][k] - roll(20));
    if (received[i][k] < 20)
        return;
    dp_rtcp_put_rr(&b, 5, &none, 0);
    dp_rtcp_put_nack(&b, 5, 1000 * subscription_id(i, k), &missing, 1);
    int len = (int)b.len;
    assert_int_equal(srtp_protect_rtcp(client[i]->tx, buffer, &len), srtp_err_status_ok);
    rig_offer(client[i], buffer, (size_t)len);
}

static void begin(void)
{
    struct rig_exts exts = {.id = {[HR_EXT_MID] = 1, [HR_EXT_DEPENDENCY_DESCRIPTOR] = 5}};
    for (unsigned i = 0; i < CLIENTS; i++) {
        client[i] =
            rig_client(i, i % 2 ? HR_SRTP_AEAD_AES_128_GCM : HR_SRTP_AES_CM_128_HMAC_SHA1_80, exts);
        assert_int_equal(rig_video(1 + i, client[i], 0), HR_ERROR_OK);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        for (unsigned k = 0; k < CLIENTS; k++)
            if (i != k)
                assert_int_equal(rig_subscribe(subscription_id(i, k), client[i], 1 + k),
                                 HR_ERROR_OK);
}

/* To one that runs. */
static void move(void)
{
    unsigned worker = rig.dp.crew.ids[roll(rig.dp.crew.count)];
    assert_int_equal(rig_move(roll(SHARDS), worker), HR_ERROR_OK);
    moves++;
}

/* One to three of the CPUs 0 to 3. */
static void change_crew(void)
{
    char cpus[16] = "";
    unsigned n = 0, count = 1 + roll(rig_workers), cpu = roll(rig_workers + 1);
    for (; n < count; n++, cpu++)
        sprintf(cpus + strlen(cpus), "%s%u", n ? "," : "", cpu % (rig_workers + 1));
    assert_int_equal(rig_crew(cpus), HR_ERROR_OK);
    assert_int_equal(rig.dp.crew.count, count);
    crews++;
}

static void step(void)
{
    switch (roll(100)) {
    case 0:
        roll(3) ? move() : change_crew();
        break;
    case 1 ... 4:
        offer_nack(roll(CLIENTS));
        break;
    case 5:
        rig_pass(20);
        break;
    case 6 ... 40:
        offer(roll(CLIENTS));
        break;
    default:
        rig_turn(roll(rig_workers));
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        receive(i);
}

static void test_no_packet_is_lost(void **state)
{
    unsigned steps = rig_threads ? STEPS / 8 : STEPS; /* time is real with threads */
    srand(7);
    begin();
    for (unsigned n = 0; n < steps; n++)
        step();
    rig_settle();
    for (unsigned i = 0; i < CLIENTS; i++)
        receive(i);
    for (unsigned i = 0; i < CLIENTS; i++)
        for (unsigned k = 0; k < CLIENTS; k++)
            if (i != k)
                assert_int_equal(got[i][k], (uint16_t)(sent[k] - 1));
    assert_true(moves > steps / 500 && crews > steps / 1500 && repeated > steps / 200);
    assert_int_equal(rig_drops(DP_DROP_HANDOFF_FULL), 0);
    assert_int_equal(rig_drops(DP_DROP_NONCE_REUSE), 0);
    if (!rig_threads) /* else a busy machine may take longer than histories last */
        assert_int_equal(rig_drops(DP_DROP_HISTORY_MISS), 0);
    for (unsigned i = 0; i < CLIENTS; i++)
        assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__ENDPOINT, client[i]->id),
                         HR_ERROR_OK);
    struct dp_session_counts c = rig_counts();
    assert_int_equal(c.endpoints + c.sources + c.streams + c.subscriptions, 0);
    assert_int_equal(rig_held(), 0);
}

static void test_what_is_not_there(void **state)
{
    assert_int_equal(rig_move(SHARDS, 0), HR_ERROR_NOT_FOUND);
    assert_int_equal(rig_move(0, rig_workers), HR_ERROR_NOT_FOUND);
    assert_string_equal(rig.detail, "shard 0: there is no worker 3");
}

static void test_a_list_that_cannot_be(void **state)
{
    assert_int_equal(rig_crew(""), HR_ERROR_INVALID);
    assert_int_equal(rig_crew("0,x"), HR_ERROR_INVALID);
    assert_int_equal(rig_crew("1,1"), HR_ERROR_INVALID);
    assert_int_equal(rig_crew("0-3"), HR_ERROR_LIMIT);
    assert_int_equal(rig_crew("4000"), HR_ERROR_INVALID);
    assert_int_equal(rig.dp.crew.count, rig_workers);
}

static unsigned shards_of(unsigned worker)
{
    return rig.workers[worker].session->counts.shards;
}

static void test_shards_are_dealt_out(void **state)
{
    assert_int_equal(rig_crew("1"), HR_ERROR_OK);
    assert_int_equal(rig.dp.crew.count, 1);
    assert_int_equal(rig.dp.crew.ids[0], 1);
    assert_int_equal(shards_of(0) + shards_of(2), 0);
    assert_int_equal(rig_move(0, 0), HR_ERROR_NOT_FOUND);
    assert_int_equal(rig_crew("2"), HR_ERROR_OK); /* it changes CPUs, no more */
    assert_int_equal(rig.dp.crew.ids[0], 1);
    assert_int_equal(rig_crew("0,2"), HR_ERROR_OK);
    assert_int_equal(shards_of(0), SHARDS / 2);
    assert_int_equal(shards_of(1), SHARDS / 2);
}

/* What a room needs of other workers when it is one group: nothing but its packets' way in. */
static void test_a_group_stays_together(void **state)
{
    struct rig_exts exts = {.id = {[HR_EXT_MID] = 1, [HR_EXT_DEPENDENCY_DESCRIPTOR] = 5}};
    for (unsigned i = 0; i < CLIENTS; i++) {
        rig.clients[i].group = 1 + i / 2;
        client[i] = rig_client(i, HR_SRTP_AEAD_AES_128_GCM, exts);
        assert_int_equal(rig_video(1 + i, client[i], 0), HR_ERROR_OK);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        assert_int_equal(rig_subscribe(100 + i, client[i], 1 + (i ^ 1)), HR_ERROR_OK);
    for (unsigned i = 0; i < rig_workers; i++) {
        assert_int_equal(rig.workers[i].session->counts.endpoints, 2);
        assert_int_equal(rig.workers[i].session->mirrors_count, 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct rig_rtp p = {.ssrc = 7 + i, .seq = 1, .pt = 96, .mid = "v", .len = 100};
        struct rig_got g;
        p.dd = rig_dd_key;
        p.dd_len = sizeof(rig_dd_key);
        rig_empty(client[i ^ 1]);
        rig_send(client[i], &p);
        assert_true(rig_receive(client[i ^ 1], &g) && !g.rtcp);
    }
    assert_int_equal(rig_stage(DP_STAGE_MIRROR), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_packet_is_lost, rig_up, rig_down),
        cmocka_unit_test_setup_teardown(test_what_is_not_there, rig_up, rig_down),
        cmocka_unit_test_setup_teardown(test_a_list_that_cannot_be, rig_up, rig_down),
        cmocka_unit_test_setup_teardown(test_shards_are_dealt_out, rig_up, rig_down),
        cmocka_unit_test_setup_teardown(test_a_group_stays_together, rig_up, rig_down),
    };
    setenv("RIG_WORKERS", "3", 1);
    return cmocka_run_group_tests(tests, rig_eal, NULL);
}
