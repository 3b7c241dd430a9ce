#include "dataplane/frame.h"
#include "dataplane/leg.h"
#include "lab.h"

#include <rte_cycles.h>
#include <stdlib.h>
#include <string.h>

static struct dp_path make_path(int family)
{
    struct dp_path path;

    memset(&path, 0, sizeof(path));
    hr_address_parse(family == 4 ? "198.18.0.2:10000" : "[2001:2::2]:10000", &path.local);
    hr_address_parse(family == 4 ? "198.18.0.1:5000" : "[2001:2::1]:5000", &path.remote);
    path.local_mac = (struct rte_ether_addr){{2, 0, 0, 0, 0, 2}};
    path.remote_mac = (struct rte_ether_addr){{2, 0, 0, 0, 0, 1}};
    dp_path_build(&path);
    return path;
}

/* Every length and many contents: odd ends, sums that wrap. */
static void checksums_are_right(void **state)
{
    struct lab *lab = lab_new();

    for (int family = 4; family <= 6; family += 2) {
        struct dp_path path = make_path(family);
        for (unsigned len = 1; len <= 1452; len++) {
            struct rte_mbuf *m = rte_pktmbuf_alloc(lab->dp.pool);
            assert_true(len <= dp_frame_room(m, &path, &lab->dp.ports[0]));
            uint8_t *payload = dp_frame_write(m, &path);
            for (unsigned i = 0; i < len; i++)
                payload[i] = len % 7 ? (uint8_t)rand() : 0xff;
            dp_frame_finish(m, &path, &lab->dp.ports[0], (uint16_t)len);
            assert_int_equal(m->pkt_len, path.header_len + len);
            assert_int_equal(dp_packet(m)->length, len);
            assert_true(lab_frame_is_right(rte_pktmbuf_mtod(m, uint8_t *), m->data_len));
            rte_pktmbuf_free(m);
        }
    }
    lab_free(lab);
}

/* The payload is there before the headers are, and stays as it is. */
static void legs_frame_like_paths(void **state)
{
    struct lab *lab = lab_new();
    struct dp_ext_map exts;
    uint8_t frame[2048], payload[1452];

    dp_ext_map_init(&exts, false);
    for (int family = 4; family <= 6; family += 2) {
        struct dp_path path = make_path(family);
        struct dp_leg leg = {0};
        dp_leg_make(&leg, &path, &lab->dp.ports[0], &exts, sizeof(frame), 16);
        for (unsigned len = 1; len <= sizeof(payload); len++) {
            for (unsigned i = 0; i < len; i++)
                payload[i] = len % 7 ? (uint8_t)rand() : 0xff;
            memcpy(frame + path.header_len, payload, len);
            uint8_t *at = dp_leg_write(&leg, frame, (uint16_t)len);
            assert_ptr_equal(at, frame + path.header_len);
            assert_memory_equal(at, payload, len);
            dp_leg_checksum(at, dp_checksum_add(dp_leg_sum(&leg, (uint16_t)len), at, len));
            assert_true(lab_frame_is_right(frame, path.header_len + len));
        }
    }
    lab_free(lab);
}

/* RFC 768: a sum of 0 is sent as all ones. */
static void a_zero_checksum_is_sent_as_ones(void **state)
{
    struct lab *lab = lab_new();
    struct dp_path path = make_path(4);
    struct rte_mbuf *m = rte_pktmbuf_alloc(lab->dp.pool);
    uint8_t *payload = dp_frame_write(m, &path);
    const uint8_t *sum = payload - 2;

    memset(payload, 0, 2);
    dp_frame_finish(m, &path, &lab->dp.ports[0], 2);
    memcpy(payload, sum, 2); /* with its own complement in it, the rest sums to all ones */
    dp_frame_finish(m, &path, &lab->dp.ports[0], 2);
    assert_int_equal(sum[0], 0xff);
    assert_int_equal(sum[1], 0xff);
    rte_pktmbuf_free(m);
    lab_free(lab);
}

