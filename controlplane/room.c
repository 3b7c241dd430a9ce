#include "controlplane/room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/direct.h"
#include "controlplane/media.h"

static void room_free(gpointer data)
{
    struct cp_room *room = data;
    cp_direct_free(room->direct);
    cp_speakers_free(room);
    g_hash_table_remove(room->rooms->by_number, GUINT_TO_POINTER(room->number));
    for (guint i = 0; i < room->participants->len; i++)
        cp_participant_free(room->participants->pdata[i]);
    g_ptr_array_free(room->participants, TRUE);
    cp_chat_clear(&room->chat);
    g_free(room);
}

void cp_rooms_init(struct cp_rooms *rooms, const struct cp_room_limits *limits)
{
    memset(rooms, 0, sizeof(*rooms));
    rooms->limits = *limits;
    rooms->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, room_free);
    rooms->by_number = g_hash_table_new(NULL, NULL);
    rooms->by_resume = g_hash_table_new(g_str_hash, g_str_equal);
    rooms->speakers_due = g_ptr_array_new();
    rooms->next_participant = rooms->next_source = 1;
}

void cp_rooms_clear(struct cp_rooms *rooms)
{
    if (rooms->by_name)
        g_hash_table_destroy(rooms->by_name);
    if (rooms->by_number)
        g_hash_table_destroy(rooms->by_number);
    if (rooms->by_resume)
        g_hash_table_destroy(rooms->by_resume);
    if (rooms->speakers_due)
        g_ptr_array_free(rooms->speakers_due, TRUE);
    memset(rooms, 0, sizeof(*rooms));
}

static void lower(char out[CP_NAME_MAX + 1], const char *name)
{
    size_t i = 0;
    for (; name[i] && i < CP_NAME_MAX; i++)
        out[i] = g_ascii_tolower(name[i]);
    out[i] = 0;
}

struct cp_room *cp_rooms_find(const struct cp_rooms *rooms, const char *name)
{
    char key[CP_NAME_MAX + 1];
    lower(key, name);
    return g_hash_table_lookup(rooms->by_name, key);
}

struct cp_room *cp_rooms_numbered(const struct cp_rooms *rooms, uint32_t number)
{
    return g_hash_table_lookup(rooms->by_number, GUINT_TO_POINTER(number));
}

struct cp_participant *cp_rooms_resume(const struct cp_rooms *rooms, const char *token)
{
    return g_hash_table_lookup(rooms->by_resume, token);
}

struct cp_source *cp_room_source(const struct cp_room *room, uint32_t id)
{
    for (guint i = 0; i < room->participants->len; i++) {
        const struct cp_participant *p = room->participants->pdata[i];
        for (guint k = 0; k < p->sources->len; k++) {
            struct cp_source *s = p->sources->pdata[k];
            if (s->id == id)
                return s;
        }
    }
    return NULL;
}

/* Numbers begin anew after 2^32 rooms, and 0 means none. */
static uint32_t free_number(struct cp_rooms *rooms)
{
    do
        rooms->next_room++;
    while (rooms->next_room == 0 || cp_rooms_numbered(rooms, rooms->next_room));
    return rooms->next_room;
}

static struct cp_room *room_new(struct cp_rooms *rooms, const char *name, uint64_t now)
{
    struct cp_room *room = g_new0(struct cp_room, 1);
    lower(room->name, name);
    room->rooms = rooms;
    room->created_ms = now;
    room->number = free_number(rooms);
    room->participants = g_ptr_array_new();
    cp_chat_init(&room->chat, rooms->limits.chat_lines);
    g_hash_table_insert(rooms->by_name, room->name, room);
    g_hash_table_insert(rooms->by_number, GUINT_TO_POINTER(room->number), room);
    return room;
}

uint32_t cp_room_group(const struct cp_room *room)
{
    uint32_t before = room->participants->len ? room->participants->len - 1 : 0;
    return room->number + before / CP_GROUP_ENDPOINTS;
}

/* Whether a newcomer would break a limit, and which. */
static bool full(const struct cp_rooms *rooms, const struct cp_room *room, struct cp_refusal *why)
{
    if (room && room->participants->len >= rooms->limits.participants_per_room) {
        *why = (struct cp_refusal){"room_full", "the room is full (limits.participants_per_room)"};
        return true;
    }
    if (rooms->participants >= rooms->limits.participants) {
        *why = (struct cp_refusal){"server_full", "the server is full (limits.participants)"};
        return true;
    }
    if (!room && g_hash_table_size(rooms->by_name) >= rooms->limits.rooms) {
        *why = (struct cp_refusal){"server_full",
                                   "the server has no room for another room (limits.rooms)"};
        return true;
    }
    return false;
}

struct cp_participant *cp_rooms_join(struct cp_rooms *rooms, const char *name, enum cp_kind kind,
                                     const struct cp_profile *profile, uint64_t now,
                                     struct cp_refusal *why)
{
    struct cp_room *room = cp_rooms_find(rooms, name);
    if (full(rooms, room, why))
        return NULL;
    if (!room)
        room = room_new(rooms, name, now);
    struct cp_participant *p = cp_participant_new(rooms->next_participant++, kind, profile);
    p->room = room;
    p->grace_until = now + rooms->limits.resume_ms;
    g_ptr_array_add(room->participants, p);
    cp_direct_joined(room);
    g_hash_table_insert(rooms->by_resume, p->resume, p);
    rooms->participants++;
    rooms->joins++;
    return p;
}

