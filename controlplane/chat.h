/* The lines of a room's chat: the newest limits.chat_lines of them; gone with the room. */
#ifndef CP_CHAT_H
#define CP_CHAT_H

#include <glib.h>
#include <jansson.h>
#include <stdint.h>

#define CP_CHAT_TEXT_MAX 4000 /* characters */

struct cp_chat {
    GQueue lines; /* json_t, oldest first */
    uint32_t limit;
    uint64_t next_id;
};

void cp_chat_init(struct cp_chat *chat, uint32_t limit);
void cp_chat_clear(struct cp_chat *chat);
/* Keeps a line, drops the oldest beyond the limit. The chat message to send: the caller's
 * reference, or NULL. */
json_t *cp_chat_add(struct cp_chat *chat, uint32_t participant, const char *name, const char *text,
                    int64_t time_ms);
json_t *cp_chat_json(const struct cp_chat *chat); /* array */

#endif
