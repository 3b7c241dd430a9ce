/* Reading back what commands have made, statistics, and the tables behind commands. */
#include "rig.h"

#include "dataplane/objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GCM HR_SRTP_AEAD_AES_128_GCM
#define CM  HR_SRTP_AES_CM_128_HMAC_SHA1_80

#define ENDPOINT     HEADRACE__OBJECT_DELETE__TYPE__ENDPOINT
#define SOURCE       HEADRACE__OBJECT_DELETE__TYPE__SOURCE
#define SUBSCRIPTION HEADRACE__OBJECT_DELETE__TYPE__SUBSCRIPTION

static const struct rig_exts exts = {.id = {[HR_EXT_MID] = 1}};
static struct rig_client *pub, *sub;

static void begin(void)
{
    pub = rig_client(0, GCM, exts);
    sub = rig_client(1, CM, exts);
    assert_int_equal(rig_audio(7, pub), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(1, sub, 7), HR_ERROR_OK);
}

static void send_audio(struct rig_client *c, uint16_t seq)
{
    struct rig_rtp p = {.ssrc = 7, .seq = seq, .ts = seq * 960u, .pt = 111, .len = 80};
    rig_send(c, &p);
}

static enum hr_error put_subscription(Headrace__SubscriptionPut *put)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    cmd.op_case = HEADRACE__COMMAND__OP_SUBSCRIPTION_PUT;
    cmd.subscription_put = put;
    return rig_apply(&cmd);
}

struct reading {
    unsigned objects;
    uint32_t last;
    bool more;
    uint32_t source;
    Headrace__Reply *reply;
};

static void take_objects(void *arg, const Headrace__Reply *reply)
{
    struct reading *r = arg;
    const Headrace__Objects *o = reply->objects;
    assert_int_equal(reply->error, 0);
    assert_true(protobuf_c_message_get_packed_size(&reply->base) < HR_EVENT_SLOT_SIZE - 64);
    r->objects += (unsigned)(o->n_endpoints + o->n_sources + o->n_subscriptions);
    r->more = o->more;
    if (o->n_endpoints)
        r->last = o->endpoints[o->n_endpoints - 1]->id;
    if (o->n_sources)
        r->last = o->sources[o->n_sources - 1]->id;
    for (size_t i = 0; i < o->n_subscriptions; i++) {
        assert_true(o->subscriptions[i]->id > r->last);
        r->last = o->subscriptions[i]->id;
        r->source = o->subscriptions[i]->source;
        assert_int_equal(o->subscriptions[i]->cookie.len, 2000);
    }
}

static void read_objects(struct reading *r, Headrace__ObjectDelete__Type type)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__ObjectsGet get = HEADRACE__OBJECTS_GET__INIT;
    get.type = type;
    get.after = r->last;
    cmd.op_case = HEADRACE__COMMAND__OP_OBJECTS_GET;
    cmd.objects_get = &get;
    assert_int_equal(dp_apply(&rig.dp, &cmd, take_objects, r), 0);
}

static void test_objects_are_read_back_in_pages(void **state)
{
    uint8_t cookie[2000] = {0};
    begin();
    assert_int_equal(rig_delete(SUBSCRIPTION, 1), HR_ERROR_OK);
    for (uint32_t id = 60; id > 10; id--) {
        Headrace__SubscriptionPut *put = rig_subscription(id, sub, 7);
        put->cookie = (ProtobufCBinaryData){sizeof(cookie), cookie};
        assert_int_equal(put_subscription(put), HR_ERROR_OK);
    }
    struct reading r = {0};
    unsigned pages = 0;
    do {
        read_objects(&r, SUBSCRIPTION);
        pages++;
    } while (r.more);
    assert_int_equal(r.objects, 50);
    assert_int_equal(r.source, 7);
    assert_in_range(pages, 4, 6);
    r = (struct reading){0};
    read_objects(&r, ENDPOINT);
    assert_int_equal(r.objects, 2);
    assert_int_equal(rig_delete(SOURCE, 7), HR_ERROR_OK);
    r = (struct reading){0};
    read_objects(&r, SOURCE);
    assert_int_equal(r.objects, 0);
    read_objects(&r, SUBSCRIPTION);
    assert_int_equal(r.source, 0); /* it is gone */
}

