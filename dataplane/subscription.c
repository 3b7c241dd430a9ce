/*
 * A subscription forwards at most one stream, and may wait for a key frame of another at the same
 * time. Each switch gives its sequence map a new stream number, so a late packet from before it is
 * refused, and begins a run, which retransmission needs to find the packet and its timestamp again.
 */
#include "dataplane/subscription.h"

#include "dataplane/keyframe.h"
#include "dataplane/layers.h"
#include "dataplane/mirror.h"
#include "dataplane/packet.h"
#include "dataplane/send.h"
#include "dataplane/source.h"
#include "dataplane/target.h"

#include <string.h>

#define ELAPSED_MAX_MS 3600000 /* a longer pause is an hour to the receiver's timestamps */
#define SENT_SHIFT     16

static void set_wanted(struct dp_subscription *s, struct dp_stream *st)
{
    if (s->wanted)
        dp_stream_taken(s->wanted, -1);
    s->wanted = st;
    if (st)
        dp_stream_taken(st, 1);
}

/* TSC to last_sent, which goes round in half a day: a pause as long looks shorter. */
static uint32_t time_sent(uint64_t tsc)
{
    return (uint32_t)(tsc >> SENT_SHIFT);
}

/* What has been sent of the former one is settled. */
static void set_stream(struct dp_subscription *s, struct dp_stream *st)
{
    dp_subscription_unsettle(s);
    if (s->stream) {
        s->packets += s->stream->sent_packets;
        s->bytes += s->stream->sent_bytes;
        s->last_sent = time_sent(s->stream->sent_at);
        dp_stream_taken(s->stream, -1);
    }
    s->stream = st;
    if (st) {
        s->packets -= st->sent_packets;
        s->bytes -= st->sent_bytes;
        dp_stream_taken(st, 1);
    }
}

void dp_subscription_want(struct dp_worker *w, struct dp_subscription *s, struct dp_stream *st)
{
    if (st && (s->conf.paused || st == s->stream))
        st = NULL;
    set_wanted(s, st);
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
    set_stream(s, NULL);
    set_wanted(s, NULL);
}

void dp_subscription_halt(struct dp_subscription *s)
{
    set_stream(s, NULL);
}

/* What is forwarded from here on rests on. */
static struct dp_seqmap_about about(const struct dp_subscription *s)
{
    return (struct dp_seqmap_about){
        .ssrc = s->stream->ssrc,
        .ts_offset = s->tsmap.offset,
        .frame_offset = s->framemap.offset,
        .stream = s->stream->layer,
        .limits = dp_target_limits(s),
    };
}

void dp_subscription_switch(struct dp_worker *w, struct dp_subscription *s, struct rte_mbuf *m)
{
    const struct dp_packet *p = dp_packet(m);
    uint64_t clock_rate = s->source->conf.payloads[p->rtp.pt].clock_rate;
    if (s->stream)
        s->last_sent = time_sent(s->stream->sent_at);
    uint64_t elapsed = (uint64_t)(time_sent(w->now) - s->last_sent) << SENT_SHIFT;
    uint64_t elapsed_ms = elapsed / (w->session->hz / 1000);
    if (elapsed_ms > ELAPSED_MAX_MS)
        elapsed_ms = ELAPSED_MAX_MS;
    set_stream(s, s->wanted);
    set_wanted(s, NULL);
    s->sr_sent = s->stream->sr_count - 1; /* its next report is due at once */
    s->packets++;                         /* m */
    s->bytes += dp_packet_media_len(p, p->stream->source->endpoint->keys->profile);
    dp_tsmap_switch(&s->tsmap, p->rtp.ts, (uint32_t)(elapsed_ms * clock_rate / 1000));
    dp_framemap_switch(&s->framemap);
    if (p->has_frame)
        dp_framemap_align(&s->framemap, p->frame);
    if (dp_target_filter(s))
        dp_filter_restart(dp_target_filter(s));
    struct dp_seqmap_about next = about(s);
    dp_seqmap_switch(&s->seqmap, &next);
    w->session->counts.stream_switches++;
}

static bool settled(const struct dp_subscription *s)
{
    const struct dp_filter *f = dp_target_filter(s);
    return dp_endpoint_ready(s->endpoint) && !s->conf.paused && (!f || dp_filter_whole(f));
}

