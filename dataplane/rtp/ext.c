#include "dataplane/rtp/ext.h"

#include <errno.h>
#include <string.h>

#include "dataplane/rtp/dd.h"
#include "dataplane/rtp/wire.h"

/* What becomes of a publisher's element on its way to a subscriber. */
enum fate {
    FATE_DROP, /* about the publisher's transport or naming, means nothing to a subscriber */
    FATE_COPY, /* about the media */
};

static const uint8_t fates[HR_EXT_KINDS] = {
    [HR_EXT_MID] = FATE_DROP, /* the receiver's own is written */
    [HR_EXT_RID] = FATE_DROP,
    [HR_EXT_RRID] = FATE_DROP,
    [HR_EXT_AUDIO_LEVEL] = FATE_COPY,
    [HR_EXT_TRANSPORT_CC] = FATE_DROP, /* the receiver's own is written */
    [HR_EXT_ABS_SEND_TIME] = FATE_DROP,
    [HR_EXT_VIDEO_ORIENTATION] = FATE_COPY,
    [HR_EXT_DEPENDENCY_DESCRIPTOR] = FATE_COPY,
    [HR_EXT_PLAYOUT_DELAY] = FATE_COPY,
    [HR_EXT_ABS_CAPTURE_TIME] = FATE_COPY,
};

struct element {
    const uint8_t *data;
    uint8_t id;
    uint8_t len;
    uint16_t frame_offset; /* of a Dependency Descriptor; else 0 */
};

/* The elements of one outgoing header: each kind at most once, so the count is bounded by design.
 */
struct elements {
    unsigned count;
    bool two_byte;
    struct element el[HR_EXT_KINDS];
};

void dp_ext_map_init(struct dp_ext_map *map, bool two_byte)
{
    memset(map, 0, sizeof(*map));
    map->two_byte = two_byte;
}

int dp_ext_map_set(struct dp_ext_map *map, enum hr_ext_kind kind, unsigned id)
{
    if (kind <= HR_EXT_NONE || kind >= HR_EXT_KINDS || id == 0 || id > 255)
        return -EINVAL;
    if (id > DP_EXT_ONE_BYTE_ID_MAX && !map->two_byte)
        return -ERANGE;
    if (map->id_of[kind] || dp_ext_kind(map, (uint8_t)id))
        return map->id_of[kind] == id ? 0 : -EEXIST;
    map->id_of[kind] = (uint8_t)id;
    map->kinds[id / 2] |= (uint8_t)(kind << (id & 1 ? 4 : 0));
    return 0;
}

const struct dp_rtp_ext *dp_ext_find(const struct dp_rtp_header *h, const struct dp_ext_map *map,
                                     enum hr_ext_kind kind)
{
    unsigned id = map->id_of[kind];
    for (unsigned i = 0; id && i < h->ext_count; i++)
        if (h->ext[i].id == id)
            return &h->ext[i];
    return NULL;
}

int dp_ext_audio_level(const uint8_t *p, const struct dp_rtp_header *h,
                       const struct dp_ext_map *map, struct dp_audio_level *level)
{
    const struct dp_rtp_ext *e = dp_ext_find(h, map, HR_EXT_AUDIO_LEVEL);
    if (!e)
        return -ENOENT;
    if (e->len < 1)
        return -EBADMSG;
    level->voice = p[e->off] & 0x80;
    level->level = p[e->off] & 0x7f;
    return 0;
}

int dp_ext_transport_cc(const uint8_t *p, const struct dp_rtp_header *h,
                        const struct dp_ext_map *map, uint16_t *number)
{
    const struct dp_rtp_ext *e = dp_ext_find(h, map, HR_EXT_TRANSPORT_CC);
    if (!e)
        return -ENOENT;
    if (e->len < 2)
        return -EBADMSG;
    *number = dp_get16(p + e->off);
    return 0;
}

