/*
 * Header written, payload rekeyed, frame closed. Everything the bytes depend on is either in struct
 * dp_egress, in the run a record points to, or makes the subscription forget its runs when it
 * changes; so a retransmission is the same bytes under the same number, or is not made.
 */
#include "dataplane/egress.h"

#include "dataplane/dataplane.h"
#include "dataplane/frame.h"
#include "dataplane/packet.h"
#include "dataplane/subscription.h"

#define RESEND_INTERVAL_MS 30 /* at least; else a round trip */

static const uint8_t *keystream(struct dp_session *s, const struct dp_srtp_key *key,
                                const struct dp_packet *p, uint32_t len)
{
    struct dp_keystream *ks = &s->keystream;
    if (ks->key != key || ks->ssrc != p->rtp.ssrc || ks->index != p->index || ks->len != len) {
        ks->key = key;
        ks->ssrc = p->rtp.ssrc;
        ks->index = p->index;
        ks->len = len;
        dp_srtp_keystream(key, ks->ssrc, ks->index, ks->bytes, len);
    }
    return ks->bytes;
}

static int write_header(const struct dp_subscription *s, struct rte_mbuf *m,
                        const struct dp_egress *what, uint8_t *dst, size_t room)
{
    const struct dp_packet *p = dp_packet(m);
    struct dp_rtp_rewrite rw = {
        .ts = what->ts,
        .ssrc = s->ssrc,
        .seq = (uint16_t)what->index,
        .pt = s->conf.pt[p->rtp.pt],
        .frame_offset = what->frame_offset,
        .mid = s->conf.mid,
        .mid_len = s->conf.mid_len,
        .in = &what->stream->source->endpoint->conf.exts,
        .out = &s->endpoint->conf.exts,
    };
    return dp_rtp_write(dst, room, dp_packet_payload(m), &p->rtp, &rw);
}

struct place {
    uint8_t *dst;
    size_t room;
};

/* The length of the SRTP packet at dst, or 0 when it does not fit. */
static size_t write_packet(struct dp_worker *w, const struct dp_subscription *s, struct rte_mbuf *m,
                           const struct dp_egress *what, struct place to)
{
    const struct dp_packet *p = dp_packet(m);
    const struct dp_keys *in = what->stream->source->endpoint->keys;
    size_t len = p->rtp.payload_len - hr_srtp_tag_len(in->profile);
    int hdr_len = write_header(s, m, what, to.dst, to.room);
    if (hdr_len < 0 || len > DP_KEYSTREAM_MAX)
        return 0;
    struct dp_srtp_rekey job = {
        .key = &s->endpoint->keys->egress,
        .index = what->index,
        .dst = to.dst,
        .hdr_len = (size_t)hdr_len,
        .src = dp_packet_payload(m) + p->rtp.hdr_len,
        .len = len,
        .rtx_osn = -1,
    };
    if (dp_srtp_rekey_len(&job) > to.room)
        return 0;
    job.ks = keystream(w->session, &in->ingress, p, (uint32_t)len);
    return dp_srtp_rekey(&job);
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

struct rte_mbuf *dp_egress_build(struct dp_worker *w, struct dp_subscription *s, struct rte_mbuf *m,
                                 const struct dp_egress *what, enum dp_drop *why)
{
    struct dp_endpoint *e = s->endpoint;
    struct rte_mbuf *o = rte_pktmbuf_alloc(w->pool);
    *why = DP_DROP_NO_MBUF;
    if (o == NULL)
        return NULL;
    uint16_t room = dp_frame_room(o, &e->conf.path, e->conf.port);
    struct place to = {.dst = dp_frame_write(o, &e->conf.path), .room = room};
    size_t len = write_packet(w, s, m, what, to);
    *why = DP_DROP_EGRESS_OVERSIZE;
    if (len && nonce_used(w, s, what->index, to.dst, len)) {
        *why = DP_DROP_NONCE_REUSE;
        len = 0;
    }
    if (len == 0) {
        rte_pktmbuf_free(o);
        return NULL;
    }
    dp_frame_finish(o, &e->conf.path, e->conf.port, (uint16_t)len);
    e->tx_packets++;
    e->tx_bytes += len;
    return o;
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
    struct dp_egress what = {
        .stream = run->stream,
        .index = index,
        .ts = dp_packet(m)->rtp.ts + run->ts_offset,
        .frame_offset = run->frame_offset,
    };
    struct rte_mbuf *o = dp_egress_build(w, s, m, &what, why);
    if (o) {
        s->retransmitted++;
        w->session->counts.retransmitted++;
    }
    return o;
}
