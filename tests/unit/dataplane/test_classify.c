#include "dataplane/flow.h"
#include "dataplane/session.h"
#include "lab.h"

#include <rte_memcpy.h>
#include <stdlib.h>
#include <string.h>

enum { RTP, RTCP, PUNT, HOST, NOWHERE };

static struct lab *lab;
static struct dp_endpoint one; /* without a peer, and nothing else of it matters */
static struct dp_endpoint *const somebody = &one;

static int set_up(void **state)
{
    struct dp_flow_key key = {.remote_ip = {198, 18, 0, 1},
                              .local_ip = {198, 18, 0, 2},
                              .remote_port = 5000,
                              .local_port = 10000,
                              .family = 4};
    lab = lab_new();
    lab->dp.flows = dp_flows_new("test", 16);
    return lab->dp.flows ? dp_flows_put(lab->dp.flows, &key, somebody) : -1;
}

static int tear_down(void **state)
{
    dp_flows_free(lab->dp.flows);
    lab_free(lab);
    return 0;
}

/* Where one frame goes; *out is its dp_packet. */
static int way(const uint8_t *frame, size_t len, struct dp_packet *out)
{
    struct dp_burst in = {.n = 1};
    struct dp_classified c;

    in.pkts[0] = lab_packet(lab, frame, len);
    dp_stage_classify(&lab->worker, &in, &c);
    struct dp_burst *exits[] = {&c.rtp, &c.rtcp, &c.punt, &c.host};
    for (int i = 0; i < NOWHERE; i++) {
        if (!exits[i]->n)
            continue;
        *out = *dp_packet(exits[i]->pkts[0]);
        rte_pktmbuf_free(exits[i]->pkts[0]);
        return i;
    }
    return NOWHERE;
}

static void expect_drop(const uint8_t *frame, size_t len, enum dp_drop why)
{
    struct dp_packet p;
    uint64_t before = lab->worker.drops[why];

    assert_int_equal(way(frame, len, &p), NOWHERE);
    if (lab->worker.drops[why] != before + 1)
        fail_msg("not dropped as %s", dp_drop_names[why]);
}

static void first_byte_tells(void **state)
{
    uint8_t frame[128], payload[20] = {0};
    struct dp_packet p;

    for (unsigned b = 0; b < 256; b++) {
        payload[0] = (uint8_t)b;
        for (unsigned second = 0; second < 256; second++) {
            payload[1] = (uint8_t)second;
            size_t len = lab_udp(frame, 4, payload, sizeof(payload));
            int expected = b <= 3 || (b >= 20 && b <= 63)   ? PUNT
                           : b < 128 || b > 191             ? NOWHERE
                           : second >= 192 && second <= 223 ? RTCP
                                                            : RTP;
            assert_int_equal(way(frame, len, &p), expected);
            if (expected != NOWHERE) {
                assert_ptr_equal(p.endpoint, somebody);
                assert_int_equal(p.payload, 42);
                assert_int_equal(p.length, sizeof(payload));
            }
        }
    }
    expect_drop(frame, lab_udp(frame, 4, payload, 0), DP_DROP_FIRST_BYTE);
    expect_drop(frame, lab_udp(frame, 4, payload, 1), DP_DROP_FIRST_BYTE);
}

static void strangers_reach_punt_only(void **state)
{
    uint8_t frame[128], payload[20] = {0x80};
    struct dp_packet p;

    expect_drop(frame, lab_udp(frame, 6, payload, 20), DP_DROP_FLOW_UNKNOWN);
    payload[1] = 200;
    expect_drop(frame, lab_udp(frame, 6, payload, 20), DP_DROP_FLOW_UNKNOWN);
    payload[0] = 0;
    assert_int_equal(way(frame, lab_udp(frame, 6, payload, 20), &p), PUNT);
    assert_null(p.endpoint);
    assert_int_equal(p.family, 6);
    assert_int_equal(p.payload, 62);
}

static void what_is_not_ours_is_dropped(void **state)
{
    uint8_t frame[2048], payload[1600] = {0};
    struct dp_packet p;
    size_t len = lab_udp(frame, 4, payload, 100);

#define CHANGED(at, value, why)            \
    len = lab_udp(frame, 4, payload, 100); \
    frame[at] = value;                     \
    expect_drop(frame, len, why)
    CHANGED(0, 4, DP_DROP_NOT_FOR_US);       /* another MAC */
    CHANGED(0, 1, DP_DROP_NOT_FOR_US);       /* to a group */
    CHANGED(12, 0x81, DP_DROP_NOT_IP);       /* a VLAN tag */
    CHANGED(14, 0x65, DP_DROP_IP_MALFORMED); /* version */
    CHANGED(14, 0x44, DP_DROP_IP_MALFORMED); /* header length */
    CHANGED(14, 0x46, DP_DROP_IP_OPTIONS);
    CHANGED(22, 63, DP_DROP_IP_MALFORMED); /* header checksum */
    CHANGED(37, 0, DP_DROP_UDP_PORT);
    CHANGED(39, 7, DP_DROP_UDP_MALFORMED); /* length below the header's */
    CHANGED(38, 1, DP_DROP_UDP_MALFORMED); /* length beyond the packet */
    len = lab_udp(frame, 4, payload, 100);
    frame[34] = frame[35] = 0; /* source port */
    expect_drop(frame, len, DP_DROP_UDP_MALFORMED);
    for (size_t cut = 0; cut < 142; cut++) {
        len = lab_udp(frame, 4, payload, 100);
        assert_int_equal(way(frame, cut, &p), NOWHERE);
        len = lab_udp(frame, 6, payload, 80);
        assert_int_equal(way(frame, cut, &p), NOWHERE);
    }
    expect_drop(frame, lab_udp(frame, 4, payload, 1473), DP_DROP_OVERSIZE);
    expect_drop(frame, lab_udp(frame, 6, payload, 1453), DP_DROP_OVERSIZE);
    assert_int_equal(way(frame, lab_udp(frame, 4, payload, 1472), &p), PUNT);
    assert_int_equal(way(frame, lab_udp(frame, 6, payload, 1452), &p), PUNT);
}

