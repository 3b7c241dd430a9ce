/*
 * The map is run against a model that keeps every input of a stream in an array and counts:
 * loss, reordering, drops and switches, all at random.
 */
#include "support.h"

#include <errno.h>
#include <stdlib.h>

#include "dataplane/rtp/seqmap.h"

#define INPUTS 40000 /* of one stream in the model */

static unsigned remembered = DP_SEQMAP_RUNS; /* runs of the map under test */

struct model {
    uint64_t first_in;
    uint64_t first_out;
    uint64_t highest;
    bool started;
    uint8_t closed[INPUTS]; /* dropped as the newest: takes no number */
};

static uint64_t model_out(const struct model *m, uint64_t in)
{
    uint64_t closed = 0;
    for (uint64_t i = m->first_in; i < in; i++)
        closed += m->closed[i];
    return m->first_out + (in - m->first_in) - closed;
}

/* Runs of closed inputs that end at or after in. */
static unsigned runs_from(const struct model *m, uint64_t in)
{
    unsigned runs = 0;
    for (uint64_t i = in; i <= m->highest; i++)
        runs += m->closed[i] && (i == m->highest || !m->closed[i + 1]);
    return runs;
}

static int model_late(const struct model *m, uint64_t in)
{
    if (in < m->first_in || m->closed[in] || runs_from(m, in) >= remembered)
        return -ESTALE;
    return 0;
}

/* What the map must say about an input that is forwarded; sets out. */
static int model_ask(struct model *m, uint64_t in, bool drop, uint64_t *out)
{
    int error = 0;
    if (!m->started) {
        if (drop)
            return 0;
        m->started = true;
        m->first_in = m->highest = in;
    } else if (in > m->highest) {
        m->highest = in;
        m->closed[in] = drop;
    } else {
        error = model_late(m, in);
    }
    if (!error)
        *out = model_out(m, in);
    return error;
}

struct outputs {
    uint64_t base;
    uint64_t given[1 << 20]; /* stream and input + 1 */
};

static const struct dp_seqmap_about *about(uint32_t stream)
{
    static struct dp_seqmap_about all;
    all = (struct dp_seqmap_about){.ssrc = stream + 1000,
                                   .ts_offset = stream * 7,
                                   .frame_offset = (uint16_t)(stream * 5),
                                   .stream = (uint16_t)stream};
    return &all;
}

static uint64_t next_out(const struct dp_seqmap *m)
{
    return m->next_out >> DP_SEQMAP_SHIFT;
}

static void check_found(const struct dp_seqmap *map, uint64_t out, uint64_t in, uint32_t stream)
{
    uint64_t found = 0;
    const struct dp_seqmap_run *run = dp_seqmap_find(map, out, &found);
    assert_non_null(run);
    assert_int_equal(found, in);
    assert_int_equal(run->stream, stream);
    assert_int_equal(run->ssrc, stream + 1000);
    assert_int_equal(run->ts_offset, stream * 7);
    assert_int_equal(run->frame_offset, stream * 5);
}

/* As egress does it: the short way where it is open. */
static int ask(struct dp_seqmap *map, uint64_t in, uint64_t *out)
{
    const struct dp_seqmap_run *run;
    if (dp_seqmap_step(map, dp_seqmap_word(in, 96), out)) {
        assert_int_equal((uint8_t)*out, 97);
        *out >>= DP_SEQMAP_SHIFT;
        return 0;
    }
    int error = dp_seqmap_forward(map, in, out, &run);
    if (!error)
        dp_seqmap_expect(map, 96, 97);
    return error;
}

