/*
 * A stream is found without changing anything; only when the packet's tag is right does its SSRC
 * take the stream. So nobody without the key can make state here. An SSRC that is given up goes to
 * the endpoint's retired list with its highest index: if it comes back, old packets are still
 * replays.
 */
#include "dataplane/source.h"

#include "dataplane/dataplane.h"
#include "dataplane/layers.h"
#include "dataplane/nacks.h"
#include "dataplane/subscription.h"

#include <string.h>

static struct dp_retired *retired_find(struct dp_publishing *p, uint32_t ssrc)
{
    for (unsigned i = 0; i < p->retired_count; i++)
        if (p->retired[i].ssrc == ssrc)
            return &p->retired[i];
    return NULL;
}

static bool text_is(const char *text, size_t len, const uint8_t *p, const struct dp_rtp_ext *ext)
{
    return len == ext->len && memcmp(text, p + ext->off, len) == 0;
}

static struct dp_source *source_by_mid(const struct dp_endpoint *e, const uint8_t *p,
                                       const struct dp_rtp_ext *mid)
{
    struct dp_source *s;
    TAILQ_FOREACH (s, &e->sources, of_endpoint)
        if (s->conf.mid_len && text_is(s->conf.mid, s->conf.mid_len, p, mid))
            return s;
    return NULL;
}

/* The only source that negotiated this payload type, or NULL. */
static struct dp_source *source_by_payload(const struct dp_endpoint *e, uint8_t pt)
{
    struct dp_source *s, *found = NULL;
    TAILQ_FOREACH (s, &e->sources, of_endpoint) {
        if (s->conf.payloads[pt].clock_rate == 0)
            continue;
        if (found)
            return NULL;
        found = s;
    }
    return found;
}

static bool is_rtx(const struct dp_source *s, uint8_t pt)
{
    return s->conf.payloads[pt].codec == HEADRACE__PAYLOAD__CODEC__RTX;
}

/* The stream of s that an unknown SSRC claims to be. */
static struct dp_stream *stream_by_rid(const struct dp_endpoint *e, const struct dp_source *s,
                                       const uint8_t *p, const struct dp_rtp_header *h)
{
    bool rtx = is_rtx(s, h->pt);
    unsigned first = rtx ? HR_RIDS_MAX : 0;
    if (s->conf.rids_count == 0)
        return s->streams[first];

    const struct dp_rtp_ext *rid = dp_ext_find(h, &e->conf.exts, rtx ? HR_EXT_RRID : HR_EXT_RID);
    for (unsigned i = 0; rid && i < s->conf.rids_count; i++)
        if (text_is(s->conf.rid[i], s->conf.rid_len[i], p, rid))
            return s->streams[first + i];
    return NULL;
}

static enum dp_drop match_new(const struct dp_endpoint *e, const uint8_t *p,
                              const struct dp_rtp_header *h, struct dp_match *match)
{
    const struct dp_rtp_ext *mid = dp_ext_find(h, &e->conf.exts, HR_EXT_MID);
    struct dp_source *s = mid ? source_by_mid(e, p, mid) : source_by_payload(e, h->pt);
    if (s == NULL)
        return DP_DROP_SSRC_UNKNOWN;
    if (s->conf.payloads[h->pt].clock_rate == 0)
        return DP_DROP_PAYLOAD_TYPE;
    match->stream = stream_by_rid(e, s, p, h);
    if (match->stream == NULL)
        return DP_DROP_SSRC_UNKNOWN;

    struct dp_publishing *pub = e->publishing;
    const struct dp_retired *back = retired_find(pub, h->ssrc);
    if (back)
        dp_srtp_rx_restore(&match->rx, back->highest);
    else if (pub->retired_full)
        return DP_DROP_STREAM_LIMIT;
    match->take = true;
    return DP_DROPS;
}

enum dp_drop dp_stream_match(const struct dp_endpoint *e, const uint8_t *p,
                             const struct dp_rtp_header *h, struct dp_match *match)
{
    *match = (struct dp_match){0};
    if (e->publishing == NULL)
        return DP_DROP_SSRC_UNKNOWN;
    match->stream = dp_ssrcs_find(&e->publishing->streams, h->ssrc);
    return match->stream ? DP_DROPS : match_new(e, p, h, match);
}

/* With the list full nobody can tell replays of a forgotten SSRC: from then on new ones are
 * refused. */
static void remember(struct dp_publishing *pub, const struct dp_stream *st)
{
    if (pub->retired_count < DP_RETIRED_STREAMS_MAX)
        pub->retired[pub->retired_count++] =
            (struct dp_retired){.ssrc = st->ssrc, .highest = st->rx.highest};
    else
        pub->retired_full = true;
}

