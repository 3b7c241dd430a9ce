#include "dataplane/srtp/checker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A table of sets of four. A triple lives in the set that its hash names; a full set loses its
 * oldest entry. The triple is compared whole, the bytes by a 64-bit hash. */

#define WAYS 4

struct entry {
    uint64_t key_id;
    uint64_t index;
    uint64_t bytes; /* hash */
    uint64_t age;   /* number of the packet, 0 is empty */
    uint32_t ssrc;
};

struct dp_srtp_checker {
    uint64_t packets;
    size_t sets; /* a power of two */
    struct entry entries[];
};

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

static uint64_t hash_bytes(const uint8_t *bytes, size_t len)
{
    uint64_t h = mix(0, len), word;

    for (; len >= sizeof(word); bytes += sizeof(word), len -= sizeof(word)) {
        memcpy(&word, bytes, sizeof(word));
        h = mix(h, word);
    }
    word = 0;
    memcpy(&word, bytes, len);
    return mix(mix(h, word), 0);
}

struct dp_srtp_checker *dp_srtp_checker_new(size_t entries)
{
    struct dp_srtp_checker *checker;
    size_t sets = 1;

    while (sets * WAYS < entries)
        sets *= 2;
    checker = calloc(1, sizeof(*checker) + sets * WAYS * sizeof(struct entry));
    if (checker)
        checker->sets = sets;
    return checker;
}

void dp_srtp_checker_free(struct dp_srtp_checker *checker)
{
    free(checker);
}

/* The triple's entry, else the set's oldest one. */
static struct entry *look_up(struct dp_srtp_checker *checker, const struct entry *want)
{
    uint64_t h = mix(mix(mix(0, want->key_id), want->ssrc), want->index);
    struct entry *set = &checker->entries[(h & (checker->sets - 1)) * WAYS], *oldest = set;

    for (struct entry *e = set; e < set + WAYS; e++) {
        if (e->age && e->key_id == want->key_id && e->ssrc == want->ssrc && e->index == want->index)
            return e;
        if (e->age < oldest->age)
            oldest = e;
    }
    oldest->age = 0;
    return oldest;
}

int dp_srtp_checker_see(struct dp_srtp_checker *checker, uint64_t key_id, uint32_t ssrc,
                        uint64_t index, const uint8_t *bytes, size_t len)
{
    struct entry now = {.key_id = key_id, .index = index, .ssrc = ssrc};
    struct entry *e = look_up(checker, &now);

    now.bytes = hash_bytes(bytes, len);
    now.age = ++checker->packets;
    if (e->age && e->bytes != now.bytes)
        return -EKEYREJECTED;
    *e = now;
    return 0;
}
