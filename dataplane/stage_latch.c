/* Every packet ends here; what becomes of the one in the slot is counted when the next comes. */
#include "dataplane/latch.h"

void dp_stage_latch(struct dp_worker *w, struct dp_burst *in)
{
    for (unsigned i = 0; i < in->n; i++) {
        enum dp_drop why = dp_latch_offer(w, in->pkts[i]);
        if (why == DP_DROPS)
            rte_pktmbuf_free(in->pkts[i]);
        else
            dp_drop(w, why, in->pkts[i]);
    }
    in->n = 0;
}
