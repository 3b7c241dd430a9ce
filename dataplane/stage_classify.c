/*
 * Layer by layer, each a function that says where the packet goes next. What is not for this relay
 * ends in a named drop. Ethernet, IP and UDP are checked as far as the later stages rely on them:
 * they find offsets and lengths that lie inside the first segment. UDP checksums are not: software
 * ports deliver partial ones, and all that matters behind them is authenticated (SRTP, STUN's
 * integrity, DTLS).
 */
#include "dataplane/checksum.h"
#include "dataplane/dataplane.h"
#include "dataplane/flow.h"
#include "dataplane/packet.h"
#include "dataplane/session.h"

#include <netinet/in.h>
#include <rte_arp.h>
#include <rte_ip.h>
#include <rte_udp.h>
#include <string.h>

#define ICMP_MIN 8 /* type, code, checksum, rest of header */

enum exit { EXIT_RTP, EXIT_RTCP, EXIT_PUNT, EXIT_HOST, EXIT_DROP };

struct context {
    const struct dp_port *port;
    uint16_t media_port;
    enum dp_drop why; /* with EXIT_DROP */
};

static enum exit drop(struct context *c, enum dp_drop why)
{
    c->why = why;
    return EXIT_DROP;
}

/* RFC 7983 section 7, the first byte; RFC 5761 section 4, the second. */
static enum exit demultiplex(struct context *c, const uint8_t *payload, uint16_t len)
{
    if (len < 2)
        return drop(c, DP_DROP_FIRST_BYTE);
    if (payload[0] <= 3 || (payload[0] >= 20 && payload[0] <= 63))
        return EXIT_PUNT;
    if (payload[0] >= 128 && payload[0] <= 191)
        return dp_rtp_is_rtcp(payload, len) ? EXIT_RTCP : EXIT_RTP;
    return drop(c, DP_DROP_FIRST_BYTE);
}

static enum exit udp(struct context *c, struct rte_mbuf *m, uint16_t ip_payload)
{
    struct dp_packet *p = dp_packet(m);
    const struct rte_udp_hdr *h = rte_pktmbuf_mtod_offset(m, struct rte_udp_hdr *, p->l4);

    if (ip_payload < sizeof(*h))
        return drop(c, DP_DROP_UDP_MALFORMED);
    uint16_t len = rte_be_to_cpu_16(h->dgram_len);
    if (len < sizeof(*h) || len > ip_payload || h->src_port == 0)
        return drop(c, DP_DROP_UDP_MALFORMED);
    if ((m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_BAD)
        return drop(c, DP_DROP_UDP_MALFORMED);
    if (h->dst_port != rte_cpu_to_be_16(c->media_port))
        return drop(c, DP_DROP_UDP_PORT);
    p->payload = (uint16_t)(p->l4 + sizeof(*h));
    p->length = (uint16_t)(len - sizeof(*h));
    return demultiplex(c, dp_packet_payload(m), p->length);
}

static enum exit icmp(struct context *c, struct dp_packet *p, uint16_t ip_payload)
{
    if (ip_payload < ICMP_MIN)
        return drop(c, DP_DROP_HOST_MALFORMED);
    p->payload = p->l4;
    p->length = ip_payload;
    p->l4 = 0;
    return EXIT_HOST;
}

static enum exit ipv4(struct context *c, struct rte_mbuf *m)
{
    struct dp_packet *p = dp_packet(m);
    const struct rte_ipv4_hdr *h = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, p->l3);
    uint16_t room = (uint16_t)(m->data_len - p->l3);

