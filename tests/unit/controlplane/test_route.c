#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/exchange.h"
#include "controlplane/http.h"
#include "controlplane/route.h"
#include "controlplane/routes.h"
#include "controlplane/static.h"

static int find(enum cp_listener listener, enum cp_method method, const char *path,
                const char **pattern)
{
    size_t count;
    const struct cp_route *table = cp_routes(&count), *found = NULL;
    int rc = cp_route_find(table, count, listener, method, path, &found);
    *pattern = found ? found->pattern : "";
    return rc;
}

static void test_paths(void **state)
{
    static const struct {
        enum cp_listener listener;
        enum cp_method method;
        const char *path;
        int rc;
        const char *pattern;
    } rows[] = {
        {CP_PUBLIC, CP_GET, "/", 0, "/"},
        {CP_PUBLIC, CP_GET, "/Monday-stand.up_1~", 0, "/{room}"},
        {CP_PUBLIC, CP_HEAD, "/hello", 0, "/{room}"},
        {CP_PUBLIC, CP_GET, "/healthz", 0, "/healthz"},
        {CP_PUBLIC, CP_GET, "/assets/js/call.js", 0, "/assets/*"},
        {CP_PUBLIC, CP_GET, "/assets/", -ENOENT, ""},
        {CP_PUBLIC, CP_GET, "/api/rooms/a/signal", 0, "/api/rooms/{room}/signal"},
        {CP_PUBLIC, CP_GET, "/api/rooms/a b/signal", -EINVAL, ""},
        {CP_PUBLIC, CP_GET, "/api", -EINVAL, ""},
        {CP_PUBLIC, CP_GET, "/WHIP", -EINVAL, ""},
        {CP_PUBLIC, CP_GET, "/a<b", -EINVAL, ""},
        {CP_PUBLIC, CP_GET, "/a/b", -ENOENT, ""},
        {CP_PUBLIC, CP_GET, "", -ENOENT, ""},
        {CP_PUBLIC, CP_POST, "/hello", -EPERM, ""},
        {CP_PUBLIC, CP_POST, "/whip/r/n", 0, "/whip/{room}/{name}"},
        {CP_PUBLIC, CP_GET, "/whip/r/n", -EPERM, ""},
        {CP_PUBLIC, CP_POST, "/whip/api/n", -EINVAL, ""},
        {CP_PUBLIC, CP_POST, "/whip/r/api", 0, "/whip/{room}/{name}"},
        {CP_PUBLIC, CP_DELETE, "/whep/r/n/id", 0, "/whep/{room}/{name}/{id}"},
        {CP_PUBLIC, CP_PUT, "/whep/r/n/id", -EPERM, ""},
        {CP_PUBLIC, CP_GET, "/admin/status", -ENOENT, ""},
        {CP_ADMIN, CP_GET, "/admin/status", 0, "/admin/status"},
        {CP_ADMIN, CP_GET, "/", -ENOENT, ""},
        {CP_ADMIN, CP_GET, "/admin/rooms/a", 0, "/admin/rooms/{room}"},
        {CP_PUBLIC, CP_METHOD_NONE, "/", -EPERM, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *pattern;
        int rc = find(rows[i].listener, rows[i].method, rows[i].path, &pattern);
        if (rc != rows[i].rc || strcmp(pattern, rows[i].pattern) != 0)
            fail_msg("%s: %d %s, not %d %s", rows[i].path, rc, pattern, rows[i].rc,
                     rows[i].pattern);
    }
}

static void test_params(void **state)
{
    static const struct cp_route route = {.pattern = "/whip/{room}/{name}/{id}"};
    static const struct cp_route rest = {.pattern = "/assets/*"};
    struct cp_route_params p;
    cp_route_params(&route, "/whip/r/n/0a", &p);
    assert_int_equal(p.count, 3);
    assert_string_equal(p.value[0], "r");
    assert_string_equal(p.value[2], "0a");
    cp_route_params(&rest, "/assets/js/x.js", &p);
    assert_int_equal(p.count, 1);
    assert_string_equal(p.value[0], "js/x.js");
}

static void test_allow(void **state)
{
    char text[64];
    size_t count;
    const struct cp_route *table = cp_routes(&count);
    cp_route_allow(cp_route_methods(table, count, CP_PUBLIC, "/whip/r/n/id"), text, sizeof(text));
    assert_string_equal(text, "PATCH, DELETE, OPTIONS");
    cp_route_allow(CP_GET | CP_HEAD, text, 6);
    assert_string_equal(text, "GET, ");
}

static void test_names(void **state)
{
    char longest[CP_NAME_MAX + 2];
    memset(longest, 'x', sizeof(longest));
    assert_true(cp_name_ok(longest, CP_NAME_MAX));
    assert_false(cp_name_ok(longest, CP_NAME_MAX + 1));
    assert_false(cp_name_ok("", 0));
    assert_false(cp_name_ok(".", 1));
    assert_false(cp_name_ok("..", 2));
    assert_true(cp_name_ok("...", 3));
    assert_false(cp_name_ok("a\0b", 3));
    assert_false(cp_name_ok("\xc3\xa4", 2));
    assert_false(cp_room_name_ok("Admin", 5));
    assert_true(cp_room_name_ok("admins", 6));
}

static void test_origin(void **state)
{
    assert_true(cp_http_same_origin("", "host"));
    assert_true(cp_http_same_origin("http://127.0.0.1:8080", "127.0.0.1:8080"));
    assert_true(cp_http_same_origin("https://Meet.example", "meet.example"));
    assert_true(cp_http_same_origin("https://meet.example", "meet.example:443"));
    assert_false(cp_http_same_origin("https://evil.example", "meet.example"));
    assert_false(cp_http_same_origin("https://meet.example.evil", "meet.example"));
    assert_false(cp_http_same_origin("http://meet.example:81", "meet.example"));
    assert_false(cp_http_same_origin("null", "meet.example"));
    assert_false(cp_http_same_origin("http://meet.example", ""));
}

static void test_static_paths(void **state)
{
    assert_true(cp_static_path_ok("assets/js/call.js"));
    assert_false(cp_static_path_ok("assets/../../etc/passwd"));
    assert_false(cp_static_path_ok("assets//x"));
    assert_false(cp_static_path_ok("/etc/passwd"));
    assert_false(cp_static_path_ok("assets/.hidden"));
    assert_false(cp_static_path_ok(""));
    assert_string_equal(cp_static_type("a.mjs"), "text/javascript; charset=utf-8");
    assert_string_equal(cp_static_type("a"), "application/octet-stream");
}

static void test_answers_once(void **state)
{
    struct cp_exchange *x = cp_exchange_new();
    strcpy(x->content_type, "Application/SDP; charset=utf-8");
    assert_true(cp_exchange_is(x, "application/sdp"));
    assert_false(cp_exchange_is(x, "application/sd"));
    cp_answer_problem(x, 404, "no %s", "room");
    cp_answer(x, 200);
    assert_int_equal(x->status, 404);
    assert_non_null(strstr(x->answer, "no room"));
    cp_exchange_unref(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),        cmocka_unit_test(test_params),
        cmocka_unit_test(test_allow),        cmocka_unit_test(test_names),
        cmocka_unit_test(test_origin),       cmocka_unit_test(test_static_paths),
        cmocka_unit_test(test_answers_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