static void payload_in_a_second_segment_is_summed(void **state)
{
    struct lab *lab = lab_new();
    struct dp_path path = make_path(6);
    uint8_t flat[2048];

    for (unsigned first = 0; first < 5; first++) { /* odd and even splits */
        struct rte_mbuf *m = rte_pktmbuf_alloc(lab->dp.pool);
        struct rte_mbuf *tail = rte_pktmbuf_alloc(lab->dp.pool);
        memset(dp_frame_write(m, &path), 0x5a, first);
        m->data_len = (uint16_t)(path.header_len + first);
        memset(rte_pktmbuf_append(tail, 333), 0xc3, 333);
        m->pkt_len = m->data_len;
        assert_int_equal(rte_pktmbuf_chain(m, tail), 0);
        dp_frame_finish(m, &path, &lab->dp.ports[0], (uint16_t)(first + 333));
        const uint8_t *all = rte_pktmbuf_read(m, 0, m->pkt_len, flat);
        assert_true(lab_frame_is_right(all, m->pkt_len));
        rte_pktmbuf_free(m);
    }
    lab_free(lab);
}

/* A port that sums itself is given the pseudo-header's sum, and told where the headers are. */
static void offload_is_asked_for(void **state)
{
    struct lab *lab = lab_new();
    struct dp_port *port = &lab->dp.ports[0];

    port->tx_udp_checksum = port->tx_ipv4_checksum = true;
    for (int family = 4; family <= 6; family += 2) {
        struct dp_path path = make_path(family);
        struct rte_mbuf *m = rte_pktmbuf_alloc(lab->dp.pool);
        uint8_t *payload = dp_frame_write(m, &path);
        memset(payload, 0x77, 100);
        dp_frame_finish(m, &path, port, 100);
        assert_true(m->ol_flags & RTE_MBUF_F_TX_UDP_CKSUM);
        assert_int_equal(!!(m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM), family == 4);
        assert_int_equal(m->l2_len, 14);
        assert_int_equal(m->l3_len, family == 4 ? 20 : 40);

        /* Do what the port does. */
        uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
        uint32_t sum = 0;
        for (unsigned i = 0; i < 108; i += 2)
            sum += (uint32_t)(payload[(int)i - 8] << 8 | payload[(int)i - 7]);
        sum = (sum & 0xffff) + (sum >> 16);
        uint16_t c = (uint16_t) ~((sum & 0xffff) + (sum >> 16));
        payload[-2] = (uint8_t)(c >> 8);
        payload[-1] = (uint8_t)c;
        if (family == 4) {
            uint32_t s = 0;
            for (unsigned i = 14; i < 34; i += 2)
                s += (uint32_t)(frame[i] << 8 | frame[i + 1]);
            s = (s & 0xffff) + (s >> 16);
            frame[24] = (uint8_t)(~s >> 8);
            frame[25] = (uint8_t)~s;
        }
        assert_true(lab_frame_is_right(frame, m->data_len));
        rte_pktmbuf_free(m);
    }
    lab_free(lab);
}

static void bad_paths_are_refused(void **state)
{
    uint8_t mac[6] = {2, 0, 0, 0, 0, 1}, group[6] = {1}, ip[16] = {198, 18, 0, 1};
    Headrace__Path good = HEADRACE__PATH__INIT, bad;
    struct dp_path path;
    const char *wrong = NULL;

    good.local_mac = good.remote_mac = (ProtobufCBinaryData){6, mac};
    good.local_address = good.remote_address = (ProtobufCBinaryData){4, ip};
    good.local_port = good.remote_port = 10000;
    assert_int_equal(dp_path_from_message(&good, &path, &wrong), 0);
    assert_int_equal(path.header_len, 42);

#define REFUSED(change, field)                                  \
    bad = good;                                                 \
    change;                                                     \
    assert_true(dp_path_from_message(&bad, &path, &wrong) < 0); \
    assert_string_equal(wrong, field)
    REFUSED(bad.port = 65536, "path.port");
    REFUSED(bad.local_port = 0, "path.local_address");
    REFUSED(bad.remote_port = 65536, "path.remote_address");
    REFUSED(bad.local_address.len = 5, "path.local_address");
    REFUSED(bad.remote_address.len = 16, "path.remote_address"); /* families differ */
    REFUSED(bad.local_mac.len = 0, "path.local_mac");
    REFUSED(bad.remote_mac.len = 7, "path.remote_mac");
    REFUSED(bad.remote_mac.data = group, "path.remote_mac");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksums_are_right),
        cmocka_unit_test(legs_frame_like_paths),
        cmocka_unit_test(a_zero_checksum_is_sent_as_ones),
        cmocka_unit_test(payload_in_a_second_segment_is_summed),
        cmocka_unit_test(offload_is_asked_for),
        cmocka_unit_test(bad_paths_are_refused),
    };
    return lab_start_eal() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
