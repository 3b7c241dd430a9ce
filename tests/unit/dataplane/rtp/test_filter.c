/*
 * A sender of layered pictures as encoders make them (L1T3, L3T3, L3T3_KEY and the like), a filter
 * whose wishes change at random, and a receiver who must be able to decode each frame it gets.
 */
#include "support.h"

#include "dataplane/rtp/filter.h"

#define SPATIAL  3
#define TEMPORAL 3
#define PICTURES 4000

struct mode {
    unsigned spatial, temporal;
    bool key_only; /* layers above refer to those below in key pictures only */
    bool chained;  /* a T1 refers to the T1 before it too */
};

static const struct mode modes[] = {
    {1, 3, false, false}, {1, 2, false, false}, {1, 3, false, true},  {3, 3, false, false},
    {3, 3, true, false},  {2, 1, true, false},  {3, 1, false, false}, {2, 2, true, true},
};

/* What became of the newest frame of a layer. */
struct sent {
    bool forwarded[SPATIAL][TEMPORAL];
};

struct model {
    struct mode mode;
    struct dp_filter filter;
    struct sent last;    /* per layer, of its newest frame */
    bool newer[SPATIAL]; /* the T1 is newer than the T0, */
    bool had[SPATIAL];   /* and than the key frame */
    unsigned pictures, requests;
    uint64_t seed;
};

static unsigned targets(const struct mode *m)
{
    return m->spatial * m->temporal;
}

static struct dp_target target(const struct mode *m, unsigned i)
{
    return (struct dp_target){.index = (uint8_t)i,
                              .spatial = (uint8_t)(i / m->temporal),
                              .temporal = (uint8_t)(i % m->temporal),
                              .whole = i + 1 == targets(m)};
}

static enum dp_dti indication(const struct mode *m, const struct dp_part *p, unsigned i, bool key)
{
    struct dp_target t = target(m, i);
    if (p->spatial > t.spatial || p->temporal > t.temporal)
        return DP_DTI_ABSENT;
    if (p->spatial < t.spatial && !key)
        return m->key_only ? DP_DTI_ABSENT : DP_DTI_REQUIRED;
    if (m->chained && !key && p->temporal == 0 && t.temporal > 0)
        return DP_DTI_REQUIRED;
    bool last = p->temporal > 0 && p->temporal == t.temporal;
    return last && !(m->chained && p->temporal == 1) ? DP_DTI_DISCARDABLE : DP_DTI_SWITCH;
}

static unsigned temporal_of(const struct mode *m, unsigned picture)
{
    static const unsigned pattern[3][4] = {{0, 0, 0, 0}, {0, 1, 0, 1}, {0, 2, 1, 2}};
    return pattern[m->temporal - 1][picture % 4];
}

static struct dp_part part_of(const struct mode *m, unsigned spatial, unsigned temporal, bool key)
{
    struct dp_part p = {.spatial = (uint8_t)spatial,
                        .temporal = (uint8_t)temporal,
                        .known = true,
                        .start = true,
                        .end = true};
    for (unsigned i = 0; i < targets(m); i++)
        p.dtis |= (uint64_t)indication(m, &p, i, key) << (2 * i);
    return p;
}

/* All that a frame refers to was forwarded. */
static void assert_decodable(const struct model *m, const struct dp_part *p, bool key)
{
    const struct sent *s = &m->last;
    unsigned spatial = p->spatial;
    if (spatial > 0 && (key || !m->mode.key_only))
        assert_true(s->forwarded[spatial - 1][p->temporal]);
    if (key)
        return;
    assert_true(s->forwarded[spatial][0]);
    if (p->temporal == 1 && m->mode.chained && m->had[spatial])
        assert_true(s->forwarded[spatial][1]);
    if (p->temporal == 2 && m->newer[spatial])
        assert_true(s->forwarded[spatial][1]);
}

static void note(struct model *m, const struct dp_part *p, bool key, bool forwarded)
{
    m->last.forwarded[p->spatial][p->temporal] = forwarded;
    if (p->temporal < 2)
        m->newer[p->spatial] = p->temporal == 1;
    m->had[p->spatial] = !key && (m->had[p->spatial] || p->temporal == 1);
}

static void want(struct model *m, unsigned i)
{
    struct dp_target t = target(&m->mode, i), now = m->filter.now;
    dp_filter_want(&m->filter, &t);
    bool needs = dp_filter_needs_keyframe(&m->filter);
    assert_int_equal(needs, !now.whole && t.spatial > now.spatial);
    m->requests += needs;
}

static void step(struct model *m, const struct dp_part *p, bool keyframe)
{
    struct dp_target before = m->filter.now;
    bool changed = dp_filter_step(&m->filter, p, keyframe);
    assert_int_equal(changed, memcmp(&before, &m->filter.now, sizeof(before)) != 0);
}

/* One picture; lost: per cent of frames whose packets do not come before later ones;
 * wishes: of fifty frames, so many are followed by a new one. */
static void send_picture_of(struct model *m, bool key, unsigned lost, unsigned wishes)
{
    unsigned temporal = key ? 0 : temporal_of(&m->mode, m->pictures);
    bool any = false, marked = false, missing = false;
    if (key)
        m->pictures = 0;
    for (unsigned s = 0; s < m->mode.spatial; s++) {
        struct dp_part p = part_of(&m->mode, s, temporal, key);
        bool comes = random_below(&m->seed, 100) >= lost;
        if (comes)
            step(m, &p, key && s == 0);
        uint8_t limits = dp_filter_limits(&m->filter);
        bool pass = dp_limits_pass(limits, &p);
        missing |= !comes;
        if (pass) {
            assert_false(marked);
            assert_decodable(m, &p, key);
            marked = s + 1 == m->mode.spatial || dp_limits_end(limits, &p);
            any = true;
        }
        note(m, &p, key, pass);
        if (random_below(&m->seed, 50) < wishes)
            want(m, random_below(&m->seed, targets(&m->mode)));
    }
    if (any && !missing)
        assert_true(marked);
    m->pictures++;
}

