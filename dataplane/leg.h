/*
 * How packets to one endpoint are framed, ready made: for IPv4 one cache line, for IPv6 two. Made
 * of its path, port and extensions whenever they change.
 */
#ifndef DP_LEG_H
#define DP_LEG_H

#include "dataplane/checksum.h"
#include "dataplane/path.h"
#include "dataplane/port.h"
#include "dataplane/rtp/ext.h"

#include <rte_mbuf.h>
#include <stdalign.h>
#include <string.h>

struct dp_leg {
    alignas(RTE_CACHE_LINE_SIZE) uint64_t exts; /* dp_ext_map_word() */
    uint16_t ip_sum, udp_sum;                   /* as in struct dp_path, folded */
    uint16_t port;                              /* DPDK port */
    uint16_t room;                              /* bytes of the largest UDP payload */
    uint8_t header_len;                         /* 42 or 62 */
    bool offload;                               /* the port sums, or a part: dp_frame_finish() */
    uint8_t tag_len;                            /* of what is sent */
    uint16_t number;                            /* the next transport-wide one */
    uint8_t header[DP_PATH_HEADER_MAX];
};

_Static_assert(offsetof(struct dp_leg, header) + 42 <= RTE_CACHE_LINE_SIZE, "IPv4 is one line");

#define DP_LEG_IPV4 42 /* header_len, then; else 62 */

/* Bytes: data_room that an mbuf holds, tag_len of the SRTP profile. leg->number stays. */
void dp_leg_make(struct dp_leg *leg, const struct dp_path *path, const struct dp_port *port,
                 const struct dp_ext_map *exts, uint16_t data_room, uint8_t tag_len);

/* The headers of a frame with len bytes of UDP payload, all but the UDP checksum. Writes
 * header_len bytes; returns where the payload goes. */
static inline uint8_t *dp_leg_write(const struct dp_leg *leg, uint8_t *frame, uint16_t len)
{
    uint16_t udp_len = (uint16_t)(len + 8);
    if (leg->header_len == DP_LEG_IPV4) {
        uint16_t total = (uint16_t)(udp_len + 20);
        uint16_t checksum = dp_checksum_finish(dp_checksum_add16(leg->ip_sum, total));
        memcpy(frame, leg->header, 32);
        memcpy(frame + 26, leg->header + 26, 16);
        uint16_t be = __builtin_bswap16(total);
        memcpy(frame + 16, &be, 2);
        memcpy(frame + 24, &checksum, 2);
    } else {
        uint16_t be = __builtin_bswap16(udp_len);
        memcpy(frame, leg->header, 32);
        memcpy(frame + 30, leg->header + 30, 32); /* the RTP header is there already */
        memcpy(frame + 18, &be, 2);
    }
    uint16_t be = __builtin_bswap16(udp_len);
    memcpy(frame + leg->header_len - 4, &be, 2);
    return frame + leg->header_len;
}

/* What the UDP checksum of len bytes of payload begins with. */
static inline uint32_t dp_leg_sum(const struct dp_leg *leg, uint16_t len)
{
    return leg->udp_sum + 2u * __builtin_bswap16((uint16_t)(len + 8));
}

/* sum: dp_leg_sum() and the payload's. */
static inline void dp_leg_checksum(uint8_t *payload, uint32_t sum)
{
    uint16_t checksum = dp_checksum_finish(sum);
    checksum = checksum ? checksum : 0xffff; /* 0 would say that there is none */
    memcpy(payload - 2, &checksum, 2);
}

#endif
