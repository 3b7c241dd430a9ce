/* A DPDK port: what it is, what it can do, and its own addresses. Read-only after start. */
#ifndef DP_PORT_H
#define DP_PORT_H

#include "proto/address.h"
#include "proto/config.h"

#include <rte_ether.h>
#include <rte_mempool.h>
#include <stdbool.h>
#include <stdint.h>

#define DP_PORT_ADDRESSES_MAX 8

struct dp_port {
    uint16_t id;
    char device[128];
    struct rte_ether_addr mac;
    struct hr_address addresses[DP_PORT_ADDRESSES_MAX];
    unsigned addresses_count;
    uint16_t mtu;
    bool tx_multi_segment; /* can gather: header mbuf chained to a reference of the payload */
    bool tx_udp_checksum;  /* offload; else egress computes it */
    bool tx_ipv4_checksum;
    int socket; /* NUMA node */
};

#endif
