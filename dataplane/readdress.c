#include "dataplane/readdress.h"

#include "dataplane/checksum.h"
#include "dataplane/packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <rte_ip.h>
#include <rte_udp.h>
#include <string.h>

/* Addresses, protocol, ports and lengths: all that a UDP checksum covers but the payload. */
static uint32_t headers_sum(struct rte_mbuf *m)
{
    const struct dp_packet *p = dp_packet(m);
    const uint8_t *l3 = rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l3);
    const struct rte_udp_hdr *udp = rte_pktmbuf_mtod_offset(m, const struct rte_udp_hdr *, p->l4);
    uint16_t len = (uint16_t)(sizeof(*udp) + p->length);
    uint32_t sum = p->family == 4
                       ? dp_checksum_words(l3 + offsetof(struct rte_ipv4_hdr, src_addr), 2)
                       : dp_checksum_words(l3 + offsetof(struct rte_ipv6_hdr, src_addr), 8);

    sum += dp_checksum_words(udp, 1);
    return dp_checksum_add16(dp_checksum_add16(dp_checksum_add16(sum, IPPROTO_UDP), len), len);
}

/* Left to whoever sends it on: DPDK's way of saying so, and that of the kernel's own interfaces. */
static bool is_partial(const struct rte_mbuf *m, const struct dp_port *from)
{
    return from->iface[0] ||
           (m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE;
}

uint32_t dp_readdress_sum(struct rte_mbuf *m, const struct dp_port *from)
{
    const struct dp_packet *p = dp_packet(m);
    const struct rte_udp_hdr *udp = rte_pktmbuf_mtod_offset(m, const struct rte_udp_hdr *, p->l4);

    if (udp->dgram_cksum == 0 || is_partial(m, from))
        return dp_checksum_add(0, dp_packet_payload(m), p->length);
    return (uint32_t)(uint16_t)~udp->dgram_cksum + (uint16_t)~dp_checksum_fold(headers_sum(m));
}

void dp_readdress_header(uint8_t *frame, const struct dp_path *path, uint16_t payload_len,
                         uint32_t payload_sum)
{
    uint8_t *l3 = frame + RTE_ETHER_HDR_LEN;
    struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(frame + path->header_len - sizeof(*udp));
    uint16_t udp_len = (uint16_t)(sizeof(*udp) + payload_len);

    memcpy(frame, path->header, path->header_len);
    if (path->family == 6) {
        ((struct rte_ipv6_hdr *)l3)->payload_len = rte_cpu_to_be_16(udp_len);
    } else {
        struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)l3;
        uint16_t total = (uint16_t)(sizeof(*ip) + udp_len);
        ip->total_length = rte_cpu_to_be_16(total);
        ip->hdr_checksum = dp_checksum_finish(dp_checksum_add16(path->ip_sum, total));
    }
    udp->dgram_len = rte_cpu_to_be_16(udp_len);
    uint32_t sum = dp_checksum_add16(dp_checksum_add16(path->udp_sum, udp_len), udp_len);
    uint16_t checksum = dp_checksum_finish(sum + dp_checksum_fold(payload_sum));
    udp->dgram_cksum = checksum ? checksum : 0xffff; /* 0 would say that there is none */
}

/* Makes the space before the payload as large as the new headers, and cuts off what a short frame
 * was padded with. */
static int fit(struct rte_mbuf *m, uint16_t header_len)
{
    const struct dp_packet *p = dp_packet(m);

    if (header_len > p->payload) {
        if (!rte_pktmbuf_prepend(m, (uint16_t)(header_len - p->payload)))
            return -EMSGSIZE;
    } else if (header_len < p->payload) {
        rte_pktmbuf_adj(m, (uint16_t)(p->payload - header_len));
    }
    m->data_len = (uint16_t)(header_len + p->length);
    m->pkt_len = m->data_len;
    return 0;
}

int dp_readdress(struct rte_mbuf *m, const struct dp_path *path, const struct dp_port *from,
                 const struct dp_port *to)
{
    struct dp_packet *p = dp_packet(m);
    uint32_t sum = dp_readdress_sum(m, from);

    if (path->header_len + p->length > to->mtu + RTE_ETHER_HDR_LEN || fit(m, path->header_len))
        return -EMSGSIZE;
    dp_readdress_header(rte_pktmbuf_mtod(m, uint8_t *), path, p->length, sum);
    m->ol_flags &= ~RTE_MBUF_F_TX_OFFLOAD_MASK;
    p->port = m->port = path->port;
    p->family = path->family;
    p->l4 = (uint16_t)(path->header_len - sizeof(struct rte_udp_hdr));
    p->payload = path->header_len;
    return 0;
}
