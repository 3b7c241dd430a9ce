/*
 * A viewer names whom it wants to see, not which source: its sections are filled here, camera
 * before screen and microphone before a screen's sound, again whenever that participant's sources
 * change.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controlplane/whip.h"

/* Somebody who came by WHIP or SDES before a member. */
struct cp_participant *cp_whep_publisher(const struct cp_room *room, const char *name)
{
    struct cp_participant *found = NULL;
    for (guint i = 0; room && i < room->participants->len; i++) {
        struct cp_participant *p = room->participants->pdata[i];
        if (p->sources->len == 0 || strcasecmp(p->name, name) != 0)
            continue;
        if (p->kind != CP_KIND_MEMBER)
            return p;
        found = found ? found : p;
    }
    return found;
}

/* The next source of that kind that is not in taken (ids, 0 at its end). */
static struct cp_source *next_source(const struct cp_participant *p, bool video,
                                     const uint32_t *taken)
{
    struct cp_source *best = NULL;
    for (guint i = 0; i < p->sources->len; i++) {
        struct cp_source *s = p->sources->pdata[i];
        bool used = s->video != video;
        for (const uint32_t *t = taken; *t && !used; t++)
            used = *t == s->id;
        if (!used && (!best || s->label < best->label))
            best = s;
    }
    return best;
}

struct cp_offer_binding *cp_whep_bindings(const struct cp_participant *from,
                                          const struct cp_sdp *sdp, size_t *count)
{
    struct cp_offer_binding *bindings = g_new0(struct cp_offer_binding, sdp->n_media + 1);
    uint32_t *taken = g_new0(uint32_t, sdp->n_media + 1);
    size_t n = 0;
    for (size_t i = 0; i < sdp->n_media; i++) {
        const struct cp_sdp_media *m = &sdp->media[i];
        struct cp_source *source = m->mid && m->direction == CP_SDP_RECVONLY
                                       ? next_source(from, m->kind == CP_SDP_VIDEO, taken)
                                       : NULL;
        if (!source)
            continue;
        taken[n] = source->id;
        bindings[n++] = (struct cp_offer_binding){.mid = m->mid, .source = source->id};
    }
    g_free(taken);
    *count = n;
    return bindings;
}

void cp_whep_post(struct cp_service *s, struct cp_exchange *x)
{
    struct cp_sdp *sdp;
    if (!cp_whip_check(s, x, &sdp))
        return;
    struct cp_participant *from =
        cp_whep_publisher(cp_rooms_find(&s->rooms, x->params.value[0]), x->params.value[1]);
    if (!from) {
        cp_sdp_free(sdp);
        cp_answer_problem(x, 404, "nobody of this name publishes in the room");
        return;
    }
    size_t n;
    struct cp_offer_binding *bindings = cp_whep_bindings(from, sdp, &n);
    const struct cp_offer offer = {
        .sdp = x->body, .len = x->body_len, .bindings = bindings, .n_bindings = n};
    struct cp_resource *r = cp_whip_begin(s, x, CP_KIND_WHEP, &offer);
    g_free(bindings);
    cp_sdp_free(sdp);
    if (r && r->participant->subscriptions->len == 0) {
        cp_answer_problem(x, 422, "no section of the offer is recvonly with a mid");
        cp_resource_end(s, r, "gone");
    } else if (r) {
        cp_whip_created(x, r);
    }
}

static void fill(struct cp_participant *viewer)
{
    const struct cp_resource *r = viewer->resource;
    struct cp_participant *from = r ? cp_whep_publisher(viewer->room, r->name) : NULL;
    GPtrArray *subs = viewer->subscriptions;
    if (!from)
        return;
    uint32_t *taken = g_new0(uint32_t, subs->len + 1);
    size_t n = 0;
    for (guint i = 0; i < subs->len; i++) {
        const struct cp_subscription *sub = subs->pdata[i];
        if (sub->source)
            taken[n++] = sub->source->id;
    }
    for (guint i = 0; i < subs->len; i++) {
        struct cp_subscription *sub = subs->pdata[i];
        struct cp_source *source = sub->source ? NULL : next_source(from, sub->video, taken);
        if (!source)
            continue;
        taken[n++] = source->id;
        cp_subscription_bind(sub, source);
    }
    g_free(taken);
}

void cp_whep_fill(struct cp_room *room)
{
    for (guint i = 0; i < room->participants->len; i++) {
        struct cp_participant *p = room->participants->pdata[i];
        if (p->kind == CP_KIND_WHEP || p->kind == CP_KIND_SDES)
            fill(p);
    }
}
