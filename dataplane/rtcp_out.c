#include "dataplane/rtcp_out.h"

#include "dataplane/dataplane.h"
#include "dataplane/frame.h"

#include <errno.h>

#define SRTCP_GROWTH (4 + HR_SRTP_TAG_LEN_MAX) /* index with E bit, and tag: RFC 3711 3.4 */

int dp_rtcp_out_begin(struct dp_worker *w, const struct dp_endpoint *e, const struct dp_burst *out,
                      struct dp_rtcp_out *o)
{
    if (!dp_endpoint_ready(e))
        return -ENOTCONN;
    if (out->n == DP_BURST)
        return -EAGAIN;
    o->m = rte_pktmbuf_alloc(w->pool);
    if (o->m == NULL) {
        w->drops[DP_DROP_NO_MBUF]++;
        return -ENOMEM;
    }
    uint16_t room = dp_frame_room(o->m, &e->conf.path, e->conf.port);
    o->buf = (struct dp_rtcp_buf){
        .p = dp_frame_write(o->m, &e->conf.path),
        .cap = room - SRTCP_GROWTH,
    };
    return 0;
}

bool dp_rtcp_out_send(struct dp_worker *w, struct dp_endpoint *e, struct dp_rtcp_out *o,
                      struct dp_burst *out)
{
    int len = (int)o->buf.len;
    if (len == 0 || srtp_protect_rtcp(e->keys->rtcp_out, o->buf.p, &len) != srtp_err_status_ok) {
        rte_pktmbuf_free(o->m);
        return false;
    }
    dp_frame_finish(o->m, &e->conf.path, e->conf.port, (uint16_t)len);
    out->pkts[out->n++] = o->m;
    return true;
}
