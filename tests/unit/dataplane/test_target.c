/* Layers within a stream: one client publishes, one gets a target of it, another everything. */
#include "rig.h"

#include "dataplane/objects.h"
#include "dataplane/target.h"

#include <string.h>

#define GCM     HR_SRTP_AEAD_AES_128_GCM
#define PACKETS 2 /* of a frame */

static const struct rig_exts exts = {
    .id = {[HR_EXT_MID] = 1, [HR_EXT_RID] = 2, [HR_EXT_DEPENDENCY_DESCRIPTOR] = 5}};

/* K-SVC: layers above refer to those below in key pictures only. */
static struct mode {
    unsigned spatial, temporal;
    bool sizes;
} mode;
static struct rig_client *pub, *few, *all;
static uint16_t seq, frame;
static uint32_t ts;
static unsigned picture;

/* ---- descriptors (AV1 RTP specification, A.8.2) */

struct bits {
    uint8_t p[16];
    unsigned n;
};

static void put(struct bits *b, unsigned n, uint32_t v)
{
    for (; n; n--, b->n++)
        if (v >> (n - 1) & 1)
            b->p[b->n / 8] |= (uint8_t)(0x80 >> b->n % 8);
}

static unsigned targets(void)
{
    return mode.spatial * mode.temporal;
}

static void put_dtis(struct bits *b, unsigned s, unsigned t, bool key)
{
    for (unsigned i = 0; i < targets(); i++) {
        unsigned spatial = i / mode.temporal, temporal = i % mode.temporal;
        bool present = t <= temporal && (s == spatial || (key && s < spatial));
        bool last = t > 0 && t == temporal;
        put(b, 2, !present ? DP_DTI_ABSENT : last ? DP_DTI_DISCARDABLE : DP_DTI_SWITCH);
    }
}

static void put_structure(struct bits *b)
{
    put(b, 6, 0);
    put(b, 5, targets() - 1);
    for (unsigned i = 1; i < targets(); i++)
        put(b, 2, i % mode.temporal ? 1 : 2);
    put(b, 2, 3);
    for (unsigned i = 0; i < targets(); i++)
        put_dtis(b, i / mode.temporal, i % mode.temporal, false);
    put(b, targets(), 0);              /* no differences in templates */
    put(b, targets() == 2 ? 1 : 2, 0); /* no chains */
    put(b, 1, mode.sizes);
    for (unsigned s = 0; mode.sizes && s < mode.spatial; s++) {
        put(b, 16, (320u << s) - 1);
        put(b, 16, (180u << s) - 1);
    }
}

static unsigned descriptor(struct bits *b, unsigned s, unsigned t, bool key, unsigned i)
{
    *b = (struct bits){0};
    put(b, 1, i == 0);
    put(b, 1, i + 1 == PACKETS);
    put(b, 6, s * mode.temporal + t);
    put(b, 16, frame);
    if (key) {
        bool structure = s == 0 && i == 0;
        put(b, 1, structure);
        put(b, 4, 4); /* decode target indications of its own */
        if (structure)
            put_structure(b);
        put_dtis(b, s, t, true);
    }
    assert_true(b->n <= 128);
    return (b->n + 7) / 8;
}

/* ---- the publisher */

static unsigned temporal_now(bool key)
{
    static const unsigned pattern[3][4] = {{0, 0, 0, 0}, {0, 1, 0, 1}, {0, 2, 1, 2}};
    return key ? 0 : pattern[mode.temporal - 1][picture % 4];
}

static struct rig_rtp packet(struct bits *dd, unsigned s, bool key, unsigned i)
{
    unsigned t = temporal_now(key);
    struct rig_rtp p = {.ssrc = 8, .seq = seq, .ts = ts, .pt = 96, .mid = "v", .rid = "q"};
    p.len = 500;
    p.fill = (uint8_t)(1 + s * 8 + t);
    p.marker = s + 1 == mode.spatial && i + 1 == PACKETS;
    p.dd_len = descriptor(dd, s, t, key, i);
    p.dd = dd->p;
    return p;
}

