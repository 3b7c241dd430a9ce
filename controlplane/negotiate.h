/*
 * Answers an offer (RFC 8829 5.3): the client always offers, the server only ever answers, lite
 * ICE or keys in the descriptions (RFC 4568), one bundled transport. No state: the caller keeps
 * what must persist between two offers of a session and hands it in again. Everything in a result
 * lives until cp_negotiation_free, the offer need not.
 */
#ifndef CP_NEGOTIATE_H
#define CP_NEGOTIATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/sdp.h"
#include "proto/limits.h"
#include "proto/rtp_ext.h"

#define CP_NO_PT           (-1) /* no such payload type */
#define CP_TRANSPORTS_MAX  8    /* of an offer with SDES */
#define CP_NEGOTIATE_FRESH (CP_TRANSPORTS_MAX * (HR_SRTP_KEY_LEN_MAX + HR_SRTP_SALT_LEN_MAX))

enum cp_dtls_role { CP_DTLS_ANY, CP_DTLS_SERVER, CP_DTLS_CLIENT };

/* One of our host candidates; the first is preferred. */
struct cp_local_candidate {
    const char *address; /* "198.18.0.1", "2001:2::1" */
    uint16_t port;       /* UDP */
};

/* What we send on one recvonly section of the offer. */
struct cp_sender {
    const char *mid;
    uint32_t ssrc;
    uint32_t rtx_ssrc; /* used with subscribe_rtx; 0: none */
    const char *cname;
    const char *stream_id, *track_id;
    const struct cp_negotiated_media *published; /* the section of its publisher, NULL: none */
};

struct cp_negotiate_config {
    /* Names, most wanted first, NULL-terminated; others are not accepted. NULL: all known. */
    const char *const *audio_codecs, *const *video_codecs;
    bool subscribe_rtx;          /* offer RTX (RFC 4588) to subscribers */
    bool subscribe_transport_cc; /* ask subscribers for transport-cc feedback */
    enum cp_dtls_role dtls_role; /* taken at an earlier offer; CP_DTLS_ANY at the first */
    const char *ufrag, *pwd;     /* ours */
    const char *fingerprint;     /* ours: "sha-256 AB:CD:…" */
    const struct cp_local_candidate *candidates;
    size_t n_candidates;
    uint64_t session_id, session_version; /* of o=; the version rises by one with each answer */
    const struct cp_sender *senders;
    size_t n_senders;
    /*
     * Keys in the descriptions (RFC 4568) in place of ICE and DTLS, and these random bytes for
     * ours: CP_NEGOTIATE_FRESH of them. NULL: ICE and DTLS.
     */
    const uint8_t *fresh;
};

enum cp_codec_id {
    CP_CODEC_NONE,
    CP_CODEC_OPUS,
    CP_CODEC_RED, /* audio, RFC 2198 */
    CP_CODEC_TELEPHONE_EVENT,
    CP_CODEC_VP8,
    CP_CODEC_VP9,
    CP_CODEC_H264,
    CP_CODEC_AV1,
    CP_CODEC_RTX,
};

enum cp_h264_profile {
    CP_H264_CONSTRAINED_BASELINE,
    CP_H264_BASELINE,
    CP_H264_MAIN,
    CP_H264_CONSTRAINED_HIGH,
    CP_H264_HIGH,
    CP_H264_OTHER, /* and above: the profile_idc itself */
};

/* What two endpoints must share for one to read what the other sends. */
struct cp_codec_key {
    enum cp_codec_id id;
    uint32_t clock_rate;
    uint8_t channels;           /* 1 when not written */
    uint8_t profile;            /* H264: enum cp_h264_profile; VP9: profile-id; AV1: profile */
    uint8_t packetization_mode; /* H264 */
    int16_t red_pt;             /* RED: the payload type inside, which we cannot rewrite */
};

struct cp_codec {
    uint8_t pt;      /* the client's numbers, which are ours too */
    int16_t rtx_for; /* RTX: the payload type it repairs; else CP_NO_PT */
    int16_t rtx_pt;  /* the RTX that repairs this one, or CP_NO_PT */
    struct cp_codec_key key;
    const char *name; /* as registered: "VP8", "opus" */
    const char *fmtp; /* NULL: none */
    bool nack, pli, fir, transport_cc, remb;
};

