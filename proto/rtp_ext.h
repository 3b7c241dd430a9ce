/*
 * RTP header extensions that Headrace knows: one row each, its URI as in SDP (RFC 8285 section 7).
 * The control plane negotiates them by URI, the dataplane acts on them by kind.
 */
#ifndef HEADRACE_PROTO_RTP_EXT_H
#define HEADRACE_PROTO_RTP_EXT_H

#include <stddef.h>
#include <string.h>

/* X(kind, word in messages and traces, URI). Kinds travel between processes: append only. */
#define HR_EXT_TABLE(X)                                                                            \
    X(MID, "mid", "urn:ietf:params:rtp-hdrext:sdes:mid")                                           \
    X(RID, "rid", "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id")                                 \
    X(RRID, "repaired-rid", "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id")              \
    X(AUDIO_LEVEL, "audio-level", "urn:ietf:params:rtp-hdrext:ssrc-audio-level")                   \
    X(TRANSPORT_CC, "transport-cc",                                                                \
      "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01")                 \
    X(ABS_SEND_TIME, "abs-send-time",                                                              \
      "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time")                                \
    X(VIDEO_ORIENTATION, "video-orientation", "urn:3gpp:video-orientation")                        \
    X(DEPENDENCY_DESCRIPTOR, "dependency-descriptor",                                              \
      "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension")   \
    X(PLAYOUT_DELAY, "playout-delay",                                                              \
      "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay")                                \
    X(ABS_CAPTURE_TIME, "abs-capture-time",                                                        \
      "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time")

enum hr_ext_kind {
    HR_EXT_NONE = 0,
#define X(kind, word, uri) HR_EXT_##kind,
    HR_EXT_TABLE(X)
#undef X
        HR_EXT_KINDS /* one more than the last kind */
};

/* The URI of a kind, or NULL. */
static inline const char *hr_ext_uri(enum hr_ext_kind kind)
{
    static const char *const uris[HR_EXT_KINDS] = {
#define X(kind, word, uri) [HR_EXT_##kind] = uri,
        HR_EXT_TABLE(X)
#undef X
    };
    return (unsigned)kind < HR_EXT_KINDS ? uris[kind] : NULL;
}

/* The word of a kind in messages and traces, or NULL. */
static inline const char *hr_ext_word(enum hr_ext_kind kind)
{
    static const char *const words[HR_EXT_KINDS] = {
#define X(kind, word, uri) [HR_EXT_##kind] = word,
        HR_EXT_TABLE(X)
#undef X
    };
    return (unsigned)kind < HR_EXT_KINDS ? words[kind] : NULL;
}

/* The kind of a URI of len bytes (no terminator needed), or HR_EXT_NONE. */
static inline enum hr_ext_kind hr_ext_kind_of(const char *uri, size_t len)
{
    for (int kind = HR_EXT_NONE + 1; kind < HR_EXT_KINDS; kind++) {
        const char *known = hr_ext_uri((enum hr_ext_kind)kind);
        if (strlen(known) == len && memcmp(known, uri, len) == 0)
            return (enum hr_ext_kind)kind;
    }
    return HR_EXT_NONE;
}

#endif
