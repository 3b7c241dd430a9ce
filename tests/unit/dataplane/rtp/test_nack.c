#include "support.h"

#include "dataplane/rtp/nack.h"

#include <stdlib.h>

#define MS   1000
#define SEQS 256

static struct dp_nack *make(bool audio)
{
    struct dp_nack *n = malloc(dp_nack_size(audio));
    assert_non_null(n);
    dp_nack_init(n, audio);
    return n;
}

static unsigned due(struct dp_nack *n, int64_t ms, uint16_t *seqs)
{
    return dp_nack_due(n, ms * MS, 0, seqs, SEQS);
}

static void nothing_is_missing(void **state)
{
    uint16_t seqs[SEQS];
    struct dp_nack *n = make(false);
    assert_true(dp_nack_deadline(n, 0, 0) == INT64_MAX);
    for (uint64_t i = 70000; i < 70100; i++)
        assert_int_equal(dp_nack_received(n, i, 0), -1);
    assert_int_equal(due(n, 10, seqs), 0);
    assert_true(dp_nack_deadline(n, 0, 0) == INT64_MAX);
    free(n);
}

static void video_waits_for_what_is_only_reordered(void **state)
{
    uint16_t seqs[SEQS];
    struct dp_nack *n = make(false);
    dp_nack_received(n, 65534, 0);
    dp_nack_received(n, 65536, 0);
    assert_int_equal(due(n, 0, seqs), 0);
    assert_int_equal(dp_nack_deadline(n, 0, 0), DP_NACK_REORDER_US);
    dp_nack_received(n, 65535, 1 * MS);
    assert_int_equal(due(n, 100, seqs), 0);

    dp_nack_received(n, 65538, 200 * MS); /* 65537 is missing: by time */
    assert_int_equal(due(n, 204, seqs), 0);
    assert_int_equal(due(n, 205, seqs), 1);
    assert_int_equal(seqs[0], 1);
    dp_nack_received(n, 65540, 210 * MS); /* 65539: by what came behind it */
    dp_nack_received(n, 65541, 210 * MS);
    assert_int_equal(due(n, 210, seqs), 0);
    dp_nack_received(n, 65542, 210 * MS);
    assert_int_equal(due(n, 210, seqs), 1);
    assert_int_equal(seqs[0], 3);
    free(n);
}

static void audio_is_asked_for_at_once(void **state)
{
    uint16_t seqs[SEQS];
    struct dp_nack *n = make(true);
    dp_nack_received(n, 10, 0);
    dp_nack_received(n, 13, 0);
    assert_int_equal(dp_nack_deadline(n, 0, 0), 0);
    assert_int_equal(due(n, 0, seqs), 2);
    assert_int_equal(seqs[0], 11);
    assert_int_equal(seqs[1], 12);
    dp_nack_received(n, 12, 10 * MS);
    assert_int_equal(due(n, 19, seqs), 0);
    assert_int_equal(due(n, 20, seqs), 1); /* once more soon: the request may have been lost */
    assert_int_equal(seqs[0], 11);
    assert_int_equal(due(n, 119, seqs), 0); /* and then by the round trip */
    assert_int_equal(due(n, 120, seqs), 1);
    free(n);
}

static void retries_are_spaced_by_the_round_trip_and_end(void **state)
{
    uint16_t seqs[SEQS];
    struct dp_nack *n = make(false);
    unsigned asked = 0;
    int64_t last = 0;
    dp_nack_received(n, 1, 0);
    dp_nack_received(n, 6, 0); /* 2 to 5, of which 2 and 3 count as lost by what is behind them */
    for (int64_t ms = 0; ms < 2000; ms++) {
        unsigned k = dp_nack_due(n, ms * MS, 40 * MS, seqs, SEQS);
        for (unsigned i = 0; i < k; i++) {
            if (seqs[i] != 2)
                continue;
            assert_true(asked == 0 || ms - last == 50);
            last = ms;
            asked++;
        }
        assert_true(!n->gave_up || asked == DP_NACK_TRIES);
    }
    assert_int_equal(asked, DP_NACK_TRIES);
    assert_true(n->gave_up);
    assert_int_equal(n->count, 0);
    free(n);
}

static void a_round_trip_is_of_what_was_asked_for_once(void **state)
{
    uint16_t seqs[SEQS];
    struct dp_nack *n = make(true);
    dp_nack_received(n, 1, 0);
    dp_nack_received(n, 4, 0);
    assert_int_equal(due(n, 0, seqs), 2);
    assert_int_equal(dp_nack_received(n, 2, 30 * MS), 30 * MS);
    assert_int_equal(dp_nack_received(n, 2, 31 * MS), -1); /* a duplicate */
    assert_int_equal(due(n, 100, seqs), 1);
    assert_int_equal(dp_nack_received(n, 3, 110 * MS), -1); /* which of the two is answered? */
    assert_int_equal(n->count, 0);
    free(n);
}

