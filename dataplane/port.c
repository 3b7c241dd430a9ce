#include "dataplane/port.h"

#include "dataplane/device.h"
#include "proto/log.h"

#include <errno.h>
#include <rte_ethdev.h>
#include <string.h>

#define RX_DESCRIPTORS 1024
#define TX_DESCRIPTORS 1024
#define RSS_FIELDS     (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP)

/* What egress makes use of. Never MBUF_FAST_FREE: references to received packets are held
 * elsewhere. */
#define TX_OFFLOADS \
    (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_MULTI_SEGS)
#define RX_OFFLOADS (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM)

bool dp_port_has_address(const struct dp_port *port, uint8_t family, const uint8_t *ip)
{
    size_t len = family == 4 ? 4 : 16;

    for (unsigned i = 0; i < port->addresses_count; i++)
        if (port->addresses[i].family == family && memcmp(port->addresses[i].ip, ip, len) == 0)
            return true;
    return false;
}

bool dp_port_link_up(const struct dp_port *port)
{
    struct rte_eth_link link;

    if (port->iface[0])
        return dp_device_iface_up(port->iface);
    return rte_eth_link_get_nowait(port->id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

static int take_addresses(struct dp_port *port, const struct hr_config_port *config)
{
    if (config->addresses_count == 0 || config->addresses_count > DP_PORT_ADDRESSES_MAX) {
        hr_error("port '%s' has %u addresses; 1 to %d are possible", port->device,
                 config->addresses_count, DP_PORT_ADDRESSES_MAX);
        return -EINVAL;
    }
    for (unsigned i = 0; i < config->addresses_count; i++) {
        struct hr_address *a = &port->addresses[i];
        if (hr_address_parse(config->addresses[i], a) || a->port) {
            hr_error("port '%s': '%s' is no address such as 198.18.0.2/24 or 2001:2::2/64",
                     port->device, config->addresses[i]);
            return -EINVAL;
        }
    }
    port->addresses_count = config->addresses_count;
    return 0;
}

static void take_capabilities(struct dp_port *port, const struct rte_eth_dev_info *info)
{
    port->tx_multi_segment = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
    port->tx_udp_checksum = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
    port->tx_ipv4_checksum = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
}

int dp_port_probe(struct dp_port *port, const struct hr_config_port *config,
                  const struct dp_device *device)
{
    struct rte_eth_dev_info info;

    *port = (struct dp_port){0};
    snprintf(port->device, sizeof(port->device), "%s", config->device);
    snprintf(port->iface, sizeof(port->iface), "%s", device->iface);
    int err = rte_eth_dev_get_port_by_name(device->name, &port->id);
    if (err) {
        hr_error("DPDK did not make a port of '%s'%s", port->device,
                 device->pci ? ": is it bound to vfio-pci (dpdk-devbind.py --status)?" : "");
        return -ENODEV;
    }
    err = take_addresses(port, config);
    if (!err)
        err = rte_eth_dev_info_get(port->id, &info);
    if (!err)
        err = rte_eth_macaddr_get(port->id, &port->mac);
    port->mtu = device->mtu;
    if (!err && !port->mtu)
        err = rte_eth_dev_get_mtu(port->id, &port->mtu);
    if (err)
        return err;
    port->socket = rte_eth_dev_socket_id(port->id);
    take_capabilities(port, &info);
    return 0;
}

static int configure(struct dp_port *port, const struct rte_eth_dev_info *info, unsigned workers)
{
    struct rte_eth_conf conf = {
        .rxmode = {.offloads = info->rx_offload_capa & RX_OFFLOADS},
        .txmode = {.offloads = info->tx_offload_capa & TX_OFFLOADS},
    };

    port->rx_queues = (uint16_t)RTE_MIN(workers, (unsigned)info->max_rx_queues);
    port->tx_queues = (uint16_t)RTE_MIN(workers, (unsigned)info->max_tx_queues);
    if (port->rx_queues < workers || port->tx_queues < workers)
        hr_info("port '%s' has %u receive and %u transmit queues for up to %u workers: packets go "
                "through those that have one",
                   port->device, port->rx_queues, port->tx_queues, workers);
    if (port->rx_queues > 1) {
        conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf = info->flow_type_rss_offloads & RSS_FIELDS;
    }
    if (!port->iface[0])
        conf.rxmode.mtu = port->mtu;
    return rte_eth_dev_configure(port->id, port->rx_queues, port->tx_queues, &conf);
}

static int set_up_queues(struct dp_port *port, struct rte_mempool *pool)
{
    uint16_t rx = RX_DESCRIPTORS, tx = TX_DESCRIPTORS;
    int err = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &rx, &tx);

    for (uint16_t q = 0; q < port->rx_queues && !err; q++)
        err = rte_eth_rx_queue_setup(port->id, q, rx, (unsigned)port->socket, NULL, pool);
    for (uint16_t q = 0; q < port->tx_queues && !err; q++)
        err = rte_eth_tx_queue_setup(port->id, q, tx, (unsigned)port->socket, NULL);
    return err;
}

/* Neighbour solicitations come to a multicast address. */
static void hear_groups(const struct dp_port *port)
{
    for (unsigned i = 0; i < port->addresses_count; i++) {
        if (port->addresses[i].family != 6)
            continue;
        if (rte_eth_allmulticast_enable(port->id) && rte_eth_promiscuous_enable(port->id))
            hr_warning("port '%s' may not hear IPv6 neighbour solicitations: it takes neither all "
                       "multicast nor promiscuous mode",
                       port->device);
        return;
    }
}

int dp_port_start(struct dp_port *port, struct rte_mempool *pool, unsigned workers)
{
    struct rte_eth_dev_info info;
    const char *step = "ask";
    int err = rte_eth_dev_info_get(port->id, &info);

    if (!err) {
        step = "configure";
        err = configure(port, &info, workers);
    }
    if (!err) {
        step = "set up the queues of";
        err = set_up_queues(port, pool);
    }
    if (!err) {
        step = "start";
        err = rte_eth_dev_start(port->id);
    }
    if (err) {
        hr_error("cannot %s port '%s': %s", step, port->device, strerror(-err));
        return err;
    }
    port->started = true;
    hear_groups(port);
    return 0;
}

void dp_port_stop(struct dp_port *port)
{
    if (!port->started)
        return;
    port->started = false;
    rte_eth_dev_stop(port->id);
    rte_eth_dev_close(port->id);
}
