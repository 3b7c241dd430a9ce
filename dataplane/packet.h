/* What the relay knows of a packet: in the mbuf's private area, so that it goes wherever the packet
 * goes. */
#ifndef DP_PACKET_H
#define DP_PACKET_H

#include "dataplane/rtp/rtp.h"

#include <rte_mbuf.h>
#include <stdint.h>

struct dp_packet {
    /* classify */
    uint16_t port;                /* DPDK port: in, or where to send */
    uint16_t l3;                  /* offset of the IP header in the frame */
    uint16_t l4;                  /* offset of the UDP header; 0 when not UDP */
    uint16_t payload;             /* offset of the UDP payload */
    uint16_t length;              /* bytes of UDP payload */
    uint8_t family;               /* 4 or 6 */
    uint8_t peer_kind;            /* enum dp_peer_kind, on its way to another worker */
    uint64_t arrival;             /* TSC of the burst */
    struct dp_endpoint *endpoint; /* who sent it; valid within the burst, or the ring */
    /* ingress */
    struct dp_stream *stream; /* valid within the burst only */
    uint64_t index;           /* 48-bit SRTP packet index */
    bool keyframe;            /* first packet of a coded video sequence, by Dependency Descriptor */
    bool padding;             /* nothing but padding: takes no outgoing number */
    bool has_frame;           /* frame is set, */
    uint16_t frame;           /* the Dependency Descriptor's frame number */
    struct dp_rtp_header rtp;
    /* a reference to another worker */
    struct dp_mirror *mirror; /* that it goes to */
    uint8_t layer;            /* of its source */
};

static inline struct dp_packet *dp_packet(struct rte_mbuf *m)
{
    return rte_mbuf_to_priv(m);
}

static inline uint8_t *dp_packet_payload(struct rte_mbuf *m)
{
    return rte_pktmbuf_mtod_offset(m, uint8_t *, dp_packet(m)->payload);
}

#endif
