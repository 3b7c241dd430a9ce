/*
 * Exits: out (retransmissions and keyframe requests); every packet that came in ends here. What a
 * receiver reports is about an SSRC that the relay sends, so it is looked up among its
 * subscriptions; what a sender reports is about its streams.
 */
#include "dataplane/dataplane.h"
#include "dataplane/egress.h"
#include "dataplane/keyframe.h"
#include "dataplane/mirror.h"
#include "dataplane/nacks.h"
#include "dataplane/packet.h"
#include "dataplane/quality.h"
#include "dataplane/rtp/wire.h"
#include "dataplane/send.h"
#include "dataplane/subscription.h"

struct rtcp_context {
    struct dp_worker *w;
    struct dp_endpoint *e;
    struct dp_burst *out;
};

/* Microseconds of tsc, less what the other end kept what we sent then: 1/65536 s. */
static int64_t round_trip(const struct dp_worker *w, uint64_t tsc, uint32_t kept)
{
    return dp_session_us(w->session, tsc) - (int64_t)kept * 1000000 / 65536;
}

/* A round trip by LSR and DLSR (RFC 3550 6.4.1), if it answers our last sender report. */
static void take_round_trip(struct dp_worker *w, struct dp_subscription *s,
                            const struct dp_rtcp_report_block *b)
{
    if (b->lsr == 0 || b->lsr != s->sr_lsr)
        return;
    uint32_t since = (uint32_t)(w->now >> 16) - s->sr_at;
    int64_t us = round_trip(w, (uint64_t)since << 16, b->dlsr);
    if (us >= 0 && us < 60 * 1000000)
        s->rtt_us = (uint32_t)us;
    dp_quality_round_trip(w, HR_HISTOGRAM_ROUND_TRIP_EGRESS, us);
    if (s->endpoint->publishing)
        dp_nacks_round_trip(s->endpoint->publishing, us);
}

static void on_dlrr(void *ctx, const struct dp_rtcp_dlrr *dlrr)
{
    struct rtcp_context *c = ctx;
    struct dp_publishing *p = c->e->publishing;
    if (!p || dlrr->ssrc != c->e->conf.feedback_ssrc || !dlrr->lrr || dlrr->lrr != p->reference)
        return;
    int64_t us = round_trip(c->w, c->w->now - p->reference_at, dlrr->dlrr);
    dp_nacks_round_trip(p, us);
    dp_quality_round_trip(c->w, HR_HISTOGRAM_ROUND_TRIP_INGRESS, us);
}

static void take_reports(struct rtcp_context *c, const struct dp_rtcp_reports *reports)
{
    for (unsigned i = 0; i < reports->count; i++) {
        struct dp_rtcp_report_block b;
        dp_rtcp_report_block(reports, i, &b);
        struct dp_subscription *s = dp_ssrcs_find(&c->e->out, b.ssrc);
        if (s == NULL)
            continue;
        s->lost = b.lost;
        s->jitter = b.jitter;
        take_round_trip(c->w, s, &b);
        dp_send_report(c->w, c->e, b.fraction_lost, s->rtt_us);
        dp_quality_egress(c->w, s, &b);
    }
    if (reports->count) {
        c->w->session->counts.reports_received++;
        dp_quality_link(c->w, c->e);
    }
}

static struct dp_stream *stream_of(const struct dp_endpoint *e, uint32_t ssrc)
{
    struct dp_stream *st = e->publishing ? dp_ssrcs_find(&e->publishing->streams, ssrc) : NULL;
    return st && st->begun ? st : NULL;
}

static void on_sr(void *ctx, const struct dp_rtcp_sr *sr)
{
    struct rtcp_context *c = ctx;
    struct dp_stream *st = stream_of(c->e, sr->reports.sender);
    if (st) {
        st->sr_ntp = sr->ntp;
        st->sr_ts = sr->rtp_ts;
        st->sr_count++;
        st->source->version++;
        dp_mirrors_update(c->w, st->source);
        dp_rxstats_sender_report(&st->rxstats, sr->ntp, dp_session_us(c->w->session, c->w->now));
    }
    take_reports(c, &sr->reports);
}

static void on_rr(void *ctx, const struct dp_rtcp_reports *rr)
{
    take_reports(ctx, rr);
}

static void on_bye(void *ctx, uint32_t ssrc)
{
    struct rtcp_context *c = ctx;
    struct dp_stream *st = stream_of(c->e, ssrc);
    if (st)
        st->last_packet = 0;
}

