/*
 * The little that makes the port a neighbour on its link: ARP (RFC 826), neighbour solicitations
 * (RFC 4861) and echo requests (RFC 792, RFC 4443). A reply is made in the mbuf of the request.
 */
#include "dataplane/checksum.h"
#include "dataplane/dataplane.h"
#include "dataplane/packet.h"

#include <netinet/in.h>
#include <rte_arp.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <string.h>

#define ICMP6_ECHO_REQUEST    128
#define ICMP6_ECHO_REPLY      129
#define ICMP6_SOLICITATION    135
#define ICMP6_ADVERTISEMENT   136
#define ND_HOP_LIMIT          255
#define ND_OPTION_SOURCE_LINK 1
#define ND_OPTION_TARGET_LINK 2
#define ND_FLAG_SOLICITED     0x40000000u
#define ND_FLAG_OVERRIDE      0x20000000u
#define REPLY_TTL             64

/* Neighbour solicitation and advertisement without options. */
struct nd {
    uint8_t type, code;
    uint16_t checksum;
    uint32_t flags;
    uint8_t target[16];
} __rte_packed; /* behind an Ethernet header nothing is aligned to 4 bytes */

struct nd_link_option {
    uint8_t type;
    uint8_t length; /* in 8 bytes */
    uint8_t mac[6];
};

enum verdict { REPLY, IGNORED, MALFORMED };

static void finish_frame(struct rte_mbuf *m, const struct rte_ether_addr *from,
                         const struct rte_ether_addr *to, uint16_t len)
{
    struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
    struct rte_ether_addr next_hop = *to; /* may lie in the frame itself */

    eth->dst_addr = next_hop;
    eth->src_addr = *from;
    m->data_len = len;
    m->pkt_len = len;
    m->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
}

static enum verdict arp(const struct dp_port *port, struct rte_mbuf *m)
{
    const uint16_t at = dp_packet(m)->l3;
    struct rte_arp_hdr *h = rte_pktmbuf_mtod_offset(m, struct rte_arp_hdr *, at);

    if (m->data_len < at + sizeof(*h) || h->arp_hardware != rte_cpu_to_be_16(RTE_ARP_HRD_ETHER) ||
        h->arp_protocol != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) || h->arp_hlen != 6 ||
        h->arp_plen != 4)
        return MALFORMED;
    if (h->arp_opcode != rte_cpu_to_be_16(RTE_ARP_OP_REQUEST))
        return IGNORED;
    struct rte_arp_ipv4 *d = &h->arp_data;
    rte_be32_t target = d->arp_tip;
    if (!dp_port_has_address(port, 4, (const uint8_t *)&target))
        return IGNORED;
    h->arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REPLY);
    d->arp_tha = d->arp_sha;
    d->arp_tip = d->arp_sip;
    d->arp_sha = port->mac;
    d->arp_sip = target;
    finish_frame(m, &port->mac, &d->arp_tha, (uint16_t)(at + sizeof(*h)));
    return REPLY;
}

static enum verdict echo4(const struct dp_port *port, struct rte_mbuf *m)
{
    const struct dp_packet *p = dp_packet(m);
    struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, p->l3);
    struct rte_icmp_hdr *h = rte_pktmbuf_mtod_offset(m, struct rte_icmp_hdr *, p->payload);

    if (dp_checksum_fold(dp_checksum_add(0, h, p->length)) != 0xffff)
        return MALFORMED;
    if (h->icmp_type != RTE_IP_ICMP_ECHO_REQUEST || h->icmp_code != 0)
        return IGNORED;
    h->icmp_type = RTE_IP_ICMP_ECHO_REPLY;
    h->icmp_cksum = 0;
    h->icmp_cksum = dp_checksum_finish(dp_checksum_add(0, h, p->length));

    rte_be32_t ours = ip->dst_addr;
    ip->dst_addr = ip->src_addr;
    ip->src_addr = ours;
    ip->time_to_live = REPLY_TTL;
    ip->packet_id = 0;
    ip->fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG);
    ip->hdr_checksum = 0;
    ip->hdr_checksum = dp_checksum_finish(dp_checksum_add(0, ip, sizeof(*ip)));
    const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
    finish_frame(m, &port->mac, &eth->src_addr, (uint16_t)(p->payload + p->length));
    return REPLY;
}

/* ICMPv6 message and pseudo-header (RFC 8200 8.1). */
static uint32_t icmp6_sum(const struct rte_ipv6_hdr *ip, const void *message, uint16_t len)
{
    uint32_t sum = dp_checksum_add(0, ip->src_addr, 32);

    sum = dp_checksum_add16(dp_checksum_add16(sum, len), IPPROTO_ICMPV6);
    return dp_checksum_add(sum, message, len);
}

