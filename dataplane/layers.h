/* Which stream of a source is forwarded: of simulcast layers the one with the highest recent
 * bitrate. */
#ifndef DP_LAYERS_H
#define DP_LAYERS_H

#include "dataplane/allocate.h"
#include "dataplane/session.h"

#define DP_LAYERS_TICK_MS   500
#define DP_LAYERS_RATIO     13 /* tenths: a layer must be this much larger, */
#define DP_LAYERS_TICKS     2  /* so many ticks long */
#define DP_LAYERS_SILENT_MS 1500
#define DP_SWITCH_TIMEOUT_MS                                                                       \
    300 /* without Dependency Descriptor: switch after this in any case                            \
         */

/* Everybody forwards st from its next key frame on; NULL: nothing new. */
void dp_layers_choose(struct dp_worker *w, struct dp_source *s, struct dp_stream *st);
/* An authentic packet began a stream. */
void dp_layers_begin(struct dp_worker *w, struct dp_stream *st);
/* The stream has gone, with its source or its SSRC. */
void dp_layers_end(struct dp_worker *w, struct dp_stream *st);
/* Every DP_LAYERS_TICK_MS; does nothing before that. */
void dp_layers_tick(struct dp_worker *w, struct dp_source *s);

/* What can be forwarded of its source now, by rising bitrate; returns how many. */
unsigned dp_layers_list(const struct dp_subscription *s, struct dp_layer out[DP_LAYERS_MAX]);
/* Which of them is chosen; -1: none. */
int dp_layers_now(const struct dp_subscription *s, const struct dp_layer *layers, unsigned n);
/* Forwards that, another stream from its next key frame on; NULL: nothing. For good: what the
 * source would choose does not count for s any more. */
void dp_layers_set(struct dp_worker *w, struct dp_subscription *s, const struct dp_layer *l);

/* Whether m goes to s, which it may make switch: DP_DROPS, or why not. */
enum dp_drop dp_layers_pass(struct dp_worker *w, struct dp_subscription *s, struct rte_mbuf *m);

#endif
