/*
 * The objects of the media path. Everything here is written by one worker alone; main allocates
 * objects, hands them over through the mailbox, and frees them after the worker has let go.
 *
 *   dp_session (one per worker) -> dp_endpoint -> dp_source -> dp_stream
 *                                              -> dp_subscription -> dp_source
 */
#ifndef DP_SESSION_H
#define DP_SESSION_H

#include "dataplane/bucket.h"
#include "dataplane/history.h"
#include "dataplane/intern.h"
#include "dataplane/latch.h"
#include "dataplane/leg.h"
#include "dataplane/opaque.h"
#include "dataplane/pass.h"
#include "dataplane/path.h"
#include "dataplane/rtp/dd.h"
#include "dataplane/rtp/ext.h"
#include "dataplane/rtp/ladder.h"
#include "dataplane/rtp/nack.h"
#include "dataplane/rtp/rxstats.h"
#include "dataplane/rtp/seqmap.h"
#include "dataplane/rtp/twcc.h"
#include "dataplane/speakers.h"
#include "dataplane/srtp/checker.h"
#include "dataplane/srtp/replay.h"
#include "dataplane/srtp/srtcp.h"
#include "dataplane/srtp/srtp.h"
#include "dataplane/ssrcs.h"
#include "dataplane/worker.h"
#include "proto/histogram.h"
#include "proto/limits.h"

#include <rte_common.h>
#include <stdatomic.h>
#include <sys/queue.h>

#define DP_ENDPOINT_SOURCES_MAX 16                /* of one publisher; more are refused */
#define DP_SOURCE_STREAMS       (2 * HR_RIDS_MAX) /* media, then the RTX of each */
#define DP_INGRESS_SSRCS        256 /* slots: twice the streams of an endpoint, and room */
/* SSRCs that an endpoint has given up, ingress and egress; then new ones are refused. */
#define DP_RETIRED_STREAMS_MAX        512
#define DP_RETIRED_SSRCS_MAX          16384
#define DP_ENDPOINT_SUBSCRIPTIONS_MAX 16384
#define DP_PAYLOAD_TYPES              128
#define DP_PT_NONE                    0xFF
#define DP_RESENT_SLOTS               8192 /* packets sent once more that a worker remembers */
#define DP_OUT_FEW                    4    /* slots that an endpoint has from the start, for 2 */
#define DP_KEYSTREAM_MAX              2048 /* bytes of one payload */
#define DP_KEYSTREAMS                 32   /* packets whose copies are rekeyed side by side */

/* A payload type of a source. */
struct dp_payload {
    uint32_t clock_rate; /* 0: not negotiated */
    uint8_t codec;       /* Headrace__Payload__Codec */
    uint8_t rtx_for;
};

/* StreamSeen on its way to the main thread. The worker writes it while not posted, main reads it
 * while posted. */
struct dp_seen {
    struct dp_work work;
    struct dp_dataplane *dp;
    atomic_bool posted; /* worker sets, main clears */
    uint32_t source;
    uint32_t ssrc;
    char rid[HR_RID_MAX + 1];
};

/* One RTP stream of a source: one SSRC at a time. */
struct dp_stream {
    struct dp_source *source;
    uint32_t ssrc;
    bool claimed; /* has an SSRC, signalled or seen */
    bool begun;   /* an authentic packet has come under this SSRC */
    bool rtx;
    bool has_dd;     /* packets carry the Dependency Descriptor */
    uint8_t layer;   /* index of its RID in the source */
    uint32_t takers; /* subscriptions that forward it, and those that wait to */
    struct dp_srtp_rx rx;
    struct dp_rxstats rxstats;
    struct dp_dd_state *dd;   /* video, not RTX; else NULL */
    struct dp_ladder *ladder; /* likewise; of a mirror's as told */
    struct dp_history history;

    /* what this worker's subscribers were given of it */
    uint64_t sent_packets, sent_bytes; /* of payload */
    uint64_t sent_at;                  /* TSC */

    struct dp_gate gate; /* audio: before anybody was given it */

    /* last sender report */
    uint64_t sr_ntp;
    uint32_t sr_ts;
    uint32_t sr_count; /* 0: none yet */

    /* activity */
    uint64_t last_packet; /* TSC; 0: none, or it said BYE */
    uint64_t window_bytes;
    uint64_t bitrate;       /* bit/s between the last two layers ticks */
    uint64_t rate;          /* bit/s of late, with IP and UDP headers; 0: silent */
    uint16_t width, height; /* pixels, as its structure says; 0: not said */
    uint64_t packets, bytes;
    int32_t lost; /* as in the last receiver report */

    /* repair */
    struct dp_nack *nack; /* NULL: not negotiated, or RTX */
    bool nacking;         /* in the session's list */
    uint64_t repaired;    /* packets that came as RTX alone */
    TAILQ_ENTRY(dp_stream) of_nacking;