static struct element *add(struct elements *list, const struct dp_ext_map *out, unsigned id,
                           const uint8_t *data, unsigned len)
{
    bool fits = id <= DP_EXT_ONE_BYTE_ID_MAX && len >= 1 && len <= DP_EXT_ONE_BYTE_LEN_MAX;
    if (id == 0 || (!fits && !out->two_byte))
        return NULL;
    list->two_byte |= !fits;
    struct element *e = &list->el[list->count++];
    *e = (struct element){.data = data, .id = (uint8_t)id, .len = (uint8_t)len};
    return e;
}

static void add_copied(struct elements *list, const uint8_t *p, const struct dp_rtp_header *h,
                       const struct dp_rtp_rewrite *rw)
{
    bool taken[HR_EXT_KINDS] = {false};
    for (unsigned i = 0; i < h->ext_count; i++) {
        const struct dp_rtp_ext *e = &h->ext[i];
        unsigned kind = dp_ext_kind(rw->in, e->id);
        if (fates[kind] != FATE_COPY || taken[kind])
            continue;
        taken[kind] = true;
        struct element *copy = add(list, rw->out, rw->out->id_of[kind], p + e->off, e->len);
        if (copy && kind == HR_EXT_DEPENDENCY_DESCRIPTOR && e->len >= DP_DD_LEN_MIN)
            copy->frame_offset = rw->frame_offset;
    }
}

static size_t ext_bytes(const struct elements *list)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < list->count; i++)
        bytes += (list->two_byte ? 2u : 1u) + list->el[i].len;
    return (bytes + 3) & ~(size_t)3;
}

static void write_ext(uint8_t *dst, const struct elements *list, size_t bytes)
{
    uint8_t *end = dst + 4 + bytes;
    dp_put16(dst, list->two_byte ? DP_RTP_PROFILE_TWO : DP_RTP_PROFILE_ONE);
    dp_put16(dst + 2, (uint16_t)(bytes / 4));
    dst += 4;
    for (unsigned i = 0; i < list->count; i++) {
        const struct element *e = &list->el[i];
        if (list->two_byte) {
            *dst++ = e->id;
            *dst++ = e->len;
        } else {
            *dst++ = (uint8_t)(e->id << 4 | (e->len - 1));
        }
        memcpy(dst, e->data, e->len);
        if (e->frame_offset)
            dp_put16(dst + DP_DD_FRAME, (uint16_t)(dp_get16(dst + DP_DD_FRAME) + e->frame_offset));
        dst += e->len;
    }
    memset(dst, 0, (size_t)(end - dst));
}

static void write_numbers(uint8_t *dst, uint8_t marker, const struct dp_rtp_rewrite *rw)
{
    dst[1] = (uint8_t)(marker | (rw->pt & 0x7f));
    dp_put16(dst + 2, rw->seq);
    dp_put32(dst + 4, rw->ts);
    dp_put32(dst + 8, rw->ssrc);
}

int dp_rtp_write(uint8_t *dst, size_t cap, const uint8_t *p, const struct dp_rtp_header *h,
                 const struct dp_rtp_rewrite *rw)
{
    struct elements list = {0};
    uint8_t number[2];
    if (rw->mid_len)
        add(&list, rw->out, rw->out->id_of[HR_EXT_MID], (const uint8_t *)rw->mid, rw->mid_len);
    if (rw->has_transport_cc) {
        dp_put16(number, rw->transport_cc);
        add(&list, rw->out, rw->out->id_of[HR_EXT_TRANSPORT_CC], number, sizeof(number));
    }
    add_copied(&list, p, h, rw);

    size_t bytes = ext_bytes(&list);
    size_t len = DP_RTP_FIXED_LEN + (list.count ? 4 + bytes : 0);
    if (len > cap)
        return -ENOSPC;
    dst[0] = (uint8_t)(0x80 | (h->padding ? 0x20 : 0) | (list.count ? 0x10 : 0));
    write_numbers(dst, h->marker ? 0x80 : 0, rw);
    if (list.count)
        write_ext(dst + DP_RTP_FIXED_LEN, &list, bytes);
    return (int)len;
}

