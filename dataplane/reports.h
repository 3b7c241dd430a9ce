/* What the relay tells unasked, when it is due: to publishers how their packets arrive, to
 * subscribers sender reports. */
#ifndef DP_REPORTS_H
#define DP_REPORTS_H

#include "dataplane/session.h"

#define DP_REPORTS_MS        1000 /* between receiver reports to one publisher, on average */
#define DP_REPORTS_SILENT_MS 8000 /* a stream that was silent as long is not reported on */

/* Transport-cc feedback and receiver reports. False: out had no room for all. */
bool dp_reports_publisher(struct dp_worker *w, struct dp_endpoint *e, struct dp_burst *out);
/* Sender reports that came since, rewritten. False: out had no room for all. */
bool dp_reports_subscriber(struct dp_worker *w, struct dp_endpoint *e, struct dp_burst *out);
/* The subscription ends: its receiver is told that its SSRC is no more. In dp_reports_flush()'s
 * out; beyond a burst of them nobody is told. */
void dp_reports_bye(struct dp_worker *w, struct dp_subscription *s);
void dp_reports_flush(struct dp_worker *w, struct dp_burst *out);

#endif
