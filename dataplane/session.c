#include "dataplane/session.h"

#include "dataplane/dataplane.h"

#include <errno.h>
#include <rte_cycles.h>
#include <stdlib.h>

#define HISTORY_SHARE 2 /* histories may hold one mbuf in so many */

static int add_batch(struct dp_session *s)
{
    s->batch = dp_srtp_batch_new();
    return s->batch ? 0 : -ENOMEM;
}

static int add_checker(struct dp_session *s, const struct hr_config *config)
{
    if (!config->dataplane.check_nonces)
        return 0;
    s->checker = dp_srtp_checker_new(DP_SRTP_CHECKER_ENTRIES);
    return s->checker ? 0 : -ENOMEM;
}

int dp_session_new(struct dp_worker *w)
{
    struct dp_session *s = aligned_alloc(64, RTE_ALIGN_CEIL(sizeof(*s), 64));
    if (s == NULL)
        return -ENOMEM;
    *s = (struct dp_session){.hz = w->dp->tsc_hz};
    TAILQ_INIT(&s->endpoints);
    TAILQ_INIT(&s->mirrors);
    if (add_batch(s) || add_checker(s, w->dp->config)) {
        dp_srtp_batch_free(s->batch);
        free(s);
        return -ENOMEM;
    }
    s->budget.limit = w->dp->config->dataplane.mbufs / HISTORY_SHARE / w->dp->workers_count;
    s->budget.max_age = dp_session_tsc(s, w->dp->config->media.history_ms);
    w->session = s;
    return 0;
}

void dp_session_free(struct dp_worker *w)
{
    struct dp_session *s = w->session;
    if (s == NULL)
        return;
    dp_srtp_batch_free(s->batch);
    dp_srtp_checker_free(s->checker);
    free(s);
    w->session = NULL;
}

void dp_session_count(const struct dp_session *s, struct dp_session_counts *out)
{
    *out = s->counts;
}
