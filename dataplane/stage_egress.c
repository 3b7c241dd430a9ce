#include "dataplane/dataplane.h"
#include "dataplane/egress.h"
#include "dataplane/layers.h"
#include "dataplane/packet.h"
#include "dataplane/subscription.h"

#include <rte_prefetch.h>

#define AHEAD 16 /* copies whose keys and legs are fetched before they are needed; lines: twice */

/* A packet to a subscription whose numbers are not just the next ones. */
static enum dp_drop consider(struct dp_worker *w, const struct dp_original *o,
                             struct dp_subscription *s, struct dp_rtp_numbers *n)
{
    if (!dp_endpoint_ready(s->endpoint))
        return DP_DROP_SUBSCRIBER_NOT_READY;
    if (s->conf.paused)
        return DP_DROP_SUBSCRIPTION_PAUSED;
    enum dp_drop why = dp_layers_pass(w, s, o->pkt);
    return why == DP_DROPS ? dp_subscription_number(s, o->pkt, n) : why;
}

static bool copy(struct dp_egress *e, struct dp_original *o, struct dp_subscription *s)
{
    struct dp_rtp_numbers n;
    enum dp_drop why = consider(e->w, o, s, &n);
    if (why == DP_DROPS)
        why = dp_egress_put(e, o, s, &n);
    if (why == DP_DROPS)
        return true;
    e->w->drops[why]++;
    if (s->stream == o->stream)
        dp_subscription_unsent(s, (uint32_t)o->job.len);
    return false;
}

/* For retransmission. */
static void keep(struct dp_worker *w, const struct dp_original *o)
{
    dp_history_keep(&o->stream->history, &w->session->budget, o->pkt);
}

static inline void prefetch(const struct dp_copies *in, unsigned i)
{
    unsigned last = in->n - 1;
    rte_prefetch0(in->to[RTE_MIN(i + 2 * AHEAD, last)]);
    const struct dp_endpoint *to = in->to[RTE_MIN(i + AHEAD, last)]->endpoint;
    const uint8_t *key = (const uint8_t *)&to->egress;
    rte_prefetch0(&to->leg);
    rte_prefetch0(key);
    rte_prefetch0(key + 64);
    rte_prefetch0(key + 128);
}

/* How many at once: two sets of HMAC lanes, or so many that they stay in the first-level cache from
 * one pass to the next. In equal parts where that is fewer than two whole batches, for few HMACs
 * are slow. */
static unsigned batch_of(const struct dp_subscription *s, unsigned n)
{
    bool gcm = s->endpoint->egress.profile == HR_SRTP_AEAD_AES_128_GCM;
    unsigned most = gcm ? DP_EGRESS_BATCH / 2 : DP_EGRESS_BATCH;
    return n <= most ? n : RTE_MIN((n + 1) / 2, most);
}

/* Numbers, headers and then payloads, a batch at a time. */
void dp_stage_egress(struct dp_worker *w, struct dp_copies *in, struct dp_burst *out)
{
    struct dp_egress e;
    struct dp_original o;
    unsigned at = 0, left = 0;

    dp_egress_open(&e, w);
    for (unsigned i = 0; i < RTE_MIN(in->n, 2u * AHEAD); i++)
        rte_prefetch0(in->to[i]);
    for (unsigned g = 0; g < in->groups; g++) {
        struct rte_mbuf *m = in->group[g].pkt;
        dp_original_set(&o, m, dp_packet(m)->stream);
        bool any = false;
        for (; at < in->group[g].end; at++) {
            if (left == 0) {
                dp_egress_flush(&e, out);
                left = batch_of(in->to[at], in->n - at);
                dp_egress_reserve(&e, left);
            }
            prefetch(in, at);
            any |= dp_egress_put_next(&e, &o, in->to[at]) || copy(&e, &o, in->to[at]);
            left--;
        }
        if (any)
            keep(w, &o);
    }
    dp_egress_flush(&e, out);
    dp_egress_close(&e);
    in->n = 0;
}
