/*
 * What left once, again: by RTX (RFC 4588) as a new packet with a number of its own, else as the
 * identical bytes. RTX serves as a probe as well: it is padding that may be of use.
 */
#include "dataplane/dataplane.h"
#include "dataplane/egress.h"
#include "dataplane/send.h"
#include "dataplane/subscription.h"

#define RESEND_INTERVAL_MS 30    /* at least; else a round trip */
#define RESEND_SHARE       2     /* retransmissions may be one byte in so many of what is sent, */
#define RESEND_RATE        8000  /* bytes/s at least, */
#define RESEND_BURST       65536 /* and so many at once, or those of a second */
#define PADDING            255   /* bytes of a packet: what one byte counts */
#define PROBE_BACK         64    /* newest packets that probes are made of, again and again */

static struct dp_resent *resent(const struct dp_worker *w, const struct dp_subscription *s,
                                uint16_t seq)
{
    return &w->session->resent[(s->id * 2654435761u + seq) % DP_RESENT_SLOTS];
}

/* Milliseconds of the worker's clock; never 0. */
static uint16_t clock_ms(const struct dp_worker *w)
{
    return (uint16_t)(w->now / (w->session->hz / 1000)) | 1;
}

/* The last time is on its way still, or may be. */
static bool too_soon(const struct dp_worker *w, const struct dp_subscription *s, uint16_t seq)
{
    const struct dp_resent *last = resent(w, s, seq);
    uint32_t interval = RTE_MAX(s->rtt_us / 1000, (uint32_t)RESEND_INTERVAL_MS);
    return last->ms && last->subscription == s->id && last->seq == seq &&
           (uint16_t)(clock_ms(w) - last->ms) < interval;
}

/* Bit/s that its link is thought to carry, or else that it is sent of late. */
static uint64_t rate_of(const struct dp_endpoint *e)
{
    const struct dp_subscription *s;
    uint64_t rate = dp_send_budget(e);
    if (rate != DP_SEND_UNKNOWN)
        return rate;
    rate = 0;
    TAILQ_FOREACH (s, &e->subscriptions, of_endpoint)
        rate += s->stream ? s->stream->rate : 0;
    return rate;
}

void dp_egress_resend_tick(struct dp_endpoint *e)
{
    uint64_t rate = RTE_MIN(rate_of(e) / 8 / RESEND_SHARE, (uint64_t)DP_BUCKET_RATE_MAX);
    e->again.rate = (uint32_t)RTE_MAX(rate, (uint64_t)RESEND_RATE);
    e->again.burst = RTE_MAX(e->again.rate, (uint32_t)RESEND_BURST);
}

/* Whoever asks for everything again does not get more than its share of the link. */
static bool affords(const struct dp_worker *w, struct dp_endpoint *e, uint32_t bytes)
{
    if (e->again.burst == 0)
        dp_egress_resend_tick(e);
    return dp_bucket_take(&e->again, bytes, w->now, w->session->hz);
}

/* What seq was made of: its numbers, and the packet, the history's, or NULL. */
static struct rte_mbuf *find_sent(const struct dp_subscription *s, uint16_t seq,
                                  struct dp_rtp_numbers *n, struct dp_stream **stream)
{
    uint64_t newest = (s->seqmap.next_out >> DP_SEQMAP_SHIFT) - 1, in;
    uint16_t back = (uint16_t)(newest - seq);
    const struct dp_seqmap_run *run =
        s->source && back <= newest ? dp_seqmap_find(&s->seqmap, newest - back, &in) : NULL;
    struct dp_stream *st = run ? s->source->streams[run->stream] : NULL;
    if (st == NULL || !st->claimed || st->ssrc != run->ssrc)
        return NULL;
    struct rte_mbuf *m = dp_history_find(&st->history, in);
    const struct dp_packet *p = m ? dp_packet(m) : NULL;
    if (p == NULL || p->padding || dp_subscription_pt(s, p->rtp.pt) == DP_PT_NONE)
        return NULL;
    *stream = st;
    *n = (struct dp_rtp_numbers){
        .index = newest - back,
        .ts = p->rtp.ts + run->ts_offset,
        .frame_offset = run->frame_offset,
        .pt = dp_subscription_pt(s, p->rtp.pt),
        .marker = dp_limits_end(run->limits, &p->part),
    };
    return m;
}

