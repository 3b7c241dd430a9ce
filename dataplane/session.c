#include "dataplane/session.h"

#include "dataplane/dataplane.h"
#include "dataplane/send.h"

#include <errno.h>
#include <rte_cycles.h>
#include <stdlib.h>

#define HISTORY_SHARE 2 /* histories may hold one mbuf in so many */

static int add_batch(struct dp_session *s)
{
    s->batch = dp_srtp_batch_new();
    return s->batch ? 0 : -ENOMEM;
}

int dp_session_new(struct dp_worker *w)
{
    struct dp_session *s = aligned_alloc(64, RTE_ALIGN_CEIL(sizeof(*s), 64));
    if (s == NULL)
        return -ENOMEM;
    *s = (struct dp_session){.hz = w->dp->tsc_hz};
    TAILQ_INIT(&s->endpoints);
    TAILQ_INIT(&s->mirrors);
    TAILQ_INIT(&s->nacking);
    TAILQ_INIT(&s->pacing);
    s->check_nonces = w->dp->config->dataplane.check_nonces;
    if (add_batch(s)) {
        free(s);
        return -ENOMEM;
    }
    s->budget.max_age = dp_session_tsc(s, w->dp->config->media.history_ms);
    s->budget.stream_bytes = w->dp->config->media.history_kb * 1024;
    w->session = s;
    dp_session_share(w);
    return 0;
}

void dp_session_share(struct dp_worker *w)
{
    uint32_t mbufs = w->dp->config->dataplane.mbufs;
    w->session->budget.limit = mbufs / HISTORY_SHARE / RTE_MAX(1u, w->dp->crew.count);
    w->session->pace_limit = mbufs / DP_SEND_SHARE / RTE_MAX(1u, w->dp->crew.count);
}

void dp_session_free(struct dp_worker *w)
{
    struct dp_session *s = w->session;
    if (s == NULL)
        return;
    rte_pktmbuf_free_bulk(s->byes.pkts, s->byes.n);
    dp_srtp_batch_free(s->batch);
    free(s);
    w->session = NULL;
}

void dp_session_count(const struct dp_session *s, struct dp_session_counts *out)
{
    *out = s->counts;
}
