/*
 * A packet's copies differ in their headers alone. What they have in common, the payload's share of
 * the checksum and the two lengths, is worked out once; then each is a line of the legs' array and
 * a few words of an mbuf. The payload is the received mbuf itself, chained behind each header with
 * its reference count raised once for all; or it is copied, where that is cheaper or the port
 * cannot gather.
 */
#include "dataplane/checksum.h"
#include "dataplane/dataplane.h"
#include "dataplane/packet.h"
#include "dataplane/readdress.h"
#include "dataplane/session.h"

#include <rte_ip.h>
#include <rte_udp.h>
#include <string.h>

/* Payloads up to so many bytes are copied: a reference costs an atomic decrement, and the second
 * segment, more. */
#define COPY_MAX 64

#define V4_HEADER 42
#define V6_HEADER 62

/* ---- copies */

static inline uint16_t once(uint32_t sum)
{
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static inline uint16_t load16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline void store16(uint8_t *p, uint16_t v)
{
    memcpy(p, &v, sizeof(v));
}

static inline void write_udp(uint8_t *udp, uint32_t sum, uint16_t length, bool none)
{
    uint16_t checksum = (uint16_t)~once(load16(udp + 6) + sum);
    store16(udp + 4, rte_cpu_to_be_16(length));
    store16(udp + 6, none ? 0 : checksum ? checksum : 0xffff);
}

static inline void write_v4(uint8_t *dst, const struct dp_opaque_leg *leg,
                            const struct dp_opaque_packet *c)
{
    uint16_t udp = (uint16_t)(c->length + sizeof(struct rte_udp_hdr));
    uint16_t total = rte_cpu_to_be_16((uint16_t)(udp + sizeof(struct rte_ipv4_hdr)));
    uint8_t *ip = dst + RTE_ETHER_HDR_LEN;
    memcpy(dst, leg->header, sizeof(leg->header));
    store16(ip + 2, total);
    store16(ip + 10, (uint16_t)~once((uint32_t)load16(ip + 10) + total));
    write_udp(ip + sizeof(struct rte_ipv4_hdr), c->sum, udp, c->no_checksum);
}

static inline void write_v6(uint8_t *dst, const struct dp_opaque_leg *leg,
                            const struct dp_opaque_packet *c)
{
    uint16_t udp = (uint16_t)(c->length + sizeof(struct rte_udp_hdr));
    uint8_t *ip = dst + RTE_ETHER_HDR_LEN;
    memcpy(dst, leg->header, sizeof(leg->header));
    store16(ip + 4, rte_cpu_to_be_16(udp));
    write_udp(ip + sizeof(struct rte_ipv6_hdr), c->sum, udp, false);
}

/* A raw mbuf's own fields, but for those that no port reads where there are no offloads. */
static inline uint8_t *begin(struct rte_mbuf *m, uint16_t port, uint32_t length)
{
    rte_mbuf_refcnt_set(m, 1);
    m->data_off = RTE_PKTMBUF_HEADROOM;
    m->port = port;
    m->ol_flags = 0;
    m->pkt_len = length;
    m->tx_offload = 0;
    return rte_pktmbuf_mtod(m, uint8_t *);
}

static inline void chain(struct rte_mbuf *m, struct rte_mbuf *payload, uint16_t header)
{
    m->nb_segs = 2;
    m->data_len = header;
    m->next = payload;
}

static inline void copy(struct rte_mbuf *m, uint8_t *dst, const struct dp_opaque_packet *c)
{
    m->nb_segs = 1;
    m->data_len = (uint16_t)m->pkt_len;
    memcpy(dst, c->bytes, c->length);
}

static void build_v4(struct rte_mbuf **pkts, const struct dp_opaque_leg *legs, unsigned n,
                     const struct dp_opaque_packet *c, struct rte_mbuf *payload, uint16_t port)
{
    for (unsigned i = 0; i < n; i++) {
        uint8_t *dst = begin(pkts[i], port, V4_HEADER + (uint32_t)c->length);
        write_v4(dst, &legs[i], c);
        if (payload)
            chain(pkts[i], payload, V4_HEADER);
        else
            copy(pkts[i], dst + V4_HEADER, c);
    }
}

static void build_v6(struct rte_mbuf **pkts, const struct dp_opaque_leg *legs, unsigned n,
                     const struct dp_opaque_packet *c, struct rte_mbuf *payload, uint16_t port)
{
    for (unsigned i = 0; i < n; i++) {
        uint8_t *dst = begin(pkts[i], port, V6_HEADER + (uint32_t)c->length);
        write_v6(dst, &legs[i], c);
        if (payload)
            chain(pkts[i], payload, V6_HEADER);
        else
            copy(pkts[i], dst + V6_HEADER, c);
    }
}

/* Egress and history of the same packet read it from its frame's begin: then it is a reference that
 * is cut down to the payload. */
static struct rte_mbuf *payload_of(struct dp_worker *w, struct rte_mbuf *m)
{
    struct dp_packet *p = dp_packet(m);
    struct rte_mbuf *payload = p->rekey ? rte_pktmbuf_clone(m, w->pool) : m;
    if (payload == NULL)
        return NULL;
    payload->data_off = (uint16_t)(payload->data_off + p->payload);
    payload->data_len = p->length;
    payload->pkt_len = p->length;
    if (payload == m)
        p->payload = 0;
    return payload;
}

/* Allocated for many copies at once: want, or if there are not so many, n. */
static bool take_spares(struct dp_worker *w, struct dp_opaque_burst *b, unsigned n, unsigned want,
                        struct rte_mbuf **pkts)
{
    void **end = (void **)&b->spare[b->spares];
    if (b->spares < n) {
        if (rte_mempool_get_bulk(w->pool, end, want - b->spares) == 0)
            b->spares = want;
        else if (rte_mempool_get_bulk(w->pool, end, n - b->spares) == 0)
            b->spares = n;
        else
            return false;
    }
    b->spares -= n;
    memcpy(pkts, &b->spare[b->spares], n * sizeof(pkts[0]));
    return true;
}

/* A reference for each of n headers; one of the last ones has that which was there. */
static void refer(struct dp_opaque_packet *c, unsigned n, bool last)
{
    rte_mbuf_refcnt_update(c->payload, (int16_t)(last ? n - 1 : n));
    c->given = last;
}

/* n legs of b's group into pkts: how many there are of them now. */
static unsigned build(struct dp_worker *w, struct dp_opaque_burst *b,
                      const struct dp_opaque_fan *fan, unsigned n, struct rte_mbuf **pkts)
{
    struct dp_opaque_packet *c = &b->now;
    const struct dp_opaque_leg *legs = &fan->legs[b->leg];
    const struct dp_port *port = &w->dp->ports[b->group / 2];
    bool v6 = b->group & 1, gather = port->tx_multi_segment && c->length > COPY_MAX;
    unsigned size = c->length + (v6 ? V6_HEADER : V4_HEADER);
    unsigned room = rte_pktmbuf_data_room_size(w->pool) - RTE_PKTMBUF_HEADROOM;
    uint32_t left = fan->ends[DP_OPAQUE_GROUPS - 2] - b->leg;
    uint64_t rest = (uint64_t)(b->burst->n - b->packet) * left;
    enum dp_drop why = DP_DROP_NO_MBUF;

    if (gather && c->payload == NULL)
        c->payload = payload_of(w, c->m);
    if (size > (unsigned)port->mtu + RTE_ETHER_HDR_LEN || (!gather && size > room))
        why = DP_DROP_EGRESS_OVERSIZE;
    else if ((c->payload || !gather) &&
             take_spares(w, b, n, (unsigned)RTE_MIN(rest, DP_BURST), pkts))
        why = DP_DROPS;
    if (why != DP_DROPS) {
        w->drops[why] += n;
        return 0;
    }
    if (gather)
        refer(c, n, n == left);
    (v6 ? build_v6 : build_v4)(pkts, legs, n, c, gather ? c->payload : NULL, port->id);
    return n;
}

/* ---- the burst */

static bool lacks_checksum(struct rte_mbuf *m)
{
    const struct dp_packet *p = dp_packet(m);
    const struct rte_udp_hdr *udp = rte_pktmbuf_mtod_offset(m, const struct rte_udp_hdr *, p->l4);
    return p->family == 4 && udp->dgram_cksum == 0;
}

/* With both lengths: all that a leg's sum lacks. */
static uint16_t sum_of(const struct dp_worker *w, struct rte_mbuf *m)
{
    const struct dp_packet *p = dp_packet(m);
    uint16_t udp = (uint16_t)(sizeof(struct rte_udp_hdr) + p->length);
    uint16_t payload = dp_checksum_fold(dp_readdress_sum(m, &w->dp->ports[p->port]));
    return dp_checksum_fold(dp_checksum_add16(dp_checksum_add16(payload, udp), udp));
}

static void begin_packet(const struct dp_worker *w, struct dp_opaque_burst *b)
{
    struct rte_mbuf *m = b->burst->pkts[b->packet];
    struct dp_packet *p = dp_packet(m);
    b->now = (struct dp_opaque_packet){
        .m = m,
        .bytes = dp_packet_payload(m),
        .length = p->length,
    };
    b->leg = b->group = 0;
    b->begun = true;
    b->now.no_checksum = lacks_checksum(m);
    b->now.sum = sum_of(w, m);
}

/* What only opaque receivers get ends here. */
static void end_packet(struct dp_opaque_burst *b, struct dp_opaque_fan *fan)
{
    struct rte_mbuf *m = b->burst->pkts[b->packet++];
    const struct dp_opaque_packet *c = &b->now;
    bool rekey = dp_packet(m)->rekey;
    if (b->begun) {
        fan->packets++;
        fan->bytes += c->length;
        if (rekey && !c->given)
            rte_pktmbuf_free(c->payload);
    }
    if (rekey)
        b->burst->pkts[b->kept++] = m;
    else if (!b->begun || !c->given)
        rte_pktmbuf_free(m);
    b->begun = false;
}

/* False when out is full. */
static bool serve(struct dp_worker *w, struct dp_opaque_burst *b, const struct dp_opaque_fan *fan,
                  struct dp_burst *out)
{
    uint32_t active = fan->ends[DP_OPAQUE_GROUPS - 2];
    while (b->leg < active) {
        while (b->leg >= fan->ends[b->group])
            b->group++;
        if (out->n == DP_BURST)
            return false;
        uint32_t n = RTE_MIN(fan->ends[b->group] - b->leg, DP_BURST - out->n);
        out->n += build(w, b, fan, n, &out->pkts[out->n]);
        b->leg += n;
    }
    return true;
}

bool dp_stage_opaque(struct dp_worker *w, struct dp_opaque_burst *b, struct dp_burst *out)
{
    out->n = 0;
    while (b->packet < b->burst->n) {
        struct dp_opaque_fan *fan = &dp_packet(b->burst->pkts[b->packet])->source->opaque;
        if (!b->begun && fan->ends[DP_OPAQUE_GROUPS - 2])
            begin_packet(w, b);
        if (b->begun && !serve(w, b, fan, out))
            return true;
        end_packet(b, fan);
    }
    b->burst->n = b->kept;
    if (b->spares)
        rte_mempool_put_bulk(w->pool, (void **)b->spare, b->spares);
    b->spares = 0;
    return false;
}
