/*
 * The dataplane names sources, and forgets those that are gone; people are remembered by when their
 * last turn began, so that a microphone that is opened anew is no stranger.
 */
#include "controlplane/speakers.h"

#include <stdio.h>
#include <string.h>

#include "controlplane/room.h"
#include "controlplane/view.h"

struct list {
    struct cp_participant *of[HR_RECENT_SPEAKERS];
    size_t n;
};

static struct cp_participant *owner_of(const struct cp_room *room, uint32_t object)
{
    for (guint i = 0; object && i < room->participants->len; i++) {
        struct cp_participant *p = room->participants->pdata[i];
        for (guint k = 0; k < p->sources->len; k++)
            if (((const struct cp_source *)p->sources->pdata[k])->object == object)
                return p;
    }
    return NULL;
}

static void add(struct list *list, struct cp_participant *p)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->of[i] == p)
            return;
    if (p && list->n < HR_RECENT_SPEAKERS)
        list->of[list->n++] = p;
}

/* The newest first. */
static void insert(struct cp_speakers *s, struct cp_participant *p)
{
    size_t at = s->n_recent;
    while (at > 0 && s->recent[at - 1]->turn < p->turn)
        at--;
    if (at == HR_RECENT_SPEAKERS)
        return;
    s->n_recent = MIN(s->n_recent + 1, HR_RECENT_SPEAKERS);
    memmove(&s->recent[at + 1], &s->recent[at], (s->n_recent - at - 1) * sizeof(s->recent[0]));
    s->recent[at] = p;
}

static void sort(struct cp_room *room)
{
    room->speakers.n_recent = 0;
    for (guint i = 0; i < room->participants->len; i++) {
        struct cp_participant *p = room->participants->pdata[i];
        if (p->turn)
            insert(&room->speakers, p);
    }
}

static bool same(const struct cp_speakers *a, const struct cp_speakers *b)
{
    return a->dominant == b->dominant && a->n_recent == b->n_recent &&
           memcmp(a->recent, b->recent, a->n_recent * sizeof(a->recent[0])) == 0;
}

static void wait_to_tell(struct cp_room *room)
{
    if (!room->speakers.due)
        g_ptr_array_add(room->rooms->speakers_due, room);
    room->speakers.due = true;
}

static void tell(struct cp_room *room, uint64_t now)
{
    json_t *message = cp_speakers_json(room);
    room->speakers.due = false;
    room->speakers.told_at = now;
    if (message)
        json_object_set_new(message, "type", json_string("speaker"));
    cp_room_tell(room, NULL, message);
    for (guint i = 0; i < room->participants->len; i++)
        cp_view_update(room->participants->pdata[i]);
}

void cp_speakers_changed(struct cp_rooms *rooms, const Headrace__SpeakersChanged *event,
                         uint64_t now)
{
    struct cp_room *room = cp_rooms_numbered(rooms, event->room);
    struct cp_participant *dominant = room ? owner_of(room, event->dominant) : NULL;
    struct list list = {.n = 0};
    if (!room || (event->dominant && !dominant))
        return;
    struct cp_speakers before = room->speakers;
    add(&list, dominant);
    for (size_t i = 0; i < event->n_recent && i < HR_RECENT_SPEAKERS; i++)
        add(&list, owner_of(room, event->recent[i]));
    for (size_t i = list.n; i > 0; i--)
        list.of[i - 1]->turn = ++room->speakers.turns;
    room->speakers.dominant = dominant;
    sort(room);
    if (same(&before, &room->speakers))
        return;
    wait_to_tell(room);
    cp_speakers_tick(rooms, now);
}

uint64_t cp_speakers_tick(struct cp_rooms *rooms, uint64_t now)
{
    uint64_t next = UINT64_MAX;
    for (guint i = rooms->speakers_due->len; i > 0; i--) {
        struct cp_room *room = rooms->speakers_due->pdata[i - 1];
        uint64_t told = room->speakers.told_at;
        if (told && now < told + CP_SPEAKERS_PAUSE_MS) {
            next = MIN(next, told + CP_SPEAKERS_PAUSE_MS);
            continue;
        }
        g_ptr_array_remove_index_fast(rooms->speakers_due, i - 1);
        tell(room, now);
    }
    return next;
}

void cp_speakers_left(struct cp_room *room, const struct cp_participant *p)
{
    if (!p->turn)
        return;
    if (room->speakers.dominant == p)
        room->speakers.dominant = NULL;
    sort(room);
    wait_to_tell(room);
}

void cp_speakers_free(struct cp_room *room)
{
    if (room->speakers.due)
        g_ptr_array_remove_fast(room->rooms->speakers_due, room);
}

const struct cp_participant *cp_speakers_seen_by(const struct cp_participant *p)
{
    const struct cp_speakers *s = &p->room->speakers;
    for (size_t i = 0; i < s->n_recent; i++)
        if (s->recent[i] != p)
            return s->recent[i];
    return NULL;
}

static json_t *id_of(const struct cp_participant *p)
{
    char id[16];
    if (!p)
        return json_null();
    snprintf(id, sizeof(id), "p%u", p->id);
    return json_string(id);
}

json_t *cp_speakers_json(const struct cp_room *room)
{
    const struct cp_speakers *s = &room->speakers;
    if (s->turns == 0)
        return NULL;
    json_t *recent = json_array();
    for (size_t i = 0; i < s->n_recent; i++)
        json_array_append_new(recent, id_of(s->recent[i]));
    return json_pack("{s:o, s:o}", "participant", id_of(s->dominant), "recent", recent);
}
