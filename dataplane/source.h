/* Sources and their streams, on the worker: which stream a packet belongs to, and SSRCs coming and
 * going. */
#ifndef DP_SOURCE_H
#define DP_SOURCE_H

#include "dataplane/session.h"

#define DP_STREAM_SILENT_MS 5000 /* a stream that comes back after this is reported as seen again \
                                  */

/* Which stream a packet is of, before its tag is known to be right: nothing changes until
 * dp_stream_take(). */
struct dp_match {
    struct dp_stream *stream;
    bool take;            /* the SSRC is new to the stream */
    struct dp_srtp_rx rx; /* with take: where its index goes on */
};

/* By SSRC, else by MID with RID, else by payload type. DP_DROPS: found; or why not. */
enum dp_drop dp_stream_match(const struct dp_endpoint *e, const uint8_t *p,
                             const struct dp_rtp_header *h, struct dp_match *match);
/* The packet is authentic: the stream has this SSRC now, its former one retires. */
void dp_stream_take(struct dp_worker *w, const struct dp_match *match, uint32_t ssrc);

/* Tells the main thread that the stream has begun, or is back. */
void dp_stream_announce(struct dp_worker *w, struct dp_stream *st);

/* Into and out of its endpoint; out also means out of every subscription. */
void dp_source_link(struct dp_worker *w, struct dp_source *s);
void dp_source_unlink(struct dp_worker *w, struct dp_source *s);
/* New settings; streams that they add are in s->streams already. */
void dp_source_configure(struct dp_worker *w, struct dp_source *s,
                         const struct dp_source_conf *conf);

static inline bool dp_source_has_keyframes(const struct dp_source *s)
{
    return s->conf.video && (s->conf.pli || s->conf.fir);
}

#endif
