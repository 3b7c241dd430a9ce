/*
 * Commands, on the main thread. What a command says is checked here against what earlier ones made
 * (objects.h), everything it needs is allocated here, and one item of work carries it to the
 * worker, which can then not fail. The reply comes when the worker is done.
 */
#ifndef DP_APPLY_H
#define DP_APPLY_H

#include "proto/headrace.pb-c.h"

struct dp_dataplane;

/* The reply is the callee's to pack or copy, valid during the call only. Number is the command's.
 */
typedef void (*dp_apply_reply_fn)(void *arg, const Headrace__Reply *reply);
/* What the dataplane tells unasked (StreamSeen); on the main thread, valid during the call only. */
typedef void (*dp_apply_event_fn)(void *arg, const Headrace__Event *event);

/* Before workers start: makes dp->flows, dp->objects and every worker's session. 0 or -ENOMEM. */
int dp_apply_open(struct dp_dataplane *dp, dp_apply_event_fn event, void *arg);
/* After workers have stopped and their done rings are empty. */
void dp_apply_close(struct dp_dataplane *dp);

/*
 * 0: reply is called once, now or from dp_work.done(). -EAGAIN: the worker's mailbox is full,
 * nothing was done; give the same command again later. -ENOTSUP: not a command of ours (StatusGet).
 */
int dp_apply(struct dp_dataplane *dp, const Headrace__Command *cmd, dp_apply_reply_fn reply,
             void *arg);

#endif
