/*
 * Everything that a copy's bytes depend on is the packet, in the run of its output (seqmap.h), or
 * makes the subscription forget its runs when it changes; so a retransmission is the same bytes
 * under the same number, or is not made.
 */
#include "dataplane/egress.h"

#include "dataplane/dataplane.h"
#include "dataplane/frame.h"
#include "dataplane/rtp/wire.h"
#include "dataplane/send.h"
#include "dataplane/subscription.h"

/* The newest one serves all copies of a packet. The others are those that the batch's jobs may
 * still point to. */
static const uint8_t *keystream(struct dp_session *s, const struct dp_srtp_key *key,
                                const struct dp_packet *p, uint32_t len)
{
    struct dp_keystream *ks = &s->keystream;
    if (ks->key != key || ks->ssrc != p->cipher.ssrc || ks->index != p->cipher.index ||
        ks->len != len) {
        ks->key = key;
        ks->ssrc = p->cipher.ssrc;
        ks->index = p->cipher.index;
        ks->len = len;
        ks->newest = (ks->newest + 1) % DP_KEYSTREAMS;
        dp_packet_keystream(p, key, ks->bytes[ks->newest], len);
    }
    return ks->bytes[ks->newest] + p->cipher.skip;
}

void dp_egress_keystream(struct dp_worker *w, struct dp_original *o)
{
    o->job.ks = keystream(w->session, &o->stream->source->endpoint->keys->ingress, o->packet,
                          (uint32_t)o->job.len);
}

static const struct dp_rtp_template no_template = {.exts = DP_RTP_NO_TEMPLATE};

void dp_original_set(struct dp_original *o, struct rte_mbuf *pkt, struct dp_stream *stream)
{
    const struct dp_packet *p = dp_packet(pkt);
    const struct dp_endpoint *from = stream->source->endpoint;
    o->pkt = pkt;
    o->packet = p;
    o->stream = stream;
    o->word = dp_seqmap_word(p->index, p->rtp.pt);
    o->exts = &from->conf.exts;
    o->job = (struct dp_srtp_rekey){
        .src = dp_packet_payload(pkt) + p->rtp.hdr_len,
        .len = dp_packet_media_len(p, from->keys->profile),
        .rtx_osn = -1,
    };
    o->header = &no_template;
    o->headers_next = 0;
    for (unsigned i = 0; i < DP_EGRESS_HEADERS; i++)
        o->headers[i].exts = DP_RTP_NO_TEMPLATE;
}

void dp_egress_open(struct dp_egress *e, struct dp_worker *w)
{
    e->w = w;
    e->n = e->spare_n = e->numbered = 0;
    e->again = false;
}

void dp_egress_reserve(struct dp_egress *e, unsigned n)
{
    n = RTE_MIN(n, (unsigned)DP_EGRESS_BATCH - e->spare_n);
    if (n && rte_mempool_get_bulk(e->w->pool, (void **)&e->spare[e->spare_n], n) == 0) {
        e->spare_n += n;
        return;
    }
    for (; n && rte_mempool_get(e->w->pool, (void **)&e->spare[e->spare_n]) == 0; n--)
        e->spare_n++;
}

void dp_egress_close(struct dp_egress *e)
{
    if (e->spare_n)
        rte_mempool_put_bulk(e->w->pool, (void **)e->spare, e->spare_n);
    e->spare_n = 0;
}

/* A template that others of the packet were written by, or NULL. */
static const struct dp_rtp_template *find_template(const struct dp_original *o,
                                                   const struct dp_subscription *s,
                                                   const struct dp_rtp_numbers *n)
{
    for (unsigned i = 0; i < DP_EGRESS_HEADERS; i++)
        if (dp_rtp_template_fits(&o->headers[i], s->endpoint->leg.exts, s->mid, n->frame_offset))
            return &o->headers[i];
    return NULL;
}

/* The first header of its kind; false when it does not fit. */
static bool write_first(struct dp_original *o, const struct dp_subscription *s,
                        const struct dp_rtp_numbers *n, uint8_t *dst)
{
    struct dp_rtp_template *t = &o->headers[o->headers_next];
    struct dp_rtp_rewrite rw = {
        .ts = n->ts,
        .ssrc = dp_subscription_ssrc(s),
        .seq = (uint16_t)n->index,
        .pt = n->pt,
        .frame_offset = n->frame_offset,
        .mid = (const char *)s->conf.mid->bytes,
        .mid_len = (uint8_t)s->conf.mid->len,
        .has_transport_cc = s->numbered,
        .transport_cc = s->endpoint->leg.number, /* its own, unless it does not fit */
        .in = o->exts,
        .out = &s->endpoint->conf.exts,
    };
    int len =
        dp_rtp_write(dst, s->endpoint->leg.room, dp_packet_payload(o->pkt), &o->packet->rtp, &rw);
    if (len < 0)
        return false;
    dp_rtp_template_make(t, dst, (size_t)len, &rw);
    o->headers_next = (o->headers_next + 1) % DP_EGRESS_HEADERS;
    o->header = t;
    o->job.hdr_len = (size_t)len;
    return true;
}

