/* Subscriptions, on the worker: where they hang, and which stream they forward. */
#ifndef DP_SUBSCRIPTION_H
#define DP_SUBSCRIPTION_H

#include "dataplane/session.h"

/* Into and out of its endpoint; s->source is set by dp_subscription_attach() alone. */
void dp_subscription_link(struct dp_worker *w, struct dp_subscription *s);
void dp_subscription_unlink(struct dp_worker *w, struct dp_subscription *s);
/* Takes it from its source to another, or to none (NULL). The new one's fan has room. */
void dp_subscription_attach(struct dp_worker *w, struct dp_subscription *s,
                            struct dp_source *source);
void dp_subscription_configure(struct dp_worker *w, struct dp_subscription *s,
                               const struct dp_subscription_conf *conf);

/* From one worker's view of its source to another's, where it stands as it stood. */
void dp_subscription_follow(struct dp_subscription *s, struct dp_source *view);
/* The same where the whole fan goes along: the pointers only. */
void dp_subscription_rebase(struct dp_subscription *s, struct dp_source *view);

/* Waits for a key frame of st to forward it from there on; NULL: for none. */
void dp_subscription_want(struct dp_worker *w, struct dp_subscription *s, struct dp_stream *st);
/* Stops forwarding; what comes next continues the outgoing sequence. */
void dp_subscription_stop(struct dp_subscription *s);
/* From packet m on the wanted stream is forwarded. */
void dp_subscription_switch(struct dp_worker *w, struct dp_subscription *s, struct rte_mbuf *m);
/* The packet forwarded next is of this frame of s->stream, by its Dependency Descriptor. */
void dp_subscription_frame(struct dp_subscription *s, uint16_t frame);
/* Packets sent so far cannot be built again from what is set now: no retransmission of them. */
void dp_subscription_forget(struct dp_subscription *s);

/* The run by number, or NULL when it is too long ago. */
const struct dp_run *dp_subscription_run(const struct dp_subscription *s, uint16_t number);

#endif
