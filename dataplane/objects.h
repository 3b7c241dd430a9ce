/*
 * What commands have made, as the main thread knows it: per object its last Put, packed, and what
 * later commands are checked against. Main alone reads and writes it. Workers see the dp_* structs
 * only.
 */
#ifndef DP_OBJECTS_H
#define DP_OBJECTS_H

#include "dataplane/apply.h"
#include "dataplane/flow.h"
#include "dataplane/mirror.h"
#include "dataplane/session.h"

/* Objects of one type by id. Ids mostly grow: an append is cheap, and so is reading them in order.
 */
struct dp_index {
    struct dp_index_row {
        uint32_t id;
        void *object; /* NULL: deleted, the row goes at the next sweep */
    } * rows;
    uint32_t size, rows_count, count;
};

void *dp_index_find(const struct dp_index *x, uint32_t id);
/* The first with a greater id, or NULL. */
void *dp_index_next(const struct dp_index *x, uint32_t after);
/* Room for one more, so that dp_index_add() cannot fail. 0 or -ENOMEM. */
int dp_index_reserve(struct dp_index *x);
void dp_index_add(struct dp_index *x, uint32_t id, void *object);
void dp_index_remove(struct dp_index *x, uint32_t id);
void dp_index_free(struct dp_index *x);

/* The last Put of an object, packed. It may hold keys: wiped when it goes. */
struct dp_put {
    uint8_t *bytes;
    size_t len;
};

/* 0 or -ENOMEM. */
int dp_put_pack(struct dp_put *put, const ProtobufCMessage *msg);
void dp_put_free(struct dp_put *put);

struct dp_endpoint_object {
    uint32_t id;
    struct dp_put put;
    struct dp_endpoint *endpoint;
    struct dp_worker *worker;
    bool keyed;
    struct dp_pass_object *pass; /* NULL: no peer */
    struct dp_latch *latch;      /* NULL: it does not */
    struct dp_flow_list flows;   /* those in dp->flows */
    TAILQ_HEAD(, dp_source_object) sources;
    TAILQ_HEAD(, dp_subscription_object) subscriptions;
    bool publishing; /* endpoint->publishing is there */
    bool sending;    /* endpoint->send is, or will be */
    uint32_t sources_count, subscriptions_count;
    bool opaque; /* its subscriptions are; for life, as its key may be others' too */
    uint32_t out_size; /* slots of endpoint->out */
    uint32_t *retired; /* SSRCs sent under this key before */
    uint32_t retired_count, retired_size;
};

/* A source as the subscribers at one worker have it. */
struct dp_view {
    struct dp_mirror *mirror; /* NULL: there are none, or the worker is the publisher's */
    uint32_t subscribers; /* that it is rekeyed for */
    uint32_t fan_size;
    uint32_t opaque; /* subscribers */
    uint32_t opaque_size;
};

struct dp_source_object {
    uint32_t id;
    struct dp_put put;
    struct dp_source *source;
    struct dp_endpoint_object *endpoint;
    struct dp_source_conf conf; /* as last put */
    struct dp_room *room;       /* NULL: of none */
    uint32_t streams;           /* bit i: source->streams[i] is there */
    bool nacks;                 /* and those of media have their nack */
    TAILQ_HEAD(, dp_subscription_object) subscribers;
    TAILQ_ENTRY(dp_source_object) of_endpoint;
    unsigned views_count;
    struct dp_view views[]; /* by worker */
};

struct dp_subscription_object {
    uint32_t id;
    uint32_t rtx_ssrc;
    struct dp_put put;
    struct dp_subscription *subscription;
    struct dp_endpoint_object *endpoint;
    struct dp_source_object *source; /* or NULL */
    TAILQ_ENTRY(dp_subscription_object) of_endpoint;
    TAILQ_ENTRY(dp_subscription_object) of_source;
};

struct dp_objects {
    struct dp_dataplane *dp;
    struct dp_index endpoints, sources, subscriptions;
    struct dp_index rooms; /* struct dp_room */
    struct dp_interns interns;
    struct dp_latches latches; /* of the endpoints that latch */
    struct dp_shard *shards;
    unsigned shards_count;
    dp_apply_event_fn event;
    void *event_arg;
};

/* Free them with what hangs on them. They are in no table any more, and the worker has let go. */
void dp_endpoint_object_free(struct dp_endpoint_object *o);
void dp_source_object_free(struct dp_source_object *o); /* mirrors too */
void dp_subscription_object_free(struct dp_subscription_object *o);

/* It subscribes to source from now on, or to none. */
void dp_subscription_object_follow(struct dp_subscription_object *o,
                                   struct dp_source_object *source);

/* Zeroed memory on its own cache lines; free() frees it. */
void *dp_new(size_t size);

void dp_mirror_free(struct dp_mirror *mirror);
/* What subscribers at this worker subscribe to. */
struct dp_source *dp_view_source(const struct dp_source_object *o, const struct dp_worker *worker);
/* The workers that have a part of it: the publisher's, and those with mirrors. */
uint64_t dp_view_workers(const struct dp_objects *objects, const struct dp_source_object *o);

void dp_stream_free(struct dp_stream *st);
void dp_source_free(struct dp_source *s);
void dp_subscription_free(struct dp_subscription *s);
void dp_endpoint_free(struct dp_endpoint *e);
void dp_keys_free(struct dp_keys *keys);

#endif
