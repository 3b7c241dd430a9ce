/*
 * The a= lines that we read, a row each. What is not in the table, or stands at a level where it
 * has no meaning, is skipped as RFC 8866 5.13 asks; what is in the table must be well formed.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "controlplane/sdp_parser.h"

#define EXTMAP_ID_MAX 255u /* larger ones say "choose an id" (RFC 8285 7), which we never do */

static struct cp_sdp_transport *transport(struct cp_sdp_parser *p)
{
    return p->media ? &p->media->transport : &p->sdp->transport;
}

static int read_group(struct cp_sdp_parser *p, char *value)
{
    struct cp_sdp *sdp = p->sdp;
    char *semantics = cp_sdp_word(&value);
    if (!semantics || strcmp(semantics, "BUNDLE") != 0)
        return 0;
    if (sdp->has_bundle)
        return CP_SDP_BAD(p, "a second BUNDLE group");
    sdp->has_bundle = true;
    for (char *mid; (mid = cp_sdp_word(&value));) {
        if (sdp->n_bundle == CP_SDP_MEDIA_MAX)
            return CP_SDP_MANY(p, "more than %d mids in a group", CP_SDP_MEDIA_MAX);
        const char **slot = CP_SDP_APPEND(&sdp->arena, sdp->bundle, sdp->n_bundle);
        if (!slot)
            return -ENOMEM;
        *slot = mid;
    }
    return 0;
}

/* RFC 8839 5.4: ice-char only, and the least lengths that make guessing hopeless. */
static bool ice_string(const char *s, size_t least)
{
    size_t len = strlen(s);
    if (len < least || len > 256)
        return false;
    for (; *s; s++) {
        bool alpha = (*s | 32) >= 'a' && (*s | 32) <= 'z';
        if (!alpha && (*s < '0' || *s > '9') && *s != '+' && *s != '/')
            return false;
    }
    return true;
}

static int read_ufrag(struct cp_sdp_parser *p, char *value)
{
    transport(p)->ufrag = value;
    return ice_string(value, 4) ? 0 : CP_SDP_BAD(p, "ice-ufrag is not 4 to 256 ICE characters");
}

static int read_pwd(struct cp_sdp_parser *p, char *value)
{
    transport(p)->pwd = value;
    return ice_string(value, 22) ? 0 : CP_SDP_BAD(p, "ice-pwd is not 22 to 256 ICE characters");
}

static int read_ice_options(struct cp_sdp_parser *p, char *value)
{
    transport(p)->ice_options = value;
    return 0;
}

static int read_fingerprint(struct cp_sdp_parser *p, char *value)
{
    struct cp_sdp_transport *t = transport(p);
    struct cp_sdp_fingerprint parsed;
    int rc = cp_sdp_fingerprint_parse(value, &parsed);
    if (rc == -ENOTSUP)
        return 0;
    if (rc)
        return CP_SDP_BAD(p, "fingerprint is not a hash and its bytes in hex");
    if (t->n_fingerprints == CP_SDP_FINGERPRINTS_MAX)
        return CP_SDP_MANY(p, "more than %d fingerprints", CP_SDP_FINGERPRINTS_MAX);
    struct cp_sdp_fingerprint *slot =
        CP_SDP_APPEND(&p->sdp->arena, t->fingerprints, t->n_fingerprints);
    if (!slot)
        return -ENOMEM;
    *slot = parsed;
    return 0;
}

static int read_setup(struct cp_sdp_parser *p, char *value)
{
    static const char *const names[] = {"", "actpass", "active", "passive", "holdconn"};
    for (unsigned i = 1; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], value) == 0) {
            transport(p)->setup = (enum cp_sdp_setup)i;
            return 0;
        }
    }
    return CP_SDP_BAD(p, "setup is none of actpass, active, passive, holdconn");
}

static int read_ice_lite(struct cp_sdp_parser *p, char *value)
{
    p->sdp->ice_lite = true;
    return 0;
}

static int read_allow_mixed(struct cp_sdp_parser *p, char *value)
{
    if (p->media)
        p->media->extmap_allow_mixed = true;
    else
        p->sdp->extmap_allow_mixed = true;
    return 0;
}

static int set_direction(struct cp_sdp_parser *p, enum cp_sdp_direction d)
{
    if (p->media)
        p->media->direction = d;
    else
        p->sdp->direction = d;
    return 0;
}

