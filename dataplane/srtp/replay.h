/* Ingress packet index and replay protection of one SSRC (RFC 3711 3.3.1, 3.3.2, appendix A).
 * One writer: the worker that owns the endpoint. */
#ifndef DP_SRTP_REPLAY_H
#define DP_SRTP_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#define DP_SRTP_WINDOW    1024 /* packets behind the highest that may still come, once each */
#define DP_SRTP_INDEX_MAX ((UINT64_C(1) << 48) - 1)

/* All zero is a stream that has not begun. */
struct dp_srtp_rx {
    bool begun;
    uint64_t highest; /* 48-bit index: ROC << 16 | sequence number */
    uint64_t seen[DP_SRTP_WINDOW / 64];
};

/* Goes on after a restart: every index up to highest counts as seen. */
void dp_srtp_rx_restore(struct dp_srtp_rx *rx, uint64_t highest);

/* Guesses the index of seq. 0, or -EALREADY (replayed), -ESTALE (behind the window, or before the
 * stream's first rollover), -ERANGE (48 bits used up: the key is dead). */
int dp_srtp_rx_estimate(const struct dp_srtp_rx *rx, uint16_t seq, uint64_t *index);

/* Takes note of index, which came from estimate and whose packet's tag was right. */
void dp_srtp_rx_commit(struct dp_srtp_rx *rx, uint64_t index);

#endif
