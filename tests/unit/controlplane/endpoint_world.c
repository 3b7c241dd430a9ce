#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/controlplane/endpoint_world.h"

#define BROWSER "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM"

static void on_connected(void *arg, struct cp_endpoint *e, void *owner)
{
    struct peer *p = owner;

    p->connected++;
    if (p->destroy_when_connected) {
        cp_endpoint_destroy(e);
        p->e = NULL;
    }
}

static void on_gone(void *arg, struct cp_endpoint *e, void *owner, enum cp_gone reason)
{
    struct peer *p = owner;

    p->gone++;
    p->reason = reason;
    if (p->destroy_when_gone) {
        cp_endpoint_destroy(e);
        p->e = NULL;
    }
}

static void on_up(void *arg, const Headrace__HelloReply *hello)
{
    struct world *w = arg;

    assert_string_equal(hello->build, "fake");
    w->up++;
}

static void on_down(void *arg, const char *why)
{
    struct world *w = arg;
    w->down++;
}

static void on_injected(void *arg, const struct cp_path *path, const uint8_t *data, size_t len)
{
    struct world *w = arg;

    for (int i = 0; i < 2; i++) {
        struct peer *p = &w->peers[i];
        if (!cp_path_same_tuple(&p->path, path))
            continue;
        p->answered = *path;
        if (data[0] < 4) {
            p->answers++;
            stun_client_read(&p->stun, data, len, &p->answer);
        } else {
            p->dtls_datagrams++;
            if (p->dtls_open)
                dtls_client_step(&p->dtls, data, len);
        }
    }
}

void world_run(struct world *w)
{
    bool any;

    do {
        cp_transport_service(w->t, w->now);
        any = fake_step(&w->f);
    } while (any || cp_transport_deadline(w->t) <= w->now);
}

void peer_send_dtls(void *arg, const uint8_t *data, size_t len)
{
    struct peer *p = arg;
    fake_punt(&p->w->f, &p->path, data, len);
}

struct cp_path world_path(const char *remote, unsigned worker)
{
    struct cp_path p = {.port = 0,
                        .worker = worker,
                        .local_mac = {2, 0, 0, 0, 0, 1},
                        .remote_mac = {2, 0, 0, 0, 0, 2}};
    assert_int_equal(hr_address_parse("198.18.0.1:10000", &p.local), 0);
    assert_int_equal(hr_address_parse(remote, &p.remote), 0);
    return p;
}

int world_set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct cp_transport_handlers h = {
        .arg = w, .connected = on_connected, .gone = on_gone, .up = on_up, .down = on_down};

    fake_open(&w->f);
    w->f.injected = on_injected;
    w->f.arg = w;
    w->now = 100000;
    w->cfg.run_dir = w->f.dir;
    w->cfg.dataplane.endpoints = 8;
    assert_int_equal(cp_transport_create(&w->cfg, "test", &h, &w->t), 0);
    w->peers[0].path = world_path("198.18.0.7:50000", 0);
    w->peers[1].path = world_path("198.18.0.8:50000", 1);
    w->peers[0].w = w->peers[1].w = w;
    *state = w;
    return 0;
}

int world_tear_down(void **state)
{
    struct world *w = *state;

    cp_transport_destroy(w->t);
    for (int i = 0; i < 2; i++)
        if (w->peers[i].dtls.ctx)
            dtls_client_destroy(&w->peers[i].dtls);
    fake_close(&w->f);
    free(w);
    return 0;
}

void peer_remote(struct peer *p, const char *ufrag, struct cp_sdp_fingerprint *f,
                 struct cp_endpoint_remote *r)
{
    p->ext[HR_EXT_MID] = 4;
    dtls_client_fingerprint(&p->dtls, CP_SDP_SHA256, f);
    *r = (struct cp_endpoint_remote){.ufrag = ufrag,
                                     .pwd = "clientclientclientclient",
                                     .fingerprints = f,
                                     .n_fingerprints = 1,
                                     .dtls_client = SSL_is_server(p->dtls.ssl),
                                     .ext = p->ext,
                                     .extmap_allow_mixed = true,
                                     .rtcp_rsize = true};
}

void peer_make(struct peer *p, bool we_are_client)
{
    struct cp_sdp_fingerprint f;
    struct cp_endpoint_remote r;

    dtls_client_create(&p->dtls,
                       &(struct dtls_client_options){.profiles = BROWSER, .server = we_are_client});
    p->dtls.send = peer_send_dtls;
    p->dtls.arg = p;
    p->dtls_open = true;
    assert_int_equal(cp_endpoint_create(p->w->t, p, p->w->now, &p->e), 0);
    peer_remote(p, "them", &f, &r);
    assert_int_equal(cp_endpoint_set_remote(p->e, &r, p->w->now), 0);
}

void peer_check_as(struct peer *p, const struct cp_ice_credentials *c, const char *theirs,
                   struct stun_check k)
{
    char username[64];

    snprintf(username, sizeof(username), "%s:%s", c->ufrag, theirs);
    k.username = username;
    if (!k.password)
        k.password = c->pwd;
    size_t len = stun_client_check(&p->stun, &k);
    fake_punt(&p->w->f, &p->path, p->stun.buf, len);
    world_run(p->w);
}

void peer_check(struct peer *p, bool nominate, uint32_t priority)
{
    peer_check_as(p, cp_endpoint_credentials(p->e), "them",
                  (struct stun_check){.use_candidate = nominate, .priority = priority});
}

void peer_connect(struct peer *p)
{
    peer_make(p, false);
    peer_check(p, true, 1000);
    dtls_client_step(&p->dtls, NULL, 0);
    world_run(p->w);
    assert_int_equal(p->connected, 1);
}

Headrace__EndpointPut *peer_last_put(struct peer *p)
{
    struct fake_endpoint *e = fake_find(&p->w->f, cp_endpoint_id(p->e));
    assert_non_null(e);
    return e->last;
}

bool peer_put_goes_to(struct peer *p, const struct cp_path *path)
{
    struct cp_path got;

    assert_int_equal(cp_path_unpack(peer_last_put(p)->path, &got), 0);
    return cp_path_equal(&got, path);
}

struct wanted {
    const char *name;
    uint64_t value;
    bool found;
};

static void compare(void *arg, const char *name, uint64_t value)
{
    struct wanted *x = arg;

    if (strcmp(x->name, name) == 0) {
        x->value = value;
        x->found = true;
    }
}

uint64_t world_counter(struct world *w, const char *name)
{
    struct wanted x = {.name = name};

    cp_transport_counters(w->t, compare, &x);
    assert_true(x.found);
    return x.value;
}
