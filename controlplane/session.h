/*
 * One client on its WebSocket: joins, then speaks for its participant. The socket itself is
 * elsewhere (ws.c): messages come in as text, go out through `client`, and `now` is handed in.
 */
#ifndef CP_SESSION_H
#define CP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/participant.h"
#include "controlplane/route.h"

#define CP_JOIN_MS 10000 /* a session that has not joined by then is closed */

struct cp_service;

struct cp_session {
    struct cp_client client; /* first: sends to this session's socket */
    struct cp_service *service;
    char room[CP_NAME_MAX + 1];
    struct cp_participant *participant; /* NULL before join and after leaving */
    uint64_t opened, now;               /* ms */
    uint64_t window;                    /* second that is being counted */
    unsigned messages;                  /* in it; limits.messages_per_second of them are read */
    bool ended;
};

/* client is set by the caller: send queues a text, end closes once the queue is empty. */
void cp_session_open(struct cp_session *s, struct cp_service *service, const char *room,
                     uint64_t now);
void cp_session_receive(struct cp_session *s, const char *text, size_t len, uint64_t now);
/* Too long, or not text. */
void cp_session_refuse(struct cp_session *s, const char *text);
/* The socket is gone. left: the client's page said so itself (close code 1001), so nobody will
 * resume. */
void cp_session_closed(struct cp_session *s, bool left, uint64_t now);
/* Once a second. */
void cp_session_tick(struct cp_session *s, uint64_t now);
void cp_session_bye(struct cp_session *s, const char *reason, const char *text);

#endif
