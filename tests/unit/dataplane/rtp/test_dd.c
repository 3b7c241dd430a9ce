/*
 * The reader against descriptors spelled bit by bit after section A.8.2, and against a writer of
 * the same syntax fed with random structures and frames.
 */
#include "support.h"

#include "dataplane/rtp/dd.h"

/* ---- a writer, for tests only ---- */

struct writer {
    uint8_t p[4096];
    size_t bits;
};

static void put(struct writer *w, unsigned n, uint32_t v)
{
    for (; n; n--, w->bits++)
        if (v >> (n - 1) & 1)
            w->p[w->bits / 8] |= (uint8_t)(0x80 >> w->bits % 8);
}

static void put_ns(struct writer *w, uint32_t n, uint32_t v)
{
    unsigned width = 0;
    if (n == 1)
        return;
    for (uint32_t x = n; x; x >>= 1)
        width++;
    uint32_t m = (1u << width) - n;
    if (v < m)
        put(w, width - 1, v);
    else
        put(w, width, v + m);
}

static size_t bytes_of(const struct writer *w)
{
    return (w->bits + 7) / 8;
}

/* Bits as text; spaces separate fields. */
static void put_text(struct writer *w, const char *text)
{
    for (; *text; text++)
        if (*text != ' ')
            put(w, 1, *text == '1');
}

static void put_dtis(struct writer *w, uint64_t dtis, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        put(w, 2, dp_dd_dti(dtis, i));
}

static void put_layers(struct writer *w, const struct dp_dd_structure *s)
{
    for (unsigned i = 1; i < s->template_count; i++) {
        const struct dp_dd_template *a = &s->templates[i - 1], *b = a + 1;
        put(w, 2, b->spatial_id != a->spatial_id ? 2 : b->temporal_id != a->temporal_id);
    }
    put(w, 2, 3);
}

static void put_structure(struct writer *w, const struct dp_dd_structure *s)
{
    put(w, 6, s->template_id_offset);
    put(w, 5, s->target_count - 1u);
    put_layers(w, s);
    for (unsigned i = 0; i < s->template_count; i++)
        put_dtis(w, s->templates[i].dtis, s->target_count);
    for (unsigned i = 0; i < s->template_count; i++) {
        for (unsigned k = 0; k < s->templates[i].fdiff_count; k++)
            put(w, 5, 16u + s->templates[i].fdiff[k] - 1u);
        put(w, 1, 0);
    }
    put_ns(w, s->target_count + 1u, s->chain_count);
    for (unsigned i = 0; s->chain_count && i < s->target_count; i++)
        put_ns(w, s->chain_count, s->target_chain[i]);
    for (unsigned i = 0; i < s->template_count; i++)
        for (unsigned c = 0; c < s->chain_count; c++)
            put(w, 4, s->templates[i].chain_fdiff[c]);
    put(w, 1, s->has_resolutions);
    for (unsigned i = 0; s->has_resolutions && i < s->spatial_count; i++) {
        put(w, 16, s->width[i]);
        put(w, 16, s->height[i]);
    }
}

struct frame {
    struct dp_dd dd;
    bool custom_dtis, custom_fdiffs, custom_chains;
};

static void put_fdiffs(struct writer *w, const struct dp_dd *dd)
{
    for (unsigned i = 0; i < dd->fdiff_count; i++) {
        unsigned v = dd->fdiff[i] - 1u;
        unsigned nibbles = v < 16 ? 1 : v < 256 ? 2 : 3;
        put(w, 2, nibbles);
        put(w, 4 * nibbles, v);
    }
    put(w, 2, 0);
}

