/*
 * Two endpoints that name each other: all that one sends but STUN reaches the other as it was, with
 * any number of workers and while shards move; and the relay has no key of theirs.
 */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

#define ENDPOINT HEADRACE__OBJECT_DELETE__TYPE__ENDPOINT
#define GCM      HR_SRTP_AEAD_AES_128_GCM
#define STEPS    5000
#define SHARDS   4

static struct rig_client *a, *b;

static struct rig_client *end(unsigned i, uint32_t peer, bool path)
{
    struct rig_client *c = &rig.clients[i];
    c->id = i + 1;
    c->profile = GCM;
    c->peer = peer;
    c->udp_port = (uint16_t)(40000 + i);
    c->inbox = calloc(RIG_INBOX, sizeof(*c->inbox));
    assert_int_equal(rig_endpoint(c, false, path), HR_ERROR_OK);
    return c;
}

static void begin(void)
{
    a = end(0, 2, true);
    b = end(1, 1, true);
}

/* A packet that begins with these bytes, the rest by chance. */
static size_t make(uint8_t *out, uint8_t first, uint8_t second)
{
    size_t len = 20 + (size_t)rand() % 1200;
    for (size_t i = 2; i < len; i++)
        out[i] = (uint8_t)rand();
    out[0] = first;
    out[1] = second;
    return len;
}

static void assert_passed(struct rig_client *from, struct rig_client *to, uint8_t first,
                          uint8_t second)
{
    uint8_t bytes[RIG_PACKET];
    size_t len = make(bytes, first, second);
    to->inbox_count = 0;
    rig_deliver(from, bytes, len);
    assert_int_equal(to->inbox_count, 1);
    assert_int_equal(to->inbox[0].len, len);
    assert_memory_equal(to->inbox[0].bytes, bytes, len);
    to->inbox_count = 0;
}

static void assert_dropped(struct rig_client *from, uint8_t first, enum dp_drop why)
{
    uint8_t bytes[RIG_PACKET];
    uint64_t before = rig_drops(why);
    rig_deliver(from, bytes, make(bytes, first, 96));
    assert_int_equal(rig_drops(why), before + 1);
}

static void test_all_kinds_pass(void **state)
{
    begin();
    for (unsigned first = 0; first < 256; first++) {
        bool dtls = first >= 20 && first <= 63, media = first >= 128 && first <= 191;
        if (!dtls && !media)
            continue;
        assert_passed(a, b, (uint8_t)first, 96);
        assert_passed(b, a, (uint8_t)first, 200); /* RTCP */
    }
    /* No control plane here: where STUN goes is seen by what it dies of. */
    assert_dropped(a, 0, DP_DROP_PUNT_NO_CONTROLPLANE);
    assert_dropped(a, 70, DP_DROP_FIRST_BYTE);
    assert_int_equal(a->inbox_count + b->inbox_count, 0);
    assert_int_equal(rig_stage(DP_STAGE_PASS), 2 * (44 + 64));
}

/* The last Put of each, and what the workers have. */
static Headrace__Objects *objects;

static void keep_objects(void *arg, const Headrace__Reply *reply)
{
    uint8_t bytes[4096];
    size_t len = headrace__objects__pack(reply->objects, bytes);
    objects = headrace__objects__unpack(NULL, len, bytes);
}

static void test_there_are_no_keys(void **state)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__ObjectsGet get = HEADRACE__OBJECTS_GET__INIT;
    begin();
    assert_passed(a, b, 22, 254);
    cmd.op_case = HEADRACE__COMMAND__OP_OBJECTS_GET;
    cmd.objects_get = &get;
    assert_int_equal(dp_apply(&rig.dp, &cmd, keep_objects, NULL), 0);
    assert_int_equal(objects->n_endpoints, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_null(objects->endpoints[i]->keys);
        assert_int_equal(objects->endpoints[i]->peer, 2 - i);
    }
    headrace__objects__free_unpacked(objects, NULL);
    assert_int_equal(rig_endpoint(a, true, true), HR_ERROR_INVALID);
    assert_string_equal(rig.detail, "endpoint 1: has a peer, so no keys");
    const struct dp_endpoint *e;
    for (unsigned i = 0; i < rig_workers; i++)
        TAILQ_FOREACH (e, &rig.workers[i].session->endpoints, of_session)
            assert_null(e->keys);
}

static void test_paths_come_and_go(void **state)
{
    a = end(0, 2, true);
    assert_dropped(a, 22, DP_DROP_PEER_UNREACHABLE); /* no peer */
    b = end(1, 1, false);
    assert_dropped(a, 22, DP_DROP_PEER_UNREACHABLE); /* no path */
    assert_dropped(b, 22, DP_DROP_PUNT_NO_CONTROLPLANE);
    assert_int_equal(rig_endpoint(b, false, true), HR_ERROR_OK);
    assert_passed(a, b, 22, 254);
    assert_passed(b, a, 22, 254);

    /* The client moves: its packets are taken from both places, and others' go to the new one. */
    b->also_ports[0] = b->udp_port;
    b->udp_port = 40005;
    assert_int_equal(rig_endpoint(b, false, true), HR_ERROR_OK);
    rig.clients[5].inbox = calloc(RIG_INBOX, sizeof(*b->inbox));
    assert_passed(a, &rig.clients[5], 128, 96);
    assert_passed(b, a, 128, 96);
    b->udp_port = 40001;
    assert_passed(b, a, 128, 96);

    assert_int_equal(rig_delete(ENDPOINT, b->id), HR_ERROR_OK);
    assert_dropped(a, 128, DP_DROP_PEER_UNREACHABLE);
    assert_dropped(b, 128, DP_DROP_FLOW_UNKNOWN);
    assert_int_equal(rig_delete(ENDPOINT, a->id), HR_ERROR_OK);
    assert_dropped(a, 128, DP_DROP_FLOW_UNKNOWN);
}

