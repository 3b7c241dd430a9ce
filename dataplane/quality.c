#include "dataplane/quality.h"

#include "dataplane/send.h"

#define ROUND_TRIP_MAX 60000000 /* us */

static void observe(struct dp_worker *w, enum hr_histogram_id id, uint64_t value)
{
    struct dp_histogram *h = &w->session->histograms[id];
    h->counts[hr_histogram_bucket(&hr_histograms[id], value)]++;
    h->sum += value;
}

void dp_quality_round_trip(struct dp_worker *w, enum hr_histogram_id id, int64_t us)
{
    if (us >= 0 && us < ROUND_TRIP_MAX)
        observe(w, id, (uint64_t)us);
}

static void observe_jitter(struct dp_worker *w, enum hr_histogram_id id, uint32_t jitter,
                           uint32_t clock_rate)
{
    if (clock_rate)
        observe(w, id, UINT64_C(1000000) * jitter / clock_rate);
}

static void observe_loss(struct dp_worker *w, enum hr_histogram_id id, uint8_t fraction)
{
    observe(w, id, UINT64_C(1000000) * fraction / 256);
}

void dp_quality_ingress(struct dp_worker *w, uint32_t clock_rate,
                        const struct dp_rtcp_report_block *b)
{
    observe_jitter(w, HR_HISTOGRAM_JITTER_INGRESS, b->jitter, clock_rate);
    observe_loss(w, HR_HISTOGRAM_LOSS_INGRESS, b->fraction_lost);
}

void dp_quality_egress(struct dp_worker *w, const struct dp_subscription *s,
                       const struct dp_rtcp_report_block *b)
{
    uint32_t clock_rate = s->stream ? s->stream->rxstats.clock_rate : 0;
    observe_jitter(w, HR_HISTOGRAM_JITTER_EGRESS, b->jitter, clock_rate);
    observe_loss(w, HR_HISTOGRAM_LOSS_EGRESS, b->fraction_lost);
}

void dp_quality_link(struct dp_worker *w, const struct dp_endpoint *e)
{
    if (dp_send_budget(e) == DP_SEND_UNKNOWN)
        return;
    observe(w, HR_HISTOGRAM_ESTIMATE, dp_bwe_target(&e->send->bwe));
    observe(w, HR_HISTOGRAM_QUEUE, dp_send_wait_us(e->send));
}
