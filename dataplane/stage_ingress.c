/*
 * Exits: out (authentic, and somebody may want it) or a drop. Nothing about a packet is believed,
 * and no state changes, before its tag is verified. Feedback and statistics count every authentic
 * packet, also those that are dropped for what they carry.
 */
#include "dataplane/keyframe.h"
#include "dataplane/layers.h"
#include "dataplane/mirror.h"
#include "dataplane/nacks.h"
#include "dataplane/packet.h"
#include "dataplane/source.h"
#include "dataplane/unwrap.h"

#include <errno.h>

static enum dp_drop authenticate(const struct dp_endpoint *e, struct rte_mbuf *m,
                                 struct dp_match *match)
{
    struct dp_packet *p = dp_packet(m);
    const uint8_t *bytes = dp_packet_payload(m);
    enum dp_drop why = dp_stream_match(e, bytes, &p->rtp, match);
    if (why != DP_DROPS)
        return why;
    const struct dp_srtp_rx *rx = match->take ? &match->rx : &match->stream->rx;
    int error = dp_srtp_rx_estimate(rx, p->rtp.seq, &p->index);
    if (error)
        return error == -EALREADY ? DP_DROP_SRTP_REPLAY : DP_DROP_SRTP_OLD;
    if (!dp_srtp_verify(&e->keys->ingress, bytes, p->length, p->rtp.hdr_len, p->index))
        return DP_DROP_SRTP_AUTH;
    p->stream = match->stream;
    p->cipher = (struct dp_cipher){.index = p->index, .ssrc = p->rtp.ssrc};
    return DP_DROPS;
}

static void begin_counting(struct dp_stream *st, const struct dp_packet *p)
{
    dp_rxstats_init(&st->rxstats, st->ssrc, st->source->conf.payloads[p->rtp.pt].clock_rate);
    st->skipped = false;
}

/* The first authentic packet under its SSRC. */
static void begin(struct dp_worker *w, struct dp_stream *st, const struct dp_packet *p)
{
    st->begun = true;
    st->source->version++;
    begin_counting(st, p);
    if (p->rtp.ssrc == st->source->endpoint->conf.feedback_ssrc)
        st->source->endpoint->muted = true;
    st->packets = 0;
    st->bytes = 0;
    st->passed = 0;
    w->session->counts.streams++;
}

static void record_arrival(struct dp_worker *w, struct dp_endpoint *e, struct rte_mbuf *m)
{
    const struct dp_packet *p = dp_packet(m);
    uint16_t number;
    if (dp_ext_transport_cc(dp_packet_payload(m), &p->rtp, &e->conf.exts, &number))
        return;
    dp_twcc_record(&e->publishing->twcc, number, dp_session_us(w->session, p->arrival));
    e->publishing->twcc_ssrc = p->rtp.ssrc;
}

static void account(struct dp_worker *w, struct dp_endpoint *e, struct rte_mbuf *m)
{
    const struct dp_packet *p = dp_packet(m);
    struct dp_stream *st = p->stream;
    uint64_t silent = w->now - st->last_packet;
    if (st->last_packet == 0 || silent > dp_session_tsc(w->session, DP_STREAM_SILENT_MS))
        dp_stream_announce(w, st);
    st->last_packet = w->now;
    st->packets++;
    st->bytes += p->length;
    st->window_bytes += p->length;
    e->rx_packets++;
    e->rx_bytes += p->length;
    e->last_packet = w->now;
    if (st->skipped && !dp_opaque_only(st->source))
        begin_counting(st, p);
    if (p->index < st->rx.highest)
        dp_rxstats_late(&st->rxstats);
    else
        dp_rxstats_packet(&st->rxstats, p->rtp.seq, p->rtp.ts,
                          dp_session_us(w->session, p->arrival));
    record_arrival(w, e, m);
}

/* Key frames by Dependency Descriptor; where media carry one, what has none and is padded is
 * padding. */
static void read_descriptor(const struct dp_endpoint *e, struct rte_mbuf *m)
{
    struct dp_packet *p = dp_packet(m);
    struct dp_stream *st = p->stream;
    p->keyframe = false;
    p->padding = false;
    p->has_frame = false;
    p->part.known = false;
    if (st->dd == NULL)
        return;
    const struct dp_rtp_ext *ext =
        dp_ext_find(&p->rtp, &e->conf.exts, HR_EXT_DEPENDENCY_DESCRIPTOR);
    if (ext == NULL) {
        p->padding = st->has_dd && p->rtp.padding && !p->rtp.marker;
        return;
    }
    struct dp_dd dd;
    enum dp_dd_error error =
        dp_dd_read(st->dd, p->index, dp_packet_payload(m) + ext->off, ext->len, &dd);
    if (!st->has_dd)
        st->source->version++;
    st->has_dd = true;
    p->has_frame = ext->len >= DP_DD_LEN_MIN;
    p->frame = dd.frame_number;
    p->keyframe = error == DP_DD_OK && dd.keyframe;
    if (p->keyframe)
        dp_keyframe_came(st);
    if (error != DP_DD_OK)
        return;
    p->part = (struct dp_part){.dtis = dd.dtis,
                               .spatial = dd.spatial_id,
                               .temporal = dd.temporal_id,
                               .known = true,
                               .start = dd.start_of_frame,
                               .end = dd.end_of_frame};
    dp_ladder_count(st->ladder, &p->part, p->length);
}

