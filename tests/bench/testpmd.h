/* DPDK's own forwarding between two ports, in a process of its own: dpdk-testpmd. */
#ifndef BENCH_TESTPMD_H
#define BENCH_TESTPMD_H

#include <stdbool.h>
#include <stddef.h>

/* TSC cycles per packet of a forwarding mode (io, macswap) between two ports (net_null, which
 * copies nothing; net_ring, each looped to itself), as testpmd itself tells them, on the CPU that
 * the bench runs on. It forwards for so many seconds; what the kernel takes away in that time is in
 * it. 0 or -errno with why filled, of size bytes. */
int testpmd_cycles(const char *mode, const char *port, double seconds, double *cycles, char *why,
                   size_t size);

#endif