/* Packets of one picture, but for those whose bits are set in without. */
static void send_picture(bool key, uint32_t without)
{
    struct bits dd;
    picture = key ? 0 : picture;
    for (unsigned i = 0; i < mode.spatial * PACKETS; i++) {
        struct rig_rtp p = packet(&dd, i / PACKETS, key, i % PACKETS);
        if (!(without >> i & 1))
            rig_send(pub, &p);
        seq++;
        frame = (uint16_t)(frame + (i % PACKETS + 1 == PACKETS));
    }
    picture++;
    ts += 3000;
    rig_pass(33);
}

static void begin(unsigned spatial, unsigned temporal, bool sizes)
{
    mode = (struct mode){spatial, temporal, sizes};
    pub = rig_client(0, GCM, exts);
    few = rig_client(1, GCM, exts);
    all = rig_client(2, GCM, exts);
    assert_int_equal(rig_video(1, pub, 1), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(1, few, 1), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(2, all, 1), HR_ERROR_OK);
    seq = 65500;
    frame = 65530;
    ts = 1000;
    picture = 0;
    send_picture(true, 0);
}

static unsigned requests(void)
{
    unsigned n = 0;
    struct rig_got g;
    while (rig_receive(pub, &g))
        n += g.rtcp && g.len == 12 && g.bytes[1] == 206;
    return n;
}

/* ---- receivers */

struct view {
    bool started;
    uint16_t seq;
    uint32_t ts;
    bool marked;                         /* the newest packet */
    unsigned packets, spatial, temporal; /* since it was asked last; the highest */
};

/* No gaps, and each picture ends with a marker. */
static void watch(struct rig_client *c, struct view *v)
{
    struct rig_got g;
    v->packets = v->spatial = v->temporal = 0;
    while (rig_receive(c, &g)) {
        if (g.rtcp)
            continue;
        unsigned fill = g.bytes[g.rtp.hdr_len] - 1u;
        if (v->started) {
            assert_int_equal(g.rtp.seq, (uint16_t)(v->seq + 1));
            assert_int_equal(v->marked, g.rtp.ts != v->ts);
        }
        v->started = true;
        v->seq = g.rtp.seq;
        v->ts = g.rtp.ts;
        v->marked = g.rtp.marker;
        v->packets++;
        v->spatial = RTE_MAX(v->spatial, fill / 8);
        v->temporal = RTE_MAX(v->temporal, fill % 8);
    }
    assert_true(v->marked);
}

/* Whatever was asked for at the beginning comes: another worker may have asked for what was on its
 * way. */
static void settle(struct view *v)
{
    rig_skip(rig.dp.tsc_hz);
    rig_pass(600);
    send_picture(true, 0);
    watch(few, v);
    requests();
}

static struct dp_subscription *subscription(uint32_t id)
{
    const struct dp_subscription_object *o = dp_index_find(&rig.dp.objects->subscriptions, id);
    return o->subscription;
}

static void want(uint32_t id, unsigned spatial, unsigned temporal)
{
    struct dp_subscription *s = subscription(id);
    unsigned index = spatial * mode.temporal + temporal;
    const struct dp_target t = {.index = (uint8_t)index,
                                .spatial = (uint8_t)spatial,
                                .temporal = (uint8_t)temporal,
                                .whole = index + 1 == targets()};
    dp_target_want(s->endpoint->worker, s, &t);
}

/* Eight pictures; how many packets few got. */
static unsigned send_eight(struct view *v)
{
    for (unsigned i = 0; i < 8; i++)
        send_picture(false, 0);
    watch(few, v);
    return v->packets;
}

static void test_temporal_layers(void **state)
{
    struct view v = {0}, w = {0};
    begin(1, 3, false);
    assert_int_equal(send_eight(&v), PACKETS * 9);
    settle(&v);
    want(1, 0, 0);
    assert_int_equal(send_eight(&v), PACKETS * 2);
    want(1, 0, 1);
    send_eight(&v);
    assert_int_equal(send_eight(&v), PACKETS * 4);
    want(1, 0, 2);
    send_eight(&v);
    assert_int_equal(send_eight(&v), PACKETS * 8);
    assert_int_equal(requests(), 0);
    watch(all, &w);
    assert_int_equal(w.packets, PACKETS * 50);
    assert_int_equal(rig_drops(DP_DROP_SEQUENCE_LATE), 0);
}