uint64_t dp_ext_map_word(const struct dp_ext_map *map)
{
    uint64_t word = 2 + map->two_byte;
    for (unsigned kind = HR_EXT_NONE + 1; kind < HR_EXT_KINDS; kind++) {
        if (map->id_of[kind] > DP_EXT_ONE_BYTE_ID_MAX)
            return 0;
        word = word << 4 | map->id_of[kind];
    }
    return word;
}

_Static_assert(2 + 4 * (HR_EXT_KINDS - 1) <= 64, "ids of all kinds fit a word");

uint64_t dp_rtp_mid(const char *mid, unsigned len)
{
    uint64_t word = 0;
    if (len > 7)
        return DP_RTP_MID_LONG;
    memcpy(&word, mid, len);
    return word | (uint64_t)len << 56;
}

/* Where the transport-wide number is: behind the MID, if there is one. 0: not where a template has
 * it. */
static uint8_t number_place(const uint8_t *header, size_t len, const struct dp_rtp_rewrite *rw,
                            bool has_mid)
{
    size_t at = DP_RTP_FIXED_LEN + 4 + (has_mid ? 1u + rw->mid_len : 0);
    uint8_t element = (uint8_t)(rw->out->id_of[HR_EXT_TRANSPORT_CC] << 4 | 1);
    bool one = len >= at + 3 && dp_get16(header + DP_RTP_FIXED_LEN) == DP_RTP_PROFILE_ONE;
    return one && header[at] == element ? (uint8_t)(at + 1) : 0;
}

/* Whether the first element is the MID, in the place where a template has it. */
static bool begins_with_mid(const uint8_t *header, size_t len, const struct dp_rtp_rewrite *rw)
{
    return len >= DP_RTP_FIXED_LEN + 8 &&
           dp_get16(header + DP_RTP_FIXED_LEN) == DP_RTP_PROFILE_ONE &&
           header[16] == (uint8_t)(rw->out->id_of[HR_EXT_MID] << 4 | (rw->mid_len - 1));
}

void dp_rtp_template_make(struct dp_rtp_template *t, const uint8_t *header, size_t len,
                          const struct dp_rtp_rewrite *rw)
{
    bool has_mid = rw->mid_len && rw->out->id_of[HR_EXT_MID];
    bool has_number = rw->has_transport_cc && rw->out->id_of[HR_EXT_TRANSPORT_CC];
    t->exts = DP_RTP_NO_TEMPLATE;
    if (len > sizeof(t->bytes) || rw->mid_len > 7 ||
        (has_mid && !begins_with_mid(header, len, rw)))
        return;
    t->number_at = has_number ? number_place(header, len, rw, has_mid) : 0;
    if (has_number && t->number_at == 0)
        return;
    uint64_t exts = dp_ext_map_word(rw->out);
    t->exts = exts ? exts : DP_RTP_NO_TEMPLATE;
    t->frame_offset = rw->frame_offset;
    t->mid_top = (uint8_t)(rw->mid_len | (rw->has_transport_cc ? 0x80 : 0));
    t->len = (uint8_t)len;
    t->mid_mask = has_mid ? (UINT64_C(1) << 8 * rw->mid_len) - 1 : 0;
    memset(t->bytes, 0, sizeof(t->bytes));
    memcpy(t->bytes, header, len);
    memset(t->bytes + 1, 0, DP_RTP_FIXED_LEN - 1);
    t->bytes[1] = header[1] & 0x80;
    memcpy(&t->first, t->bytes, sizeof(t->first));
    memcpy(&t->fourth, t->bytes + DP_RTP_FIXED_LEN, sizeof(t->fourth));
    memcpy(&t->mid, t->bytes + 16, sizeof(t->mid));
    t->mid &= ~(t->mid_mask << 8);
    memcpy(t->bytes + 16, &t->mid, sizeof(t->mid));
}
