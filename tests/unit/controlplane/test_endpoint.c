#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/error.h"
#include "tests/unit/controlplane/endpoint_world.h"

#define BROWSER "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM"

static void a_client_gets_connected(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[1]; /* of worker 1 */
    uint8_t block[56];

    world_run(w);
    assert_int_equal(w->up, 1);
    assert_true(cp_transport_is_ready(w->t));
    peer_connect(p);
    assert_true(cp_endpoint_connected(p->e));
    assert_int_equal(p->answer.class, STUN_RESPONSE);
    assert_int_equal(p->answered.worker, 1);
    const Headrace__EndpointPut *put = peer_last_put(p);
    dtls_client_export(&p->dtls, block, sizeof(block));
    assert_int_equal(put->keys->profile, HR_SRTP_AEAD_AES_128_GCM);
    assert_int_equal(put->keys->ingress_key.len, 28);
    assert_memory_equal(put->keys->ingress_key.data, block, 16);
    assert_memory_equal(put->keys->ingress_key.data + 16, block + 32, 12);
    assert_memory_equal(put->keys->egress_key.data, block + 16, 16);
    assert_memory_equal(put->keys->egress_key.data + 16, block + 44, 12);
    assert_true(peer_put_goes_to(p, &p->path));
    assert_int_equal(put->n_extensions, 1);
    assert_int_equal(put->extensions[0]->kind, HR_EXT_MID);
    assert_int_equal(put->extensions[0]->id, 4);
    assert_true(put->extmap_allow_mixed && put->rtcp_rsize);
    assert_int_equal(put->feedback_ssrc, cp_endpoint_feedback_ssrc(p->e));
    assert_string_equal(put->ice_ufrag, cp_endpoint_credentials(p->e)->ufrag);
    assert_string_equal(put->ice_pwd, cp_endpoint_credentials(p->e)->pwd);
    assert_int_equal(cp_endpoint_profile(p->e), HR_SRTP_AEAD_AES_128_GCM);
}

static void we_begin_when_the_client_is_passive(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0];

    world_run(w);
    peer_make(p, true);
    assert_int_equal(p->dtls_datagrams, 0);
    peer_check(p, false, 1000); /* not nominated: good enough for DTLS */
    assert_int_equal(p->connected, 1);
}

static void dtls_needs_a_check_first(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0];

    world_run(w);
    peer_make(p, false);
    dtls_client_step(&p->dtls, NULL, 0);
    world_run(w);
    assert_int_equal(world_counter(w, "dtls_unchecked_source"), 1);
    assert_int_equal(p->dtls_datagrams, 0);
    /* A check that does not pass changes nothing. */
    peer_check_as(p, cp_endpoint_credentials(p->e), "them",
                  (struct stun_check){.password = "wrongwrongwrongwrongwrong"});
    assert_int_equal(p->answer.code, 401);
    assert_int_equal(world_counter(w, "stun_bad_integrity"), 1);
    assert_null(cp_endpoint_path(p->e));
    fake_punt(&w->f, &p->path, (const uint8_t *)"\x80rtp", 4);
    world_run(w);
    assert_int_equal(world_counter(w, "punt_other"), 1);
}

static void a_client_that_moves_keeps_its_call(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0];
    struct cp_path old = p->path;

    world_run(w);
    peer_connect(p);
    /* At first the higher priority wins. */
    p->path = world_path("198.18.0.9:1234", 1);
    peer_check(p, true, 10);
    assert_true(peer_put_goes_to(p, &old));
    peer_check(p, true, 2000);
    assert_true(peer_put_goes_to(p, &p->path));
    /* Later the latest does. */
    w->now += CP_ENDPOINT_SETTLE_MS;
    p->path = world_path("198.18.0.10:1234", 0);
    peer_check(p, false, 10);
    assert_false(peer_put_goes_to(p, &p->path));
    peer_check(p, true, 10);
    assert_true(peer_put_goes_to(p, &p->path));
    assert_int_equal(world_counter(w, "path_moves"), 2);
    assert_int_equal(p->connected, 1);
    /* The same 5-tuple by another next hop. */
    p->path.remote_mac[5] = 9;
    peer_check(p, false, 10);
    assert_true(peer_put_goes_to(p, &p->path));
    /* Not nominated, but the chosen one is silent. */
    w->now += CP_ENDPOINT_QUIET_MS;
    p->path = world_path("198.18.0.11:1234", 0);
    peer_check(p, false, 10);
    assert_true(peer_put_goes_to(p, &p->path));
}