/* What an authentic packet is not rekeyed for, or DP_DROPS. */
static enum dp_drop sort_out(struct dp_worker *w, const struct dp_packet *p)
{
    const struct dp_stream *st = p->stream;
    const struct dp_source *s = st->source;
    if (s->conf.payloads[p->rtp.pt].clock_rate == 0)
        return DP_DROP_PAYLOAD_TYPE;
    if (st->takers || dp_mirrors_want(st))
        return DP_DROPS;
    return s->fan_count || s->mirrors ? DP_DROP_LAYER : DP_DROP_NO_SUBSCRIBER;
}

/* An authentic packet of RTX becomes the one that it repairs. */
static enum dp_drop repair(struct dp_worker *w, struct rte_mbuf *m)
{
    struct dp_packet *p = dp_packet(m);
    enum dp_drop why = dp_unwrap(p, dp_packet_payload(m));
    if (why != DP_DROPS)
        return why;
    p->stream->repaired++;
    p->stream->window_bytes += p->length;
    w->session->counts.repaired++;
    return DP_DROPS;
}

/* Others of its room are heard instead: that takes nothing of a receiver's link. */
static enum dp_drop hold_back(const struct dp_packet *p)
{
    p->stream->window_bytes -= p->length;
    return DP_DROP_NOT_LOUDEST;
}

static bool is_wanted(enum dp_drop why)
{
    return why != DP_DROP_LAYER && why != DP_DROP_NO_SUBSCRIBER && why != DP_DROP_NOT_LOUDEST;
}

/* What it is, beyond its stream; whether it is rekeyed. */
static enum dp_drop look_at(struct dp_worker *w, struct rte_mbuf *m)
{
    struct dp_packet *p = dp_packet(m);
    if (p->stream->rtx) {
        enum dp_drop why = repair(w, m);
        if (why != DP_DROPS)
            return why;
    }
    read_descriptor(p->endpoint, m);
    enum dp_drop why = sort_out(w, p);
    if (!p->source->conf.video && !dp_speaker_heard(w, m))
        why = hold_back(p);
    if (p->stream->nack)
        dp_nacks_received(w, p, is_wanted(why));
    p->index -= p->stream->gate.less;
    return why;
}

static enum dp_drop ingress(struct dp_worker *w, struct rte_mbuf *m)
{
    struct dp_packet *p = dp_packet(m);
    struct dp_endpoint *e = p->endpoint;
    struct dp_match match;
    if (e->keys == NULL)
        return DP_DROP_NO_KEYS;
    if (dp_opaque_any(w) && dp_opaque_take(w, m))
        return DP_DROPS;
    if (dp_rtp_parse(dp_packet_payload(m), p->length, &p->rtp) != DP_RTP_OK)
        return DP_DROP_RTP_MALFORMED;
    enum dp_drop why = authenticate(e, m, &match);
    if (why == DP_DROP_SSRC_UNKNOWN && e->hello &&
        dp_hello_take(w, e, dp_packet_payload(m), p->length, &p->rtp))
        return DP_DROP_HELLO;
    if (why != DP_DROPS)
        return why;

    struct dp_stream *st = p->stream;
    if (match.take)
        dp_stream_take(w, &match, p->rtp.ssrc);
    dp_srtp_rx_commit(&st->rx, p->index);
    bool first = !st->begun;
    if (first)
        begin(w, st, p);
    account(w, e, m);
    if (first)
        dp_layers_begin(w, st);
    p->source = st->source;
    why = look_at(w, m);
    p->rekey = why == DP_DROPS;
    return dp_opaque_wanted(p->source) ? DP_DROPS : why;
}

static bool may_be_anothers(struct rte_mbuf *m, enum dp_drop why)
{
    const struct dp_packet *p = dp_packet(m);
    return p->endpoint->hello &&
           (why == DP_DROP_SSRC_UNKNOWN || why == DP_DROP_PAYLOAD_TYPE || why == DP_DROP_SRTP_AUTH);
}

void dp_stage_ingress(struct dp_worker *w, struct dp_burst *in, struct dp_burst *out)
{
    for (unsigned i = 0; i < in->n; i++) {
        enum dp_drop why = ingress(w, in->pkts[i]);
        if (why == DP_DROPS)
            out->pkts[out->n++] = in->pkts[i];
        else if (may_be_anothers(in->pkts[i], why) && dp_latch_offer(w, in->pkts[i]) == DP_DROPS)
            rte_pktmbuf_free(in->pkts[i]);
        else
            dp_drop(w, why, in->pkts[i]);
    }
    in->n = 0;
}