/* One stream's life: inputs go up, some are lost, some come late. */
static void run_stream(struct dp_seqmap *map, uint32_t stream, uint64_t *seed,
                       struct outputs *given)
{
    struct model *m = calloc(1, sizeof(*m));
    assert_non_null(m);
    m->first_out = next_out(map);
    uint64_t head = 2000 + random_below(seed, 1000);
    unsigned steps = 500 + random_below(seed, 4000);
    unsigned drop_percent = random_below(seed, 3) * random_below(seed, 50);
    unsigned late_percent = random_below(seed, 30);
    for (unsigned i = 0; i < steps; i++) {
        uint64_t in = head;
        if (random_below(seed, 100) < late_percent)
            in -= random_below(seed, random_below(seed, 10) ? 30 : 1200);
        else
            in = head += 1 + (random_below(seed, 10) ? 0 : random_below(seed, 20)) +
                         (random_below(seed, 800) ? 0 : random_below(seed, 4000));
        if (in >= INPUTS - 1)
            break;
        bool drop = random_below(seed, 100) < drop_percent;
        uint64_t want = 0, out = 0;
        int error = model_ask(m, in, drop, &want);
        if (drop) {
            dp_seqmap_drop(map, in);
            continue;
        }
        assert_int_equal(ask(map, in, &out), error);
        if (error)
            continue;
        assert_int_equal(out, want);
        uint64_t *was = &given->given[out - given->base], is = (uint64_t)stream << 32 | (in + 1);
        assert_true(*was == 0 || *was == is);
        *was = is;
        check_found(map, out, in, stream);
    }
    free(m);
}

static void agrees_with_the_model(void **state)
{
    struct outputs *given = malloc(sizeof(*given));
    struct dp_seqmap_run more[DP_SEQMAP_MORE];
    assert_non_null(given);
    for (uint64_t seed = 1; seed < 30; seed++) {
        struct dp_seqmap map;
        uint64_t random = seed;
        memset(given, 0, sizeof(*given));
        given->base = random_below(&random, 32768);
        dp_seqmap_init(&map, given->base);
        if (remembered == DP_SEQMAP_MORE)
            dp_seqmap_extend(&map, more);
        for (uint32_t stream = 0; stream < 6; stream++) {
            uint64_t before = next_out(&map);
            dp_seqmap_switch(&map, about(stream));
            assert_int_equal(next_out(&map), before);
            run_stream(&map, stream, &random, given);
        }
    }
    free(given);
}

static void agrees_with_more_runs(void **state)
{
    remembered = DP_SEQMAP_MORE;
    agrees_with_the_model(state);
    remembered = DP_SEQMAP_RUNS;
}

static uint64_t forward(struct dp_seqmap *m, uint64_t in)
{
    uint64_t out = 0;
    assert_int_equal(ask(m, in, &out), 0);
    return out;
}

static void loss_stays_a_gap_and_drops_close(void **state)
{
    struct dp_seqmap m;
    uint64_t out;
    dp_seqmap_init(&m, 100);
    dp_seqmap_drop(&m, 65530);
    assert_int_equal(forward(&m, 65534), 100);
    assert_int_equal(forward(&m, 65535), 101);
    assert_int_equal(forward(&m, 65538), 104); /* two lost, across the rollover */
    dp_seqmap_drop(&m, 65539);
    dp_seqmap_drop(&m, 65540);
    assert_int_equal(forward(&m, 65541), 105);
    assert_int_equal(forward(&m, 65536), 102); /* late */
    dp_seqmap_drop(&m, 65537);                 /* late: its gap stays */
    assert_int_equal(forward(&m, 65542), 106);
    assert_int_equal(ask(&m, 65540, &out), -ESTALE);
    assert_int_equal(ask(&m, 65533, &out), -ESTALE);
}

static void a_switch_goes_on_from_the_highest(void **state)
{
    struct dp_seqmap m;
    uint64_t out;
    dp_seqmap_init(&m, 7);
    dp_seqmap_switch(&m, about(1));
    assert_int_equal(forward(&m, 1000), 7);
    assert_int_equal(forward(&m, 1005), 12);
    dp_seqmap_switch(&m, about(2));
    assert_int_equal(forward(&m, 9), 13);
    assert_int_equal(forward(&m, 10), 14);
    assert_int_equal(ask(&m, 8, &out), -ESTALE);
    dp_seqmap_switch(&m, about(1));
    assert_int_equal(forward(&m, 1003), 15);
    check_found(&m, 12, 1005, 1);
    check_found(&m, 10, 1003, 1); /* what is missing has its number */
    check_found(&m, 14, 10, 2);
    check_found(&m, 15, 1003, 1);
    uint64_t in;
    assert_null(dp_seqmap_find(&m, 16, &in));
    assert_null(dp_seqmap_find(&m, 6, &in));
}

