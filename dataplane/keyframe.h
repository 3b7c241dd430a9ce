/* Keyframe requests to publishers, at most one per source in media.keyframe_interval_ms. */
#ifndef DP_KEYFRAME_H
#define DP_KEYFRAME_H

#include "dataplane/session.h"

/* Somebody needs a key frame of st: dp_keyframe_flush() will ask for it. */
void dp_keyframe_want(struct dp_stream *st);
/* Whether something is wanted, and it is time to ask. */
bool dp_keyframe_due(const struct dp_worker *w, const struct dp_source *s);
/* Sends what is wanted if it is time; else a later call does. */
void dp_keyframe_flush(struct dp_worker *w, struct dp_source *s, struct dp_burst *out);

#endif
