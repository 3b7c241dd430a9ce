/* Memory of one parsed or negotiated session: taken in pieces, zeroed, given back all at once. */
#ifndef CP_SDP_ARENA_H
#define CP_SDP_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct cp_sdp_arena {
    struct cp_sdp_chunk *chunks; /* newest first */
    bool failed;                 /* the heap was exhausted once: what was made is not whole */
};

/* Zeroed and aligned for anything; NULL when the heap is exhausted. */
void *cp_sdp_alloc(struct cp_sdp_arena *a, size_t size);

/* Copies; of NULL, NULL. When the heap is exhausted "", and failed is set. */
const char *cp_sdp_strndup(struct cp_sdp_arena *a, const char *s, size_t len);
const char *cp_sdp_strdup(struct cp_sdp_arena *a, const char *s);
const char *cp_sdp_printf(struct cp_sdp_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Room for one more element behind the n that array holds: the array to go on with, or NULL.
 * It grows at powers of two, so n must have counted up from 0; the old copy stays in the arena.
 */
void *cp_sdp_grow(struct cp_sdp_arena *a, void *array, size_t n, size_t element);

void cp_sdp_arena_free(struct cp_sdp_arena *a);

#endif
