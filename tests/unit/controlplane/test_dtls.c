#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/dtls.h"
#include "tests/unit/controlplane/dtls_client.h"

#define BROWSER   "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM" /* in Chromium's order */
#define DATAGRAMS 64

struct datagram {
    uint8_t bytes[CP_DTLS_DATAGRAM_MAX];
    size_t len;
};

/* One direction: what was sent and not delivered yet. `lose` is the number of the one that gets
 * lost. */
struct link {
    struct datagram queue[DATAGRAMS];
    unsigned n, sent;
    int lose;
    size_t longest;
    bool reversed; /* deliver the newest first */
};

struct world {
    struct cp_dtls_context *ctx;
    struct cp_dtls *server; /* ours, whichever its role */
    struct dtls_client client;
    struct link up, down; /* to ours, from ours */
    uint64_t now;
    struct cp_sdp_fingerprint fingerprint;
};

static void put(void *arg, const uint8_t *data, size_t len)
{
    struct link *l = arg;

    assert_true(len <= CP_DTLS_DATAGRAM_MAX && l->n < DATAGRAMS);
    if (len > l->longest)
        l->longest = len;
    if ((int)l->sent++ == l->lose)
        return;
    memcpy(l->queue[l->n].bytes, data, len);
    l->queue[l->n++].len = len;
}

static bool take(struct link *l, struct datagram *out)
{
    if (l->n == 0)
        return false;
    unsigned at = l->reversed ? l->n - 1 : 0;
    *out = l->queue[at];
    memmove(&l->queue[at], &l->queue[at + 1], (l->n - at - 1) * sizeof(l->queue[0]));
    l->n--;
    return true;
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_int_equal(cp_dtls_context_create(&w->ctx), 0);
    w->now = 1000;
    w->up.lose = w->down.lose = -1;
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    cp_dtls_destroy(w->server);
    if (w->client.ctx)
        dtls_client_destroy(&w->client);
    cp_dtls_context_destroy(w->ctx);
    free(w);
    return 0;
}

static void begin(struct world *w, struct dtls_client_options o)
{
    dtls_client_create(&w->client, &o);
    w->client.send = put;
    w->client.arg = &w->up;
    if (w->fingerprint.len == 0)
        dtls_client_fingerprint(&w->client, CP_SDP_SHA256, &w->fingerprint);
    struct cp_dtls_params p = {.client = o.server,
                               .fingerprints = &w->fingerprint,
                               .n_fingerprints = 1,
                               .send = put,
                               .arg = &w->down};
    assert_int_equal(cp_dtls_create(w->ctx, &p, w->now, &w->server), 0);
    cp_dtls_start(w->server, w->now);
    dtls_client_step(&w->client, NULL, 0);
}

/* Delivers until nothing is under way. */
static void exchange(struct world *w)
{
    struct datagram d;
    bool any = true;

    while (any) {
        any = false;
        while (take(&w->up, &d)) {
            cp_dtls_receive(w->server, d.bytes, d.len, w->now);
            any = true;
        }
        while (take(&w->down, &d)) {
            dtls_client_step(&w->client, d.bytes, d.len);
            any = true;
        }
    }
}

/* With losses: also lets timers run, by the wall clock, for OpenSSL knows no other. */
static bool exchange_patiently(struct world *w)
{
    for (int i = 0; i < 400; i++) {
        exchange(w);
        if (w->client.done && cp_dtls_state(w->server) == CP_DTLS_CONNECTED)
            return true;
        usleep(5000);
        w->now += 5;
        cp_dtls_timeout(w->server, w->now);
        dtls_client_timeout(&w->client);
    }
    return false;
}