static void many_paths_push_out_the_quietest(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0];
    struct cp_path chosen = p->path;
    char text[64];

    world_run(w);
    peer_connect(p);
    for (int i = 0; i < 3 * CP_ENDPOINT_PATHS_MAX; i++) {
        snprintf(text, sizeof(text), "198.18.1.%d:99", i + 1);
        p->path = world_path(text, 0);
        peer_check(p, false, 1);
        w->now++;
    }
    assert_true(peer_put_goes_to(p, &chosen));
    assert_true(cp_path_equal(cp_endpoint_path(p->e), &chosen));
}

static void nobody_takes_the_path_of_another(void **state)
{
    struct world *w = *state;
    struct peer *a = &w->peers[0], *b = &w->peers[1];
    struct cp_path own = b->path;

    world_run(w);
    peer_connect(a);
    peer_connect(b);
    unsigned puts = fake_find(&w->f, cp_endpoint_id(b->e))->puts;
    b->path = a->path;
    peer_check(b, true, 5000);
    assert_int_equal(world_counter(w, "path_taken"), 1);
    assert_int_equal(fake_find(&w->f, cp_endpoint_id(b->e))->puts, puts);
    assert_true(peer_put_goes_to(b, &own));
    /* Once the owner has been silent for long it is the port's new user. */
    w->now += CP_ENDPOINT_QUIET_MS;
    peer_check(b, true, 5000);
    assert_true(peer_put_goes_to(b, &b->path));
    assert_null(cp_endpoint_path(a->e));
}

static void without_consent_it_is_gone(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0];

    world_run(w);
    peer_connect(p);
    assert_int_equal(cp_transport_deadline(w->t), w->now + CP_ENDPOINT_CONSENT_MS);
    w->now += CP_ENDPOINT_CONSENT_MS - 1;
    peer_check(p, false, 1);
    w->now += CP_ENDPOINT_CONSENT_MS - 1;
    world_run(w);
    assert_int_equal(p->gone, 0);
    w->now++;
    p->destroy_when_gone = true;
    uint32_t id = cp_endpoint_id(p->e);
    world_run(w);
    assert_int_equal(p->gone, 1);
    assert_int_equal(p->reason, CP_GONE_CONSENT);
    assert_null(fake_find(&w->f, id));
    assert_int_equal(cp_transport_endpoints(w->t), 0);
    assert_int_equal(cp_transport_deadline(w->t), CP_NEVER);
}

static void media_is_consent(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0];

    world_run(w);
    peer_connect(p);
    w->f.hears = true;
    w->f.silence_ms = 100;
    w->now += CP_ENDPOINT_CONSENT_MS;
    world_run(w);
    assert_int_equal(p->gone, 0);
    assert_int_equal(cp_transport_deadline(w->t), w->now - 100 + CP_ENDPOINT_CONSENT_MS);
    w->f.silence_ms = CP_ENDPOINT_CONSENT_MS;
    w->now += CP_ENDPOINT_CONSENT_MS;
    world_run(w);
    assert_int_equal(p->gone, 1);
    assert_int_equal(p->reason, CP_GONE_CONSENT);
}

/* While the dataplane is asked, a check may come, and the owner may have enough. */
static void consent_comes_while_asking(void **state)
{
    struct world *w = *state;
    struct peer *a = &w->peers[0], *b = &w->peers[1];

    world_run(w);
    peer_connect(a);
    peer_connect(b);
    w->f.mute = true;
    w->now += CP_ENDPOINT_CONSENT_MS;
    cp_transport_service(w->t, w->now);
    assert_int_equal(a->gone + b->gone, 0);
    assert_int_equal(cp_transport_deadline(w->t), CP_NEVER);
    peer_check(a, false, 1);
    cp_endpoint_destroy(b->e);
    w->f.mute = false;
    world_run(w);
    assert_int_equal(a->gone + b->gone, 0);
    assert_int_equal(cp_transport_deadline(w->t), w->now + CP_ENDPOINT_CONSENT_MS);
}

