/* Who speaks: what the dataplane is told and tells, what participants hear of it, whose video goes
 * first. */
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

#define PEOPLE 4
enum { ANN, BOB, CID, DAN };

struct world {
    struct cp_service service;
    struct fake_client of[PEOPLE];
    uint64_t now;
};

static void offer(struct fake_client *c, const char *vector, const char *rest)
{
    size_t len;
    char *sdp = sdp_read(vector, ".sdp", &len);
    json_t *message = json_loads(rest, 0, NULL);
    assert_non_null(message);
    json_object_set_new(message, "type", json_string("offer"));
    json_object_set_new(message, "sdp", json_string(sdp));
    fake_client_send(c, message, 0);
    free(sdp);
}

static struct cp_participant *person(const struct world *w, int who)
{
    return w->of[who].session.participant;
}

static struct cp_source *source_of(const struct cp_participant *p, bool video)
{
    for (guint i = 0; i < p->sources->len; i++) {
        struct cp_source *s = p->sources->pdata[i];
        if (s->video == video)
            return s;
    }
    return NULL;
}

static void join(struct fake_client *c)
{
    fake_client_send(c, json_pack("{s:s, s:s}", "type", "join", "name", "N"), 0);
}

/* Four of one room; Ann, Bob and Cid publish microphone and camera as Chromium does. */
static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    fake_service(&w->service);
    w->now = 1000;
    for (int i = 0; i < PEOPLE; i++) {
        fake_client_open(&w->of[i], &w->service, "room", 0);
        join(&w->of[i]);
    }
    for (int i = ANN; i <= CID; i++) {
        offer(&w->of[i], "chromium-publish", "{}");
        cp_media_connected(person(w, i)->media);
    }
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    fake_service_free(&w->service);
    for (int i = 0; i < PEOPLE; i++)
        fake_client_free(&w->of[i]);
    free(w);
    return 0;
}

static const struct fake_source *microphone_put(const struct world *w, int who)
{
    return fake_source(source_of(person(w, who), false)->object);
}

static void say(struct world *w, uint32_t room, uint32_t dominant, uint32_t *recent, size_t n)
{
    Headrace__SpeakersChanged event = HEADRACE__SPEAKERS_CHANGED__INIT;
    event.room = room;
    event.dominant = dominant;
    event.recent = recent;
    event.n_recent = n;
    cp_speakers_changed(&w->service.rooms, &event, w->now);
}

/* They were dominant, one letter each, the newest first; that one is. */
static void spoke(struct world *w, const char *who)
{
    uint32_t recent[HR_RECENT_SPEAKERS];
    size_t n = strlen(who);
    for (size_t i = 0; i < n; i++)
        recent[i] = source_of(person(w, who[i] - 'A'), false)->object;
    w->now += CP_SPEAKERS_PAUSE_MS;
    say(w, person(w, DAN)->room->number, recent[0], recent, n);
}

/* "B:BA": Bob is dominant, then come who was, the newest first; "-:BA": nobody is. */
static void expect_speaker(const json_t *message, const char *wanted)
{
    char got[16] = "";
    const json_t *recent = json_object_get(message, "recent");
    const char *dominant = json_string_value(json_object_get(message, "participant"));
    got[0] = dominant ? (char)('A' + atoi(dominant + 1) - 1) : '-';
    got[1] = ':';
    for (size_t i = 0; i < json_array_size(recent); i++)
        got[2 + i] = (char)('A' + atoi(json_string_value(json_array_get(recent, i)) + 1) - 1);
    assert_string_equal(got, wanted);
}

static void expect(const struct world *w, const char *wanted)
{
    for (int i = 0; i < PEOPLE; i++)
        if (person(w, i))
            expect_speaker(fake_client_last(&w->of[i], "speaker"), wanted);
}

static void test_everybody_is_told(void **state)
{
    struct world *w = *state;
    assert_null(fake_client_last(&w->of[DAN], "speaker"));
    spoke(w, "A");
    expect(w, "A:A");
    spoke(w, "BA");
    expect(w, "B:BA");
    spoke(w, "AB");
    expect(w, "A:AB");
    assert_int_equal(fake_client_count(&w->of[DAN], "speaker"), 3);
    say(w, person(w, DAN)->room->number, source_of(person(w, ANN), false)->object, NULL, 0);
    assert_int_equal(fake_client_count(&w->of[DAN], "speaker"), 3); /* no news */
}

/* The dataplane forgets a microphone that is gone, not so the room who it was. */
static void test_silence(void **state)
{
    struct world *w = *state;
    spoke(w, "CB");
    w->now += CP_SPEAKERS_PAUSE_MS;
    say(w, person(w, DAN)->room->number, 0, NULL, 0);
    expect(w, "-:CB");
}