    /* keyframe requests */
    bool keyframe_wanted;
    bool keyframe_awaited; /* asked for, and none has begun since */
    uint8_t fir_seq;
    uint64_t keyframe_asked; /* TSC of the last request sent; 0: never */

    uint32_t unchecked; /* packets that were not verified, and those that were to check them */
    bool skipped;       /* rxstats has not seen all packets */
    uint64_t passed;    /* highest index among those that were not verified */

    struct dp_seen seen;
};

/* What a SourcePut says. */
struct dp_source_conf {
    bool video, transport_cc, nack, pli, fir;
    uint8_t mid_len;
    char mid[HR_MID_MAX];
    uint8_t rids_count;
    uint8_t rid_len[HR_RIDS_MAX];
    char rid[HR_RIDS_MAX][HR_RID_MAX];
    uint8_t ssrcs_count;
    uint8_t ssrc_layer[HR_RIDS_MAX];
    uint32_t ssrc[HR_RIDS_MAX], rtx_ssrc[HR_RIDS_MAX]; /* 0: none */
    struct dp_payload payloads[DP_PAYLOAD_TYPES];
};

/* What a participant publishes: one media section. */
struct dp_source {
    uint32_t id;
    struct dp_endpoint *endpoint;
    struct dp_source_conf conf;
    struct dp_stream *streams[DP_SOURCE_STREAMS]; /* NULL beyond its layers */

    /* subscriptions to it, sorted by shard and id: each shard's are a slice */
    struct dp_subscription **fan;
    uint32_t fan_count;
    uint32_t fan_size;

    /* layers.c */
    struct dp_stream *best; /* what is forwarded; NULL: nothing has come yet */
    struct dp_stream *challenger;
    uint8_t challenger_ticks;
    uint64_t layers_at; /* TSC of the last tick */

    uint64_t keyframe_sent; /* TSC of the last request sent; 0: never */
    TAILQ_ENTRY(dp_source) of_endpoint;

    struct dp_mirror *mirrors; /* of this source at other workers */
    uint32_t version;          /* raised when what they are told changes */
    struct dp_mirror *mirror;  /* that this is the source of; NULL: it is the publisher's own */

    struct dp_opaque_fan opaque; /* subscriptions that forward it bit for bit */
    /* Subscriptions of all workers; main writes, the publisher's worker reads. */
    _Atomic uint32_t rekey_takers, opaque_takers;

    struct dp_speaker speaker; /* of audio */
};

/* What a SubscriptionPut says and may change later. */
struct dp_subscription_conf {
    /* DP_PAYLOAD_TYPES bytes, by the publisher's; as many by the receiver's: theirs for RTX.
     * DP_PT_NONE: not negotiated. */
    const struct dp_interned *pt;
    const struct dp_interned *cname; /* with its terminator */
    const struct dp_interned *mid;
    bool paused, transport_cc;
    uint8_t priority;               /* higher first */
    uint16_t max_width, max_height; /* pixels that the receiver shows; 0: not said */
};

/* When a packet was sent once more. */
struct dp_resent {
    uint32_t subscription; /* id */
    uint16_t seq;
    uint16_t ms; /* of the worker's clock; 0: never */
};

/*
 * A source forwarded to an endpoint. The first line is all that egress reads and writes for a
 * packet that comes in order; with a receiver's own line and its key that is what a copy touches.
 */
struct dp_subscription {
    struct dp_endpoint *endpoint;
    struct dp_stream *straight; /* stream, while its packets in order need no thought; else NULL */
    uint64_t mid;               /* conf.mid as dp_rtp_mid(), and DP_RTP_MID_NUMBERED */
    rte_be32_t ssrc_be;
    struct dp_tsmap tsmap;
    struct dp_framemap framemap;
    bool numbered : 1; /* its packets have transport-wide numbers */
    bool opaque : 1;   /* for life; most of this is nothing then */
    bool wanted_ts_known : 1;
    bool allocated : 1; /* allocation.c says which stream, not the source */
    union {
        struct dp_seqmap seqmap;
        struct {                                   /* opaque: */
            uint64_t opaque_packets, opaque_bytes; /* the fan's, when counting began */
            uint32_t leg;                          /* in it */
        };
    };

    struct dp_stream *stream; /* forwarded now, or NULL */
    struct dp_stream *wanted; /* to be forwarded from its next key frame on, or NULL */
    struct dp_source *source; /* NULL: none for now */
    struct dp_subscription_conf conf;

    /* sent but for those of stream, which has counted as many before: dp_subscription_packets() */
    uint64_t packets, bytes;

    /* switching */
    uint64_t wanted_since; /* TSC */
    uint32_t wanted_ts;    /* timestamp of the frame it came into the middle of; if known */

