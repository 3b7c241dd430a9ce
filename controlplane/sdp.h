/*
 * Session descriptions (RFC 8866) as WebRTC uses them (RFC 8829): text to struct and back, no
 * state. Strings and arrays live in the description's own arena; a missing string is NULL.
 * Attributes without a field here are skipped. Why not a library: docs/decisions/0001-own-sdp.md.
 */
#ifndef CP_SDP_H
#define CP_SDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "controlplane/sdp_arena.h"
#include "proto/srtp_profile.h"

/* Limits. Beyond one, parsing fails with -E2BIG and names it. */
#define CP_SDP_TEXT_MAX         131072 /* bytes of a description */
#define CP_SDP_MEDIA_MAX        256    /* media sections */
#define CP_SDP_PAYLOADS_MAX     64     /* payload types of a section */
#define CP_SDP_FEEDBACK_MAX     512    /* rtcp-fb lines of a section */
#define CP_SDP_EXTMAPS_MAX      64     /* header extensions of a section */
#define CP_SDP_RIDS_MAX         32     /* rid lines of a section */
#define CP_SDP_LAYERS_MAX       16     /* streams, and alternatives of one, in a simulcast line */
#define CP_SDP_SSRCS_MAX        64     /* synchronisation sources of a section */
#define CP_SDP_SSRC_GROUPS_MAX  32
#define CP_SDP_GROUP_SSRCS_MAX  16
#define CP_SDP_FINGERPRINTS_MAX 8
#define CP_SDP_CANDIDATES_MAX   128
#define CP_SDP_HASH_MAX         64 /* bytes of a fingerprint */
#define CP_SDP_CRYPTO_MAX       16 /* crypto lines of a section */

/* What is wrong and where. line counts from 1; 0 when no one line is to blame. */
struct cp_sdp_error {
    unsigned line;
    char text[160];
};

enum cp_sdp_kind { CP_SDP_AUDIO, CP_SDP_VIDEO, CP_SDP_APPLICATION, CP_SDP_OTHER };

/* Two bits, so that reversing one is swapping them. */
enum cp_sdp_direction {
    CP_SDP_INACTIVE = 0,
    CP_SDP_SENDONLY = 1,
    CP_SDP_RECVONLY = 2,
    CP_SDP_SENDRECV = 3,
};

enum cp_sdp_setup {
    CP_SDP_SETUP_NONE,
    CP_SDP_ACTPASS,
    CP_SDP_ACTIVE,
    CP_SDP_PASSIVE,
    CP_SDP_HOLDCONN,
};

/* Hashes older than these are skipped as if they were not there (RFC 8122 5). */
enum cp_sdp_hash { CP_SDP_SHA256, CP_SDP_SHA384, CP_SDP_SHA512 };

struct cp_sdp_fingerprint {
    enum cp_sdp_hash hash;
    unsigned len; /* bytes: 32, 48 or 64 */
    uint8_t bytes[CP_SDP_HASH_MAX];
};

/* ICE and DTLS parameters; at session level they are the default of every section. */
struct cp_sdp_transport {
    const char *ufrag, *pwd;
    const char *ice_options; /* "trickle ice2" */
    enum cp_sdp_setup setup;
    struct cp_sdp_fingerprint *fingerprints;
    size_t n_fingerprints;
};

/* A master key and the salt behind it. len is that of its profile, 0: none. */
struct cp_srtp_key {
    enum hr_srtp_profile profile;
    unsigned len;
    uint8_t bytes[HR_SRTP_KEY_LEN_MAX + HR_SRTP_SALT_LEN_MAX];
};

/* The key with which the writer of this description sends (RFC 4568). */
struct cp_sdp_crypto {
    unsigned line; /* not written */
    uint32_t tag;
    struct cp_srtp_key key;
    const char *problem; /* why the line cannot be used; NULL: it can */
};

struct cp_sdp_codec {
    uint8_t pt;
    const char *name; /* NULL: no rtpmap */
    uint32_t clock_rate;
    uint8_t channels; /* 0: not written */
    const char *fmtp; /* "minptime=10;useinbandfec=1" */
};

struct cp_sdp_feedback {
    int pt;           /* -1: "*" */
    const char *type; /* "nack", "nack pli", "ccm fir", "transport-cc" */
};

/* Direction CP_SDP_SENDRECV stands for none written, which means the same (RFC 8285 5). */
struct cp_sdp_extmap {
    uint16_t id;
    enum cp_sdp_direction direction;
    const char *uri;
    const char *attributes;
};

struct cp_sdp_rid {
    const char *id;
    enum cp_sdp_direction direction; /* SENDONLY or RECVONLY */
    const char *params;              /* "pt=96;max-width=1280" */
};

/* One stream of a simulcast line with its alternatives, best first (RFC 8853 5.1). */
struct cp_sdp_layer {
    const char *rids[CP_SDP_LAYERS_MAX];
    bool paused[CP_SDP_LAYERS_MAX];
    size_t n;
};

