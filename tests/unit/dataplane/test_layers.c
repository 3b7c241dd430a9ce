/* Simulcast: the highest layer is forwarded, and a switch is seamless. Client 0 publishes, 1
 * receives. */
#include "rig.h"

#include <string.h>

#define GCM HR_SRTP_AEAD_AES_128_GCM

static const struct rig_exts exts = {
    .id = {[HR_EXT_MID] = 1, [HR_EXT_RID] = 2, [HR_EXT_DEPENDENCY_DESCRIPTOR] = 5}};
static const char *const rids[] = {"q", "h", "f"};
static struct rig_client *pub, *sub;
static uint16_t seqs[3];
static uint32_t ts[3];
static uint16_t frames[3]; /* numbers of the Dependency Descriptor */
static bool with_dd;

static void begin(void)
{
    pub = rig_client(0, GCM, exts);
    sub = rig_client(1, GCM, exts);
    assert_int_equal(rig_video(1, pub, 3), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(1, sub, 1), HR_ERROR_OK);
    with_dd = true;
    for (unsigned i = 0; i < 3; i++) {
        seqs[i] = (uint16_t)(65000 + 500 * i); /* they wrap at different times */
        ts[i] = 1000000 * (i + 1);
        frames[i] = (uint16_t)(65500 - 20000 * i);
    }
}

/* The descriptor of a frame's packet; the template in the first three bytes has number 0. */
static unsigned descriptor(uint8_t dd[6], bool key, uint16_t frame)
{
    unsigned len = key ? sizeof(rig_dd_key) : sizeof(rig_dd_delta);
    memcpy(dd, key ? rig_dd_key : rig_dd_delta, len);
    dd[1] = (uint8_t)(frame >> 8);
    dd[2] = (uint8_t)frame;
    return len;
}

/* One frame of a layer: packets of 1000 bytes filled with its number. */
static void send_frame(unsigned layer, bool key, unsigned packets)
{
    for (unsigned i = 0; i < packets; i++) {
        uint8_t dd[6];
        struct rig_rtp p = {.ssrc = 100 + layer,
                            .seq = seqs[layer]++,
                            .ts = ts[layer],
                            .pt = 96,
                            .mid = "v",
                            .rid = rids[layer],
                            .marker = i + 1 == packets,
                            .len = 1000,
                            .fill = (uint8_t)(layer + 1)};
        p.dd = dd;
        p.dd_len = with_dd ? descriptor(dd, key && i == 0, frames[layer]) : 0;
        rig_send(pub, &p);
    }
    ts[layer] += 3000;
    frames[layer]++;
}

/* A frame of each of the first n layers, n packets large, and the time of one; the last has the
 * key. */
static void send_round(unsigned n, int key)
{
    for (unsigned layer = 0; layer < n; layer++)
        send_frame(layer, key == (int)layer, layer + 1);
    rig_pass(33);
}

struct view {
    bool started;
    uint16_t seq;
    uint32_t ts;
    unsigned layer; /* of the newest packet */
    unsigned switches;
    bool numbered;
    uint16_t frame;
};

/* Frame numbers go on by one with every frame, whatever stream it came from. */
static void watch_frame(struct view *v, const struct rig_got *g)
{
    const struct dp_rtp_ext *dd = NULL;
    for (unsigned i = 0; i < g->rtp.ext_count; i++)
        if (g->rtp.ext[i].id == exts.id[HR_EXT_DEPENDENCY_DESCRIPTOR])
            dd = &g->rtp.ext[i];
    if (dd == NULL)
        return;
    uint16_t frame = (uint16_t)(g->bytes[dd->off + 1] << 8 | g->bytes[dd->off + 2]);
    if (v->numbered)
        assert_int_equal(frame, (uint16_t)(v->frame + (g->rtp.ts != v->ts)));
    v->frame = frame;
    v->numbered = true;
}

/* Reads what came; sequence numbers have no gap, timestamps never step back. */
static void watch(struct view *v)
{
    struct rig_got g;
    while (rig_receive(sub, &g)) {
        if (g.rtcp)
            continue;
        unsigned layer = g.bytes[g.rtp.hdr_len] - 1u;
        assert_in_range(layer, 0, 2);
        if (v->started) {
            assert_int_equal(g.rtp.seq, (uint16_t)(v->seq + 1));
            assert_true((int32_t)(g.rtp.ts - v->ts) >= 0);
            assert_true(g.rtp.ts - v->ts <
                        3 * 90000); /* the longest wait here is for a key frame */
            if (layer != v->layer) {
                assert_true(g.rtp.ts != v->ts);
                v->switches++;
            }
        }
        watch_frame(v, &g);
        v->started = true;
        v->seq = g.rtp.seq;
        v->ts = g.rtp.ts;
        v->layer = layer;
    }
}

static unsigned requests(void)
{
    unsigned n = 0;
    struct rig_got g;
    while (rig_receive(pub, &g))
        n += g.rtcp && g.len == 12 && g.bytes[1] == 206;
    return n;
}

