/*
 * Opaque copies alone: any packet, over IPv4 or IPv6, to any mix of receivers, by ports that gather
 * and ports that do not. The payload is what came, headers are the path's, checksums are right.
 */
#include "rig.h"

#include "dataplane/opaque.h"

#include <rte_ip.h>
#include <rte_udp.h>
#include <stdlib.h>
#include <string.h>

#define LEGS   200
#define ROUNDS 400

static struct dp_source source;
static struct dp_endpoint endpoints[LEGS];
static struct dp_subscription subs[LEGS];

static int up(void **state)
{
    assert_int_equal(rig_up(state), 0);
    memset(&source, 0, sizeof(source));
    memset(endpoints, 0, sizeof(endpoints));
    memset(subs, 0, sizeof(subs));
    uint32_t size = LEGS;
    void *block = aligned_alloc(64, RTE_ALIGN_CEIL(dp_opaque_bytes(size), 64));
    dp_opaque_grow(&source.opaque, block, size);
    rig.dp.ports_count = 2;
    rig.dp.ports[1] = (struct dp_port){.id = 1, .mtu = 1500, .tx_multi_segment = true};
    return 0;
}

static int down(void **state)
{
    free(source.opaque.legs);
    return rig_down(state);
}

static void set_path(struct dp_path *path, unsigned i)
{
    memset(path, 0, sizeof(*path));
    path->port = (uint16_t)(rand() % 2);
    path->local.family = path->remote.family = rand() % 3 ? 4 : 6;
    for (unsigned k = 0; k < (path->local.family == 4 ? 4 : 16); k++) {
        path->local.ip[k] = (uint8_t)rand();
        path->remote.ip[k] = (uint8_t)rand();
    }
    path->local.port = 10000;
    path->remote.port = (uint16_t)(1000 + i);
    memset(&path->local_mac, 2, 6);
    memset(&path->remote_mac, 4, 6);
    dp_path_build(path);
}

static void set_reachable(unsigned i, bool yes)
{
    struct dp_endpoint_conf *conf = &endpoints[i].conf;
    conf->reachable = yes;
    if (!yes)
        return;
    set_path(&conf->path, i);
    conf->port = &rig.dp.ports[conf->path.port];
}

static void add(unsigned i)
{
    subs[i].endpoint = &endpoints[i];
    subs[i].opaque = true;
    dp_opaque_attach(&subs[i], &source);
}

/* ---- packets */

/* RFC 1071, the slow way. */
static uint16_t sum(uint32_t sum, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static uint16_t udp_sum(const uint8_t *l3, const uint8_t *udp, size_t len, bool v6)
{
    uint32_t all = v6 ? sum(0, l3 + 8, 32) : sum(0, l3 + 12, 8);
    return sum(all + 17 + (uint32_t)len, udp, len);
}

static struct rte_mbuf *receive(bool v6, size_t len, bool checksum)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(rig.worker.pool);
    unsigned header = v6 ? 62 : 42;
    assert_non_null(m);
    uint8_t *frame = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(header + len + 7)); /* padded */
    uint8_t *l3 = frame + 14, *udp = frame + header - 8;
    struct dp_path path;
    do
        set_path(&path, 9);
    while ((path.family == 6) != v6);
    memcpy(frame, path.header, header);
    for (size_t i = 0; i < len + 7; i++)
        frame[header + i] = (uint8_t)rand();
    rte_be16_t be = rte_cpu_to_be_16((uint16_t)(8 + len));
    memcpy(udp + 4, &be, 2);
    memset(udp + 6, 0, 2);
    uint16_t check = (uint16_t)~udp_sum(l3, udp, 8 + len, v6);
    be = rte_cpu_to_be_16(check ? check : 0xffff);
    if (checksum)
        memcpy(udp + 6, &be, 2);
    struct dp_packet *p = dp_packet(m);
    memset(p, 0, sizeof(*p));
    p->l3 = 14;
    p->l4 = (uint16_t)(header - 8);
    p->payload = (uint16_t)header;
    p->length = (uint16_t)len;
    p->family = v6 ? 6 : 4;
    p->source = &source;
    return m;
}

static unsigned got[LEGS];

static void check(struct rte_mbuf *m, const uint8_t *payload, size_t len, bool no_sum)
{
    uint8_t frame[2048];
    uint32_t at = 0;
    for (const struct rte_mbuf *seg = m; seg; seg = seg->next) {
        memcpy(frame + at, rte_pktmbuf_mtod(seg, const void *), seg->data_len);
        at += seg->data_len;
    }
    bool v6 = frame[14] >> 4 == 6;
    unsigned header = v6 ? 62 : 42;
    uint8_t *udp = frame + header - 8;
    unsigned i = (unsigned)(udp[2] << 8 | udp[3]) - 1000u;
    assert_int_equal(m->pkt_len, at);
    assert_int_equal(at, header + len);
    assert_true(i < LEGS);
    const struct dp_path *path = &endpoints[i].conf.path;
    assert_int_equal(m->port, path->port);
    assert_true(m->nb_segs == 1 || rig.dp.ports[m->port].tx_multi_segment);
    assert_memory_equal(frame, path->header, v6 ? 18 : 16);
    assert_memory_equal(frame + header, payload, len);
    if (!v6)
        assert_int_equal(sum(0, frame + 14, 20), 0xffff);
    if (no_sum && !v6)
        assert_int_equal(udp[6] | udp[7], 0);
    else
        assert_int_equal(udp_sum(frame + 14, udp, 8 + len, v6), 0xffff);
    assert_int_equal(udp[4] << 8 | udp[5], 8 + len);
    got[i]++;
}