/* Ours are the client's swapped: what it writes we receive. */
static void check_keys(struct world *w, enum hr_srtp_profile profile)
{
    struct cp_dtls_keys k = {0};
    uint8_t block[60];
    size_t key = hr_srtp_key_len(profile), salt = hr_srtp_salt_len(profile);

    assert_int_equal(cp_dtls_state(w->server), CP_DTLS_CONNECTED);
    assert_true(w->client.done);
    assert_int_equal(cp_dtls_keys(w->server, &k), 0);
    assert_int_equal(k.profile, profile);
    assert_int_equal(k.len, key + salt);
    dtls_client_export(&w->client, block, 2 * (key + salt));
    bool they_serve = SSL_is_server(w->client.ssl);
    const uint8_t *client_write = they_serve ? k.egress : k.ingress;
    const uint8_t *server_write = they_serve ? k.ingress : k.egress;
    assert_memory_equal(client_write, block, key);
    assert_memory_equal(server_write, block + key, key);
    assert_memory_equal(client_write + key, block + 2 * key, salt);
    assert_memory_equal(server_write + key, block + 2 * key + salt, salt);
}

static void gcm_wins_whatever_the_client_lists_first(void **state)
{
    struct world *w = *state;
    const struct cp_dtls *d;

    begin(w, (struct dtls_client_options){.profiles = BROWSER});
    exchange(w);
    check_keys(w, HR_SRTP_AEAD_AES_128_GCM);
    d = w->server;
    assert_true(strncmp(cp_dtls_cipher(d), "ECDHE-ECDSA-", 12) == 0);
    assert_true(w->down.longest <= CP_DTLS_MTU);
    assert_int_equal(cp_dtls_deadline(d, w->now), CP_DTLS_NEVER);
}

static void sha1_when_the_client_has_nothing_else(void **state)
{
    struct world *w = *state;

    begin(w, (struct dtls_client_options){.profiles = "SRTP_AES128_CM_SHA1_80"});
    exchange(w);
    check_keys(w, HR_SRTP_AES_CM_128_HMAC_SHA1_80);
}

static void no_profile_in_common_fails(void **state)
{
    struct world *w = *state;

    begin(w, (struct dtls_client_options){.profiles = "SRTP_AES128_CM_SHA1_32"});
    exchange(w);
    assert_int_equal(cp_dtls_state(w->server), CP_DTLS_FAILED);
    assert_int_equal(cp_dtls_end(w->server), CP_DTLS_END_NO_PROFILE);
    assert_true(w->client.closed);
}

static void a_wrong_fingerprint_fails_with_an_alert(void **state)
{
    struct world *w = *state;
    struct cp_dtls_keys k;

    w->fingerprint = (struct cp_sdp_fingerprint){.hash = CP_SDP_SHA256, .len = 32, .bytes = {1}};
    begin(w, (struct dtls_client_options){.profiles = BROWSER});
    exchange(w);
    assert_int_equal(cp_dtls_state(w->server), CP_DTLS_FAILED);
    assert_int_equal(cp_dtls_end(w->server), CP_DTLS_END_FINGERPRINT);
    assert_int_equal(cp_dtls_keys(w->server, &k), -EAGAIN);
    assert_true(w->client.failed);
}

static void longer_hashes_are_known(void **state)
{
    static const enum cp_sdp_hash hashes[] = {CP_SDP_SHA384, CP_SDP_SHA512};

    for (size_t i = 0; i < 2; i++) {
        struct world *w = *state;
        begin(w, (struct dtls_client_options){.profiles = BROWSER});
        cp_dtls_destroy(w->server);
        w->server = NULL;
        struct cp_sdp_fingerprint f[2] = {{.hash = CP_SDP_SHA256, .len = 32}};
        dtls_client_fingerprint(&w->client, hashes[i], &f[1]);
        struct cp_dtls_params p = {
            .fingerprints = f, .n_fingerprints = 2, .send = put, .arg = &w->down};
        assert_int_equal(cp_dtls_create(w->ctx, &p, w->now, &w->server), 0);
        exchange(w);
        check_keys(w, HR_SRTP_AEAD_AES_128_GCM);
        tear_down(state);
        set_up(state);
    }
}

