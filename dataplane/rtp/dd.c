/*
 * The functions below bear the names of the syntax tables of section A.8.2. The bit reader never
 * fails: past the end it gives zeros and remembers, and the callers ask once per part.
 */
#include "dataplane/rtp/dd.h"

#include <string.h>

struct bits {
    const uint8_t *p;
    size_t pos; /* in bits */
    size_t end;
    bool overrun;
};

static uint32_t get(struct bits *b, unsigned n)
{
    uint32_t v = 0;
    if (n > b->end - b->pos) {
        b->overrun = true;
        b->pos = b->end;
        return 0;
    }
    for (; n; n--, b->pos++)
        v = v << 1 | (b->p[b->pos / 8] >> (7 - b->pos % 8) & 1);
    return v;
}

/* ns(n): 0..n-1, values below a power of two take one bit less. */
static uint32_t get_ns(struct bits *b, uint32_t n)
{
    unsigned w = 0;
    for (uint32_t x = n; x; x >>= 1)
        w++;
    uint32_t m = (1u << w) - n;
    uint32_t v = get(b, w - 1);
    return v < m ? v : (v << 1) - m + get(b, 1);
}

static uint64_t get_dtis(struct bits *b, unsigned targets)
{
    uint64_t dtis = 0;
    for (unsigned i = 0; i < targets; i++)
        dtis |= (uint64_t)get(b, 2) << (2 * i);
    return dtis;
}

static enum dp_dd_error template_layers(struct bits *b, struct dp_dd_structure *s)
{
    enum { SAME, NEXT_TEMPORAL, NEXT_SPATIAL, NO_MORE };
    unsigned spatial = 0, temporal = 0, next;
    do {
        if (s->template_count == DP_DD_TEMPLATES_MAX || spatial == DP_DD_SPATIAL_MAX ||
            temporal == DP_DD_TEMPORAL_MAX)
            return DP_DD_LIMIT;
        struct dp_dd_template *t = &s->templates[s->template_count++];
        t->spatial_id = (uint8_t)spatial;
        t->temporal_id = (uint8_t)temporal;
        next = get(b, 2);
        if (next == NEXT_TEMPORAL) {
            temporal++;
        } else if (next == NEXT_SPATIAL) {
            temporal = 0;
            spatial++;
        }
    } while (next != NO_MORE && !b->overrun);
    s->spatial_count = (uint8_t)(spatial + 1);
    return b->overrun ? DP_DD_SHORT : DP_DD_OK;
}

static enum dp_dd_error template_fdiffs(struct bits *b, struct dp_dd_structure *s)
{
    for (unsigned i = 0; i < s->template_count; i++) {
        struct dp_dd_template *t = &s->templates[i];
        while (get(b, 1)) {
            if (t->fdiff_count == DP_DD_FDIFFS_MAX)
                return DP_DD_LIMIT;
            t->fdiff[t->fdiff_count++] = (uint8_t)(get(b, 4) + 1);
        }
    }
    return DP_DD_OK;
}

static void template_chains(struct bits *b, struct dp_dd_structure *s)
{
    s->chain_count = (uint8_t)get_ns(b, s->target_count + 1u);
    if (s->chain_count == 0)
        return;
    for (unsigned i = 0; i < s->target_count; i++)
        s->target_chain[i] = (uint8_t)get_ns(b, s->chain_count);
    for (unsigned i = 0; i < s->template_count; i++)
        for (unsigned c = 0; c < s->chain_count; c++)
            s->templates[i].chain_fdiff[c] = (uint8_t)get(b, 4);
}

static void decode_target_layers(struct dp_dd_structure *s)
{
    for (unsigned i = 0; i < s->target_count; i++) {
        for (unsigned k = 0; k < s->template_count; k++) {
            const struct dp_dd_template *t = &s->templates[k];
            if (dp_dd_dti(t->dtis, i) == DP_DTI_ABSENT)
                continue;
            if (t->spatial_id > s->target_spatial[i])
                s->target_spatial[i] = t->spatial_id;
            if (t->temporal_id > s->target_temporal[i])
                s->target_temporal[i] = t->temporal_id;
        }
    }
}

static enum dp_dd_error template_dependency_structure(struct bits *b, struct dp_dd_structure *s)
{
    memset(s, 0, sizeof(*s));
    s->template_id_offset = (uint8_t)get(b, 6);
    s->target_count = (uint8_t)(get(b, 5) + 1);
    enum dp_dd_error error = template_layers(b, s);
    if (error)
        return error;
    for (unsigned i = 0; i < s->template_count; i++)
        s->templates[i].dtis = get_dtis(b, s->target_count);
    error = template_fdiffs(b, s);
    if (error)
        return error;
    template_chains(b, s);
    decode_target_layers(s);
    s->has_resolutions = get(b, 1);
    for (unsigned i = 0; s->has_resolutions && i < s->spatial_count; i++) {
        s->width[i] = (uint16_t)get(b, 16);
        s->height[i] = (uint16_t)get(b, 16);
    }
    return b->overrun ? DP_DD_SHORT : DP_DD_OK;
}