static void put_frame(struct writer *w, const struct frame *f, const struct dp_dd_structure *s)
{
    const struct dp_dd *dd = &f->dd;
    put(w, 1, dd->start_of_frame);
    put(w, 1, dd->end_of_frame);
    put(w, 6, dd->template_id);
    put(w, 16, dd->frame_number);
    if (!dd->has_structure && !dd->has_active_targets && !f->custom_dtis && !f->custom_fdiffs &&
        !f->custom_chains)
        return;
    put(w, 1, dd->has_structure);
    put(w, 1, dd->has_active_targets);
    put(w, 1, f->custom_dtis);
    put(w, 1, f->custom_fdiffs);
    put(w, 1, f->custom_chains);
    if (dd->has_structure)
        put_structure(w, s);
    if (dd->has_active_targets)
        put(w, s->target_count, dd->active_targets);
    if (f->custom_dtis)
        put_dtis(w, dd->dtis, s->target_count);
    if (f->custom_fdiffs)
        put_fdiffs(w, dd);
    for (unsigned c = 0; f->custom_chains && c < s->chain_count; c++)
        put(w, 8, dd->chain_fdiff[c]);
    if (bytes_of(w) < 4)
        w->bits = 32; /* a descriptor of three bytes would have no extended fields */
}

/* ---- descriptors spelled out ---- */

/* L1T2: two decode targets, one chain, template 0 the keyframe, 1 its layer 0, 2 its layer 1. */
#define L1T2                                                                          \
    "001010 00001 "                        /* template_id_offset 10, two targets */   \
    "00 01 11 "                            /* T0, T0, T1, end */                      \
    "1010 1011 0001 "                      /* SS, SR, -D */                           \
    "0 1 0001 0 1 0000 0 "                 /* no references; 2 frames back; 1 back */ \
    "10 "                                  /* one chain: ns(3) of 1 */                \
    "0000 0010 0001 "                      /* chain: starts, 2 back, 1 back */        \
    "1 0000001001111111 0000000101100111 " /* 640x360 */

static enum dp_dd_error read_text(struct dp_dd_state *st, uint64_t seq, const char *text,
                                  struct dp_dd *dd)
{
    struct writer w = {0};
    put_text(&w, text);
    return dp_dd_read(st, seq, w.p, bytes_of(&w), dd);
}

static void reads_a_keyframe_and_what_follows(void **state)
{
    static struct dp_dd_state st;
    struct dp_dd dd;
    memset(&st, 0, sizeof(st));
    assert_int_equal(read_text(&st, 100, "1 0 001010 0000000000000111 1 0 0 0 0 " L1T2, &dd),
                     DP_DD_OK);
    assert_true(dd.start_of_frame && !dd.end_of_frame && dd.keyframe && dd.structure_changed);
    assert_int_equal(dd.frame_number, 7);
    assert_int_equal(dd.target_count, 2);
    assert_int_equal(dd.active_targets, 3);
    assert_int_equal(dp_dd_dti(dd.dtis, 0), DP_DTI_SWITCH);
    assert_int_equal(dp_dd_dti(dd.dtis, 1), DP_DTI_SWITCH);
    assert_int_equal(dd.fdiff_count, 0);
    assert_int_equal(dd.chain_count, 1);
    assert_int_equal(dd.chain_fdiff[0], 0);
    assert_int_equal(dd.width, 640);
    assert_int_equal(dd.height, 360);
    assert_int_equal(st.structure.target_temporal[0], 0);
    assert_int_equal(st.structure.target_temporal[1], 1);

    assert_int_equal(read_text(&st, 101, "0 1 001010 0000000000000111", &dd), DP_DD_OK);
    assert_true(!dd.start_of_frame && dd.end_of_frame && !dd.keyframe);

    assert_int_equal(read_text(&st, 102, "1 1 001100 0000000000001000", &dd), DP_DD_OK);
    assert_int_equal(dd.temporal_id, 1);
    assert_int_equal(dp_dd_dti(dd.dtis, 0), DP_DTI_ABSENT);
    assert_int_equal(dp_dd_dti(dd.dtis, 1), DP_DTI_DISCARDABLE);
    assert_int_equal(dd.fdiff_count, 1);
    assert_int_equal(dd.fdiff[0], 1);
    assert_int_equal(dd.chain_fdiff[0], 1);
}