static int read_sendrecv(struct cp_sdp_parser *p, char *value)
{
    return set_direction(p, CP_SDP_SENDRECV);
}

static int read_sendonly(struct cp_sdp_parser *p, char *value)
{
    return set_direction(p, CP_SDP_SENDONLY);
}

static int read_recvonly(struct cp_sdp_parser *p, char *value)
{
    return set_direction(p, CP_SDP_RECVONLY);
}

static int read_inactive(struct cp_sdp_parser *p, char *value)
{
    return set_direction(p, CP_SDP_INACTIVE);
}

static bool direction_from(const char *name, enum cp_sdp_direction *out)
{
    for (unsigned d = 0; d < 4; d++) {
        if (strcmp(name, cp_sdp_direction_name((enum cp_sdp_direction)d)) == 0) {
            *out = (enum cp_sdp_direction)d;
            return true;
        }
    }
    return false;
}

/* Where an extension of this id goes: its old place when the section changes nothing, or a new one.
 */
static int extmap_slot(struct cp_sdp_parser *p, uint16_t id, const char *uri,
                       struct cp_sdp_extmap **out)
{
    struct cp_sdp_arena *arena = &p->sdp->arena;
    struct cp_sdp_extmap **list = p->media ? &p->media->extmaps : &p->sdp->extmaps;
    size_t *n = p->media ? &p->media->n_extmaps : &p->sdp->n_extmaps;
    for (size_t i = 0; i < *n; i++) {
        if ((*list)[i].id != id)
            continue;
        *out = &(*list)[i];
        return strcmp((*list)[i].uri, uri) == 0
                   ? 0
                   : CP_SDP_BAD(p, "extmap id %u has two extensions", (unsigned)id);
    }
    if (*n == CP_SDP_EXTMAPS_MAX)
        return CP_SDP_MANY(p, "more than %d header extensions", CP_SDP_EXTMAPS_MAX);
    *out = CP_SDP_APPEND(arena, *list, *n);
    return *out ? 0 : -ENOMEM;
}

static int read_extmap(struct cp_sdp_parser *p, char *value)
{
    char *number = cp_sdp_word(&value), *uri = cp_sdp_word(&value);
    if (!uri)
        return CP_SDP_BAD(p, "extmap needs an id and a URI");
    enum cp_sdp_direction direction = CP_SDP_SENDRECV;
    char *slash = strchr(number, '/');
    if (slash) {
        *slash = '\0';
        if (!direction_from(slash + 1, &direction))
            return CP_SDP_BAD(p, "extmap has an unknown direction");
    }
    uint64_t id;
    if (!cp_sdp_number(number, UINT16_MAX, &id) || id == 0)
        return CP_SDP_BAD(p, "extmap has an id that is not a number above 0");
    if (id > EXTMAP_ID_MAX)
        return 0;
    struct cp_sdp_extmap *slot = NULL;
    int rc = extmap_slot(p, (uint16_t)id, uri, &slot);
    if (rc)
        return rc;
    *slot = (struct cp_sdp_extmap){.id = (uint16_t)id, .direction = direction, .uri = uri};
    value += strspn(value, " ");
    slot->attributes = *value ? value : NULL;
    return 0;
}

static int read_mid(struct cp_sdp_parser *p, char *value)
{
    p->media->mid = value;
    return cp_sdp_token(value) ? 0 : CP_SDP_BAD(p, "mid is not a token");
}

static int read_rtcp_mux(struct cp_sdp_parser *p, char *value)
{
    p->media->rtcp_mux = true;
    return 0;
}

static int read_rtcp_rsize(struct cp_sdp_parser *p, char *value)
{
    p->media->rtcp_rsize = true;
    return 0;
}

static int read_bundle_only(struct cp_sdp_parser *p, char *value)
{
    p->media->bundle_only = true;
    return 0;
}

static int read_end_of_candidates(struct cp_sdp_parser *p, char *value)
{
    if (p->media)
        p->media->end_of_candidates = true;
    return 0;
}

/* Cuts "96 rest": the codec of that payload type is *out, NULL when the m= line does not have it.
 */
static int codec_of(struct cp_sdp_parser *p, char **value, struct cp_sdp_codec **out)
{
    char *word = cp_sdp_word(value);
    uint64_t pt;
    *out = NULL;
    if (!word || !cp_sdp_number(word, 127, &pt))
        return CP_SDP_BAD(p, "a payload type that is not 0 to 127");
    for (size_t i = 0; i < p->media->n_codecs; i++) {
        if (p->media->codecs[i].pt == pt)
            *out = &p->media->codecs[i];
    }
    *value += strspn(*value, " ");
    return 0;
}