static void test_spatial_layers(void **state)
{
    struct view v = {0};
    begin(2, 2, false);
    send_eight(&v);
    settle(&v);
    want(1, 0, 1);
    assert_int_equal(send_eight(&v), PACKETS * 8);
    assert_int_equal(v.spatial, 0);
    assert_int_equal(requests(), 0);
    want(1, 1, 0);
    send_eight(&v);
    assert_int_equal(v.spatial, 0); /* until the key frame, which it was asked for: */
    assert_int_equal(requests(), 1);
    send_picture(true, 0);
    watch(few, &v);
    assert_int_equal(v.packets, PACKETS * 2);
    assert_int_equal(send_eight(&v), PACKETS * 8);
    assert_int_equal(v.temporal, 0);
    want(1, 1, 1);
    send_eight(&v);
    assert_int_equal(send_eight(&v), PACKETS * 16);
    rig_pass(2000);
    assert_int_equal(requests(), 0);
}

static void test_asks_again(void **state)
{
    struct view v = {0};
    begin(2, 2, false);
    want(1, 0, 0);
    send_eight(&v);
    settle(&v);
    want(1, 1, 1);
    rig_pass(500);
    assert_int_equal(requests(), 1);
    rig_pass(1200);
    assert_in_range(requests(), 1, 2);
}

/* Picks what is shown, as the allocation does where a link carries everything. */
static void test_as_large_as_it_is_shown(void **state)
{
    struct view v = {0}, w = {0};
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    cmd.op_case = HEADRACE__COMMAND__OP_SUBSCRIPTION_PUT;
    begin(2, 1, true);
    for (unsigned i = 0; i < 5; i++)
        send_eight(&v);
    assert_int_equal(v.spatial, 1);
    settle(&v);
    for (unsigned i = 0; i < 5; i++)
        send_eight(&v);
    cmd.subscription_put = rig_subscription(1, few, 1);
    cmd.subscription_put->max_width = 300;
    cmd.subscription_put->max_height = 170;
    assert_int_equal(rig_apply(&cmd), HR_ERROR_OK);
    send_eight(&v);
    assert_int_equal(send_eight(&v), PACKETS * 8);
    assert_int_equal(v.spatial, 0);
    assert_int_equal(requests(), 0);
    cmd.subscription_put = rig_subscription(1, few, 1);
    cmd.subscription_put->max_width = 640;
    cmd.subscription_put->max_height = 360;
    assert_int_equal(rig_apply(&cmd), HR_ERROR_OK);
    send_eight(&v);
    assert_int_equal(requests(), 1);
    send_picture(true, 0);
    send_eight(&v);
    assert_int_equal(v.spatial, 1);
    watch(all, &w);
    assert_int_equal(w.spatial, 1);
}

static void send_nack(struct rig_client *c, uint32_t ssrc, uint16_t number)
{
    uint8_t buffer[64];
    struct dp_rtcp_buf b = {.p = buffer, .cap = sizeof(buffer)};
    dp_rtcp_put_nack(&b, 5, ssrc, &number, 1);
    rig_send_rtcp(c, &b);
}

/* What few got is sent once more as the same bytes, marker and all, whatever it gets now. */
static void test_retransmission(void **state)
{
    static struct rig_packet before[16];
    struct view v = {0};
    begin(2, 2, false);
    send_eight(&v);
    want(1, 0, 0);
    for (unsigned i = 0; i < 16; i++)
        send_picture(false, 0);
    assert_int_equal(few->inbox_count, 16);
    memcpy(before, few->inbox, sizeof(before));
    rig_empty(few);
    want(1, 0, 1);
    v.started = false;
    send_eight(&v);
    for (unsigned i = 0; i < 16; i++) {
        send_nack(few, 1000, (uint16_t)(before[i].bytes[2] << 8 | before[i].bytes[3]));
        assert_int_equal(few->inbox_count, 1);
        assert_int_equal(few->inbox[0].len, before[i].len);
        assert_memory_equal(few->inbox[0].bytes, before[i].bytes, before[i].len);
        few->inbox_count = 0;
    }
}