static void take_stats(void *arg, const Headrace__Reply *reply)
{
    const Headrace__EndpointStats *p = reply->stats[0], *s = reply->stats[1];
    *(unsigned *)arg = (unsigned)reply->n_stats;
    assert_int_equal(p->id, 1);
    assert_int_equal(p->rx_packets, 5);
    assert_int_equal(p->n_streams, 1);
    assert_int_equal(p->streams[0]->id, 7);
    assert_int_equal(p->streams[0]->packets, 5);
    assert_false(p->streams[0]->egress);
    assert_int_equal(p->silence_ms, 200);
    assert_int_equal(s->tx_packets, 5);
    assert_int_equal(s->n_streams, 1);
    assert_int_equal(s->streams[0]->ssrc, 1000);
    assert_true(s->streams[0]->egress);
}

static void test_stats(void **state)
{
    begin();
    for (uint16_t seq = 1; seq <= 5; seq++)
        send_audio(pub, seq);
    rig_empty(sub);
    rig_pass(200);
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__StatsGet get = HEADRACE__STATS_GET__INIT;
    uint32_t ids[HR_STATS_MAX + 1] = {1, 55, 2};
    unsigned n = 0;
    get.endpoints = ids;
    get.n_endpoints = 3;
    cmd.op_case = HEADRACE__COMMAND__OP_STATS_GET;
    cmd.stats_get = &get;
    assert_int_equal(dp_apply(&rig.dp, &cmd, take_stats, &n), 0);
    assert_int_equal(n, 0);  /* the worker answers */
    rig_client(2, CM, exts); /* lets the worker run */
    assert_int_equal(n, 2);
    get.n_endpoints = HR_STATS_MAX + 1;
    assert_int_equal(rig_apply(&cmd), HR_ERROR_LIMIT);
}

static void ignore(void *arg, const Headrace__Reply *reply)
{
    ++*(unsigned *)arg;
}

static void test_full_mailbox_pushes_back(void **state)
{
    begin();
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__KeyframeRequest request = HEADRACE__KEYFRAME_REQUEST__INIT;
    request.source = 7;
    cmd.op_case = HEADRACE__COMMAND__OP_KEYFRAME_REQUEST;
    cmd.keyframe_request = &request;
    unsigned taken = 0, replies = 0;
    int error = 0;
    while ((error = dp_apply(&rig.dp, &cmd, ignore, &replies)) == 0)
        taken++;
    assert_int_equal(error, -EAGAIN);
    assert_int_equal(taken, DP_MAILBOX_SIZE - 1);
    cmd.op_case = HEADRACE__COMMAND__OP_STATUS_GET;
    assert_int_equal(dp_apply(&rig.dp, &cmd, ignore, &replies), -ENOTSUP);
    struct dp_work *work;
    while (rte_ring_sc_dequeue(rig.worker.mailbox, (void **)&work) == 0) {
        work->run(&rig.worker, work);
        dp_worker_return(&rig.worker, work);
    }
    dp_worker_collect(&rig.worker);
    assert_int_equal(replies, taken);
    cmd.op_case = HEADRACE__COMMAND__OP__NOT_SET;
    assert_int_equal(rig_apply(&cmd), HR_ERROR_UNSUPPORTED);
}

/* ---- the index behind it */

static void test_index(void **state)
{
    struct dp_index x = {0};
    static int objects[2000];
    static bool there[2000];
    srand(3);
    for (int i = 0; i < 20000; i++) {
        uint32_t id = 1 + (uint32_t)rand() % 1999;
        assert_ptr_equal(dp_index_find(&x, id), there[id] ? &objects[id] : NULL);
        if (there[id]) {
            dp_index_remove(&x, id);
        } else {
            assert_int_equal(dp_index_reserve(&x), 0);
            dp_index_add(&x, id, &objects[id]);
        }
        there[id] = !there[id];
    }
    uint32_t seen = 0;
    for (int *o; (o = dp_index_next(&x, seen)) != NULL;) {
        for (uint32_t id = seen + 1; id < (uint32_t)(o - objects); id++)
            assert_false(there[id]);
        seen = (uint32_t)(o - objects);
        assert_true(there[seen]);
    }
    assert_null(dp_index_next(&x, UINT32_MAX));
    dp_index_free(&x);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
    const struct CMUnitTest tests[] = {
        TEST(test_objects_are_read_back_in_pages),
        TEST(test_stats),
        TEST(test_full_mailbox_pushes_back),
        cmocka_unit_test(test_index),
    };
    return cmocka_run_group_tests(tests, rig_eal, NULL);
}
