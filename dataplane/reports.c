#include "dataplane/reports.h"

#include "dataplane/quality.h"
#include "dataplane/rtcp_out.h"

#include <errno.h>

#define FEEDBACKS_MAX 4 /* packets of transport-cc feedback in one visit */

static bool wants_feedback(const struct dp_endpoint *e)
{
    const struct dp_source *s;
    TAILQ_FOREACH (s, &e->sources, of_endpoint)
        if (s->conf.transport_cc)
            return true;
    return false;
}

/* 0, or what dp_rtcp_out_feedback() said. */
static int send_feedback(struct dp_worker *w, struct dp_endpoint *e, struct dp_burst *out)
{
    struct dp_publishing *p = e->publishing;
    for (int i = 0; i < FEEDBACKS_MAX && dp_twcc_pending(&p->twcc); i++) {
        struct dp_rtcp_out o;
        int error = dp_rtcp_out_feedback(w, e, out, &o);
        if (error)
            return error;
        dp_twcc_build(&p->twcc, e->conf.feedback_ssrc, p->twcc_ssrc, &o.buf);
        if (dp_rtcp_out_send(w, e, &o, out))
            w->session->counts.feedback_sent++;
    }
    return 0;
}

/* RFC 3550 6.4: only who has sent of late is reported on. */
static bool heard(const struct dp_worker *w, const struct dp_stream *st)
{
    return st->begun && st->last_packet &&
           w->now - st->last_packet < dp_session_tsc(w->session, DP_REPORTS_SILENT_MS);
}

static unsigned gather_blocks(struct dp_worker *w, struct dp_endpoint *e,
                              struct dp_rtcp_report_block blocks[DP_RTCP_REPORTS_MAX])
{
    unsigned n = 0;
    struct dp_source *s;
    TAILQ_FOREACH (s, &e->sources, of_endpoint) {
        for (unsigned i = 0; i < DP_SOURCE_STREAMS && n < DP_RTCP_REPORTS_MAX; i++) {
            struct dp_stream *st = s->streams[i];
            int64_t us = dp_session_us(w->session, w->now);
            if (st && heard(w, st) && dp_rxstats_report(&st->rxstats, us, &blocks[n])) {
                st->lost = blocks[n].lost;
                dp_quality_ingress(w, st->rxstats.clock_rate, &blocks[n]);
                n++;
            }
        }
    }
    return n;
}

/* Half to one and a half of DP_REPORTS_MS, so that reports of many do not come together (RFC
 * 3550 6.2). */
static uint64_t interval(struct dp_session *s)
{
    s->random = s->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t ms = DP_REPORTS_MS / 2 + (s->random >> 33) % DP_REPORTS_MS;
    return dp_session_tsc(s, (uint32_t)ms);
}

/* Asks how long a reference time takes there and back (RFC 3611 4.4): on_dlrr() has the answer. */
static void put_reference_time(struct dp_worker *w, struct dp_endpoint *e, struct dp_rtcp_buf *b)
{
    struct dp_publishing *p = e->publishing;
    uint64_t us = (uint64_t)dp_session_us(w->session, w->now);
    uint64_t ntp = us / 1000000 << 32 | (us % 1000000 << 32) / 1000000;
    p->reference = (uint32_t)(ntp >> 16);
    p->reference_at = w->now;
    dp_rtcp_put_rrtr(b, e->conf.feedback_ssrc, ntp);
}

static int send_receiver_report(struct dp_worker *w, struct dp_endpoint *e, struct dp_burst *out)
{
    struct dp_publishing *p = e->publishing;
    char cname[DP_CNAME_LEN];
    if (w->now < p->reports_at)
        return 0;
    struct dp_rtcp_out o;
    int error = dp_rtcp_out_begin(w, e, out, &o);
    if (error)
        return error;
    struct dp_rtcp_report_block blocks[DP_RTCP_REPORTS_MAX];
    unsigned n = gather_blocks(w, e, blocks);
    if (n) {
        dp_rtcp_out_cname(e, cname);
        dp_rtcp_put_rr(&o.buf, e->conf.feedback_ssrc, blocks, n);
        dp_rtcp_put_sdes(&o.buf, e->conf.feedback_ssrc, cname);
        put_reference_time(w, e, &o.buf);
    }
    p->reports_at = w->now + interval(w->session);
    if (dp_rtcp_out_send(w, e, &o, out))
        w->session->counts.reports_sent++;
    return 0;
}

