/* An endpoint changes workers, with its sources and subscriptions. Main thread, workers parked. */
#ifndef DP_MOVE_H
#define DP_MOVE_H

#include "dataplane/apply_call.h"

/* 0; -ENOMEM: nothing has changed. */
int dp_move_endpoint(const struct dp_call *c, struct dp_endpoint_object *o, struct dp_worker *to);

/* Takes away the mirrors of a worker whose endpoints have all moved. */
void dp_move_forget(const struct dp_call *c, const struct dp_worker *from);

/* Objects to change, for bounding a pause. */
static inline unsigned dp_move_size(const struct dp_endpoint_object *o)
{
    return 1 + o->sources_count + o->subscriptions_count;
}

#endif
