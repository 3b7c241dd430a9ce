/* A small open-addressing table from SSRC to object. Its owner writes it; it never allocates. */
#ifndef DP_SSRCS_H
#define DP_SSRCS_H

#include <stdbool.h>
#include <stdint.h>

struct dp_ssrc_slot {
    uint32_t ssrc;
    void *object; /* NULL: free */
};

struct dp_ssrcs {
    struct dp_ssrc_slot *slots;
    uint32_t size; /* a power of two; 0: no table yet */
    uint32_t used; /* at most half of size */
};

void *dp_ssrcs_find(const struct dp_ssrcs *t, uint32_t ssrc);
/* False when the table is half full, or has this SSRC. */
bool dp_ssrcs_add(struct dp_ssrcs *t, uint32_t ssrc, void *object);
void dp_ssrcs_remove(struct dp_ssrcs *t, uint32_t ssrc);
/* Moves everything to new zeroed slots; returns the old ones, the caller's to free. */
struct dp_ssrc_slot *dp_ssrcs_grow(struct dp_ssrcs *t, struct dp_ssrc_slot *slots, uint32_t size);

#endif
