/* A device as the configuration names it, before DPDK has seen it: what it needs of the machine. */
#ifndef DP_DEVICE_H
#define DP_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

struct dp_device {
    char name[64];  /* DPDK's: "net_af_packet0", "0000:01:00.0" */
    char args[256]; /* for --vdev or -a: the configured text, and what it left out */
    char iface[16]; /* the kernel's interface below it, or "" */
    bool pci;
    uint16_t mtu;   /* of iface; 0: ask DPDK */
    uint16_t frame; /* bytes that the driver writes into one mbuf; 0: what the MTU needs */
};

/* Looks at the interface too. 0 or -errno, logged with what is missing; where:
 * "dataplane.ports[0]". */
int dp_device_open(const char *text, const char *where, struct dp_device *out);

/* As many pairs of queues as there are workers, where they have to be asked for. */
void dp_device_queues(struct dp_device *d, unsigned workers);

/* Whether a kernel interface is up and has carrier. */
bool dp_device_iface_up(const char *iface);

#endif
