/* What the files of apply share: one command on its way from check to reply. */
#ifndef DP_APPLY_CALL_H
#define DP_APPLY_CALL_H

#include "dataplane/dataplane.h"
#include "dataplane/objects.h"
#include "proto/error.h"

#define DP_DETAIL_MAX 160

struct dp_call {
    struct dp_dataplane *dp;
    struct dp_objects *objects;
    const Headrace__Command *cmd;
    dp_apply_reply_fn reply;
    void *arg;
    char detail[DP_DETAIL_MAX];
};

/* What one of several workers does of a call. */
struct dp_call_part {
    struct dp_work work;
    struct dp_call_work *call;
};

/* Work that ends in a reply. The first member of every work here. With several workers, run() is
 * called on each of them, at the same time, and done() when all have. */
struct dp_call_work {
    struct dp_work work;
    struct dp_call_part *parts; /* one per worker */
    unsigned left;              /* that have not yet run */
    struct dp_objects *objects;
    uint64_t number;
    dp_apply_reply_fn reply;
    void *arg;
};

/* Notes the detail, returns the error. */
__attribute__((format(printf, 3, 4))) enum hr_error
dp_call_refuse(struct dp_call *c, enum hr_error error, const char *format, ...);

/* Zeroed work of size bytes that begins with a struct dp_call_work; NULL if there is no memory. */
void *dp_call_work_new(const struct dp_call *c, size_t size);
/* Posts; the mailbox was found to have room before the command was looked at. */
void dp_call_post(struct dp_worker *w, struct dp_call_work *work);
/* The same to every worker whose bit is set. */
void dp_call_post_all(struct dp_dataplane *dp, struct dp_call_work *work, uint64_t workers);
/* Answers without error. */
void dp_call_done(const struct dp_call_work *work);

/* Rows of the command table: an error, with c->detail; or OK, and the reply is on its way. */
enum hr_error dp_apply_endpoint_put(struct dp_call *c);
enum hr_error dp_apply_source_put(struct dp_call *c);
enum hr_error dp_apply_subscription_put(struct dp_call *c);
enum hr_error dp_apply_object_delete(struct dp_call *c);
enum hr_error dp_apply_keyframe_request(struct dp_call *c);
enum hr_error dp_apply_stats_get(struct dp_call *c);
enum hr_error dp_apply_objects_get(struct dp_call *c);
enum hr_error dp_apply_shard_move(struct dp_call *c);
enum hr_error dp_apply_shards_get(struct dp_call *c);
enum hr_error dp_apply_workers_set(struct dp_call *c);

/* With what the source's settings ask of streams[i]; NULL if there is no memory. */
struct dp_stream *dp_stream_new(struct dp_dataplane *dp, struct dp_source *source, unsigned i);
/* At worker, which is not the publisher's; not in o->views yet. NULL if there is no memory. */
struct dp_mirror *dp_mirror_new(const struct dp_call *c, const struct dp_source_object *o,
                                struct dp_worker *worker);

/* Endpoints with a peer (apply_pass.c). May the Put be? */
enum hr_error dp_pass_check(struct dp_call *c, const struct dp_endpoint_object *o);
/* What a new endpoint needs for it; 0 or -1, no memory: the object's free() takes what is there. */
int dp_pass_new(struct dp_endpoint_object *o, uint32_t peer);
/* Notes the endpoint's path; how many ends are to be told what. */
unsigned dp_pass_put(struct dp_objects *objects, struct dp_endpoint_object *o,
                     const struct dp_endpoint_conf *conf, struct dp_pass_news news[2]);
unsigned dp_pass_delete(struct dp_objects *objects, const struct dp_endpoint_object *o,
                        struct dp_pass_news *news);
/* Sources and subscriptions have no place at such an endpoint. */
enum hr_error dp_pass_refuse_media(struct dp_call *c, const struct dp_endpoint_object *e);

/* dp_seen.work.done */
void dp_apply_seen(struct dp_work *work);

#endif
