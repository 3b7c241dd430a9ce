#include "dataplane/objects.h"

#include "dataplane/send.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_ROWS_MIN 64

/* jemalloc reads it. Endpoints and subscriptions are many, and touched in the order in which
 * packets come: in pages of 4 KiB nearly every one would cost a walk through the page tables. */
extern const char *malloc_conf;
const char *malloc_conf = "thp:always";

/* What jemalloc has sizes for; with object, Put and flow that is 4 KiB for an endpoint and 512
 * bytes for a subscription, as headrace bench measures. */
_Static_assert(sizeof(struct dp_endpoint) <= 1792 && sizeof(struct dp_keys) <= 1536, "endpoint");
_Static_assert(sizeof(struct dp_subscription) <= 320 && sizeof(struct dp_subscription_object) <= 80,
               "subscription");

/* The first row whose id is not below. */
static uint32_t place_of(const struct dp_index *x, uint32_t id)
{
    uint32_t low = 0, high = x->rows_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (x->rows[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void *dp_index_find(const struct dp_index *x, uint32_t id)
{
    uint32_t at = place_of(x, id);
    return at < x->rows_count && x->rows[at].id == id ? x->rows[at].object : NULL;
}

void *dp_index_next(const struct dp_index *x, uint32_t after)
{
    if (after == UINT32_MAX)
        return NULL;
    for (uint32_t at = place_of(x, after + 1); at < x->rows_count; at++)
        if (x->rows[at].object)
            return x->rows[at].object;
    return NULL;
}

int dp_index_reserve(struct dp_index *x)
{
    if (x->rows_count < x->size)
        return 0;
    uint32_t size = x->size ? 2 * x->size : INDEX_ROWS_MIN;
    struct dp_index_row *rows = realloc(x->rows, size * sizeof(*rows));
    if (rows == NULL)
        return -ENOMEM;
    x->rows = rows;
    x->size = size;
    return 0;
}

void dp_index_add(struct dp_index *x, uint32_t id, void *object)
{
    uint32_t at = place_of(x, id);
    if (at == x->rows_count || x->rows[at].id != id) {
        memmove(&x->rows[at + 1], &x->rows[at], (x->rows_count - at) * sizeof(*x->rows));
        x->rows_count++;
    }
    x->rows[at] = (struct dp_index_row){.id = id, .object = object};
    x->count++;
}

/* Closes the gaps once they are half of all: constant time per deletion, on average. */
static void sweep(struct dp_index *x)
{
    uint32_t kept = 0;
    if (x->count > x->rows_count / 2)
        return;
    for (uint32_t i = 0; i < x->rows_count; i++)
        if (x->rows[i].object)
            x->rows[kept++] = x->rows[i];
    x->rows_count = kept;
}

void dp_index_remove(struct dp_index *x, uint32_t id)
{
    uint32_t at = place_of(x, id);
    if (at == x->rows_count || x->rows[at].id != id || x->rows[at].object == NULL)
        return;
    x->rows[at].object = NULL;
    x->count--;
    sweep(x);
}

void dp_index_free(struct dp_index *x)
{
    free(x->rows);
    *x = (struct dp_index){0};
}

int dp_put_pack(struct dp_put *put, const ProtobufCMessage *msg)
{
    put->len = protobuf_c_message_get_packed_size(msg);
    put->bytes = malloc(put->len ? put->len : 1);
    if (put->bytes == NULL)
        return -ENOMEM;
    protobuf_c_message_pack(msg, put->bytes);
    return 0;
}

void dp_put_free(struct dp_put *put)
{
    if (put->bytes)
        explicit_bzero(put->bytes, put->len);
    free(put->bytes);
    *put = (struct dp_put){0};
}

void *dp_new(size_t size)
{
    size = RTE_ALIGN_CEIL(size, RTE_CACHE_LINE_SIZE);
    void *p = aligned_alloc(RTE_CACHE_LINE_SIZE, size);
    return p ? memset(p, 0, size) : NULL;
}

void dp_stream_free(struct dp_stream *st)
{
    if (st == NULL)
        return;
    free(st->dd);
    free(st->ladder);
    free(st->nack);
    free(st->history.pkts);
    free(st);
}

void dp_source_free(struct dp_source *s)
{
    if (s == NULL)
        return;
    for (unsigned i = 0; i < DP_SOURCE_STREAMS; i++)
        dp_stream_free(s->streams[i]);
    free(s->fan);
    free(s->opaque.legs);
    free(s);
}

void dp_subscription_free(struct dp_subscription *s)
{
    if (s == NULL)
        return;
    dp_intern_release(s->conf.pt);
    dp_intern_release(s->conf.cname);
    dp_intern_release(s->conf.mid);
    free(s);
}

void dp_keys_free(struct dp_keys *keys)
{
    if (keys == NULL)
        return;
    dp_srtp_checker_free(keys->checker);
    explicit_bzero(keys, sizeof(*keys));
    free(keys);
}

void dp_endpoint_free(struct dp_endpoint *e)
{
    if (e == NULL)
        return;
    dp_keys_free(e->keys);
    dp_srtp_key_clear(&e->egress);
    free(e->pass);
    free(e->hello);
    free(e->publishing);
    dp_send_free(e->send);
    if (e->out.slots != e->out_few)
        free(e->out.slots);
    free(e);
}

void dp_subscription_object_free(struct dp_subscription_object *o)
{
    dp_subscription_free(o->subscription);
    dp_put_free(&o->put);
    free(o);
}

void dp_source_object_free(struct dp_source_object *o)
{
    for (unsigned i = 0; i < o->views_count; i++)
        dp_mirror_free(o->views[i].mirror);
    dp_source_free(o->source);
    dp_put_free(&o->put);
    free(o);
}

void dp_endpoint_object_free(struct dp_endpoint_object *o)
{
    while (!TAILQ_EMPTY(&o->subscriptions)) {
        struct dp_subscription_object *sub = TAILQ_FIRST(&o->subscriptions);
        TAILQ_REMOVE(&o->subscriptions, sub, of_endpoint);
        dp_subscription_object_free(sub);
    }
    while (!TAILQ_EMPTY(&o->sources)) {
        struct dp_source_object *source = TAILQ_FIRST(&o->sources);
        TAILQ_REMOVE(&o->sources, source, of_endpoint);
        dp_source_object_free(source);
    }
    dp_endpoint_free(o->endpoint);
    free(o->flows.keys);
    dp_put_free(&o->put);
    free(o->pass);
    free(o->latch);
    free(o->retired);
    free(o);
}