void cp_room_announce(struct cp_participant *p)
{
    p->announced = true;
    cp_room_tell(p->room, p,
                 json_pack("{s:s, s:o}", "type", "participant-joined", "participant",
                           cp_participant_json(p)));
}

void cp_room_leave(struct cp_participant *p, const char *reason)
{
    struct cp_room *room = p->room;
    struct cp_rooms *rooms = room->rooms;
    char id[16];
    snprintf(id, sizeof(id), "p%u", p->id);
    cp_direct_left(room, p);
    g_ptr_array_remove(room->participants, p);
    cp_speakers_left(room, p);
    g_hash_table_remove(rooms->by_resume, p->resume);
    rooms->participants--;
    if (p->announced)
        cp_room_tell(room, NULL,
                     json_pack("{s:s, s:s, s:s}", "type", "participant-left", "participant", id,
                               "reason", reason));
    if (p->client)
        p->client->end(p->client);
    cp_participant_free(p);
    if (room->participants->len == 0)
        g_hash_table_remove(rooms->by_name, room->name);
}

void cp_rooms_tick(struct cp_rooms *rooms, uint64_t now)
{
    GPtrArray *over = g_ptr_array_new();
    GHashTableIter it;
    gpointer value;
    g_hash_table_iter_init(&it, rooms->by_name);
    while (g_hash_table_iter_next(&it, NULL, &value)) {
        struct cp_room *room = value;
        cp_direct_tick(room, now);
        for (guint i = 0; i < room->participants->len; i++) {
            struct cp_participant *p = room->participants->pdata[i];
            if (p->kind == CP_KIND_MEMBER && !p->client && now >= p->grace_until)
                g_ptr_array_add(over, p);
        }
    }
    for (guint i = 0; i < over->len; i++)
        cp_room_leave(over->pdata[i], "gone");
    g_ptr_array_free(over, TRUE);
}

void cp_room_tell(struct cp_room *room, const struct cp_participant *except, json_t *message)
{
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    size_t len = text ? strlen(text) : 0;
    for (guint i = 0; text && i < room->participants->len; i++) {
        struct cp_participant *p = room->participants->pdata[i];
        if (p != except && p->client)
            p->client->send(p->client, text, len);
    }
    free(text);
    json_decref(message);
}

void cp_room_tell_updated(struct cp_participant *p)
{
    cp_room_tell(p->room, p,
                 json_pack("{s:s, s:o}", "type", "participant-updated", "participant",
                           cp_participant_json(p)));
}

void cp_room_tell_source(struct cp_source *s, const char *type)
{
    char participant[16], id[16];
    if (!s->owner->announced)
        return;
    snprintf(participant, sizeof(participant), "p%u", s->owner->id);
    snprintf(id, sizeof(id), "s%u", s->id);
    bool removed = strcmp(type, "source-removed") == 0;
    cp_room_tell(s->owner->room, s->owner,
                 json_pack("{s:s, s:s, s:o}", "type", type, "participant", participant, "source",
                           removed ? json_string(id) : cp_source_json(s)));
}

json_t *cp_room_joined(const struct cp_participant *p, bool resumed)
{
    const struct cp_room *room = p->room;
    char id[16];
    snprintf(id, sizeof(id), "p%u", p->id);
    json_t *others = json_array();
    for (guint i = 0; i < room->participants->len; i++) {
        const struct cp_participant *o = room->participants->pdata[i];
        if (o != p && o->announced)
            json_array_append_new(others, cp_participant_json(o));
    }
    json_t *limits =
        json_pack("{s:i, s:i, s:i}", "participants", (int)room->rooms->limits.participants_per_room,
                  "chat_text", CP_CHAT_TEXT_MAX, "avatar", CP_AVATAR_MAX);
    json_t *joined =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "type", "joined", "participant", id,
                  "room", room->name, "resume", p->resume, "participants", others, "chat",
                  cp_chat_json(&room->chat), "limits", limits);
    json_t *speaker = cp_speakers_json(room);
    if (speaker)
        json_object_set_new(joined, "speaker", speaker);
    if (resumed)
        json_object_set_new(joined, "resumed", json_true());
    if (cp_direct_id(p)) {
        snprintf(id, sizeof(id), "d%u", cp_direct_id(p));
        json_object_set_new(joined, "direct", json_string(id));
    }
    return joined;
}

void cp_room_chat(struct cp_participant *p, const char *text, int64_t wall_ms)
{
    cp_room_tell(p->room, NULL, cp_chat_add(&p->room->chat, p->id, p->name, text, wall_ms));
}

void cp_room_attach(struct cp_participant *p, struct cp_client *client)
{
    p->client = client;
}

void cp_room_detach(struct cp_participant *p, uint64_t now)
{
    p->client = NULL;
    p->grace_until = now + p->room->rooms->limits.resume_ms;
    if (p->media && !cp_media_alive(p->media))
        cp_room_leave(p, "gone");
}
