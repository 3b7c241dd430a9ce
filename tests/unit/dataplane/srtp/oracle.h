/* Random RTP through libsrtp2 and through dataplane/srtp, compared byte by byte.
 *
 * Each packet: libsrtp protects it with key A; it arrives late, twice, or not at all; we estimate
 * its index, verify it and rekey it to key B under another header; libsrtp protects the same
 * plaintext under the same header with key B; the two must be equal. */
#ifndef TEST_SRTP_ORACLE_H
#define TEST_SRTP_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

struct oracle_counts {
    uint64_t sent, compared, unprotected, rtx, late, stale, replayed, streams;
};

struct oracle;

struct oracle *oracle_new(uint64_t seed);
void oracle_free(struct oracle *oracle);

/* Sends this many packets more. False at the first difference, which oracle_error() tells. */
bool oracle_run(struct oracle *oracle, uint64_t packets);
const char *oracle_error(const struct oracle *oracle);
struct oracle_counts oracle_counts(const struct oracle *oracle);

#endif
