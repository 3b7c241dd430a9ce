#include "dataplane/frame.h"

#include "dataplane/checksum.h"
#include "dataplane/packet.h"

#include <rte_ip.h>
#include <rte_udp.h>
#include <string.h>

uint8_t *dp_frame_write(struct rte_mbuf *m, const struct dp_path *path)
{
    uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);

    memcpy(frame, path->header, sizeof(path->header)); /* what follows it is the payload's place */
    return frame + path->header_len;
}

static void set_ip(uint8_t *l3, const struct dp_path *path, const struct dp_port *port,
                   uint16_t udp_len, struct rte_mbuf *m)
{
    if (path->family == 6) {
        ((struct rte_ipv6_hdr *)l3)->payload_len = rte_cpu_to_be_16(udp_len);
        return;
    }
    struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)l3;
    uint16_t total = (uint16_t)(sizeof(*ip) + udp_len);
    ip->total_length = rte_cpu_to_be_16(total);
    if (port->tx_ipv4_checksum)
        m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
    else
        ip->hdr_checksum = dp_checksum_finish(dp_checksum_add16(path->ip_sum, total));
}

/* Sums over all segments from an offset in the first on. DPDK 22.11's rte_raw_cksum_mbuf() loses
 * carries at odd borders. */
static uint32_t payload_sum(const struct rte_mbuf *m, uint16_t offset, uint16_t len)
{
    uint32_t sum = 0;
    bool odd = false;

    if (m->nb_segs == 1)
        return dp_checksum_add(0, rte_pktmbuf_mtod_offset(m, uint8_t *, offset), len);
    for (; m && len; m = m->next, offset = 0) {
        uint16_t n = RTE_MIN(len, (uint16_t)(m->data_len - offset));
        uint16_t part =
            dp_checksum_fold(dp_checksum_add(0, rte_pktmbuf_mtod_offset(m, uint8_t *, offset), n));
        sum += odd ? rte_bswap16(part) : part; /* RFC 1071 section 2 (B) */
        odd ^= n & 1;
        len = (uint16_t)(len - n);
    }
    return sum;
}

static void set_udp(struct rte_udp_hdr *udp, const struct dp_path *path, const struct dp_port *port,
                    uint16_t payload_len, struct rte_mbuf *m)
{
    uint16_t udp_len = (uint16_t)(sizeof(*udp) + payload_len);
    uint32_t sum = path->udp_sum;

    udp->dgram_len = rte_cpu_to_be_16(udp_len);
    if (port->tx_udp_checksum) {
        /* The port sums from the UDP header on: the field holds the pseudo-header alone. */
        m->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM;
        uint32_t ports = dp_checksum_add(0, udp, 4);
        sum = dp_checksum_add16(sum, udp_len) + (uint16_t)~dp_checksum_fold(ports);
        udp->dgram_cksum = dp_checksum_fold(sum);
        return;
    }
    sum = dp_checksum_add16(dp_checksum_add16(sum, udp_len), udp_len);
    uint16_t checksum = dp_checksum_finish(sum + payload_sum(m, path->header_len, payload_len));
    udp->dgram_cksum = checksum ? checksum : 0xffff; /* 0 would say that there is none */
}

static void set_packet(struct rte_mbuf *m, const struct dp_path *path, uint16_t payload_len)
{
    struct dp_packet *p = dp_packet(m);

    p->port = m->port = path->port;
    p->family = path->family;
    p->l3 = RTE_ETHER_HDR_LEN;
    p->l4 = (uint16_t)(path->header_len - sizeof(struct rte_udp_hdr));
    p->payload = path->header_len;
    p->length = payload_len;
}

void dp_frame_finish(struct rte_mbuf *m, const struct dp_path *path, const struct dp_port *port,
                     uint16_t payload_len)
{
    uint8_t *l3 = rte_pktmbuf_mtod(m, uint8_t *) + RTE_ETHER_HDR_LEN;
    struct rte_udp_hdr *udp =
        (struct rte_udp_hdr *)(l3 + path->header_len - RTE_ETHER_HDR_LEN - sizeof(*udp));

    if (m->nb_segs == 1)
        m->data_len = (uint16_t)(path->header_len + payload_len);
    m->pkt_len = (uint32_t)path->header_len + payload_len;
    m->ol_flags &= ~RTE_MBUF_F_TX_OFFLOAD_MASK;
    if (port->tx_udp_checksum || port->tx_ipv4_checksum) {
        m->ol_flags |= path->family == 4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
        m->l2_len = RTE_ETHER_HDR_LEN;
        m->l3_len = (uint16_t)(path->header_len - RTE_ETHER_HDR_LEN - sizeof(*udp));
    }
    set_packet(m, path, payload_len);
    set_ip(l3, path, port, (uint16_t)(sizeof(*udp) + payload_len), m);
    set_udp(udp, path, port, payload_len, m);
}