static void close_notify_ends_it(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0];

    world_run(w);
    peer_connect(p);
    SSL_shutdown(p->dtls.ssl);
    world_run(w);
    assert_int_equal(p->gone, 1);
    assert_int_equal(p->reason, CP_GONE_CLOSED);
    assert_false(cp_endpoint_connected(p->e));
    assert_null(fake_find(&w->f, cp_endpoint_id(p->e)));
    peer_check(p, false, 1); /* its credentials are void */
    assert_int_equal(p->answer.code, 401);
    cp_endpoint_destroy(p->e);
    assert_int_equal(p->gone, 1);
}

static void destroying_says_goodbye(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0];

    world_run(w);
    peer_connect(p);
    uint32_t id = cp_endpoint_id(p->e);
    cp_endpoint_destroy(p->e);
    world_run(w);
    assert_true(p->dtls.closed);
    assert_null(fake_find(&w->f, id));
    assert_int_equal(p->gone, 0);
}

static void a_handler_may_destroy(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0];

    world_run(w);
    p->destroy_when_connected = true;
    peer_connect(p);
    world_run(w);
    assert_int_equal(cp_transport_endpoints(w->t), 0);
    assert_int_equal(w->f.deletes, 1);
}

static void a_wrong_fingerprint_ends_it(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0], *other = &w->peers[1];
    struct cp_sdp_fingerprint f;
    struct cp_endpoint_remote r;

    world_run(w);
    peer_connect(other);
    dtls_client_create(&p->dtls, &(struct dtls_client_options){.profiles = BROWSER});
    p->dtls.send = peer_send_dtls;
    p->dtls.arg = p;
    p->dtls_open = true;
    assert_int_equal(cp_endpoint_create(w->t, p, w->now, &p->e), 0);
    peer_remote(p, "them", &f, &r);
    f.bytes[0] ^= 1;
    assert_int_equal(cp_endpoint_set_remote(p->e, &r, w->now), 0);
    peer_check(p, true, 1);
    dtls_client_step(&p->dtls, NULL, 0);
    world_run(w);
    assert_int_equal(p->reason, CP_GONE_DTLS);
    assert_int_equal(cp_endpoint_dtls_end(p->e), CP_DTLS_END_FINGERPRINT);
    assert_int_equal(world_counter(w, "dtls_end_wrong_fingerprint"), 1);
    assert_int_equal(p->connected, 0);
    assert_true(cp_endpoint_connected(other->e));
}

static void a_refused_put_ends_it(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0];

    world_run(w);
    w->f.put_error = HR_ERROR_LIMIT;
    peer_make(p, false);
    peer_check(p, true, 1);
    dtls_client_step(&p->dtls, NULL, 0);
    world_run(w);
    assert_false(cp_endpoint_connected(p->e));
    assert_int_equal(p->gone, 1);
    assert_int_equal(p->reason, CP_GONE_REFUSED);
}

static void an_ice_restart_changes_credentials(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0];
    struct cp_sdp_fingerprint f;
    struct cp_endpoint_remote r;

    world_run(w);
    peer_connect(p);
    struct cp_ice_credentials old = *cp_endpoint_credentials(p->e);
    assert_false(cp_endpoint_wants_restart(p->e, "them", "clientclientclientclient"));
    assert_true(cp_endpoint_wants_restart(p->e, "new1", "clientclientclientclient"));
    assert_int_equal(cp_endpoint_restart(p->e), 0);
    struct cp_ice_credentials fresh = *cp_endpoint_credentials(p->e);
    assert_string_not_equal(old.ufrag, fresh.ufrag);
    peer_check_as(p, &fresh, "new1", (struct stun_check){0}); /* before the offer is known */
    assert_int_equal(p->answer.code, 401);
    peer_remote(p, "new1", &f, &r);
    assert_int_equal(cp_endpoint_set_remote(p->e, &r, w->now), 0);
    peer_check_as(p, &old, "them", (struct stun_check){.use_candidate = true}); /* both are good */
    assert_int_equal(p->answer.class, STUN_RESPONSE);
    peer_check_as(p, &fresh, "new1", (struct stun_check){0});
    assert_int_equal(p->answer.class, STUN_RESPONSE);
    assert_string_equal(peer_last_put(p)->ice_ufrag, old.ufrag);
    p->path = world_path("198.18.0.20:7", 0);
    peer_check_as(p, &fresh, "new1",
                  (struct stun_check){.use_candidate = true}); /* now the old are void */
    assert_string_equal(peer_last_put(p)->ice_ufrag, fresh.ufrag);
    assert_true(peer_put_goes_to(p, &p->path));
    peer_check_as(p, &old, "them", (struct stun_check){0});
    assert_int_equal(p->answer.code, 401);
    assert_int_equal(p->gone, 0);
}

