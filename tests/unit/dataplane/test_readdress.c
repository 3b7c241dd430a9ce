#include "dataplane/flow.h"
#include "dataplane/readdress.h"
#include "lab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct lab *begin(void)
{
    struct lab *lab = lab_new();

    lab->dp.flows = dp_flows_new("test", 16);
    assert_non_null(lab->dp.flows);
    return lab;
}

static void end(struct lab *lab)
{
    dp_flows_free(lab->dp.flows);
    lab_free(lab);
}

static struct dp_path make_path(int family)
{
    struct dp_path path;

    memset(&path, 0, sizeof(path));
    hr_address_parse(family == 4 ? "198.18.0.2:10000" : "[2001:2::2]:10000", &path.local);
    hr_address_parse(family == 4 ? "198.18.7.9:6001" : "[2001:2::77]:6001", &path.remote);
    path.local_mac = (struct rte_ether_addr){{2, 0, 0, 0, 0, 2}};
    path.remote_mac = (struct rte_ether_addr){{2, 0, 0, 0, 0, 9}};
    dp_path_build(&path);
    return path;
}

/* What classify leaves of a client's packet; checksum as the last argument says. */
enum checksum { RIGHT, WRONG, NONE, PARTIAL };

static struct rte_mbuf *received(struct lab *lab, int family, const uint8_t *payload, size_t len,
                                 enum checksum how)
{
    uint8_t frame[2048] = {0};
    struct dp_classified c;
    size_t size = lab_udp(frame, family, payload, len);
    uint8_t *checksum = frame + size - len - 2;

    if (how == NONE)
        memset(checksum, 0, 2);
    else if (how == WRONG)
        checksum[0] ^= 0x10;
    else if (how == PARTIAL)
        memset(checksum, 0x5c, 2);
    if (size < 60)
        size = 60; /* as short as Ethernet has them: padded */
    struct dp_burst in = {.pkts = {lab_packet(lab, frame, size)}, .n = 1};
    dp_stage_classify(&lab->worker, &in, &c);
    assert_int_equal(c.punt.n, 1);
    return c.punt.pkts[0];
}

static bool sent_right(struct lab *lab, int in, int out, size_t len, enum checksum how)
{
    const struct dp_port *port = &lab->dp.ports[0];
    struct dp_path path = make_path(out);
    uint8_t payload[1500];

    for (size_t i = 0; i < len; i++)
        payload[i] = len % 7 ? (uint8_t)rand() : 0xff;
    payload[0] = 22; /* DTLS */
    struct rte_mbuf *m = received(lab, in, payload, len, how);
    assert_int_equal(dp_readdress(m, &path, port, port), 0);
    const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
    assert_int_equal(m->pkt_len, path.header_len + len);
    assert_int_equal(m->data_len, m->pkt_len);
    assert_memory_equal(frame, &path.remote_mac, 6);
    assert_memory_equal(frame + 6, &path.local_mac, 6);
    assert_memory_equal(frame + path.header_len, payload, len);
    bool right = lab_frame_is_right(frame, m->data_len);
    rte_pktmbuf_free(m);
    return right;
}

/* Every length, four pairs of address families. */
static void checksums_stay_right(void **state)
{
    struct lab *lab = begin();

    for (int pair = 0; pair < 4; pair++)
        for (size_t len = 2; len <= 1452; len++)
            assert_true(sent_right(lab, pair & 1 ? 6 : 4, pair & 2 ? 6 : 4, len, RIGHT));
    end(lab);
}

static void what_was_wrong_stays_wrong(void **state)
{
    struct lab *lab = begin();

    for (int pair = 0; pair < 4; pair++)
        assert_false(sent_right(lab, pair & 1 ? 6 : 4, pair & 2 ? 6 : 4, 100, WRONG));
    end(lab);
}

/* None, and one that a software port delivers half done. */
static void what_was_not_summed_is(void **state)
{
    struct lab *lab = begin();

    assert_true(sent_right(lab, 4, 4, 101, NONE));
    assert_true(sent_right(lab, 4, 6, 101, NONE));
    strcpy(lab->dp.ports[0].iface, "veth0");
    for (int pair = 0; pair < 4; pair++)
        assert_true(sent_right(lab, pair & 1 ? 6 : 4, pair & 2 ? 6 : 4, 101, PARTIAL));
    end(lab);
}

/* An IPv6 header is 20 bytes longer. */
static void what_does_not_fit_is_left_alone(void **state)
{
    struct lab *lab = begin();
    const struct dp_port *port = &lab->dp.ports[0];
    struct dp_path path = make_path(6);
    uint8_t payload[1472] = {22}, before[1514];

    struct rte_mbuf *m = received(lab, 4, payload, sizeof(payload), RIGHT);
    memcpy(before, rte_pktmbuf_mtod(m, const uint8_t *), sizeof(before));
    assert_int_equal(dp_readdress(m, &path, port, port), -EMSGSIZE);
    assert_int_equal(m->data_len, sizeof(before));
    assert_memory_equal(rte_pktmbuf_mtod(m, const uint8_t *), before, sizeof(before));
    rte_pktmbuf_free(m);
    end(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksums_stay_right),
        cmocka_unit_test(what_was_wrong_stays_wrong),
        cmocka_unit_test(what_was_not_summed_is),
        cmocka_unit_test(what_does_not_fit_is_left_alone),
    };
    if (lab_start_eal())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
