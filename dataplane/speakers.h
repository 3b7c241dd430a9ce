/*
 * Who speaks in a room and who of it is heard: the workers' side of speaker/. A source's levels are
 * its publisher's worker's, and so is what becomes of its packets: those that are not heard end in
 * ingress, for all receivers at once. The room decides nothing for itself: the worker whose packet
 * finds that something is to be decided does it, on the seats alone, of which there are few. One
 * worker at a time; another that comes meanwhile does not wait, its next packet asks again. So a
 * room may spread over workers, and an endpoint that moves takes along all that it needs.
 */
#ifndef DP_SPEAKERS_H
#define DP_SPEAKERS_H

#include "dataplane/speaker/activity.h"
#include "dataplane/speaker/dominant.h"
#include "dataplane/speaker/gate.h"
#include "dataplane/speaker/loudest.h"
#include "dataplane/worker.h"

#include <stdatomic.h>

struct dp_objects;
struct dp_source_object;
struct rte_mbuf;

/* An audio source's part. */
struct dp_speaker {
    /* the publisher's worker's */
    struct dp_room *room; /* NULL: of none */
    bool ranked;          /* its packets have levels; else it is always heard */
    struct dp_activity activity;
    bool left; /* the room: main sets it within the claim, its worker clears it in another room */
    /* The publisher's worker writes, who has claimed the room and main read: struct dp_scores. */
    _Atomic uint64_t scores;
    /* Who has claimed the room writes, the publisher's worker and main read. */
    atomic_bool seated;
};

struct dp_room {
    /* set when made */
    struct dp_objects *objects;
    uint32_t id;
    bool all; /* everybody is heard: seats are for the decision who speaks */

    atomic_bool claimed; /* by a worker that decides, or main */
    /* Who has claimed it writes, every worker reads. */
    atomic_bool full;    /* there is no free seat */
    _Atomic int64_t due; /* us: the next decision who speaks */
    /* Who has claimed it reads and writes. */
    struct dp_loudest loudest;
    struct dp_speaker *seated[DP_SEATS_MAX]; /* in the order of loudest.seat */
    struct dp_dominant dominant;
    bool changed; /* and main has not yet read it */
    struct dp_work news;
    atomic_bool posted; /* news is on its way: a worker sets, main clears */

    unsigned sources; /* main's */
};

/* ---- workers */

/* A packet of a source of a room, authentic: false if others are heard instead. */
bool dp_speaker_heard(struct dp_worker *w, struct rte_mbuf *m);
/* The source is of this room from now on; NULL: of none. */
void dp_speaker_enter(struct dp_worker *w, struct dp_speaker *s, struct dp_room *room);

/* ---- main */

/* The room of this number, made if there is none. NULL: there is no memory. */
struct dp_room *dp_room_join(struct dp_objects *objects, uint32_t id);
/* The source has no seat in it any more, and will get none; its worker may still know the room,
 * until dp_room_release(). */
void dp_room_leave(struct dp_room *room, const struct dp_source_object *o);
/* As many times as sources have joined. NULL: nothing. */
void dp_room_release(struct dp_room *room);
/* Says again who speaks in each room. */
void dp_rooms_tell(struct dp_objects *objects);
/* Workers have stopped: all rooms go. */
void dp_rooms_free(struct dp_objects *objects);

/* Of late: loudness as in StreamStats.level. */
unsigned dp_speaker_level(const struct dp_speaker *s, uint32_t now_ms);
static inline bool dp_speaker_unheard(const struct dp_speaker *s)
{
    return s->room && !s->room->all && s->ranked &&
           !atomic_load_explicit(&s->seated, memory_order_relaxed);
}

#endif
