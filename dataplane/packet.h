/* What the relay knows of a packet: in the mbuf's private area, so that it goes wherever the packet
 * goes. */
#ifndef DP_PACKET_H
#define DP_PACKET_H

#include "dataplane/rtp/filter.h"
#include "dataplane/rtp/rtp.h"
#include "dataplane/srtp/srtp.h"
#include "proto/headrace.pb-c.h"
#include "proto/srtp_profile.h"

#include <rte_mbuf.h>
#include <stdint.h>

/* What the keystream of a payload is of, and how many of its bytes are before the payload's: of a
 * packet that came as RTX those of the original sequence number (RFC 4588 4). */
struct dp_cipher {
    uint64_t index;
    uint32_t ssrc;
    uint32_t skip;
};

#define DP_OSN_LEN 2 /* bytes of an original sequence number */

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
    struct dp_source *source; /* valid within the burst only; of RTCP on its way to receivers too */
    bool rekey;               /* it is authentic, and somebody may want it rekeyed */
    struct dp_stream *stream; /* valid within the burst only; NULL: RTCP */
    uint64_t index;           /* 48-bit SRTP packet index, in the stream */
    struct dp_cipher cipher;  /* as it came */
    bool keyframe;            /* first packet of a coded video sequence, by Dependency Descriptor */
    bool padding;             /* nothing but padding: takes no outgoing number */
    bool has_frame;           /* frame is set, */
    uint16_t frame;           /* the Dependency Descriptor's frame number */
    struct dp_part part;      /* what it says besides */
    struct dp_rtp_header
        rtp; /* of the packet repaired, if it came as RTX; then hdr_len is 2 more */
    /* a frame that waits for its time */
    struct rte_mbuf *next;
    uint16_t number; /* transport-wide */
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

/* The way back to the sender: the packet's addresses, the other way round. Points into the frame.
 */
void dp_packet_path_back(struct rte_mbuf *m, Headrace__Path *path);

/* Bytes of an RTP packet's payload without the tag of the profile that it came under. */
static inline uint32_t dp_packet_media_len(const struct dp_packet *p, enum hr_srtp_profile profile)
{
    return (uint32_t)(p->rtp.payload_len - hr_srtp_tag_len(profile));
}

/* It came as RTX: its header extensions and its keystream are the RTX packet's. */
static inline bool dp_packet_repaired(const struct dp_packet *p)
{
    return p->cipher.skip > 0;
}

/* len bytes of the payload's keystream. ks has room for DP_OSN_LEN more; they begin at what is
 * returned. */
static inline const uint8_t *dp_packet_keystream(const struct dp_packet *p,
                                                 const struct dp_srtp_key *key, uint8_t *ks,
                                                 size_t len)
{
    dp_srtp_keystream(key, p->cipher.ssrc, p->cipher.index, ks, len + p->cipher.skip);
    return ks + p->cipher.skip;
}

#endif
