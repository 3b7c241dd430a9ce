/* Watches the one rule: no two different packets under one key, SSRC and index (RFC 3711 9.1,
 * RFC 7714 8.1). Remembers a hash of each packet sent, the newest DP_SRTP_CHECKER_ENTRIES or so; an
 * older one is forgotten, never mistaken. For debug builds and tests; not locked, one per leg.
 */
#ifndef DP_SRTP_CHECKER_H
#define DP_SRTP_CHECKER_H

#include <stddef.h>
#include <stdint.h>

#define DP_SRTP_CHECKER_ENTRIES (1u << 14) /* 640 KiB, as far as it is used */

struct dp_srtp_checker;

/* entries is rounded up to a power of two, at least 4. NULL if there is no memory. */
struct dp_srtp_checker *dp_srtp_checker_new(size_t entries);
void dp_srtp_checker_free(struct dp_srtp_checker *checker);

/* A packet about to leave: 0, or -EKEYREJECTED if different bytes have left under the same triple.
 * key_id names one leg's key for good: a new key needs a new one. */
int dp_srtp_checker_see(struct dp_srtp_checker *checker, uint64_t key_id, uint32_t ssrc,
                        uint64_t index, const uint8_t *bytes, size_t len);

#endif