static void test_bad_puts(void **state)
{
    begin();
    struct rig_client self = {.id = 3, .peer = 3, .udp_port = 40002};
    assert_int_equal(rig_endpoint(&self, false, true), HR_ERROR_INVALID);
    assert_string_equal(rig.detail, "endpoint 3: is its own peer");
    struct rig_client third = {.id = 3, .peer = 1, .udp_port = 40002};
    assert_int_equal(rig_endpoint(&third, false, true), HR_ERROR_INVALID);
    assert_string_equal(rig.detail, "endpoint 3: its peer 1 has another peer");
    struct rig_client changed = *a;
    changed.peer = 3;
    assert_int_equal(rig_endpoint(&changed, false, true), HR_ERROR_INVALID);
    assert_string_equal(rig.detail, "endpoint 1: peer 2 cannot change to 3; make a new endpoint");
    changed.peer = 0;
    assert_int_equal(rig_endpoint(&changed, false, true), HR_ERROR_INVALID);
    assert_int_equal(rig_audio(7, a), HR_ERROR_INVALID);
    assert_string_equal(rig.detail, "endpoint 1: all that it sends goes to endpoint 2");
    assert_int_equal(rig_subscribe(8, a, 0), HR_ERROR_INVALID);
    struct rig_client *plain = rig_client(3, GCM, (struct rig_exts){0});
    plain->peer = 1;
    assert_int_equal(rig_endpoint(plain, true, true), HR_ERROR_INVALID);
    assert_passed(a, b, 22, 254);
}

static Headrace__EndpointStats stats[2];

static void keep_stats(void *arg, const Headrace__Reply *reply)
{
    for (size_t i = 0; i < reply->n_stats; i++)
        stats[reply->stats[i]->id - 1] = *reply->stats[i];
    *(bool *)arg = true;
}

static void test_stats(void **state)
{
    uint32_t ids[] = {1, 2};
    bool done = false;
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__StatsGet get = HEADRACE__STATS_GET__INIT;
    uint8_t bytes[300] = {22};
    begin();
    rig_deliver(a, bytes, 300);
    rig_deliver(a, bytes, 200);
    rig_deliver(b, bytes, 100);
    get.endpoints = ids;
    get.n_endpoints = 2;
    cmd.op_case = HEADRACE__COMMAND__OP_STATS_GET;
    cmd.stats_get = &get;
    assert_int_equal(dp_apply(&rig.dp, &cmd, keep_stats, &done), 0);
    while (!done)
        rig_turn(rig_threads ? 0 : (unsigned)rand() % rig_workers);
    assert_int_equal(stats[0].rx_packets, 2);
    assert_int_equal(stats[0].rx_bytes, 500);
    assert_int_equal(stats[0].tx_packets, 1);
    assert_int_equal(stats[1].tx_packets, 2);
    assert_int_equal(stats[1].tx_bytes, 500);
}

/* Both directions, numbered, while shards move at random. */
static void test_none_is_lost_while_shards_move(void **state)
{
    uint32_t sent[2] = {0}, got[2] = {0};
    unsigned moves = 0, steps = rig_threads ? STEPS / 8 : STEPS;
    srand(11);
    begin();
    struct rig_client *ends[2] = {a, b};
    for (unsigned step = 0; step < steps; step++) {
        uint8_t bytes[64] = {128, 96};
        unsigned i = (unsigned)rand() % 2;
        memcpy(bytes + 4, &sent[i], 4);
        sent[i]++;
        rig_offer(ends[i], bytes, sizeof(bytes));
        if (rand() % 50 == 0) {
            assert_int_equal(
                rig_move((uint32_t)rand() % SHARDS, (uint32_t)((unsigned)rand() % rig_workers)),
                HR_ERROR_OK);
            moves++;
        }
        rig_turn((unsigned)rand() % rig_workers);
        if (step + 1 == steps)
            rig_settle();
        for (unsigned k = 0; k < 2; k++) {
            for (unsigned n = 0; n < ends[k]->inbox_count; n++, got[k]++)
                assert_memory_equal(ends[k]->inbox[n].bytes + 4, &got[k], 4);
            ends[k]->inbox_count = 0;
        }
    }
    assert_true(moves > 5);
    assert_int_equal(got[0], sent[1]);
    assert_int_equal(got[1], sent[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_kinds_pass, rig_up, rig_down),
        cmocka_unit_test_setup_teardown(test_there_are_no_keys, rig_up, rig_down),
        cmocka_unit_test_setup_teardown(test_paths_come_and_go, rig_up, rig_down),
        cmocka_unit_test_setup_teardown(test_bad_puts, rig_up, rig_down),
        cmocka_unit_test_setup_teardown(test_stats, rig_up, rig_down),
        cmocka_unit_test_setup_teardown(test_none_is_lost_while_shards_move, rig_up, rig_down),
    };
    setenv("RIG_WORKERS", "3", 1);
    return cmocka_run_group_tests(tests, rig_eal, NULL);
}
