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

#define DP_SEQMAP_RUNS  4            /* runs remembered: for late packets, and retransmission; */
#define DP_SEQMAP_MORE  32           /* with dp_seqmap_extend() so many */
#define DP_SEQMAP_JUMP  8192         /* a gap above this is closed: receivers guess rollovers */
#define DP_SEQMAP_MAX   (1ULL << 48) /* SRTP's packet index ends here */
#define DP_SEQMAP_SHIFT 8            /* below an index: room for a payload type */

/* What an output's bytes depend on beside its input. */
struct dp_seqmap_about {
    uint32_t ssrc; /* of the input */
    uint32_t ts_offset;
    uint16_t frame_offset;
    uint8_t stream;
    uint8_t limits; /* of its layers: filter.h */
};

/* Consecutive inputs with consecutive outputs, up to the first output of the next run. */
struct dp_seqmap_run {
    uint64_t in : 48, stream : 8, limits : 8; /* its first input */
    uint64_t out : 48, frame_offset : 16;
    uint32_t ssrc, ts_offset;
};

/*
 * next_in and next_out are indexes, each with the payload type of the last packet behind it, so
 * that one comparison tells that a packet needs no thought: dp_seqmap_step().
 */
struct dp_seqmap {
    uint64_t next_in;             /* one more than the newest input seen */
    uint64_t next_out;            /* its output: one more than the highest given */
    struct dp_seqmap_about about; /* of runs that begin now */
    uint8_t newest;               /* index of the newest run */
    uint8_t runs;                 /* remembered */
    uint8_t current;              /* of them, those of this stream; 0: it has not begun */
    uint8_t size;                 /* DP_SEQMAP_RUNS in run, or DP_SEQMAP_MORE at more */
    union {
        struct dp_seqmap_run run[DP_SEQMAP_RUNS];
        struct dp_seqmap_run *more;
    };
};

/* first_out: the first output; random below 2^15 for a new leg, well ahead of the last one after a
 * restore. */
void dp_seqmap_init(struct dp_seqmap *m, uint64_t first_out);

/* Room for DP_SEQMAP_MORE runs, where inputs are dropped all the time; the caller's until
 * dp_seqmap_shrink(). */
void dp_seqmap_extend(struct dp_seqmap *m, struct dp_seqmap_run *more);
/* Back to DP_SEQMAP_RUNS, the newest; returns the room, or NULL if there was none. */
struct dp_seqmap_run *dp_seqmap_shrink(struct dp_seqmap *m);

/*
 * From here on inputs are another stream's, whose first forwarded packet gets the highest output so
 * far + 1. Packets of the old one are refused.
 */
void dp_seqmap_switch(struct dp_seqmap *m, const struct dp_seqmap_about *about);

/*
 * The output for an input that is forwarded, and its run. 0, or: -ESTALE: dropped before, or older
 * than what is remembered; -EOVERFLOW: 48 bits are used up. Asked for the same input it gives the
 * same output: ingress lets each pass but once.
 */
int dp_seqmap_forward(struct dp_seqmap *m, uint64_t in, uint64_t *out,
                      const struct dp_seqmap_run **run);

/*
 * An input that is not forwarded on purpose. If it is the newest, later outputs close the gap; a
 * late one leaves its gap open. Call it for every such packet.
 */
void dp_seqmap_drop(struct dp_seqmap *m, uint64_t in);

/* From an input that has just been forwarded on, outputs are about something else; returns the run.
 */
const struct dp_seqmap_run *dp_seqmap_split(struct dp_seqmap *m, uint64_t in, uint64_t out,
                                            const struct dp_seqmap_about *about);

/* From an input on, which is the next to be forwarded or dropped, outputs are about something
 * else. */
void dp_seqmap_turn(struct dp_seqmap *m, uint64_t in, const struct dp_seqmap_about *about);

/* The run of an output that was or could have been given, and its input; NULL: not remembered. */
const struct dp_seqmap_run *dp_seqmap_find(const struct dp_seqmap *m, uint64_t out, uint64_t *in);

/* What was given so far is not to be found any more. */
void dp_seqmap_forget(struct dp_seqmap *m);

static inline uint64_t dp_seqmap_word(uint64_t index, uint8_t pt)
{
    return index << DP_SEQMAP_SHIFT | pt;
}

/* No later input has been seen of this stream. */
static inline bool dp_seqmap_ahead(const struct dp_seqmap *m, uint64_t in)
{
    return m->current == 0 || in >= m->next_in >> DP_SEQMAP_SHIFT;
}

/* Payload types of the next packet in order, in and out. */
static inline void dp_seqmap_expect(struct dp_seqmap *m, uint8_t in, uint8_t out)
{
    m->next_in = dp_seqmap_word(m->next_in >> DP_SEQMAP_SHIFT, in);
    m->next_out = dp_seqmap_word(m->next_out >> DP_SEQMAP_SHIFT, out);
}

/* The next in order, of the payload type expected: its output, as dp_seqmap_word(). Else false, and
 * nothing has changed. */
static inline bool dp_seqmap_step(struct dp_seqmap *m, uint64_t in, uint64_t *out)
{
    if (m->next_in != in)
        return false;
    *out = m->next_out;
    m->next_in = in + (1 << DP_SEQMAP_SHIFT);
    m->next_out += 1 << DP_SEQMAP_SHIFT;
    return true;
}

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