/* fmtp and rtpmap of a data channel's format ("webrtc-datachannel") are none of ours. */
static bool is_rtp(const struct cp_sdp_parser *p)
{
    return p->media->n_codecs > 0;
}

static int read_rtpmap(struct cp_sdp_parser *p, char *value)
{
    struct cp_sdp_codec *codec;
    if (!is_rtp(p))
        return 0;
    int rc = codec_of(p, &value, &codec);
    if (rc || !codec)
        return rc;
    char *rate = strchr(value, '/');
    if (!rate || rate == value)
        return CP_SDP_BAD(p, "rtpmap is not name/rate");
    *rate++ = '\0';
    char *channels = strchr(rate, '/');
    if (channels)
        *channels++ = '\0';
    uint64_t number;
    if (!cp_sdp_number(rate, UINT32_MAX, &number) || number == 0)
        return CP_SDP_BAD(p, "rtpmap has a clock rate that is not a number");
    codec->name = value;
    codec->clock_rate = (uint32_t)number;
    if (channels && (!cp_sdp_number(channels, 255, &number) || number == 0))
        return CP_SDP_BAD(p, "rtpmap has a channel count that is not 1 to 255");
    codec->channels = channels ? (uint8_t)number : 0;
    return 0;
}

static int read_fmtp(struct cp_sdp_parser *p, char *value)
{
    struct cp_sdp_codec *codec;
    if (!is_rtp(p))
        return 0;
    int rc = codec_of(p, &value, &codec);
    if (!rc && codec)
        codec->fmtp = *value ? value : NULL;
    return rc;
}

static int read_rtcp_fb(struct cp_sdp_parser *p, char *value)
{
    struct cp_sdp_media *m = p->media;
    struct cp_sdp_codec *codec = NULL;
    bool all = value[0] == '*' && value[1] == ' ';
    if (!is_rtp(p))
        return 0;
    int rc = all ? 0 : codec_of(p, &value, &codec);
    if (rc || (!all && !codec))
        return rc;
    value += all ? 1 : 0;
    value += strspn(value, " ");
    if (!*value)
        return CP_SDP_BAD(p, "rtcp-fb names no feedback");
    if (m->n_feedback == CP_SDP_FEEDBACK_MAX)
        return CP_SDP_MANY(p, "more than %d rtcp-fb lines", CP_SDP_FEEDBACK_MAX);
    struct cp_sdp_feedback *slot = CP_SDP_APPEND(&p->sdp->arena, m->feedback, m->n_feedback);
    if (!slot)
        return -ENOMEM;
    *slot = (struct cp_sdp_feedback){.pt = all ? -1 : codec->pt, .type = value};
    return 0;
}

/* RFC 8851 10: what may stand in a RID, so that it can stand in a simulcast line too. */
static bool rid_name(const char *s)
{
    size_t len = strlen(s);
    return len > 0 && cp_sdp_token(s) && !strpbrk(s, "~!#$%&'*+.^`{|}");
}

static int read_rid(struct cp_sdp_parser *p, char *value)
{
    struct cp_sdp_media *m = p->media;
    char *id = cp_sdp_word(&value), *way = cp_sdp_word(&value);
    if (!way || !rid_name(id))
        return CP_SDP_BAD(p, "rid needs a name of letters, digits, - and _, and send or recv");
    bool send = strcmp(way, "send") == 0;
    if (!send && strcmp(way, "recv") != 0)
        return CP_SDP_BAD(p, "rid is neither send nor recv");
    for (size_t i = 0; i < m->n_rids; i++) {
        if (strcmp(m->rids[i].id, id) == 0)
            return CP_SDP_BAD(p, "rid %.32s is there twice", id);
    }
    if (m->n_rids == CP_SDP_RIDS_MAX)
        return CP_SDP_MANY(p, "more than %d rids", CP_SDP_RIDS_MAX);
    struct cp_sdp_rid *slot = CP_SDP_APPEND(&p->sdp->arena, m->rids, m->n_rids);
    if (!slot)
        return -ENOMEM;
    slot->id = id;
    slot->direction = send ? CP_SDP_SENDONLY : CP_SDP_RECVONLY;
    slot->params = *value ? value : NULL;
    return 0;
}

