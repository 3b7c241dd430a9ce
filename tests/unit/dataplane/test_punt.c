/* Punts and injects through real rings, with the test as the control plane. */
#include "dataplane/flow.h"
#include "dataplane/meter.h"
#include "lab.h"
#include "proto/headrace.pb-c.h"

#include <string.h>
#include <unistd.h>

static struct lab *lab;
static struct hr_channel *ours, *theirs;

static int set_up(void **state)
{
    int fds[3];

    lab = lab_new();
    lab->dp.flows = dp_flows_new("test", 16);
    lab->worker.meter = dp_meter_new(1000000, 1000000, lab->dp.tsc_hz, 0);
    if (hr_channel_create(1, &ours) || hr_arena_init(&lab->worker.inject, 8192))
        return -1;
    hr_channel_fds(ours, fds);
    lab->worker.channel = ours;
    return hr_channel_attach(dup(fds[0]), dup(fds[1]), dup(fds[2]), &theirs);
}

static int tear_down(void **state)
{
    hr_channel_destroy(theirs);
    hr_channel_destroy(ours);
    hr_arena_free(&lab->worker.inject);
    dp_meter_free(lab->worker.meter);
    dp_flows_free(lab->dp.flows);
    lab_free(lab);
    return 0;
}

/* A client's datagram through classify and punt. */
static void punt(int family, const void *payload, size_t len)
{
    uint8_t frame[2048];
    struct dp_burst in = {.n = 1};
    struct dp_classified c;

    in.pkts[0] = lab_packet(lab, frame, lab_udp(frame, family, payload, len));
    dp_stage_classify(&lab->worker, &in, &c);
    assert_int_equal(c.punt.n, 1);
    dp_stage_punt(&lab->worker, &c.punt);
    assert_int_equal(c.punt.n, 0);
}

static Headrace__Punt *next_punt(void)
{
    size_t len;
    const uint8_t *bytes = hr_channel_peek(theirs, HR_RING_PUNT, 0, &len);

    if (!bytes)
        return NULL;
    Headrace__Punt *p = headrace__punt__unpack(NULL, len, bytes);
    hr_channel_consume(theirs, HR_RING_PUNT, 0);
    return p;
}

/* What came in can be answered by sending the same path back: the frame reaches the client. */
static void a_punt_s_path_leads_back(void **state)
{
    const uint8_t payload[] = "\x00\x01 a binding request";

    for (int family = 4; family <= 6; family += 2) {
        punt(family, payload, sizeof(payload));
        assert_true(lab->worker.punted);
        Headrace__Punt *p = next_punt();
        assert_non_null(p);
        assert_int_equal(p->payload.len, sizeof(payload));
        assert_memory_equal(p->payload.data, payload, sizeof(payload));
        assert_int_equal(p->path->remote_port, 5000);
        assert_int_equal(p->path->local_port, 10000);

        Headrace__Inject answer = HEADRACE__INJECT__INIT;
        struct dp_burst out = {.n = 0};
        answer.path = p->path;
        answer.payload = p->payload;
        assert_int_equal(hr_channel_send(theirs, HR_RING_INJECT, 0, &answer.base), 0);
        dp_stage_inject(&lab->worker, &out);
        assert_int_equal(out.n, 1);
        const uint8_t *frame = rte_pktmbuf_mtod(out.pkts[0], uint8_t *);
        assert_true(lab_frame_is_right(frame, out.pkts[0]->data_len));
        assert_memory_equal(frame, ((uint8_t[]){2, 0, 0, 0, 0, 1}), 6);
        assert_memory_equal(frame + 6, ((uint8_t[]){2, 0, 0, 0, 0, 2}), 6);
        size_t l4 = family == 4 ? 34 : 54;
        assert_memory_equal(frame + l4, ((uint8_t[]){0x27, 0x10, 0x13, 0x88}), 4);
        assert_memory_equal(frame + l4 + 8, payload, sizeof(payload));
        rte_pktmbuf_free(out.pkts[0]);
        headrace__punt__free_unpacked(p, NULL);
    }
}

