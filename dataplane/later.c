#include "dataplane/later.h"

#include "dataplane/dataplane.h"

#define PHASES 2
#define LAPS   2

void dp_later_open(struct dp_dataplane *dp)
{
    STAILQ_INIT(&dp->laters.waiting);
    STAILQ_INIT(&dp->laters.current);
}

void dp_later(struct dp_dataplane *dp, struct dp_later *later)
{
    if (dp->crew.count == 1)
        later->run(later);
    else
        STAILQ_INSERT_TAIL(&dp->laters.waiting, later, next);
}

static void run_current(struct dp_laters *l)
{
    while (!STAILQ_EMPTY(&l->current)) {
        struct dp_later *later = STAILQ_FIRST(&l->current);
        STAILQ_REMOVE_HEAD(&l->current, next);
        later->run(later);
    }
}

static void begin_phase(struct dp_dataplane *dp)
{
    for (unsigned i = 0; i < dp->workers_count; i++)
        dp->laters.laps[i] = atomic_load(&dp->workers[i].laps);
}

static bool phase_ended(struct dp_dataplane *dp)
{
    for (unsigned i = 0; i < dp->workers_count; i++) {
        const struct dp_worker *w = &dp->workers[i];
        if (atomic_load(&w->running) && atomic_load(&w->laps) - dp->laters.laps[i] < LAPS)
            return false;
    }
    return true;
}

bool dp_later_poll(struct dp_dataplane *dp)
{
    struct dp_laters *l = &dp->laters;

    if (STAILQ_EMPTY(&l->current)) {
        if (STAILQ_EMPTY(&l->waiting))
            return false;
        STAILQ_CONCAT(&l->current, &l->waiting);
        l->phase = 0;
        begin_phase(dp);
        return true;
    }
    if (!phase_ended(dp))
        return true;
    if (++l->phase < PHASES) {
        begin_phase(dp);
        return true;
    }
    run_current(l);
    return !STAILQ_EMPTY(&l->waiting);
}

void dp_later_run_all(struct dp_dataplane *dp)
{
    run_current(&dp->laters);
    STAILQ_CONCAT(&dp->laters.current, &dp->laters.waiting);
    run_current(&dp->laters);
}