enum dp_drop dp_subscription_number(struct dp_subscription *s, const struct rte_mbuf *m,
                                    struct dp_rtp_numbers *n)
{
    const struct dp_packet *p = rte_mbuf_to_priv((struct rte_mbuf *)m);
    const struct dp_seqmap_run *run;
    uint8_t pt = dp_subscription_pt(s, p->rtp.pt);
    if (p->padding || pt == DP_PT_NONE) {
        dp_seqmap_drop(&s->seqmap, p->index);
        return p->padding ? DP_DROP_PADDING : DP_DROP_PAYLOAD_MAP;
    }
    if (!dp_target_pass(s, p))
        return DP_DROP_LAYER;
    if (dp_seqmap_forward(&s->seqmap, p->index, &n->index, &run))
        return DP_DROP_SEQUENCE_LATE;
    if (!dp_limits_pass(run->limits, &p->part))
        return DP_DROP_LAYER;
    if (p->has_frame && dp_framemap_align(&s->framemap, p->frame)) {
        struct dp_seqmap_about next = about(s);
        run = dp_seqmap_split(&s->seqmap, p->index, n->index, &next);
    }
    n->pt = pt;
    n->marker = dp_limits_end(run->limits, &p->part);
    n->frame_offset = run->frame_offset;
    n->ts = dp_tsmap_forward(&s->tsmap, p->rtp.ts);
    if (p->has_frame)
        dp_framemap_forward(&s->framemap, p->frame);
    dp_seqmap_expect(&s->seqmap, p->rtp.pt, pt);
    s->straight = settled(s) ? s->stream : NULL;
    return DP_DROPS;
}

void dp_subscription_forget(struct dp_subscription *s)
{
    if (s->opaque)
        return;
    dp_subscription_unsettle(s);
    dp_seqmap_forget(&s->seqmap);
}

void dp_subscription_place(struct dp_subscription *s)
{
    const struct dp_endpoint *e = s->endpoint;
    bool numbered = s->conf.transport_cc && e->send && e->conf.exts.id_of[HR_EXT_TRANSPORT_CC];
    if (s->opaque || s->conf.mid == NULL)
        return;
    s->mid = dp_rtp_mid((const char *)s->conf.mid->bytes, s->conf.mid->len);
    if (numbered)
        s->mid |= DP_RTP_MID_NUMBERED;
    if (numbered != s->numbered)
        dp_subscription_forget(s);
    s->numbered = numbered;
    if (numbered)
        e->send->numbered = true;
    dp_subscription_unsettle(s);
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

/* With the smallest where the link counts, until it is known what it carries (allocation.h). */
static void begin(struct dp_worker *w, struct dp_subscription *s)
{
    struct dp_layer layers[DP_LAYERS_MAX];
    s->allocated = s->endpoint->send && s->source->conf.video && dp_layers_list(s, layers);
    if (s->allocated)
        dp_layers_set(w, s, &layers[0]);
    else
        dp_subscription_want(w, s, s->source->best);
}

void dp_subscription_attach(struct dp_worker *w, struct dp_subscription *s,
                            struct dp_source *source)
{
    if (s->opaque) {
        dp_opaque_attach(s, source);
        return;
    }
    if (source == s->source)
        return;
    dp_subscription_stop(s);
    dp_subscription_forget(s); /* runs are of streams of the former source */
    if (s->source)
        fan_remove(s->source, s);
    s->source = source;
    dp_target_release(s);
    if (source == NULL)
        return;
    fan_add(source, s);
    begin(w, s);
}

/* The same stream of another view. */
static struct dp_stream *in_view(const struct dp_source *view, const struct dp_stream *st)
{
    return st ? view->streams[st->layer] : NULL;
}

void dp_subscription_rebase(struct dp_subscription *s, struct dp_source *view)
{
    set_stream(s, in_view(view, s->stream));
    set_wanted(s, in_view(view, s->wanted));
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
        begin(w, s);
}

void dp_subscription_configure(struct dp_worker *w, struct dp_subscription *s,
                               struct dp_subscription_conf *conf)
{
    struct dp_subscription_conf former = s->conf;
    bool same_bytes = s->conf.mid == conf->mid && s->conf.pt == conf->pt;
    s->conf = *conf;
    *conf = former;
    if (s->opaque) {
        dp_opaque_place(s);
        return;
    }
    dp_subscription_place(s);
    if (!same_bytes)
        dp_subscription_forget(s);
    pause_or_resume(w, s, former.paused);
}

void dp_subscription_link(struct dp_worker *w, struct dp_subscription *s)
{
    TAILQ_INSERT_TAIL(&s->endpoint->subscriptions, s, of_endpoint);
    if (!s->opaque)
        dp_ssrcs_add(&s->endpoint->out, dp_subscription_ssrc(s), s);
    w->session->counts.subscriptions++;
}

void dp_subscription_unlink(struct dp_worker *w, struct dp_subscription *s)
{
    dp_subscription_attach(w, s, NULL);
    if (!s->opaque)
        dp_ssrcs_remove(&s->endpoint->out, dp_subscription_ssrc(s));
    s->endpoint->tx_packets += dp_subscription_packets(s);
    s->endpoint->tx_bytes += dp_subscription_wire_bytes(s);
    TAILQ_REMOVE(&s->endpoint->subscriptions, s, of_endpoint);
    w->session->counts.subscriptions--;
}
