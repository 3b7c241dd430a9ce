/*
 * Packets to subscriptions: the same functions for the first time and for retransmission. Copies
 * gather in a batch, headers written, until their payloads are rekeyed side by side.
 */
#ifndef DP_EGRESS_H
#define DP_EGRESS_H

#include "dataplane/packet.h"
#include "dataplane/session.h"

#define DP_EGRESS_BATCH DP_KEYSTREAMS /* copies: each may be of a packet of its own */

#define DP_EGRESS_HEADERS 4 /* templates of one packet: receivers' extensions differ so much */

/* What copies of one packet have in common. */
struct dp_original {
    struct rte_mbuf *pkt; /* as received; stays the caller's */
    const struct dp_packet *packet;
    struct dp_stream *stream;             /* that it is of */
    uint64_t word;                        /* its index and payload type: dp_seqmap_word() */
    const struct dp_rtp_template *header; /* that fitted last */
    struct dp_srtp_rekey job;             /* with this header; ks NULL: not known yet */
    const struct dp_ext_map *exts;
    unsigned headers_next;
    struct dp_rtp_template headers[DP_EGRESS_HEADERS];
};

struct dp_egress {
    struct dp_worker *w;
    unsigned n;
    unsigned spare_n;
    bool again; /* what is put was sent before */
    struct rte_mbuf *spare[DP_EGRESS_BATCH];
    struct rte_mbuf *out[DP_EGRESS_BATCH];
    struct dp_subscription *to[DP_EGRESS_BATCH];
    uint32_t sums[DP_EGRESS_BATCH]; /* dp_leg_sum(), or DP_EGRESS_OFFLOAD */
    uint32_t numbered;              /* bit i: out[i] has a transport-wide number, */
    uint16_t numbers[DP_EGRESS_BATCH]; /* this */
    struct dp_srtp_rekey jobs[DP_EGRESS_BATCH];
};

#define DP_EGRESS_OFFLOAD UINT32_MAX

_Static_assert(DP_EGRESS_BATCH <= 32, "a bit each");

void dp_original_set(struct dp_original *o, struct rte_mbuf *pkt, struct dp_stream *stream);

/* An empty batch. */
void dp_egress_open(struct dp_egress *e, struct dp_worker *w);
/* mbufs for n more copies, as far as there are. */
void dp_egress_reserve(struct dp_egress *e, unsigned n);
/* One more copy, of a batch that is not full: DP_DROPS, or why it is not made. */
enum dp_drop dp_egress_put(struct dp_egress *e, struct dp_original *o, struct dp_subscription *s,
                           const struct dp_rtp_numbers *numbers);
/* Frames of all copies put, to out; the batch is empty again. */
void dp_egress_flush(struct dp_egress *e, struct dp_burst *out);
/* Gives back what is reserved. */
void dp_egress_close(struct dp_egress *e);

/* The keystream that the original came under, for its job. */
void dp_egress_keystream(struct dp_worker *w, struct dp_original *o);

/* ---- resend.c */

/* The packet that left under the 16-bit number seq once more, by RTX or as the identical bytes, to
 * out; or why not. */
enum dp_drop dp_egress_resend(struct dp_worker *w, struct dp_subscription *s, uint16_t seq,
                              struct dp_burst *out);

/* How much of what e is sent may be such, from what it is sent now. */
void dp_egress_resend_tick(struct dp_endpoint *e);

/* About so many bytes of what was sent lately, once more; returns how many there were. */
uint32_t dp_egress_probe(struct dp_worker *w, struct dp_endpoint *e, uint32_t bytes,
                         struct dp_burst *out);

/* An mbuf as rte_pktmbuf_alloc() gives it, of one segment of len bytes: what a free one is not
 * already, in two stores. */
