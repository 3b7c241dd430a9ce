/*
 * Who speaks in a room: what the dataplane finds among its microphones, told to all who are in it
 * and kept for the allocation of their videos (view.h). Times are ms of one clock.
 */
#ifndef CP_SPEAKERS_H
#define CP_SPEAKERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/headrace.pb-c.h"
#include "proto/limits.h"

#define CP_SPEAKERS_PAUSE_MS 250 /* a room is told no sooner again; what comes between waits */

struct cp_participant;
struct cp_room;
struct cp_rooms;

/* Of a room. All named are in it. */
struct cp_speakers {
    struct cp_participant *dominant;                   /* NULL: nobody */
    struct cp_participant *recent[HR_RECENT_SPEAKERS]; /* who was dominant, the newest first */
    size_t n_recent;
    uint64_t turns;   /* begun since the room was made */
    uint64_t told_at; /* 0: never */
    bool due;         /* those in the room do not know yet */
};

/* Takes an event. One that names a room or a dominant source that is gone is ignored: another one
 * follows it. */
void cp_speakers_changed(struct cp_rooms *rooms, const Headrace__SpeakersChanged *event,
                         uint64_t now);
/* Tells what had to wait. When it wants to be called again; UINT64_MAX: nothing waits. */
uint64_t cp_speakers_tick(struct cp_rooms *rooms, uint64_t now);
/* p is no longer among the room's. */
void cp_speakers_left(struct cp_room *room, const struct cp_participant *p);
/* The room goes. */
void cp_speakers_free(struct cp_room *room);
/* Whose video p sees as the speaker's: the newest that is not p. NULL: nobody has spoken. */
const struct cp_participant *cp_speakers_seen_by(const struct cp_participant *p);
/* "participant" and "recent" of docs/signalling.md; NULL: nobody has spoken. */
json_t *cp_speakers_json(const struct cp_room *room);

#endif
