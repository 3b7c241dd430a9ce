#include "dataplane/intern.h"

#include <rte_hash_crc.h>
#include <stdlib.h>
#include <string.h>

static struct dp_interned **find(struct dp_interns *table, const void *bytes, uint32_t len)
{
    struct dp_interned **at =
        &table->bucket[rte_hash_crc(bytes, len, len) & (DP_INTERN_BUCKETS - 1)];
    while (*at && ((*at)->len != len || memcmp((*at)->bytes, bytes, len) != 0))
        at = &(*at)->next;
    return at;
}

const struct dp_interned *dp_intern(struct dp_interns *table, const void *bytes, uint32_t len)
{
    struct dp_interned **at = find(table, bytes, len);
    if (*at == NULL) {
        struct dp_interned *made = malloc(sizeof(*made) + len);
        if (made == NULL)
            return NULL;
        *made = (struct dp_interned){.table = table, .len = len};
        memcpy(made->bytes, bytes, len);
        *at = made;
    }
    (*at)->uses++;
    return *at;
}

void dp_intern_release(const struct dp_interned *interned)
{
    if (interned == NULL)
        return;
    struct dp_interned **at = find(interned->table, interned->bytes, interned->len);
    struct dp_interned *found = *at;
    if (--found->uses)
        return;
    *at = found->next;
    free(found);
}