static bool has_rid(const struct cp_sdp_simulcast *list, const char *rid)
{
    for (size_t i = 0; i < list->n; i++) {
        for (size_t k = 0; k < list->layers[i].n; k++) {
            if (strcmp(list->layers[i].rids[k], rid) == 0)
                return true;
        }
    }
    return false;
}

/* One stream, which is the last of the list. */
static int read_layer(struct cp_sdp_parser *p, char *text, struct cp_sdp_simulcast *list)
{
    struct cp_sdp_layer *layer = &list->layers[list->n - 1];
    for (char *rid, *next = text; (rid = strsep(&next, ","));) {
        bool paused = *rid == '~';
        rid += paused;
        if (!rid_name(rid))
            return CP_SDP_BAD(p, "simulcast has a stream without a rid");
        if (has_rid(list, rid))
            return CP_SDP_BAD(p, "simulcast has rid %.32s twice", rid);
        if (layer->n == CP_SDP_LAYERS_MAX)
            return CP_SDP_MANY(p, "more than %d alternatives", CP_SDP_LAYERS_MAX);
        layer->paused[layer->n] = paused;
        layer->rids[layer->n++] = rid;
    }
    return 0;
}

static int read_layers(struct cp_sdp_parser *p, char *text, struct cp_sdp_simulcast *list)
{
    if (list->n)
        return CP_SDP_BAD(p, "simulcast has one direction twice");
    for (char *one, *next = text; (one = strsep(&next, ";"));) {
        if (list->n == CP_SDP_LAYERS_MAX)
            return CP_SDP_MANY(p, "more than %d simulcast streams", CP_SDP_LAYERS_MAX);
        if (!CP_SDP_APPEND(&p->sdp->arena, list->layers, list->n))
            return -ENOMEM;
        int rc = read_layer(p, one, list);
        if (rc)
            return rc;
    }
    return 0;
}

static int read_simulcast(struct cp_sdp_parser *p, char *value)
{
    char *way = cp_sdp_word(&value);
    if (!way)
        return CP_SDP_BAD(p, "simulcast needs send or recv");
    for (; way; way = cp_sdp_word(&value)) {
        char *list = cp_sdp_word(&value);
        bool send = strcmp(way, "send") == 0;
        if (!list || (!send && strcmp(way, "recv") != 0))
            return CP_SDP_BAD(p, "simulcast is not send or recv with a list of rids");
        int rc = read_layers(p, list, send ? &p->media->send : &p->media->receive);
        if (rc)
            return rc;
    }
    return 0;
}

static int read_msid(struct cp_sdp_parser *p, char *value)
{
    char *stream = cp_sdp_word(&value);
    if (!stream)
        return CP_SDP_BAD(p, "msid is empty");
    if (p->media->stream)
        return 0; /* a track in several streams: the first is its home */
    p->media->stream = stream;
    p->media->track = cp_sdp_word(&value);
    return 0;
}

static int ssrc_of(struct cp_sdp_parser *p, char **value, uint32_t *out)
{
    uint64_t ssrc;
    char *word = cp_sdp_word(value);
    if (!word || !cp_sdp_number(word, UINT32_MAX, &ssrc))
        return CP_SDP_BAD(p, "an SSRC that is not a number of 32 bits");
    *out = (uint32_t)ssrc;
    return 0;
}

static int ssrc_entry(struct cp_sdp_parser *p, uint32_t ssrc, struct cp_sdp_ssrc **out)
{
    struct cp_sdp_media *m = p->media;
    for (size_t i = 0; i < m->n_ssrcs; i++) {
        *out = &m->ssrcs[i];
        if (m->ssrcs[i].ssrc == ssrc)
            return 0;
    }
    if (m->n_ssrcs == CP_SDP_SSRCS_MAX)
        return CP_SDP_MANY(p, "more than %d SSRCs", CP_SDP_SSRCS_MAX);
    *out = CP_SDP_APPEND(&p->sdp->arena, m->ssrcs, m->n_ssrcs);
    if (!*out)
        return -ENOMEM;
    (*out)->ssrc = ssrc;
    return 0;
}

