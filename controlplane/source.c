#include "controlplane/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/media.h"
#include "controlplane/participant.h"
#include "controlplane/subscription.h"

static const char *const words[CP_LABELS] = {
#define X(name, word) word,
    CP_LABEL_MAP(X)
#undef X
};

int cp_label_parse(const char *word)
{
    for (int i = 0; i < CP_LABELS; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -EINVAL;
}

const char *cp_label_word(enum cp_label label)
{
    return words[label];
}

struct cp_source *cp_source_new(uint32_t id, struct cp_participant *owner, const char *mid,
                                bool video)
{
    struct cp_source *s = g_new0(struct cp_source, 1);
    s->id = id;
    s->owner = owner;
    s->video = video;
    s->label = video ? CP_LABEL_CAMERA : CP_LABEL_MICROPHONE;
    s->subscriptions = g_ptr_array_new();
    g_strlcpy(s->mid, mid, sizeof(s->mid));
    g_ptr_array_add(owner->sources, s);
    return s;
}

void cp_source_free(struct cp_source *s)
{
    while (s->subscriptions->len)
        cp_subscription_bind(s->subscriptions->pdata[s->subscriptions->len - 1], NULL);
    cp_media_source_gone(s);
    g_ptr_array_remove(s->owner->sources, s);
    g_ptr_array_free(s->subscriptions, TRUE);
    g_free(s);
}

struct cp_source *cp_source_by_mid(const struct cp_participant *p, const char *mid)
{
    for (guint i = 0; i < p->sources->len; i++) {
        struct cp_source *s = p->sources->pdata[i];
        if (strcmp(s->mid, mid) == 0)
            return s;
    }
    return NULL;
}

json_t *cp_source_json(const struct cp_source *s)
{
    char id[16];
    snprintf(id, sizeof(id), "s%u", s->id);
    return json_pack("{s:s, s:s, s:s, s:b, s:b}", "id", id, "kind", s->video ? "video" : "audio",
                     "label", words[s->label], "muted", (int)s->muted, "simulcast",
                     (int)s->simulcast);
}
