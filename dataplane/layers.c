#include "dataplane/layers.h"

#include "dataplane/dataplane.h"
#include "dataplane/keyframe.h"
#include "dataplane/packet.h"
#include "dataplane/rtp/peek.h"
#include "dataplane/source.h"
#include "dataplane/subscription.h"
#include "dataplane/target.h"
#include "proto/headrace.pb-c.h"

#include <string.h>

#define HEADERS 3 /* per cent that IP and UDP add */

static uint64_t with_headers(uint64_t rate)
{
    return rate * (100 + HEADERS) / 100;
}

void dp_layers_choose(struct dp_worker *w, struct dp_source *s, struct dp_stream *st)
{
    s->best = st;
    s->challenger = NULL;
    s->version++;
    for (uint32_t i = 0; i < s->fan_count; i++) {
        struct dp_subscription *to = s->fan[i];
        if (!to->allocated || (to->stream == NULL && to->wanted == NULL))
            dp_subscription_want(w, to, st);
    }
}

void dp_layers_set(struct dp_worker *w, struct dp_subscription *s, const struct dp_layer *l)
{
    s->allocated = true;
    if (l == NULL) {
        w->session->counts.video_pauses += s->stream || s->wanted;
        dp_subscription_stop(s);
        return;
    }
    struct dp_stream *st = s->source->streams[l->stream];
    const struct dp_target target = {
        .index = l->target, .spatial = l->spatial, .temporal = l->temporal, .whole = l->whole};
    if (st == s->stream && s->wanted)
        dp_subscription_want(w, s, NULL);
    else if (st != s->stream && st != s->wanted)
        dp_subscription_want(w, s, st);
    dp_target_want(w, s, &target);
}

struct list {
    unsigned n;
    struct dp_layer *layers;
};

static void add(struct list *list, const struct dp_layer *layer)
{
    if (list->n == DP_LAYERS_MAX)
        return;
    unsigned at = list->n++;
    for (; at > 0 && list->layers[at - 1].bitrate > layer->bitrate; at--)
        list->layers[at] = list->layers[at - 1];
    list->layers[at] = *layer;
}

static void add_rung(struct list *list, const struct dp_stream *st, unsigned i)
{
    const struct dp_rung *r = &st->ladder->rungs[i];
    bool whole = i + 1u == st->ladder->count;
    const struct dp_layer layer = {
        .stream = st->layer,
        .whole = whole,
        .target = r->target,
        .spatial = r->spatial,
        .temporal = r->temporal,
        .fps = r->fps,
        .width = whole ? st->width : r->width,
        .height = whole ? st->height : r->height,
        .bitrate = whole ? st->rate : RTE_MIN(with_headers(r->bitrate), st->rate),
    };
    add(list, &layer);
}

/* Without descriptors a receiver cannot tell what is missing from what is lost. */
static bool can_thin(const struct dp_subscription *s)
{
    return s->endpoint->conf.exts.id_of[HR_EXT_DEPENDENCY_DESCRIPTOR] != 0;
}

unsigned dp_layers_list(const struct dp_subscription *s, struct dp_layer out[DP_LAYERS_MAX])
{
    struct list list = {.layers = out};
    for (uint8_t i = 0; i < HR_RIDS_MAX; i++) {
        const struct dp_stream *st = s->source->streams[i];
        if (st == NULL || !st->begun || st->rate == 0)
            continue;
        const struct dp_layer whole = {.stream = i,
                                       .whole = true,
                                       .bitrate = st->rate,
                                       .width = st->width,
                                       .height = st->height};
        unsigned rungs = can_thin(s) && st->ladder ? st->ladder->count : 0;
        for (unsigned k = 0; k < rungs; k++)
            add_rung(&list, st, k);
        if (rungs == 0)
            add(&list, &whole);
    }
    return list.n;
}

int dp_layers_now(const struct dp_subscription *s, const struct dp_layer *layers, unsigned n)
{
    const struct dp_stream *st = s->wanted ? s->wanted : s->stream;
    const struct dp_filter *f = dp_target_filter(s);
    int now = -1;
    for (unsigned i = 0; st && i < n; i++) {
        const struct dp_layer *l = &layers[i];
        bool within = !f || f->wanted.whole ||
                      (l->spatial <= f->wanted.spatial && l->temporal <= f->wanted.temporal);
        if (l->stream == st->layer && within)
            now = (int)i;
    }
    return now;
}

void dp_layers_begin(struct dp_worker *w, struct dp_stream *st)
{
    if (!st->rtx && st->source->best == NULL)
        dp_layers_choose(w, st->source, st);
}

void dp_layers_end(struct dp_worker *w, struct dp_stream *st)
{
    struct dp_source *s = st->source;
    for (uint32_t i = 0; i < s->fan_count; i++) {
        if (s->fan[i]->wanted == st)
            dp_subscription_want(w, s->fan[i], NULL);
        if (s->fan[i]->stream == st)
            dp_subscription_stop(s->fan[i]);
    }
    if (s->best == st)
        s->best = NULL;
    s->version++;
    if (s->challenger == st)
        s->challenger = NULL;
}

static bool silent(const struct dp_worker *w, const struct dp_stream *st)
{
    return !st->begun || st->last_packet == 0 ||
           w->now - st->last_packet > dp_session_tsc(w->session, DP_LAYERS_SILENT_MS);
}

