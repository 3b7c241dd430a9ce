/* What clients say that they show, as the dataplane is told of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/controlplane/fake_transport.h"
#include "tests/unit/controlplane/sdp_support.h"

enum { CAMERA_1, CAMERA_2, CAMERA_3, SCREEN, SHOWN };

struct world {
    struct cp_service service;
    struct fake_client a, b;
    struct cp_source *sources[SHOWN];
    struct cp_subscription *subs[SHOWN];
};

static void join(struct fake_client *c)
{
    fake_client_send(c, json_pack("{s:s, s:s}", "type", "join", "name", "A"), 0);
}

/* Ann has four videos, Bob has a section for each. */
static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    char mid[8];
    fake_service(&w->service);
    fake_client_open(&w->a, &w->service, "room", 0);
    fake_client_open(&w->b, &w->service, "room", 0);
    join(&w->a);
    join(&w->b);
    for (uint32_t i = 0; i < SHOWN; i++) {
        snprintf(mid, sizeof(mid), "%u", i);
        w->sources[i] = cp_source_new(i + 1, w->a.session.participant, mid, true);
        w->subs[i] = cp_subscription_new(i + 1, w->b.session.participant, mid, true);
        cp_subscription_bind(w->subs[i], w->sources[i]);
    }
    w->sources[SCREEN]->label = CP_LABEL_SCREEN;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    fake_service_free(&w->service);
    fake_client_free(&w->a);
    fake_client_free(&w->b);
    free(w);
    return 0;
}

static void say(struct world *w, const char *text)
{
    json_t *message = json_loads(text, 0, NULL);
    assert_non_null(message);
    fake_client_send(&w->b, message, 0);
}

/* One letter each: p is paused, else a digit, its priority. */
static void expect(const struct world *w, const char *wanted)
{
    char got[SHOWN + 1] = "";
    for (unsigned i = 0; i < SHOWN; i++) {
        const struct cp_shown *s = &w->subs[i]->shown;
        got[i] = s->paused ? 'p' : (char)('0' + s->priority);
    }
    assert_string_equal(got, wanted);
}

static void test_nothing_said(void **state)
{
    struct world *w = *state;
    expect(w, "0000");
    cp_view_update(w->b.session.participant);
    expect(w, "0003");
}

static void test_hidden_and_pinned(void **state)
{
    struct world *w = *state;
    say(w, "{\"type\":\"view\",\"sources\":[{\"source\":\"s1\",\"width\":640,"
           "\"height\":360},{\"source\":\"s3\",\"pinned\":true},{\"source\":\"s77\"}]}");
    expect(w, "0p2p");
    assert_int_equal(w->subs[0]->shown.width, 640);
    assert_int_equal(w->subs[0]->shown.height, 360);
    assert_int_equal(w->subs[2]->shown.height, 0);
    say(w, "{\"type\":\"view\",\"sources\":[{\"source\":\"s2\"},{\"source\":\"s4\"}]}");
    expect(w, "p0p3");
    say(w, "{\"type\":\"view\"}");
    expect(w, "pppp");
}

/* The last ones of equals pause; screens and what is pinned come first. */
static void test_last_n(void **state)
{
    struct world *w = *state;
    static const char all[] = "{\"type\":\"view\",\"last_n\":%d,\"sources\":[{\"source\":\"s1\"},"
                              "{\"source\":\"s2\"},{\"source\":\"s3\",\"pinned\":true},"
                              "{\"source\":\"s4\"}]}";
    static const char *const wanted[] = {"pppp", "ppp3", "pp23", "0p23", "0023", "0023"};
    for (int n = 0; n < 6; n++) {
        char text[256];
        snprintf(text, sizeof(text), all, n);
        say(w, text);
        expect(w, wanted[n]);
    }
}

/* A section that takes another source shows it until its client says otherwise. */
static void test_bound_again(void **state)
{
    struct world *w = *state;
    say(w, "{\"type\":\"view\"}");
    cp_subscription_bind(w->subs[0], NULL);
    cp_subscription_bind(w->subs[0], w->sources[0]);
    expect(w, "0ppp");
}

static void test_errors(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"{\"type\":\"view\",\"sources\":{}}", "sources is not an array"},
        {"{\"type\":\"view\",\"sources\":[{}]}", "source is missing"},
        {"{\"type\":\"view\",\"sources\":[{\"source\":\"s1\",\"width\":-1}]}", "width is not"},
        {"{\"type\":\"view\",\"sources\":[{\"source\":\"s1\",\"height\":20000}]}",
         "height is not a whole number from 0 to 16384"},
        {"{\"type\":\"view\",\"sources\":[{\"source\":\"s1\",\"pinned\":1}]}", "pinned is not"},
        {"{\"type\":\"view\",\"last_n\":1.5}", "last_n is not"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        say(w, rows[i].text);
        const char *text = fake_text(fake_client_last(&w->b, "error"), "text");
        if (!strstr(text, rows[i].why))
            fail_msg("%s: %s", rows[i].text, text);
        expect(w, "0000");
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_nothing_said), T(test_hidden_and_pinned), T(test_last_n), T(test_bound_again),
        T(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
