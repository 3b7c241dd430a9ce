/*
 * Rooms by name, and who is in them. A room is there while somebody is in it. Joining, leaving and
 * every change are told to the others from here, in the order in which they happen. Times are ms of
 * one clock.
 */
#ifndef CP_ROOM_H
#define CP_ROOM_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "controlplane/chat.h"
#include "controlplane/participant.h"
#include "controlplane/route.h"
#include "controlplane/source.h"
#include "controlplane/speakers.h"

struct cp_room_limits {
    uint32_t rooms, participants_per_room, participants, chat_lines;
    uint32_t resume_ms; /* a participant without WebSocket is kept that long */
};

#define CP_GROUP_ENDPOINTS 32 /* of a room that one worker serves; docs/decisions/0006 */

struct cp_direct;
struct cp_media_env;

struct cp_rooms {
    struct cp_room_limits limits;
    GHashTable *by_name;   /* lower case -> struct cp_room, owned */
    GHashTable *by_number; /* -> struct cp_room */
    GHashTable *by_resume; /* token -> struct cp_participant */
    GPtrArray *speakers_due; /* rooms where who speaks is to be told: speakers.h */
    uint32_t participants;
    uint32_t next_participant, next_source, next_room;
    uint32_t directs; /* begun since start */
    struct cp_media_env *media; /* NULL: without; set by cp_media_open() */
    uint64_t joins; /* since start */
};

struct cp_room {
    char name[CP_NAME_MAX + 1]; /* lower case */
    struct cp_rooms *rooms;
    uint64_t created_ms;
    uint32_t number;         /* 1.., of no other room that there is; SourcePut.room, too */
    GPtrArray *participants; /* owned, in the order of joining */
    struct cp_chat chat;
    struct cp_speakers speakers;
    struct cp_direct *direct; /* NULL: none */
    uint64_t direct_at;       /* ms: when one may begin; 0: nothing speaks for it yet */
    uint32_t direct_pause;    /* ms: before the next; 0: there was none */
};

/* Why nobody may join: a code of docs/signalling.md (room_full, server_full), and words. */
struct cp_refusal {
    const char *code, *text;
};

void cp_rooms_init(struct cp_rooms *rooms, const struct cp_room_limits *limits);
void cp_rooms_clear(struct cp_rooms *rooms); /* everybody goes, nobody is told */

struct cp_room *cp_rooms_find(const struct cp_rooms *rooms, const char *name);
struct cp_room *cp_rooms_numbered(const struct cp_rooms *rooms, uint32_t number);
/* For endpoints made now: the room's, and of a room that has grown one more for each
 * CP_GROUP_ENDPOINTS, so that a large one is spread. */
uint32_t cp_room_group(const struct cp_room *room);
struct cp_participant *cp_rooms_resume(const struct cp_rooms *rooms, const char *token);
/* By "s4", in one room. */
struct cp_source *cp_room_source(const struct cp_room *room, uint32_t id);

/*
 * Lets somebody into the room of that name, which is made if need be; cp_room_announce() tells the
 * others. NULL and *why when a limit is reached.
 */
struct cp_participant *cp_rooms_join(struct cp_rooms *rooms, const char *name, enum cp_kind kind,
                                     const struct cp_profile *profile, uint64_t now,
                                     struct cp_refusal *why);
void cp_room_announce(struct cp_participant *p);
/* Tells the others and frees; the room goes with its last participant. reason as in
 * participant-left. */
void cp_room_leave(struct cp_participant *p, const char *reason);
/* Participants whose grace is over leave. */
void cp_rooms_tick(struct cp_rooms *rooms, uint64_t now);

/* To every client but one (NULL: to all). Releases the reference. */
void cp_room_tell(struct cp_room *room, const struct cp_participant *except, json_t *message);
void cp_room_tell_updated(struct cp_participant *p);
void cp_room_tell_source(struct cp_source *s, const char *type);
/* The joined message for p, who just came or came back. */
json_t *cp_room_joined(const struct cp_participant *p, bool resumed);
void cp_room_chat(struct cp_participant *p, const char *text, int64_t wall_ms);

/* The WebSocket of a member is there, or is gone. */
void cp_room_attach(struct cp_participant *p, struct cp_client *client);
void cp_room_detach(struct cp_participant *p, uint64_t now);

#endif
