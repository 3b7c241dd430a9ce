/* Which stream of which video an endpoint gets: allocate.h, with what the worker knows. */
#ifndef DP_ALLOCATION_H
#define DP_ALLOCATION_H

#include "dataplane/session.h"

/* Anew, for an endpoint that is limited: by its link, or by what it shows. */
void dp_allocation_tick(struct dp_worker *w, struct dp_endpoint *e);

#endif
