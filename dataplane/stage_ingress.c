/*
 * Exits: out (authentic, and somebody may want it) or a drop. Nothing about a packet is believed,
 * and no state changes, before its tag is verified. Feedback and statistics count every authentic
 * packet, also those that are dropped for what they carry.
 */
#include "dataplane/layers.h"
#include "dataplane/mirror.h"
#include "dataplane/packet.h"
#include "dataplane/source.h"

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
    return DP_DROPS;
}

/* The first authentic packet under its SSRC. */
static void begin(struct dp_worker *w, struct dp_stream *st, const struct dp_packet *p)
{
    st->begun = true;
    st->source->version++;
    dp_rxstats_init(&st->rxstats, st->ssrc, st->source->conf.payloads[p->rtp.pt].clock_rate);
    st->packets = 0;
    st->bytes = 0;
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
    dp_rxstats_packet(&st->rxstats, p->rtp.seq, p->rtp.ts, dp_session_us(w->session, p->arrival));
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
}

/* What an authentic packet is dropped for, or DP_DROPS. */
static enum dp_drop sort_out(struct dp_worker *w, const struct dp_packet *p)
{
    const struct dp_stream *st = p->stream;
    const struct dp_source *s = st->source;
    if (s->conf.payloads[p->rtp.pt].clock_rate == 0)
        return DP_DROP_PAYLOAD_TYPE;
    if (st->rtx)
        return DP_DROP_RTX_UNUSED;
    if (st->takers || dp_mirrors_want(st))
        return DP_DROPS;
    return s->fan_count || s->mirrors ? DP_DROP_LAYER : DP_DROP_NO_SUBSCRIBER;
}

static enum dp_drop ingress(struct dp_worker *w, struct rte_mbuf *m)
{
    struct dp_packet *p = dp_packet(m);
    struct dp_endpoint *e = p->endpoint;
    struct dp_match match;
    if (e->keys == NULL)
        return DP_DROP_NO_KEYS;
    if (dp_rtp_parse(dp_packet_payload(m), p->length, &p->rtp) != DP_RTP_OK)
        return DP_DROP_RTP_MALFORMED;
    enum dp_drop why = authenticate(e, m, &match);
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
    read_descriptor(e, m);
    if (first)
        dp_layers_begin(w, st);
    return sort_out(w, p);
}

void dp_stage_ingress(struct dp_worker *w, struct dp_burst *in, struct dp_burst *out)
{
    for (unsigned i = 0; i < in->n; i++) {
        enum dp_drop why = ingress(w, in->pkts[i]);
        if (why == DP_DROPS)
            out->pkts[out->n++] = in->pkts[i];
        else
            dp_drop(w, why, in->pkts[i]);
    }
    in->n = 0;
}
