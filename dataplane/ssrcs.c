#include "dataplane/ssrcs.h"

#include <stddef.h>

/* SSRCs are random, but chosen by the other side: spread them a little (Knuth's multiplier). */
static uint32_t home(const struct dp_ssrcs *t, uint32_t ssrc)
{
    return (ssrc * 2654435761u >> 7) & (t->size - 1);
}

void *dp_ssrcs_find(const struct dp_ssrcs *t, uint32_t ssrc)
{
    if (t->size == 0)
        return NULL;
    for (uint32_t i = home(t, ssrc); t->slots[i].object; i = (i + 1) & (t->size - 1))
        if (t->slots[i].ssrc == ssrc)
            return t->slots[i].object;
    return NULL;
}

bool dp_ssrcs_add(struct dp_ssrcs *t, uint32_t ssrc, void *object)
{
    if (t->used >= t->size / 2 || dp_ssrcs_find(t, ssrc))
        return false;
    uint32_t i = home(t, ssrc);
    while (t->slots[i].object)
        i = (i + 1) & (t->size - 1);
    t->slots[i] = (struct dp_ssrc_slot){.ssrc = ssrc, .object = object};
    t->used++;
    return true;
}

/* Closes the gap at hole: moves back those behind it that would not be found across it. */
static void close_gap(struct dp_ssrcs *t, uint32_t hole)
{
    uint32_t mask = t->size - 1;
    for (uint32_t i = (hole + 1) & mask; t->slots[i].object; i = (i + 1) & mask) {
        uint32_t distance = (i - home(t, t->slots[i].ssrc)) & mask;
        if (distance < ((i - hole) & mask))
            continue;
        t->slots[hole] = t->slots[i];
        hole = i;
    }
    t->slots[hole].object = NULL;
}

void dp_ssrcs_remove(struct dp_ssrcs *t, uint32_t ssrc)
{
    if (t->size == 0)
        return;
    uint32_t i = home(t, ssrc);
    while (t->slots[i].object && t->slots[i].ssrc != ssrc)
        i = (i + 1) & (t->size - 1);
    if (t->slots[i].object == NULL)
        return;
    t->used--;
    close_gap(t, i);
}

struct dp_ssrc_slot *dp_ssrcs_grow(struct dp_ssrcs *t, struct dp_ssrc_slot *slots, uint32_t size)
{
    struct dp_ssrcs old = *t;
    *t = (struct dp_ssrcs){.slots = slots, .size = size};
    for (uint32_t i = 0; i < old.size; i++)
        if (old.slots[i].object)
            dp_ssrcs_add(t, old.slots[i].ssrc, old.slots[i].object);
    return old.slots;
}
