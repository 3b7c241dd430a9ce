#include "lab.h"

#include <string.h>

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t their_mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t our_ip6[16] = {0x20, 1, 0, 2, [15] = 2};

/* Through classify and host as the worker does; the reply, or NULL. */
static struct rte_mbuf *answer(struct lab *lab, const uint8_t *frame, size_t len)
{
    struct dp_burst in = {.n = 1}, out = {.n = 0};
    struct dp_classified c;

    in.pkts[0] = lab_packet(lab, frame, len);
    dp_stage_classify(&lab->worker, &in, &c);
    assert_int_equal(in.n, 0);
    assert_int_equal(c.punt.n + c.rtp.n + c.rtcp.n, 0);
    dp_stage_host(&lab->worker, &c.host, &out);
    return out.n ? out.pkts[0] : NULL;
}

static void expect_drop(struct lab *lab, const uint8_t *frame, size_t len, enum dp_drop why)
{
    uint64_t before = lab->worker.drops[why];

    assert_null(answer(lab, frame, len));
    assert_int_equal(lab->worker.drops[why], before + 1);
}

static size_t arp(uint8_t *frame, uint16_t op, const uint8_t target[4])
{
    static const uint8_t head[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8,
                                   6,    0,    1,    8,    0,    6,    4, 0, 0, 2, 0, 0, 0,
                                   0,    1,    198,  18,   0,    1,    0, 0, 0, 0, 0, 0};
    memset(frame, 0, 60);
    memcpy(frame, head, sizeof(head));
    frame[21] = (uint8_t)op;
    memcpy(frame + 38, target, 4);
    return 60; /* padded, as on a wire */
}

static void arp_is_answered(void **state)
{
    static const uint8_t expected[] = {0,   1,  8, 0, 6, 4, 0, 2, 2, 0, 0,   0,  0, 2,
                                       198, 18, 0, 2, 2, 0, 0, 0, 0, 1, 198, 18, 0, 1};
    struct lab *lab = lab_new();
    uint8_t frame[64];
    struct rte_mbuf *m = answer(lab, frame, arp(frame, 1, (const uint8_t[]){198, 18, 0, 2}));

    assert_non_null(m);
    const uint8_t *r = rte_pktmbuf_mtod(m, uint8_t *);
    assert_memory_equal(r, their_mac, 6);
    assert_memory_equal(r + 6, our_mac, 6);
    assert_memory_equal(r + 14, expected, sizeof(expected));
    rte_pktmbuf_free(m);

    expect_drop(lab, frame, arp(frame, 1, (const uint8_t[]){198, 18, 0, 9}), DP_DROP_HOST_IGNORED);
    expect_drop(lab, frame, arp(frame, 2, (const uint8_t[]){198, 18, 0, 2}), DP_DROP_HOST_IGNORED);
    size_t len = arp(frame, 1, (const uint8_t[]){198, 18, 0, 2});
    expect_drop(lab, frame, 41, DP_DROP_HOST_MALFORMED);
    frame[18] = 8; /* hardware address length */
    expect_drop(lab, frame, len, DP_DROP_HOST_MALFORMED);
    lab_free(lab);
}

static void echo_is_answered(void **state)
{
    struct lab *lab = lab_new();
    uint8_t frame[256], message[65];

    for (int family = 4; family <= 6; family += 2) {
        for (unsigned i = 0; i < sizeof(message); i++)
            message[i] = (uint8_t)(i * 37);
        message[0] = family == 4 ? 8 : 128;
        message[1] = 0;
        size_t len = lab_icmp(frame, family, message, sizeof(message));
        memset(frame + len, 0xee, 7); /* padding that must not come back */
        struct rte_mbuf *m = answer(lab, frame, len + 7);
        assert_non_null(m);
        const uint8_t *r = rte_pktmbuf_mtod(m, uint8_t *);
        assert_int_equal(m->data_len, len);
        assert_true(lab_frame_is_right(r, m->data_len));
        assert_int_equal(r[len - sizeof(message)], family == 4 ? 0 : 129);
        assert_memory_equal(r + len - sizeof(message) + 4, message + 4, sizeof(message) - 4);
        assert_memory_equal(r, their_mac, 6);
        assert_memory_equal(r + 6, our_mac, 6);
        rte_pktmbuf_free(m);

        frame[len - 1] ^= 1;
        expect_drop(lab, frame, len, DP_DROP_HOST_MALFORMED);
        message[0] = family == 4 ? 0 : 129;
        len = lab_icmp(frame, family, message, sizeof(message));
        expect_drop(lab, frame, len, DP_DROP_HOST_IGNORED);
        len = lab_icmp(frame, family, message, 7);
        expect_drop(lab, frame, len, DP_DROP_HOST_MALFORMED);
    }
    lab_free(lab);
}

