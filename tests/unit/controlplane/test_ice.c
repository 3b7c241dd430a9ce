#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/ice.h"
#include "tests/unit/controlplane/stun_client.h"

struct world {
    struct cp_ice_session session;
    char username[64];
    struct hr_address source;
    struct stun_client client;
    struct cp_ice_result r;
    struct stun_answer a;
};

static const struct cp_ice_session *lookup(void *arg, const char *ufrag, size_t len)
{
    struct world *w = arg;
    return len == strlen(w->session.local.ufrag) && !memcmp(ufrag, w->session.local.ufrag, len)
               ? &w->session
               : NULL;
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_int_equal(cp_ice_credentials_make(&w->session.local), 0);
    strcpy(w->session.remote_ufrag, "Th3m");
    snprintf(w->username, sizeof(w->username), "%s:Th3m", w->session.local.ufrag);
    assert_int_equal(hr_address_parse("198.18.0.7:50000", &w->source), 0);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

/* An exact copy on the heap, so that reading past its end is seen. */
static void receive(struct world *w, const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);

    memcpy(copy, data, len);
    cp_ice_receive(copy, len, &w->source, lookup, w, &w->r);
    free(copy);
    if (w->r.response_len)
        stun_client_read(&w->client, w->r.response, w->r.response_len, &w->a);
}

static enum cp_ice_verdict check(struct world *w, struct stun_check k)
{
    if (!k.password)
        k.password = w->session.local.pwd;
    if (!k.username)
        k.username = w->username;
    receive(w, w->client.buf, stun_client_check(&w->client, &k));
    return w->r.verdict;
}

static void credentials_are_random_and_legal(void **state)
{
    struct cp_ice_credentials a, b;
    static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    (void)state;
    assert_int_equal(cp_ice_credentials_make(&a), 0);
    assert_int_equal(cp_ice_credentials_make(&b), 0);
    assert_int_equal(strlen(a.ufrag), CP_ICE_UFRAG_LEN);
    assert_int_equal(strlen(a.pwd), CP_ICE_PWD_LEN);
    assert_int_equal(strspn(a.ufrag, legal), CP_ICE_UFRAG_LEN);
    assert_int_equal(strspn(a.pwd, legal), CP_ICE_PWD_LEN);
    assert_string_not_equal(a.ufrag, b.ufrag);
    assert_string_not_equal(a.pwd, b.pwd);
}

static void a_good_check_is_answered(void **state)
{
    struct world *w = *state;

    assert_int_equal(check(w, (struct stun_check){.priority = 1853824767}), CP_ICE_VALID);
    assert_ptr_equal(w->r.session, &w->session);
    assert_int_equal(w->r.priority, 1853824767);
    /* Success includes MESSAGE-INTEGRITY under our password, and FINGERPRINT. */
    assert_int_equal(w->a.status, STUN_VALIDATION_SUCCESS);
    assert_int_equal(w->a.class, STUN_RESPONSE);
    struct sockaddr_in *mapped = (struct sockaddr_in *)&w->a.mapped;
    assert_int_equal(ntohs(mapped->sin_port), 50000);
    assert_memory_equal(&mapped->sin_addr, w->source.ip, 4);
}

static void the_mapped_address_may_be_ipv6(void **state)
{
    struct world *w = *state;

    assert_int_equal(hr_address_parse("[2001:2::7]:50001", &w->source), 0);
    assert_int_equal(check(w, (struct stun_check){.use_candidate = true}), CP_ICE_NOMINATED);
    assert_int_equal(w->a.status, STUN_VALIDATION_SUCCESS);
    struct sockaddr_in6 *mapped = (struct sockaddr_in6 *)&w->a.mapped;
    assert_int_equal(ntohs(mapped->sin6_port), 50001);
    assert_memory_equal(&mapped->sin6_addr, w->source.ip, 16);
}

static void unknown_users_get_401(void **state)
{
    struct world *w = *state;
    char wrong_theirs[64];
    const char *names[] = {"nobody12:Th3m",       "nobody12", ":Th3m", ":", wrong_theirs,
                           w->session.local.ufrag};

    snprintf(wrong_theirs, sizeof(wrong_theirs), "%s:Other", w->session.local.ufrag);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        assert_int_equal(check(w, (struct stun_check){.username = names[i]}), CP_ICE_UNKNOWN_USER);
        assert_null(w->r.session);
        assert_int_equal(w->a.code, 401);
    }
    w->session.remote_ufrag[0] = 0; /* no offer seen yet */
    assert_int_equal(check(w, (struct stun_check){0}), CP_ICE_UNKNOWN_USER);
}

static void wrong_integrity_gets_401(void **state)
{
    struct world *w = *state;

    assert_int_equal(check(w, (struct stun_check){.password = "wrongwrongwrongwrongwrong"}),
                     CP_ICE_BAD_INTEGRITY);
    assert_null(w->r.session);
    assert_int_equal(w->a.code, 401);
}

static void without_integrity_400(void **state)
{
    struct world *w = *state;
    struct stun_check k = {.username = w->username};

    receive(w, w->client.buf, stun_client_check(&w->client, &k));
    assert_int_equal(w->r.verdict, CP_ICE_BAD_REQUEST);
    assert_int_equal(w->a.code, 400);
}

