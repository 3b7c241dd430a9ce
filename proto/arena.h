/* A bump allocator that unpacks protobuf-c messages without malloc: reset, unpack, use, reset. */
#ifndef HR_ARENA_H
#define HR_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

struct hr_arena {
    ProtobufCAllocator allocator; /* pass &arena->allocator to *_unpack(); free is a no-op */
    uint8_t *base;
    size_t size; /* bytes */
    size_t used;
};

int hr_arena_init(struct hr_arena *a, size_t size); /* 0 or -ENOMEM */
void hr_arena_free(struct hr_arena *a);
static inline void hr_arena_reset(struct hr_arena *a)
{
    a->used = 0;
}

#endif
