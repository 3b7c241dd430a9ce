/*
 * How many punts reach the control plane: a rate for each source address and one in all (rte_meter,
 * a token per packet, a second's worth of burst). The sources are hashed with a secret seed into a
 * fixed table, so a flood from any number of addresses costs no memory; two addresses may share a
 * bucket.
 */
#ifndef DP_METER_H
#define DP_METER_H

#include <stdbool.h>
#include <stdint.h>

#define DP_METER_SOURCES 4096 /* buckets */

struct dp_meter;

enum dp_meter_verdict { DP_METER_PASS, DP_METER_TOTAL, DP_METER_SOURCE };

/* Rates in packets a second; hz and now in TSC. NULL: no memory or a rate of 0. */
struct dp_meter *dp_meter_new(uint32_t total, uint32_t per_source, uint64_t hz, uint64_t now);
void dp_meter_free(struct dp_meter *m);

/*
 * ip has 4 or 16 bytes; of an IPv6 address the first 64 bits count, as one host has all the rest.
 * known: from the 5-tuple of an endpoint, which keeps its consent checks alive however full the
 * rate in all is.
 */
enum dp_meter_verdict dp_meter_check(struct dp_meter *m, uint8_t family, const uint8_t *ip,
                                     bool known, uint64_t now);

#endif
