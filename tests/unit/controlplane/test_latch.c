/* Endpoints whose keys are known from the start and whose path is found by the dataplane. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "tests/unit/controlplane/endpoint_world.h"

#define WAIT_MS    60000
#define SILENCE_MS 30000

static struct cp_srtp_key key(enum hr_srtp_profile profile, uint8_t fill)
{
    struct cp_srtp_key k = {.profile = profile};
    k.len = (unsigned)(hr_srtp_key_len(profile) + hr_srtp_salt_len(profile));
    memset(k.bytes, fill, k.len);
    return k;
}

static int latch(struct peer *p, enum hr_srtp_profile profile, size_t n_ssrcs)
{
    static const uint32_t ssrcs[CP_LATCH_SSRCS_MAX + 1] = {11, 12};
    const struct cp_srtp_key ingress = key(profile, 1), egress = key(profile, 2);
    const struct cp_endpoint_latch l = {.ingress = &ingress,
                                        .egress = &egress,
                                        .ssrcs = ssrcs,
                                        .n_ssrcs = n_ssrcs,
                                        .ext = p->ext,
                                        .wait_ms = WAIT_MS,
                                        .silence_ms = SILENCE_MS};
    int rc = cp_endpoint_create(p->w->t, p, p->w->now, &p->e);
    return rc ? rc : cp_endpoint_latch(p->e, &l, p->w->now);
}

static void make(struct peer *p)
{
    world_run(p->w);
    p->ext[HR_EXT_MID] = 4;
    assert_int_equal(latch(p, HR_SRTP_AEAD_AES_128_GCM, 2), 0);
    world_run(p->w);
}

static void its_keys_are_put_at_once(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0];

    make(p);
    assert_int_equal(p->connected, 1); /* its sources may be put behind it */
    assert_false(cp_endpoint_connected(p->e));
    assert_null(cp_endpoint_path(p->e));
    const Headrace__EndpointPut *put = peer_last_put(p);
    assert_true(put->latch);
    assert_null(put->path);
    assert_int_equal(put->n_latch_ssrcs, 2);
    assert_int_equal(put->latch_ssrcs[1], 12);
    assert_int_equal(put->keys->profile, HR_SRTP_AEAD_AES_128_GCM);
    assert_int_equal(put->keys->ingress_key.len, 28);
    assert_int_equal(put->keys->ingress_key.data[27], 1);
    assert_int_equal(put->keys->egress_key.data[27], 2);
    assert_string_equal(put->ice_ufrag, "");
    assert_int_equal(put->n_extensions, 1);
    fake_latch(&w->f, cp_endpoint_id(p->e), &p->path);
    world_run(w);
    assert_true(cp_endpoint_connected(p->e));
    assert_true(cp_path_equal(cp_endpoint_path(p->e), &p->path));
    assert_int_equal(world_counter(w, "endpoints_latched"), 1);
    assert_int_equal(p->connected, 1);
}

static void a_later_address_is_shown(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0];

    make(p);
    fake_latch(&w->f, cp_endpoint_id(p->e), &p->path);
    p->path = world_path("198.18.0.9:1234", 0);
    fake_latch(&w->f, cp_endpoint_id(p->e), &p->path);
    fake_latch(&w->f, 1 + cp_endpoint_id(p->e), &p->path);
    world_run(w);
    assert_true(cp_path_equal(cp_endpoint_path(p->e), &p->path));
    assert_int_equal(world_counter(w, "endpoints_latched"), 1);
    assert_int_equal(world_counter(w, "path_moves"), 1);
    assert_int_equal(world_counter(w, "latches_unknown"), 1);
}

static void without_a_packet_it_is_gone(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0];

    w->f.hears = true; /* has statistics, of nothing yet */
    make(p);
    w->now += WAIT_MS - 1;
    world_run(w);
    assert_int_equal(p->gone, 0);
    w->now++;
    world_run(w);
    assert_int_equal(p->gone, 1);
    assert_int_equal(p->reason, CP_GONE_UNLATCHED);
    assert_null(fake_find(&w->f, cp_endpoint_id(p->e)));
    assert_int_equal(world_counter(w, "gone_unlatched"), 1);
}

static void media_keeps_it(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0];

    w->f.hears = true;
    w->f.rx_packets = 9;
    w->f.silence_ms = 100;
    make(p);
    fake_latch(&w->f, cp_endpoint_id(p->e), &p->path);
    world_run(w);
    for (int i = 0; i < 3; i++) {
        w->now += SILENCE_MS;
        world_run(w);
        assert_int_equal(p->gone, 0);
    }
    w->f.silence_ms = 2 * SILENCE_MS;
    w->now += SILENCE_MS;
    world_run(w);
    assert_int_equal(p->gone, 1);
    assert_int_equal(p->reason, CP_GONE_CONSENT);
}

static void so_does_its_word(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0];

    make(p);
    fake_latch(&w->f, cp_endpoint_id(p->e), &p->path);
    world_run(w);
    w->now += SILENCE_MS - 1;
    cp_endpoint_renew(p->e, w->now);
    w->now += SILENCE_MS - 1;
    world_run(w);
    assert_int_equal(p->gone, 0);
    w->now += 1;
    world_run(w);
    assert_int_equal(p->gone, 1);
}

/* The channel was down when the dataplane told of the first packet. */
static void a_lost_event_ends_nothing(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0];

    make(p);
    fake_crash(&w->f);
    world_run(w);
    fake_reopen(&w->f);
    w->now += 20000;
    world_run(w);
    assert_true(peer_last_put(p)->latch); /* told again */
    w->f.hears = true;
    w->f.rx_packets = 5;
    w->now += WAIT_MS;
    world_run(w);
    assert_int_equal(p->gone, 0);
    assert_true(cp_endpoint_connected(p->e));
    assert_null(cp_endpoint_path(p->e));
}

static void what_does_not_fit_is_refused(void **state)
{
    struct world *w = *state;
    struct peer *p = &w->peers[0], *many = &w->peers[1];
    const struct cp_srtp_key gcm = key(HR_SRTP_AEAD_AES_128_GCM, 1);
    const struct cp_srtp_key sha = key(HR_SRTP_AES_CM_128_HMAC_SHA1_80, 1);
    const struct cp_endpoint_latch mixed = {.ingress = &gcm, .egress = &sha};
    struct cp_endpoint *e;

    make(p);
    assert_int_equal(cp_endpoint_create(w->t, p, w->now, &e), 0);
    assert_int_equal(cp_endpoint_latch(e, &mixed, w->now), -EINVAL);
    assert_int_equal(latch(many, HR_SRTP_NONE, 0), -EINVAL);
    cp_endpoint_destroy(many->e);
    assert_int_equal(latch(many, HR_SRTP_AES_CM_128_HMAC_SHA1_80, CP_LATCH_SSRCS_MAX + 1), 0);
    world_run(w);
    assert_int_equal(peer_last_put(many)->n_latch_ssrcs, 0);
    assert_int_equal(peer_last_put(many)->keys->ingress_key.len, 30);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_set_up, world_tear_down)
    const struct CMUnitTest tests[] = {
        T(its_keys_are_put_at_once),
        T(a_later_address_is_shown),
        T(without_a_packet_it_is_gone),
        T(media_keeps_it),
        T(so_does_its_word),
        T(a_lost_event_ends_nothing),
        T(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
