/* How well legs do, as their reports come and go: into the worker's histograms. */
#ifndef DP_QUALITY_H
#define DP_QUALITY_H

#include "dataplane/rtp/rtcp.h"
#include "dataplane/session.h"

/* A round trip was measured; us beyond a minute are of a wrong clock and not counted. */
void dp_quality_round_trip(struct dp_worker *w, enum hr_histogram_id id, int64_t us);
/* A report about a stream of that clock (Hz; 0: not known) goes to its publisher. */
void dp_quality_ingress(struct dp_worker *w, uint32_t clock_rate,
                        const struct dp_rtcp_report_block *b);
/* A receiver's report about s has come. */
void dp_quality_egress(struct dp_worker *w, const struct dp_subscription *s,
                       const struct dp_rtcp_report_block *b);
/* A report of a receiver has come: the way to it now. */
void dp_quality_link(struct dp_worker *w, const struct dp_endpoint *e);

#endif
