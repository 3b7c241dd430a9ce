#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/controlplane/fake_transport.h"

struct world {
    struct cp_service service;
    struct fake_client a, b, c;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    fake_service(&w->service);
    fake_client_open(&w->a, &w->service, "Room", 0);
    fake_client_open(&w->b, &w->service, "room", 0);
    fake_client_open(&w->c, &w->service, "room", 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    fake_service_free(&w->service);
    fake_client_free(&w->a);
    fake_client_free(&w->b);
    fake_client_free(&w->c);
    free(w);
    return 0;
}

static void join(struct fake_client *c, const char *name, uint64_t now)
{
    fake_client_send(c, json_pack("{s:s, s:s}", "type", "join", "name", name), now);
}

static void test_join_and_leave(void **state)
{
    struct world *w = *state;
    join(&w->a, "Ann", 0);
    json_t *joined = fake_client_last(&w->a, "joined");
    assert_string_equal(fake_text(joined, "room"), "room");
    assert_string_equal(fake_text(joined, "participant"), "p1");
    assert_int_equal(strlen(fake_text(joined, "resume")), 32);
    assert_null(json_object_get(joined, "resumed"));
    join(&w->b, "Bob", 0);
    assert_int_equal(
        json_array_size(json_object_get(fake_client_last(&w->b, "joined"), "participants")), 1);
    json_t *news = json_object_get(fake_client_last(&w->a, "participant-joined"), "participant");
    assert_string_equal(fake_text(news, "name"), "Bob");
    assert_string_equal(fake_text(news, "kind"), "member");
    assert_null(fake_client_last(&w->b, "participant-joined"));
    fake_client_send(&w->b, json_pack("{s:s}", "type", "leave"), 0);
    json_t *left = fake_client_last(&w->a, "participant-left");
    assert_string_equal(fake_text(left, "participant"), "p2");
    assert_string_equal(fake_text(left, "reason"), "left");
    assert_true(w->b.closed);
    assert_non_null(cp_rooms_find(&w->service.rooms, "ROOM"));
    fake_client_send(&w->a, json_pack("{s:s}", "type", "leave"), 0);
    assert_null(cp_rooms_find(&w->service.rooms, "room"));
    assert_int_equal(w->service.rooms.participants, 0);
}

static void test_groups(void **state)
{
    struct world *w = *state;
    struct cp_rooms *rooms = &w->service.rooms;
    struct cp_refusal why;
    const struct cp_profile nobody = {.name = "n"};
    uint32_t first = 0;
    rooms->limits.participants = rooms->limits.participants_per_room = rooms->limits.rooms = 100;
    for (unsigned i = 0; i < 2 * CP_GROUP_ENDPOINTS + 1; i++) {
        const struct cp_participant *p =
            cp_rooms_join(rooms, "large", CP_KIND_WHEP, &nobody, 0, &why);
        assert_non_null(p);
        uint32_t group = cp_room_group(p->room);
        first = first ? first : group;
        assert_int_equal(group, first + i / CP_GROUP_ENDPOINTS);
    }
    const struct cp_participant *p = cp_rooms_join(rooms, "next", CP_KIND_WHEP, &nobody, 0, &why);
    assert_int_equal(cp_room_group(p->room), first + 1);
}

static void test_update_and_chat(void **state)
{
    struct world *w = *state;
    join(&w->a, "Ann", 0);
    join(&w->b, "Bob", 0);
    fake_client_send(&w->b, json_pack("{s:s, s:b}", "type", "update", "hand", 1), 0);
    json_t *p = json_object_get(fake_client_last(&w->a, "participant-updated"), "participant");
    assert_true(json_is_true(json_object_get(p, "hand")));
    assert_string_equal(fake_text(p, "name"), "Bob");
    fake_client_send(&w->b, json_pack("{s:s, s:b}", "type", "update", "hand", 1), 0);
    assert_int_equal(fake_client_count(&w->a, "participant-updated"), 1);
    for (int i = 0; i < 5; i++)
        fake_client_send(&w->a, json_pack("{s:s, s:s}", "type", "chat", "text", "hello"), 0);
    assert_int_equal(fake_client_count(&w->a, "chat"), 5);
    assert_string_equal(fake_text(fake_client_last(&w->b, "chat"), "from"), "p1");
    join(&w->c, "Cid", 0);
    json_t *chat = json_object_get(fake_client_last(&w->c, "joined"), "chat");
    assert_int_equal(json_array_size(chat), 3);
    assert_string_equal(fake_text(json_array_get(chat, 0), "id"), "c3");
}

static char *resume_token(const struct fake_client *c)
{
    return strdup(fake_text(fake_client_last(c, "joined"), "resume"));
}

static void resume(struct fake_client *c, const char *token, uint64_t now)
{
    fake_client_send(
        c, json_pack("{s:s, s:s, s:s}", "type", "join", "name", "Ann", "resume", token), now);
}

static void test_resume_in_time(void **state)
{
    struct world *w = *state;
    join(&w->a, "Ann", 0);
    join(&w->b, "Bob", 0);
    char *token = resume_token(&w->a);
    cp_session_closed(&w->a.session, false, 1000);
    cp_rooms_tick(&w->service.rooms, 1000 + w->service.rooms.limits.resume_ms - 1);
    assert_null(fake_client_last(&w->b, "participant-left"));
    resume(&w->c, token, 2000);
    assert_true(json_is_true(json_object_get(fake_client_last(&w->c, "joined"), "resumed")));
    assert_string_equal(fake_text(fake_client_last(&w->c, "joined"), "participant"), "p1");
    cp_rooms_tick(&w->service.rooms, 1000 + 10 * w->service.rooms.limits.resume_ms);
    assert_null(fake_client_last(&w->b, "participant-left"));
    free(token);
}

static void test_resume_too_late(void **state)
{
    struct world *w = *state;
    join(&w->a, "Ann", 0);
    join(&w->b, "Bob", 0);
    char *token = resume_token(&w->a);
    cp_session_closed(&w->a.session, false, 1000);
    cp_rooms_tick(&w->service.rooms, 1000 + w->service.rooms.limits.resume_ms);
    assert_string_equal(fake_text(fake_client_last(&w->b, "participant-left"), "reason"), "gone");
    resume(&w->c, token, 42000);
    assert_null(json_object_get(fake_client_last(&w->c, "joined"), "resumed"));
    free(token);
}

static void test_resume_replaces(void **state)
{
    struct world *w = *state;
    join(&w->a, "Ann", 0);
    char *token = resume_token(&w->a);
    resume(&w->c, token, 10);
    assert_string_equal(fake_text(fake_client_last(&w->a, "bye"), "reason"), "replaced");
    assert_true(w->a.closed);
    cp_session_closed(&w->a.session, false, 20);
    cp_rooms_tick(&w->service.rooms, 10 * w->service.rooms.limits.resume_ms);
    assert_int_equal(w->service.rooms.participants, 1);
    free(token);
}

static void test_page_closed(void **state)
{
    struct world *w = *state;
    join(&w->a, "Ann", 0);
    join(&w->b, "Bob", 0);
    cp_session_closed(&w->a.session, true, 10);
    assert_string_equal(fake_text(fake_client_last(&w->b, "participant-left"), "reason"), "left");
}

static void test_limits(void **state)
{
    struct world *w = *state;
    struct fake_client more[6];
    const char *const rooms[] = {"one", "one", "one", "one", "one", "two"};
    for (int i = 0; i < 6; i++) {
        fake_client_open(&more[i], &w->service, rooms[i], 0);
        join(&more[i], "X", 0);
    }
    assert_non_null(fake_client_last(&more[3], "joined"));
    assert_string_equal(fake_text(fake_client_last(&more[4], "error"), "code"), "room_full");
    assert_true(more[4].closed);
    assert_non_null(fake_client_last(&more[5], "joined"));
    join(&w->a, "Ann", 0); /* the third room, the sixth participant */
    assert_non_null(fake_client_last(&w->a, "joined"));
    join(&w->b, "Bob", 0);
    assert_string_equal(fake_text(fake_client_last(&w->b, "error"), "code"), "server_full");
    w->service.draining = true;
    join(&w->c, "Cid", 0);
    assert_string_equal(fake_text(fake_client_last(&w->c, "error"), "code"), "draining");
    for (int i = 0; i < 6; i++)
        fake_client_free(&more[i]);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_join_and_leave),  T(test_update_and_chat), T(test_resume_in_time),
        T(test_resume_too_late), T(test_resume_replaces), T(test_page_closed),
        T(test_limits),          T(test_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