    if (room < sizeof(*h) || h->version_ihl >> 4 != 4 || (h->version_ihl & 0xf) < 5)
        return drop(c, DP_DROP_IP_MALFORMED);
    if (h->version_ihl != RTE_IPV4_VHL_DEF)
        return drop(c, DP_DROP_IP_OPTIONS);
    uint16_t total = rte_be_to_cpu_16(h->total_length);
    if (total > c->port->mtu)
        return drop(c, DP_DROP_OVERSIZE);
    if (total < sizeof(*h) || total > room)
        return drop(c, DP_DROP_IP_MALFORMED);
    if (dp_checksum_fold(dp_checksum_words(h, sizeof(*h) / 4)) != 0xffff)
        return drop(c, DP_DROP_IP_MALFORMED);
    if (!dp_port_has_address(c->port, 4, (const uint8_t *)&h->dst_addr))
        return drop(c, DP_DROP_NOT_FOR_US);
    if (h->fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK))
        return drop(c, DP_DROP_IP_FRAGMENT);
    uint8_t first = (uint8_t)h->src_addr; /* network order: the first byte in memory */
    if (first == 0 || first >= 224)
        return drop(c, DP_DROP_IP_MALFORMED);
    p->l4 = (uint16_t)(p->l3 + sizeof(*h));
    if (h->next_proto_id == IPPROTO_UDP)
        return udp(c, m, (uint16_t)(total - sizeof(*h)));
    if (h->next_proto_id == IPPROTO_ICMP)
        return icmp(c, p, (uint16_t)(total - sizeof(*h)));
    return drop(c, DP_DROP_NOT_UDP);
}

/* The group that neighbour solicitations go to: ff02::1:ffXX:XXXX (RFC 4291 2.7.1). */
static bool is_solicited_node(const struct dp_port *port, const uint8_t *group)
{
    static const uint8_t prefix[13] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};

    if (memcmp(group, prefix, sizeof(prefix)) != 0)
        return false;
    for (unsigned i = 0; i < port->addresses_count; i++)
        if (port->addresses[i].family == 6 &&
            memcmp(port->addresses[i].ip + 13, group + 13, 3) == 0)
            return true;
    return false;
}

static enum exit ipv6_next(struct context *c, struct rte_mbuf *m, uint8_t next, uint16_t len)
{
    switch (next) {
    case IPPROTO_UDP:
        return udp(c, m, len);
    case IPPROTO_ICMPV6:
        return icmp(c, dp_packet(m), len);
    case IPPROTO_FRAGMENT:
        return drop(c, DP_DROP_IP_FRAGMENT);
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_DSTOPTS:
    case IPPROTO_AH:
    case IPPROTO_ESP:
    case IPPROTO_MH:
        return drop(c, DP_DROP_IP_OPTIONS);
    default:
        return drop(c, DP_DROP_NOT_UDP);
    }
}

static enum exit ipv6(struct context *c, struct rte_mbuf *m)
{
    struct dp_packet *p = dp_packet(m);
    const struct rte_ipv6_hdr *h = rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, p->l3);
    uint16_t room = (uint16_t)(m->data_len - p->l3);

    if (room < sizeof(*h) || *(const uint8_t *)h >> 4 != 6)
        return drop(c, DP_DROP_IP_MALFORMED);
    uint16_t len = rte_be_to_cpu_16(h->payload_len);
    if (len + sizeof(*h) > c->port->mtu)
        return drop(c, DP_DROP_OVERSIZE);
    if (len + sizeof(*h) > room || h->src_addr[0] == 0xff)
        return drop(c, DP_DROP_IP_MALFORMED);
    bool ours = dp_port_has_address(c->port, 6, h->dst_addr);
    if (!ours && (h->proto != IPPROTO_ICMPV6 || !is_solicited_node(c->port, h->dst_addr)))
        return drop(c, DP_DROP_NOT_FOR_US);
    p->l4 = (uint16_t)(p->l3 + sizeof(*h));
    return ipv6_next(c, m, h->proto, len);
}

static enum exit ethernet(struct context *c, struct rte_mbuf *m)
{
    struct dp_packet *p = dp_packet(m);
    const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);

    if (m->nb_segs > 1)
        return drop(c, DP_DROP_OVERSIZE);
    if (m->data_len < sizeof(*eth))
        return drop(c, DP_DROP_NOT_IP);
    bool ours = rte_is_same_ether_addr(&eth->dst_addr, &c->port->mac);
    bool group = rte_is_multicast_ether_addr(&eth->dst_addr); /* broadcast is one */
    if (!ours && !group)
        return drop(c, DP_DROP_NOT_FOR_US);
    p->l3 = sizeof(*eth);
    p->l4 = 0;
    p->length = 0;
    p->endpoint = NULL;
    switch (rte_be_to_cpu_16(eth->ether_type)) {
    case RTE_ETHER_TYPE_IPV4:
        p->family = 4;
        return ours ? ipv4(c, m) : drop(c, DP_DROP_NOT_FOR_US);
    case RTE_ETHER_TYPE_IPV6:
        p->family = 6;
        return ipv6(c, m);
    case RTE_ETHER_TYPE_ARP:
        p->family = 0;
        return EXIT_HOST;
    default:
        return drop(c, DP_DROP_NOT_IP);
    }
}