static void bad_remotes_are_refused(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0];
    struct cp_sdp_fingerprint f;
    struct cp_endpoint_remote r;
    char long_ufrag[HR_UFRAG_MAX + 2] = {0};

    world_run(w);
    peer_connect(p);
    peer_remote(p, "them", &f, &r);
    f.bytes[3] ^= 1;
    assert_int_equal(cp_endpoint_set_remote(p->e, &r, w->now), -EINVAL);
    f.bytes[3] ^= 1;
    r.n_fingerprints = 0;
    assert_int_equal(cp_endpoint_set_remote(p->e, &r, w->now), -EINVAL);
    r.n_fingerprints = 1;
    memset(long_ufrag, 'u', HR_UFRAG_MAX + 1);
    r.ufrag = long_ufrag;
    assert_int_equal(cp_endpoint_set_remote(p->e, &r, w->now), -EINVAL);
    r.ufrag = "them";
    p->ext[HR_EXT_RID] = 7;
    assert_int_equal(cp_endpoint_set_remote(p->e, &r, w->now), 0);
    world_run(w);
    assert_int_equal(peer_last_put(p)->n_extensions, 2);
}

static void the_table_has_a_limit(void **state)
{
    struct world *w = *state;
    struct cp_endpoint *e[8], *more;

    for (int i = 0; i < 8; i++)
        assert_int_equal(cp_endpoint_create(w->t, &w->peers[0], w->now, &e[i]), 0);
    assert_int_equal(cp_endpoint_create(w->t, &w->peers[0], w->now, &more), -ENOSPC);
    cp_endpoint_destroy(e[3]);
    assert_int_equal(cp_endpoint_create(w->t, &w->peers[0], w->now, &more), 0);
}

static void a_dataplane_in_reach_again_is_told_all(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0];

    w->f.page = 3;
    for (uint32_t i = 0; i < 10; i++)
        fake_add(&w->f, 5 + i);
    world_run(w);
    assert_int_equal(w->up, 1);
    assert_int_equal(w->f.deletes, 10); /* left over from nobody knows when */
    peer_connect(p);
    struct cp_endpoint *lost;
    assert_int_equal(cp_endpoint_create(w->t, &w->peers[1], w->now, &lost), 0);
    fake_crash(&w->f);
    world_run(w);
    assert_int_equal(w->down, 1);
    assert_false(cp_transport_is_ready(w->t));
    assert_true(cp_transport_deadline(w->t) > w->now);
    fake_reopen(&w->f);
    fake_add(&w->f, 77);
    w->now += 20000; /* clients could not reach us for so long */
    world_run(w);
    assert_int_equal(w->up, 2);
    assert_null(fake_find(&w->f, 77));
    assert_true(peer_put_goes_to(p, &p->path));
    assert_int_equal(p->connected, 1);
    w->now += 20000;
    world_run(w);
    assert_int_equal(p->gone, 0);
}

/* RFC 3711 9.1: a new process would begin with packet indices that have been sent. */
static void no_key_outlives_its_dataplane(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0], *young = &w->peers[1];

    world_run(w);
    peer_connect(p);
    uint32_t old = cp_endpoint_id(p->e);
    peer_make(young, false); /* no handshake yet: nothing has been sent under its keys */
    peer_check(young, true, 1);
    fake_crash(&w->f);
    world_run(w);
    w->f.instance++;
    fake_reopen(&w->f);
    w->now += 20000;
    world_run(w);
    assert_int_equal(w->up, 2);
    assert_int_equal(p->gone, 1);
    assert_int_equal(p->reason, CP_GONE_RESTARTED);
    assert_null(fake_find(&w->f, old));
    assert_int_equal(young->gone, 0);
}

