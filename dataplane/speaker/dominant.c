#include "dataplane/speaker/dominant.h"

#include <string.h>

/*
 * log(max(P(v), 1e-10)), P(v) = log(C(n, v) / 2^n) - log(l exp(-l v)), where n is 13, 5 and 10, and
 * l is 0.78, 24 and 47: binomial with speech, exponential without. The test computes them anew.
 */
#define NOTHING -23.026
static const double immediate[DP_ACTIVITY_STEPS + 1] = {
    NOTHING, NOTHING, NOTHING, NOTHING, -0.073, 0.832, 1.214,
    1.422,   1.534,   1.575,   1.546,   1.429,  1.151, 0.320,
};
static const double medium[DP_ACTIVITY_FRAMES + 1] = {
    NOTHING, 2.943, 3.776, 4.214, 4.510, 4.731,
};
static const double longer[DP_ACTIVITY_BLOCKS + 1] = {
    NOTHING, 3.651, 4.466, 4.905, 5.207, 5.437, 5.622, 5.778, 5.911, 6.027, 6.130,
};

static const struct {
    const double *score;
    unsigned most;
    double exceeds; /* whose score is higher by more than this */
} scales[DP_TIME_SCALES] = {
    [DP_IMMEDIATE] = {immediate, DP_ACTIVITY_STEPS, 3},
    [DP_MEDIUM] = {medium, DP_ACTIVITY_FRAMES, 2},
    [DP_LONG] = {longer, DP_ACTIVITY_BLOCKS, 0},
};

/* Whom a first speaker must exceed: with this a single noise makes nobody dominant. */
static const struct dp_scores nobody = {.longer = 1};

double dp_dominant_score(enum dp_time_scale scale, unsigned v)
{
    return scales[scale].score[v < scales[scale].most ? v : scales[scale].most];
}

static double above(enum dp_time_scale scale, unsigned a, unsigned b)
{
    return dp_dominant_score(scale, a) - dp_dominant_score(scale, b) - scales[scale].exceeds;
}

static bool exceeds(const struct dp_scores *a, const struct dp_scores *b)
{
    return above(DP_IMMEDIATE, a->immediate, b->immediate) > 0 &&
           above(DP_MEDIUM, a->medium, b->medium) > 0 && above(DP_LONG, a->longer, b->longer) > 0;
}

/* Of two that exceed the dominant one. */
static bool better(const struct dp_scores *a, const struct dp_scores *b)
{
    if (a->longer != b->longer)
        return a->longer > b->longer;
    if (a->medium != b->medium)
        return a->medium > b->medium;
    return a->loudness > b->loudness;
}

static struct dp_scores scores_of(uint32_t source, const struct dp_candidate *of, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (of[i].source == source && of[i].scores.longer > nobody.longer)
            return of[i].scores;
    return nobody;
}

static void take_out(struct dp_dominant *d, uint32_t source)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < d->recent_count; i++)
        if (d->recent[i] != source)
            d->recent[kept++] = d->recent[i];
    d->recent_count = kept;
}

static void put_first(struct dp_dominant *d, uint32_t source)
{
    take_out(d, source);
    if (d->recent_count == HR_RECENT_SPEAKERS)
        d->recent_count--;
    memmove(&d->recent[1], &d->recent[0], d->recent_count * sizeof(d->recent[0]));
    d->recent[0] = source;
    d->recent_count++;
}

bool dp_dominant_decide(struct dp_dominant *d, const struct dp_candidate *of, unsigned n)
{
    const struct dp_scores its = scores_of(d->source, of, n);
    const struct dp_candidate *next = NULL;
    for (unsigned i = 0; i < n; i++)
        if (of[i].source != d->source && exceeds(&of[i].scores, &its) &&
            (next == NULL || better(&of[i].scores, &next->scores)))
            next = &of[i];
    if (next == NULL)
        return false;
    d->source = next->source;
    put_first(d, next->source);
    return true;
}

bool dp_dominant_forget(struct dp_dominant *d, uint32_t source)
{
    unsigned before = d->recent_count;
    take_out(d, source);
    if (d->source == source)
        d->source = 0;
    return d->recent_count != before;
}
