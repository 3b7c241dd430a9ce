/* Mirrors of sources at workers other than their publishers': made with the first subscription
 * there, they live as long as the source. */
#include "dataplane/apply_call.h"
#include "dataplane/mirror.h"

#include <stdlib.h>

static bool add_streams(const struct dp_call *c, const struct dp_source_object *o,
                        struct dp_mirror *mirror)
{
    for (unsigned i = 0; i < HR_RIDS_MAX; i++) {
        if (!(o->streams >> i & 1))
            continue;
        mirror->source.streams[i] = dp_stream_new(c->dp, &mirror->source, i);
        if (mirror->source.streams[i] == NULL)
            return false;
    }
    return true;
}

struct dp_mirror *dp_mirror_new(const struct dp_call *c, const struct dp_source_object *o,
                                struct dp_worker *worker)
{
    struct dp_mirror *mirror = dp_new(sizeof(*mirror));
    if (mirror == NULL)
        return NULL;
    mirror->origin = o->source;
    mirror->worker = worker;
    mirror->source.id = o->id;
    mirror->source.endpoint = &mirror->publisher;
    mirror->source.mirror = mirror;
    mirror->source.conf = o->conf;
    mirror->publisher.id = o->endpoint->id;
    if (add_streams(c, o, mirror))
        return mirror;
    dp_mirror_free(mirror);
    return NULL;
}

void dp_mirror_free(struct dp_mirror *mirror)
{
    if (mirror == NULL)
        return;
    for (unsigned i = 0; i < HR_RIDS_MAX; i++)
        dp_stream_free(mirror->source.streams[i]);
    free(mirror->source.fan);
    free(mirror->source.opaque.legs);
    free(mirror);
}

struct dp_source *dp_view_source(const struct dp_source_object *o, const struct dp_worker *worker)
{
    struct dp_mirror *mirror = o->views[worker->id].mirror;
    return mirror ? &mirror->source : o->source;
}

uint64_t dp_view_workers(const struct dp_objects *objects, const struct dp_source_object *o)
{
    uint64_t workers = UINT64_C(1) << o->endpoint->worker->id;
    for (unsigned i = 0; i < objects->dp->workers_count; i++)
        if (o->views[i].mirror)
            workers |= UINT64_C(1) << i;
    return workers;
}