static void send_picture(struct model *m, bool key, unsigned lost)
{
    send_picture_of(m, key, lost, 0);
}

static bool reached(const struct model *m)
{
    return memcmp(&m->filter.now, &m->filter.wanted, sizeof(m->filter.now)) == 0;
}

static void begin(struct model *m, const struct mode *mode, uint64_t seed)
{
    *m = (struct model){.mode = *mode, .seed = seed};
    dp_filter_init(&m->filter);
    send_picture(m, true, 0);
}

/* Nothing that arrives is undecodable, every wish comes true in time, and pictures end. */
static void test_all_that_comes_can_be_decoded(void **state)
{
    for (unsigned k = 0; k < sizeof(modes) / sizeof(modes[0]); k++) {
        struct model m;
        unsigned waited = 0;
        begin(&m, &modes[k], k + 1);
        for (unsigned i = 0; i < PICTURES; i++) {
            if (random_below(&m.seed, 12) == 0) {
                want(&m, random_below(&m.seed, targets(&m.mode)));
                waited = 0;
            }
            bool needs = dp_filter_needs_keyframe(&m.filter) || (waited && m.mode.chained);
            send_picture(&m, needs && random_below(&m.seed, 4) == 0, 0);
            waited = reached(&m) || dp_filter_needs_keyframe(&m.filter) ? 0 : waited + 1;
            if (!m.mode.chained)
                assert_true(waited <= 4); /* pictures from one T0 to the next */
        }
        assert_int_equal(m.requests == 0, m.mode.spatial == 1);
    }
}

static void test_wishes_amid_a_picture(void **state)
{
    for (unsigned k = 0; k < sizeof(modes) / sizeof(modes[0]); k++) {
        struct model m;
        begin(&m, &modes[k], k + 50);
        for (unsigned i = 0; i < PICTURES; i++)
            send_picture_of(&m, random_below(&m.seed, 30) == 0, 0, 3);
    }
}

static void test_what_is_lost_delays(void **state)
{
    for (unsigned k = 0; k < sizeof(modes) / sizeof(modes[0]); k++) {
        struct model m;
        begin(&m, &modes[k], k + 100);
        for (unsigned i = 0; i < PICTURES; i++) {
            if (random_below(&m.seed, 20) == 0)
                want(&m, random_below(&m.seed, targets(&m.mode)));
            bool key = dp_filter_needs_keyframe(&m.filter) && random_below(&m.seed, 4) == 0;
            send_picture(&m, key, key ? 0 : 20);
        }
    }
}

/* Down without a key frame, within a picture of the target. */
static void test_down_at_once(void **state)
{
    static const struct mode svc = {3, 3, true};
    for (unsigned i = 0; i < targets(&svc); i++) {
        struct model m;
        begin(&m, &svc, i + 1);
        for (unsigned k = 0; k <= i; k++)
            send_picture(&m, false, 0);
        want(&m, i);
        assert_int_equal(m.requests, 0);
        send_picture(&m, false, 0);
        assert_true(reached(&m));
        for (unsigned k = 0; k < 9; k++)
            send_picture(&m, false, 0);
    }
}

static void test_fewer_spatial_layers_do_not_wait(void **state)
{
    static const struct mode svc = {3, 3, true};
    struct model m;
    begin(&m, &svc, 7);
    want(&m, 6); /* S2 T0 */
    send_picture(&m, false, 0);
    want(&m, 5); /* S1 T2 */
    send_picture(&m, false, 0);
    assert_int_equal(dp_filter_limits(&m.filter), 0x10);
    assert_false(dp_filter_needs_keyframe(&m.filter));
    for (unsigned i = 0; i < 4; i++)
        send_picture(&m, false, 0);
    assert_int_equal(dp_filter_limits(&m.filter), 0x12);
}

/* Without a descriptor nothing is held back, and nothing marked. */
static void test_what_is_not_known_passes(void **state)
{
    struct dp_filter f;
    struct dp_part p = {.spatial = 3, .temporal = 7, .start = true, .end = true};
    const struct dp_target low = {0};
    dp_filter_init(&f);
    assert_true(dp_filter_whole(&f));
    assert_int_equal(dp_filter_limits(&f), DP_LIMITS_WHOLE);
    p.known = true;
    assert_true(dp_limits_pass(dp_filter_limits(&f), &p));
    assert_false(dp_limits_end(dp_filter_limits(&f), &p));
    assert_true(dp_filter_want(&f, &low));
    assert_false(dp_filter_want(&f, &low));
    dp_filter_restart(&f);
    assert_false(dp_limits_pass(dp_filter_limits(&f), &p));
    p.known = false;
    assert_true(dp_limits_pass(dp_filter_limits(&f), &p));
    p.spatial = 0;
    assert_false(dp_limits_end(dp_filter_limits(&f), &p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_that_comes_can_be_decoded),
        cmocka_unit_test(test_wishes_amid_a_picture),
        cmocka_unit_test(test_what_is_lost_delays),
        cmocka_unit_test(test_down_at_once),
        cmocka_unit_test(test_fewer_spatial_layers_do_not_wait),
        cmocka_unit_test(test_what_is_not_known_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