static void a_client_without_certificate_fails(void **state)
{
    struct world *w = *state;

    begin(w, (struct dtls_client_options){.profiles = BROWSER, .no_certificate = true});
    exchange(w);
    assert_int_equal(cp_dtls_state(w->server), CP_DTLS_FAILED);
    assert_int_equal(cp_dtls_end(w->server), CP_DTLS_END_NO_CERTIFICATE);
}

static void a_client_may_have_an_rsa_certificate(void **state)
{
    struct world *w = *state;

    begin(w, (struct dtls_client_options){.profiles = BROWSER, .rsa = true});
    exchange(w);
    check_keys(w, HR_SRTP_AEAD_AES_128_GCM);
}

static void we_can_be_the_client(void **state)
{
    struct world *w = *state;

    begin(w, (struct dtls_client_options){.profiles = "SRTP_AEAD_AES_128_GCM", .server = true});
    exchange(w);
    check_keys(w, HR_SRTP_AEAD_AES_128_GCM);
}

static void as_client_we_check_the_fingerprint_too(void **state)
{
    struct world *w = *state;

    w->fingerprint = (struct cp_sdp_fingerprint){.hash = CP_SDP_SHA256, .len = 32, .bytes = {1}};
    begin(w, (struct dtls_client_options){.profiles = BROWSER, .server = true});
    exchange(w);
    assert_int_equal(cp_dtls_end(w->server), CP_DTLS_END_FINGERPRINT);
    assert_true(w->client.failed);
}

static void the_certificate_is_the_one_in_the_sdp(void **state)
{
    struct world *w = *state;
    struct cp_sdp_fingerprint text;
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len;

    begin(w, (struct dtls_client_options){.profiles = BROWSER});
    exchange(w);
    X509 *x = SSL_get0_peer_certificate(w->client.ssl);
    assert_non_null(x);
    assert_int_equal(X509_digest(x, EVP_sha256(), digest, &len), 1);
    assert_int_equal(cp_sdp_fingerprint_parse(cp_dtls_context_fingerprint(w->ctx), &text), 0);
    assert_int_equal(text.len, len);
    assert_memory_equal(text.bytes, digest, len);
    assert_true(X509_cmp_current_time(X509_get0_notBefore(x)) < 0);
    assert_true(X509_cmp_current_time(X509_get0_notAfter(x)) > 0);
}

/* As a post-quantum key share makes it. */
static void a_client_hello_may_span_datagrams(void **state)
{
    struct world *w = *state;

    begin(w, (struct dtls_client_options){.profiles = BROWSER, .padding = 1800, .mtu = 400});
    assert_true(w->up.n >= 5);
    exchange(w);
    check_keys(w, HR_SRTP_AEAD_AES_128_GCM);
}

static void its_parts_may_come_in_any_order(void **state)
{
    struct world *w = *state;

    w->up.reversed = w->down.reversed = true;
    begin(w, (struct dtls_client_options){.profiles = BROWSER, .padding = 1800, .mtu = 400});
    assert_true(exchange_patiently(w));
    check_keys(w, HR_SRTP_AEAD_AES_128_GCM);
}

/* Each datagram of a handshake lost once, either way. */
static void any_one_datagram_may_be_lost(void **state)
{
    for (int i = 0; i < 12; i++) {
        struct world *w = *state;
        *(i % 2 ? &w->up.lose : &w->down.lose) = i / 2;
        begin(w, (struct dtls_client_options){.profiles = BROWSER, .mtu = 500});
        assert_true(exchange_patiently(w));
        check_keys(w, HR_SRTP_AEAD_AES_128_GCM);
        tear_down(state);
        set_up(state);
    }
}

static void our_first_flight_is_repeated(void **state)
{
    struct world *w = *state;

    w->down.lose = 0;
    begin(w, (struct dtls_client_options){.profiles = BROWSER, .server = true});
    uint64_t deadline = cp_dtls_deadline(w->server, w->now);
    assert_in_range(deadline, w->now + 1, w->now + CP_DTLS_RETRANSMIT_US / 1000 + 1);
    assert_true(exchange_patiently(w));
    /* Now the choice is theirs, by their order. */
    check_keys(w, HR_SRTP_AES_CM_128_HMAC_SHA1_80);
}