static void make_pair(struct world *w)
{
    const struct cp_endpoint_remote remote = {.ufrag = "them", .pwd = "clientclientclientclient"};

    for (int i = 0; i < 2; i++)
        assert_int_equal(cp_endpoint_create(w->t, &w->peers[i], w->now, &w->peers[i].e), 0);
    cp_endpoint_pair(w->peers[0].e, w->peers[1].e);
    for (int i = 0; i < 2; i++) {
        assert_true(cp_endpoint_is_paired(w->peers[i].e));
        assert_int_equal(cp_endpoint_set_remote(w->peers[i].e, &remote, w->now), 0);
    }
}

/* Their clients do DTLS with each other: the dataplane gets paths and no keys. */
static void a_pair_has_no_keys(void **state)
{
    struct world *w = *state;
    static const uint8_t hello[] = {22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1};

    world_run(w);
    make_pair(w);
    for (int i = 0; i < 2; i++) {
        struct peer *p = &w->peers[i], *other = &w->peers[!i];
        peer_check(p, true, 1000);
        assert_int_equal(p->connected, 1);
        const Headrace__EndpointPut *put = peer_last_put(p);
        assert_null(put->keys);
        assert_int_equal(put->peer, cp_endpoint_id(other->e));
        assert_true(peer_put_goes_to(p, &p->path));
    }
    assert_int_equal(world_counter(w, "dtls_handshakes"), 0);
    assert_int_equal(w->peers[0].dtls_datagrams + w->peers[1].dtls_datagrams, 0);

    /* What comes here before the dataplane knows the way is passed on, too, and not answered. */
    fake_punt(&w->f, &w->peers[0].path, hello, sizeof(hello));
    world_run(w);
    assert_int_equal(w->peers[1].dtls_datagrams, 1);
    assert_int_equal(w->peers[0].dtls_datagrams, 0);
    cp_endpoint_destroy(w->peers[1].e);
    fake_punt(&w->f, &w->peers[0].path, hello, sizeof(hello));
    world_run(w);
    assert_int_equal(w->peers[1].dtls_datagrams, 1);
}

/* Consent is asked of the relay, whatever passes between the two. */
static void a_pair_needs_consent(void **state)
{
    struct world *w = *state;

    world_run(w);
    make_pair(w);
    peer_check(&w->peers[0], true, 1000);
    peer_check(&w->peers[1], true, 1000);
    w->now += CP_ENDPOINT_CONSENT_MS - 1000;
    peer_check(&w->peers[0], true, 1000);
    w->now += 2000;
    world_run(w);
    assert_int_equal(w->peers[0].gone, 0);
    assert_int_equal(w->peers[1].gone, 1);
    assert_int_equal(w->peers[1].reason, CP_GONE_CONSENT);
}

static void a_pair_takes_no_fingerprints(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0];
    struct cp_sdp_fingerprint f = {.hash = CP_SDP_SHA256, .len = 32};
    const struct cp_endpoint_remote remote = {
        .ufrag = "them", .pwd = "pwd", .fingerprints = &f, .n_fingerprints = 1};

    world_run(w);
    make_pair(w);
    assert_int_equal(cp_endpoint_set_remote(p->e, &remote, w->now), -EINVAL);
}

int main(void)
{

#define T(f) cmocka_unit_test_setup_teardown(f, world_set_up, world_tear_down)
    const struct CMUnitTest tests[] = {
        T(a_client_gets_connected),
        T(a_pair_has_no_keys),
        T(a_pair_needs_consent),
        T(a_pair_takes_no_fingerprints),
        T(we_begin_when_the_client_is_passive),
        T(dtls_needs_a_check_first),
        T(a_client_that_moves_keeps_its_call),
        T(many_paths_push_out_the_quietest),
        T(nobody_takes_the_path_of_another),
        T(without_consent_it_is_gone),
        T(media_is_consent),
        T(consent_comes_while_asking),
        T(close_notify_ends_it),
        T(destroying_says_goodbye),
        T(a_handler_may_destroy),
        T(a_wrong_fingerprint_ends_it),
        T(a_refused_put_ends_it),
        T(an_ice_restart_changes_credentials),
        T(bad_remotes_are_refused),
        T(the_table_has_a_limit),
        T(a_dataplane_in_reach_again_is_told_all),
        T(no_key_outlives_its_dataplane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