static void test_stale_events(void **state)
{
    struct world *w = *state;
    uint32_t recent[] = {source_of(person(w, BOB), false)->object, 4711};
    uint32_t number = person(w, DAN)->room->number;
    say(w, number + 1, recent[0], recent, 2);
    say(w, 0, recent[0], recent, 2);
    say(w, number, 4711, recent, 2);
    assert_null(fake_client_last(&w->of[DAN], "speaker"));
    say(w, number, recent[0], recent, 2);
    expect(w, "B:B");
}

static void test_at_a_bounded_rate(void **state)
{
    struct world *w = *state;
    spoke(w, "A");
    uint64_t first = w->now;
    uint32_t objects[] = {source_of(person(w, ANN), false)->object,
                          source_of(person(w, BOB), false)->object};
    for (unsigned i = 1; i <= 100; i++) {
        w->now = first + i;
        say(w, person(w, DAN)->room->number, objects[i % 2], NULL, 0);
    }
    expect(w, "A:A");
    assert_int_equal(cp_speakers_tick(&w->service.rooms, w->now), first + CP_SPEAKERS_PAUSE_MS);
    assert_int_equal(fake_client_count(&w->of[DAN], "speaker"), 1);
    w->now = first + CP_SPEAKERS_PAUSE_MS;
    assert_true(cp_speakers_tick(&w->service.rooms, w->now) == UINT64_MAX);
    expect(w, "A:AB");
    assert_int_equal(fake_client_count(&w->of[DAN], "speaker"), 2);
}

static void test_latecomers_know(void **state)
{
    struct world *w = *state;
    assert_null(json_object_get(fake_client_last(&w->of[DAN], "joined"), "speaker"));
    spoke(w, "BC");
    fake_client_send(&w->of[DAN], json_pack("{s:s}", "type", "leave"), 0);
    fake_client_free(&w->of[DAN]);
    fake_client_open(&w->of[DAN], &w->service, "room", 0);
    join(&w->of[DAN]);
    expect_speaker(json_object_get(fake_client_last(&w->of[DAN], "joined"), "speaker"), "B:BC");
}

static void test_who_leaves_is_not_named(void **state)
{
    struct world *w = *state;
    spoke(w, "BAC");
    fake_client_send(&w->of[BOB], json_pack("{s:s}", "type", "leave"), 0);
    cp_speakers_tick(&w->service.rooms, w->now + CP_SPEAKERS_PAUSE_MS);
    expect(w, "-:AC");
    for (int i = 0; i < PEOPLE; i++)
        fake_client_send(&w->of[i], json_pack("{s:s}", "type", "leave"), 0);
    assert_int_equal(g_hash_table_size(w->service.rooms.by_number), 0);
    assert_true(cp_speakers_tick(&w->service.rooms, w->now * 2) == UINT64_MAX);
}

/* ---- what the dataplane is told */

static void test_microphones_have_the_room(void **state)
{
    struct world *w = *state;
    uint32_t number = person(w, ANN)->room->number;
    assert_int_not_equal(number, 0);
    for (int i = ANN; i <= CID; i++) {
        assert_int_equal(microphone_put(w, i)->room, number);
        assert_int_equal(fake_source(source_of(person(w, i), true)->object)->room, 0);
    }
}

/* What a screen plays is not somebody who speaks; and a section may change what it is. */
static void test_screens_have_not(void **state)
{
    struct world *w = *state;
    const char *mid = source_of(person(w, ANN), false)->mid;
    uint32_t number = person(w, ANN)->room->number;
    char rest[128];
    const char *const labels[] = {"screen-audio", "microphone"};
    for (unsigned i = 0; i < 2; i++) {
        snprintf(rest, sizeof(rest), "{\"sources\":[{\"mid\":\"%s\",\"label\":\"%s\"}]}", mid,
                 labels[i]);
        offer(&w->of[ANN], "chromium-publish", rest);
        assert_int_equal(microphone_put(w, ANN)->room, i == 0 ? 0 : number);
    }
}

static void test_without_levels_there_is_none(void **state)
{
    struct world *w = *state;
    offer(&w->of[DAN], "gstreamer-whip", "{}");
    cp_media_connected(person(w, DAN)->media);
    assert_int_equal(microphone_put(w, DAN)->payloads > 0, 1);
    assert_int_equal(microphone_put(w, DAN)->room, 0);
}

static void test_numbers_of_rooms(void **state)
{
    struct world *w = *state;
    struct cp_rooms *rooms = &w->service.rooms;
    struct fake_client two[2];
    rooms->next_room = UINT32_MAX;
    for (int i = 0; i < 2; i++) {
        fake_client_open(&two[i], &w->service, i ? "two" : "one", 0);
        join(&two[i]);
        const struct cp_room *room = two[i].session.participant->room;
        assert_int_not_equal(room->number, 0);
        assert_int_not_equal(room->number, person(w, ANN)->room->number);
        assert_ptr_equal(cp_rooms_numbered(rooms, room->number), room);
        fake_client_free(&two[i]);
    }
}

