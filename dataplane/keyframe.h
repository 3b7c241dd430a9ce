/* Keyframe requests to publishers, at most one per source in media.keyframe_interval_ms. */
#ifndef DP_KEYFRAME_H
#define DP_KEYFRAME_H

#include "dataplane/session.h"

#define DP_KEYFRAME_PATIENCE_MS 600 /* a request without a key frame after that long was lost */

/* Somebody needs a key frame of st: dp_keyframe_flush() will ask for it. */
void dp_keyframe_want(struct dp_stream *st);
/* A key frame of st begins. */
void dp_keyframe_came(struct dp_stream *st);
/* Wants again what was asked for and has not come. */
void dp_keyframe_insist(const struct dp_worker *w, struct dp_source *s);
/* Whether something is wanted, and it is time to ask. */
bool dp_keyframe_due(const struct dp_worker *w, const struct dp_source *s);
/* Sends what is wanted if it is time; else a later call does. */
void dp_keyframe_flush(struct dp_worker *w, struct dp_source *s, struct dp_burst *out);

#endif
