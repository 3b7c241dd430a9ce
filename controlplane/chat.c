#include "controlplane/chat.h"

#include <stdio.h>

void cp_chat_init(struct cp_chat *chat, uint32_t limit)
{
    g_queue_init(&chat->lines);
    chat->limit = limit;
    chat->next_id = 1;
}

void cp_chat_clear(struct cp_chat *chat)
{
    json_t *line;
    while ((line = g_queue_pop_head(&chat->lines)))
        json_decref(line);
}

json_t *cp_chat_add(struct cp_chat *chat, uint32_t participant, const char *name, const char *text,
                    int64_t time_ms)
{
    char from[16], id[24];
    snprintf(from, sizeof(from), "p%u", participant);
    snprintf(id, sizeof(id), "c%llu", (unsigned long long)chat->next_id);
    json_t *line = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s}", "type", "chat", "from", from, "name",
                             name, "text", text, "time", (json_int_t)time_ms, "id", id);
    if (!line)
        return NULL;
    chat->next_id++;
    if (chat->limit == 0)
        return line;
    if (chat->lines.length == chat->limit)
        json_decref(g_queue_pop_head(&chat->lines));
    g_queue_push_tail(&chat->lines, json_incref(line));
    return line;
}

json_t *cp_chat_json(const struct cp_chat *chat)
{
    json_t *array = json_array();
    for (GList *l = chat->lines.head; l; l = l->next)
        json_array_append(array, l->data);
    return array;
}
