#include "dataplane/dataplane.h"
#include "dataplane/meter.h"
#include "dataplane/packet.h"
#include "proto/headrace.pb-c.h"

#include <errno.h>
#include <rte_ip.h>
#include <rte_udp.h>

enum { SENT = DP_DROPS };

void dp_packet_path_back(struct rte_mbuf *m, Headrace__Path *path)
{
    const struct dp_packet *p = dp_packet(m);
    uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
    struct rte_ether_hdr *eth = (struct rte_ether_hdr *)frame;
    const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(frame + p->l4);
    bool v4 = p->family == 4;
    size_t len = v4 ? 4 : 16;
    uint8_t *source =
        frame + p->l3 +
        (v4 ? offsetof(struct rte_ipv4_hdr, src_addr) : offsetof(struct rte_ipv6_hdr, src_addr));

    path->port = p->port;
    path->local_mac = (ProtobufCBinaryData){6, eth->dst_addr.addr_bytes};
    path->remote_mac = (ProtobufCBinaryData){6, eth->src_addr.addr_bytes};
    path->remote_address = (ProtobufCBinaryData){len, source};
    path->local_address = (ProtobufCBinaryData){len, source + len};
    path->remote_port = rte_be_to_cpu_16(udp->src_port);
    path->local_port = rte_be_to_cpu_16(udp->dst_port);
}

static unsigned punt(struct dp_worker *w, struct rte_mbuf *m)
{
    const struct dp_packet *p = dp_packet(m);
    Headrace__Path path = HEADRACE__PATH__INIT;
    Headrace__Punt msg = HEADRACE__PUNT__INIT;

    if (!w->channel)
        return DP_DROP_PUNT_NO_CONTROLPLANE;
    dp_packet_path_back(m, &path);
    switch (dp_meter_check(w->meter, p->family, path.remote_address.data, p->endpoint != NULL,
                           w->now)) {
    case DP_METER_SOURCE:
        return DP_DROP_PUNT_SOURCE_RATE;
    case DP_METER_TOTAL:
        return DP_DROP_PUNT_RATE;
    case DP_METER_PASS:
        break;
    }
    msg.path = &path;
    msg.payload = (ProtobufCBinaryData){p->length, dp_packet_payload(m)};
    switch (hr_channel_send(w->channel, HR_RING_PUNT, w->id, &msg.base)) {
    case 0:
        w->punted = true;
        return SENT;
    case -EMSGSIZE:
        return DP_DROP_PUNT_OVERSIZE;
    default:
        return DP_DROP_PUNT_FULL;
    }
}

void dp_stage_punt(struct dp_worker *w, struct dp_burst *in)
{
    for (unsigned i = 0; i < in->n; i++) {
        unsigned why = punt(w, in->pkts[i]);
        if (why == SENT)
            rte_pktmbuf_free(in->pkts[i]);
        else
            dp_drop(w, (enum dp_drop)why, in->pkts[i]);
    }
    in->n = 0;
}
