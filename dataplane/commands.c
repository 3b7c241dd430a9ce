#include "dataplane/commands.h"

#include "dataplane/apply.h"
#include "dataplane/control.h"
#include "dataplane/dataplane.h"
#include "dataplane/stats.h"
#include "proto/error.h"
#include "proto/handshake.h"
#include "proto/limits.h"
#include "proto/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_SIZE        (1024 * 1024)
#define COMMANDS_PER_TURN 64
#define RETRY_MS          5 /* nobody wakes us when the event ring has room again */

enum { NOW = 0, RETRY = RETRY_MS, WHEN_WOKEN = -1 };

int dp_commands_open(struct dp_commands *q)
{
    *q = (struct dp_commands){0};
    return hr_arena_init(&q->arena, ARENA_SIZE);
}

void dp_commands_forget(struct dp_commands *q)
{
    for (; q->waiting_count; q->waiting_count--) {
        free(q->waiting[q->waiting_first].bytes);
        q->waiting_first = (q->waiting_first + 1) % DP_ANSWERS_MAX;
    }
}

void dp_commands_close(struct dp_commands *q)
{
    dp_commands_forget(q);
    hr_arena_free(&q->arena);
}

/* ---- replies */

/* Keeps an event until the ring has room. */
static void wait_with(struct dp_commands *q, const Headrace__Event *event)
{
    size_t len = headrace__event__get_packed_size(event);
    uint8_t *bytes = q->waiting_count < DP_ANSWERS_MAX ? malloc(len) : NULL;

    if (!bytes) {
        q->events_dropped++;
        return;
    }
    headrace__event__pack(event, bytes);
    unsigned at = (q->waiting_first + q->waiting_count++) % DP_ANSWERS_MAX;
    q->waiting[at] = (struct dp_waiting_event){bytes, len};
}

/* Sends what waits, in order, as far as the ring takes it. */
static void send_waiting(struct dp_control *c)
{
    struct dp_commands *q = &c->commands;

    while (q->waiting_count) {
        struct dp_waiting_event *first = &q->waiting[q->waiting_first];
        hr_arena_reset(&q->arena);
        Headrace__Event *event =
            headrace__event__unpack(&q->arena.allocator, first->len, first->bytes);
        int err = event ? hr_channel_send(c->channel, HR_RING_EVENT, 0, &event->base) : -ENOMEM;
        if (err == -ENOSPC)
            return;
        if (err)
            q->events_dropped++;
        free(first->bytes);
        q->waiting_first = (q->waiting_first + 1) % DP_ANSWERS_MAX;
        q->waiting_count--;
    }
}

static void reply_on_ring(struct dp_control *c, const Headrace__Reply *reply)
{
    struct dp_commands *q = &c->commands;
    Headrace__Event event = HEADRACE__EVENT__INIT;

    event.what_case = HEADRACE__EVENT__WHAT_REPLY;
    event.reply = (Headrace__Reply *)reply;
    int err =
        q->waiting_count ? -ENOSPC : hr_channel_send(c->channel, HR_RING_EVENT, 0, &event.base);
    if (err == -EMSGSIZE) {
        Headrace__Reply small = HEADRACE__REPLY__INIT;
        small.number = reply->number;
        small.error = HR_ERROR_LIMIT;
        small.detail = "the reply is larger than a slot of the event ring";
        event.reply = &small;
        err = hr_channel_send(c->channel, HR_RING_EVENT, 0, &event.base);
    }
    if (err == -ENOSPC)
        wait_with(q, &event);
}

static void reply_to(struct dp_control *c, struct dp_client *client, const Headrace__Reply *reply)
{
    if (client->role == DP_ROLE_CONTROLPLANE)
        reply_on_ring(c, reply);
    else if (hr_socket_send(client->fd, &reply->base, NULL, 0)) /* it does not read, or is gone */
        dp_control_drop_client(c, client);
}

static void refuse(struct dp_control *c, struct dp_client *client, uint64_t number,
                   enum hr_error error, const char *detail)
{
    Headrace__Reply reply = HEADRACE__REPLY__INIT;

    reply.number = number;
    reply.error = error;
    reply.detail = (char *)(detail ? detail : hr_error_text(error));
    reply_to(c, client, &reply);
}

/* dp_apply_reply_fn */
static void applied(void *arg, const Headrace__Reply *reply)
{
    struct dp_answer *answer = arg;
    struct dp_client *client = answer->client;

    answer->client = NULL;
    answer->control->commands.answers_count--;
    if (client->life != answer->life)
        return;
    client->unanswered--;
    reply_to(answer->control, client, reply);
}

static struct dp_answer *owe(struct dp_control *c, struct dp_client *client)
{
    struct dp_commands *q = &c->commands;

    for (unsigned i = 0; i < DP_ANSWERS_MAX; i++) {
        if (q->answers[i].client)
            continue;
        q->answers[i] = (struct dp_answer){c, client, client->life};
        q->answers_count++;
        client->unanswered++;
        return &q->answers[i];
    }
    return NULL;
}

static void owe_no_more(struct dp_answer *answer)
{
    answer->client->unanswered--;
    answer->control->commands.answers_count--;
    answer->client = NULL;
}

void dp_commands_event(void *arg, const Headrace__Event *event)
{
    struct dp_control *c = arg;

    if (!c->channel || c->commands.waiting_count ||
        hr_channel_send(c->channel, HR_RING_EVENT, 0, &event->base))
        c->commands.events_dropped++;
    else
        c->commands.events++;
}

/* ---- commands */

