/*
 * Two endpoints that name each other. Each end's worker has a copy of the way to the other, and is
 * told when the other comes, moves or goes. Which worker that is may change between post and run:
 * the one that has the endpoint then takes the news.
 */
#include "dataplane/apply_call.h"

#include <stdlib.h>

enum hr_error dp_pass_check(struct dp_call *c, const struct dp_endpoint_object *o)
{
    const Headrace__EndpointPut *put = c->cmd->endpoint_put;
    uint32_t was = o && o->pass ? o->pass->peer : 0;
    if (o && was != put->peer)
        return dp_call_refuse(c, HR_ERROR_INVALID,
                              "endpoint %u: peer %u cannot change to %u; make a new endpoint",
                              put->id, was, put->peer);
    if (put->peer == 0)
        return HR_ERROR_OK;
    if (put->peer == put->id)
        return dp_call_refuse(c, HR_ERROR_INVALID, "endpoint %u: is its own peer", put->id);
    if (put->keys || put->latch)
        return dp_call_refuse(c, HR_ERROR_INVALID, "endpoint %u: has a peer, so no %s", put->id,
                              put->keys ? "keys" : "latch");
    const struct dp_endpoint_object *peer = dp_index_find(&c->objects->endpoints, put->peer);
    if (peer && (peer->pass == NULL || peer->pass->peer != put->id))
        return dp_call_refuse(c, HR_ERROR_INVALID, "endpoint %u: its peer %u has another peer",
                              put->id, put->peer);
    return HR_ERROR_OK;
}

int dp_pass_new(struct dp_endpoint_object *o, uint32_t peer)
{
    if (peer == 0)
        return 0;
    o->pass = calloc(1, sizeof(*o->pass));
    o->endpoint->pass = dp_new(sizeof(*o->endpoint->pass));
    if (o->pass == NULL || o->endpoint->pass == NULL)
        return -1;
    o->pass->peer = peer;
    return 0;
}

static struct dp_endpoint_object *peer_of(const struct dp_objects *objects,
                                          const struct dp_endpoint_object *o)
{
    return o->pass ? dp_index_find(&objects->endpoints, o->pass->peer) : NULL;
}

unsigned dp_pass_put(struct dp_objects *objects, struct dp_endpoint_object *o,
                     const struct dp_endpoint_conf *conf, struct dp_pass_news news[2])
{
    const struct dp_endpoint_object *peer = peer_of(objects, o);
    if (o->pass)
        o->pass->route = (struct dp_route){conf->reachable, conf->port, conf->path};
    if (peer == NULL)
        return 0;
    news[0] = (struct dp_pass_news){o->endpoint, peer->endpoint, peer->pass->route};
    news[1] = (struct dp_pass_news){peer->endpoint, o->endpoint, o->pass->route};
    return 2;
}

unsigned dp_pass_delete(struct dp_objects *objects, const struct dp_endpoint_object *o,
                        struct dp_pass_news *news)
{
    const struct dp_endpoint_object *peer = peer_of(objects, o);
    if (peer == NULL)
        return 0;
    *news = (struct dp_pass_news){.endpoint = peer->endpoint};
    return 1;
}

enum hr_error dp_pass_refuse_media(struct dp_call *c, const struct dp_endpoint_object *e)
{
    if (e->pass == NULL)
        return HR_ERROR_OK;
    return dp_call_refuse(c, HR_ERROR_INVALID, "endpoint %u: all that it sends goes to endpoint %u",
                          e->id, e->pass->peer);
}
