/* What a general library needs for the same bytes: ipsec-mb, 256 keys in turn. */
#ifndef BENCH_IPSEC_MB_H
#define BENCH_IPSEC_MB_H

#include "proto/srtp_profile.h"

#include <stddef.h>

/* TSC cycles to encrypt and authenticate one packet of so many bytes payload behind a header that
 * is authenticated too: GCM by the direct API, AES-CTR with HMAC-SHA1 by jobs in batches of 32.
 * Median of rounds that the kernel did not interrupt; 0: the library refuses, or there are none. */
double ipsec_mb_cycles(enum hr_srtp_profile profile, size_t header, size_t payload);
const char *ipsec_mb_version(void);

#endif
