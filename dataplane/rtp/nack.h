/*
 * What has not come of one RTP stream, and when to ask for it (RFC 4585 6.2.1). Packets are known
 * by the 48-bit index that SRTP gives them, times are of any monotonic clock in microseconds. What
 * is missing is asked for until it comes, or is given up: of video a key frame is wanted then.
 */
#ifndef HEADRACE_DATAPLANE_RTP_NACK_H
#define HEADRACE_DATAPLANE_RTP_NACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DP_NACK_VIDEO_MAX       256 /* missing packets that are remembered; beyond it the oldest, */
#define DP_NACK_AUDIO_MAX       32  /* and of a gap that is larger all, are given up */
#define DP_NACK_TRIES           10  /* requests for one packet */
#define DP_NACK_VIDEO_AGE_US    1000000 /* a packet missing longer is given up */
#define DP_NACK_AUDIO_AGE_US    400000
#define DP_NACK_REORDER         3    /* packets behind a gap, or */
#define DP_NACK_REORDER_US      5000 /* time, until it counts as loss in video; in audio at once */
#define DP_NACK_RTT_US          100000 /* until the round trip is known */
#define DP_NACK_INTERVAL_MIN_US 20000  /* between requests for one packet */
#define DP_NACK_AUDIO_TWICE_US  20000  /* to the second of audio: the first may be lost */

/* A packet that has not come; times are the low 32 bits. */
struct dp_nack_missing {
    uint32_t index; /* the low 32 bits */
    uint32_t found, asked;
    uint32_t tries;
};

struct dp_nack {
    uint64_t next; /* one more than the highest index that came */
    bool begun, audio;
    bool gave_up; /* something that was missing is not asked for any more; the caller clears it */
    uint16_t max, count;
    uint16_t untried;                 /* of count: not asked for yet */
    struct dp_nack_missing missing[]; /* the oldest first */
};

/* Bytes of one, for audio or video. */
size_t dp_nack_size(bool audio);
/* For a stream that has not begun; the memory is the caller's, of dp_nack_size() bytes. */
void dp_nack_init(struct dp_nack *n, bool audio);

/* A packet came that was not there before. How long ago it was asked for, if it was, and once; else
 * -1. */
int64_t dp_nack_received(struct dp_nack *n, uint64_t index, int64_t now_us);
/* A key frame begins with index: what came before is not needed. */
void dp_nack_keyframe(struct dp_nack *n, uint64_t index);
/* Numbers to ask for now, oldest first, at most max, into seqs. rtt_us 0: not known. */
unsigned dp_nack_due(struct dp_nack *n, int64_t now_us, uint32_t rtt_us, uint16_t *seqs,
                     unsigned max);
/* When dp_nack_due() has something to do next; INT64_MAX: nothing is missing. */
int64_t dp_nack_deadline(const struct dp_nack *n, int64_t now_us, uint32_t rtt_us);

#endif