/* With the header checksum made right again. */
static void expect_ipv4_drop(unsigned at, uint8_t value, enum dp_drop why)
{
    uint8_t frame[256], payload[100] = {0};
    size_t len = lab_udp(frame, 4, payload, 100);
    uint32_t sum = 0;

    frame[at] = value;
    frame[24] = frame[25] = 0;
    for (unsigned i = 14; i < 34; i += 2)
        sum += (uint32_t)(frame[i] << 8 | frame[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    frame[24] = (uint8_t)(~sum >> 8);
    frame[25] = (uint8_t)~sum;
    expect_drop(frame, len, why);
}

static void ipv4_is_checked(void **state)
{
    expect_ipv4_drop(33, 3, DP_DROP_NOT_FOR_US);
    expect_ipv4_drop(20, 0x20, DP_DROP_IP_FRAGMENT); /* more fragments */
    expect_ipv4_drop(21, 9, DP_DROP_IP_FRAGMENT);    /* offset */
    expect_ipv4_drop(26, 224, DP_DROP_IP_MALFORMED); /* from a group */
    expect_ipv4_drop(26, 0, DP_DROP_IP_MALFORMED);
    expect_ipv4_drop(23, 6, DP_DROP_NOT_UDP);
    expect_ipv4_drop(17, 19, DP_DROP_IP_MALFORMED); /* total length below the header's */
    expect_ipv4_drop(17, 200, DP_DROP_IP_MALFORMED);
}

static void ipv6_is_checked(void **state)
{
    static const struct {
        unsigned at;
        uint8_t value;
        enum dp_drop why;
    } rows[] = {
        {14, 0x40, DP_DROP_IP_MALFORMED}, {19, 200, DP_DROP_IP_MALFORMED},
        {53, 3, DP_DROP_NOT_FOR_US},      {22, 0xff, DP_DROP_IP_MALFORMED},
        {20, 44, DP_DROP_IP_FRAGMENT},    {20, 0, DP_DROP_IP_OPTIONS},
        {20, 43, DP_DROP_IP_OPTIONS},     {20, 60, DP_DROP_IP_OPTIONS},
        {20, 6, DP_DROP_NOT_UDP},         {20, 59, DP_DROP_NOT_UDP},
    };
    uint8_t frame[256], payload[100] = {0};

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t len = lab_udp(frame, 6, payload, 100);
        frame[rows[i].at] = rows[i].value;
        expect_drop(frame, len, rows[i].why);
    }
}

static void a_bad_checksum_from_the_port_counts(void **state)
{
    uint8_t frame[128], payload[20] = {0};
    struct dp_burst in = {.n = 1};
    struct dp_classified c;

    in.pkts[0] = lab_packet(lab, frame, lab_udp(frame, 4, payload, 20));
    in.pkts[0]->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_BAD;
    dp_stage_classify(&lab->worker, &in, &c);
    assert_int_equal(lab->worker.drops[DP_DROP_UDP_MALFORMED], 1);
}

/* Any bytes: never a crash, an offset outside the packet, or a lost mbuf. */
static void random_bytes_do_no_harm(void **state)
{
    uint8_t frame[300], payload[200] = {0x80};
    struct dp_packet p;

    srand(7);
    for (unsigned i = 0; i < 200000; i++) {
        size_t len = lab_udp(frame, i & 1 ? 6 : 4, payload, 1 + (unsigned)rand() % 200);
        for (unsigned flips = (unsigned)rand() % 4; flips; flips--)
            frame[(unsigned)rand() % 64] = (uint8_t)rand();
        len = (unsigned)rand() % 8 ? len : (unsigned)rand() % len;
        if (way(frame, len, &p) != NOWHERE && p.family)
            assert_true((size_t)p.payload + p.length <= len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(first_byte_tells, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strangers_reach_punt_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_ours_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ipv4_is_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ipv6_is_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_checksum_from_the_port_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(random_bytes_do_no_harm, set_up, tear_down),
    };
    return lab_start_eal() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