static void a_wide_gap_is_closed(void **state)
{
    struct dp_seqmap m;
    uint64_t out;
    dp_seqmap_init(&m, 0);
    assert_int_equal(forward(&m, 10), 0);
    assert_int_equal(forward(&m, 10 + DP_SEQMAP_JUMP), DP_SEQMAP_JUMP);
    assert_int_equal(forward(&m, 11 + 2 * DP_SEQMAP_JUMP), DP_SEQMAP_JUMP + 1);
    assert_int_equal(ask(&m, 10 + 2 * DP_SEQMAP_JUMP, &out), -ESTALE);
    dp_seqmap_drop(&m, 100000);
    assert_int_equal(forward(&m, 100001), DP_SEQMAP_JUMP + 2);
}

static void what_is_split_or_forgotten(void **state)
{
    struct dp_seqmap m;
    uint64_t in, out;
    dp_seqmap_init(&m, 50);
    dp_seqmap_switch(&m, about(1));
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(forward(&m, i), 50 + i);
    const struct dp_seqmap_run *run = dp_seqmap_split(&m, 9, 59, about(2));
    assert_ptr_equal(run, dp_seqmap_find(&m, 59, &in));
    check_found(&m, 58, 8, 1);
    check_found(&m, 59, 9, 2);
    dp_seqmap_split(&m, 4, 54, about(3)); /* a late one is still of its run */
    assert_int_equal(forward(&m, 10), 60);
    check_found(&m, 54, 4, 1);
    check_found(&m, 60, 10, 3);
    dp_seqmap_forget(&m);
    assert_null(dp_seqmap_find(&m, 60, &in));
    assert_int_equal(ask(&m, 9, &out), -ESTALE);
    assert_int_equal(forward(&m, 12), 62);
    check_found(&m, 62, 12, 3);
}

/* Every third input is dropped; each that was forwarded has its own number, and is found by it. */
static void more_runs_for_more_drops(void **state)
{
    struct dp_seqmap m;
    struct dp_seqmap_run more[DP_SEQMAP_MORE];
    uint64_t in, out;
    dp_seqmap_init(&m, 100);
    dp_seqmap_switch(&m, about(1));
    assert_int_equal(forward(&m, 0), 100);
    assert_int_equal(forward(&m, 1), 101);
    dp_seqmap_extend(&m, more);
    for (uint64_t i = 2; i < 90; i++) {
        if (i % 3 == 2)
            dp_seqmap_drop(&m, i);
        else
            assert_int_equal(forward(&m, i), 100 + i - i / 3);
    }
    for (uint64_t i = 0; i < 90; i++)
        if (i % 3 != 2)
            check_found(&m, 100 + i - i / 3, i, 1);
    assert_ptr_equal(dp_seqmap_shrink(&m), more);
    assert_null(dp_seqmap_shrink(&m));
    check_found(&m, 100 + 85 - 85 / 3, 85, 1);
    assert_null(dp_seqmap_find(&m, 100 + 75 - 75 / 3, &in));
    assert_int_equal(ask(&m, 75, &out), -ESTALE);
    assert_int_equal(forward(&m, 90), 160);
}

/* From a packet on, outputs are about something else; what is late is of what it was. */
static void a_turn_in_the_middle(void **state)
{
    struct dp_seqmap m;
    uint64_t in, out;
    const struct dp_seqmap_run *run;
    dp_seqmap_init(&m, 0);
    dp_seqmap_switch(&m, about(1));
    for (uint64_t i = 0; i < 5; i++)
        forward(&m, i);
    dp_seqmap_turn(&m, 7, about(2)); /* 5 and 6 have not come */
    assert_int_equal(forward(&m, 7), 7);
    check_found(&m, 7, 7, 2);
    assert_int_equal(dp_seqmap_forward(&m, 6, &out, &run), 0);
    assert_int_equal(out, 6);
    assert_int_equal(run->stream, 1);
    dp_seqmap_turn(&m, 8, about(3));
    dp_seqmap_drop(&m, 8);
    assert_int_equal(forward(&m, 9), 8);
    check_found(&m, 8, 9, 3);
    assert_non_null(dp_seqmap_find(&m, 5, &in));
    assert_int_equal(in, 5);
}

