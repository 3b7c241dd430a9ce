/*
 * Two people alone in a room, with DTLS from browser to browser: who may, when it begins and when
 * it ends. The relay passes their descriptions on with its own ICE lines (direct_sdp.h) and their
 * packets as they come (cp_endpoint_pair), and has no key. What they publish in the ordinary way
 * stays agreed all the while, so going back needs no offer.
 */
#ifndef CP_DIRECT_H
#define CP_DIRECT_H

#include "controlplane/media.h"
#include "controlplane/participant.h"

#define CP_DIRECT_SETTLE_MS 1000  /* two are alone for so long before it begins */
#define CP_DIRECT_AGAIN_MS  10000 /* the same, after others had been there */
#define CP_DIRECT_RETRY_MS  60000 /* the same, after it had failed */
#define CP_DIRECT_ANSWER_MS 15000 /* for an offer, and for its answer */
#define CP_DIRECT_BACK_MS                                                                          \
    10000 /* after its end, for both to see each other in the ordinary way                         \
           */

struct cp_direct;
struct cp_direct_end;
struct cp_room;

enum cp_direct_state { CP_DIRECT_DIRECT, CP_DIRECT_RELAY, CP_DIRECT_FAILED, CP_DIRECT_STATES };

/* What a client sends; id is that of the `direct` message it answers. One that is over is ignored.
 */
struct cp_direct_message {
    uint32_t id;
    enum cp_direct_state state;
    const struct cp_offer *description; /* sdp and sources */
};

/* 0; or -1 and *why, and then it is over. */
int cp_direct_offer(struct cp_participant *p, const struct cp_direct_message *m, uint64_t now,
                    struct cp_media_failure *why);
int cp_direct_answer(struct cp_participant *p, const struct cp_direct_message *m, uint64_t now,
                     struct cp_media_failure *why);
void cp_direct_say(struct cp_participant *p, const struct cp_direct_message *m);

/* Once a second. */
void cp_direct_tick(struct cp_room *room, uint64_t now);
/* Somebody is new in the room; somebody leaves it. */
void cp_direct_joined(struct cp_room *room);
void cp_direct_left(struct cp_room *room, const struct cp_participant *p);
/* The handler `gone` of a paired endpoint, whose owner this is. */
void cp_direct_gone(struct cp_direct_end *end, enum cp_gone reason);
/* Its id, while p has a part in one that is not over; else 0. */
uint32_t cp_direct_id(const struct cp_participant *p);
/* Whether the room's two are connected directly, or on their way back. */
bool cp_direct_runs(const struct cp_room *room);
void cp_direct_free(struct cp_direct *d); /* NULL is fine */

#endif
