/*
 * What an endpoint is sent, and when: its bandwidth estimate and the pacer's queue. Made by main
 * with the first subscription whose receiver gives feedback (transport-cc or REMB), freed with the
 * endpoint; written by the endpoint's worker alone. Packets with a transport-wide number are
 * paced, in their order; all others (audio, RTCP) leave at once.
 */
#ifndef DP_SEND_H
#define DP_SEND_H

#include "dataplane/bwe/bwe.h"
#include "dataplane/session.h"

#define DP_SEND_PACKETS_MAX 2048       /* that wait for one endpoint; more are dropped: pace_full */
#define DP_SEND_SHARE       8          /* all that wait may hold one mbuf in so many; likewise */
#define DP_SEND_UNKNOWN     UINT64_MAX /* a budget: nobody has said */

struct dp_send {
    struct dp_endpoint *endpoint;
    struct dp_bwe bwe;
    uint64_t wanted; /* bit/s that all that is asked for would take at its best; 0: content */
    uint64_t short_since;  /* TSC: since then there is less than what is forwarded; 0: enough */
    uint64_t congested_at; /* TSC: the link said so last; 0: never */
    bool numbered;   /* some subscription's packets have transport-wide numbers */
    bool heard;      /* feedback or REMB has come */

    /* frames that wait, linked by dp_packet.next */
    struct rte_mbuf *first, *last;
    uint32_t packets, bytes;
    uint64_t free_at; /* TSC: what was sent has left by then, at the pace */
    bool pacing;      /* in the session's list: something waits, or a probe is under way */
    TAILQ_ENTRY(dp_send) of_session;

    struct dp_bwe_probe probe;
    int32_t probe_left; /* bytes; above 0: under way */
};

/* From now on what leaves for e is numbered and paced. */
void dp_send_begin(struct dp_worker *w, struct dp_endpoint *e, struct dp_send *send);
/* What waits is let go of, counted as pace_gone: e leaves its worker for good. */
void dp_send_end(struct dp_worker *w, struct dp_endpoint *e);
/* With what waits; no worker has it any more. */
void dp_send_free(struct dp_send *send);
/* Workers are parked. */
void dp_send_rehome(struct dp_endpoint *e, struct dp_session *from, struct dp_session *to);

/* A frame with a transport-wide number: to out at once, or later. */
void dp_send_put(struct dp_worker *w, struct dp_endpoint *e, struct rte_mbuf *m, uint16_t number,
                 struct dp_burst *out);
/* What is due of what waits, and of a probe; false: out is full. */
bool dp_send_release(struct dp_worker *w, struct dp_send *send, struct dp_burst *out);

void dp_send_feedback(struct dp_worker *w, struct dp_endpoint *e, const struct dp_twcc_view *view);
void dp_send_remb(struct dp_worker *w, struct dp_endpoint *e, uint64_t bitrate);
/* A report about one of its subscriptions; rtt_us 0: not known. */
void dp_send_report(struct dp_worker *w, struct dp_endpoint *e, uint8_t fraction_lost,
                    uint32_t rtt_us);
void dp_send_tick(struct dp_worker *w, struct dp_endpoint *e);

/* Bit/s that there are for video, headers and retransmissions included, or DP_SEND_UNKNOWN. */
uint64_t dp_send_budget(const struct dp_endpoint *e);
/* How long what waits would take at the estimate; us. */
uint64_t dp_send_wait_us(const struct dp_send *send);

#endif
