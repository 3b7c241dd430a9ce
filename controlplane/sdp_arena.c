#include "controlplane/sdp_arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_FIRST    2048u  /* bytes with its head; each is twice the one before, */
#define CHUNK_MOST     16384u /* up to this; a larger piece gets a chunk of its own */
#define FIRST_ELEMENTS 4u     /* of an array that grows */

struct cp_sdp_chunk {
    struct cp_sdp_chunk *next;
    size_t size, used;
    _Alignas(max_align_t) unsigned char bytes[];
};

static struct cp_sdp_chunk *add_chunk(struct cp_sdp_arena *a, size_t size)
{
    size_t total = a->chunks ? 2 * (sizeof(*a->chunks) + a->chunks->size) : CHUNK_FIRST;
    if (total > CHUNK_MOST)
        total = CHUNK_MOST;
    if (total < sizeof(struct cp_sdp_chunk) + size)
        total = sizeof(struct cp_sdp_chunk) + size;
    struct cp_sdp_chunk *c = malloc(total);
    if (!c) {
        a->failed = true;
        return NULL;
    }
    c->size = total - sizeof(*c);
    c->used = 0;
    c->next = a->chunks;
    a->chunks = c;
    return c;
}

void *cp_sdp_alloc(struct cp_sdp_arena *a, size_t size)
{
    size_t align = _Alignof(max_align_t);
    size = (size + align - 1) & ~(align - 1);
    struct cp_sdp_chunk *c = a->chunks;
    if (!c || c->size - c->used < size)
        c = add_chunk(a, size);
    if (!c)
        return NULL;
    void *p = c->bytes + c->used;
    c->used += size;
    return memset(p, 0, size);
}

const char *cp_sdp_strndup(struct cp_sdp_arena *a, const char *s, size_t len)
{
    if (!s)
        return NULL;
    char *copy = cp_sdp_alloc(a, len + 1);
    return copy ? memcpy(copy, s, len) : "";
}

const char *cp_sdp_strdup(struct cp_sdp_arena *a, const char *s)
{
    return s ? cp_sdp_strndup(a, s, strlen(s)) : NULL;
}

const char *cp_sdp_printf(struct cp_sdp_arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *s = len < 0 ? NULL : cp_sdp_alloc(a, (size_t)len + 1);
    if (!s)
        return "";
    va_start(ap, fmt);
    vsnprintf(s, (size_t)len + 1, fmt, ap);
    va_end(ap);
    return s;
}

void *cp_sdp_grow(struct cp_sdp_arena *a, void *array, size_t n, size_t element)
{
    bool full = n == 0 || (n >= FIRST_ELEMENTS && (n & (n - 1)) == 0);
    if (!full)
        return array;
    void *larger = cp_sdp_alloc(a, (n ? 2 * n : FIRST_ELEMENTS) * element);
    if (larger && n)
        memcpy(larger, array, n * element);
    return larger;
}

void cp_sdp_arena_free(struct cp_sdp_arena *a)
{
    while (a->chunks) {
        struct cp_sdp_chunk *next = a->chunks->next;
        explicit_bzero(a->chunks->bytes, a->chunks->used); /* it may have held keys */
        free(a->chunks);
        a->chunks = next;
    }
}
