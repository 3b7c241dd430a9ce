/* Shards change workers while media flows. Main thread. */
#ifndef DP_SHARD_H
#define DP_SHARD_H

#include "dataplane/apply_call.h"

/* Returns when all of it has moved. 0, or -ENOMEM: some of its endpoints are still where they were.
 */
int dp_shard_move(const struct dp_call *c, struct dp_shard *shard, struct dp_worker *to);
/* So that workers whose bit is set have none, and the rest of the crew has as many each, give or
 * take one; no more moves than it needs. 0 or -ENOMEM. */
int dp_shards_deal(const struct dp_call *c, uint64_t leaving);

#endif