    /* reports */
    uint32_t sr_sent; /* count of stream's reports when one was sent last, */
    uint32_t sr_lsr;  /* middle bits of its NTP time, */
    uint32_t sr_at;   /* and when: TSC >> 16 */
    uint32_t retransmitted;
    int32_t lost;
    uint32_t jitter;
    uint32_t rtt_us;
    uint32_t id;
    uint32_t last_sent; /* TSC >> 16, when stream was set last */
    uint32_t rtx_ssrc;  /* of retransmissions; 0: there is no RTX */
    uint32_t rtx_next;  /* packet index of the next one; there are 2^32 */
    TAILQ_ENTRY(dp_subscription) of_endpoint;
};

_Static_assert(offsetof(struct dp_subscription, seqmap.about) <= RTE_CACHE_LINE_SIZE,
               "numbering touches one line");
_Static_assert(sizeof(struct dp_subscription) <= 320,
               "with its object and its Put a subscription is 512 bytes");

/* An SSRC that an endpoint published under before, and where its packet index ended. */
struct dp_retired {
    uint32_t ssrc;
    uint64_t highest;
};

/* What only a publisher needs; made with an endpoint's first source. */
struct dp_publishing {
    struct dp_ssrcs streams;
    struct dp_ssrc_slot slots[DP_INGRESS_SSRCS];
    struct dp_retired retired[DP_RETIRED_STREAMS_MAX];
    unsigned retired_count;
    bool retired_full; /* one was forgotten */
    struct dp_twcc twcc;
    uint32_t twcc_ssrc;    /* media SSRC of the newest packet */
    uint64_t twcc_sent;    /* TSC */
    uint64_t reports_at;   /* TSC of the next receiver report */
    uint32_t reference;    /* middle bits of the reference time sent last, */
    uint64_t reference_at; /* and when: TSC */
    uint32_t rtt_us;       /* smoothed; 0: not known */
};

/* SRTP from one endpoint, and SRTCP. */
struct dp_keys {
    struct dp_srtp_key ingress;
    enum hr_srtp_profile profile;
    struct dp_srtcp_in rtcp_in;
    struct dp_srtcp_out rtcp_out;
    struct dp_srtp_checker *checker; /* of what leaves; NULL unless dataplane.check_nonces */
};

/* What an EndpointPut says and may change later. */
struct dp_endpoint_conf {
    const struct dp_port *port; /* the path's */
    bool reachable;             /* path is set */
    struct dp_path path;
    uint32_t feedback_ssrc;
    bool rtcp_rsize;
    struct dp_ext_map exts;
    char ice_ufrag[HR_UFRAG_MAX + 1], ice_pwd[HR_PWD_MAX + 1];
};

/* One ICE and DTLS association with a client. */
struct dp_endpoint {
    struct dp_leg leg;         /* of conf; with the key, */
    struct dp_srtp_key egress; /* all that a copy reads */

    struct dp_keys *keys; /* NULL until DTLS is done; then for good */
    uint32_t id;
    struct dp_endpoint_conf conf;
    uint64_t tx_packets, tx_bytes; /* of subscriptions that are gone, and retransmissions */
    struct dp_bucket again;        /* what it may be sent once more */

    struct dp_shard *shard;
    struct dp_worker *worker;         /* whose it is; any worker reads */
    struct dp_pass *pass;             /* NULL: no peer, for life; any worker may ask that */
    struct dp_hello *hello;           /* NULL: has ICE, or keys from elsewhere; for life */
    struct dp_publishing *publishing; /* NULL until the first source */
    struct dp_send *send;             /* NULL until the first subscription with feedback */
    TAILQ_HEAD(, dp_source) sources;
    TAILQ_HEAD(, dp_subscription) subscriptions;
    struct dp_ssrcs out; /* subscriptions by SSRC */
    struct dp_ssrc_slot out_few[DP_OUT_FEW];
    bool muted; /* somebody else sends RTCP under feedback_ssrc and maybe our key: we do not */
    uint64_t rx_packets, rx_bytes;
    uint64_t last_packet; /* TSC of the last authentic one */
    TAILQ_ENTRY(dp_endpoint) of_session;
};

/* A fixed slice of all endpoints; what a worker owns. Main writes. */
struct dp_shard {
    unsigned id;
    struct dp_worker *worker;
};

/* The keystreams of the newest packets that egress rekeyed, and what the newest is of. */
struct dp_keystream {
    const struct dp_srtp_key *key; /* NULL: none */
    uint32_t ssrc;
    uint64_t index;
    uint32_t len;
    uint32_t newest;
    alignas(64) uint8_t bytes[DP_KEYSTREAMS][DP_KEYSTREAM_MAX];
};

