/*
 * Outgoing sequence numbers, timestamps and frame numbers of one subscription.
 * All sequence numbers are extended to 48 bits as SRTP counts them (rollover counter << 16 | seq).
 * Two inputs never get one output, and outputs are ordered as inputs are: SRTP's keystream depends
 * on it (RFC 3711 section 9.1).
 */
#ifndef HEADRACE_DATAPLANE_RTP_SEQMAP_H
#define HEADRACE_DATAPLANE_RTP_SEQMAP_H

#include <stdbool.h>
#include <stdint.h>

#define DP_SEQMAP_RUNS   64           /* runs of dropped packets remembered for late ones */
#define DP_SEQMAP_WINDOW 1024         /* numbers behind the newest that may still come */
#define DP_SEQMAP_JUMP   8192         /* a gap above this is closed: receivers guess rollovers */
#define DP_SEQMAP_MAX    (1ULL << 48) /* SRTP's packet index ends here */

/* Consecutive inputs first..last that took no output. */
struct dp_seqmap_run {
    uint64_t first;
    uint64_t last;
};

struct dp_seqmap {
    uint64_t next_out; /* one more than the highest output given */
    uint64_t highest;  /* newest input seen, forwarded or dropped */
    uint64_t floor;    /* inputs below are refused */
    int64_t delta;     /* output - input, for inputs after the newest run */
    uint32_t stream;
    bool started;      /* an input of this stream has been forwarded */
    uint8_t runs_head; /* index of the newest run */
    uint8_t runs;
    uint64_t seen[DP_SEQMAP_WINDOW / 64]; /* bit input % window: already asked for */
    struct dp_seqmap_run run[DP_SEQMAP_RUNS];
};

/* first_out: the first output; random below 2^15 for a new leg, well ahead of the last one after a
 * restore. */
void dp_seqmap_init(struct dp_seqmap *m, uint32_t stream, uint64_t first_out);

/*
 * From here on inputs belong to another stream, whose first forwarded packet gets the highest
 * output so far + 1. Packets of the old stream are refused.
 */
void dp_seqmap_switch(struct dp_seqmap *m, uint32_t stream);

/*
 * The output for an input that is forwarded. 0, or: -ESTALE: another stream, or older than what is
 * remembered; -EALREADY: this input was forwarded or dropped before; -EOVERFLOW: 48 bits are used
 * up.
 */
int dp_seqmap_forward(struct dp_seqmap *m, uint32_t stream, uint64_t in, uint64_t *out);

/*
 * An input that is not forwarded on purpose. If it is the newest, later outputs close the gap; a
 * late one leaves its gap open. Call it for every such packet. Errors as above.
 */
int dp_seqmap_drop(struct dp_seqmap *m, uint32_t stream, uint64_t in);

/* Outgoing RTP timestamps: a constant offset per stream; a switch never goes back. */
struct dp_tsmap {
    uint32_t offset;
    uint32_t highest; /* newest output */
    bool started;
};

void dp_tsmap_init(struct dp_tsmap *m);

/*
 * Another stream follows, whose first packet has timestamp in, `elapsed` clock-rate ticks after the
 * packet with the newest output: its output is ahead of that by elapsed, or 1 if that is 0.
 */
void dp_tsmap_switch(struct dp_tsmap *m, uint32_t in, uint32_t elapsed);

/* The output for a forwarded packet; the first ever keeps its timestamp. */
uint32_t dp_tsmap_forward(struct dp_tsmap *m, uint32_t in);

/* The output for a timestamp that is not a packet's, such as a sender report's. */
static inline uint32_t dp_tsmap_at(const struct dp_tsmap *m, uint32_t in)
{
    return in + m->offset;
}

/*
 * Outgoing frame numbers of the Dependency Descriptor: a constant offset per stream, and a switch
 * goes on from the highest. A browser drops every key frame numbered before the newest it has seen,
 * and the numbers of another publisher, or of the same one who came back, begin anywhere.
 */
struct dp_framemap {
    uint16_t offset;
    uint16_t highest; /* newest output */
    bool started;
    bool aligned; /* offset is for the stream that is forwarded now */
};

/* Another stream follows. */
void dp_framemap_switch(struct dp_framemap *m);
/* The first frame number of a stream sets its offset; true: it has done so just now. */
bool dp_framemap_align(struct dp_framemap *m, uint16_t in);
/* A packet with this frame number is forwarded, under in + m->offset. */
void dp_framemap_forward(struct dp_framemap *m, uint16_t in);

#endif