/* The header of a retransmission, and its job; false: it does not fit. */
static bool write_rtx(struct dp_egress *e, struct dp_original *o, struct dp_subscription *s,
                      const struct dp_rtp_numbers *n)
{
    struct dp_leg *leg = &s->endpoint->leg;
    const struct rte_mbuf *m = e->spare[e->spare_n - 1];
    uint8_t *dst = (uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM + leg->header_len;
    struct dp_rtp_rewrite rw = {
        .ts = n->ts,
        .ssrc = s->rtx_ssrc,
        .seq = (uint16_t)s->rtx_next,
        .pt = dp_subscription_rtx_pt(s, n->pt),
        .frame_offset = n->frame_offset,
        .mid = (const char *)s->conf.mid->bytes,
        .mid_len = (uint8_t)s->conf.mid->len,
        .has_transport_cc = s->numbered,
        .transport_cc = leg->number,
        .in = o->exts,
        .out = &s->endpoint->conf.exts,
    };
    int len = dp_rtp_write(dst, leg->room, dp_packet_payload(o->pkt), &o->packet->rtp, &rw);
    if (len < 0 || (size_t)len + DP_OSN_LEN + o->job.len + leg->tag_len > leg->room)
        return false;
    dp_rtp_mark(dst, n);
    o->job.hdr_len = (size_t)len;
    o->job.rtx_osn = (uint16_t)n->index;
    return true;
}

/* The keystream is the original's; the number, the retransmission's own. */
static enum dp_drop put_rtx(struct dp_egress *e, struct dp_original *o, struct dp_subscription *s,
                            const struct dp_rtp_numbers *n)
{
    struct dp_leg *leg = &s->endpoint->leg;
    if (e->spare_n == 0)
        return DP_DROP_NO_MBUF;
    if (o->job.len > DP_KEYSTREAM_MAX - DP_OSN_LEN || s->rtx_next == UINT32_MAX ||
        !write_rtx(e, o, s, n))
        return DP_DROP_EGRESS_OVERSIZE;
    dp_egress_keystream(e->w, o);
    if (s->numbered)
        dp_egress_number(e, leg);
    size_t len = o->job.hdr_len + DP_OSN_LEN + o->job.len + leg->tag_len;
    dp_egress_add(e, &o->job, s, s->rtx_next++, (uint16_t)len);
    return DP_DROPS;
}

/* One packet, by RTX where there is that. */
static enum dp_drop again(struct dp_worker *w, struct dp_subscription *s, struct rte_mbuf *m,
                          struct dp_stream *stream, const struct dp_rtp_numbers *n,
                          struct dp_burst *out)
{
    struct dp_original original;
    struct dp_egress e;
    bool rtx = dp_subscription_rtx_pt(s, n->pt) != DP_PT_NONE;
    if (s->numbered && !rtx)
        return DP_DROP_RESEND_NUMBERED;
    dp_original_set(&original, m, stream);
    dp_egress_open(&e, w);
    dp_egress_reserve(&e, 1);
    e.again = true;
    enum dp_drop why = rtx ? put_rtx(&e, &original, s, n) : dp_egress_put(&e, &original, s, n);
    if (why == DP_DROPS)
        dp_egress_flush(&e, out);
    dp_egress_close(&e);
    if (why != DP_DROPS)
        return why;
    s->endpoint->tx_packets++;
    s->endpoint->tx_bytes += dp_packet(m)->length;
    return DP_DROPS;
}

enum dp_drop dp_egress_resend(struct dp_worker *w, struct dp_subscription *s, uint16_t seq,
                              struct dp_burst *out)
{
    struct dp_rtp_numbers numbers;
    struct dp_stream *stream;
    struct rte_mbuf *m = find_sent(s, seq, &numbers, &stream);
    if (m == NULL)
        return DP_DROP_HISTORY_MISS;
    if (too_soon(w, s, seq))
        return DP_DROP_RESEND_LIMIT;
    if (!affords(w, s->endpoint, dp_packet(m)->length))
        return DP_DROP_RESEND_BYTES;
    enum dp_drop why = again(w, s, m, stream, &numbers, out);
    if (why != DP_DROPS)
        return why;
    *resent(w, s, seq) = (struct dp_resent){.subscription = s->id, .seq = seq, .ms = clock_ms(w)};
    s->retransmitted++;
    w->session->counts.retransmitted++;
    return DP_DROPS;
}

/* A video with RTX, if there is one that something is sent of; NULL: none. */
static struct dp_subscription *probe_with(const struct dp_endpoint *e)
{
    struct dp_subscription *s, *best = NULL;
    TAILQ_FOREACH (s, &e->subscriptions, of_endpoint)
        if (s->numbered && s->rtx_ssrc && (best == NULL || (s->stream && !best->stream)))
            best = s;
    return best;
}

static uint8_t any_rtx_pt(const struct dp_subscription *s)
{
    for (unsigned pt = 0; pt < DP_PAYLOAD_TYPES; pt++)
        if (dp_subscription_rtx_pt(s, (uint8_t)pt) != DP_PT_NONE)
            return dp_subscription_rtx_pt(s, (uint8_t)pt);
    return DP_PT_NONE;
}

/* A packet of the RTX stream that is nothing but padding (RFC 3550 5.1). */
static bool pad(struct dp_worker *w, struct dp_subscription *s, uint8_t pt, struct dp_burst *out)
{
    static const uint8_t padding[PADDING] = {[PADDING - 1] = PADDING}, none[PADDING];
    const struct dp_rtp_header header = {.padding = true};
    struct dp_leg *leg = &s->endpoint->leg;
    struct dp_egress e;
    struct dp_rtp_rewrite rw = {
        .ts = s->tsmap.highest,
        .ssrc = s->rtx_ssrc,
        .seq = (uint16_t)s->rtx_next,
        .pt = pt,
        .mid = (const char *)s->conf.mid->bytes,
        .mid_len = (uint8_t)s->conf.mid->len,
        .has_transport_cc = true,
        .transport_cc = leg->number,
        .in = &s->endpoint->conf.exts,
        .out = &s->endpoint->conf.exts,
    };
    dp_egress_open(&e, w);
    dp_egress_reserve(&e, 1);
    if (e.spare_n == 0)
        return false;
    e.again = true;
    const struct rte_mbuf *m = e.spare[0];
    uint8_t *dst = (uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM + leg->header_len;
    int len = dp_rtp_write(dst, leg->room - PADDING - leg->tag_len, NULL, &header, &rw);
    if (len > 0) {
        const struct dp_srtp_rekey job = {
            .src = padding, .ks = none, .len = PADDING, .hdr_len = (size_t)len, .rtx_osn = -1};
        dp_egress_number(&e, leg);
        dp_egress_add(&e, &job, s, s->rtx_next++, (uint16_t)(len + PADDING + leg->tag_len));
        dp_egress_flush(&e, out);
    }
    dp_egress_close(&e);
    return len > 0;
}

static uint32_t pad_all(struct dp_worker *w, struct dp_subscription *s, uint32_t bytes,
                        struct dp_burst *out)
{
    uint8_t pt = any_rtx_pt(s);
    uint32_t sent = 0;
    while (pt != DP_PT_NONE && s->rtx_next < UINT32_MAX && sent < bytes && out->n < DP_BURST &&
           pad(w, s, pt, out))
        sent += PADDING;
    return sent;
}

uint32_t dp_egress_probe(struct dp_worker *w, struct dp_endpoint *e, uint32_t bytes,
                         struct dp_burst *out)
{
    struct dp_subscription *s = probe_with(e);
    uint32_t sent = 0;
    if (s == NULL)
        return 0;
    uint16_t newest = (uint16_t)((s->seqmap.next_out >> DP_SEQMAP_SHIFT) - 1);
    for (uint16_t back = 0; back < PROBE_BACK && sent < bytes && out->n < DP_BURST; back++) {
        struct dp_rtp_numbers numbers;
        struct dp_stream *stream;
        struct rte_mbuf *m = find_sent(s, (uint16_t)(newest - back), &numbers, &stream);
        if (m && again(w, s, m, stream, &numbers, out) == DP_DROPS)
            sent += dp_packet(m)->length;
    }
    return sent ? sent : pad_all(w, s, bytes, out);
}
