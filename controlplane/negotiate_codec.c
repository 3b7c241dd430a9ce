/*
 * Which codecs of a section we forward, and which of two clients' payload types mean the same
 * media. The relay cannot transcode nor look inside, so identity is all that counts: name, clock,
 * profile.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controlplane/negotiate_section.h"

static const struct known_codec {
    const char *name;
    enum cp_sdp_kind kind;
    enum cp_codec_id id;
    uint32_t clock_rate; /* 0: any */
    uint8_t channels;
    bool media; /* a section can live on it alone */
} known[] = {
    {"opus", CP_SDP_AUDIO, CP_CODEC_OPUS, 48000, 2, true},
    {"red", CP_SDP_AUDIO, CP_CODEC_RED, 48000, 2, false},
    {"telephone-event", CP_SDP_AUDIO, CP_CODEC_TELEPHONE_EVENT, 0, 1, false},
    {"VP8", CP_SDP_VIDEO, CP_CODEC_VP8, 90000, 1, true},
    {"VP9", CP_SDP_VIDEO, CP_CODEC_VP9, 90000, 1, true},
    {"H264", CP_SDP_VIDEO, CP_CODEC_H264, 90000, 1, true},
    {"AV1", CP_SDP_VIDEO, CP_CODEC_AV1, 90000, 1, true},
};

#define KNOWN_CODECS (sizeof(known) / sizeof(known[0]))

static const struct known_codec *find_known(enum cp_sdp_kind kind, const struct cp_sdp_codec *c)
{
    for (size_t i = 0; c->name && i < KNOWN_CODECS; i++) {
        const struct known_codec *k = &known[i];
        if (k->kind == kind && strcasecmp(k->name, c->name) == 0 &&
            (!k->clock_rate || k->clock_rate == c->clock_rate) &&
            k->channels == (c->channels ? c->channels : 1))
            return k;
    }
    return NULL;
}

/* RFC 6184 table 5: profile_idc and the bits of profile-iop that count. */
static const struct {
    enum cp_h264_profile profile;
    uint8_t idc, mask, value;
} h264_profiles[] = {
    {CP_H264_CONSTRAINED_BASELINE, 0x42, 0x4f, 0x40},
    {CP_H264_CONSTRAINED_BASELINE, 0x4d, 0x8f, 0x80},
    {CP_H264_CONSTRAINED_BASELINE, 0x58, 0xcf, 0xc0},
    {CP_H264_BASELINE, 0x42, 0x4f, 0x00},
    {CP_H264_BASELINE, 0x58, 0xcf, 0x80},
    {CP_H264_MAIN, 0x4d, 0xaf, 0x00},
    {CP_H264_CONSTRAINED_HIGH, 0x64, 0xff, 0x0c},
    {CP_H264_HIGH, 0x64, 0xff, 0x00},
};

static uint8_t h264_profile(unsigned long level_id)
{
    uint8_t idc = (uint8_t)(level_id >> 16), iop = (uint8_t)(level_id >> 8);
    for (size_t i = 0; i < sizeof(h264_profiles) / sizeof(h264_profiles[0]); i++) {
        if (h264_profiles[i].idc == idc && (iop & h264_profiles[i].mask) == h264_profiles[i].value)
            return (uint8_t)h264_profiles[i].profile;
    }
    return idc > CP_H264_OTHER ? idc : CP_H264_OTHER;
}

/* A number in fmtp, or fallback when the key is not there; -1 when it is no number up to max. */
static long fmtp_number(const char *fmtp, const char *key, int base, long max, long fallback)
{
    size_t len;
    const char *value = cp_sdp_fmtp_get(fmtp, key, &len);
    char digits[12], *end;
    if (!value)
        return fallback;
    if (len == 0 || len >= sizeof(digits) || !strchr("0123456789abcdefABCDEF", value[0]))
        return -1;
    memcpy(digits, value, len);
    digits[len] = '\0';
    long n = strtol(digits, &end, base);
    return *end == '\0' && n >= 0 && n <= max ? n : -1;
}

/*
 * RFC 6184 8.1 would have Baseline level 1 for a missing profile-level-id. Senders that leave it
 * out send what every browser decodes, Constrained Baseline, so that is what we take it for.
 */
#define H264_DEFAULT_LEVEL_ID 0x42e01f

static bool fill_key(const struct known_codec *k, const struct cp_sdp_codec *c,
                     struct cp_codec_key *key)
{
    long profile = 0, mode = 0, inner = CP_NO_PT;
    if (k->id == CP_CODEC_H264) {
        profile = fmtp_number(c->fmtp, "profile-level-id", 16, 0xffffff, H264_DEFAULT_LEVEL_ID);
        mode = fmtp_number(c->fmtp, "packetization-mode", 10, 1, 0);
        profile = profile < 0 ? -1 : h264_profile((unsigned long)profile);
    } else if (k->id == CP_CODEC_VP9) {
        profile = fmtp_number(c->fmtp, "profile-id", 10, 3, 0);
    } else if (k->id == CP_CODEC_AV1) {
        profile = fmtp_number(c->fmtp, "profile", 10, 2, 0);
    } else if (k->id == CP_CODEC_RED) {
        char *end;
        inner = c->fmtp ? strtol(c->fmtp, &end, 10) : -1;
        profile = inner < 0 || inner > 127 ? -1 : 0;
    }
    *key = (struct cp_codec_key){.id = k->id,
                                 .clock_rate = c->clock_rate,
                                 .channels = k->channels,
                                 .profile = (uint8_t)profile,
                                 .packetization_mode = (uint8_t)mode,
                                 .red_pt = (int16_t)inner};
    return profile >= 0 && mode >= 0;
}

