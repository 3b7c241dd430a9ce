#include "dataplane/pass.h"

#include "dataplane/session.h"

void dp_pass_learn(const struct dp_pass_news *news)
{
    struct dp_endpoint *e = news->endpoint;
    struct dp_pass *pass = e->pass;
    if (pass->other && news->other != pass->other) {
        e->tx_packets += pass->other->pass->packets; /* what it has had from there */
        e->tx_bytes += pass->other->pass->bytes;
    }
    pass->other = news->other;
    pass->to = news->to;
}
