/* Subscriptions, on the worker: where they hang, and which stream they forward. */
#ifndef DP_SUBSCRIPTION_H
#define DP_SUBSCRIPTION_H

#include "dataplane/egress.h"

/* Into and out of its endpoint; s->source is set by dp_subscription_attach() alone. */
void dp_subscription_link(struct dp_worker *w, struct dp_subscription *s);
void dp_subscription_unlink(struct dp_worker *w, struct dp_subscription *s);
/* Takes it from its source to another, or to none (NULL). The new one's fan has room. */
void dp_subscription_attach(struct dp_worker *w, struct dp_subscription *s,
                            struct dp_source *source);
/* conf is the former one afterwards. */
void dp_subscription_configure(struct dp_worker *w, struct dp_subscription *s,
                               struct dp_subscription_conf *conf);

/* After a change of its endpoint's header extensions too. */
void dp_subscription_place(struct dp_subscription *s);

/* From one worker's view of its source to another's, where it stands as it stood. */
void dp_subscription_follow(struct dp_subscription *s, struct dp_source *view);
/* The same where the whole fan goes along: the pointers only. */
void dp_subscription_rebase(struct dp_subscription *s, struct dp_source *view);

/* Waits for a key frame of st to forward it from there on; NULL: for none. */
void dp_subscription_want(struct dp_worker *w, struct dp_subscription *s, struct dp_stream *st);
/* Stops forwarding; what comes next continues the outgoing sequence. */
void dp_subscription_stop(struct dp_subscription *s);
/* Stops forwarding, and goes on waiting for what is wanted. */
void dp_subscription_halt(struct dp_subscription *s);
/* From packet m on, which has been counted as sent, the wanted stream is forwarded. */
void dp_subscription_switch(struct dp_worker *w, struct dp_subscription *s, struct rte_mbuf *m);
/* Packets sent so far cannot be built again from what is set now: no retransmission of them. */
void dp_subscription_forget(struct dp_subscription *s);

/* Packet m of s->stream: its numbers; DP_DROPS, or why it is not forwarded. */
enum dp_drop dp_subscription_number(struct dp_subscription *s, const struct rte_mbuf *m,
                                    struct dp_rtp_numbers *n);

/* From now on each packet is looked at. */
static inline void dp_subscription_unsettle(struct dp_subscription *s)
{
    s->straight = NULL;
}

/* A packet of s->stream with len bytes of payload was counted as sent and is not. */
static inline void dp_subscription_unsent(struct dp_subscription *s, uint32_t len)
{
    s->packets--;
    s->bytes -= len;
}

/* What a publisher's payload type becomes, or DP_PT_NONE. */
static inline uint8_t dp_subscription_pt(const struct dp_subscription *s, uint8_t pt)
{
    return s->conf.pt->bytes[pt];
}

/* Under which pt of the receiver's is sent again by RTX, or DP_PT_NONE. */
static inline uint8_t dp_subscription_rtx_pt(const struct dp_subscription *s, uint8_t pt)
{
    return s->rtx_ssrc ? s->conf.pt->bytes[DP_PAYLOAD_TYPES + pt] : DP_PT_NONE;
}

#endif
