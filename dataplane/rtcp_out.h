/* RTCP that the relay makes: a compound built in an mbuf, protected, framed. */
#ifndef DP_RTCP_OUT_H
#define DP_RTCP_OUT_H

#include "dataplane/session.h"

struct dp_rtcp_out {
    struct rte_mbuf *m;
    struct dp_rtcp_buf buf; /* put packets here */
};

/* 0, -EAGAIN when out has no room, -ENOTCONN when e has no keys or path, -ENOMEM. */
int dp_rtcp_out_begin(struct dp_worker *w, const struct dp_endpoint *e, const struct dp_burst *out,
                      struct dp_rtcp_out *o);
/* Protects and appends to out; or frees when nothing was put. True if it was sent. */
bool dp_rtcp_out_send(struct dp_worker *w, struct dp_endpoint *e, struct dp_rtcp_out *o,
                      struct dp_burst *out);

#endif