static void test_highest_with_descriptor(void **state)
{
    struct view v = {0};
    begin();
    send_round(3, 0);
    for (int i = 0; i < 15; i++)
        send_round(3, -1);
    watch(&v);
    assert_int_equal(v.layer, 0);
    for (int i = 0; i < 45; i++)
        send_round(3, -1);
    watch(&v);
    assert_int_equal(v.layer, 0); /* layer 2 is wanted, its key frame has not come */
    assert_true(requests() >= 1);
    send_round(3, 2);
    send_round(3, -1);
    watch(&v);
    assert_int_equal(v.layer, 2);
    assert_int_equal(v.switches, 1);

    for (int i = 0; i < 90; i++) { /* the sender gives the highest up */
        send_round(2, i > 60 ? 1 : -1);
        watch(&v);
    }
    assert_int_equal(v.layer, 1);
    for (int i = 0; i < 300; i++) { /* and takes it up again; sequence numbers wrap on the way */
        send_round(3, i == 0 || i % 30 == 29 ? 2 : -1);
        watch(&v);
    }
    assert_int_equal(v.layer, 2);
    assert_int_equal(v.switches, 3);
    assert_int_equal(rig_drops(DP_DROP_SEQUENCE_LATE), 0);
}

static void test_highest_without_descriptor(void **state)
{
    struct view v = {0};
    begin();
    with_dd = false;
    for (int i = 0; i < 90; i++)
        send_round(3, -1);
    watch(&v);
    assert_int_equal(v.layer, 2);
    assert_int_equal(v.switches, 1);
}

static void test_small_differences_do_not_switch(void **state)
{
    struct view v = {0};
    begin();
    for (int i = 0; i < 200; i++) {
        send_frame(0, i % 30 == 0, 10);
        send_frame(1, i % 30 == 0, 11);
        rig_pass(33);
        watch(&v);
        requests();
    }
    assert_int_equal(v.switches, 0);
}

/* A NACK for a packet from before a switch is answered with its identical bytes. */
static void test_retransmission_across_a_switch(void **state)
{
    begin();
    static struct rig_packet before[8];
    send_round(3, 0);
    for (int i = 0; i < 60; i++)
        send_round(3, -1);
    while (sub->inbox_count > 8)
        memmove(&sub->inbox[0], &sub->inbox[1], --sub->inbox_count * sizeof(sub->inbox[0]));
    memcpy(before, sub->inbox, sizeof(before));
    sub->inbox_count = 0;
    send_round(3, 2);
    for (unsigned i = 0; i < 8; i++) {
        uint8_t buffer[64];
        uint16_t seq = (uint16_t)(before[i].bytes[2] << 8 | before[i].bytes[3]);
        struct dp_rtcp_buf b = {.p = buffer, .cap = sizeof(buffer)};
        sub->inbox_count = 0;
        dp_rtcp_put_nack(&b, 5, 1000, &seq, 1);
        rig_send_rtcp(sub, &b);
        assert_int_equal(sub->inbox_count, 1);
        assert_int_equal(sub->inbox[0].len, before[i].len);
        assert_memory_equal(sub->inbox[0].bytes, before[i].bytes, before[i].len);
    }
}

/* The forwarded layer's SSRC changes: the receiver sees one stream. */
static void test_layer_restarts(void **state)
{
    struct view v = {0};
    begin();
    send_frame(0, true, 3);
    watch(&v);
    struct rig_rtp p = {.ssrc = 500, .seq = 9, .ts = 5, .pt = 96, .mid = "v", .rid = "q"};
    p.len = 1000;
    p.fill = 1;
    p.dd = rig_dd_key;
    p.dd_len = sizeof(rig_dd_key);
    rig_send(pub, &p);
    assert_int_equal(sub->inbox_count, 1);
    watch(&v);
}

/* Somebody leaves and comes back: under the same SSRC the receiver sees his frames go on. */
static void test_another_publisher(void **state)
{
    struct view v = {0};
    uint8_t dd[6];
    begin();
    for (int i = 0; i < 100; i++) {
        send_frame(0, i == 0, 1);
        watch(&v);
    }
    for (unsigned again = 1; again < 4; again++) {
        struct rig_client *next = rig_client(again + 1, GCM, exts);
        assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__SOURCE, again), HR_ERROR_OK);
        assert_int_equal(rig_video(again + 1, next, 1), HR_ERROR_OK);
        assert_int_equal(rig_subscribe(1, sub, again + 1), HR_ERROR_OK);
        for (uint16_t i = 0; i < 20; i++) {
            struct rig_rtp p = {.ssrc = 7, .seq = i, .ts = 3000 * i, .pt = 96, .mid = "v"};
            p.rid = rids[0];
            p.len = 1000;
            p.fill = 1;
            p.dd = dd;
            p.dd_len = again == 2 ? 0 : descriptor(dd, i == 0, i);
            rig_send(next, &p);
        }
        uint16_t before = v.frame;
        watch(&v);
        assert_int_equal((uint16_t)(v.frame - before), again == 2 ? 0 : 20);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
    const struct CMUnitTest tests[] = {
        TEST(test_highest_with_descriptor),
        TEST(test_highest_without_descriptor),
        TEST(test_small_differences_do_not_switch),
        TEST(test_retransmission_across_a_switch),
        TEST(test_layer_restarts),
        TEST(test_another_publisher),
    };
    return cmocka_run_group_tests(tests, rig_eal, NULL);
}
