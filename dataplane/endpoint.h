/* Endpoints, on the worker. */
#ifndef DP_ENDPOINT_H
#define DP_ENDPOINT_H

#include "dataplane/session.h"

/* Into and out of the worker's session; out takes its sources and subscriptions along, all still
 * the main thread's to free. */
void dp_endpoint_link(struct dp_worker *w, struct dp_endpoint *e);
void dp_endpoint_unlink(struct dp_worker *w, struct dp_endpoint *e);
/* From one worker's session to another's, with what hangs on it; workers are parked. */
void dp_endpoint_rehome(struct dp_endpoint *e, struct dp_worker *to);
/* New settings; keys NULL: as before. */
void dp_endpoint_configure(struct dp_worker *w, struct dp_endpoint *e,
                           const struct dp_endpoint_conf *conf, struct dp_keys *keys,
                           const struct dp_srtp_key *egress);

#endif
