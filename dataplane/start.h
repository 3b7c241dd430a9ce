/* What the process is made of, in the order of making; each step has its mirror. */
#ifndef DP_START_H
#define DP_START_H

#include "dataplane/dataplane.h"
#include "proto/log.h"

/* All: 0 or -errno, logged with what the user can do. dp->config and dp->run_dir are set. */

/* Looks at the configured devices, then starts DPDK with them. */
int dp_start_eal(struct dp_dataplane *dp);
void dp_stop_eal(struct dp_dataplane *dp);

/* The packet pool, then the ports. */
int dp_start_ports(struct dp_dataplane *dp);
void dp_stop_ports(struct dp_dataplane *dp);

int dp_make_workers(struct dp_dataplane *dp);
void dp_free_workers(struct dp_dataplane *dp);

/* Workers poll from here on; stop returns when all their work has been given back. */
int dp_start_workers(struct dp_dataplane *dp);
void dp_stop_workers(struct dp_dataplane *dp);

#endif
