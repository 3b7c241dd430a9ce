/*
 * Copies are made in batches, a pass at a time: mbufs, headers, payloads rekeyed side by side,
 * frames closed. Everything the bytes depend on is either in struct dp_egress, in the run a record
 * points to, or makes the subscription forget its runs when it changes; so a retransmission is the
 * same bytes under the same number, or is not made.
 */
#include "dataplane/egress.h"

#include "dataplane/dataplane.h"
#include "dataplane/frame.h"
#include "dataplane/packet.h"
#include "dataplane/subscription.h"

#include <rte_prefetch.h>

#define RESEND_INTERVAL_MS 30 /* at least; else a round trip */

#define BATCH DP_KEYSTREAMS /* copies: each may be of a packet of its own */

/* The newest one serves all copies of a packet. The others are those that the batch's jobs may
 * still point to. */
static const uint8_t *keystream(struct dp_session *s, const struct dp_srtp_key *key,
                                const struct dp_packet *p, uint32_t len)
{
    struct dp_keystream *ks = &s->keystream;
    if (ks->key != key || ks->ssrc != p->rtp.ssrc || ks->index != p->index || ks->len != len) {
        ks->key = key;
        ks->ssrc = p->rtp.ssrc;
        ks->index = p->index;
        ks->len = len;
        ks->newest = (ks->newest + 1) % DP_KEYSTREAMS;
        dp_srtp_keystream(key, ks->ssrc, ks->index, ks->bytes[ks->newest], len);
    }
    return ks->bytes[ks->newest];
}

/* What copies of one packet have in common. */
struct received {
    const struct rte_mbuf *pkt; /* NULL: none yet */
    const struct dp_ext_map *exts;
    const uint8_t *src, *ks;
    size_t len; /* of the payload */
    bool fits;  /* the payload has a keystream */
    struct dp_rtp_written header;
};

static void receive(struct dp_worker *w, const struct dp_egress *e, struct received *r)
{
    const struct dp_packet *p = dp_packet(e->pkt);
    const struct dp_endpoint *from = e->stream->source->endpoint;
    size_t len = p->rtp.payload_len - hr_srtp_tag_len(from->keys->profile);
    r->pkt = e->pkt;
    r->exts = &from->conf.exts;
    r->header.len = 0;
    r->src = dp_packet_payload(e->pkt) + p->rtp.hdr_len;
    r->fits = len <= DP_KEYSTREAM_MAX;
    r->len = len;
    if (r->fits)
        r->ks = keystream(w->session, &from->keys->ingress, p, (uint32_t)len);
}

/* The length, or 0 when there is not so much room. */
static size_t write_header(const struct dp_egress *e, struct received *r, uint8_t *dst, size_t room)
{
    const struct dp_subscription *s = e->subscription;
    const struct dp_packet *p = dp_packet(e->pkt);
    struct dp_rtp_rewrite rw = {
        .ts = e->ts,
        .ssrc = s->ssrc,
        .seq = (uint16_t)e->index,
        .pt = s->conf.pt[p->rtp.pt],
        .frame_offset = e->frame_offset,
        .mid = s->conf.mid,
        .mid_len = s->conf.mid_len,
        .in = r->exts,
        .out = &s->endpoint->conf.exts,
    };
    size_t like = r->header.len ? dp_rtp_write_like(dst, room, &r->header, &rw) : 0;
    if (like)
        return like;
    int len = dp_rtp_write(dst, room, dp_packet_payload(e->pkt), &p->rtp, &rw);
    if (len < 0)
        return 0;
    r->header = (struct dp_rtp_written){.dst = dst, .len = (size_t)len, .rw = rw};
    return (size_t)len;
}

/* Headers in place and the payload's job set; false when the packet does not fit. */
static bool prepare(const struct dp_egress *e, struct received *r, struct dp_srtp_rekey *job)
{
    const struct dp_endpoint *to = e->subscription->endpoint;
    size_t room = dp_frame_room(e->out, &to->conf.path, to->conf.port);
    uint8_t *dst = dp_frame_write(e->out, &to->conf.path);
    size_t hdr_len = write_header(e, r, dst, room);
    if (hdr_len == 0 || !r->fits)
        return false;
    *job = (struct dp_srtp_rekey){
        .key = &to->keys->egress,
        .index = e->index,
        .dst = dst,
        .hdr_len = hdr_len,
        .src = r->src,
        .ks = r->ks,
        .len = r->len,
        .rtx_osn = -1,
    };
    return dp_srtp_rekey_len(job) <= room;
}

static bool nonce_used(struct dp_worker *w, const struct dp_subscription *s, uint64_t index,
                       const uint8_t *bytes, size_t len)
{
    struct dp_session *session = w->session;
    if (session->checker == NULL ||
        dp_srtp_checker_see(session->checker, s->endpoint->id, s->ssrc, index, bytes, len) == 0)
        return false;
    session->counts.nonce_alarms++;
    if (!session->alarm_posted && session->alarm.done)
        session->alarm_posted = dp_worker_return(w, &session->alarm) == 0;
    return true;
}

static void give_up(struct dp_egress *e, enum dp_drop why)
{
    rte_pktmbuf_free(e->out);
    e->out = NULL;
    e->why = why;
}

