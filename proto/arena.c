#include "proto/arena.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>

static void *arena_alloc(void *data, size_t size)
{
    struct hr_arena *a = data;
    size_t at = (a->used + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);

    if (at > a->size || size > a->size - at)
        return NULL;
    a->used = at + size;
    return a->base + at;
}

static void arena_ignore(void *data, void *pointer)
{
    (void)data;
    (void)pointer;
}

int hr_arena_init(struct hr_arena *a, size_t size)
{
    *a = (struct hr_arena){
        .allocator = {.alloc = arena_alloc, .free = arena_ignore, .allocator_data = a},
        .base = malloc(size),
        .size = size,
    };
    return a->base ? 0 : -ENOMEM;
}

void hr_arena_free(struct hr_arena *a)
{
    free(a->base);
    a->base = NULL;
    a->size = a->used = 0;
}
