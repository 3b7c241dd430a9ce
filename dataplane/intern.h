/*
 * Bytes that many objects have alike, kept once: main makes them and lets go of them, workers read
 * them.
 */
#ifndef DP_INTERN_H
#define DP_INTERN_H

#include <stddef.h>
#include <stdint.h>

struct dp_interns;

struct dp_interned {
    struct dp_interned *next; /* of the same bucket */
    struct dp_interns *table;
    uint32_t uses;
    uint32_t len;
    uint8_t bytes[];
};

#define DP_INTERN_BUCKETS 4096

struct dp_interns {
    struct dp_interned *bucket[DP_INTERN_BUCKETS];
};

/* One use more of the bytes; NULL if there is no memory. */
const struct dp_interned *dp_intern(struct dp_interns *table, const void *bytes, uint32_t len);
/* Ends one use; nothing for NULL. */
void dp_intern_release(const struct dp_interned *interned);

#endif
