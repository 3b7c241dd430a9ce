#include "dataplane/srtp/replay.h"

#include <errno.h>
#include <string.h>

/* The window is a ring of bits, bit (index mod 1024) for each index in (highest - 1024, highest].
 */

static uint64_t *word_of(struct dp_srtp_rx *rx, uint64_t index)
{
    return &rx->seen[index % DP_SRTP_WINDOW / 64];
}

static bool was_seen(const struct dp_srtp_rx *rx, uint64_t index)
{
    return rx->seen[index % DP_SRTP_WINDOW / 64] >> (index % 64) & 1;
}

void dp_srtp_rx_restore(struct dp_srtp_rx *rx, uint64_t highest)
{
    rx->begun = true;
    rx->highest = highest;
    memset(rx->seen, 0xff, sizeof(rx->seen));
}

/* The index nearest to the highest one whose low 16 bits are seq; negative before the first one. */
static int64_t nearest(const struct dp_srtp_rx *rx, uint16_t seq)
{
    int64_t roc = (int64_t)(rx->highest >> 16);
    uint16_t last = (uint16_t)rx->highest;

    if (last < 0x8000) {
        if (seq > last + 0x8000)
            roc--;
    } else if (last - 0x8000 > seq) {
        roc++;
    }
    return roc * 0x10000 + seq;
}

int dp_srtp_rx_estimate(const struct dp_srtp_rx *rx, uint16_t seq, uint64_t *index)
{
    int64_t guess;

    if (!rx->begun) {
        *index = seq;
        return 0;
    }
    guess = nearest(rx, seq);
    if (guess < 0)
        return -ESTALE;
    *index = (uint64_t)guess;
    if (*index > DP_SRTP_INDEX_MAX)
        return -ERANGE;
    if (*index > rx->highest)
        return 0;
    if (rx->highest - *index >= DP_SRTP_WINDOW)
        return -ESTALE;
    return was_seen(rx, *index) ? -EALREADY : 0;
}

/* Forgets the indices that the ring's places in (highest, index] held. */
static void advance(struct dp_srtp_rx *rx, uint64_t index)
{
    if (index - rx->highest >= DP_SRTP_WINDOW) {
        memset(rx->seen, 0, sizeof(rx->seen));
    } else {
        for (uint64_t i = rx->highest + 1; i <= index; i++)
            *word_of(rx, i) &= ~(UINT64_C(1) << (i % 64));
    }
    rx->highest = index;
}

void dp_srtp_rx_commit(struct dp_srtp_rx *rx, uint64_t index)
{
    if (!rx->begun) {
        memset(rx->seen, 0, sizeof(rx->seen));
        rx->begun = true;
        rx->highest = index;
    } else if (index > rx->highest) {
        advance(rx, index);
    } else if (rx->highest - index >= DP_SRTP_WINDOW) {
        return;
    }
    *word_of(rx, index) |= UINT64_C(1) << (index % 64);
}
