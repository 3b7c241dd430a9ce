/*
 * The pace is a multiple of the estimate, so that a key frame leaves within a moment and not in
 * one burst; when what waits would take too long even so, it is raised. A probe is sent at its own
 * pace: what waits first, then retransmissions of what was sent lately.
 */
#include "dataplane/send.h"

#include "dataplane/dataplane.h"
#include "dataplane/egress.h"
#include "dataplane/packet.h"

#include <stdlib.h>

#define PACE         3 / 2  /* times the estimate: what a slow link's queue holds */
#define AHEAD_US     5000   /* that may leave at once */
#define QUEUE_US     400000 /* what waits leaves within that, whatever the estimate */
#define L2_LEN       14
#define PROBE_PACKET 1200

void dp_send_begin(struct dp_worker *w, struct dp_endpoint *e, struct dp_send *send)
{
    const struct hr_config *c = w->dp->config;
    const struct dp_bwe_config rates = {.start = c->media.bitrate_start * UINT64_C(1000),
                                        .min = c->media.bitrate_min * UINT64_C(1000),
                                        .max = c->media.bitrate_max * UINT64_C(1000)};
    send->endpoint = e;
    dp_bwe_init(&send->bwe, &rates, dp_session_us(w->session, w->now));
    e->send = send;
}

static void stop_pacing(struct dp_session *session, struct dp_send *s)
{
    if (s->pacing)
        TAILQ_REMOVE(&session->pacing, s, of_session);
    s->pacing = false;
}

static void begin_pacing(struct dp_session *session, struct dp_send *s)
{
    if (!s->pacing)
        TAILQ_INSERT_TAIL(&session->pacing, s, of_session);
    s->pacing = true;
}

static void let_go(struct dp_send *s)
{
    while (s->first) {
        struct rte_mbuf *m = s->first;
        s->first = dp_packet(m)->next;
        rte_pktmbuf_free(m);
    }
    s->packets = s->bytes = 0;
}

void dp_send_end(struct dp_worker *w, struct dp_endpoint *e)
{
    struct dp_send *s = e->send;
    if (s == NULL)
        return;
    stop_pacing(w->session, s);
    w->drops[DP_DROP_PACE_GONE] += s->packets;
    w->session->pace_held -= s->packets;
    let_go(s);
}

void dp_send_free(struct dp_send *send)
{
    if (send)
        let_go(send);
    free(send);
}

void dp_send_rehome(struct dp_endpoint *e, struct dp_session *from, struct dp_session *to)
{
    if (e->send == NULL || !e->send->pacing)
        return;
    stop_pacing(from, e->send);
    begin_pacing(to, e->send);
    from->pace_held -= e->send->packets;
    to->pace_held += e->send->packets;
}

/* Bit/s at which packets leave now. */
static uint64_t pace(const struct dp_send *s)
{
    if (s->probe_left > 0)
        return s->probe.rate;
    uint64_t rate = dp_bwe_target(&s->bwe) * PACE;
    uint64_t least = (uint64_t)s->bytes * 8000000 / QUEUE_US;
    return RTE_MAX(rate, least);
}

static bool is_due(const struct dp_worker *w, const struct dp_send *s)
{
    return s->free_at <= w->now + w->session->hz / 1000000 * AHEAD_US;
}

static void leave(struct dp_worker *w, struct dp_send *s, struct rte_mbuf *m, uint16_t number,
                  struct dp_burst *out)
{
    uint32_t bytes = m->pkt_len - L2_LEN;
    bool probing = s->probe_left > 0;
    s->free_at = RTE_MAX(s->free_at, w->now) + bytes * 8 * w->session->hz / pace(s);
    dp_bwe_sent(&s->bwe, number, bytes, probing ? s->probe.id : 0,
                dp_session_us(w->session, w->now));
    if (probing)
        s->probe_left -= (int32_t)bytes;
    out->pkts[out->n++] = m;
}

