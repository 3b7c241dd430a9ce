#include "lab.h"

#include <rte_eal.h>
#include <stdlib.h>
#include <string.h>

#define PACKETS 1023

static struct rte_mempool *pool;

int lab_start_eal(void)
{
    char *argv[] = {"test", "--no-huge",      "--no-shconf",       "--no-pci",   "-m",
                    "128",  "--no-telemetry", "--log-level=error", "--lcores=0", NULL};
    setenv("RUNTIME_DIRECTORY", "/tmp", 0);
    if (rte_eal_init(9, argv) < 0)
        return -1;
    pool = rte_pktmbuf_pool_create("lab", PACKETS, 0,
                                   RTE_ALIGN(sizeof(struct dp_packet), RTE_MBUF_PRIV_ALIGN),
                                   RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    return pool ? 0 : -1;
}

struct lab *lab_new(void)
{
    struct lab *lab = aligned_alloc(64, (sizeof(*lab) + 63) & ~(size_t)63);

    assert_non_null(lab);
    memset(lab, 0, sizeof(*lab));
    struct dp_port *port = &lab->dp.ports[0];
    port->mtu = 1500;
    port->mac = (struct rte_ether_addr){{2, 0, 0, 0, 0, 2}};
    port->addresses_count = 2;
    assert_int_equal(hr_address_parse("198.18.0.2/24", &port->addresses[0]), 0);
    assert_int_equal(hr_address_parse("2001:2::2/64", &port->addresses[1]), 0);
    lab->config.media.port = 10000;
    lab->dp.config = &lab->config;
    lab->dp.ports_count = 1;
    lab->dp.pool = pool;
    lab->dp.workers = &lab->worker;
    lab->dp.workers_count = 1;
    lab->dp.tsc_hz = 1000000000;
    dp_crew_open(&lab->dp, 1);
    lab->worker.dp = &lab->dp;
    lab->worker.pool = pool;
    return lab;
}

void lab_free(struct lab *lab)
{
    free(lab);
    assert_int_equal(rte_mempool_avail_count(pool), PACKETS);
}

struct rte_mbuf *lab_packet(struct lab *lab, const void *bytes, size_t len)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(lab->worker.pool);

    assert_non_null(m);
    memset(dp_packet(m), 0xa5,
           sizeof(struct dp_packet)); /* as an earlier packet may have left it */
    dp_packet(m)->port = 0;
    memcpy(rte_pktmbuf_append(m, (uint16_t)len), bytes, len);
    return m;
}

/* ---- frames */

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, size_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static uint32_t sum(uint32_t so_far, const uint8_t *p, size_t len)
{
    for (; len > 1; p += 2, len -= 2)
        so_far += get16(p);
    return len ? so_far + (uint32_t)(p[0] << 8) : so_far;
}

static uint16_t fold(uint32_t s)
{
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return (uint16_t)s;
}

/* Addresses, protocol and length, of the upper layer's checksum. */
static uint32_t pseudo(const uint8_t *ip, size_t upper)
{
    bool four = ip[0] >> 4 == 4;

    return (uint32_t)(sum(0, ip + (four ? 12 : 8), four ? 8 : 32) + (four ? ip[9] : ip[6]) + upper);
}

static size_t write_ip(uint8_t *frame, int family, uint8_t protocol, size_t upper)
{
    static const uint8_t ethernet[12] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
    static const uint8_t from4[8] = {198, 18, 0, 1, 198, 18, 0, 2};
    uint8_t *ip = frame + 14;

    memcpy(frame, ethernet, 12);
    put16(frame + 12, family == 4 ? 0x0800 : 0x86dd);
    memset(ip, 0, 40);
    if (family == 4) {
        ip[0] = 0x45;
        put16(ip + 2, 20 + upper);
        ip[8] = 64;
        ip[9] = protocol;
        memcpy(ip + 12, from4, 8);
        put16(ip + 10, (uint16_t)~fold(sum(0, ip, 20)));
        return 34;
    }
    ip[0] = 0x60;
    put16(ip + 4, upper);
    ip[6] = protocol;
    ip[7] = 255;
    put16(ip + 8, 0x2001);
    put16(ip + 10, 2);
    ip[23] = 1;
    memcpy(ip + 24, ip + 8, 16);
    ip[39] = 2;
    return 54;
}

size_t lab_udp(uint8_t *frame, int family, const void *payload, size_t len)
{
    size_t at = write_ip(frame, family, 17, 8 + len);
    uint8_t *udp = frame + at;

    put16(udp, 5000);
    put16(udp + 2, 10000);
    put16(udp + 4, 8 + len);
    put16(udp + 6, 0);
    memcpy(udp + 8, payload, len);
    put16(udp + 6, (uint16_t)~fold(sum(pseudo(frame + 14, 8 + len), udp, 8 + len)));
    return at + 8 + len;
}

size_t lab_icmp(uint8_t *frame, int family, const void *message, size_t len)
{
    size_t at = write_ip(frame, family, family == 4 ? 1 : 58, len);
    uint8_t *icmp = frame + at;

    memcpy(icmp, message, len);
    put16(icmp + 2, 0);
    put16(icmp + 2, (uint16_t)~fold(sum(family == 4 ? 0 : pseudo(frame + 14, len), icmp, len)));
    return at + len;
}

bool lab_frame_is_right(const uint8_t *frame, size_t len)
{
    const uint8_t *ip = frame + 14;
    bool four = get16(frame + 12) == 0x0800;
    size_t at = four ? 34 : 54;

    if (len < at || (!four && get16(frame + 12) != 0x86dd))
        return false;
    if (four && (fold(sum(0, ip, 20)) != 0xffff || get16(ip + 2) != len - 14))
        return false;
    if (!four && get16(ip + 4) != len - at)
        return false;
    uint8_t protocol = four ? ip[9] : ip[6];
    const uint8_t *upper = frame + at;
    if (protocol == 17 && (get16(upper + 4) != len - at || get16(upper + 6) == 0))
        return false;
    uint32_t start = protocol == 1 ? 0 : pseudo(ip, len - at);
    return fold(sum(start, upper, len - at)) == 0xffff;
}