static void garbage_is_ignored(void **state)
{
    struct world *w = *state;
    uint8_t junk[CP_DTLS_DATAGRAM_MAX + 1];

    begin(w, (struct dtls_client_options){.profiles = BROWSER});
    srandom(7);
    for (int n = 0; n < 2000; n++) {
        size_t len = (size_t)random() % 24 + 1;
        for (size_t i = 0; i < len; i++)
            junk[i] = (uint8_t)random();
        junk[0] = (uint8_t)(20 + random() % 44);
        assert_int_equal(cp_dtls_receive(w->server, junk, len, w->now), CP_DTLS_HANDSHAKE);
    }
    assert_int_equal(cp_dtls_receive(w->server, junk, sizeof(junk), w->now), CP_DTLS_HANDSHAKE);
    exchange(w);
    check_keys(w, HR_SRTP_AEAD_AES_128_GCM);
    for (size_t i = 0; i < sizeof(junk); i++)
        junk[i] = (uint8_t)random();
    junk[0] = 23;
    assert_int_equal(cp_dtls_receive(w->server, junk, 1000, w->now), CP_DTLS_CONNECTED);
}

static void every_cut_of_the_client_hello_is_survived(void **state)
{
    struct world *w = *state;

    begin(w, (struct dtls_client_options){.profiles = BROWSER});
    struct datagram d = w->up.queue[0];
    for (size_t n = 0; n < d.len; n++) {
        uint8_t *copy = malloc(n ? n : 1);
        memcpy(copy, d.bytes, n);
        assert_int_equal(cp_dtls_receive(w->server, copy, n, w->now), CP_DTLS_HANDSHAKE);
        free(copy);
        if (n % 16 == 15) { /* or the flood limit ends it */
            struct cp_dtls_params p = {
                .fingerprints = &w->fingerprint, .n_fingerprints = 1, .send = put, .arg = &w->down};
            cp_dtls_destroy(w->server);
            assert_int_equal(cp_dtls_create(w->ctx, &p, w->now, &w->server), 0);
        }
    }
    exchange(w);
    check_keys(w, HR_SRTP_AEAD_AES_128_GCM);
}

static void a_flood_ends_it(void **state)
{
    struct world *w = *state;
    uint8_t junk[1200] = {22};

    begin(w, (struct dtls_client_options){.profiles = BROWSER});
    for (int i = 0; i < CP_DTLS_HANDSHAKE_BYTES_MAX / 1200 + 1; i++)
        cp_dtls_receive(w->server, junk, sizeof(junk), w->now);
    assert_int_equal(cp_dtls_state(w->server), CP_DTLS_FAILED);
    assert_int_equal(cp_dtls_end(w->server), CP_DTLS_END_FLOOD);
}

static void a_handshake_has_a_limit(void **state)
{
    struct world *w = *state;

    begin(w, (struct dtls_client_options){.profiles = BROWSER});
    assert_int_equal(cp_dtls_deadline(w->server, w->now), w->now + CP_DTLS_HANDSHAKE_MS);
    w->now += CP_DTLS_HANDSHAKE_MS - 1;
    assert_int_equal(cp_dtls_timeout(w->server, w->now), CP_DTLS_HANDSHAKE);
    w->now++;
    assert_int_equal(cp_dtls_timeout(w->server, w->now), CP_DTLS_FAILED);
    assert_int_equal(cp_dtls_end(w->server), CP_DTLS_END_TIMEOUT);
    assert_int_equal(cp_dtls_deadline(w->server, w->now), CP_DTLS_NEVER);
}

