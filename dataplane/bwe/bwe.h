/*
 * How much one transport may send: estimated by the sender from transport-cc feedback (delay and
 * loss, draft-ietf-rmcat-gcc-02), or from REMB and receiver reports where there is none. Pure code
 * in the caller's memory, deterministic. Times in us of any monotonic clock, rates in bit/s.
 */
#ifndef HEADRACE_DATAPLANE_BWE_BWE_H
#define HEADRACE_DATAPLANE_BWE_BWE_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/bwe/acked.h"
#include "dataplane/bwe/aimd.h"
#include "dataplane/bwe/history.h"
#include "dataplane/bwe/loss.h"
#include "dataplane/bwe/overuse.h"
#include "dataplane/bwe/probe.h"
#include "dataplane/bwe/standing.h"
#include "dataplane/bwe/trendline.h"
#include "dataplane/rtp/twcc.h"

struct dp_bwe_config {
    uint64_t start, min, max;
};

/* Over the transport's life; numbers of feedback that named packets never sent, or forgotten. */
struct dp_bwe_counters {
    uint64_t feedbacks, arrived, lost, unknown;
    uint32_t falls, probes, probed; /* rate falls for delay; probes asked for; that gave a rate */
};

struct dp_bwe {
    struct dp_bwe_config config;
    int64_t now_us;      /* of the last call */
    int64_t feedback_us; /* of the last feedback */
    int64_t waiting_us;  /* since then packets wait for feedback */
    uint32_t waiting;    /* packets sent since the last feedback */
    bool answered;       /* there has been feedback: REMB and reports are not needed */
    uint32_t rtt_us;     /* smoothed; 0: not known */
    uint32_t reference;  /* of the last feedback, modulo 2^24 */
    int64_t epoch_us;    /* of its 24 bits */
    uint64_t remb;       /* 0: none */
    int64_t remb_us;
    int64_t sent_us;           /* the last packet; 0: none */
    int64_t probed_us;         /* a probe's newest packet that arrived was sent; 0: none */
    int64_t reported_us;       /* of the last report, 0: none */
    uint32_t sent, sent_bytes; /* since then */
    int64_t window_us;         /* what was sent lately: the window under way, */
    uint32_t window_bytes;
    uint64_t sent_rate; /* and bit/s of the one before; 0: not known */
    uint64_t fell_from; /* rate before the last large fall; 0: regained, or too long ago */
    int64_t fell_us;
    uint64_t target;
    struct dp_bwe_counters counters;
    struct dp_bwe_acked acked;
    struct dp_bwe_aimd aimd;
    struct dp_bwe_overuse overuse;
    struct dp_bwe_standing standing;
    enum dp_bwe_usage usage; /* of the link, as judged from both */
    struct dp_bwe_trendline trendline;
    struct dp_bwe_loss loss;
    struct dp_bwe_prober prober;
    struct dp_bwe_history history;
};

void dp_bwe_init(struct dp_bwe *b, const struct dp_bwe_config *c, int64_t now_us);

/* A packet leaves, of `bytes` on the wire; probe: id of dp_bwe_probe, or 0. */
void dp_bwe_sent(struct dp_bwe *b, uint16_t number, uint32_t bytes, uint8_t probe, int64_t now_us);

/* Of packets: what is unknown, repeated or late is let be. */
void dp_bwe_feedback(struct dp_bwe *b, const struct dp_twcc_view *f, int64_t now_us);

/* The receiver's own estimate: a cap; in its place where there is no feedback. */
void dp_bwe_remb(struct dp_bwe *b, uint64_t bitrate, int64_t now_us);

/* An RR's block: fraction_lost in 1/256; rtt_us 0 where it is not known. */
void dp_bwe_report(struct dp_bwe *b, uint8_t fraction_lost, uint32_t rtt_us, int64_t now_us);

/* Does what time asks for (feedback that stays away); returns the next deadline. */
int64_t dp_bwe_tick(struct dp_bwe *b, int64_t now_us);

uint64_t dp_bwe_target(const struct dp_bwe *b);
uint32_t dp_bwe_rtt(const struct dp_bwe *b); /* us; 0: not known */
double dp_bwe_lost(const struct dp_bwe *b);  /* part of the packets lost lately, 0 to 1 */

/*
 * Is it time to probe? Ask after each feedback and tick, while no probe is being sent. True: send
 * p->bytes at p->rate, marked with p->id. wanted: bit/s that all that could be sent would take; 0:
 * nothing.
 */
bool dp_bwe_probe(struct dp_bwe *b, uint64_t wanted, int64_t now_us, struct dp_bwe_probe *p);

#endif
