/*
 * A command goes into the ring at once when there is room for it and its reply, else it waits,
 * packed, in a queue; the queue goes first, so order is kept. The reply is found by number: numbers
 * count up, and one takes the slot that its remainder names.
 */
#include "controlplane/dataplane_internal.h"

#include "proto/log.h"

#include <errno.h>
#include <stdlib.h>

static int send_now(struct cp_dataplane *dp, Headrace__Command *cmd, cp_reply_fn fn, void *arg)
{
    struct cp_pending *p = &dp->in_flight[dp->next_number % CP_DATAPLANE_IN_FLIGHT_MAX];

    if (p->number)
        return -ENOSPC;
    cmd->number = dp->next_number;
    int err = hr_channel_send(dp->ch, HR_RING_COMMAND, 0, &cmd->base);
    if (err)
        return err;
    *p = (struct cp_pending){.number = dp->next_number++, .fn = fn, .arg = arg};
    dp->n_in_flight++;
    dp->counters.commands++;
    hr_channel_wake(dp->ch, HR_SIDE_DATAPLANE);
    return 0;
}

static int wait_in_line(struct cp_dataplane *dp, Headrace__Command *cmd, cp_reply_fn fn, void *arg)
{
    if (g_queue_get_length(&dp->waiting) >= CP_DATAPLANE_WAITING_MAX) {
        dp->refused = true;
        dp->counters.commands_refused++;
        return -EAGAIN;
    }
    cmd->number = UINT64_MAX; /* as long as a number can get when packed */
    size_t len = headrace__command__get_packed_size(cmd);
    if (len > HR_COMMAND_SLOT_SIZE)
        return -EMSGSIZE;
    struct cp_waiting *w = malloc(sizeof(*w) + len);
    if (!w)
        return -ENOMEM;
    *w = (struct cp_waiting){.fn = fn, .arg = arg, .len = len};
    headrace__command__pack(cmd, w->bytes);
    g_queue_push_tail(&dp->waiting, w);
    return 0;
}

int cp_dataplane_command(struct cp_dataplane *dp, Headrace__Command *cmd, cp_reply_fn fn, void *arg)
{
    if (dp->state != CP_DATAPLANE_UP)
        return -ENOTCONN;
    if (g_queue_is_empty(&dp->waiting)) {
        int err = send_now(dp, cmd, fn, arg);
        if (err != -ENOSPC)
            return err;
    }
    return wait_in_line(dp, cmd, fn, arg);
}

void cp_dataplane_flush(struct cp_dataplane *dp)
{
    struct cp_waiting *w;

    while (dp->state == CP_DATAPLANE_UP && (w = g_queue_peek_head(&dp->waiting))) {
        hr_arena_reset(&dp->arena);
        Headrace__Command *cmd = headrace__command__unpack(&dp->arena.allocator, w->len, w->bytes);
        int err = cmd ? send_now(dp, cmd, w->fn, w->arg) : -ENOMEM;
        if (err == -ENOSPC)
            return;
        g_queue_pop_head(&dp->waiting);
        if (err && w->fn)
            w->fn(w->arg, err, NULL);
        free(w);
    }
    if (dp->refused && dp->state == CP_DATAPLANE_UP) {
        dp->refused = false;
        if (dp->h.room)
            dp->h.room(dp->h.arg);
    }
}

void cp_dataplane_reply(struct cp_dataplane *dp, const Headrace__Reply *reply)
{
    struct cp_pending *p = &dp->in_flight[reply->number % CP_DATAPLANE_IN_FLIGHT_MAX];

    if (reply->number == 0 || p->number != reply->number) {
        dp->counters.replies_unknown++;
        return;
    }
    struct cp_pending done = *p;
    *p = (struct cp_pending){0};
    dp->n_in_flight--;
    if (reply->error) {
        dp->counters.commands_failed++;
        hr_debug("dataplane: command %llu: error %u: %s", (unsigned long long)reply->number,
                 reply->error, reply->detail);
    }
    if (done.fn)
        done.fn(done.arg, reply->error > INT32_MAX ? INT32_MAX : (int)reply->error, reply);
}

void cp_dataplane_fail_pending(struct cp_dataplane *dp)
{
    struct cp_waiting *w;
    uint64_t first = dp->next_number > CP_DATAPLANE_IN_FLIGHT_MAX
                         ? dp->next_number - CP_DATAPLANE_IN_FLIGHT_MAX
                         : 1;

    for (uint64_t n = first; n < dp->next_number; n++) {
        struct cp_pending p = dp->in_flight[n % CP_DATAPLANE_IN_FLIGHT_MAX];
        if (p.number != n)
            continue;
        dp->in_flight[n % CP_DATAPLANE_IN_FLIGHT_MAX] = (struct cp_pending){0};
        dp->n_in_flight--;
        if (p.fn)
            p.fn(p.arg, -ENOTCONN, NULL);
    }
    while ((w = g_queue_pop_head(&dp->waiting))) {
        if (w->fn)
            w->fn(w->arg, -ENOTCONN, NULL);
        free(w);
    }
    dp->refused = false;
}

unsigned cp_dataplane_pending(const struct cp_dataplane *dp)
{
    return dp->n_in_flight + g_queue_get_length((GQueue *)&dp->waiting);
}
