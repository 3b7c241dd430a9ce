/*
 * A subscription forwards at most one stream, and may wait for a key frame of another at the same
 * time. Each switch gives its sequence map a new stream number, so a late packet from before it is
 * refused, and begins a run, which retransmission needs to find the packet and its timestamp again.
 */
#include "dataplane/subscription.h"

#include "dataplane/keyframe.h"
#include "dataplane/mirror.h"
#include "dataplane/packet.h"
#include "dataplane/source.h"

#include <string.h>

#define ELAPSED_MAX_MS 3600000 /* a longer pause is an hour to the receiver's timestamps */

static void set_stream(struct dp_stream **place, struct dp_stream *st)
{
    if (*place)
        dp_stream_taken(*place, -1);
    *place = st;
    if (st)
        dp_stream_taken(st, 1);
}

void dp_subscription_want(struct dp_worker *w, struct dp_subscription *s, struct dp_stream *st)
{
    if (st && (s->conf.paused || st == s->stream))
        st = NULL;
    set_stream(&s->wanted, st);
    s->wanted_since = w->now;
    s->wanted_ts_known = false;
    if (st == NULL || !dp_endpoint_ready(s->endpoint))
        return;
    dp_keyframe_want(st);
    if (st->source->mirror)
        dp_mirror_ask(w, st->source); /* which is on its way for longer */
}

void dp_subscription_stop(struct dp_subscription *s)
{
    set_stream(&s->stream, NULL);
    set_stream(&s->wanted, NULL);
}

/* What is forwarded from here on has its own offsets. */
static void begin_run(struct dp_subscription *s)
{
    if (++s->run == 0)
        s->run = 1;
    s->runs[s->run % DP_RECORD_RUNS] = (struct dp_run){
        .number = s->run,
        .in_ssrc = s->stream->ssrc,
        .ts_offset = s->tsmap.offset,
        .frame_offset = s->framemap.offset,
        .stream = s->stream,
    };
}

void dp_subscription_switch(struct dp_worker *w, struct dp_subscription *s, struct rte_mbuf *m)
{
    const struct dp_packet *p = dp_packet(m);
    uint64_t clock_rate = s->source->conf.payloads[p->rtp.pt].clock_rate;
    uint64_t elapsed_ms = (w->now - s->last_sent) / (w->session->hz / 1000);
    if (elapsed_ms > ELAPSED_MAX_MS)
        elapsed_ms = ELAPSED_MAX_MS;
    set_stream(&s->stream, s->wanted);
    set_stream(&s->wanted, NULL);
    dp_seqmap_switch(&s->seqmap, ++s->switches);
    dp_tsmap_switch(&s->tsmap, p->rtp.ts, (uint32_t)(elapsed_ms * clock_rate / 1000));
    dp_framemap_switch(&s->framemap);
    if (p->has_frame)
        dp_framemap_align(&s->framemap, p->frame);
    begin_run(s);
    w->session->counts.stream_switches++;
}

void dp_subscription_frame(struct dp_subscription *s, uint16_t frame)
{
    if (dp_framemap_align(&s->framemap, frame))
        begin_run(s);
    dp_framemap_forward(&s->framemap, frame);
}

void dp_subscription_forget(struct dp_subscription *s)
{
    memset(s->runs, 0, sizeof(s->runs));
    if (s->stream)
        begin_run(s);
}

const struct dp_run *dp_subscription_run(const struct dp_subscription *s, uint16_t number)
{
    const struct dp_run *run = &s->runs[number % DP_RECORD_RUNS];
    return number && run->number == number ? run : NULL;
}

/* Where s is, or belongs, in the fan of source. */
static uint32_t fan_place(const struct dp_source *source, const struct dp_subscription *s)
{
    uint32_t low = 0, high = source->fan_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const struct dp_subscription *other = source->fan[middle];
        unsigned a = other->endpoint->shard->id, b = s->endpoint->shard->id;
        if (a < b || (a == b && other->id < s->id))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void fan_add(struct dp_source *source, struct dp_subscription *s)
{
    uint32_t at = fan_place(source, s);
    memmove(&source->fan[at + 1], &source->fan[at], (source->fan_count - at) * sizeof(s));
    source->fan[at] = s;
    source->fan_count++;
}

static void fan_remove(struct dp_source *source, struct dp_subscription *s)
{
    uint32_t at = fan_place(source, s);
    source->fan_count--;
    memmove(&source->fan[at], &source->fan[at + 1], (source->fan_count - at) * sizeof(s));
}

void dp_subscription_attach(struct dp_worker *w, struct dp_subscription *s,
                            struct dp_source *source)
{
    if (source == s->source)
        return;
    dp_subscription_stop(s);
    memset(s->runs, 0, sizeof(s->runs)); /* they point to streams of the former source */
    s->sr_stream = NULL;
    if (s->source)
        fan_remove(s->source, s);
    s->source = source;
    if (source == NULL)
        return;
    fan_add(source, s);
    dp_subscription_want(w, s, source->best);
}

/* The same stream of another view. */
static struct dp_stream *in_view(const struct dp_source *view, const struct dp_stream *st)
{
    return st ? view->streams[st->layer] : NULL;
}

void dp_subscription_rebase(struct dp_subscription *s, struct dp_source *view)
{
    set_stream(&s->stream, in_view(view, s->stream));
    set_stream(&s->wanted, in_view(view, s->wanted));
    for (unsigned i = 0; i < DP_RECORD_RUNS; i++)
        s->runs[i].stream = in_view(view, s->runs[i].stream);
    s->sr_stream = in_view(view, s->sr_stream);
    s->source = view;
}

void dp_subscription_follow(struct dp_subscription *s, struct dp_source *view)
{
    fan_remove(s->source, s);
    dp_subscription_rebase(s, view);
    fan_add(view, s);
}

static void pause_or_resume(struct dp_worker *w, struct dp_subscription *s, bool was_paused)
{
    if (s->conf.paused == was_paused)
        return;
    if (s->conf.paused)
        dp_subscription_stop(s);
    else if (s->source)
        dp_subscription_want(w, s, s->source->best);
}

void dp_subscription_configure(struct dp_worker *w, struct dp_subscription *s,
                               const struct dp_subscription_conf *conf)
{
    bool was_paused = s->conf.paused;
    bool same_bytes = s->conf.mid_len == conf->mid_len &&
                      memcmp(s->conf.mid, conf->mid, conf->mid_len) == 0 &&
                      memcmp(s->conf.pt, conf->pt, sizeof(conf->pt)) == 0;
    s->conf = *conf;
    if (!same_bytes)
        dp_subscription_forget(s);
    pause_or_resume(w, s, was_paused);
}

void dp_subscription_link(struct dp_worker *w, struct dp_subscription *s)
{
    TAILQ_INSERT_TAIL(&s->endpoint->subscriptions, s, of_endpoint);
    dp_ssrcs_add(&s->endpoint->out, s->ssrc, s);
    w->session->counts.subscriptions++;
}

void dp_subscription_unlink(struct dp_worker *w, struct dp_subscription *s)
{
    dp_subscription_attach(w, s, NULL);
    dp_ssrcs_remove(&s->endpoint->out, s->ssrc);
    TAILQ_REMOVE(&s->endpoint->subscriptions, s, of_endpoint);
    w->session->counts.subscriptions--;
}
