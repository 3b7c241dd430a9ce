/*
 * Exits: out (retransmissions and keyframe requests); every packet that came in ends here. What a
 * receiver reports is about an SSRC that the relay sends, so it is looked up among its
 * subscriptions; what a sender reports is about its streams.
 */
#include "dataplane/dataplane.h"
#include "dataplane/egress.h"
#include "dataplane/keyframe.h"
#include "dataplane/mirror.h"
#include "dataplane/packet.h"
#include "dataplane/rtp/wire.h"
#include "dataplane/subscription.h"

#define RTCP_MIN 8 /* header and sender, in the clear also in SRTCP */

struct rtcp_context {
    struct dp_worker *w;
    struct dp_endpoint *e;
    struct dp_burst *out;
};

/* A round trip by LSR and DLSR (RFC 3550 6.4.1), if it answers our last sender report. */
static void take_round_trip(struct dp_worker *w, struct dp_subscription *s,
                            const struct dp_rtcp_report_block *b)
{
    if (b->lsr == 0 || b->lsr != s->sr_lsr)
        return;
    int64_t us = dp_session_us(w->session, w->now - s->sr_at);
    us -= (int64_t)b->dlsr * 1000000 / 65536;
    if (us >= 0 && us < 60 * 1000000)
        s->rtt_us = (uint32_t)us;
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
        enum dp_drop why = DP_DROP_RESEND_LIMIT;
        struct rte_mbuf *m = c->out->n < DP_BURST ? dp_egress_resend(c->w, s, seq, &why) : NULL;
        if (m)
            c->out->pkts[c->out->n++] = m;
        else
            c->w->drops[why]++;
    }
}

static void want_keyframe(struct rtcp_context *c, uint32_t ssrc)
{
    struct dp_subscription *s = dp_ssrcs_find(&c->e->out, ssrc);
    struct dp_stream *st = s == NULL ? NULL : s->stream ? s->stream : s->wanted;
    if (st == NULL)
        return;
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
}

static void on_remb(void *ctx, const struct dp_rtcp_remb *remb)
{
    struct rtcp_context *c = ctx;
    c->w->session->counts.remb_received++;
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
};

/* libsrtp keeps state per sender: only so many of one endpoint. */
static bool sender_known(const struct dp_endpoint *e, uint32_t sender)
{
    for (unsigned i = 0; i < e->rtcp_senders_count; i++)
        if (e->rtcp_senders[i] == sender)
            return true;
    return false;
}

static enum dp_drop unprotect(struct dp_endpoint *e, uint8_t *bytes, int *len)
{
    if (e->keys == NULL)
        return DP_DROP_NO_KEYS;
    if (*len < RTCP_MIN)
        return DP_DROP_RTCP_MALFORMED;
    uint32_t sender = dp_get32(bytes + 4);
    bool known = sender_known(e, sender);
    if (!known && e->rtcp_senders_count == DP_RTCP_SENDERS_MAX)
        return DP_DROP_STREAM_LIMIT;
    if (srtp_unprotect_rtcp(e->keys->rtcp_in, bytes, len) != srtp_err_status_ok)
        return DP_DROP_RTCP_AUTH;
    if (!known)
        e->rtcp_senders[e->rtcp_senders_count++] = sender;
    return DP_DROPS;
}

static enum dp_drop rtcp(struct dp_worker *w, struct rte_mbuf *m, struct dp_burst *out)
{
    const struct dp_packet *p = dp_packet(m);
    struct rtcp_context c = {.w = w, .e = p->endpoint, .out = out};
    uint8_t *bytes = dp_packet_payload(m);
    int len = p->length;
    enum dp_drop why = unprotect(c.e, bytes, &len);
    if (why != DP_DROPS)
        return why;
    c.e->last_packet = w->now;
    if (dp_rtcp_dispatch(bytes, (size_t)len, &handlers, &c) != DP_RTCP_OK)
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