static void reads_custom_fields(void **state)
{
    static struct dp_dd_state st;
    struct dp_dd dd;
    memset(&st, 0, sizeof(st));
    read_text(&st, 1, "1 1 001010 0000000000000000 1 0 0 0 0 " L1T2, &dd);
    assert_int_equal(read_text(&st, 2,
                               "1 1 001011 0000000000000101 0 1 1 1 1 "
                               "01 "                                     /* only target 0 is sent */
                               "11 01 "                                  /* R D */
                               "01 0011 11 000100000000 10 00010000 00 " /* 4, 257, 17 back */
                               "11001000",                               /* chain: 200 back */
                               &dd),
                     DP_DD_OK);
    assert_int_equal(dd.active_targets, 1);
    assert_int_equal(dp_dd_dti(dd.dtis, 0), DP_DTI_REQUIRED);
    assert_int_equal(dp_dd_dti(dd.dtis, 1), DP_DTI_DISCARDABLE);
    assert_int_equal(dd.fdiff_count, 3);
    assert_int_equal(dd.fdiff[0], 4);
    assert_int_equal(dd.fdiff[1], 257);
    assert_int_equal(dd.fdiff[2], 17);
    assert_int_equal(dd.chain_fdiff[0], 200);

    assert_int_equal(read_text(&st, 3, "1 1 001011 0000000000000110", &dd), DP_DD_OK);
    assert_int_equal(dd.active_targets, 1);
    /* A late packet says what was so then, but does not set the state back. */
    assert_int_equal(read_text(&st, 1, "1 1 001011 0000000000000001 0 1 0 0 0 11", &dd), DP_DD_OK);
    assert_int_equal(dd.active_targets, 3);
    assert_int_equal(read_text(&st, 4, "1 1 001011 0000000000000111", &dd), DP_DD_OK);
    assert_int_equal(dd.active_targets, 1);
}

static void errors_are_named_and_change_nothing(void **state)
{
    static struct dp_dd_state st, before;
    struct dp_dd dd;
    memset(&st, 0, sizeof(st));
    assert_int_equal(read_text(&st, 1, "1 1 001010 00000000", &dd), DP_DD_SHORT);
    assert_int_equal(dp_dd_read(&st, 1, NULL, 0, &dd), DP_DD_SHORT);
    assert_int_equal(read_text(&st, 1, "1 0 001010 0000000000001001", &dd), DP_DD_NO_STRUCTURE);
    assert_true(dd.start_of_frame);
    assert_int_equal(dd.frame_number, 9);

    read_text(&st, 1, "1 1 001010 0000000000000000 1 0 0 0 0 " L1T2, &dd);
    before = st;
    assert_int_equal(read_text(&st, 2, "1 1 001001 0000000000000001", &dd), DP_DD_TEMPLATE);
    assert_int_equal(read_text(&st, 2, "1 1 001101 0000000000000001", &dd), DP_DD_TEMPLATE);
    /* The structure is whole, but the keyframe's template is not in it. */
    assert_int_equal(read_text(&st, 3, "1 1 111111 0000000000000000 1 0 0 0 0 " L1T2, &dd),
                     DP_DD_TEMPLATE);
    /* Temporal layer 8, spatial layer 4. */
    assert_int_equal(read_text(&st, 3,
                               "1 1 000000 0000000000000000 1 0 0 0 0 000000 00000 "
                               "01 01 01 01 01 01 01 01 11",
                               &dd),
                     DP_DD_LIMIT);
    assert_int_equal(read_text(&st, 3,
                               "1 1 000000 0000000000000000 1 0 0 0 0 000000 00000 "
                               "10 10 10 10 11",
                               &dd),
                     DP_DD_LIMIT);
    assert_memory_equal(&st, &before, sizeof(st));
    assert_string_equal(dp_dd_error_text(DP_DD_SHORT), "descriptor ends early");
}

static void every_cut_of_a_keyframe_is_short(void **state)
{
    static struct dp_dd_state st, empty;
    struct writer w = {0};
    struct dp_dd dd;
    memset(&st, 0, sizeof(st));
    put_text(&w, "1 1 001010 0000000000000000 1 0 0 0 0 " L1T2);
    for (size_t len = 0; len < bytes_of(&w); len++)
        assert_int_equal(dp_dd_read(&st, 1, w.p, len, &dd),
                         len == 3 ? DP_DD_NO_STRUCTURE : DP_DD_SHORT);
    assert_memory_equal(&st, &empty, sizeof(st));
}

