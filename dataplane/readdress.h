/*
 * Packets that go on as they came, under other Ethernet, IP and UDP headers. What of the UDP
 * checksum is the payload's is taken from the checksum that came (RFC 1624), so that the payload is
 * not read; a packet whose sender made it wrong still arrives wrong. Where a port delivers
 * checksums that are not done yet, it is summed.
 */
#ifndef DP_READDRESS_H
#define DP_READDRESS_H

#include "dataplane/path.h"
#include "dataplane/port.h"

#include <rte_mbuf.h>
#include <stdint.h>

/* The sum of a received packet's UDP payload, for any number of dp_readdress_header(). Needs
 * classify's dp_packet. from: the port it came by. */
uint32_t dp_readdress_sum(struct rte_mbuf *m, const struct dp_port *from);
/* Writes path->header_len bytes, lengths and checksums done; nothing is left to the port. */
void dp_readdress_header(uint8_t *frame, const struct dp_path *path, uint16_t payload_len,
                         uint32_t payload_sum);
/* The packet itself, its headers in place; ready for tx. 0, or -EMSGSIZE when `to` cannot send so
 * much: then the packet is as it was. */
int dp_readdress(struct rte_mbuf *m, const struct dp_path *path, const struct dp_port *from,
                 const struct dp_port *to);

#endif