/* ---- whose video goes first */

/* Dan receives the three cameras; in the order of their owners. */
static struct cp_subscription **watch(struct world *w)
{
    static struct cp_subscription *subs[3];
    char mid[8];
    for (int i = ANN; i <= CID; i++) {
        snprintf(mid, sizeof(mid), "v%d", i);
        subs[i] = cp_subscription_new((uint32_t)i + 1, person(w, DAN), mid, true);
        cp_subscription_bind(subs[i], source_of(person(w, i), true));
    }
    return subs;
}

/* One letter each: p is paused, else a digit, its priority. */
static void shows(struct cp_subscription *const *subs, const char *wanted)
{
    char got[4] = "";
    for (int i = ANN; i <= CID; i++)
        got[i] = subs[i]->shown.paused ? 'p' : (char)('0' + subs[i]->shown.priority);
    assert_string_equal(got, wanted);
}

static void view(struct world *w, int who, const char *pinned, const char *last_n)
{
    char text[256];
    snprintf(text, sizeof(text),
             "{\"type\":\"view\",%s\"sources\":[{\"source\":\"s%u\",\"pinned\":%s},"
             "{\"source\":\"s%u\"},{\"source\":\"s%u\"}]}",
             last_n, source_of(person(w, ANN), true)->id, pinned,
             source_of(person(w, BOB), true)->id, source_of(person(w, CID), true)->id);
    fake_client_send(&w->of[who], json_loads(text, 0, NULL), w->now);
}

static void test_the_speaker_goes_first(void **state)
{
    struct world *w = *state;
    struct cp_subscription **subs = watch(w);
    shows(subs, "000");
    spoke(w, "B");
    shows(subs, "010");
    spoke(w, "AB");
    shows(subs, "100");
    view(w, DAN, "true", "");
    shows(subs, "200");
    spoke(w, "CA");
    shows(subs, "201");
    source_of(person(w, BOB), true)->label = CP_LABEL_SCREEN;
    spoke(w, "BC");
    shows(subs, "230");
}

/* Whoever speaks sees who spoke before. */
static void test_the_speaker_sees_another(void **state)
{
    struct world *w = *state;
    offer(&w->of[DAN], "chromium-publish", "{}");
    cp_media_connected(person(w, DAN)->media);
    struct cp_subscription **subs = watch(w);
    spoke(w, "DCA");
    shows(subs, "001");
}

static void test_last_n_goes_by_who_spoke(void **state)
{
    struct world *w = *state;
    struct cp_subscription **subs = watch(w);
    view(w, DAN, "false", "\"last_n\":1,");
    shows(subs, "0pp");
    spoke(w, "C");
    shows(subs, "pp1");
    spoke(w, "BC");
    shows(subs, "p1p");
    view(w, DAN, "false", "\"last_n\":2,");
    shows(subs, "p10");
    view(w, DAN, "true", "\"last_n\":2,");
    shows(subs, "21p");
    spoke(w, "CB");
    shows(subs, "2p1");
}

/* Who speaks is known when a section is bound, without a word of the client. */
static void test_bound_while_somebody_speaks(void **state)
{
    struct world *w = *state;
    spoke(w, "B");
    char rest[96];
    struct cp_sdp *sdp = sdp_parse_vector("chromium-whep");
    for (size_t i = 0; i < sdp->n_media; i++)
        if (sdp->media[i].kind == CP_SDP_VIDEO)
            snprintf(rest, sizeof(rest),
                     "{\"subscriptions\":[{\"mid\":\"%s\",\"source\":\"s%u\"}]}", sdp->media[i].mid,
                     source_of(person(w, BOB), true)->id);
    cp_sdp_free(sdp);
    offer(&w->of[DAN], "chromium-whep", rest);
    const struct cp_subscription *s = NULL;
    for (guint i = 0; i < person(w, DAN)->subscriptions->len; i++)
        if (((const struct cp_subscription *)person(w, DAN)->subscriptions->pdata[i])->video)
            s = person(w, DAN)->subscriptions->pdata[i];
    assert_non_null(s);
    assert_int_equal(s->shown.priority, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_everybody_is_told),
        T(test_silence),
        T(test_stale_events),
        T(test_at_a_bounded_rate),
        T(test_latecomers_know),
        T(test_who_leaves_is_not_named),
        T(test_microphones_have_the_room),
        T(test_screens_have_not),
        T(test_without_levels_there_is_none),
        T(test_numbers_of_rooms),
        T(test_the_speaker_goes_first),
        T(test_the_speaker_sees_another),
        T(test_last_n_goes_by_who_spoke),
        T(test_bound_while_somebody_speaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