static void a_late_structure_does_not_replace_a_newer_one(void **state)
{
    static struct dp_dd_state st;
    struct dp_dd dd;
    memset(&st, 0, sizeof(st));
    const char *one = "1 1 000000 0000000000000000 1 0 0 0 0 000000 00000 11 10 0 0 0";
    assert_int_equal(read_text(&st, 10, "1 1 001010 0000000000000000 1 0 0 0 0 " L1T2, &dd),
                     DP_DD_OK);
    assert_int_equal(read_text(&st, 9, one, &dd), DP_DD_OK);
    assert_true(dd.keyframe);
    assert_false(dd.structure_changed);
    assert_int_equal(dd.target_count, 1);
    assert_int_equal(st.structure.target_count, 2);
    assert_int_equal(read_text(&st, 11, "1 1 001010 0000000000000001 1 0 0 0 0 " L1T2, &dd),
                     DP_DD_OK);
    assert_false(dd.structure_changed);
    assert_int_equal(read_text(&st, 12, one, &dd), DP_DD_OK);
    assert_true(dd.structure_changed);
    assert_int_equal(st.structure.target_count, 1);
}

/* ---- random round trips ---- */

static uint64_t random_dtis(uint64_t *seed, unsigned targets)
{
    uint64_t dtis = (uint64_t)random_u32(seed) << 32 | random_u32(seed);
    return targets == 32 ? dtis : dtis & ((1ULL << 2 * targets) - 1);
}

static void random_layers(struct dp_dd_structure *s, uint64_t *seed)
{
    unsigned count = 1 + random_below(seed, DP_DD_TEMPLATES_MAX);
    unsigned spatial = 0, temporal = 0;
    for (s->template_count = 0; s->template_count < count; s->template_count++) {
        s->templates[s->template_count].spatial_id = (uint8_t)spatial;
        s->templates[s->template_count].temporal_id = (uint8_t)temporal;
        unsigned step = random_below(seed, 8);
        if (step == 0 && temporal < DP_DD_TEMPORAL_MAX - 1) {
            temporal++;
        } else if (step == 1 && spatial < DP_DD_SPATIAL_MAX - 1 && s->template_count + 1u < count) {
            spatial++;
            temporal = 0;
        }
    }
    s->spatial_count = (uint8_t)(spatial + 1);
}

static void random_template(struct dp_dd_structure *s, struct dp_dd_template *t, uint64_t *seed)
{
    t->dtis = random_dtis(seed, s->target_count);
    t->fdiff_count = (uint8_t)random_below(seed, random_below(seed, 8) ? 4 : DP_DD_FDIFFS_MAX + 1);
    for (unsigned i = 0; i < t->fdiff_count; i++)
        t->fdiff[i] = (uint8_t)(1 + random_below(seed, 16));
    for (unsigned c = 0; c < s->chain_count; c++)
        t->chain_fdiff[c] = (uint8_t)random_below(seed, 16);
    for (unsigned i = 0; i < s->target_count; i++) {
        if (dp_dd_dti(t->dtis, i) == DP_DTI_ABSENT)
            continue;
        if (t->spatial_id > s->target_spatial[i])
            s->target_spatial[i] = t->spatial_id;
        if (t->temporal_id > s->target_temporal[i])
            s->target_temporal[i] = t->temporal_id;
    }
}

static void random_structure(struct dp_dd_structure *s, uint64_t *seed)
{
    memset(s, 0, sizeof(*s));
    s->template_id_offset = (uint8_t)random_below(seed, 64);
    s->target_count = (uint8_t)(1 + random_below(seed, DP_DD_TARGETS_MAX));
    s->chain_count = (uint8_t)random_below(seed, s->target_count + 1u);
    random_layers(s, seed);
    for (unsigned i = 0; s->chain_count && i < s->target_count; i++)
        s->target_chain[i] = (uint8_t)random_below(seed, s->chain_count);
    for (unsigned i = 0; i < s->template_count; i++)
        random_template(s, &s->templates[i], seed);
    s->has_resolutions = random_below(seed, 2);
    for (unsigned i = 0; s->has_resolutions && i < s->spatial_count; i++) {
        s->width[i] = (uint16_t)random_u32(seed);
        s->height[i] = (uint16_t)random_u32(seed);
    }
}

