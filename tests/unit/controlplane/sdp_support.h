/* Offers of real clients in tests/vectors/sdp, and one fixed configuration to answer them with. */
#ifndef SDP_SUPPORT_H
#define SDP_SUPPORT_H

#include "controlplane/negotiate.h"

/* Every offer there, without ".sdp"; NULL-terminated. */
extern const char *const sdp_vectors[];

/* A whole file of tests/vectors/sdp, NUL-terminated; the caller frees. NULL: not there. */
char *sdp_read(const char *name, const char *suffix, size_t *len);

/* Parses or fails the test, saying where; the caller frees. */
struct cp_sdp *sdp_parse_text(const char *text);
struct cp_sdp *sdp_parse_vector(const char *name);

#define SDP_SENDERS_MAX 16

struct sdp_answering {
    struct cp_negotiate_config cfg;
    struct cp_sender senders[SDP_SENDERS_MAX];
    char names[SDP_SENDERS_MAX][2][16];
};

/* Two candidates, all codecs, and a sender for every recvonly section; SSRC 1000 + 2 * its place.
 */
void sdp_answering_init(struct sdp_answering *a, const struct cp_sdp *offer);

/* Negotiates or fails the test; the caller frees. */
struct cp_negotiation *sdp_negotiate(const struct cp_sdp *offer,
                                     const struct cp_negotiate_config *cfg);

#endif
