/*
 * The objects of the media path. Everything here is written by one worker alone; main allocates
 * objects, hands them over through the mailbox, and frees them after the worker has let go.
 *
 *   dp_session (one per worker) -> dp_endpoint -> dp_source -> dp_stream
 *                                              -> dp_subscription -> dp_source
 */
#ifndef DP_SESSION_H
#define DP_SESSION_H

#include "dataplane/history.h"
#include "dataplane/path.h"
#include "dataplane/rtp/dd.h"
#include "dataplane/rtp/ext.h"
#include "dataplane/rtp/rxstats.h"
#include "dataplane/rtp/seqmap.h"
#include "dataplane/rtp/twcc.h"
#include "dataplane/srtp/checker.h"
#include "dataplane/srtp/replay.h"
#include "dataplane/srtp/srtp.h"
#include "dataplane/ssrcs.h"
#include "dataplane/worker.h"
#include "proto/limits.h"

#include <rte_common.h>
#include <srtp2/srtp.h>
#include <stdatomic.h>
#include <sys/queue.h>

#define DP_ENDPOINT_SOURCES_MAX 16                /* of one publisher; more are refused */
#define DP_SOURCE_STREAMS       (2 * HR_RIDS_MAX) /* media, then the RTX of each */
#define DP_INGRESS_SSRCS        256 /* slots: twice the streams of an endpoint, and room */
/* SSRCs that an endpoint has given up, ingress and egress; then new ones are refused. */
#define DP_RETIRED_STREAMS_MAX        512
#define DP_RETIRED_SSRCS_MAX          16384
#define DP_RTCP_SENDERS_MAX           64 /* SSRCs that an endpoint's RTCP may come from */
#define DP_ENDPOINT_SUBSCRIPTIONS_MAX 16384
#define DP_PAYLOAD_TYPES              128
#define DP_PT_NONE                    0xFF
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
    struct dp_dd_state *dd; /* video, not RTX; else NULL */
    struct dp_history history;

    /* last sender report */
    uint64_t sr_ntp;
    uint32_t sr_ts;
    uint32_t sr_count; /* 0: none yet */

    /* activity */
    uint64_t last_packet; /* TSC; 0: none, or it said BYE */
    uint64_t window_bytes;
    uint64_t bitrate; /* bit/s between the last two layers ticks */
    uint64_t packets, bytes;
    int32_t lost; /* as in the last receiver report */

    /* keyframe requests */
    bool keyframe_wanted;
    uint8_t fir_seq;
    uint64_t keyframe_asked; /* TSC of the last request sent; 0: never */

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
};

/* A stretch of a subscription's packets from one stream with the same offsets. */
struct dp_run {
    uint16_t number; /* 0: none */
    uint32_t in_ssrc;
    uint32_t ts_offset;
    uint16_t frame_offset;
    struct dp_stream *stream;
};

/* What a SubscriptionPut says and may change later. */
struct dp_subscription_conf {
    bool paused;
    uint8_t mid_len;
    char mid[HR_MID_MAX];
    uint8_t pt[DP_PAYLOAD_TYPES]; /* DP_PT_NONE: not negotiated */
    char cname[HR_CNAME_MAX + 1];
};

/* A source forwarded to an endpoint. */
struct dp_subscription {
    /* hot: what egress touches for each packet, two lines and then one in each table */
    struct dp_endpoint *endpoint;
    struct dp_stream *stream; /* forwarded now, or NULL */
    struct dp_stream *wanted; /* to be forwarded from its next key frame on, or NULL */
    uint64_t last_sent;       /* TSC */
    uint64_t highest_out;     /* packet index */
    uint64_t packets, bytes;
    uint32_t ssrc;
    uint32_t switches; /* stream number for seqmap */
    struct dp_records records;
    struct dp_tsmap tsmap;
    struct dp_framemap framemap;
    uint16_t run; /* number of the newest run */
    struct dp_subscription_conf conf;
    alignas(64) struct dp_seqmap seqmap;

