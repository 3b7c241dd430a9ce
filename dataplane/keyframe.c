#include "dataplane/keyframe.h"

#include "dataplane/dataplane.h"
#include "dataplane/mirror.h"
#include "dataplane/rtcp_out.h"
#include "dataplane/source.h"

void dp_keyframe_want(struct dp_stream *st)
{
    if (!st->rtx && st->begun && dp_source_has_keyframes(st->source))
        st->keyframe_wanted = true;
}

void dp_keyframe_came(struct dp_stream *st)
{
    st->keyframe_wanted = false; /* whoever wanted one gets this one */
    st->keyframe_awaited = false;
}

/* The request was lost, or what it brought; while packets come, and somebody takes them. */
static bool in_vain(const struct dp_worker *w, const struct dp_stream *st)
{
    uint64_t patience = dp_session_tsc(w->session, DP_KEYFRAME_PATIENCE_MS);
    return st->keyframe_awaited && st->has_dd && (st->takers || dp_mirrors_want(st)) &&
           w->now - st->keyframe_asked > patience && w->now - st->last_packet < patience;
}

void dp_keyframe_insist(const struct dp_worker *w, struct dp_source *s)
{
    for (unsigned i = 0; i < HR_RIDS_MAX; i++)
        if (s->streams[i] && in_vain(w, s->streams[i]))
            dp_keyframe_want(s->streams[i]);
}

bool dp_keyframe_due(const struct dp_worker *w, const struct dp_source *s)
{
    uint64_t interval = dp_session_tsc(w->session, w->dp->config->media.keyframe_interval_ms);
    if (s->keyframe_sent && w->now - s->keyframe_sent < interval)
        return false;
    for (unsigned i = 0; i < HR_RIDS_MAX; i++)
        if (s->streams[i] && s->streams[i]->keyframe_wanted)
            return true;
    return false;
}

/* PLI where negotiated (RFC 4585 6.3.1), else FIR (RFC 5104 4.3.1). */
static int put_request(const struct dp_source *s, struct dp_stream *st, struct dp_rtcp_buf *buf)
{
    uint32_t sender = s->endpoint->conf.feedback_ssrc;
    if (s->conf.pli)
        return dp_rtcp_put_pli(buf, sender, st->ssrc);
    struct dp_rtcp_fir fir = {.sender = sender, .ssrc = st->ssrc, .seq = ++st->fir_seq};
    return dp_rtcp_put_fir(buf, &fir);
}

void dp_keyframe_flush(struct dp_worker *w, struct dp_source *s, struct dp_burst *out)
{
    struct dp_rtcp_out o;
    if (s->mirror) {
        dp_mirror_ask(w, s);
        return;
    }
    if (!dp_keyframe_due(w, s) || dp_rtcp_out_feedback(w, s->endpoint, out, &o))
        return;
    for (unsigned i = 0; i < HR_RIDS_MAX; i++) {
        struct dp_stream *st = s->streams[i];
        if (st == NULL || !st->keyframe_wanted || put_request(s, st, &o.buf))
            continue;
        st->keyframe_wanted = false;
        st->keyframe_awaited = true;
        st->keyframe_asked = w->now;
        w->session->counts.keyframes_asked++;
    }
    if (dp_rtcp_out_send(w, s->endpoint, &o, out))
        s->keyframe_sent = w->now;
    s->version++;
}
