/* Rooms: made with the first audio source that names one, gone with the last. */
#include "dataplane/dataplane.h"
#include "dataplane/objects.h"
#include "dataplane/speakers.h"

#include <sched.h>
#include <stdlib.h>

/* Workers hold it for less than a microsecond; main may wait until one that was interrupted goes
 * on. */
static void claim(struct dp_room *room)
{
    while (atomic_exchange_explicit(&room->claimed, true, memory_order_acquire))
        sched_yield();
}

static void release(struct dp_room *room)
{
    atomic_store_explicit(&room->claimed, false, memory_order_release);
}

static void tell(const struct dp_room *room, const struct dp_dominant *d)
{
    Headrace__SpeakersChanged what = HEADRACE__SPEAKERS_CHANGED__INIT;
    Headrace__Event event = HEADRACE__EVENT__INIT;
    what.room = room->id;
    what.dominant = d->source;
    what.recent = (uint32_t *)d->recent;
    what.n_recent = d->recent_count;
    event.what_case = HEADRACE__EVENT__WHAT_SPEAKERS_CHANGED;
    event.speakers_changed = &what;
    room->objects->event(room->objects->event_arg, &event);
}

static struct dp_dominant who_speaks(struct dp_room *room)
{
    claim(room);
    struct dp_dominant d = room->dominant;
    room->changed = false;
    release(room);
    return d;
}

/* Unless a worker's news of it is still on its way. */
static void free_unused(struct dp_room *room)
{
    if (room->sources || atomic_load_explicit(&room->posted, memory_order_relaxed))
        return;
    dp_index_remove(&room->objects->rooms, room->id);
    free(room);
}

static void take_news(struct dp_work *work)
{
    struct dp_room *room = container_of(work, struct dp_room, news);
    atomic_store_explicit(&room->posted, false, memory_order_relaxed);
    struct dp_dominant d = who_speaks(room);
    if (room->sources)
        tell(room, &d);
    free_unused(room);
}

static struct dp_room *room_new(struct dp_objects *objects, uint32_t id)
{
    struct dp_room *room;
    uint32_t loudest = objects->dp->config->media.audio_loudest;
    if (dp_index_reserve(&objects->rooms) || (room = dp_new(sizeof(*room))) == NULL)
        return NULL;
    room->objects = objects;
    room->id = id;
    room->all = loudest == 0;
    room->loudest.size = loudest && loudest < DP_SEATS_MAX ? loudest + 1 : DP_SEATS_MAX;
    room->news.done = take_news;
    dp_index_add(&objects->rooms, id, room);
    return room;
}

struct dp_room *dp_room_join(struct dp_objects *objects, uint32_t id)
{
    struct dp_room *room = dp_index_find(&objects->rooms, id);
    if (room == NULL)
        room = room_new(objects, id);
    if (room)
        room->sources++;
    return room;
}

static void vacate(struct dp_room *room, struct dp_speaker *s)
{
    struct dp_loudest *l = &room->loudest;
    for (unsigned i = 0; i < l->count; i++) {
        if (room->seated[i] != s)
            continue;
        l->count--;
        l->seat[i] = l->seat[l->count];
        room->seated[i] = room->seated[l->count];
        break;
    }
    s->left = true;
    atomic_store_explicit(&s->seated, false, memory_order_relaxed);
    atomic_store_explicit(&room->full, l->count == l->size, memory_order_relaxed);
}

void dp_room_leave(struct dp_room *room, const struct dp_source_object *o)
{
    claim(room);
    vacate(room, &o->source->speaker);
    bool changed = dp_dominant_forget(&room->dominant, o->id);
    struct dp_dominant d = room->dominant;
    release(room);
    if (changed)
        tell(room, &d);
}

void dp_room_release(struct dp_room *room)
{
    if (room == NULL)
        return;
    room->sources--;
    free_unused(room);
}

void dp_rooms_tell(struct dp_objects *objects)
{
    struct dp_room *room;
    for (uint32_t id = 0; (room = dp_index_next(&objects->rooms, id)) != NULL; id = room->id) {
        struct dp_dominant d = who_speaks(room);
        if (d.recent_count)
            tell(room, &d);
    }
}

void dp_rooms_free(struct dp_objects *objects)
{
    struct dp_room *room;
    while ((room = dp_index_next(&objects->rooms, 0)) != NULL) {
        dp_index_remove(&objects->rooms, room->id);
        free(room);
    }
    dp_index_free(&objects->rooms);
}
