#include "controlplane/view.h"

#include <glib.h>

#include "controlplane/media.h"
#include "controlplane/participant.h"
#include "controlplane/room.h"
#include "controlplane/source.h"
#include "controlplane/subscription.h"

enum priority { PRIORITY_TILE, PRIORITY_SPEAKER, PRIORITY_PINNED, PRIORITY_SCREEN };

static enum priority priority_of(const struct cp_subscription *s,
                                 const struct cp_participant *speaker)
{
    if (s->source->label == CP_LABEL_SCREEN)
        return PRIORITY_SCREEN;
    if (s->shown.pinned)
        return PRIORITY_PINNED;
    return s->source->owner == speaker ? PRIORITY_SPEAKER : PRIORITY_TILE;
}

/* Those that go first, first: of equals who spoke last, then as they are listed. */
static gint by_rank(gconstpointer a, gconstpointer b, gpointer speaker)
{
    const struct cp_subscription *x = *(struct cp_subscription *const *)a;
    const struct cp_subscription *y = *(struct cp_subscription *const *)b;
    gint more = (gint)priority_of(y, speaker) - (gint)priority_of(x, speaker);
    uint64_t x_turn = x->source->owner->turn, y_turn = y->source->owner->turn;
    return more ? more : (y_turn > x_turn) - (y_turn < x_turn);
}

/* All videos that are bound, p's to free. */
static GPtrArray *videos(const struct cp_participant *p)
{
    GPtrArray *array = g_ptr_array_new();
    for (guint i = 0; i < p->subscriptions->len; i++) {
        struct cp_subscription *s = p->subscriptions->pdata[i];
        if (s->video && s->source)
            g_ptr_array_add(array, s);
    }
    return array;
}

static void tell(struct cp_subscription *s, bool paused, uint8_t priority)
{
    if (paused == s->shown.paused && priority == s->shown.priority && !s->shown.resized)
        return;
    s->shown.paused = paused;
    s->shown.priority = priority;
    s->shown.resized = false;
    cp_media_subscription_changed(s);
}

void cp_view_update(struct cp_participant *p)
{
    const struct cp_participant *speaker = cp_speakers_seen_by(p);
    GPtrArray *array = videos(p);
    uint32_t left = p->last_n;
    if (left != CP_VIEW_ALL)
        g_ptr_array_sort_with_data(array, by_rank, (gpointer)(uintptr_t)speaker);
    for (guint i = 0; i < array->len; i++) {
        struct cp_subscription *s = array->pdata[i];
        bool paused = s->shown.hidden || left == 0;
        if (!paused && left != CP_VIEW_ALL)
            left--;
        tell(s, paused, (uint8_t)priority_of(s, speaker));
    }
    g_ptr_array_free(array, TRUE);
}

static void show(struct cp_subscription *s, const struct cp_view *view)
{
    struct cp_shown *shown = &s->shown;
    const struct cp_view_entry *e = NULL;
    for (size_t i = 0; i < view->n && !e; i++)
        if (view->entries[i].source == s->source->id)
            e = &view->entries[i];
    shown->hidden = !e;
    shown->pinned = e && e->pinned;
    if (e && (e->width != shown->width || e->height != shown->height)) {
        shown->width = e->width;
        shown->height = e->height;
        shown->resized = true;
    }
}

void cp_view_set(struct cp_participant *p, const struct cp_view *view)
{
    p->last_n = view->last_n;
    for (guint i = 0; i < p->subscriptions->len; i++) {
        struct cp_subscription *s = p->subscriptions->pdata[i];
        if (s->video && s->source)
            show(s, view);
    }
    cp_view_update(p);
}
