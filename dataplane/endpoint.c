#include "dataplane/endpoint.h"

#include "dataplane/nacks.h"
#include "dataplane/send.h"
#include "dataplane/source.h"
#include "dataplane/subscription.h"

#include <string.h>

void dp_endpoint_link(struct dp_worker *w, struct dp_endpoint *e)
{
    TAILQ_INSERT_TAIL(&w->session->endpoints, e, of_session);
    w->session->counts.endpoints++;
    e->last_packet = w->now;
}

void dp_endpoint_unlink(struct dp_worker *w, struct dp_endpoint *e)
{
    struct dp_session *session = w->session;
    while (!TAILQ_EMPTY(&e->subscriptions))
        dp_subscription_unlink(w, TAILQ_FIRST(&e->subscriptions));
    while (!TAILQ_EMPTY(&e->sources))
        dp_source_unlink(w, TAILQ_FIRST(&e->sources));
    dp_send_end(w, e);
    if (session->tick_endpoint == e)
        session->tick_endpoint = TAILQ_NEXT(e, of_session);
    TAILQ_REMOVE(&session->endpoints, e, of_session);
    session->counts.endpoints--;
    session->keystream.key = NULL; /* it may be one of e's keys, and its memory another's next */
}

/* What of the session's counts is of this endpoint. */
static void count(const struct dp_endpoint *e, struct dp_session_counts *counts, uint32_t by)
{
    const struct dp_source *source;
    const struct dp_subscription *sub;
    counts->endpoints += by;
    TAILQ_FOREACH (source, &e->sources, of_endpoint) {
        counts->sources += by;
        for (unsigned i = 0; i < DP_SOURCE_STREAMS; i++)
            if (source->streams[i] && source->streams[i]->begun)
                counts->streams += by;
    }
    TAILQ_FOREACH (sub, &e->subscriptions, of_endpoint)
        counts->subscriptions += by;
}

void dp_endpoint_rehome(struct dp_endpoint *e, struct dp_worker *to)
{
    struct dp_session *from = e->worker->session;
    if (from->tick_endpoint == e)
        from->tick_endpoint = TAILQ_NEXT(e, of_session);
    TAILQ_REMOVE(&from->endpoints, e, of_session);
    TAILQ_INSERT_TAIL(&to->session->endpoints, e, of_session);
    count(e, &from->counts, -1u);
    count(e, &to->session->counts, 1);
    from->keystream.key = NULL;
    dp_nacks_rehome(e, from, to->session);
    dp_send_rehome(e, from, to->session);
    e->worker = to;
}

/* The bytes of packets sent before cannot be made again with other extension ids. */
static void forget_sent(struct dp_endpoint *e)
{
    struct dp_subscription *sub;
    struct dp_source *source;
    TAILQ_FOREACH (sub, &e->subscriptions, of_endpoint)
        dp_subscription_forget(sub);
    TAILQ_FOREACH (source, &e->sources, of_endpoint)
        for (uint32_t i = 0; i < source->fan_count; i++)
            dp_subscription_forget(source->fan[i]);
}

static void place(struct dp_endpoint *e)
{
    struct dp_subscription *sub;
    TAILQ_FOREACH (sub, &e->subscriptions, of_endpoint)
        dp_subscription_place(sub);
}

static void tell_mirrors(struct dp_endpoint *e)
{
    struct dp_source *source;
    TAILQ_FOREACH (source, &e->sources, of_endpoint)
        source->version++;
}

/* Key frames that were not asked for while nothing could be sent. */
static void became_ready(struct dp_worker *w, struct dp_endpoint *e)
{
    struct dp_subscription *sub;
    TAILQ_FOREACH (sub, &e->subscriptions, of_endpoint)
        if (sub->wanted)
            dp_subscription_want(w, sub, sub->wanted);
}

static void place_legs(struct dp_endpoint *e)
{
    struct dp_subscription *sub;
    TAILQ_FOREACH (sub, &e->subscriptions, of_endpoint)
        dp_opaque_place(sub);
}

void dp_endpoint_configure(struct dp_worker *w, struct dp_endpoint *e,
                           const struct dp_endpoint_conf *conf, struct dp_keys *keys,
                           const struct dp_srtp_key *egress)
{
    bool was_ready = dp_endpoint_ready(e);
    bool same_bytes = memcmp(&e->conf.exts, &conf->exts, sizeof(conf->exts)) == 0;
    e->conf = *conf;
    if (keys) {
        e->keys = keys;
        e->egress = *egress;
    }
    if (conf->reachable)
        dp_leg_make(&e->leg, &conf->path, conf->port, &conf->exts,
                    (uint16_t)(rte_pktmbuf_data_room_size(w->pool) - RTE_PKTMBUF_HEADROOM),
                    (uint8_t)hr_srtp_tag_len(e->egress.profile));
    place(e);
    if (!same_bytes)
        forget_sent(e);
    if (!same_bytes || keys)
        tell_mirrors(e);
    if (!was_ready && dp_endpoint_ready(e))
        became_ready(w, e);
    if (dp_endpoint_opaque(e))
        place_legs(e);
}
