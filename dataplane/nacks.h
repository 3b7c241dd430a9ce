/* Asking publishers again for what did not come: the worker's side of rtp/nack.h. */
#ifndef DP_NACKS_H
#define DP_NACKS_H

#include "dataplane/packet.h"
#include "dataplane/session.h"

#define DP_NACKS_MS 1 /* between visits of streams that miss something */

/* An authentic packet of a stream with a nack; whether anybody receives the stream. */
void dp_nacks_received(struct dp_worker *w, const struct dp_packet *p, bool wanted);
/* Asks for what is due, if it is time. Every loop calls it. */
void dp_nacks_flush(struct dp_worker *w, struct dp_burst *out);
/* The stream's SSRC has gone: nothing of it is missing any more. */
void dp_nacks_forget(struct dp_worker *w, struct dp_stream *st);
/* The endpoint's streams belong to another worker's session; workers are parked. */
void dp_nacks_rehome(struct dp_endpoint *e, struct dp_session *from, struct dp_session *to);
/* A round trip to a publisher was measured. */
void dp_nacks_round_trip(struct dp_publishing *p, int64_t us);

#endif
