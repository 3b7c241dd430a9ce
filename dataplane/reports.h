/* What the relay tells unasked, when it is due: to publishers how their packets arrive, to
 * subscribers sender reports. */
#ifndef DP_REPORTS_H
#define DP_REPORTS_H

#include "dataplane/session.h"

#define DP_REPORTS_MS 1000 /* between receiver reports to one publisher */

/* Transport-cc feedback and receiver reports. False: out had no room for all. */
bool dp_reports_publisher(struct dp_worker *w, struct dp_endpoint *e, struct dp_burst *out);
/* Sender reports that came since, rewritten. False: out had no room for all. */
bool dp_reports_subscriber(struct dp_worker *w, struct dp_endpoint *e, struct dp_burst *out);

#endif