/* The frame around a packet that is rekeyed. */
static void finish(struct dp_worker *w, struct dp_egress *e, const struct dp_srtp_rekey *job)
{
    struct dp_endpoint *to = e->subscription->endpoint;
    if (job->out_len == 0) {
        give_up(e, DP_DROP_EGRESS_OVERSIZE);
    } else if (nonce_used(w, e->subscription, e->index, job->dst, job->out_len)) {
        give_up(e, DP_DROP_NONCE_REUSE);
    } else {
        dp_frame_finish(e->out, &to->conf.path, to->conf.port, (uint16_t)job->out_len);
        to->tx_packets++;
        to->tx_bytes += job->out_len;
    }
}

/* All at once; where the pool has not so many left, as many as there are. */
static void allocate(struct dp_worker *w, struct dp_egress *list, unsigned n)
{
    struct rte_mbuf *pkts[BATCH];
    bool all = rte_pktmbuf_alloc_bulk(w->pool, pkts, n) == 0;
    for (unsigned i = 0; i < n; i++) {
        list[i].out = all ? pkts[i] : rte_pktmbuf_alloc(w->pool);
        list[i].why = list[i].out ? DP_DROPS : DP_DROP_NO_MBUF;
    }
}

/* The key, and where the copy is written down. */
static void prefetch(const struct dp_egress *e)
{
    const uint8_t *key = (const uint8_t *)&e->subscription->endpoint->keys->egress;
    const struct dp_records *r = &e->subscription->records;
    rte_prefetch0(key);
    rte_prefetch0(key + 64);
    rte_prefetch0(key + 128);
    rte_prefetch0(key + 384);
    rte_prefetch0(key + 448);
    if (r->size)
        rte_prefetch0(&r->records[e->index & (r->size - 1)]);
}

static void build(struct dp_worker *w, struct dp_egress *list, unsigned n)
{
    struct dp_srtp_rekey jobs[BATCH];
    struct dp_egress *of[BATCH];
    struct received r = {.pkt = NULL};
    unsigned count = 0;

    for (unsigned i = 0; i < n; i++)
        prefetch(&list[i]);
    allocate(w, list, n);
    for (unsigned i = 0; i < n; i++) {
        if (list[i].out == NULL)
            continue;
        if (r.pkt != list[i].pkt)
            receive(w, &list[i], &r);
        if (prepare(&list[i], &r, &jobs[count])) {
            of[count++] = &list[i];
        } else {
            r.header.len = 0; /* it may be the one that is freed */
            give_up(&list[i], DP_DROP_EGRESS_OVERSIZE);
        }
    }
    dp_srtp_rekey_batch(w->session->batch, jobs, count);
    for (unsigned i = 0; i < count; i++)
        finish(w, of[i], &jobs[i]);
}

/* How many at once: two sets of HMAC lanes, or so many that they stay in the first-level cache from
 * one pass to the next. In equal parts where that is fewer than two whole batches, for few HMACs
 * are slow. */
static unsigned batch_of(const struct dp_egress *list, unsigned n)
{
    const struct dp_keys *keys = list->subscription->endpoint->keys;
    unsigned most = keys->profile == HR_SRTP_AEAD_AES_128_GCM ? BATCH / 2 : BATCH;
    return n <= most ? n : RTE_MIN((n + 1) / 2, most);
}

void dp_egress_build(struct dp_worker *w, struct dp_egress *list, unsigned n)
{
    while (n > 0) {
        unsigned now = batch_of(list, n);
        build(w, list, now);
        list += now;
        n -= now;
    }
}

/* Whether it is too soon to send this again; notes the time if not. */
static bool too_soon(const struct dp_worker *w, const struct dp_subscription *s,
                     struct dp_record *record)
{
    uint32_t now = (uint32_t)(w->now / (w->session->hz / 1000)) | 1;
    uint32_t interval = RTE_MAX(s->rtt_us / 1000, (uint32_t)RESEND_INTERVAL_MS);
    if (record->resent_ms && now - record->resent_ms < interval)
        return true;
    record->resent_ms = now;
    return false;
}

struct rte_mbuf *dp_egress_resend(struct dp_worker *w, struct dp_subscription *s, uint16_t seq,
                                  enum dp_drop *why)
{
    *why = DP_DROP_HISTORY_MISS;
    uint16_t back = (uint16_t)(s->highest_out - seq);
    if (back > s->highest_out || s->packets == 0)
        return NULL;
    uint64_t index = s->highest_out - back;
    struct dp_record *record = dp_records_find(&s->records, index);
    const struct dp_run *run = record ? dp_subscription_run(s, dp_record_run(record)) : NULL;
    if (run == NULL || !run->stream->claimed || run->stream->ssrc != run->in_ssrc)
        return NULL;
    struct rte_mbuf *m = dp_history_find(&run->stream->history, dp_record_index(record));
    if (m == NULL)
        return NULL;
    if (too_soon(w, s, record)) {
        *why = DP_DROP_RESEND_LIMIT;
        return NULL;
    }
    struct dp_egress e = {
        .subscription = s,
        .pkt = m,
        .stream = run->stream,
        .index = index,
        .ts = dp_packet(m)->rtp.ts + run->ts_offset,
        .frame_offset = run->frame_offset,
    };
    dp_egress_build(w, &e, 1);
    if (e.out) {
        s->retransmitted++;
        w->session->counts.retransmitted++;
    }
    *why = e.why;
    return e.out;
}