/* What the stream takes of a link, and the size of its pictures. */
static void note_rate(const struct dp_worker *w, struct dp_stream *st, uint32_t elapsed_ms)
{
    uint64_t rate = silent(w, st) ? 0 : with_headers(st->bitrate);
    st->rate = rate && st->rate ? (rate + st->rate) / 2 : rate;
    if (st->dd == NULL)
        return;
    dp_ladder_measure(st->ladder, st->dd, elapsed_ms);
    if (!st->dd->valid || !st->dd->structure.has_resolutions)
        return;
    unsigned top = st->dd->structure.spatial_count - 1u;
    st->width = st->dd->structure.width[top] + 1;
    st->height = st->dd->structure.height[top] + 1;
}

/* Bitrates since the last tick; returns the largest active stream, or NULL. */
static struct dp_stream *measure(const struct dp_worker *w, struct dp_source *s, uint64_t elapsed)
{
    struct dp_stream *largest = NULL;
    uint64_t elapsed_ms = elapsed / (w->session->hz / 1000);
    for (unsigned i = 0; i < HR_RIDS_MAX; i++) {
        struct dp_stream *st = s->streams[i];
        if (st == NULL)
            continue;
        st->bitrate = st->window_bytes * 8 * 1000 / elapsed_ms;
        st->window_bytes = 0;
        note_rate(w, st, (uint32_t)elapsed_ms);
        if (!silent(w, st) && (largest == NULL || st->bitrate > largest->bitrate))
            largest = st;
    }
    return largest;
}

static void weigh(struct dp_worker *w, struct dp_source *s, struct dp_stream *largest)
{
    if (largest == NULL || largest == s->best) {
        s->challenger = NULL;
        return;
    }
    if (s->best == NULL || silent(w, s->best)) {
        dp_layers_choose(w, s, largest);
        return;
    }
    if (largest->bitrate * 10 <= s->best->bitrate * DP_LAYERS_RATIO) {
        s->challenger = NULL;
        return;
    }
    s->challenger_ticks = s->challenger == largest ? s->challenger_ticks + 1 : 1;
    s->challenger = largest;
    if (s->challenger_ticks >= DP_LAYERS_TICKS)
        dp_layers_choose(w, s, largest);
}

void dp_layers_tick(struct dp_worker *w, struct dp_source *s)
{
    uint64_t elapsed = w->now - s->layers_at;
    if (elapsed < dp_session_tsc(w->session, DP_LAYERS_TICK_MS))
        return;
    s->layers_at = w->now;
    s->version++; /* mirrors are told of the rates */
    weigh(w, s, measure(w, s, elapsed));
}

/* How to tell from the payload header, or NULL where there is no way. */
static dp_peek *peek_of(const struct dp_worker *w, const struct dp_packet *p)
{
    if (!w->dp->config->media.peek)
        return NULL;
    switch (p->stream->source->conf.payloads[p->rtp.pt].codec) {
    case HEADRACE__PAYLOAD__CODEC__VP8:
        return dp_peek_vp8;
    case HEADRACE__PAYLOAD__CODEC__H264:
        return dp_peek_h264;
    default:
        return NULL;
    }
}

/* The codec's own header tells: uncovered in a register, and nothing behind it. */
static bool peek(dp_peek *begins, struct rte_mbuf *m)
{
    const struct dp_packet *p = dp_packet(m);
    const struct dp_keys *keys = p->stream->source->endpoint->keys;
    uint8_t stream[DP_PEEK_LEN + DP_OSN_LEN];
    uint64_t head, mask;

    if (p->rtp.payload_len < DP_PEEK_LEN + hr_srtp_tag_len(keys->profile))
        return false;
    memcpy(&mask, dp_packet_keystream(p, &keys->ingress, stream, DP_PEEK_LEN), sizeof(mask));
    memcpy(&head, dp_packet_payload(m) + p->rtp.hdr_len, sizeof(head));
    return begins(head ^ mask);
}

/*
 * Where neither Dependency Descriptor nor payload header show a key frame, the switch is at the
 * first frame after the request went out: the key frame is on its way, and not missed.
 */
static bool blind_switch(const struct dp_worker *w, struct dp_subscription *s,
                         const struct dp_packet *p)
{
    const struct dp_stream *st = s->wanted;
    if (st->packets == 1)
        return true; /* the stream begins with a key frame */
    if (!s->wanted_ts_known) {
        s->wanted_ts = p->rtp.ts;
        s->wanted_ts_known = true;
    }
    bool asked = st->keyframe_asked >= s->wanted_since || !dp_source_has_keyframes(s->source);
    if (w->now - s->wanted_since >= dp_session_tsc(w->session, DP_SWITCH_TIMEOUT_MS))
        asked = true;
    return asked && (int32_t)(p->rtp.ts - s->wanted_ts) > 0;
}

static bool begins_here(const struct dp_worker *w, struct dp_subscription *s, struct rte_mbuf *m)
{
    const struct dp_packet *p = dp_packet(m);
    if (!s->source->conf.video)
        return true;
    if (p->stream->has_dd)
        return p->keyframe;
    dp_peek *begins = peek_of(w, p);
    return begins ? peek(begins, m) : blind_switch(w, s, p);
}

enum dp_drop dp_layers_pass(struct dp_worker *w, struct dp_subscription *s, struct rte_mbuf *m)
{
    const struct dp_packet *p = dp_packet(m);
    if (p->stream == s->stream)
        return DP_DROPS;
    if (p->stream != s->wanted)
        return DP_DROP_LAYER;
    if (!begins_here(w, s, m))
        return s->stream ? DP_DROP_LAYER : DP_DROP_KEYFRAME;
    dp_subscription_switch(w, s, m);
    return DP_DROPS;
}