enum dp_drop dp_egress_put(struct dp_egress *e, struct dp_original *o, struct dp_subscription *s,
                           const struct dp_rtp_numbers *n)
{
    struct dp_leg *leg = &s->endpoint->leg;
    if (e->spare_n == 0)
        return DP_DROP_NO_MBUF;
    if (o->job.len > DP_KEYSTREAM_MAX - DP_OSN_LEN)
        return DP_DROP_EGRESS_OVERSIZE;
    if (o->job.ks == NULL)
        dp_egress_keystream(e->w, o);
    const struct rte_mbuf *m = e->spare[e->spare_n - 1];
    uint8_t *dst = (uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM + leg->header_len;
    const struct dp_rtp_template *t = find_template(o, s, n);
    if (t) {
        dp_rtp_template_write(dst, t, s->mid, s->ssrc_be, n);
        if (t->number_at)
            dp_rtp_template_number(dst, t, leg->number);
        o->header = t;
        o->job.hdr_len = t->len;
    } else if (!write_first(o, s, n, dst)) {
        return DP_DROP_EGRESS_OVERSIZE;
    }
    dp_rtp_mark(dst, n);
    size_t len = o->job.hdr_len + o->job.len + leg->tag_len;
    if (len > leg->room)
        return DP_DROP_EGRESS_OVERSIZE;
    if (s->numbered)
        dp_egress_number(e, leg);
    dp_egress_add(e, &o->job, s, n->index, (uint16_t)len);
    return DP_DROPS;
}

static bool nonce_used(struct dp_worker *w, const struct dp_subscription *s,
                       const struct dp_srtp_rekey *job)
{
    struct dp_session *session = w->session;
    struct dp_srtp_checker *checker = s->endpoint->keys->checker;
    uint32_t ssrc = dp_get32(job->dst + 8); /* its own, or that of its retransmissions */
    if (checker == NULL || dp_srtp_checker_see(checker, s->endpoint->id, ssrc, job->index, job->dst,
                                               job->out_len) == 0)
        return false;
    session->counts.nonce_alarms++;
    if (!session->alarm_posted && session->alarm.done)
        session->alarm_posted = dp_worker_return(w, &session->alarm) == 0;
    return true;
}

/* It was counted before it was made. */
static void give_up(struct dp_egress *e, unsigned i, enum dp_drop why)
{
    rte_pktmbuf_free(e->out[i]);
    e->w->drops[why]++;
    if (!e->again)
        dp_subscription_unsent(e->to[i], (uint32_t)e->jobs[i].len);
}

/* The checksum of a frame that is complete but for it. */
static inline void finish(const struct dp_egress *e, unsigned i)
{
    const struct dp_srtp_rekey *job = &e->jobs[i];
    if (e->sums[i] == DP_EGRESS_OFFLOAD) {
        const struct dp_endpoint_conf *to = &e->to[i]->endpoint->conf;
        dp_frame_finish(e->out[i], &to->path, to->port, (uint16_t)job->out_len);
    } else {
        dp_leg_checksum(job->dst, dp_checksum_add16(e->sums[i], job->sum));
    }
}

void dp_egress_flush(struct dp_egress *e, struct dp_burst *out)
{
    bool check = e->w->session->check_nonces;
    dp_srtp_rekey_batch(e->w->session->batch, e->jobs, e->n);
    for (unsigned i = 0; i < e->n; i++) {
        if (e->jobs[i].out_len == 0) {
            give_up(e, i, DP_DROP_EGRESS_OVERSIZE);
        } else if (check && nonce_used(e->w, e->to[i], &e->jobs[i])) {
            give_up(e, i, DP_DROP_NONCE_REUSE);
        } else {
            finish(e, i);
            if (e->numbered >> i & 1)
                dp_send_put(e->w, e->to[i]->endpoint, e->out[i], e->numbers[i], out);
            else
                out->pkts[out->n++] = e->out[i];
        }
    }
    e->n = e->numbered = 0;
}