struct cp_sdp_simulcast {
    struct cp_sdp_layer *layers;
    size_t n;
};

struct cp_sdp_ssrc {
    uint32_t ssrc;
    const char *cname;
    const char *stream, *track; /* of its msid */
};

struct cp_sdp_ssrc_group {
    const char *semantics; /* "FID", "SIM" */
    uint32_t ssrcs[CP_SDP_GROUP_SSRCS_MAX];
    size_t n;
};

struct cp_sdp_media {
    unsigned line; /* of its m= line; not written */
    enum cp_sdp_kind kind;
    const char *kind_name;
    uint16_t port;
    const char *protocol;
    const char *formats; /* as written in the m= line, when they are not payload types */
    const char *address; /* of its c= line, else the session's; NULL: none */
    uint16_t rtcp_port;  /* written alone, 0: not */
    const char *mid;
    bool mid_made; /* by cp_sdp_name_sections: not written */
    enum cp_sdp_direction direction;
    bool rtcp_mux, rtcp_rsize, bundle_only, extmap_allow_mixed, end_of_candidates;
    struct cp_sdp_transport transport;
    struct cp_sdp_codec *codecs; /* in the order of the m= line */
    size_t n_codecs;
    struct cp_sdp_feedback *feedback;
    size_t n_feedback;
    struct cp_sdp_extmap *extmaps; /* the session's, then its own */
    size_t n_extmaps;
    struct cp_sdp_rid *rids;
    size_t n_rids;
    struct cp_sdp_simulcast send, receive;
    const char *stream, *track; /* of a=msid */
    struct cp_sdp_ssrc *ssrcs;
    size_t n_ssrcs;
    struct cp_sdp_ssrc_group *ssrc_groups;
    size_t n_ssrc_groups;
    const char **candidates; /* "1 1 udp 2130706431 192.0.2.1 10000 typ host" */
    size_t n_candidates;
    struct cp_sdp_crypto *cryptos; /* most wanted first */
    size_t n_cryptos;
};

struct cp_sdp {
    struct cp_sdp_arena arena;
    const char *origin_user, *origin_address;
    uint64_t session_id, session_version;
    const char *name;
    const char *address; /* of its c= line, NULL: none; not written */
    bool has_bundle;
    const char **bundle; /* mids */
    size_t n_bundle;
    bool ice_lite, extmap_allow_mixed;
    enum cp_sdp_direction direction;
    struct cp_sdp_transport transport;
    struct cp_sdp_extmap *extmaps;
    size_t n_extmaps;
    struct cp_sdp_media *media;
    size_t n_media;
};

/*
 * Reads a description; lines end in LF or CRLF. text need not end in NUL and is not kept.
 * 0 and *out, which the caller frees; or -EINVAL, -E2BIG, -ENOMEM and *err.
 */
int cp_sdp_parse(const char *text, size_t len, struct cp_sdp **out, struct cp_sdp_error *err);

/* The same for application/trickle-ice-sdpfrag (RFC 8840 9), which has no v=, o=, s= and t=. */
int cp_sdp_parse_fragment(const char *text, size_t len, struct cp_sdp **out,
                          struct cp_sdp_error *err);

/* Gives each section without a mid one that no other has. 0 or -ENOMEM. */
int cp_sdp_name_sections(struct cp_sdp *sdp);

/* An empty description to fill from its arena, or NULL. */
struct cp_sdp *cp_sdp_new(void);
void cp_sdp_free(struct cp_sdp *sdp);

/* The description as text with CRLF, NUL behind it; the caller frees. NULL: heap exhausted. */
char *cp_sdp_write(const struct cp_sdp *sdp, size_t *len);

static inline enum cp_sdp_direction cp_sdp_reverse(enum cp_sdp_direction d)
{
    return (enum cp_sdp_direction)(((unsigned)d >> 1 | (unsigned)d << 1) & 3);
}

static inline bool cp_srtp_key_same(const struct cp_srtp_key *a, const struct cp_srtp_key *b)
{
    return a->profile == b->profile && a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

const char *cp_sdp_direction_name(enum cp_sdp_direction d);

/* "sha-256 AB:CD:…" to bytes: 0, or -EINVAL malformed, -ENOTSUP another hash. */
int cp_sdp_fingerprint_parse(const char *text, struct cp_sdp_fingerprint *out);

/* A key as base64, as it stands behind inline: */
#define CP_SDP_KEY_TEXT 41
void cp_sdp_key_text(const struct cp_srtp_key *key, char text[CP_SDP_KEY_TEXT]);

/* The value of a key in an fmtp line ("apt" of "apt=96"), its length in *len; NULL: not there. */
const char *cp_sdp_fmtp_get(const char *fmtp, const char *key, size_t *len);

/* Fills err, returns error: `return cp_sdp_fail(err, line, -EINVAL, "...")`. */
int cp_sdp_fail(struct cp_sdp_error *err, unsigned line, int error, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
