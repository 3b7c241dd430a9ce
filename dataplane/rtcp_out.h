/* RTCP that the relay makes: a compound built in an mbuf, protected, framed. */
#ifndef DP_RTCP_OUT_H
#define DP_RTCP_OUT_H

#include "dataplane/session.h"

#define DP_CNAME_LEN 18

struct dp_rtcp_out {
    struct rte_mbuf *m;
    struct dp_rtcp_buf buf; /* put packets here */
    size_t lead;            /* bytes in it that are nothing alone */
};

/* 0, -EAGAIN when out has no room, -ENOTCONN when e has no keys or path, -ENOMEM. */
int dp_rtcp_out_begin(struct dp_worker *w, const struct dp_endpoint *e, const struct dp_burst *out,
                      struct dp_rtcp_out *o);
/* The same, and where the client wants whole compounds the report and CNAME that begin them (RFC
 * 3550 6.1, RFC 5506). */
int dp_rtcp_out_feedback(struct dp_worker *w, const struct dp_endpoint *e,
                         const struct dp_burst *out, struct dp_rtcp_out *o);
/* The name of the relay as this endpoint's receiver: DP_CNAME_LEN bytes with terminator. */
void dp_rtcp_out_cname(const struct dp_endpoint *e, char *cname);
/* Protects and appends to out; or frees when nothing was put. True if it was sent. */
bool dp_rtcp_out_send(struct dp_worker *w, struct dp_endpoint *e, struct dp_rtcp_out *o,
                      struct dp_burst *out);

#endif