static void keep(struct dp_worker *w, struct dp_send *s, struct rte_mbuf *m, uint16_t number)
{
    struct dp_packet *p = dp_packet(m);
    if (s->packets == DP_SEND_PACKETS_MAX || w->session->pace_held >= w->session->pace_limit) {
        dp_drop(w, DP_DROP_PACE_FULL, m);
        return;
    }
    p->next = NULL;
    p->number = number;
    if (s->first)
        dp_packet(s->last)->next = m;
    else
        s->first = m;
    s->last = m;
    s->packets++;
    s->bytes += m->pkt_len;
    w->session->pace_held++;
    begin_pacing(w->session, s);
}

void dp_send_put(struct dp_worker *w, struct dp_endpoint *e, struct rte_mbuf *m, uint16_t number,
                 struct dp_burst *out)
{
    struct dp_send *s = e->send;
    if (s->first == NULL && is_due(w, s))
        leave(w, s, m, number, out);
    else
        keep(w, s, m, number);
}

static void release_first(struct dp_worker *w, struct dp_send *s, struct dp_burst *out)
{
    struct rte_mbuf *m = s->first;
    struct dp_packet *p = dp_packet(m);
    s->first = p->next;
    s->packets--;
    w->session->pace_held--;
    leave(w, s, m, p->number, out);
    s->bytes -= m->pkt_len;
}

bool dp_send_release(struct dp_worker *w, struct dp_send *s, struct dp_burst *out)
{
    while (is_due(w, s) && (s->first || s->probe_left > 0)) {
        if (out->n == DP_BURST)
            return false;
        if (s->first)
            release_first(w, s, out);
        else if (dp_egress_probe(w, s->endpoint, PROBE_PACKET, out) == 0)
            s->probe_left = 0; /* nothing to probe with */
    }
    if (s->first == NULL && s->probe_left <= 0)
        stop_pacing(w->session, s);
    return true;
}

static void probe(struct dp_worker *w, struct dp_send *s)
{
    if (s->probe_left > 0 || s->first || !dp_endpoint_ready(s->endpoint) ||
        !dp_bwe_probe(&s->bwe, s->wanted, dp_session_us(w->session, w->now), &s->probe))
        return;
    s->probe_left = (int32_t)s->probe.bytes;
    w->session->counts.probes++;
    begin_pacing(w->session, s);
}

void dp_send_feedback(struct dp_worker *w, struct dp_endpoint *e, const struct dp_twcc_view *view)
{
    if (e->send == NULL)
        return;
    dp_bwe_feedback(&e->send->bwe, view, dp_session_us(w->session, w->now));
    e->send->heard = true;
    probe(w, e->send);
}

void dp_send_remb(struct dp_worker *w, struct dp_endpoint *e, uint64_t bitrate)
{
    if (e->send == NULL)
        return;
    dp_bwe_remb(&e->send->bwe, bitrate, dp_session_us(w->session, w->now));
    e->send->heard = true;
}

void dp_send_report(struct dp_worker *w, struct dp_endpoint *e, uint8_t fraction_lost,
                    uint32_t rtt_us)
{
    if (e->send)
        dp_bwe_report(&e->send->bwe, fraction_lost, rtt_us, dp_session_us(w->session, w->now));
}

void dp_send_tick(struct dp_worker *w, struct dp_endpoint *e)
{
    if (e->send == NULL)
        return;
    dp_bwe_tick(&e->send->bwe, dp_session_us(w->session, w->now));
    probe(w, e->send);
}

uint64_t dp_send_budget(const struct dp_endpoint *e)
{
    const struct dp_send *s = e->send;
    return s && (s->heard || s->numbered) ? dp_bwe_target(&s->bwe) : DP_SEND_UNKNOWN;
}

uint64_t dp_send_wait_us(const struct dp_send *s)
{
    uint64_t rate = dp_bwe_target(&s->bwe);
    return rate ? UINT64_C(8000000) * s->bytes / rate : 0;
}
