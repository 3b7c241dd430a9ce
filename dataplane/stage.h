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

#define DP_BURST   64  /* packets that go through a stage at once */
#define DP_PACE_US 250 /* between two looks at those for whom something waits */

struct dp_worker;

struct dp_burst {
    struct rte_mbuf *pkts[DP_BURST];
    unsigned n;
};

/* Receivers of packets, those of one packet together: what fanout hands to egress. */
struct dp_copies {
    struct dp_subscription *to[DP_BURST];
    unsigned n;
    unsigned groups;
    struct {
        struct rte_mbuf *pkt; /* a reference held by the fanout's burst, not by this */
        unsigned end;         /* of its receivers in to[] */
    } group[DP_BURST];
};

/* Where fanout stands in its burst: 10,000 receivers of a stream go through in bounded steps. */
struct dp_fanout {
    struct dp_burst burst;
    unsigned packet;
    unsigned subscription;
};

/* A packet on its way to opaque receivers. */
struct dp_opaque_packet {
    struct rte_mbuf *m;
    struct rte_mbuf *payload; /* begins with the UDP payload, for chains; NULL: not yet */
    const uint8_t *bytes;     /* of the payload */
    uint16_t length;
    bool given;       /* the payload's own reference is a header's now */
    bool no_checksum; /* it came without, and over IPv4 leaves without */
    uint32_t sum;     /* what it adds to the UDP sum of a leg */
};

/* Where opaque forwarding stands in its burst. */
struct dp_opaque_burst {
    struct dp_burst *burst;
    unsigned packet;
    unsigned kept;  /* packets that go on to be rekeyed */
    bool begun;     /* the packet, whose legs are served up to leg, of group */
    uint32_t leg, group;
    struct dp_opaque_packet now;
    unsigned spares; /* mbufs that are allocated, for the copies to come */
    struct rte_mbuf *spare[DP_BURST];
};

struct dp_classified {
    struct dp_burst rtp, rtcp, punt, host, pass, latch;
};

/* Each row: name and word for counters; the order is the packet's way. */
#define DP_STAGE_MAP(X)                                                                            \
    X(RX, "rx")                                                                                    \
    X(CLASSIFY, "classify")                                                                        \
    X(HANDOFF, "handoff")                                                                          \
    X(PEERS, "peers")                                                                              \
    X(PASS, "pass")                                                                                \
    X(LATCH, "latch")                                                                              \
    X(PUNT, "punt")                                                                                \
    X(HOST, "host")                                                                                \
    X(RTCP, "rtcp")                                                                                \
    X(INGRESS, "ingress")                                                                          \
    X(MIRROR, "mirror")                                                                            \
    X(OPAQUE, "opaque")                                                                            \
    X(FANOUT, "fanout")                                                                            \
    X(EGRESS, "egress")                                                                            \
    X(PACE, "pace")                                                                                \
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

void dp_stage_rx(struct dp_worker *w, unsigned port, uint16_t queue, struct dp_burst *out);
/* Sets dp_packet offsets and, by 5-tuple, dp_packet.endpoint; what has a peer goes to out->pass. */
void dp_stage_classify(struct dp_worker *w, struct dp_burst *in, struct dp_classified *out);
/* Gives packets of other workers' endpoints to them; in keeps the rest. kind: enum dp_peer_kind. */
void dp_stage_handoff(struct dp_worker *w, struct dp_burst *in, unsigned kind);
/* To the peers of those who sent it. */
void dp_stage_pass(struct dp_worker *w, struct dp_burst *in, struct dp_burst *out);
/* Media from unknown addresses, while endpoints without ICE wait for theirs. */
void dp_stage_latch(struct dp_worker *w, struct dp_burst *in);
void dp_stage_punt(struct dp_worker *w, struct dp_burst *in);
/* Answers ARP, ND and echo: replies go to out, for tx. */
void dp_stage_host(struct dp_worker *w, struct dp_burst *in, struct dp_burst *out);
/* Decrypts SRTCP, answers NACK, counts reports, passes keyframe requests on: into out. What goes to
 * opaque receivers as it is, is left in the session's opaque_rtcp, for the stages behind ingress.
 */
void dp_stage_rtcp(struct dp_worker *w, struct dp_burst *in, struct dp_burst *out);
/* Replay window, tag, stream by SSRC; out: the authentic packets that somebody receives. */
void dp_stage_ingress(struct dp_worker *w, struct dp_burst *in, struct dp_burst *out);
/* References to the workers of further receivers; how many packets have such. */
unsigned dp_stage_mirror(struct dp_worker *w, const struct dp_burst *in);
/* Fills out with the next copies for opaque receivers; returns whether more are to come. b->burst
 * keeps what is to be rekeyed too. The rest of b, but for spare, begins as zeros. */
bool dp_stage_opaque(struct dp_worker *w, struct dp_opaque_burst *b, struct dp_burst *out);
/* Fills out with the next copies; returns whether more are to come. Frees f->burst when done. */
bool dp_stage_fanout(struct dp_worker *w, struct dp_fanout *f, struct dp_copies *out);
/* Builds and encrypts one packet per copy. */
void dp_stage_egress(struct dp_worker *w, struct dp_copies *in, struct dp_burst *out);
/* What has waited for its time, after egress. */
void dp_stage_pace(struct dp_worker *w, struct dp_burst *out);
/* Sends by dp_packet.port of each mbuf; frees what the port does not take. */
void dp_stage_tx(struct dp_worker *w, struct dp_burst *in);
/* Packets that the control plane wants sent: Inject messages become frames in out. */
void dp_stage_inject(struct dp_worker *w, struct dp_burst *out);
/* Timers: reports and feedback that are due, at most one burst a call. */
void dp_stage_tick(struct dp_worker *w, struct dp_burst *out);

#endif