static void a_key_frame_makes_what_is_older_useless(void **state)
{
    uint16_t seqs[SEQS];
    struct dp_nack *n = make(false);
    dp_nack_received(n, 1, 0);
    dp_nack_received(n, 5, 0);
    dp_nack_received(n, 8, 0);
    dp_nack_keyframe(n, 5);
    assert_int_equal(due(n, 50, seqs), 2);
    assert_int_equal(seqs[0], 6);
    assert_false(n->gave_up);
    free(n);
}

static void too_large_a_gap_is_given_up(void **state)
{
    struct dp_nack *n = make(false), *audio = make(true);
    dp_nack_received(n, 1, 0);
    dp_nack_received(n, 2 + DP_NACK_VIDEO_MAX, 0);
    assert_int_equal(n->count, DP_NACK_VIDEO_MAX);
    assert_false(n->gave_up);
    dp_nack_received(n, 4 + DP_NACK_VIDEO_MAX, 0); /* the oldest makes room */
    assert_int_equal(n->count, DP_NACK_VIDEO_MAX);
    assert_true(n->gave_up);
    n->gave_up = false;
    dp_nack_received(n, 6 + 2 * DP_NACK_VIDEO_MAX, 0);
    assert_int_equal(n->count, 0);
    assert_int_equal(n->untried, 0);
    assert_true(n->gave_up);
    dp_nack_received(audio, 1, 0);
    dp_nack_received(audio, 1000, 0);
    assert_false(audio->gave_up);
    free(n);
    free(audio);
}

/* ---- random loss and reordering, answered or not */

#define PACKETS 4000
#define FLIGHTS 4096

struct flight {
    int64_t at;
    uint64_t index;
    bool there;
};

struct link {
    struct flight flight[FLIGHTS];
    unsigned asked[PACKETS];
    bool came[PACKETS], lost[PACKETS];
    unsigned loss; /* percent */
};

static void launch(struct link *l, uint64_t index, int64_t at)
{
    unsigned i = 0;
    if ((unsigned)rand() % 100 < l->loss)
        return;
    while (l->flight[i].there)
        i++;
    assert_true(i < FLIGHTS);
    l->flight[i] = (struct flight){.at = at, .index = index, .there = true};
}

static void land(struct link *l, struct dp_nack *n, int64_t now)
{
    for (unsigned i = 0; i < FLIGHTS; i++) {
        struct flight *f = &l->flight[i];
        if (!f->there || f->at > now)
            continue;
        f->there = false;
        if (!l->came[f->index]) /* ingress lets each pass but once */
            dp_nack_received(n, f->index, now);
        l->came[f->index] = true;
    }
}

/* What is asked for has not come, and nothing before the first packet is. */
static void ask(struct link *l, struct dp_nack *n, int64_t now)
{
    uint16_t seqs[SEQS];
    unsigned k = dp_nack_due(n, now, 50 * MS, seqs, SEQS);
    for (unsigned i = 0; i < k; i++) {
        assert_true(seqs[i] < PACKETS && !l->came[seqs[i]]);
        assert_true(++l->asked[seqs[i]] <= DP_NACK_TRIES);
        if ((unsigned)rand() % 100 >= l->loss)
            launch(l, seqs[i], now + 50 * MS);
    }
    assert_true(n->count <= n->max);
}

/* 300 packets a second over a path of 50 ms there and back. */
static void run(struct link *l, struct dp_nack *n)
{
    unsigned sent = 0;
    for (int64_t ms = 0; sent < PACKETS || n->count; ms++) {
        for (unsigned i = 0; ms % 10 == 0 && i < 3 && sent < PACKETS; i++)
            launch(l, sent++, ms * MS + rand() % (2 * MS));
        if (sent == PACKETS && ms % 10 == 0) /* so that the last is seen to be missing */
            l->loss = 0;
        land(l, n, ms * MS);
        ask(l, n, ms * MS);
    }
}

static void every_lost_packet_is_asked_for(void **state)
{
    static const unsigned losses[] = {0, 1, 5, 15, 30, 60};
    static struct link l;
    for (unsigned k = 0; k < sizeof(losses) / sizeof(losses[0]); k++) {
        struct dp_nack *n = make(false);
        unsigned missing = 0;
        memset(&l, 0, sizeof(l));
        l.loss = losses[k];
        srand(k);
        run(&l, n);
        unsigned last = PACKETS, first = 0;
        while (last && !l.came[last - 1])
            last--;
        while (first < PACKETS && !l.came[first])
            first++;
        for (unsigned i = first; i < last; i++) {
            assert_true(l.came[i] || l.asked[i]);
            missing += !l.came[i];
        }
        assert_true(losses[k] > 15 || missing == 0);
        assert_true(n->gave_up || missing == 0);
        free(n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_missing),
        cmocka_unit_test(video_waits_for_what_is_only_reordered),
        cmocka_unit_test(audio_is_asked_for_at_once),
        cmocka_unit_test(retries_are_spaced_by_the_round_trip_and_end),
        cmocka_unit_test(a_round_trip_is_of_what_was_asked_for_once),
        cmocka_unit_test(a_key_frame_makes_what_is_older_useless),
        cmocka_unit_test(too_large_a_gap_is_given_up),
        cmocka_unit_test(every_lost_packet_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