/* Late packets: of a frame that is forwarded they have their number; others are dropped. */
static void test_late_packets(void **state)
{
    struct view v = {0};
    struct rig_got g;
    struct rig_rtp late[2];
    struct bits late_dd[2];
    begin(1, 3, false);
    send_eight(&v);
    want(1, 0, 0);
    for (unsigned i = 0; i < 3; i++)
        send_picture(false, 0);
    send_eight(&v);
    assert_int_equal(picture % 4, 0); /* now comes a T0 */
    late[0] = packet(&late_dd[0], 0, false, 1);
    late[0].seq++;
    late[0].dd = late_dd[0].p;
    send_picture(false, 2); /* without its second packet */
    late[1] = packet(&late_dd[1], 0, false, 0);
    late[1].dd = late_dd[1].p;
    send_picture(false, 1); /* a T2 */
    send_picture(false, 0);
    send_picture(false, 0);
    send_picture(false, 0); /* T0 */
    uint16_t numbers[3];
    for (unsigned i = 0; i < 3; i++) {
        assert_true(rig_receive(few, &g));
        numbers[i] = g.rtp.seq;
    }
    assert_false(rig_receive(few, &g));
    assert_int_equal(numbers[0], (uint16_t)(v.seq + 1));
    assert_int_equal(numbers[2], (uint16_t)(numbers[1] + 1));
    rig_send(pub, &late[0]);
    assert_true(rig_receive(few, &g));
    assert_int_equal(g.rtp.seq, (uint16_t)(numbers[0] + 1));
    assert_true(g.rtp.marker);
    uint64_t drops = rig_drops(DP_DROP_LAYER);
    rig_send(pub, &late[1]);
    assert_false(rig_receive(few, &g));
    assert_int_equal(rig_drops(DP_DROP_LAYER), drops + 1);
}

/* At random: loss, late packets, wishes, key frames. The nonce checker watches. */
static void test_random(void **state)
{
    uint64_t seed = 5;
    begin(2, 2, false);
    for (unsigned i = 0; i < 400; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        unsigned r = (unsigned)(seed >> 33);
        if (r % 7 == 0)
            want(1, r >> 8 & 1, r >> 9 & 1);
        uint16_t late_seq = seq, late_frame = frame;
        unsigned late_picture = picture;
        uint32_t without = r % 5 == 0 ? 1u << (r >> 10 & 3) : 0;
        bool key = r % 23 == 0;
        send_picture(key, without);
        if (without && r >> 12 & 1) { /* then it comes after all */
            struct bits dd;
            uint16_t seq_now = seq, frame_now = frame;
            unsigned picture_now = picture, n = r >> 10 & 3;
            seq = (uint16_t)(late_seq + n);
            frame = (uint16_t)(late_frame + n / PACKETS);
            picture = key ? 0 : late_picture;
            ts -= 3000;
            struct rig_rtp p = packet(&dd, n / PACKETS, key, n % PACKETS);
            ts += 3000;
            seq = seq_now;
            frame = frame_now;
            picture = picture_now;
            rig_send(pub, &p);
        }
        rig_empty(few);
        rig_empty(all);
        requests();
    }
    assert_int_equal(rig_counts().nonce_alarms, 0);
}

/* Another source, with other layers: what was chosen does not count there, and nothing leaks. */
static void test_released(void **state)
{
    struct view v = {0};
    begin(1, 3, false);
    want(1, 0, 0);
    send_eight(&v);
    assert_int_equal(rte_mempool_in_use_count(rig.dp.targets), 1);
    assert_int_equal(rig_subscribe(1, few, 0), HR_ERROR_OK);
    assert_int_equal(rte_mempool_in_use_count(rig.dp.targets), 0);
    assert_int_equal(rig_subscribe(1, few, 1), HR_ERROR_OK);
    send_picture(true, 0);
    assert_int_equal(send_eight(&v), PACKETS * 9);
    assert_int_equal(rig_subscribe(1, few, 0), HR_ERROR_OK);
    assert_int_equal(rig_subscribe(1, few, 1), HR_ERROR_OK);
    want(1, 0, 0); /* before there is anything */
    send_picture(true, 0);
    assert_int_equal(send_eight(&v), PACKETS * 3);
    assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__SUBSCRIPTION, 1), HR_ERROR_OK);
    assert_int_equal(rte_mempool_in_use_count(rig.dp.targets), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
    const struct CMUnitTest tests[] = {
        TEST(test_temporal_layers), TEST(test_spatial_layers),
        TEST(test_asks_again),      TEST(test_as_large_as_it_is_shown),
        TEST(test_retransmission),  TEST(test_late_packets),
        TEST(test_random),          TEST(test_released),
    };
    return cmocka_run_group_tests(tests, rig_eal, NULL);
}