    struct dp_source *source; /* NULL: none for now */
    uint32_t id;
    struct dp_run runs[DP_RECORD_RUNS];

    /* switching */
    uint64_t wanted_since; /* TSC */
    uint32_t wanted_ts;    /* timestamp of the frame it came into the middle of */
    bool wanted_ts_known;

    /* reports */
    struct dp_stream *sr_stream; /* whose report was sent last, */
    uint32_t sr_sent;            /* its count, */
    uint32_t sr_lsr;             /* middle bits of its NTP time */
    uint64_t sr_at;              /* and when: TSC */
    uint64_t retransmitted;
    int32_t lost;
    uint32_t jitter;
    uint32_t rtt_us;
    TAILQ_ENTRY(dp_subscription) of_endpoint;
};

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
    uint32_t twcc_ssrc;  /* media SSRC of the newest packet */
    uint64_t twcc_sent;  /* TSC */
    uint64_t reports_at; /* TSC of the last receiver report */
};

/* Both directions of SRTP and SRTCP of one endpoint. */
struct dp_keys {
    struct dp_srtp_key ingress, egress;
    enum hr_srtp_profile profile;
    srtp_t rtcp_in, rtcp_out;
};

/* What an EndpointPut says and may change later. */
struct dp_endpoint_conf {
    const struct dp_port *port; /* the path's */
    bool reachable;             /* path is set */
    struct dp_path path;
    uint32_t feedback_ssrc;
    struct dp_ext_map exts;
    char ice_ufrag[HR_UFRAG_MAX + 1], ice_pwd[HR_PWD_MAX + 1];
};

/* One ICE and DTLS association with a client. */
struct dp_endpoint {
    /* hot: what egress touches for each packet, to the ids of conf.exts: three lines */
    struct dp_keys *keys; /* NULL until DTLS is done; then for good */
    uint64_t tx_packets, tx_bytes;
    uint32_t id;
    struct dp_endpoint_conf conf;

    struct dp_shard *shard;
    struct dp_worker *worker;         /* whose it is; any worker reads */
    struct dp_publishing *publishing; /* NULL until the first source */
    TAILQ_HEAD(, dp_source) sources;
    TAILQ_HEAD(, dp_subscription) subscriptions;
    struct dp_ssrcs out; /* subscriptions by SSRC */
    uint32_t rtcp_senders[DP_RTCP_SENDERS_MAX];
    unsigned rtcp_senders_count;
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

/* What a worker's sessions count beyond drops. */
struct dp_session_counts {
    uint32_t endpoints, sources, streams, subscriptions, shards;
    uint64_t nonce_alarms;
    uint64_t retransmitted, keyframes_asked, reports_sent, feedback_sent;
    uint64_t remb_received, twcc_received, stream_switches;
};

/* All that one worker owns. */
struct dp_session {
    TAILQ_HEAD(, dp_endpoint) endpoints;
    TAILQ_HEAD(, dp_mirror) mirrors; /* of other workers' sources */
    uint32_t mirrors_count;
    struct dp_session_counts counts; /* the worker writes, main reads; shards: main writes */
    struct dp_history_budget budget;
    struct dp_keystream keystream;
    struct dp_srtp_batch *batch;
    struct dp_srtp_checker *checker; /* NULL unless dataplane.check_nonces */
    uint64_t hz;
    uint64_t random; /* state of dp_session_random() */

    /* stage_tick: where it stands */
    struct dp_endpoint *tick_endpoint; /* next to visit; NULL: the first */
    uint64_t tick_at;                  /* TSC of the next visit */
    struct dp_mirror *tick_mirror;     /* likewise */
    uint64_t mirrors_at;

    struct dp_work alarm; /* a nonce would have been reused: main logs it, once */
    bool alarm_posted;
};

/* Made by main before the worker starts; 0 or -ENOMEM. */
int dp_session_new(struct dp_worker *w);
void dp_session_free(struct dp_worker *w);
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

static inline bool dp_endpoint_ready(const struct dp_endpoint *e)
{
    return e->keys != NULL && e->conf.reachable;
}

#endif
