#include "dataplane/path.h"

#include "dataplane/checksum.h"

#include <errno.h>
#include <netinet/in.h>
#include <rte_ip.h>
#include <rte_udp.h>
#include <string.h>

#define TTL 64

static void build_ipv4(struct dp_path *path)
{
    struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(path->header + RTE_ETHER_HDR_LEN);

    ip->version_ihl = RTE_IPV4_VHL_DEF;
    ip->fragment_offset =
        rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG); /* so the id may be 0: RFC 6864 4.1 */
    ip->time_to_live = TTL;
    ip->next_proto_id = IPPROTO_UDP;
    memcpy(&ip->src_addr, path->local.ip, 4);
    memcpy(&ip->dst_addr, path->remote.ip, 4);
    path->ip_sum = dp_checksum_add(0, ip, sizeof(*ip));
    path->udp_sum = dp_checksum_add(0, &ip->src_addr, 8);
}

static void build_ipv6(struct dp_path *path)
{
    struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)(path->header + RTE_ETHER_HDR_LEN);

    ip->vtc_flow = rte_cpu_to_be_32(6u << 28);
    ip->proto = IPPROTO_UDP;
    ip->hop_limits = TTL;
    memcpy(ip->src_addr, path->local.ip, 16);
    memcpy(ip->dst_addr, path->remote.ip, 16);
    path->ip_sum = 0;
    path->udp_sum = dp_checksum_add(0, ip->src_addr, 32);
}

void dp_path_build(struct dp_path *path)
{
    struct rte_ether_hdr *eth = (struct rte_ether_hdr *)path->header;
    bool v4 = path->local.family == 4;

    memset(path->header, 0, sizeof(path->header));
    path->family = path->local.family;
    path->header_len = v4 ? 42 : 62;
    eth->dst_addr = path->remote_mac;
    eth->src_addr = path->local_mac;
    eth->ether_type = rte_cpu_to_be_16(v4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
    if (v4)
        build_ipv4(path);
    else
        build_ipv6(path);

    struct rte_udp_hdr *udp =
        (struct rte_udp_hdr *)(path->header + path->header_len - sizeof(struct rte_udp_hdr));
    udp->src_port = rte_cpu_to_be_16(path->local.port);
    udp->dst_port = rte_cpu_to_be_16(path->remote.port);
    path->udp_sum = dp_checksum_add(path->udp_sum, udp, 4);
    path->udp_sum = dp_checksum_add16(path->udp_sum, IPPROTO_UDP);
}

static int take_address(const ProtobufCBinaryData *ip, uint32_t port, struct hr_address *out)
{
    *out = (struct hr_address){.port = (uint16_t)port};
    if (port == 0 || port > UINT16_MAX || (ip->len != 4 && ip->len != 16))
        return -EINVAL;
    out->family = ip->len == 4 ? 4 : 6;
    memcpy(out->ip, ip->data, ip->len);
    return 0;
}

static int take_mac(const ProtobufCBinaryData *mac, struct rte_ether_addr *out)
{
    if (mac->len != sizeof(*out))
        return -EINVAL;
    memcpy(out, mac->data, sizeof(*out));
    return 0;
}

int dp_path_from_message(const Headrace__Path *msg, struct dp_path *path, const char **wrong)
{
    const char *ignored;

    if (!wrong)
        wrong = &ignored;
    memset(path, 0, sizeof(*path));
    path->port = (uint16_t)msg->port;
    if (msg->port > UINT16_MAX)
        *wrong = "path.port";
    else if (take_address(&msg->local_address, msg->local_port, &path->local))
        *wrong = "path.local_address";
    else if (take_address(&msg->remote_address, msg->remote_port, &path->remote) ||
             path->remote.family != path->local.family)
        *wrong = "path.remote_address";
    else if (take_mac(&msg->local_mac, &path->local_mac))
        *wrong = "path.local_mac";
    else if (take_mac(&msg->remote_mac, &path->remote_mac) ||
             rte_is_multicast_ether_addr(&path->remote_mac))
        *wrong = "path.remote_mac";
    else {
        dp_path_build(path);
        return 0;
    }
    return -EINVAL;
}
