#include "dataplane/bwe/standing.h"

#define BASE_US   15000000
#define RECENT_US 100000
#define NONE      INT64_MAX

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void add(struct dp_bwe_least *l, int64_t window_us, int64_t value, int64_t at_us)
{
    int64_t us = at_us - l->begun_us;
    if (l->begun_us == 0 || us >= window_us || us < -window_us) {
        l->value[0] = l->begun_us && us >= 0 && us < 2 * window_us ? l->value[1] : NONE;
        l->value[1] = NONE;
        l->begun_us = at_us;
    }
    l->value[1] = lesser(l->value[1], value);
}

void dp_bwe_standing_add(struct dp_bwe_standing *s, int64_t sent_us, int64_t arrived_us)
{
    add(&s->base, BASE_US, arrived_us - sent_us, arrived_us);
    add(&s->recent, RECENT_US, arrived_us - sent_us, arrived_us);
}

int64_t dp_bwe_standing_us(const struct dp_bwe_standing *s)
{
    if (s->base.begun_us == 0)
        return 0;
    return lesser(s->recent.value[0], s->recent.value[1]) -
           lesser(s->base.value[0], s->base.value[1]);
}
