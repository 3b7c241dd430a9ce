#include "dataplane/reports.h"

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

/* 0, or what dp_rtcp_out_begin() said. */
static int send_feedback(struct dp_worker *w, struct dp_endpoint *e, struct dp_burst *out)
{
    struct dp_publishing *p = e->publishing;
    for (int i = 0; i < FEEDBACKS_MAX && dp_twcc_pending(&p->twcc); i++) {
        struct dp_rtcp_out o;
        int error = dp_rtcp_out_begin(w, e, out, &o);
        if (error)
            return error;
        dp_twcc_build(&p->twcc, e->conf.feedback_ssrc, p->twcc_ssrc, &o.buf);
        if (dp_rtcp_out_send(w, e, &o, out))
            w->session->counts.feedback_sent++;
    }
    return 0;
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
            if (st && st->begun && dp_rxstats_report(&st->rxstats, us, &blocks[n])) {
                st->lost = blocks[n].lost;
                n++;
            }
        }
    }
    return n;
}

static int send_receiver_report(struct dp_worker *w, struct dp_endpoint *e, struct dp_burst *out)
{
    struct dp_publishing *p = e->publishing;
    if (w->now - p->reports_at < dp_session_tsc(w->session, DP_REPORTS_MS))
        return 0;
    struct dp_rtcp_out o;
    int error = dp_rtcp_out_begin(w, e, out, &o);
    if (error)
        return error;
    struct dp_rtcp_report_block blocks[DP_RTCP_REPORTS_MAX];
    unsigned n = gather_blocks(w, e, blocks);
    if (n)
        dp_rtcp_put_rr(&o.buf, e->conf.feedback_ssrc, blocks, n);
    p->reports_at = w->now;
    if (dp_rtcp_out_send(w, e, &o, out))
        w->session->counts.reports_sent++;
    return 0;
}

bool dp_reports_publisher(struct dp_worker *w, struct dp_endpoint *e, struct dp_burst *out)
{
    if (e->publishing == NULL || !dp_endpoint_ready(e))
        return true;
    if (wants_feedback(e) && send_feedback(w, e, out) == -EAGAIN)
        return false;
    return send_receiver_report(w, e, out) != -EAGAIN;
}

static bool sender_report_due(const struct dp_subscription *s)
{
    const struct dp_stream *st = s->stream;
    return st && st->sr_count && s->packets && (s->sr_stream != st || s->sr_sent != st->sr_count);
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
        .packets = (uint32_t)s->packets,
        .bytes = (uint32_t)s->bytes,
        .reports.sender = s->ssrc,
    };
    dp_rtcp_put_sr(&o.buf, &sr, NULL, 0);
    if (s->conf.cname[0])
        dp_rtcp_put_sdes(&o.buf, s->ssrc, s->conf.cname);
    s->sr_stream = s->stream;
    s->sr_sent = s->stream->sr_count;
    s->sr_lsr = (uint32_t)(sr.ntp >> 16);
    s->sr_at = w->now;
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
