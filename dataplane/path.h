/*
 * Where packets of one endpoint go: the next hop, the addresses, and the Ethernet, IP and UDP
 * headers ready made, so that a frame is one copy of 42 or 62 bytes and two lengths.
 */
#ifndef DP_PATH_H
#define DP_PATH_H

#include "proto/address.h"
#include "proto/headrace.pb-c.h"

#include <rte_ether.h>
#include <stdint.h>

#define DP_PATH_HEADER_MAX 64 /* Ethernet 14, IPv6 40, UDP 8, and up to a whole line */

struct dp_path {
    uint16_t port;                      /* DPDK port */
    uint8_t family;                     /* 4 or 6 */
    uint8_t header_len;                 /* 42 or 62 */
    uint8_t header[DP_PATH_HEADER_MAX]; /* lengths and checksums are 0 */
    uint32_t ip_sum;                    /* checksum.h: the IPv4 header; 0 for IPv6 */
    uint32_t udp_sum;                   /* pseudo-header and UDP header, without the two lengths */
    struct hr_address local, remote;    /* with UDP port */
    struct rte_ether_addr local_mac, remote_mac;
};

/* Makes the headers from port, local, remote and the MAC addresses, which the caller has set. */
void dp_path_build(struct dp_path *path);
/* 0; -EINVAL when an address has a wrong length, families differ or a UDP port is no port. *wrong
 * names the field. */
int dp_path_from_message(const Headrace__Path *msg, struct dp_path *path, const char **wrong);

#endif
