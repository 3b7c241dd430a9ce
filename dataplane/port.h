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
    char device[128]; /* as configured */
    char iface[16];   /* the kernel's interface below it, or "" */
    struct rte_ether_addr mac;
    struct hr_address addresses[DP_PORT_ADDRESSES_MAX];
    unsigned addresses_count;
    uint16_t mtu;
    bool tx_multi_segment; /* can gather: header mbuf chained to a reference of the payload */
    bool tx_udp_checksum;  /* offload; else egress computes it */
    bool tx_ipv4_checksum;
    int socket; /* NUMA node */
    uint16_t rx_queues, tx_queues; /* who polls which: crew.h */
    bool started;
};

struct dp_device;

/* After EAL: finds the port of a device and what it can do; sets port->id. 0 or -errno, logged. */
int dp_port_probe(struct dp_port *port, const struct hr_config_port *config,
                  const struct dp_device *device);
/* Configures and starts it, a receive and a transmit queue per worker or as many as it has. 0 or
 * -errno, logged. */
int dp_port_start(struct dp_port *port, struct rte_mempool *pool, unsigned workers);
void dp_port_stop(struct dp_port *port);
bool dp_port_link_up(const struct dp_port *port);

/* Whether it is one of the port's own addresses; ip has 4 or 16 bytes. */
bool dp_port_has_address(const struct dp_port *port, uint8_t family, const uint8_t *ip);

#endif
