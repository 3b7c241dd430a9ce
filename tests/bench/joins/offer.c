/* Offers as Chromium 156 writes them, as long and with as many codecs, and reading of answers. */
#include "joins.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct out {
    char *at, *end;
    bool json;
};

/* A line; \r\n after it as the carrier wants them. */
__attribute__((format(printf, 2, 3))) static void line(struct out *o, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    int n = vsnprintf(o->at, (size_t)(o->end - o->at), format, ap);
    va_end(ap);
    if (n < 0 || n + 4 >= o->end - o->at)
        die("an offer does not fit its buffer");
    o->at += n;
    const char *end = o->json ? "\\r\\n" : "\r\n";
    while (*end)
        *o->at++ = *end++;
}

static const struct codec {
    int pt, rtx;
    const char *name, *fmtp;
} codecs[] = {
    {96, 97, "VP8", NULL},
    {102, 103, "H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"},
    {104, 107, "H264", "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f"},
    {108, 109, "H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"},
    {114, 115, "H264", "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f"},
    {116, 117, "H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f"},
    {39, 40, "H264", "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=4d001f"},
    {45, 46, "AV1", "level-idx=5;profile=0;tier=0"},
    {98, 99, "VP9", "profile-id=0"},
    {100, 101, "VP9", "profile-id=2"},
};

static void video_codecs(struct out *o)
{
    static const char *const feedback[] = {"goog-remb", "transport-cc", "ccm fir", "nack",
                                           "nack pli"};

    for (size_t i = 0; i < sizeof(codecs) / sizeof(*codecs); i++) {
        const struct codec *c = &codecs[i];
        line(o, "a=rtpmap:%d %s/90000", c->pt, c->name);
        for (size_t k = 0; k < sizeof(feedback) / sizeof(*feedback); k++)
            line(o, "a=rtcp-fb:%d %s", c->pt, feedback[k]);
        if (c->fmtp)
            line(o, "a=fmtp:%d %s", c->pt, c->fmtp);
        line(o, "a=rtpmap:%d rtx/90000", c->rtx);
        line(o, "a=fmtp:%d apt=%d", c->rtx, c->pt);
    }
    line(o, "a=rtpmap:118 red/90000");
    line(o, "a=rtpmap:119 rtx/90000");
    line(o, "a=fmtp:119 apt=118");
    line(o, "a=rtpmap:120 ulpfec/90000");
}

static void audio_codecs(struct out *o)
{
    line(o, "a=rtpmap:111 opus/48000/2");
    line(o, "a=rtcp-fb:111 transport-cc");
    line(o, "a=fmtp:111 minptime=10;useinbandfec=1");
    line(o, "a=rtpmap:63 red/48000/2");
    line(o, "a=fmtp:63 111/111");
    line(o, "a=rtpmap:9 G722/8000");
    line(o, "a=rtpmap:0 PCMU/8000");
    line(o, "a=rtpmap:8 PCMA/8000");
    line(o, "a=rtpmap:13 CN/8000");
    line(o, "a=rtpmap:110 telephone-event/48000");
    line(o, "a=rtpmap:126 telephone-event/8000");
}

