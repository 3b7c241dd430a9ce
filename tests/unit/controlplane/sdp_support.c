#include "tests/unit/controlplane/sdp_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const char *const sdp_vectors[] = {
    "aiortc",
    "chromium-publish",
    "chromium-reoffer",
    "chromium-stopped",
    "chromium-whep",
    "chromium-whip",
    "ffmpeg-whip",
    "firefox-publish",
    "firefox-reoffer",
    "firefox-stopped",
    "firefox-whep",
    "firefox-whip",
    "gstreamer-whep",
    "gstreamer-whip",
    "obs-whip",
    "odd-layers",
    NULL,
};

char *sdp_read(const char *name, const char *suffix, size_t *len)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s%s", SDP_VECTORS, name, suffix);
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    char *text = malloc(CP_SDP_TEXT_MAX + 1);
    *len = text ? fread(text, 1, CP_SDP_TEXT_MAX, f) : 0;
    fclose(f);
    if (text)
        text[*len] = '\0';
    return text;
}

struct cp_sdp *sdp_parse_text(const char *text)
{
    struct cp_sdp *sdp = NULL;
    struct cp_sdp_error err;
    if (cp_sdp_parse(text, strlen(text), &sdp, &err))
        fail_msg("line %u: %s", err.line, err.text);
    return sdp;
}

struct cp_sdp *sdp_parse_vector(const char *name)
{
    size_t len;
    char *text = sdp_read(name, ".sdp", &len);
    if (!text)
        fail_msg("no vector %s", name);
    struct cp_sdp *sdp = sdp_parse_text(text);
    free(text);
    return sdp;
}

static void add_sender(struct sdp_answering *a, const struct cp_sdp_media *m, unsigned place)
{
    size_t n = a->cfg.n_senders++;
    snprintf(a->names[n][0], sizeof(a->names[n][0]), "stream-%u", place / 2 & 0xffff);
    snprintf(a->names[n][1], sizeof(a->names[n][1]), "track-%u", place & 0xffff);
    a->senders[n] = (struct cp_sender){.mid = m->mid ? m->mid : "",
                                       .ssrc = 1000 + 2 * place,
                                       .rtx_ssrc = 1001 + 2 * place,
                                       .cname = "p1",
                                       .stream_id = a->names[n][0],
                                       .track_id = a->names[n][1]};
}

void sdp_answering_init(struct sdp_answering *a, const struct cp_sdp *offer)
{
    static const char *const video[] = {"VP8", "VP9", "H264", "AV1", NULL};
    static const struct cp_local_candidate candidates[] = {{"198.18.0.1", 10000},
                                                           {"2001:2::1", 10000}};
    *a = (struct sdp_answering){
        .cfg = {.video_codecs = video,
                .ufrag = "HrUf",
                .pwd = "serverPasswordOf24Bytes0",
                .fingerprint = "sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:"
                               "10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F",
                .candidates = candidates,
                .n_candidates = 2,
                .session_id = 42,
                .session_version = 1}};
    a->cfg.senders = a->senders;
    for (size_t i = 0; i < offer->n_media && a->cfg.n_senders < SDP_SENDERS_MAX; i++) {
        if (offer->media[i].direction == CP_SDP_RECVONLY)
            add_sender(a, &offer->media[i], (unsigned)i);
    }
}

struct cp_negotiation *sdp_negotiate(const struct cp_sdp *offer,
                                     const struct cp_negotiate_config *cfg)
{
    struct cp_negotiation *n = NULL;
    struct cp_sdp_error err;
    if (cp_negotiate(offer, cfg, &n, &err))
        fail_msg("line %u: %s", err.line, err.text);
    return n;
}
