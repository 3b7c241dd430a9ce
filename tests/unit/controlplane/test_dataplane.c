#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/dataplane.h"
#include "proto/error.h"
#include "tests/unit/controlplane/fake_dataplane.h"

struct world {
    struct fake_dataplane f;
    struct cp_dataplane *dp;
    uint64_t now;
    unsigned up, down, punts, events, room, replies, failed;
    int last_error;
};

static void on_up(void *arg, const Headrace__HelloReply *hello)
{
    ((struct world *)arg)->up++;
}

static void on_down(void *arg, const char *why)
{
    ((struct world *)arg)->down++;
}

static void on_punt(void *arg, const struct cp_path *path, const uint8_t *data, size_t len)
{
    ((struct world *)arg)->punts++;
}

static void on_event(void *arg, const Headrace__Event *event)
{
    ((struct world *)arg)->events++;
}

static void on_room(void *arg)
{
    ((struct world *)arg)->room++;
}

static void on_reply(void *arg, int error, const Headrace__Reply *reply)
{
    struct world *w = arg;

    assert_true((reply == NULL) == (error < 0));
    w->last_error = error;
    *(error ? &w->failed : &w->replies) += 1;
}

static void run(struct world *w)
{
    bool any;

    do {
        cp_dataplane_service(w->dp, w->now);
        any = fake_step(&w->f);
    } while (any || cp_dataplane_deadline(w->dp) <= w->now);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct cp_dataplane_handlers h = {.arg = w,
                                      .up = on_up,
                                      .down = on_down,
                                      .punt = on_punt,
                                      .event = on_event,
                                      .room = on_room};

    fake_open(&w->f);
    w->now = 1000;
    assert_int_equal(cp_dataplane_create(w->f.dir, "test", &h, &w->dp), 0);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    cp_dataplane_destroy(w->dp);
    fake_close(&w->f);
    free(w);
    return 0;
}

static int ask(struct world *w)
{
    Headrace__Command c = HEADRACE__COMMAND__INIT;
    Headrace__StatusGet op = HEADRACE__STATUS_GET__INIT;

    c.op_case = HEADRACE__COMMAND__OP_STATUS_GET;
    c.status_get = &op;
    return cp_dataplane_command(w->dp, &c, on_reply, w);
}

