/*
 * Messages of clients (docs/signalling.md): text to a checked struct. Pure; a row per message, a
 * row per field rule. What a session does with them is in session.c.
 */
#ifndef CP_SIGNALLING_H
#define CP_SIGNALLING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/chat.h"
#include "controlplane/direct.h"
#include "controlplane/media.h"
#include "controlplane/participant.h"
#include "controlplane/view.h"

#define CP_MESSAGE_MAX  (256 * 1024)     /* bytes of a message */
#define CP_BINDINGS_MAX CP_SDP_MEDIA_MAX /* entries of sources and of subscriptions in an offer */

enum cp_message_type {
    CP_MESSAGE_JOIN,
    CP_MESSAGE_OFFER,
    CP_MESSAGE_UPDATE,
    CP_MESSAGE_SOURCE,
    CP_MESSAGE_CHAT,
    CP_MESSAGE_LEAVE,
    CP_MESSAGE_PING,
    CP_MESSAGE_DIRECT_OFFER,
    CP_MESSAGE_DIRECT_ANSWER,
    CP_MESSAGE_DIRECT_STATE,
    CP_MESSAGE_VIEW,
    CP_MESSAGES
};

/* Strings are the JSON's own and live as long as the message. */
struct cp_message {
    json_t *root;
    enum cp_message_type type;
    const json_t *request; /* number, or NULL */
    struct cp_profile profile;
    bool hand; /* what profile.hand points to */
    const char *resume, *text;
    uint32_t source;
    bool muted, can_direct;
    struct cp_direct_message direct; /* its description is offer */
    struct cp_offer offer; /* arrays on the heap, the message's */
    struct cp_view view;   /* likewise */
};

struct cp_message_error {
    const json_t *request; /* of the message that is wrong, when it could be read; the message's */
    char text[160];
};

/* 0, or -EINVAL with err->text naming the field; cp_message_free() in either case. */
int cp_message_parse(const char *text, size_t len, struct cp_message *out,
                     struct cp_message_error *err);
void cp_message_free(struct cp_message *m);

/* "s4" to 4; 0: not of that form. */
uint32_t cp_id_parse(const char *text, char letter);

#endif
