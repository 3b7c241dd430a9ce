/* DPDK's power intrinsics, which it may still change. */
#define ALLOW_EXPERIMENTAL_API

#include "dataplane/nap.h"

#include <rte_cpuflags.h>
#include <rte_cycles.h>
#include <rte_power_intrinsics.h>
#include <time.h>

#define PAUSE_MAX_US 40 /* of the CPU's own waiting; longer, the kernel may run others */

bool dp_nap_can_pause(void)
{
    struct rte_cpu_intrinsics cpu;

    rte_cpu_get_intrinsics_support(&cpu);
    return cpu.power_pause;
}

void dp_nap(uint32_t us, bool can_pause, uint64_t tsc_hz)
{
    const struct timespec t = {.tv_nsec = us * 1000L};

    if (can_pause && us <= PAUSE_MAX_US &&
        rte_power_pause(rte_rdtsc() + us * tsc_hz / 1000000) == 0)
        return;
    clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}