static size_t solicit(uint8_t *frame, const uint8_t target[16], const uint8_t *option,
                      size_t option_len)
{
    uint8_t message[64] = {135};

    memcpy(message + 8, target, 16);
    if (option_len)
        memcpy(message + 24, option, option_len);
    return lab_icmp(frame, 6, message, 24 + option_len);
}

static void solicitation_is_answered(void **state)
{
    static const uint8_t option[8] = {1, 1, 2, 0, 0, 0, 0, 9};
    struct lab *lab = lab_new();
    uint8_t frame[128];
    struct rte_mbuf *m = answer(lab, frame, solicit(frame, our_ip6, option, 8));

    assert_non_null(m);
    const uint8_t *r = rte_pktmbuf_mtod(m, uint8_t *);
    assert_true(lab_frame_is_right(r, m->data_len));
    assert_int_equal(m->data_len, 14 + 40 + 32);
    assert_memory_equal(r, option + 2, 6); /* to the link address it says */
    assert_int_equal(r[14 + 7], 255);
    assert_int_equal(r[54], 136);
    assert_int_equal(r[58], 0x60); /* solicited, override; not a router */
    assert_memory_equal(r + 62, our_ip6, 16);
    assert_int_equal(r[78], 2);
    assert_memory_equal(r + 80, our_mac, 6);
    rte_pktmbuf_free(m);

    m = answer(lab, frame, solicit(frame, our_ip6, NULL, 0)); /* without the option */
    assert_non_null(m);
    r = rte_pktmbuf_mtod(m, uint8_t *);
    assert_true(lab_frame_is_right(r, m->data_len));
    assert_memory_equal(r, their_mac, 6);
    rte_pktmbuf_free(m);
    lab_free(lab);
}

/* To the solicited-node group, from nobody: all nodes are to hear that the address is taken. */
static void duplicate_detection_is_answered_to_all(void **state)
{
    static const uint8_t group[16] = {0xff, 2, [11] = 1, 0xff, 0, 0, 2};
    struct lab *lab = lab_new();
    uint8_t frame[128], message[24] = {135};

    memcpy(message + 8, our_ip6, 16);
    lab_icmp(frame, 6, message, 24);
    memcpy(frame, (const uint8_t[]){0x33, 0x33, 0xff, 0, 0, 2}, 6);
    memset(frame + 22, 0, 16);
    memcpy(frame + 38, group, 16);
    /* The sum over the addresses has changed: 2001:2::1 and 2001:2::2 out, the group in. */
    memset(frame + 56, 0, 2);
    uint32_t sum = 58 + 24;
    for (unsigned i = 22; i < 78; i += 2)
        sum += (uint32_t)(frame[i] << 8 | frame[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    frame[56] = (uint8_t)(~sum >> 8);
    frame[57] = (uint8_t)~sum;

    struct rte_mbuf *m = answer(lab, frame, 78);
    assert_non_null(m);
    const uint8_t *r = rte_pktmbuf_mtod(m, uint8_t *);
    assert_true(lab_frame_is_right(r, m->data_len));
    assert_int_equal(r[0], 0x33);
    assert_int_equal(r[5], 1);
    assert_int_equal(r[38], 0xff);
    assert_int_equal(r[53], 1);
    assert_int_equal(r[58], 0x20); /* override, not solicited */
    rte_pktmbuf_free(m);

    frame[53] = 3; /* a group that is not ours */
    expect_drop(lab, frame, 78, DP_DROP_NOT_FOR_US);
    lab_free(lab);
}

static void bad_solicitations_are_dropped(void **state)
{
    static const uint8_t zero_option[8] = {1, 0}, long_option[8] = {1, 2};
    static const uint8_t other[16] = {0x20, 1, 0, 2, [15] = 9};
    struct lab *lab = lab_new();
    uint8_t frame[128];

    expect_drop(lab, frame, solicit(frame, our_ip6, zero_option, 8), DP_DROP_HOST_MALFORMED);
    expect_drop(lab, frame, solicit(frame, our_ip6, long_option, 8), DP_DROP_HOST_MALFORMED);
    expect_drop(lab, frame, solicit(frame, our_ip6, zero_option, 3), DP_DROP_HOST_MALFORMED);
    expect_drop(lab, frame, solicit(frame, other, NULL, 0), DP_DROP_HOST_IGNORED);
    size_t len = solicit(frame, our_ip6, NULL, 0);
    frame[14 + 7] = 64; /* a router passed it on */
    expect_drop(lab, frame, len, DP_DROP_HOST_MALFORMED);
    uint8_t message[16] = {135};
    expect_drop(lab, frame, lab_icmp(frame, 6, message, 16), DP_DROP_HOST_MALFORMED);
    lab_free(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arp_is_answered),
        cmocka_unit_test(echo_is_answered),
        cmocka_unit_test(solicitation_is_answered),
        cmocka_unit_test(duplicate_detection_is_answered_to_all),
        cmocka_unit_test(bad_solicitations_are_dropped),
    };
    return lab_start_eal() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