static void extensions(struct out *o, bool video)
{
    static const struct {
        int id;
        bool audio, video;
        const char *uri;
    } rows[] = {
        {1, true, false, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"},
        {14, false, true, "urn:ietf:params:rtp-hdrext:toffset"},
        {2, true, true, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"},
        {13, false, true, "urn:3gpp:video-orientation"},
        {3, true, true,
         "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"},
        {5, false, true, "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"},
        {6, false, true, "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type"},
        {7, false, true, "http://www.webrtc.org/experiments/rtp-hdrext/video-timing"},
        {8, false, true, "http://www.webrtc.org/experiments/rtp-hdrext/color-space"},
        {4, true, true, "urn:ietf:params:rtp-hdrext:sdes:mid"},
        {10, false, true, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"},
        {11, false, true, "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"},
        {12, false, true,
         "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (video ? rows[i].video : rows[i].audio)
            line(o, "a=extmap:%d %s", rows[i].id, rows[i].uri);
}

static void sent(struct out *o, const struct offer_section *s)
{
    line(o, "a=ssrc:%u cname:aKhY0fdMDlMn5neV", s->ssrc);
    line(o, "a=ssrc:%u msid:9704e891-eb4f-49bc-ae3b-d5065e0a5aa6 84f2e36a-499e-4823-86b5-%012u",
         s->ssrc, s->ssrc);
}

static void section(struct out *o, const struct offer *offer, unsigned mid)
{
    const struct offer_section *s = &offer->sections[mid];

    if (s->video)
        line(o, "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 104 107 108 109 114 115 116 117 39 40 "
                "45 46 98 99 100 101 118 119 120");
    else
        line(o, "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126");
    line(o, "c=IN IP4 0.0.0.0");
    line(o, "a=rtcp:9 IN IP4 0.0.0.0");
    line(o, "a=ice-ufrag:%s", offer->ufrag);
    line(o, "a=ice-pwd:%s", offer->pwd);
    line(o, "a=ice-options:trickle");
    line(o, "a=fingerprint:sha-256 %s", offer->fingerprint);
    line(o, "a=setup:actpass");
    line(o, "a=mid:%u", mid);
    extensions(o, s->video);
    line(o, s->send ? "a=sendonly" : "a=recvonly");
    if (s->send)
        line(o, "a=msid:9704e891-eb4f-49bc-ae3b-d5065e0a5aa6 84f2e36a-499e-4823-86b5-%012u",
             s->ssrc);
    line(o, "a=rtcp-mux");
    line(o, "a=rtcp-rsize");
    if (s->video)
        video_codecs(o);
    else
        audio_codecs(o);
    if (s->send)
        sent(o, s);
}

size_t offer_write(const struct offer *offer, char *text, size_t size)
{
    struct out o = {.at = text, .end = text + size, .json = offer->json};
    char mids[256] = "";

    for (unsigned i = 0, n = 0; i < offer->count && n + 8 < sizeof(mids); i++)
        n += (unsigned)snprintf(mids + n, sizeof(mids) - n, " %u", i);
    line(&o, "v=0");
    line(&o, "o=- 6642321324665659253 2 IN IP4 127.0.0.1");
    line(&o, "s=-");
    line(&o, "t=0 0");
    line(&o, "a=group:BUNDLE%s", mids);
    line(&o, "a=extmap-allow-mixed");
    line(&o, "a=msid-semantic: WMS 9704e891-eb4f-49bc-ae3b-d5065e0a5aa6");
    for (unsigned i = 0; i < offer->count; i++)
        section(&o, offer, i);
    return (size_t)(o.at - text);
}

/* ---- answers */

/* What follows the key up to the end of its line, in plain text or in JSON. */
static bool value(const char *text, size_t len, const char *key, char *out, size_t size)
{
    const char *at = memmem(text, len, key, strlen(key));
    if (!at)
        return false;
    at += strlen(key);
    size_t n = 0;
    while (at + n < text + len && at[n] != '\r' && at[n] != '\\' && n + 1 < size)
        n++;
    memcpy(out, at, n);
    out[n] = 0;
    return true;
}

bool answer_read(const char *text, size_t len, struct answer *out)
{
    char candidate[128], address[64], setup[16];
    struct in_addr ip;
    unsigned port;

    if (!value(text, len, "a=ice-ufrag:", out->ufrag, sizeof(out->ufrag)) ||
        !value(text, len, "a=ice-pwd:", out->pwd, sizeof(out->pwd)) ||
        !value(text, len, "a=setup:", setup, sizeof(setup)) ||
        !value(text, len, "a=candidate:", candidate, sizeof(candidate)))
        return false;
    if (sscanf(candidate, "%*s 1 udp %*u %63s %u typ host", address, &port) != 2 ||
        inet_pton(AF_INET, address, &ip) != 1)
        return false;
    out->address = ntohl(ip.s_addr);
    out->port = (uint16_t)port;
    out->active = strcmp(setup, "active") == 0;
    return true;
}