static enum dp_dd_error frame_fdiffs(struct bits *b, struct dp_dd *dd)
{
    for (unsigned nibbles; (nibbles = get(b, 2));) {
        if (dd->fdiff_count == DP_DD_FDIFFS_MAX)
            return DP_DD_LIMIT;
        dd->fdiff[dd->fdiff_count++] = (uint16_t)(get(b, 4 * nibbles) + 1);
    }
    return DP_DD_OK;
}

struct custom {
    bool dtis, fdiffs, chains;
};

static enum dp_dd_error frame_dependency_definition(struct bits *b, const struct dp_dd_structure *s,
                                                    struct custom custom, struct dp_dd *dd)
{
    unsigned index = (dd->template_id + 64u - s->template_id_offset) % 64;
    if (index >= s->template_count)
        return DP_DD_TEMPLATE;
    const struct dp_dd_template *t = &s->templates[index];
    dd->spatial_id = t->spatial_id;
    dd->temporal_id = t->temporal_id;
    dd->target_count = s->target_count;
    dd->chain_count = s->chain_count;
    dd->dtis = custom.dtis ? get_dtis(b, s->target_count) : t->dtis;
    if (custom.fdiffs) {
        enum dp_dd_error error = frame_fdiffs(b, dd);
        if (error)
            return error;
    } else {
        dd->fdiff_count = t->fdiff_count;
        for (unsigned i = 0; i < t->fdiff_count; i++)
            dd->fdiff[i] = t->fdiff[i];
    }
    for (unsigned c = 0; c < s->chain_count; c++)
        dd->chain_fdiff[c] = custom.chains ? (uint8_t)get(b, 8) : t->chain_fdiff[c];
    if (s->has_resolutions) {
        dd->width = s->width[t->spatial_id] + 1u;
        dd->height = s->height[t->spatial_id] + 1u;
    }
    return b->overrun ? DP_DD_SHORT : DP_DD_OK;
}

/* The set of active targets lasts until the next update in sequence number order (section A.4). */
static void follow_active(struct dp_dd_state *st, uint64_t seq, struct dp_dd *dd, bool update)
{
    if (update && (!st->valid || seq >= st->active_seq)) {
        st->active_targets = dd->active_targets;
        st->active_seq = seq;
    }
    if (!update)
        dd->active_targets = st->active_targets;
}

static void follow_structure(struct dp_dd_state *st, uint64_t seq, const struct dp_dd_structure *s,
                             struct dp_dd *dd)
{
    if (st->valid && seq < st->structure_seq)
        return;
    dd->structure_changed = !st->valid || memcmp(s, &st->structure, sizeof(*s)) != 0;
    memcpy(&st->structure, s, sizeof(*s)); /* padding too: it is compared */
    st->structure_seq = seq;
    st->valid = true;
}

/* A packet that brings a structure; rare, so the copy on the stack does not matter. */
static enum dp_dd_error read_with_structure(struct dp_dd_state *st, uint64_t seq, struct bits *b,
                                            struct custom custom, struct dp_dd *dd)
{
    struct dp_dd_structure s;
    enum dp_dd_error error = template_dependency_structure(b, &s);
    if (error)
        return error;
    dd->active_targets =
        dd->has_active_targets ? get(b, s.target_count) : (uint32_t)((1ULL << s.target_count) - 1);
    error = frame_dependency_definition(b, &s, custom, dd);
    if (error)
        return error;
    follow_active(st, seq, dd, true);
    follow_structure(st, seq, &s, dd);
    return DP_DD_OK;
}

enum dp_dd_error dp_dd_read(struct dp_dd_state *st, uint64_t seq, const uint8_t *p, size_t len,
                            struct dp_dd *dd)
{
    struct bits b = {.p = p, .end = len * 8};
    struct custom custom = {false, false, false};
    memset(dd, 0, sizeof(*dd));
    dd->start_of_frame = get(&b, 1);
    dd->end_of_frame = get(&b, 1);
    dd->template_id = (uint8_t)get(&b, 6);
    dd->frame_number = (uint16_t)get(&b, 16);
    if (b.overrun)
        return DP_DD_SHORT;
    if (len > 3) {
        dd->has_structure = get(&b, 1);
        dd->has_active_targets = get(&b, 1);
        custom.dtis = get(&b, 1);
        custom.fdiffs = get(&b, 1);
        custom.chains = get(&b, 1);
        dd->keyframe = dd->has_structure && dd->start_of_frame;
    }
    if (dd->has_structure)
        return read_with_structure(st, seq, &b, custom, dd);
    if (!st->valid)
        return DP_DD_NO_STRUCTURE;
    if (dd->has_active_targets)
        dd->active_targets = get(&b, st->structure.target_count);
    enum dp_dd_error error = frame_dependency_definition(&b, &st->structure, custom, dd);
    if (error == DP_DD_OK)
        follow_active(st, seq, dd, dd->has_active_targets);
    return error;
}

const char *dp_dd_error_text(enum dp_dd_error error)
{
    static const char *const texts[] = {
#define X(name, text) [DP_DD_##name] = text,
        DP_DD_ERRORS(X)
#undef X
    };
    return (unsigned)error < sizeof(texts) / sizeof(texts[0]) ? texts[error] : "unknown";
}
