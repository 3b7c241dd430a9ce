/*
 * Frames that leave here: headers of a path in front of a UDP payload, lengths and checksums right.
 *
 *     uint8_t *payload = dp_frame_write(m, path);   an empty mbuf
 *     ... write up to dp_frame_room(m, path, port) bytes at payload ...
 *     dp_frame_finish(m, path, port, bytes);        then to tx
 */
#ifndef DP_FRAME_H
#define DP_FRAME_H

#include "dataplane/path.h"
#include "dataplane/port.h"

#include <rte_mbuf.h>
#include <stdint.h>

/* Copies the headers to the start of an empty mbuf; returns where the payload goes. */
uint8_t *dp_frame_write(struct rte_mbuf *m, const struct dp_path *path);

/* The largest UDP payload, bytes: bounded by the port's MTU and by the mbuf. */
static inline uint16_t dp_frame_room(const struct rte_mbuf *m, const struct dp_path *path,
                                     const struct dp_port *port)
{
    uint32_t by_mtu = (uint32_t)port->mtu + RTE_ETHER_HDR_LEN;
    uint32_t by_mbuf = (uint32_t)m->buf_len - m->data_off;
    uint32_t most = RTE_MIN(by_mtu, by_mbuf);

    return most > path->header_len ? (uint16_t)(most - path->header_len) : 0;
}

/*
 * Sets the mbuf's lengths, the header's lengths and checksums (in software, or asks the port to),
 * and the dp_packet fields that tx needs. payload_len: bytes behind the header. Payload in further
 * segments of the mbuf is counted in payload_len and summed; then the caller has set the segments'
 * own lengths.
 */
void dp_frame_finish(struct rte_mbuf *m, const struct dp_path *path, const struct dp_port *port,
                     uint16_t payload_len);

#endif
