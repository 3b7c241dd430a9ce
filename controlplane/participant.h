/*
 * A member of a room: what the others see of it, whom it is reached through, and what it publishes
 * and receives. Lives until it leaves, or until its WebSocket and then its endpoint or its grace
 * are gone.
 */
#ifndef CP_PARTICIPANT_H
#define CP_PARTICIPANT_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "controlplane/route.h"

#define CP_DISPLAY_NAME_MAX 128         /* bytes of UTF-8 */
#define CP_EMAIL_MAX        254         /* bytes, RFC 5321 */
#define CP_AVATAR_MAX       (32 * 1024) /* bytes */
#define CP_TOKEN_TEXT       33          /* 128 random bits in hex, and a NUL */

enum cp_kind { CP_KIND_MEMBER, CP_KIND_WHIP, CP_KIND_WHEP, CP_KIND_SDES };

struct cp_room;
struct cp_media;

/* The way to a participant: a WebSocket; tests have their own. */
struct cp_client {
    void (*send)(struct cp_client *c, const char *text, size_t len); /* one JSON message */
    void (*end)(struct cp_client *c); /* closes after what was sent; c is no longer anybody's */
};

/* What a participant says of itself; NULL: as it was. */
struct cp_profile {
    const char *name, *email, *avatar;
    const bool *hand;
};

struct cp_participant {
    uint32_t id;
    enum cp_kind kind;
    char *name, *email, *avatar; /* never NULL */
    bool hand;
    bool direct;    /* its client can speak to another one directly (direct.h) */
    uint32_t last_n; /* videos that it wants at most: view.h */
    uint64_t turn;   /* the room's turn that was its last as a speaker; 0: none (speakers.h) */
    bool announced; /* the others know of it; who only receives by WHEP or SDES is counted alone */
    char resume[CP_TOKEN_TEXT];
    struct cp_room *room;
    struct cp_client *client; /* NULL: the WebSocket is gone, or there never is one */
    uint64_t grace_until;     /* ms; while client is NULL, of a member */
    GPtrArray *sources;       /* struct cp_source, owned */
    GPtrArray *subscriptions; /* struct cp_subscription, owned */
    struct cp_media *media;   /* NULL until the first offer; owned */
    void *resource;           /* its struct cp_resource, but of members; not owned */
};

/* Random bits as hex; text has room for CP_TOKEN_TEXT. */
void cp_token(char text[CP_TOKEN_TEXT]);

/* Without a room yet; NULL: heap exhausted. */
struct cp_participant *cp_participant_new(uint32_t id, enum cp_kind kind,
                                          const struct cp_profile *profile);
/* Its media, sources and subscriptions too. Tells nobody: cp_room_leave() does. */
void cp_participant_free(struct cp_participant *p);

/* The object of docs/signalling.md, or NULL. */
json_t *cp_participant_json(const struct cp_participant *p);
/* True when something changed. */
bool cp_participant_update(struct cp_participant *p, const struct cp_profile *profile);
/* Sends a message and releases the reference; without a client nothing happens. */
void cp_participant_send(struct cp_participant *p, json_t *message);
const char *cp_kind_word(enum cp_kind kind);

#endif
