/*
 * The stages of the packet's way. A stage takes a burst, calls pure code, and leaves its packets in
 * the exits that its header comment names; the worker loop (worker.c) alone carries them on to the
 * next stage. Stages take no lock, make no system call, allocate only mbufs, and read no clock:
 * w->now is the burst's.
 */
#ifndef DP_STAGE_H
#define DP_STAGE_H

#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdint.h>

#define DP_BURST 64 /* packets that go through a stage at once */

struct dp_worker;

struct dp_burst {
    struct rte_mbuf *pkts[DP_BURST];
    unsigned n;
};

/* A packet for one receiver: what fanout hands to egress. */
struct dp_copy {
    struct rte_mbuf *pkt; /* a reference held by the fanout's burst, not by the copy */
    struct dp_subscription *subscription;
};

struct dp_copies {
    struct dp_copy copy[DP_BURST];
    unsigned n;
};

/* Where fanout stands in its burst: 10,000 receivers of a stream go through in bounded steps. */
struct dp_fanout {
    struct dp_burst burst;
    unsigned packet;
    unsigned subscription;
};

struct dp_classified {
    struct dp_burst rtp, rtcp, punt, host;
};

/* Each row: name and word for counters; the order is the packet's way. */
#define DP_STAGE_MAP(X)                                                                            \
    X(RX, "rx")                                                                                    \
    X(CLASSIFY, "classify")                                                                        \
    X(HANDOFF, "handoff")                                                                          \
    X(PEERS, "peers")                                                                              \
    X(PUNT, "punt")                                                                                \
    X(HOST, "host")                                                                                \
    X(RTCP, "rtcp")                                                                                \
    X(INGRESS, "ingress")                                                                          \
    X(MIRROR, "mirror")                                                                            \
    X(FANOUT, "fanout")                                                                            \
    X(EGRESS, "egress")                                                                            \
    X(TX, "tx")                                                                                    \
    X(INJECT, "inject")                                                                            \
    X(TICK, "tick")                                                                                \
    X(MAILBOX, "mailbox")

enum dp_stage_id {
#define X(name, word) DP_STAGE_##name,
    DP_STAGE_MAP(X)
#undef X
    DP_STAGES
};

extern const char *const dp_stage_names[DP_STAGES];

struct dp_stage_counters {
    uint64_t calls, packets, cycles;
};

void dp_stage_rx(struct dp_worker *w, unsigned port, struct dp_burst *out);
/* Sets dp_packet offsets and, for RTP and RTCP, dp_packet.endpoint by 5-tuple. */
void dp_stage_classify(struct dp_worker *w, struct dp_burst *in, struct dp_classified *out);
/* Gives packets of other workers' endpoints to them; in keeps the rest. kind: enum dp_peer_kind. */
void dp_stage_handoff(struct dp_worker *w, struct dp_burst *in, unsigned kind);
void dp_stage_punt(struct dp_worker *w, struct dp_burst *in);
/* Answers ARP, ND and echo: replies go to out, for tx. */
void dp_stage_host(struct dp_worker *w, struct dp_burst *in, struct dp_burst *out);
/* Decrypts SRTCP, answers NACK, counts reports, passes keyframe requests on: into out. */
void dp_stage_rtcp(struct dp_worker *w, struct dp_burst *in, struct dp_burst *out);
/* Replay window, tag, stream by SSRC; out: the authentic packets that somebody receives. */
void dp_stage_ingress(struct dp_worker *w, struct dp_burst *in, struct dp_burst *out);
/* References to the workers of further receivers; how many packets have such. */
unsigned dp_stage_mirror(struct dp_worker *w, const struct dp_burst *in);
/* Fills out with the next copies; returns whether more are to come. Frees f->burst when done. */
bool dp_stage_fanout(struct dp_worker *w, struct dp_fanout *f, struct dp_copies *out);
/* Builds and encrypts one packet per copy. */
void dp_stage_egress(struct dp_worker *w, struct dp_copies *in, struct dp_burst *out);
/* Sends by dp_packet.port of each mbuf; frees what the port does not take. */
void dp_stage_tx(struct dp_worker *w, struct dp_burst *in);
/* Packets that the control plane wants sent: Inject messages become frames in out. */
void dp_stage_inject(struct dp_worker *w, struct dp_burst *out);
/* Timers: reports and feedback that are due, at most one burst a call. */
void dp_stage_tick(struct dp_worker *w, struct dp_burst *out);

#endif