bool dp_reports_publisher(struct dp_worker *w, struct dp_endpoint *e, struct dp_burst *out)
{
    if (e->publishing == NULL || !dp_endpoint_ready(e) || !dp_opaque_reports(e))
        return true;
    if (wants_feedback(e) && send_feedback(w, e, out) == -EAGAIN)
        return false;
    return send_receiver_report(w, e, out) != -EAGAIN;
}

static bool sender_report_due(const struct dp_subscription *s)
{
    const struct dp_stream *st = s->stream;
    return st && st->sr_count && dp_subscription_packets(s) && s->sr_sent != st->sr_count;
}

/* The publisher's pair of clocks, with the timestamp as this subscriber sees it (RFC 3550 6.4.1).
 */
static int send_sender_report(struct dp_worker *w, struct dp_subscription *s, struct dp_burst *out)
{
    struct dp_rtcp_out o;
    int error = dp_rtcp_out_begin(w, s->endpoint, out, &o);
    if (error)
        return error;
    struct dp_rtcp_sr sr = {
        .ntp = s->stream->sr_ntp,
        .rtp_ts = dp_tsmap_at(&s->tsmap, s->stream->sr_ts),
        .packets = (uint32_t)dp_subscription_packets(s),
        .bytes = (uint32_t)dp_subscription_bytes(s),
        .reports.sender = dp_subscription_ssrc(s),
    };
    dp_rtcp_put_sr(&o.buf, &sr, NULL, 0);
    const char *cname = (const char *)s->conf.cname->bytes;
    if (cname[0])
        dp_rtcp_put_sdes(&o.buf, dp_subscription_ssrc(s), cname);
    s->sr_sent = s->stream->sr_count;
    s->sr_lsr = (uint32_t)(sr.ntp >> 16);
    s->sr_at = (uint32_t)(w->now >> 16);
    if (dp_rtcp_out_send(w, s->endpoint, &o, out))
        w->session->counts.reports_sent++;
    return 0;
}

bool dp_reports_subscriber(struct dp_worker *w, struct dp_endpoint *e, struct dp_burst *out)
{
    struct dp_subscription *s;
    if (!dp_endpoint_ready(e))
        return true;
    TAILQ_FOREACH (s, &e->subscriptions, of_endpoint)
        if (sender_report_due(s) && send_sender_report(w, s, out) == -EAGAIN)
            return false;
    return true;
}

void dp_reports_bye(struct dp_worker *w, struct dp_subscription *s)
{
    struct dp_burst *out = &w->session->byes;
    struct dp_rtcp_out o;
    if (s->opaque || dp_subscription_packets(s) == 0 || dp_rtcp_out_begin(w, s->endpoint, out, &o))
        return;
    uint32_t ssrc = dp_subscription_ssrc(s);
    dp_rtcp_put_rr(&o.buf, ssrc, NULL, 0);
    if (s->conf.cname->bytes[0])
        dp_rtcp_put_sdes(&o.buf, ssrc, (const char *)s->conf.cname->bytes);
    dp_rtcp_put_bye(&o.buf, ssrc);
    dp_rtcp_out_send(w, s->endpoint, &o, out);
}

void dp_reports_flush(struct dp_worker *w, struct dp_burst *out)
{
    struct dp_burst *byes = &w->session->byes;
    while (byes->n && out->n < DP_BURST)
        out->pkts[out->n++] = byes->pkts[--byes->n];
}
