/* How an idle worker waits. */
#ifndef DP_NAP_H
#define DP_NAP_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the CPU can wait by itself (TPAUSE). */
bool dp_nap_can_pause(void);
/* Short naps without the kernel where the CPU can, others with it; tsc_hz is the clock's. */
void dp_nap(uint32_t us, bool can_pause, uint64_t tsc_hz);

#endif
