/* DPDK's environment (EAL) from our configuration: nobody has to know its arguments. */
#ifndef DP_EAL_H
#define DP_EAL_H

#include "dataplane/device.h"
#include "proto/config.h"

#define DP_EAL_MAIN_LCORE   0
#define DP_EAL_WORKER_LCORE 1 /* of worker 0 */

/* How many workers the configuration asks for. 0 or -errno, logged: a bad list, too
 * many. */
int dp_eal_workers(const struct hr_config *config, unsigned *workers);
/* 0 or -errno, logged with what the user can do. The calling thread becomes the main lcore. */
int dp_eal_start(const struct hr_config *config, const char *run_dir,
                 const struct dp_device *devices, unsigned count);
void dp_eal_stop(const char *run_dir);

#endif
