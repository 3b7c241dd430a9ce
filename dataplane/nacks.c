/*
 * Streams that miss something are in the session's list; nacking_at says when to look at it, so
 * that a loop with nothing to do compares one number. A request leaves within DP_NACKS_MS of the
 * moment it is due.
 */
#include "dataplane/nacks.h"

#include "dataplane/keyframe.h"
#include "dataplane/rtcp_out.h"

#include <errno.h>

#define SEQS_MAX       128     /* numbers in one request */
#define ROUND_TRIP_MAX 5000000 /* us; longer is no round trip */

void dp_nacks_round_trip(struct dp_publishing *p, int64_t us)
{
    if (us <= 0 || us > ROUND_TRIP_MAX)
        return;
    int64_t rtt = p->rtt_us ? ((int64_t)p->rtt_us * 7 + us) / 8 : us;
    p->rtt_us = (uint32_t)RTE_MAX(rtt, (int64_t)1);
}

static void unlist(struct dp_session *s, struct dp_stream *st)
{
    if (!st->nacking)
        return;
    TAILQ_REMOVE(&s->nacking, st, of_nacking);
    st->nacking = false;
}

static void restart(struct dp_nack *n)
{
    dp_nack_init(n, n->audio);
}

void dp_nacks_forget(struct dp_worker *w, struct dp_stream *st)
{
    unlist(w->session, st);
    if (st->nack)
        restart(st->nack);
}

void dp_nacks_rehome(struct dp_endpoint *e, struct dp_session *from, struct dp_session *to)
{
    struct dp_source *source;
    TAILQ_FOREACH (source, &e->sources, of_endpoint) {
        for (unsigned i = 0; i < HR_RIDS_MAX; i++) {
            struct dp_stream *st = source->streams[i];
            if (st == NULL || !st->nacking)
                continue;
            TAILQ_REMOVE(&from->nacking, st, of_nacking);
            TAILQ_INSERT_TAIL(&to->nacking, st, of_nacking);
            to->nacking_at = 0;
        }
    }
}

void dp_nacks_received(struct dp_worker *w, const struct dp_packet *p, bool wanted)
{
    struct dp_session *s = w->session;
    struct dp_stream *st = p->stream;
    struct dp_nack *n = st->nack;
    if (!wanted) {
        restart(n); /* who comes later begins with a key frame */
        return;
    }
    int64_t rtt = dp_nack_received(n, p->index, dp_session_us(s, w->now));
    if (rtt >= 0 && (dp_packet_repaired(p) || n->audio))
        dp_nacks_round_trip(st->source->endpoint->publishing, rtt);
    if (p->keyframe && n->count)
        dp_nack_keyframe(n, p->index);
    if (n->untried == 0 && !n->gave_up)
        return;
    if (!st->nacking)
        TAILQ_INSERT_TAIL(&s->nacking, st, of_nacking);
    st->nacking = true;
    s->nacking_at = 0; /* it may be enough now */
}

/* 0, or what dp_rtcp_out_feedback() said. */
static int ask(struct dp_worker *w, struct dp_stream *st, struct dp_burst *out)
{
    struct dp_endpoint *e = st->source->endpoint;
    uint16_t seqs[SEQS_MAX];
    struct dp_rtcp_out o;
    int error = dp_rtcp_out_feedback(w, e, out, &o);
    if (error)
        return error;
    unsigned n = dp_nack_due(st->nack, dp_session_us(w->session, w->now), e->publishing->rtt_us,
                             seqs, SEQS_MAX);
    if (n)
        dp_rtcp_put_nack(&o.buf, e->conf.feedback_ssrc, st->ssrc, seqs, n);
    if (dp_rtcp_out_send(w, e, &o, out))
        w->session->counts.nacks_sent += n;
    return 0;
}

/* When it is to be looked at again: us of the session's clock. */
static int64_t visit(struct dp_worker *w, struct dp_stream *st, struct dp_burst *out)
{
    struct dp_session *s = w->session;
    struct dp_nack *n = st->nack;
    int64_t now = dp_session_us(s, w->now);
    uint32_t rtt = st->source->endpoint->publishing->rtt_us;
    int error = dp_nack_deadline(n, now, rtt) > now ? 0 : ask(w, st, out);
    if (error == -ENOTCONN)
        restart(n);
    else if (error)
        return now;
    if (n->gave_up) {
        n->gave_up = false;
        dp_keyframe_want(st);
        dp_keyframe_flush(w, st->source, out);
    }
    if (n->count == 0)
        unlist(s, st);
    return dp_nack_deadline(n, now, rtt);
}

void dp_nacks_flush(struct dp_worker *w, struct dp_burst *out)
{
    struct dp_session *s = w->session;
    struct dp_stream *st, *next;
    int64_t first = INT64_MAX, now;
    if (w->now < s->nacking_at || TAILQ_EMPTY(&s->nacking))
        return;
    now = dp_session_us(s, w->now);
    for (st = TAILQ_FIRST(&s->nacking); st; st = next) {
        next = TAILQ_NEXT(st, of_nacking);
        first = RTE_MIN(first, visit(w, st, out));
    }
    s->nacking_at = w->now + dp_session_tsc(s, DP_NACKS_MS);
    if (first != INT64_MAX && first - now > 1000 * DP_NACKS_MS)
        s->nacking_at = w->now + (uint64_t)(first - now) * (s->hz / 1000000);
}