static void reply_status(struct dp_control *c, struct dp_client *client, uint64_t number)
{
    const struct dp_commands *q = &c->commands;
    const struct dp_pauses *pauses = &c->dp->pauses;
    uint64_t mega = RTE_MAX(c->dp->tsc_hz / 1000000, UINT64_C(1));
    const struct dp_stat own[] = {
        {"clients_connected", c->connects},
        {"clients_refused", c->refused},
        {"commands", q->taken},
        {"commands_malformed", q->malformed},
        {"commands_denied", q->denied},
        {"commands_unanswered", q->answers_count},
        {"replies_waiting", q->waiting_count},
        {"events", q->events},
        {"events_dropped", q->events_dropped},
        {"pauses", pauses->count},
        {"pauses_us", pauses->cycles / mega},
        {"pause_longest_us", pauses->longest / mega},
    };
    Headrace__Reply reply = HEADRACE__REPLY__INIT;

    reply.number = number;
    reply.status = dp_stats_status(c->dp, own, sizeof(own) / sizeof(own[0]), &c->commands.arena);
    if (reply.status)
        reply_to(c, client, &reply);
    else
        refuse(c, client, number, HR_ERROR_MEMORY, NULL);
}

static bool may(const struct dp_client *client, const Headrace__Command *cmd)
{
    if (client->role == DP_ROLE_CONTROLPLANE)
        return true;
    switch (cmd->op_case) {
    case HEADRACE__COMMAND__OP_STATUS_GET:
    case HEADRACE__COMMAND__OP_STATS_GET:
    case HEADRACE__COMMAND__OP_SHARDS_GET:
    case HEADRACE__COMMAND__OP_SHARD_MOVE:
    case HEADRACE__COMMAND__OP_WORKERS_SET:
        return true; /* not OBJECTS_GET: what it reads back has keys in it */
    default:
        return false;
    }
}

/* -EAGAIN: not taken, try again later; else 0, and it is or will be answered. */
static int take(struct dp_control *c, struct dp_client *client, const Headrace__Command *cmd)
{
    if (!may(client, cmd)) {
        c->commands.denied++;
        refuse(c, client, cmd->number, HR_ERROR_PERMISSION,
               "an operator may read status, stats and shards, move shards and set workers");
        return 0;
    }
    if (cmd->op_case == HEADRACE__COMMAND__OP_STATUS_GET) {
        reply_status(c, client, cmd->number);
        return 0;
    }
    struct dp_answer *answer = owe(c, client);
    if (!answer)
        return -EAGAIN;
    int err = dp_apply(c->dp, cmd, applied, answer);
    if (err == 0)
        return 0;
    owe_no_more(answer);
    if (err == -EAGAIN)
        return err;
    refuse(c, client, cmd->number, HR_ERROR_UNSUPPORTED, "this build does not know such a command");
    return 0;
}

/* The number of a message that does not parse, when it begins with one as every encoder writes it.
 */
static uint64_t number_of(const uint8_t *bytes, size_t len)
{
    uint64_t number = 0;

    if (len < 2 || bytes[0] != (1 << 3)) /* field 1, varint */
        return 0;
    for (size_t i = 1; i < len && i <= 10; i++) {
        number |= (uint64_t)(bytes[i] & 0x7f) << (7 * (i - 1));
        if (!(bytes[i] & 0x80))
            return number;
    }
    return 0;
}

static int take_bytes(struct dp_control *c, struct dp_client *client, const uint8_t *bytes,
                      size_t len)
{
    struct dp_commands *q = &c->commands;

    hr_arena_reset(&q->arena);
    Headrace__Command *cmd = headrace__command__unpack(&q->arena.allocator, len, bytes);
    if (cmd)
        return take(c, client, cmd);
    q->malformed++;
    uint64_t number = number_of(bytes, len);
    if (number || client->role == DP_ROLE_OPERATOR)
        refuse(c, client, number, HR_ERROR_MALFORMED, NULL);
    return 0;
}

void dp_commands_datagram(struct dp_control *c, struct dp_client *client, const uint8_t *bytes,
                          size_t len)
{
    if (client->unanswered >= DP_OPERATOR_ANSWERS_MAX) {
        refuse(c, client, number_of(bytes, len), HR_ERROR_LIMIT, "too many commands unanswered");
        return;
    }
    c->commands.taken++;
    if (take_bytes(c, client, bytes, len) == -EAGAIN)
        refuse(c, client, number_of(bytes, len), HR_ERROR_LIMIT, "workers are busy, ask again");
}

int dp_commands_drain(struct dp_control *c)
{
    struct dp_commands *q = &c->commands;
    uint8_t copy[HR_COMMAND_SLOT_SIZE]; /* the peer could change the slot while it is parsed */
    size_t len;

    if (!c->channel)
        return WHEN_WOKEN;
    send_waiting(c);
    for (unsigned i = 0; i < COMMANDS_PER_TURN; i++) {
        if (q->waiting_count)
            return RETRY;
        if (q->answers_count == DP_ANSWERS_MAX)
            return WHEN_WOKEN; /* by a worker that returns one */
        const uint8_t *bytes = hr_channel_peek(c->channel, HR_RING_COMMAND, 0, &len);
        if (!bytes)
            return WHEN_WOKEN;
        memcpy(copy, bytes, len);
        if (take_bytes(c, c->controlplane, copy, len) == -EAGAIN)
            return RETRY;
        q->taken++;
        hr_channel_consume(c->channel, HR_RING_COMMAND, 0);
    }
    return NOW;
}
