/* A transport on a fake dataplane with two clients, for tests of endpoints. */
#ifndef ENDPOINT_WORLD_H
#define ENDPOINT_WORLD_H

#include "controlplane/transport.h"
#include "tests/unit/controlplane/dtls_client.h"
#include "tests/unit/controlplane/fake_dataplane.h"
#include "tests/unit/controlplane/stun_client.h"

/* A client with its endpoint; it speaks from `path`. */
struct peer {
    struct world *w;
    struct cp_endpoint *e;
    struct cp_path path;
    struct stun_client stun;
    struct stun_answer answer;
    unsigned answers, dtls_datagrams;
    struct cp_path answered; /* the way the last datagram went */
    struct dtls_client dtls;
    bool dtls_open;
    unsigned connected, gone;
    enum cp_gone reason;
    bool destroy_when_connected, destroy_when_gone;
    uint8_t ext[HR_EXT_KINDS];
};

struct world {
    struct fake_dataplane f;
    struct hr_config cfg;
    struct cp_transport *t;
    uint64_t now;
    unsigned up, down;
    struct peer peers[2];
};

int world_set_up(void **state);
int world_tear_down(void **state);
void world_run(struct world *w); /* until nothing is left to do */
uint64_t world_counter(struct world *w, const char *name);
struct cp_path world_path(const char *remote, unsigned worker);

/* What the client's offer says. r points to f. */
void peer_remote(struct peer *p, const char *ufrag, struct cp_sdp_fingerprint *f,
                 struct cp_endpoint_remote *r);
void peer_make(struct peer *p, bool we_are_client);
void peer_connect(struct peer *p); /* made, checked, nominated, keys in the dataplane */
void peer_check(struct peer *p, bool nominate, uint32_t priority);
void peer_check_as(struct peer *p, const struct cp_ice_credentials *c, const char *theirs,
                   struct stun_check k);
void peer_send_dtls(void *arg, const uint8_t *data, size_t len);
Headrace__EndpointPut *peer_last_put(struct peer *p);
bool peer_put_goes_to(struct peer *p, const struct cp_path *path);

#endif