/* Through the stage; how many copies it made. Packets that are to be rekeyed stay in b. */
static unsigned run(struct dp_opaque_burst *b, const uint8_t *payload, size_t len, bool no_sum)
{
    struct dp_burst out;
    unsigned n = 0;
    bool more;
    do {
        more = dp_stage_opaque(&rig.worker, b, &out);
        for (unsigned i = 0; i < out.n; i++) {
            check(out.pkts[i], payload, len, no_sum);
            rte_pktmbuf_free(out.pkts[i]);
        }
        n += out.n;
    } while (more);
    return n;
}

static unsigned send_one(bool v6, size_t len, bool checksum, bool rekey)
{
    struct rte_mbuf *m = receive(v6, len, checksum);
    struct dp_burst burst = {.pkts = {m}, .n = 1};
    struct dp_opaque_burst b = {.burst = &burst};
    uint8_t payload[2048];
    memcpy(payload, dp_packet_payload(m), len);
    dp_packet(m)->rekey = rekey;
    unsigned n = run(&b, payload, len, !checksum && !v6);
    assert_int_equal(burst.n, rekey);
    if (rekey) { /* it is as it was */
        assert_int_equal(dp_packet(m)->payload, v6 ? 62 : 42);
        assert_memory_equal(dp_packet_payload(m), payload, len);
        assert_int_equal(rte_mbuf_refcnt_read(m), 1);
        rte_pktmbuf_free(m);
    }
    return n;
}

static void test_any_packet_to_any_mix(void **state)
{
    unsigned active = 0;
    srand(7);
    for (unsigned i = 0; i < LEGS; i++) {
        set_reachable(i, true);
        add(i);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned i = (unsigned)rand() % LEGS;
        if (rand() % 2) {
            set_reachable(i, !endpoints[i].conf.reachable);
            dp_opaque_place(&subs[i]);
        } else if (rand() % 2) {
            subs[i].conf.paused = !subs[i].conf.paused;
            dp_opaque_place(&subs[i]);
        } else {
            dp_opaque_attach(&subs[i], subs[i].source ? NULL : &source);
        }
        active = 0;
        memset(got, 0, sizeof(got));
        size_t len = (size_t)rand() % 1437; /* IPv6 has room for 1452 */
        unsigned n = send_one(rand() % 2, len, rand() % 4, rand() % 2);
        for (i = 0; i < LEGS; i++) {
            bool want = subs[i].source && endpoints[i].conf.reachable && !subs[i].conf.paused;
            assert_int_equal(got[i], want);
            active += want;
        }
        assert_int_equal(n, active);
    }
    assert_true(active > 20);
}

/* What each has been sent is the fan's count while it was active. */
static void test_counts(void **state)
{
    for (unsigned i = 0; i < 3; i++) {
        set_reachable(i, true);
        add(i);
    }
    send_one(false, 100, true, false);
    subs[1].conf.paused = true;
    dp_opaque_place(&subs[1]);
    send_one(false, 200, true, false);
    dp_opaque_attach(&subs[2], NULL);
    send_one(false, 400, true, false);
    for (unsigned i = 0; i < 3; i++)
        dp_opaque_settle(&subs[i]);
    assert_int_equal(subs[0].packets, 3);
    assert_int_equal(subs[0].bytes, 700);
    assert_int_equal(subs[1].packets, 1);
    assert_int_equal(subs[1].bytes, 100);
    assert_int_equal(subs[2].packets, 2);
    assert_int_equal(subs[2].bytes, 300);
}

static void test_larger_than_the_mtu(void **state)
{
    rig.dp.ports[0].mtu = rig.dp.ports[1].mtu = 1000;
    for (unsigned i = 0; i < 10; i++) {
        set_reachable(i, true);
        add(i);
    }
    assert_int_equal(send_one(false, 952, true, false), 10);
    assert_int_equal(send_one(false, 973, true, false), 0);
    assert_int_equal(rig_drops(DP_DROP_EGRESS_OVERSIZE), 10);
}

static void test_no_mbufs(void **state)
{
    for (unsigned i = 0; i < 10; i++) {
        set_reachable(i, true);
        add(i);
    }
    struct rte_mempool *pool = rig.worker.pool;
    unsigned n = rte_mempool_avail_count(pool) - 1;
    void **taken = calloc(n, sizeof(void *));
    assert_int_equal(rte_mempool_get_bulk(pool, taken, n), 0);
    assert_int_equal(send_one(false, 500, true, false), 0);
    assert_int_equal(rig_drops(DP_DROP_NO_MBUF), 10);
    rte_mempool_put_bulk(pool, taken, n);
    free(taken);
    assert_int_equal(send_one(false, 500, true, false), 10);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)
    const struct CMUnitTest tests[] = {
        TEST(test_any_packet_to_any_mix),
        TEST(test_counts),
        TEST(test_larger_than_the_mtu),
        TEST(test_no_mbufs),
    };
    return cmocka_run_group_tests(tests, rig_eal, NULL);
}