static void a_controlled_client_gets_487(void **state)
{
    struct world *w = *state;

    assert_int_equal(check(w, (struct stun_check){.controlled = true, .use_candidate = true}),
                     CP_ICE_ROLE_CONFLICT);
    assert_null(w->r.session);
    assert_int_equal(w->a.code, 487);
    assert_int_equal(w->a.status, STUN_VALIDATION_SUCCESS); /* the error is authentic */
}

static void unknown_attributes_get_420_if_required(void **state)
{
    struct world *w = *state;

    assert_int_equal(check(w, (struct stun_check){.extra = 0x7abc}), CP_ICE_UNKNOWN_ATTRIBUTE);
    assert_int_equal(w->a.code, 420);
    assert_int_equal(check(w, (struct stun_check){.extra = 0xc057}), CP_ICE_VALID);
}

static void without_fingerprint_nothing(void **state)
{
    struct world *w = *state;

    assert_int_equal(check(w, (struct stun_check){.no_fingerprint = true}), CP_ICE_BAD_FINGERPRINT);
    assert_int_equal(w->r.response_len, 0);
}

static void indications_and_answers_are_not_answered(void **state)
{
    struct world *w = *state;

    receive(w, w->client.buf, stun_client_indication(&w->client));
    assert_int_equal(w->r.verdict, CP_ICE_INDICATION);
    assert_int_equal(w->r.response_len, 0);

    assert_int_equal(check(w, (struct stun_check){0}), CP_ICE_VALID);
    struct cp_ice_result answer = w->r;
    receive(w, answer.response, answer.response_len);
    assert_int_equal(w->r.verdict, CP_ICE_NOT_REQUEST);
    assert_int_equal(w->r.response_len, 0);
}

static void every_cut_is_seen(void **state)
{
    struct world *w = *state;
    struct stun_check k = {.username = w->username, .password = w->session.local.pwd};
    size_t len = stun_client_check(&w->client, &k);
    uint8_t whole[600];

    memcpy(whole, w->client.buf, len);
    for (size_t n = 0; n < len; n++) {
        receive(w, whole, n);
        assert_int_equal(w->r.verdict, CP_ICE_NOT_STUN);
    }
    whole[len] = 0;
    receive(w, whole, len + 1);
    assert_int_equal(w->r.verdict, CP_ICE_NOT_STUN);
}

static void every_flipped_bit_is_seen(void **state)
{
    struct world *w = *state;
    struct stun_check k = {.username = w->username, .password = w->session.local.pwd};
    size_t len = stun_client_check(&w->client, &k);
    uint8_t whole[600];

    memcpy(whole, w->client.buf, len);
    for (size_t bit = 0; bit < len * 8; bit++) {
        whole[bit / 8] ^= (uint8_t)(1 << bit % 8);
        receive(w, whole, len);
        assert_false(cp_ice_passed(&w->r));
        whole[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* MESSAGE-INTEGRITY as the last attribute but one, of a length that is not 20: nothing is read past
 * the end. */
static void a_short_integrity_is_refused(void **state)
{
    struct world *w = *state;
    StunMessage msg;
    uint8_t buf[200];

    for (size_t n = 0; n < 20; n += 4) {
        struct stun_check k = {.username = w->username, .password = w->session.local.pwd};
        stun_client_check(&w->client, &k); /* for its agent */
        stun_agent_init_request(&w->client.agent, &msg, buf, sizeof(buf), STUN_BINDING);
        stun_message_append_string(&msg, STUN_ATTRIBUTE_USERNAME, w->username);
        uint8_t *p = stun_message_append(&msg, STUN_ATTRIBUTE_MESSAGE_INTEGRITY, n);
        memset(p, 0, n);
        receive(w, buf, stun_agent_finish_message(&w->client.agent, &msg, NULL, 0));
        assert_int_equal(w->r.verdict, CP_ICE_BAD_REQUEST);
        assert_int_equal(w->a.code, 400);
    }
}

static void other_methods_get_400(void **state)
{
    struct world *w = *state;
    StunMessage msg;
    uint8_t buf[200];

    stun_client_indication(&w->client);
    stun_agent_init_request(&w->client.agent, &msg, buf, sizeof(buf), STUN_ALLOCATE);
    receive(w, buf, stun_agent_finish_message(&w->client.agent, &msg, NULL, 0));
    assert_int_equal(w->r.verdict, CP_ICE_BAD_METHOD);
    assert_int_equal(w->a.code, 400);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(credentials_are_random_and_legal),
        T(a_good_check_is_answered),
        T(the_mapped_address_may_be_ipv6),
        T(unknown_users_get_401),
        T(wrong_integrity_gets_401),
        T(without_integrity_400),
        T(a_controlled_client_gets_487),
        T(unknown_attributes_get_420_if_required),
        T(without_fingerprint_nothing),
        T(indications_and_answers_are_not_answered),
        T(every_cut_is_seen),
        T(every_flipped_bit_is_seen),
        T(a_short_integrity_is_refused),
        T(other_methods_get_400),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