static void punts_that_cannot_go_are_counted(void **state)
{
    uint8_t payload[1472] = {20};
    uint64_t *drops = lab->worker.drops;

    for (unsigned i = 0; i < HR_PUNT_SLOTS + 9; i++)
        punt(4, payload, sizeof(payload));
    assert_int_equal(drops[DP_DROP_PUNT_FULL], 10); /* a ring holds one less than its slots */
    lab->worker.channel = NULL;
    punt(4, payload, 100);
    assert_int_equal(drops[DP_DROP_PUNT_NO_CONTROLPLANE], 1);
    lab->worker.channel = ours;

    while (hr_channel_peek(theirs, HR_RING_PUNT, 0, &(size_t){0}))
        hr_channel_consume(theirs, HR_RING_PUNT, 0);
    lab->dp.ports[0].mtu = 2100; /* larger than a slot, on a port that takes it */
    static uint8_t large[1986] = {20};
    punt(6, large, sizeof(large));
    assert_int_equal(drops[DP_DROP_PUNT_OVERSIZE], 1);

    dp_meter_free(lab->worker.meter);
    lab->worker.meter = dp_meter_new(20, 10, lab->dp.tsc_hz, 0);
    for (unsigned i = 0; i < 15; i++)
        punt(4, payload, 100);
    assert_int_equal(drops[DP_DROP_PUNT_SOURCE_RATE], 5);
    dp_meter_free(lab->worker.meter);
    lab->worker.meter = dp_meter_new(10, 100, lab->dp.tsc_hz, 0);
    for (unsigned i = 0; i < 13; i++)
        punt(6, payload, 100);
    assert_int_equal(drops[DP_DROP_PUNT_RATE], 3);
}

static void inject(Headrace__Inject *msg, bool good)
{
    struct dp_burst out = {.n = 0};
    uint64_t before = lab->worker.drops[DP_DROP_INJECT_MALFORMED];

    assert_int_equal(hr_channel_send(theirs, HR_RING_INJECT, 0, &msg->base), 0);
    dp_stage_inject(&lab->worker, &out);
    assert_int_equal(out.n, good);
    assert_int_equal(lab->worker.drops[DP_DROP_INJECT_MALFORMED], before + !good);
    if (good)
        rte_pktmbuf_free(out.pkts[0]);
}

static void bad_injects_are_counted(void **state)
{
    static uint8_t mac[6] = {2}, ours4[4] = {198, 18, 0, 2}, client[4] = {198, 18, 0, 1};
    static uint8_t payload[1900];
    Headrace__Path path = HEADRACE__PATH__INIT;
    Headrace__Inject msg = HEADRACE__INJECT__INIT;
    Headrace__Counter garbage = HEADRACE__COUNTER__INIT;

    path.local_mac = path.remote_mac = (ProtobufCBinaryData){6, mac};
    path.local_address = (ProtobufCBinaryData){4, ours4};
    path.remote_address = (ProtobufCBinaryData){4, client};
    path.local_port = path.remote_port = 9;
    msg.path = &path;
    msg.payload = (ProtobufCBinaryData){1472, payload};
    inject(&msg, true);
    msg.payload.len = 1473; /* above the MTU */
    inject(&msg, false);
    msg.payload.len = 0;
    inject(&msg, false);
    msg.payload.len = 10;
    path.port = 1; /* there is one port, 0 */
    inject(&msg, false);
    path.port = 0;
    path.local_address.data = client; /* not ours to send from */
    inject(&msg, false);
    path.local_address.data = ours4;
    path.remote_mac.len = 5;
    inject(&msg, false);
    msg.path = NULL;
    inject(&msg, false);
    garbage.name = (char *)"field 1 is no path";
    inject((Headrace__Inject *)&garbage, false);
}

/* Injects cannot hold media up: a bounded number goes out in one loop. */
static void injects_are_bounded(void **state)
{
    Headrace__Inject msg = HEADRACE__INJECT__INIT;
    struct dp_burst out = {.n = 0};

    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(hr_channel_send(theirs, HR_RING_INJECT, 0, &msg.base), 0);
    dp_stage_inject(&lab->worker, &out);
    assert_int_equal(lab->worker.drops[DP_DROP_INJECT_MALFORMED], 32);
    dp_stage_inject(&lab->worker, &out);
    assert_int_equal(lab->worker.drops[DP_DROP_INJECT_MALFORMED], 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_punt_s_path_leads_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(punts_that_cannot_go_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_injects_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(injects_are_bounded, set_up, tear_down),
    };
    return lab_start_eal() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
