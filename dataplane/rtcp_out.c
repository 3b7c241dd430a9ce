#include "dataplane/rtcp_out.h"

#include "dataplane/dataplane.h"
#include "dataplane/frame.h"

#include <errno.h>
#include <string.h>

int dp_rtcp_out_begin(struct dp_worker *w, const struct dp_endpoint *e, const struct dp_burst *out,
                      struct dp_rtcp_out *o)
{
    if (!dp_endpoint_ready(e) || e->muted)
        return -ENOTCONN;
    if (out->n == DP_BURST)
        return -EAGAIN;
    o->m = rte_pktmbuf_alloc(w->pool);
    if (o->m == NULL) {
        w->drops[DP_DROP_NO_MBUF]++;
        return -ENOMEM;
    }
    o->lead = 0;
    uint16_t room = dp_frame_room(o->m, &e->conf.path, e->conf.port);
    o->buf = (struct dp_rtcp_buf){
        .p = dp_frame_write(o->m, &e->conf.path),
        .cap = room - DP_SRTCP_GROWTH,
    };
    return 0;
}

void dp_rtcp_out_cname(const struct dp_endpoint *e, char *cname)
{
    static const char digits[] = "0123456789abcdef";
    memcpy(cname, "headrace-", 9);
    for (unsigned i = 0; i < 8; i++)
        cname[9 + i] = digits[e->conf.feedback_ssrc >> (28 - 4 * i) & 15];
    cname[17] = '\0';
}

int dp_rtcp_out_feedback(struct dp_worker *w, const struct dp_endpoint *e,
                         const struct dp_burst *out, struct dp_rtcp_out *o)
{
    char cname[DP_CNAME_LEN];
    int error = dp_rtcp_out_begin(w, e, out, o);
    if (error || e->conf.rtcp_rsize)
        return error;
    dp_rtcp_out_cname(e, cname);
    dp_rtcp_put_rr(&o->buf, e->conf.feedback_ssrc, NULL, 0);
    dp_rtcp_put_sdes(&o->buf, e->conf.feedback_ssrc, cname);
    o->lead = o->buf.len;
    return 0;
}

bool dp_rtcp_out_send(struct dp_worker *w, struct dp_endpoint *e, struct dp_rtcp_out *o,
                      struct dp_burst *out)
{
    size_t len = 0;
    if (o->buf.len > o->lead)
        len = dp_srtcp_protect(&e->keys->rtcp_out, o->buf.p, o->buf.len);
    if (len == 0) {
        rte_pktmbuf_free(o->m);
        return false;
    }
    dp_frame_finish(o->m, &e->conf.path, e->conf.port, (uint16_t)len);
    out->pkts[out->n++] = o->m;
    return true;
}