/* PUBLISH: the client sends. SUBSCRIBE: it receives. INACTIVE: neither for now, the line is kept.
 */
enum cp_media_role { CP_MEDIA_REJECTED, CP_MEDIA_INACTIVE, CP_MEDIA_PUBLISH, CP_MEDIA_SUBSCRIBE };

struct cp_negotiated_rid {
    const char *id;
    bool paused;
};

/* A stream announced by its SSRC; the repair stream is in rtx_ssrc, not an entry of its own. */
struct cp_negotiated_ssrc {
    uint32_t ssrc, rtx_ssrc; /* rtx_ssrc 0: none */
    const char *cname, *stream, *track;
};

/* Of SDES; neither has a length where DTLS brings the keys. */
struct cp_negotiated_keys {
    struct cp_srtp_key ingress, egress;
    bool opaque; /* the client has its publisher's key: the answer names that, egress is not its */
};

struct cp_negotiated_media {
    unsigned line; /* in the offer */
    enum cp_sdp_kind kind;
    const char *mid; /* "" when the offer has none */
    enum cp_media_role role;
    const char *reason;            /* REJECTED: why */
    enum cp_sdp_direction offered; /* what the client wrote */
    struct cp_codec *codecs;       /* most wanted first, at most HR_PAYLOADS_MAX with RTX */
    size_t n_codecs;
    uint8_t ext[HR_EXT_KINDS]; /* id by kind; 0: not used */
    bool extmap_allow_mixed, rtcp_rsize;
    struct cp_negotiated_rid rids[HR_RIDS_MAX]; /* PUBLISH: in the order of the simulcast line */
    size_t n_rids;
    const char *stream, *track;       /* of the client's msid */
    struct cp_negotiated_ssrc *ssrcs; /* in the order of a SIM group, else as written */
    size_t n_ssrcs;
    bool nack, pli, fir, transport_cc, remb; /* some codec of the section has it */
    unsigned transport; /* sections with the same number share one; SDES, below n_transports */
    struct cp_negotiated_keys keys;
};

struct cp_negotiation {
    struct cp_sdp_arena arena;
    char *answer;                                         /* SDP, until it is sent */
    size_t answer_len;                                    /* bytes */
    const char *remote_ufrag, *remote_pwd;                /* NULL when n_accepted is 0 */
    const struct cp_sdp_fingerprint *remote_fingerprints; /* any one may match (RFC 8122 5) */
    size_t n_remote_fingerprints;
    enum cp_dtls_role dtls_role;       /* ours */
    uint8_t ext[HR_EXT_KINDS];         /* id by kind over all accepted sections, which agree */
    struct cp_negotiated_media *media; /* in the order of the offer */
    size_t n_media;
    size_t n_accepted;   /* not REJECTED */
    size_t n_transports; /* SDES: the BUNDLE group is one, each section outside it another */
};

/*
 * 0 and *out, which the caller frees with cp_negotiation_free; or -EINVAL (the offer contradicts
 * itself), -ENOTSUP (well formed, but we cannot serve it), -ENOMEM, and *err says what and where.
 * A section that alone cannot be served is REJECTED and the rest goes on.
 */
int cp_negotiate(const struct cp_sdp *offer, const struct cp_negotiate_config *cfg,
                 struct cp_negotiation **out, struct cp_sdp_error *err);
void cp_negotiation_sent(struct cp_negotiation *n); /* the answer is not needed any more */
void cp_negotiation_free(struct cp_negotiation *n);

/*
 * Whether sub can read what pub sends as it is: each payload type of pub means the same there.
 * Repair formats aside.
 */
bool cp_negotiate_same_numbers(const struct cp_negotiated_media *pub,
                               const struct cp_negotiated_media *sub);

/* Whether media sent as from can be read as to: the same key, or a lower packetization mode. */
bool cp_codec_match(const struct cp_codec_key *from, const struct cp_codec_key *to);

/* Payload types for one subscription; the RTX ones are CP_NO_PT where that side has none. */
struct cp_payload_pair {
    uint8_t from, to;
    int16_t from_rtx, to_rtx;
};

/* Pairs of what pub sends with what sub reads, the closest match each; returns how many. */
size_t cp_negotiate_payload_map(const struct cp_negotiated_media *pub,
                                const struct cp_negotiated_media *sub, struct cp_payload_pair *out,
                                size_t max);

#endif
