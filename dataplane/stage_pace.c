/* Exit: out. What waits for its time leaves when that has come; endpoints take turns. */
#include "dataplane/dataplane.h"
#include "dataplane/send.h"

void dp_stage_pace(struct dp_worker *w, struct dp_burst *out)
{
    struct dp_session *session = w->session;
    struct dp_send *s, *next;
    if (TAILQ_EMPTY(&session->pacing) || w->now < session->pace_at)
        return;
    for (s = TAILQ_FIRST(&session->pacing); s; s = next) {
        next = TAILQ_NEXT(s, of_session);
        if (dp_send_release(w, s, out))
            continue;
        while ((next = TAILQ_FIRST(&session->pacing)) != s) { /* s is the first next time */
            TAILQ_REMOVE(&session->pacing, next, of_session);
            TAILQ_INSERT_TAIL(&session->pacing, next, of_session);
        }
        return;
    }
    session->pace_at = w->now + session->hz / 1000000 * DP_PACE_US;
}