static void on_nack(void *ctx, struct dp_rtcp_nack *nack)
{
    struct rtcp_context *c = ctx;
    struct dp_subscription *s = dp_ssrcs_find(&c->e->out, nack->media);
    uint16_t seq;
    if (s == NULL || !dp_endpoint_ready(c->e))
        return;
    while (dp_rtcp_nack_next(nack, &seq)) {
        c->w->session->counts.nacks_received++;
        enum dp_drop why = DP_DROP_RESEND_LIMIT;
        if (c->out->n < DP_BURST)
            why = dp_egress_resend(c->w, s, seq, c->out);
        if (why != DP_DROPS)
            c->w->drops[why]++;
    }
}

static void want_keyframe(struct rtcp_context *c, uint32_t ssrc)
{
    struct dp_subscription *s = dp_ssrcs_find(&c->e->out, ssrc);
    struct dp_stream *st = s == NULL ? NULL : s->stream ? s->stream : s->wanted;
    if (st == NULL)
        return;
    c->w->session->counts.keyframes_wanted++;
    dp_keyframe_want(st);
    dp_keyframe_flush(c->w, st->source, c->out);
}

static void on_pli(void *ctx, const struct dp_rtcp_pli *pli)
{
    want_keyframe(ctx, pli->media);
}

static void on_fir(void *ctx, const struct dp_rtcp_fir *fir)
{
    want_keyframe(ctx, fir->ssrc);
}

static void on_twcc(void *ctx, const struct dp_twcc_view *feedback)
{
    struct rtcp_context *c = ctx;
    c->w->session->counts.twcc_received++;
    dp_send_feedback(c->w, c->e, feedback);
}

static void on_remb(void *ctx, const struct dp_rtcp_remb *remb)
{
    struct rtcp_context *c = ctx;
    c->w->session->counts.remb_received++;
    dp_send_remb(c->w, c->e, remb->bitrate);
}

static const struct dp_rtcp_handlers handlers = {
    .sr = on_sr,
    .rr = on_rr,
    .bye = on_bye,
    .nack = on_nack,
    .twcc = on_twcc,
    .pli = on_pli,
    .fir = on_fir,
    .remb = on_remb,
    .dlrr = on_dlrr,
};

static enum dp_drop unprotect(struct dp_endpoint *e, uint8_t *bytes, size_t *len)
{
    static const enum dp_drop drops[] = {
        [DP_SRTCP_OK] = DP_DROPS,
        [DP_SRTCP_MALFORMED] = DP_DROP_RTCP_MALFORMED,
        [DP_SRTCP_SENDERS] = DP_DROP_STREAM_LIMIT,
        [DP_SRTCP_AUTH] = DP_DROP_RTCP_AUTH,
    };
    return e->keys ? drops[dp_srtcp_unprotect(&e->keys->rtcp_in, bytes, len)] : DP_DROP_NO_KEYS;
}

static enum dp_drop rtcp(struct dp_worker *w, struct rte_mbuf *m, struct dp_burst *out)
{
    const struct dp_packet *p = dp_packet(m);
    struct rtcp_context c = {.w = w, .e = p->endpoint, .out = out};
    uint8_t *bytes = dp_packet_payload(m);
    size_t len = p->length;
    struct rte_mbuf *copy = dp_opaque_any(w) ? dp_opaque_rtcp_copy(w, m) : NULL;
    enum dp_drop why = unprotect(c.e, bytes, &len);
    if (why != DP_DROPS) {
        rte_pktmbuf_free(copy);
        return why;
    }
    if (copy)
        dp_opaque_rtcp(w, copy, out);
    c.e->last_packet = w->now;
    if (dp_rtcp_dispatch(bytes, len, &handlers, &c) != DP_RTCP_OK)
        return DP_DROP_RTCP_MALFORMED;
    return DP_DROPS;
}

void dp_stage_rtcp(struct dp_worker *w, struct dp_burst *in, struct dp_burst *out)
{
    for (unsigned i = 0; i < in->n; i++) {
        enum dp_drop why = rtcp(w, in->pkts[i], out);
        if (why == DP_DROPS)
            rte_pktmbuf_free(in->pkts[i]);
        else
            dp_drop(w, why, in->pkts[i]);
    }
    in->n = 0;
}
