/* What OpenSSL's EVP needs for the same bytes as ipsec_mb.h says: 256 keys in turn. */
#ifndef BENCH_OPENSSL_H
#define BENCH_OPENSSL_H

#include "proto/srtp_profile.h"

#include <stddef.h>

/* TSC cycles a packet, median of rounds that the kernel did not interrupt; 0: there are none. */
double openssl_cycles(enum hr_srtp_profile profile, size_t header, size_t payload);
const char *openssl_version(void);

#endif
