#include "controlplane/subscription.h"

#include <glib.h>
#include <string.h>

#include "controlplane/media.h"
#include "controlplane/participant.h"
#include "controlplane/source.h"

struct cp_subscription *cp_subscription_new(uint32_t object, struct cp_participant *owner,
                                            const char *mid, bool video)
{
    struct cp_subscription *s = g_new0(struct cp_subscription, 1);
    s->object = object;
    s->owner = owner;
    s->video = video;
    s->fresh = true;
    g_strlcpy(s->mid, mid, sizeof(s->mid));
    g_ptr_array_add(owner->subscriptions, s);
    return s;
}

static void detach(struct cp_subscription *s)
{
    if (s->source)
        g_ptr_array_remove_fast(s->source->subscriptions, s);
    s->source = NULL;
}

void cp_subscription_free(struct cp_subscription *s)
{
    detach(s);
    cp_media_subscription_gone(s);
    g_ptr_array_remove(s->owner->subscriptions, s);
    g_free(s);
}

bool cp_subscription_bind(struct cp_subscription *s, struct cp_source *source)
{
    if (s->source == source)
        return false;
    detach(s);
    s->source = source;
    s->shown = (struct cp_shown){0};
    if (source)
        g_ptr_array_add(source->subscriptions, s);
    cp_media_subscription_changed(s);
    return true;
}

struct cp_subscription *cp_subscription_by_mid(const struct cp_participant *p, const char *mid)
{
    for (guint i = 0; i < p->subscriptions->len; i++) {
        struct cp_subscription *s = p->subscriptions->pdata[i];
        if (strcmp(s->mid, mid) == 0)
            return s;
    }
    return NULL;
}
