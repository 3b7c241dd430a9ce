#include "dataplane/flow.h"

#include <errno.h>
#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_lcore.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct dp_flow_key) == 40, "a flow key has no padding");
_Static_assert(DP_BURST <= RTE_HASH_LOOKUP_BULK_MAX, "a burst is one bulk lookup");

#define FLOWS_SPARE        64 /* slots that removed flows hold until they are released */
#define FLOWS_PER_ENDPOINT 4  /* on average: IPv4 and IPv6, and twice that while one moves */

struct dp_flows {
    struct rte_hash *hash;
};

struct dp_flows *dp_flows_new(const char *name, uint32_t limit)
{
    struct dp_flows *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return NULL;
    struct rte_hash_parameters params = {
        .name = name,
        .entries = FLOWS_PER_ENDPOINT * limit + FLOWS_SPARE,
        .key_len = sizeof(struct dp_flow_key),
        .hash_func = rte_hash_crc,
        .socket_id = SOCKET_ID_ANY,
        .extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF | RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
    };
    f->hash = rte_hash_create(&params);
    if (f->hash)
        return f;
    free(f);
    return NULL;
}

void dp_flows_free(struct dp_flows *f)
{
    if (f == NULL)
        return;
    rte_hash_free(f->hash);
    free(f);
}

int dp_flows_put(struct dp_flows *f, const struct dp_flow_key *key, struct dp_endpoint *e)
{
    return rte_hash_add_key_data(f->hash, key, e) == 0 ? 0 : -ENOSPC;
}

int dp_flows_remove(struct dp_flows *f, const struct dp_flow_key *key, const struct dp_endpoint *e)
{
    void *found;
    if (rte_hash_lookup_data(f->hash, key, &found) < 0 || found != e)
        return DP_FLOW_NONE;
    int slot = rte_hash_del_key(f->hash, key);
    return slot < 0 ? DP_FLOW_NONE : slot;
}

void dp_flows_release(struct dp_flows *f, int slot)
{
    if (slot != DP_FLOW_NONE)
        rte_hash_free_key_with_position(f->hash, slot);
}

static bool contains(const struct dp_flow_list *set, const struct dp_flow_key *key)
{
    for (unsigned i = 0; i < set->n; i++)
        if (memcmp(&set->keys[i], key, sizeof(*key)) == 0)
            return true;
    return false;
}

int dp_flows_change(struct dp_flows *f, struct dp_endpoint *e, struct dp_flow_list *now,
                    const struct dp_flow_set *next, struct dp_flow_slots *old)
{
    struct dp_flow_list made = {.n = 0};

    old->n = 0;
    if (next->n)
        made.keys = malloc(next->n * sizeof(*made.keys));
    if (next->n && made.keys == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < next->n; i++) {
        const struct dp_flow_key *key = &next->keys[i];
        if (contains(&made, key))
            continue;
        if (!contains(now, key) && dp_flows_put(f, key, e)) {
            if (i == 0) {
                free(made.keys);
                return -ENOSPC;
            }
            continue;
        }
        made.keys[made.n++] = *key;
    }
    for (unsigned i = 0; i < now->n; i++)
        if (!contains(&made, &now->keys[i]))
            old->slots[old->n++] = dp_flows_remove(f, &now->keys[i], e);
    free(now->keys);
    *now = made;
    return 0;
}

void dp_flows_release_all(struct dp_flows *f, struct dp_flow_slots *old)
{
    for (unsigned i = 0; i < old->n; i++)
        dp_flows_release(f, old->slots[i]);
    old->n = 0;
}

void dp_flows_lookup_bulk(const struct dp_flows *f, const struct dp_flow_key *keys, unsigned n,
                          struct dp_endpoint **endpoints)
{
    const void *pointers[DP_BURST];
    void *found[DP_BURST];
    uint64_t hits = 0;

    for (unsigned i = 0; i < n; i++)
        pointers[i] = &keys[i];
    if (n == 0 || rte_hash_lookup_bulk_data(f->hash, pointers, n, &hits, found) < 0)
        hits = 0;
    for (unsigned i = 0; i < n; i++)
        endpoints[i] = hits >> i & 1 ? found[i] : NULL;
}