static bool readable(struct world *w)
{
    struct pollfd p = {.fd = cp_dataplane_fd(w->dp), .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void it_connects_and_asks(void **state)
{
    struct world *w = *state;

    assert_int_equal(ask(w), -ENOTCONN);
    run(w);
    assert_int_equal(w->up, 1);
    assert_true(cp_dataplane_is_up(w->dp));
    assert_int_equal(cp_dataplane_hello(w->dp)->workers, FAKE_WORKERS);
    assert_int_equal(ask(w), 0);
    run(w);
    assert_int_equal(w->replies, 1);
    assert_int_equal(cp_dataplane_pending(w->dp), 0);
}

static void it_waits_for_a_dataplane_that_is_not_there(void **state)
{
    struct world *w = *state;

    fake_crash(&w->f);
    cp_dataplane_service(w->dp, w->now);
    assert_false(cp_dataplane_is_up(w->dp));
    assert_non_null(strstr(cp_dataplane_why_down(w->dp), "dataplane.sock"));
    assert_int_equal(cp_dataplane_deadline(w->dp), w->now + CP_DATAPLANE_RETRY_MS);
    for (int i = 0; i < 20; i++) {
        w->now = cp_dataplane_deadline(w->dp);
        cp_dataplane_service(w->dp, w->now);
    }
    assert_int_equal(cp_dataplane_deadline(w->dp), w->now + CP_DATAPLANE_RETRY_MAX_MS);
    fake_reopen(&w->f);
    w->now = cp_dataplane_deadline(w->dp);
    run(w);
    assert_int_equal(w->up, 1);
    assert_int_equal(w->down, 0);
    assert_string_equal(cp_dataplane_why_down(w->dp), "");
}

static void a_refusal_is_told(void **state)
{
    struct world *w = *state;

    w->f.hello_error = HR_ERROR_BUSY;
    run(w);
    assert_false(cp_dataplane_is_up(w->dp));
    assert_non_null(strstr(cp_dataplane_why_down(w->dp), hr_error_text(HR_ERROR_BUSY)));
    w->f.hello_error = 0;
    w->now = cp_dataplane_deadline(w->dp);
    run(w);
    assert_int_equal(w->up, 1);
}

static void an_unanswered_hello_is_given_up(void **state)
{
    struct world *w = *state;

    cp_dataplane_service(w->dp, w->now);
    assert_int_equal(cp_dataplane_deadline(w->dp), w->now + CP_DATAPLANE_HELLO_MS);
    w->now += CP_DATAPLANE_HELLO_MS;
    cp_dataplane_service(w->dp, w->now);
    assert_non_null(strstr(cp_dataplane_why_down(w->dp), "no answer"));
}

static void commands_are_pushed_back(void **state)
{
    struct world *w = *state;
    unsigned taken = 0;

    run(w);
    w->f.mute = true;
    while (ask(w) == 0)
        taken++;
    assert_int_equal(ask(w), -EAGAIN);
    /* The ring holds one slot less than it has. */
    assert_int_equal(taken, HR_COMMAND_SLOTS - 1 + CP_DATAPLANE_WAITING_MAX);
    assert_int_equal(cp_dataplane_pending(w->dp), taken);
    run(w);
    assert_int_equal(w->room, 0);
    w->f.mute = false;
    run(w);
    assert_int_equal(w->replies, taken);
    assert_int_equal(w->failed, 0);
    assert_int_equal(w->room, 1);
    assert_int_equal(cp_dataplane_pending(w->dp), 0);
    assert_int_equal(ask(w), 0);
}

static void pending_commands_fail_when_it_goes(void **state)
{
    struct world *w = *state;

    run(w);
    w->f.mute = true;
    for (int i = 0; i < 3000; i++)
        assert_int_equal(ask(w), 0);
    fake_crash(&w->f);
    cp_dataplane_service(w->dp, w->now);
    assert_int_equal(w->down, 1);
    assert_int_equal(w->failed, 3000);
    assert_int_equal(w->last_error, -ENOTCONN);
    assert_int_equal(cp_dataplane_pending(w->dp), 0);
    assert_false(readable(w)); /* the dead one's eventfd is not watched any more */
    w->f.mute = false;
    fake_reopen(&w->f);
    w->now = cp_dataplane_deadline(w->dp);
    run(w);
    assert_int_equal(ask(w), 0);
    run(w);
    assert_int_equal(w->replies, 1);
}

static void malformed_slots_are_counted(void **state)
{
    struct world *w = *state;
    Headrace__Punt no_path = HEADRACE__PUNT__INIT;
    Headrace__Event nothing = HEADRACE__EVENT__INIT, stranger = HEADRACE__EVENT__INIT;
    Headrace__Reply reply = HEADRACE__REPLY__INIT;
    struct cp_path path = {.local = {.ip = {198, 18, 0, 1}, .port = 1, .family = 4},
                           .remote = {.ip = {198, 18, 0, 2}, .port = 2, .family = 4}};

    run(w);
    fake_punt(&w->f, &path, (const uint8_t *)"x", 1);
    assert_int_equal(hr_channel_send(w->f.ch, HR_RING_PUNT, 1, &no_path.base), 0);
    path.remote.family = 6; /* lengths differ */
    fake_punt(&w->f, &path, (const uint8_t *)"x", 1);
    path.remote.family = 4;
    path.remote.port = 0;
    fake_punt(&w->f, &path, (const uint8_t *)"x", 1);
    assert_int_equal(hr_channel_send(w->f.ch, HR_RING_EVENT, 0, &nothing.base), 0);
    stranger.what_case = HEADRACE__EVENT__WHAT_REPLY;
    stranger.reply = &reply;
    reply.number = 12345;
    assert_int_equal(hr_channel_send(w->f.ch, HR_RING_EVENT, 0, &stranger.base), 0);
    /* Not a message at all: a Hello has a string where an Event has a message. */
    Headrace__Hello hello = HEADRACE__HELLO__INIT;
    hello.build = (char *)"\xff\xff\xff";
    assert_int_equal(hr_channel_send(w->f.ch, HR_RING_EVENT, 0, &hello.base), 0);
    run(w);
    const struct cp_dataplane_counters *c = cp_dataplane_counters(w->dp);
    assert_int_equal(w->punts, 1);
    assert_int_equal(c->punts_malformed, 3);
    assert_int_equal(c->events_malformed, 2);
    assert_int_equal(c->replies_unknown, 1);
    assert_int_equal(w->replies + w->failed, 0);
    assert_int_equal(ask(w), 0);
    run(w);
    assert_int_equal(w->replies, 1);
}

static void it_sleeps_and_is_woken(void **state)
{
    struct world *w = *state;
    Headrace__Event e = HEADRACE__EVENT__INIT;
    Headrace__StreamSeen seen = HEADRACE__STREAM_SEEN__INIT;

    run(w);
    cp_dataplane_service(w->dp, w->now);
    assert_false(readable(w));
    assert_int_equal(cp_dataplane_deadline(w->dp), CP_NEVER);
    e.what_case = HEADRACE__EVENT__WHAT_STREAM_SEEN;
    e.stream_seen = &seen;
    /* More than one round reads. */
    for (int i = 0; i < CP_DATAPLANE_BUDGET + 10; i++)
        assert_int_equal(hr_channel_send(w->f.ch, HR_RING_EVENT, 0, &e.base), 0);
    hr_channel_wake(w->f.ch, HR_SIDE_CONTROLPLANE);
    assert_true(readable(w));
    cp_dataplane_service(w->dp, w->now);
    assert_int_equal(w->events, CP_DATAPLANE_BUDGET);
    assert_int_equal(cp_dataplane_deadline(w->dp), 0);
    cp_dataplane_service(w->dp, w->now);
    assert_int_equal(w->events, CP_DATAPLANE_BUDGET + 10);
    assert_int_equal(cp_dataplane_deadline(w->dp), CP_NEVER);
    assert_false(readable(w));
}

static void a_full_inject_ring_drops(void **state)
{
    struct world *w = *state;
    struct cp_path path = {.local = {.ip = {198, 18, 0, 1}, .port = 1, .family = 4},
                           .remote = {.ip = {198, 18, 0, 2}, .port = 2, .family = 4},
                           .worker = 1};
    uint8_t huge[HR_INJECT_SLOT_SIZE] = {0};

    assert_int_equal(cp_dataplane_inject(w->dp, &path, huge, 1), -ENOTCONN);
    run(w);
    assert_int_equal(cp_dataplane_inject(w->dp, &path, huge, sizeof(huge)), -EMSGSIZE);
    for (int i = 0; i < HR_INJECT_SLOTS - 1; i++)
        assert_int_equal(cp_dataplane_inject(w->dp, &path, huge, 100), 0);
    assert_int_equal(cp_dataplane_inject(w->dp, &path, huge, 100), -ENOSPC);
    assert_int_equal(cp_dataplane_counters(w->dp)->injects_dropped, 3);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(it_connects_and_asks),        T(it_waits_for_a_dataplane_that_is_not_there),
        T(a_refusal_is_told),           T(an_unanswered_hello_is_given_up),
        T(commands_are_pushed_back),    T(pending_commands_fail_when_it_goes),
        T(malformed_slots_are_counted), T(it_sleeps_and_is_woken),
        T(a_full_inject_ring_drops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