static inline void dp_egress_mbuf(struct rte_mbuf *m, uint16_t port, uint32_t len)
{
    const uint64_t rearm = RTE_PKTMBUF_HEADROOM | UINT64_C(1) << 16 | UINT64_C(1) << 32;
    const uint64_t first[2] = {rearm | (uint64_t)port << 48, 0};
    const uint64_t lengths[2] = {(uint64_t)len << 32, len};
    _Static_assert(offsetof(struct rte_mbuf, refcnt) == offsetof(struct rte_mbuf, data_off) + 2 &&
                       offsetof(struct rte_mbuf, port) == offsetof(struct rte_mbuf, data_off) + 6 &&
                       offsetof(struct rte_mbuf, ol_flags) ==
                           offsetof(struct rte_mbuf, data_off) + 8,
                   "first");
    _Static_assert(
        offsetof(struct rte_mbuf, pkt_len) == offsetof(struct rte_mbuf, packet_type) + 4 &&
            offsetof(struct rte_mbuf, data_len) == offsetof(struct rte_mbuf, packet_type) + 8,
        "lengths");
    memcpy(&m->data_off, first, sizeof(first));
    memcpy(&m->packet_type, lengths, sizeof(lengths));
}

/* Notes that the copy which is added next has the next transport-wide number. */
static inline uint16_t dp_egress_number(struct dp_egress *e, struct dp_leg *leg)
{
    e->numbered |= UINT32_C(1) << e->n;
    return e->numbers[e->n] = leg->number++;
}

/* Takes a spare mbuf for a copy of len bytes whose header was written into it. */
static inline void dp_egress_add(struct dp_egress *e, const struct dp_srtp_rekey *job,
                                 struct dp_subscription *s, uint64_t index, uint16_t len)
{
    const struct dp_endpoint *to = s->endpoint;
    const struct dp_leg *leg = &to->leg;
    unsigned i = e->n++;
    struct rte_mbuf *m = e->spare[--e->spare_n];
    uint8_t *frame = (uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM;
    dp_leg_write(leg, frame, len);
    dp_egress_mbuf(m, leg->port, leg->header_len + len);
    e->out[i] = m;
    e->to[i] = s;
    e->sums[i] = leg->offload ? DP_EGRESS_OFFLOAD : dp_leg_sum(leg, len);
    e->jobs[i] = *job;
    e->jobs[i].key = &to->egress;
    e->jobs[i].index = index;
    e->jobs[i].dst = frame + leg->header_len;
}

/* dp_egress_put() for most: the next number in order, a header like the last one's. False: nothing
 * has changed. */
static inline bool dp_egress_put_next(struct dp_egress *e, const struct dp_original *o,
                                      struct dp_subscription *s)
{
    const struct dp_rtp_template *t = o->header;
    const struct dp_packet *p = o->packet;
    if (s->straight != o->stream || s->seqmap.next_in != o->word)
        return false;
    struct dp_leg *leg = &s->endpoint->leg;
    size_t len = o->job.hdr_len + o->job.len + leg->tag_len;
    if (!dp_rtp_template_fits(t, leg->exts, s->mid, s->framemap.offset) ||
        p->has_frame > s->framemap.aligned || e->spare_n == 0 || len > leg->room)
        return false;
    uint64_t out;
    dp_seqmap_step(&s->seqmap, o->word, &out);
    struct dp_rtp_numbers n = {.index = out >> DP_SEQMAP_SHIFT, .pt = (uint8_t)out};
    n.ts = p->rtp.ts + s->tsmap.offset;
    if ((int32_t)(n.ts - s->tsmap.highest) > 0)
        s->tsmap.highest = n.ts;
    uint16_t frame = (uint16_t)(p->frame + s->framemap.offset);
    if (p->has_frame && (int16_t)(frame - s->framemap.highest) > 0)
        s->framemap.highest = frame;
    const struct rte_mbuf *m = e->spare[e->spare_n - 1];
    uint8_t *dst = (uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM + leg->header_len;
    dp_rtp_template_write(dst, t, s->mid, s->ssrc_be, &n);
    if (t->number_at)
        dp_rtp_template_number(dst, t, dp_egress_number(e, leg));
    dp_egress_add(e, &o->job, s, n.index, (uint16_t)len);
    return true;
}

#endif