/* X(name): what workers count beyond drops, each of them a counter of /metrics. */
#define DP_SESSION_COUNT_MAP(X)                                                                    \
    X(retransmitted)                                                                               \
    X(keyframes_asked)  /* of publishers */                                                        \
    X(keyframes_wanted) /* by receivers */                                                         \
    X(reports_sent)                                                                                \
    X(reports_received) /* with something in them */                                               \
    X(feedback_sent)                                                                               \
    X(remb_received)                                                                               \
    X(twcc_received)                                                                               \
    X(stream_switches)                                                                             \
    X(probes)                                                                                      \
    X(video_pauses)   /* of videos that a receiver's link has no room for */                       \
    X(nacks_received) /* packets that receivers asked for, */                                      \
    X(nacks_sent)     /* that publishers were asked for, */                                        \
    X(repaired)       /* that came from them as RTX */

struct dp_session_counts {
    uint32_t endpoints, sources, streams, subscriptions, shards;
    uint64_t nonce_alarms;
#define X(name) uint64_t name;
    DP_SESSION_COUNT_MAP(X)
#undef X
};

/* Of proto/histogram.h: the last count is of values beyond all bounds. */
struct dp_histogram {
    uint64_t sum;
    uint64_t counts[HR_HISTOGRAM_BOUNDS_MAX + 1];
};

/* All that one worker owns. */
struct dp_session {
    TAILQ_HEAD(, dp_endpoint) endpoints;
    TAILQ_HEAD(, dp_mirror) mirrors; /* of other workers' sources */
    TAILQ_HEAD(, dp_send) pacing;    /* whose packets wait, or who are probed */
    uint64_t pace_at;                /* TSC of the next look at them */
    uint32_t pace_held, pace_limit;  /* mbufs that wait, and that may */
    uint32_t mirrors_count;
    struct dp_session_counts counts; /* the worker writes, main reads; shards: main writes */
    struct dp_histogram histograms[HR_HISTOGRAMS]; /* likewise */
    struct dp_history_budget budget;
    struct dp_keystream keystream;
    struct dp_srtp_batch *batch;
    bool check_nonces;
    struct dp_resent resent[DP_RESENT_SLOTS]; /* by subscription and sequence number */
    uint64_t hz;
    uint64_t random; /* state of reports' intervals */

    /* stage_tick: where it stands */
    struct dp_endpoint *tick_endpoint; /* next to visit; NULL: the first */
    uint64_t tick_at;                  /* TSC of the next visit */
    struct dp_mirror *tick_mirror;     /* likewise */
    uint64_t mirrors_at;

    TAILQ_HEAD(, dp_stream) nacking; /* streams that miss something */
    uint64_t nacking_at;             /* TSC: one of them may be due */

    struct dp_burst byes;        /* made between loops, for the next tick */
    struct dp_burst opaque_rtcp; /* stage_rtcp leaves it here for the legs of its sources */
    struct dp_latch_slot latch;

    struct dp_work alarm; /* a nonce would have been reused: main logs it, once */
    bool alarm_posted;
};

/* Made by main before the worker starts; 0 or -ENOMEM. */
int dp_session_new(struct dp_worker *w);
void dp_session_free(struct dp_worker *w);
/* Its share of what all workers' histories may hold; while it is parked. */
void dp_session_share(struct dp_worker *w);
/* Any thread; numbers may be of slightly different moments. */
void dp_session_count(const struct dp_session *s, struct dp_session_counts *out);

/* Microseconds and milliseconds of the worker's clock. */
static inline int64_t dp_session_us(const struct dp_session *s, uint64_t tsc)
{
    return (int64_t)(tsc / s->hz * 1000000 + tsc % s->hz * 1000000 / s->hz);
}

static inline uint64_t dp_session_tsc(const struct dp_session *s, uint32_t ms)
{
    return s->hz / 1000 * ms;
}

static inline uint32_t dp_subscription_ssrc(const struct dp_subscription *s)
{
    return rte_be_to_cpu_32(s->ssrc_be);
}

static inline uint64_t dp_subscription_packets(const struct dp_subscription *s)
{
    return s->packets + (s->stream ? s->stream->sent_packets : 0);
}

/* Of payload. */
static inline uint64_t dp_subscription_bytes(const struct dp_subscription *s)
{
    return s->bytes + (s->stream ? s->stream->sent_bytes : 0);
}

/* The same with RTP headers, without their extensions, and tags. */
static inline uint64_t dp_subscription_wire_bytes(const struct dp_subscription *s)
{
    size_t more = s->opaque ? 0 : DP_RTP_FIXED_LEN + hr_srtp_tag_len(s->endpoint->egress.profile);
    return dp_subscription_bytes(s) + dp_subscription_packets(s) * more;
}

static inline bool dp_endpoint_ready(const struct dp_endpoint *e)
{
    return e->keys != NULL && e->conf.reachable;
}

#endif