static int read_ssrc(struct cp_sdp_parser *p, char *value)
{
    uint32_t number;
    struct cp_sdp_ssrc *entry = NULL;
    int rc = ssrc_of(p, &value, &number);
    if (!rc)
        rc = ssrc_entry(p, number, &entry);
    if (rc)
        return rc;
    if (strncmp(value, "cname:", 6) == 0) {
        entry->cname = value + 6;
    } else if (strncmp(value, "msid:", 5) == 0) {
        value += 5;
        entry->stream = cp_sdp_word(&value);
        entry->track = cp_sdp_word(&value);
    }
    return 0;
}

static int read_ssrc_group(struct cp_sdp_parser *p, char *value)
{
    struct cp_sdp_media *m = p->media;
    char *semantics = cp_sdp_word(&value);
    if (!semantics)
        return CP_SDP_BAD(p, "ssrc-group is empty");
    if (m->n_ssrc_groups == CP_SDP_SSRC_GROUPS_MAX)
        return CP_SDP_MANY(p, "more than %d ssrc-group lines", CP_SDP_SSRC_GROUPS_MAX);
    struct cp_sdp_ssrc_group *group =
        CP_SDP_APPEND(&p->sdp->arena, m->ssrc_groups, m->n_ssrc_groups);
    if (!group)
        return -ENOMEM;
    group->semantics = semantics;
    while (*(value += strspn(value, " "))) {
        if (group->n == CP_SDP_GROUP_SSRCS_MAX)
            return CP_SDP_MANY(p, "more than %d SSRCs in a group", CP_SDP_GROUP_SSRCS_MAX);
        int rc = ssrc_of(p, &value, &group->ssrcs[group->n]);
        if (rc)
            return rc;
        group->n++;
    }
    return 0;
}

static int read_candidate(struct cp_sdp_parser *p, char *value)
{
    struct cp_sdp_media *m = p->media;
    if (m->n_candidates == CP_SDP_CANDIDATES_MAX)
        return CP_SDP_MANY(p, "more than %d candidates", CP_SDP_CANDIDATES_MAX);
    const char **slot = CP_SDP_APPEND(&p->sdp->arena, m->candidates, m->n_candidates);
    if (!slot)
        return -ENOMEM;
    *slot = value;
    return 0;
}

enum { SESSION = 1, MEDIA = 2, BOTH = SESSION | MEDIA };

static const struct {
    const char *name;
    unsigned levels;
    int (*read)(struct cp_sdp_parser *p, char *value);
} attributes[] = {
    {"group", SESSION, read_group},
    {"ice-lite", SESSION, read_ice_lite},
    {"ice-ufrag", BOTH, read_ufrag},
    {"ice-pwd", BOTH, read_pwd},
    {"ice-options", BOTH, read_ice_options},
    {"fingerprint", BOTH, read_fingerprint},
    {"setup", BOTH, read_setup},
    {"extmap-allow-mixed", BOTH, read_allow_mixed},
    {"extmap", BOTH, read_extmap},
    {"sendrecv", BOTH, read_sendrecv},
    {"sendonly", BOTH, read_sendonly},
    {"recvonly", BOTH, read_recvonly},
    {"inactive", BOTH, read_inactive},
    {"end-of-candidates", BOTH, read_end_of_candidates},
    {"mid", MEDIA, read_mid},
    {"rtcp-mux", MEDIA, read_rtcp_mux},
    {"rtcp-rsize", MEDIA, read_rtcp_rsize},
    {"bundle-only", MEDIA, read_bundle_only},
    {"rtpmap", MEDIA, read_rtpmap},
    {"fmtp", MEDIA, read_fmtp},
    {"rtcp-fb", MEDIA, read_rtcp_fb},
    {"rid", MEDIA, read_rid},
    {"simulcast", MEDIA, read_simulcast},
    {"msid", MEDIA, read_msid},
    {"ssrc", MEDIA, read_ssrc},
    {"ssrc-group", MEDIA, read_ssrc_group},
    {"candidate", MEDIA, read_candidate},
    {"crypto", MEDIA, cp_sdp_crypto},
};

int cp_sdp_attribute(struct cp_sdp_parser *p, char *value)
{
    size_t len = strcspn(value, ":");
    unsigned level = p->media ? MEDIA : SESSION;
    for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
        if (strncmp(attributes[i].name, value, len) != 0 || attributes[i].name[len] != '\0')
            continue;
        if (!(attributes[i].levels & level))
            return 0;
        char *rest = value[len] ? value + len + 1 : value + len;
        rest += strspn(rest, " ");
        return attributes[i].read(p, rest);
    }
    return 0;
}