static void both_can_close(void **state)
{
    struct world *w = *state;

    begin(w, (struct dtls_client_options){.profiles = BROWSER});
    exchange(w);
    SSL_shutdown(w->client.ssl);
    exchange(w);
    assert_int_equal(cp_dtls_state(w->server), CP_DTLS_CLOSED);
    assert_int_equal(cp_dtls_end(w->server), CP_DTLS_END_CLOSE_NOTIFY);
    assert_int_equal(cp_dtls_alerts(w->server), 1);
    tear_down(state);
    set_up(state);
    w = *state;
    begin(w, (struct dtls_client_options){.profiles = BROWSER});
    exchange(w);
    cp_dtls_close(w->server);
    exchange(w);
    assert_true(w->client.closed);
}

static void a_lost_last_flight_is_repeated(void **state)
{
    struct world *w = *state;

    begin(w, (struct dtls_client_options){.profiles = BROWSER});
    for (int i = 0; i < 50 && cp_dtls_state(w->server) == CP_DTLS_HANDSHAKE; i++) {
        struct datagram d;
        while (take(&w->up, &d))
            cp_dtls_receive(w->server, d.bytes, d.len, w->now);
        if (cp_dtls_state(w->server) == CP_DTLS_HANDSHAKE)
            while (take(&w->down, &d))
                dtls_client_step(&w->client, d.bytes, d.len);
    }
    assert_int_equal(cp_dtls_state(w->server), CP_DTLS_CONNECTED);
    assert_false(w->client.done);
    w->down.n = 0; /* it never arrived */
    assert_true(exchange_patiently(w));
    check_keys(w, HR_SRTP_AEAD_AES_128_GCM);
}

/* Every bit of a close_notify is covered by its tag or its header's checks. */
static void a_forged_alert_ends_nothing(void **state)
{
    struct world *w = *state;
    struct datagram d;

    begin(w, (struct dtls_client_options){.profiles = BROWSER});
    exchange(w);
    SSL_shutdown(w->client.ssl);
    assert_true(take(&w->up, &d));
    for (size_t i = 0; i < d.len * 8; i++) {
        d.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_int_equal(cp_dtls_receive(w->server, d.bytes, d.len, w->now), CP_DTLS_CONNECTED);
        d.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    for (size_t len = 1; len < d.len; len++)
        assert_int_equal(cp_dtls_receive(w->server, d.bytes, len, w->now), CP_DTLS_CONNECTED);
    assert_int_equal(cp_dtls_receive(w->server, d.bytes, d.len, w->now), CP_DTLS_CLOSED);
}

/* Our close_notify must be a record that the client has not seen, also where it saw a flight twice.
 */
static void we_can_close_in_either_role(void **state)
{
    struct world *w = *state;

    begin(w, (struct dtls_client_options){.profiles = BROWSER, .server = true});
    exchange(w);
    assert_int_equal(cp_dtls_state(w->server), CP_DTLS_CONNECTED);
    cp_dtls_close(w->server);
    exchange(w);
    assert_true(w->client.closed);
    tear_down(state);
    set_up(state);
    a_lost_last_flight_is_repeated(state);
    w = *state;
    cp_dtls_close(w->server);
    exchange(w);
    assert_true(w->client.closed);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(gcm_wins_whatever_the_client_lists_first),
        T(sha1_when_the_client_has_nothing_else),
        T(no_profile_in_common_fails),
        T(a_wrong_fingerprint_fails_with_an_alert),
        T(longer_hashes_are_known),
        T(a_client_without_certificate_fails),
        T(a_client_may_have_an_rsa_certificate),
        T(we_can_be_the_client),
        T(as_client_we_check_the_fingerprint_too),
        T(the_certificate_is_the_one_in_the_sdp),
        T(a_client_hello_may_span_datagrams),
        T(its_parts_may_come_in_any_order),
        T(any_one_datagram_may_be_lost),
        T(our_first_flight_is_repeated),
        T(garbage_is_ignored),
        T(every_cut_of_the_client_hello_is_survived),
        T(a_flood_ends_it),
        T(a_handshake_has_a_limit),
        T(both_can_close),
        T(a_lost_last_flight_is_repeated),
        T(a_forged_alert_ends_nothing),
        T(we_can_close_in_either_role),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