/* Place of a name in a preference list; -1: not wanted. */
static int rank_of(const char *const *list, const char *name)
{
    for (int i = 0; list && list[i]; i++) {
        if (strcasecmp(list[i], name) == 0)
            return i;
    }
    return list ? -1 : 0;
}

static const struct cp_sdp_codec *find_rtx(const struct cp_sdp_media *m, uint8_t pt)
{
    for (size_t i = 0; i < m->n_codecs; i++) {
        const struct cp_sdp_codec *c = &m->codecs[i];
        if (c->name && strcasecmp(c->name, "rtx") == 0 &&
            fmtp_number(c->fmtp, "apt", 10, 127, -1) == pt)
            return c;
    }
    return NULL;
}

/* The section being filled; a row past HR_PAYLOADS_MAX is left out, the least wanted first. */
static struct cp_codec *add_row(struct cp_negotiator *g, struct cp_negotiated_media *m,
                                const struct cp_sdp_codec *c)
{
    struct cp_codec *row = &m->codecs[m->n_codecs++];
    *row = (struct cp_codec){.pt = c->pt,
                             .rtx_for = CP_NO_PT,
                             .rtx_pt = CP_NO_PT,
                             .fmtp = cp_sdp_strdup(&g->n->arena, c->fmtp)};
    return row;
}

static void add_codec(struct cp_negotiator *g, struct cp_section *s, const struct cp_sdp_codec *c,
                      const struct known_codec *k, const struct cp_codec_key *key)
{
    struct cp_negotiated_media *m = s->m;
    bool with_rtx = s->client_sends || g->cfg->subscribe_rtx;
    const struct cp_sdp_codec *rtx = with_rtx ? find_rtx(s->offer, c->pt) : NULL;
    if (m->n_codecs + (rtx ? 2 : 1) > HR_PAYLOADS_MAX)
        return;
    struct cp_codec *row = add_row(g, m, c);
    row->key = *key;
    row->name = k->name;
    if (!rtx)
        return;
    row->rtx_pt = rtx->pt;
    struct cp_codec *repair = add_row(g, m, rtx);
    repair->key = (struct cp_codec_key){
        .id = CP_CODEC_RTX, .clock_rate = c->clock_rate, .channels = k->channels, .red_pt = -1};
    repair->name = "rtx";
    repair->rtx_for = c->pt;
}

/* RED is of use only around an Opus that is accepted too, and by the number that is inside. */
static bool red_has_opus(const struct cp_negotiated_media *m, int16_t inner)
{
    for (size_t i = 0; i < m->n_codecs; i++) {
        if (m->codecs[i].key.id == CP_CODEC_OPUS && m->codecs[i].pt == inner)
            return true;
    }
    return false;
}

static void add_ranked(struct cp_negotiator *g, struct cp_section *s, const char *const *wanted,
                       int rank, bool media)
{
    struct cp_codec_key key;
    for (size_t i = 0; i < s->offer->n_codecs; i++) {
        const struct cp_sdp_codec *c = &s->offer->codecs[i];
        const struct known_codec *k = find_known(s->offer->kind, c);
        if (!k || k->media != media || rank_of(wanted, k->name) != rank || !fill_key(k, c, &key))
            continue;
        if (k->id == CP_CODEC_RED && !red_has_opus(s->m, key.red_pt))
            continue;
        add_codec(g, s, c, k, &key);
    }
}

int cp_negotiate_codecs(struct cp_negotiator *g, struct cp_section *s)
{
    const char *const *wanted =
        s->offer->kind == CP_SDP_AUDIO ? g->cfg->audio_codecs : g->cfg->video_codecs;
    int ranks = 1;
    while (wanted && wanted[ranks - 1])
        ranks++;
    struct cp_codec found[HR_PAYLOADS_MAX];
    s->m->codecs = found;
    for (int rank = 0; rank < ranks; rank++)
        add_ranked(g, s, wanted, rank, true);
    /* What accompanies media comes last: clients send the first codec of an answer. */
    for (int rank = 0; s->m->n_codecs && rank < ranks; rank++)
        add_ranked(g, s, wanted, rank, false);
    size_t size = s->m->n_codecs * sizeof(*found);
    s->m->codecs = cp_sdp_alloc(&g->n->arena, size); /* kept for the call: no more than needed */
    if (!s->m->codecs)
        return -ENOMEM;
    memcpy(s->m->codecs, found, size);
    return 0;
}

bool cp_codec_match(const struct cp_codec_key *from, const struct cp_codec_key *to)
{
    return from->id == to->id && from->clock_rate == to->clock_rate &&
           from->channels == to->channels && from->profile == to->profile &&
           from->packetization_mode <= to->packetization_mode && from->red_pt == to->red_pt;
}

/* The same packetization mode before a higher one, then the subscriber's own order. */
static const struct cp_codec *closest(const struct cp_codec *from,
                                      const struct cp_negotiated_media *sub)
{
    const struct cp_codec *found = NULL;
    for (size_t i = 0; i < sub->n_codecs; i++) {
        const struct cp_codec *to = &sub->codecs[i];
        if (!cp_codec_match(&from->key, &to->key))
            continue;
        if (to->key.packetization_mode == from->key.packetization_mode)
            return to;
        if (!found)
            found = to;
    }
    return found;
}

size_t cp_negotiate_payload_map(const struct cp_negotiated_media *pub,
                                const struct cp_negotiated_media *sub, struct cp_payload_pair *out,
                                size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < pub->n_codecs && n < max; i++) {
        const struct cp_codec *from = &pub->codecs[i];
        const struct cp_codec *to = from->key.id == CP_CODEC_RTX ? NULL : closest(from, sub);
        if (to)
            out[n++] = (struct cp_payload_pair){from->pt, to->pt, from->rtx_pt, to->rtx_pt};
    }
    return n;
}
