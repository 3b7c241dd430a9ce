/* DPDK's environment (EAL) from our configuration: nobody has to know its arguments. */
#ifndef DP_EAL_H
#define DP_EAL_H

#include "dataplane/dataplane.h"

#define DP_EAL_MAIN_LCORE   0
#define DP_EAL_WORKER_LCORE 1 /* of worker 0 */

/* What the configuration says of workers: dp->cpus, workers_wanted, wanted_cpus, workers_max. 0 or
 * -errno, logged: a bad list, too many. */
int dp_eal_workers(const struct hr_config *config, struct dp_dataplane *dp);
/* 0 or -errno, logged with what the user can do. The calling thread becomes the main lcore. */
int dp_eal_start(const struct dp_dataplane *dp);
void dp_eal_stop(const char *run_dir);

#endif