static void flow_key(struct rte_mbuf *m, struct dp_flow_key *key)
{
    const struct dp_packet *p = dp_packet(m);
    const uint8_t *l3 = rte_pktmbuf_mtod_offset(m, uint8_t *, p->l3);
    const struct rte_udp_hdr *h = rte_pktmbuf_mtod_offset(m, struct rte_udp_hdr *, p->l4);

    memset(key, 0, sizeof(*key));
    if (p->family == 4) {
        memcpy(key->remote_ip, l3 + offsetof(struct rte_ipv4_hdr, src_addr), 4);
        memcpy(key->local_ip, l3 + offsetof(struct rte_ipv4_hdr, dst_addr), 4);
    } else {
        memcpy(key->remote_ip, l3 + offsetof(struct rte_ipv6_hdr, src_addr), 16);
        memcpy(key->local_ip, l3 + offsetof(struct rte_ipv6_hdr, dst_addr), 16);
    }
    key->remote_port = rte_be_to_cpu_16(h->src_port);
    key->local_port = rte_be_to_cpu_16(h->dst_port);
    key->port = p->port;
    key->family = p->family;
}

/* STUN stays the control plane's: consent is asked of the relay. */
static bool passes(struct rte_mbuf *m, const struct dp_endpoint *e)
{
    return e && e->pass && dp_packet_payload(m)[0] > 3;
}

/* Sets dp_packet.endpoint; media of nobody is dropped here. A punt may be of somebody new. */
static void find_flows(struct dp_worker *w, struct dp_burst *b, bool must,
                       struct dp_classified *out)
{
    struct dp_flow_key keys[DP_BURST];
    struct dp_endpoint *endpoints[DP_BURST];
    bool latch = atomic_load_explicit(&w->dp->latches, memory_order_relaxed) > 0;
    unsigned kept = 0;

    if (b->n == 0)
        return;
    for (unsigned i = 0; i < b->n; i++)
        flow_key(b->pkts[i], &keys[i]);
    dp_flows_lookup_bulk(w->dp->flows, keys, b->n, endpoints);
    for (unsigned i = 0; i < b->n; i++) {
        if (must && !endpoints[i] && latch) {
            out->latch.pkts[out->latch.n++] = b->pkts[i];
            continue;
        }
        if (must && !endpoints[i]) {
            dp_drop(w, DP_DROP_FLOW_UNKNOWN, b->pkts[i]);
            continue;
        }
        dp_packet(b->pkts[i])->endpoint = endpoints[i];
        if (passes(b->pkts[i], endpoints[i]))
            out->pass.pkts[out->pass.n++] = b->pkts[i];
        else
            b->pkts[kept++] = b->pkts[i];
    }
    b->n = kept;
}

void dp_stage_classify(struct dp_worker *w, struct dp_burst *in, struct dp_classified *out)
{
    struct dp_burst *const exits[] = {
        [EXIT_RTP] = &out->rtp,
        [EXIT_RTCP] = &out->rtcp,
        [EXIT_PUNT] = &out->punt,
        [EXIT_HOST] = &out->host,
    };
    struct context c = {.media_port = w->dp->config->media.port};

    out->rtp.n = out->rtcp.n = out->punt.n = out->host.n = out->pass.n = out->latch.n = 0;
    for (unsigned i = 0; i < in->n; i++) {
        struct rte_mbuf *m = in->pkts[i];
        c.port = &w->dp->ports[dp_packet(m)->port];
        enum exit e = ethernet(&c, m);
        if (e == EXIT_DROP)
            dp_drop(w, c.why, m);
        else
            exits[e]->pkts[exits[e]->n++] = m;
    }
    in->n = 0;
    find_flows(w, &out->punt, false, out); /* DTLS before the media that it makes way for */
    find_flows(w, &out->rtp, true, out);
    find_flows(w, &out->rtcp, true, out);
}