static void numbers_end_with_the_index_space(void **state)
{
    struct dp_seqmap m;
    uint64_t out;
    const struct dp_seqmap_run *run;
    dp_seqmap_init(&m, DP_SEQMAP_MAX - 2);
    assert_int_equal(forward(&m, 1), DP_SEQMAP_MAX - 2);
    assert_int_equal(forward(&m, 2), DP_SEQMAP_MAX - 1);
    assert_int_equal(dp_seqmap_forward(&m, 3, &out, &run), -EOVERFLOW);
    dp_seqmap_switch(&m, about(2));
    assert_int_equal(dp_seqmap_forward(&m, 3, &out, &run), -EOVERFLOW);
}

static void timestamps_keep_their_distance_and_never_go_back(void **state)
{
    struct dp_tsmap m;
    uint64_t seed = 3;
    dp_tsmap_init(&m);
    uint32_t in = random_u32(&seed), last = dp_tsmap_forward(&m, in);
    assert_int_equal(last, in);
    for (int round = 0; round < 20000; round++) {
        uint32_t step = random_below(&seed, 9000);
        if (random_below(&seed, 50) == 0) {
            uint32_t elapsed = random_below(&seed, 4) ? step : random_u32(&seed);
            in = random_u32(&seed);
            dp_tsmap_switch(&m, in, elapsed);
            uint32_t out = dp_tsmap_forward(&m, in);
            assert_true((int32_t)(out - last) > 0);
            if (elapsed > 0 && elapsed < 1u << 30)
                assert_int_equal(out - last, elapsed);
            last = out;
            continue;
        }
        in += step;
        uint32_t out = dp_tsmap_forward(&m, in);
        assert_int_equal(out - last, step);
        assert_int_equal(dp_tsmap_at(&m, in - 5), out - 5);
        last = out;
    }
}

static void a_late_timestamp_does_not_set_the_newest_back(void **state)
{
    struct dp_tsmap m;
    dp_tsmap_init(&m);
    dp_tsmap_forward(&m, 5000);
    assert_int_equal(dp_tsmap_forward(&m, 2000), 2000);
    dp_tsmap_switch(&m, 77, 10);
    assert_int_equal(dp_tsmap_forward(&m, 77), 5010);
}

static void frame_numbers_go_on_after_a_switch(void **state)
{
    struct dp_framemap m = {0};
    assert_true(dp_framemap_align(&m, 65534));
    assert_int_equal(m.offset, 0); /* the first stream keeps its numbers */
    for (uint16_t in = 65534; in != 3; in++) {
        assert_false(dp_framemap_align(&m, in));
        dp_framemap_forward(&m, in);
    }
    dp_framemap_forward(&m, 65535); /* late */
    assert_int_equal(m.highest, 2);
    dp_framemap_switch(&m);
    dp_framemap_switch(&m); /* that stream had no numbers */
    assert_true(dp_framemap_align(&m, 40000));
    assert_int_equal((uint16_t)(40000 + m.offset), 3);
    dp_framemap_forward(&m, 40000);
    assert_int_equal(m.highest, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_model),
        cmocka_unit_test(agrees_with_more_runs),
        cmocka_unit_test(more_runs_for_more_drops),
        cmocka_unit_test(a_turn_in_the_middle),
        cmocka_unit_test(loss_stays_a_gap_and_drops_close),
        cmocka_unit_test(a_switch_goes_on_from_the_highest),
        cmocka_unit_test(a_wide_gap_is_closed),
        cmocka_unit_test(what_is_split_or_forgotten),
        cmocka_unit_test(numbers_end_with_the_index_space),
        cmocka_unit_test(timestamps_keep_their_distance_and_never_go_back),
        cmocka_unit_test(a_late_timestamp_does_not_set_the_newest_back),
        cmocka_unit_test(frame_numbers_go_on_after_a_switch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