/* Gives up the SSRC. */
static void retire(struct dp_worker *w, struct dp_stream *st)
{
    struct dp_publishing *pub = st->source->endpoint->publishing;
    if (!st->claimed)
        return;
    dp_ssrcs_remove(&pub->streams, st->ssrc);
    if (st->rx.begun)
        remember(pub, st);
    if (st->begun)
        w->session->counts.streams--;
    dp_layers_end(w, st);
    dp_history_clear(&st->history, &w->session->budget);
    dp_nacks_forget(w, st);
    st->claimed = false;
    st->begun = false;
}

static void claim(struct dp_stream *st, uint32_t ssrc, const struct dp_srtp_rx *rx)
{
    st->ssrc = ssrc;
    st->rx = *rx;
    st->gate = (struct dp_gate){0};
    st->has_dd = false;
    if (st->dd)
        memset(st->dd, 0, sizeof(*st->dd));
    if (st->ladder)
        memset(st->ladder, 0, sizeof(*st->ladder));
    st->sr_count = 0;
    st->repaired = 0;
    st->last_packet = 0;
    st->window_bytes = 0;
    st->bitrate = 0;
    st->keyframe_wanted = st->keyframe_awaited = false;
    st->keyframe_asked = 0;
    st->claimed = dp_ssrcs_add(&st->source->endpoint->publishing->streams, ssrc, st);
}

void dp_stream_take(struct dp_worker *w, const struct dp_match *match, uint32_t ssrc)
{
    struct dp_publishing *pub = match->stream->source->endpoint->publishing;
    struct dp_retired *back = retired_find(pub, ssrc);
    if (back)
        *back = pub->retired[--pub->retired_count];
    retire(w, match->stream);
    claim(match->stream, ssrc, &match->rx);
}

void dp_stream_announce(struct dp_worker *w, struct dp_stream *st)
{
    struct dp_seen *seen = &st->seen;
    if (seen->work.done == NULL || atomic_load_explicit(&seen->posted, memory_order_acquire))
        return;
    const struct dp_source_conf *conf = &st->source->conf;
    unsigned rid_len = st->layer < conf->rids_count ? conf->rid_len[st->layer] : 0;
    seen->source = st->source->id;
    seen->ssrc = st->ssrc;
    memcpy(seen->rid, conf->rid[st->layer], rid_len);
    seen->rid[rid_len] = '\0';
    atomic_store_explicit(&seen->posted, true, memory_order_relaxed);
    if (dp_worker_return(w, &seen->work) != 0)
        atomic_store_explicit(&seen->posted, false, memory_order_relaxed);
}

/* A signalled SSRC is the stream's before its first packet. */
static void claim_signalled(struct dp_worker *w, struct dp_stream *st, uint32_t ssrc)
{
    struct dp_publishing *pub = st->source->endpoint->publishing;
    if (ssrc == 0 || (st->claimed && st->ssrc == ssrc) || dp_ssrcs_find(&pub->streams, ssrc))
        return;
    struct dp_match match = {.stream = st};
    const struct dp_retired *back = retired_find(pub, ssrc);
    if (back)
        dp_srtp_rx_restore(&match.rx, back->highest);
    else if (pub->retired_full)
        return;
    dp_stream_take(w, &match, ssrc);
}

void dp_source_configure(struct dp_worker *w, struct dp_source *s,
                         const struct dp_source_conf *conf)
{
    s->conf = *conf;
    for (unsigned i = 0; i < conf->ssrcs_count; i++) {
        unsigned layer = conf->ssrc_layer[i];
        if (s->streams[layer])
            claim_signalled(w, s->streams[layer], conf->ssrc[i]);
        if (s->streams[HR_RIDS_MAX + layer])
            claim_signalled(w, s->streams[HR_RIDS_MAX + layer], conf->rtx_ssrc[i]);
    }
}

void dp_source_link(struct dp_worker *w, struct dp_source *s)
{
    TAILQ_INSERT_TAIL(&s->endpoint->sources, s, of_endpoint);
    w->session->counts.sources++;
}

void dp_source_unlink(struct dp_worker *w, struct dp_source *s)
{
    s->mirrors = NULL;
    while (s->fan_count)
        dp_subscription_attach(w, s->fan[s->fan_count - 1], NULL);
    while (s->opaque.count)
        dp_opaque_attach(s->opaque.of[s->opaque.count - 1], NULL);
    for (unsigned i = 0; i < DP_SOURCE_STREAMS; i++)
        if (s->streams[i])
            retire(w, s->streams[i]);
    TAILQ_REMOVE(&s->endpoint->sources, s, of_endpoint);
    w->session->counts.sources--;
}