static enum verdict echo6(const struct dp_port *port, struct rte_mbuf *m)
{
    const struct dp_packet *p = dp_packet(m);
    struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, p->l3);
    struct rte_icmp_hdr *h = rte_pktmbuf_mtod_offset(m, struct rte_icmp_hdr *, p->payload);
    uint8_t ours[16];

    if (!dp_port_has_address(port, 6, ip->dst_addr)) /* echo to a group */
        return IGNORED;
    memcpy(ours, ip->dst_addr, 16);
    memcpy(ip->dst_addr, ip->src_addr, 16);
    memcpy(ip->src_addr, ours, 16);
    ip->hop_limits = REPLY_TTL;
    h->icmp_type = ICMP6_ECHO_REPLY;
    h->icmp_cksum = 0;
    h->icmp_cksum = dp_checksum_finish(icmp6_sum(ip, h, p->length));
    const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
    finish_frame(m, &port->mac, &eth->src_addr, (uint16_t)(p->payload + p->length));
    return REPLY;
}

/* The source link-layer address among the options, if any; -1 when they are malformed (RFC
 * 4861 7.1.1). */
static int nd_source_link(const uint8_t *options, uint16_t len, struct rte_ether_addr *mac)
{
    while (len) {
        if (len < 8 || options[1] == 0 || options[1] * 8 > len)
            return -1;
        if (options[0] == ND_OPTION_SOURCE_LINK && options[1] == 1)
            memcpy(mac, options + 2, sizeof(*mac));
        len = (uint16_t)(len - options[1] * 8);
        options += options[1] * 8;
    }
    return 0;
}

static void write_advertisement(const struct dp_port *port, struct rte_ipv6_hdr *ip, struct nd *h,
                                bool solicited)
{
    static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};
    struct nd_link_option *option = (struct nd_link_option *)(h + 1);
    const uint16_t len = sizeof(*h) + sizeof(*option);

    memcpy(ip->dst_addr, solicited ? ip->src_addr : all_nodes, 16);
    memcpy(ip->src_addr, h->target, 16);
    ip->hop_limits = ND_HOP_LIMIT;
    ip->payload_len = rte_cpu_to_be_16(len);
    h->type = ICMP6_ADVERTISEMENT;
    h->flags = rte_cpu_to_be_32(ND_FLAG_OVERRIDE | (solicited ? ND_FLAG_SOLICITED : 0));
    option->type = ND_OPTION_TARGET_LINK;
    option->length = 1;
    memcpy(option->mac, &port->mac, 6);
    h->checksum = 0;
    h->checksum = dp_checksum_finish(icmp6_sum(ip, h, len));
}

static enum verdict solicitation(const struct dp_port *port, struct rte_mbuf *m)
{
    static const uint8_t unspecified[16];
    static const struct rte_ether_addr all_nodes = {{0x33, 0x33, 0, 0, 0, 1}};
    const struct dp_packet *p = dp_packet(m);
    struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, p->l3);
    struct nd *h = rte_pktmbuf_mtod_offset(m, struct nd *, p->payload);
    struct rte_ether_addr to = rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->src_addr;
    const uint16_t end = (uint16_t)(p->payload + sizeof(*h) + sizeof(struct nd_link_option));

    if (p->length < sizeof(*h) || ip->hop_limits != ND_HOP_LIMIT || h->code != 0)
        return MALFORMED;
    if (!dp_port_has_address(port, 6, h->target))
        return IGNORED;
    if (nd_source_link((const uint8_t *)(h + 1), (uint16_t)(p->length - sizeof(*h)), &to))
        return MALFORMED;
    if (m->buf_len - m->data_off < end)
        return IGNORED;
    /* Without a source address it is somebody's duplicate address detection: all are to know. */
    bool solicited = memcmp(ip->src_addr, unspecified, 16) != 0;
    write_advertisement(port, ip, h, solicited);
    finish_frame(m, &port->mac, solicited ? &to : &all_nodes, end);
    return REPLY;
}

static enum verdict icmp6(const struct dp_port *port, struct rte_mbuf *m)
{
    const struct dp_packet *p = dp_packet(m);
    const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, p->l3);
    const struct rte_icmp_hdr *h = rte_pktmbuf_mtod_offset(m, struct rte_icmp_hdr *, p->payload);

    if (dp_checksum_fold(icmp6_sum(ip, h, p->length)) != 0xffff)
        return MALFORMED;
    if (h->icmp_type == ICMP6_SOLICITATION)
        return solicitation(port, m);
    if (h->icmp_type == ICMP6_ECHO_REQUEST && h->icmp_code == 0)
        return echo6(port, m);
    return IGNORED;
}

void dp_stage_host(struct dp_worker *w, struct dp_burst *in, struct dp_burst *out)
{
    for (unsigned i = 0; i < in->n; i++) {
        struct rte_mbuf *m = in->pkts[i];
        const struct dp_packet *p = dp_packet(m);
        const struct dp_port *port = &w->dp->ports[p->port];
        enum verdict v = p->family == 0   ? arp(port, m)
                         : p->family == 4 ? echo4(port, m)
                                          : icmp6(port, m);
        if (v == REPLY)
            out->pkts[out->n++] = m;
        else
            dp_drop(w, v == IGNORED ? DP_DROP_HOST_IGNORED : DP_DROP_HOST_MALFORMED, m);
    }
    in->n = 0;
}
