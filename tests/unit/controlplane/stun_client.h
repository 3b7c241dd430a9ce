/* The full agent's side of a check, on libnice's client usage: what browsers send, and faulty ones.
 */
#ifndef STUN_CLIENT_H
#define STUN_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stun/stunagent.h>
#include <stun/usages/ice.h>

struct stun_check {
    const char *username, *password;
    bool use_candidate, controlled;
    uint32_t priority;
    uint16_t extra; /* an attribute more, 0: none */
    bool no_fingerprint;
};

struct stun_client {
    StunAgent agent;
    uint8_t buf[600];
    size_t len; /* of the check in buf */
};

/* The check's length, its bytes in c->buf. */
size_t stun_client_check(struct stun_client *c, const struct stun_check *check);
size_t stun_client_indication(struct stun_client *c);

/* The answer as the client sees it: its class, error code (0: none), mapped address. */
struct stun_answer {
    StunValidationStatus status;
    StunClass class;
    int code;
    struct sockaddr_storage mapped;
};
void stun_client_read(struct stun_client *c, const uint8_t *data, size_t len,
                      struct stun_answer *out);

#endif
