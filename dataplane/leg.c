#include "dataplane/leg.h"

void dp_leg_make(struct dp_leg *leg, const struct dp_path *path, const struct dp_port *port,
                 const struct dp_ext_map *exts, uint16_t data_room, uint8_t tag_len)
{
    uint32_t most = RTE_MIN((uint32_t)port->mtu + RTE_ETHER_HDR_LEN, (uint32_t)data_room);

    *leg = (struct dp_leg){
        .exts = dp_ext_map_word(exts),
        .ip_sum = dp_checksum_fold(path->ip_sum),
        .udp_sum = dp_checksum_fold(path->udp_sum),
        .port = path->port,
        .room = (uint16_t)(most > path->header_len ? most - path->header_len : 0),
        .header_len = path->header_len,
        .offload = port->tx_udp_checksum || port->tx_ipv4_checksum,
        .tag_len = tag_len,
        .number = leg->number,
    };
    memcpy(leg->header, path->header, sizeof(leg->header));
}