static void random_custom(struct frame *f, const struct dp_dd_structure *s, uint64_t *seed)
{
    struct dp_dd *dd = &f->dd;
    if ((f->custom_dtis = random_below(seed, 2)))
        dd->dtis = random_dtis(seed, s->target_count);
    if ((f->custom_fdiffs = random_below(seed, 2))) {
        dd->fdiff_count = (uint8_t)random_below(seed, DP_DD_FDIFFS_MAX + 1);
        memset(dd->fdiff, 0, sizeof(dd->fdiff));
        for (unsigned i = 0; i < dd->fdiff_count; i++)
            dd->fdiff[i] =
                (uint16_t)(1 + random_below(seed, 1u << 4 * (1 + random_below(seed, 3))));
    }
    f->custom_chains = random_below(seed, 2);
    for (unsigned c = 0; f->custom_chains && c < s->chain_count; c++)
        dd->chain_fdiff[c] = (uint8_t)random_u32(seed);
}

/* A frame as the reader must report it; active is the stream's set so far. */
static void random_frame(struct frame *f, const struct dp_dd_structure *s, uint32_t active,
                         uint64_t *seed)
{
    struct dp_dd *dd = &f->dd;
    unsigned index = random_below(seed, s->template_count);
    const struct dp_dd_template *t = &s->templates[index];
    dd->start_of_frame = random_below(seed, 2);
    dd->end_of_frame = random_below(seed, 2);
    dd->keyframe = dd->has_structure && dd->start_of_frame;
    dd->template_id = (uint8_t)((index + s->template_id_offset) % 64);
    dd->frame_number = (uint16_t)random_u32(seed);
    dd->spatial_id = t->spatial_id;
    dd->temporal_id = t->temporal_id;
    dd->target_count = s->target_count;
    dd->chain_count = s->chain_count;
    uint32_t all = (uint32_t)((1ULL << s->target_count) - 1);
    dd->has_active_targets = random_below(seed, 4) == 0;
    dd->active_targets = dd->has_active_targets ? random_u32(seed) & all
                         : dd->has_structure    ? all
                                                : active;
    dd->dtis = t->dtis;
    dd->fdiff_count = t->fdiff_count;
    for (unsigned i = 0; i < t->fdiff_count; i++)
        dd->fdiff[i] = t->fdiff[i];
    memcpy(dd->chain_fdiff, t->chain_fdiff, sizeof(dd->chain_fdiff));
    if (s->has_resolutions) {
        dd->width = s->width[t->spatial_id] + 1u;
        dd->height = s->height[t->spatial_id] + 1u;
    }
    random_custom(f, s, seed);
}

static void what_is_written_is_read(void **state)
{
    static struct dp_dd_state st;
    static struct dp_dd_structure s;
    uint64_t seed = 7, seq = 0;
    memset(&st, 0, sizeof(st));
    for (int structures = 0; structures < 3000; structures++) {
        random_structure(&s, &seed);
        for (int frames = 0; frames < 12; frames++) {
            struct frame f = {0};
            struct writer w = {0};
            struct dp_dd dd;
            f.dd.has_structure = frames == 0;
            random_frame(&f, &s, st.active_targets, &seed);
            put_frame(&w, &f, &s);
            assert_int_equal(dp_dd_read(&st, ++seq, w.p, bytes_of(&w), &dd), DP_DD_OK);
            f.dd.structure_changed = frames == 0;
            assert_memory_equal(&dd, &f.dd, sizeof(dd));
            assert_memory_equal(&st.structure, &s, sizeof(s));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_keyframe_and_what_follows),
        cmocka_unit_test(reads_custom_fields),
        cmocka_unit_test(errors_are_named_and_change_nothing),
        cmocka_unit_test(every_cut_of_a_keyframe_is_short),
        cmocka_unit_test(a_late_structure_does_not_replace_a_newer_one),
        cmocka_unit_test(what_is_written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
