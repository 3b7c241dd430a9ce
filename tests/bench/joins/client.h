/* What client.c, signal.c and peer.c share: one client, from its first SYN to its keys. */
#ifndef JOINS_CLIENT_H
#define JOINS_CLIENT_H

#include <openssl/ssl.h>

#include "joins.h"
#include "tests/unit/controlplane/stun_client.h"

#define NAME_MAX_TEXT 32
#define PWD           "clientPasswordOf24Bytes0"

enum state { CONNECTING, UPGRADING, JOINING, OFFERED, CHECKING, HANDSHAKING, CONNECTED, FAILED };

/* Freed once it is done. */
struct joining {
    uint64_t started, check_sent;
    unsigned checks;
    struct stun_client check;
    char username[80];
    SSL *ssl;
    const uint8_t *in; /* the datagram being read */
    size_t in_len;
    char *tx; /* what the TCP socket has not taken yet */
    size_t tx_at, tx_len;
};

struct client {
    enum state state;
    enum by by;
    int tcp; /* -1: closed */
    uint32_t index;
    unsigned room;
    char name[NAME_MAX_TEXT], ufrag[12];
    char *location; /* of WHIP and WHEP */
    struct answer answer;
    uint32_t sources[2];
    uint64_t next_check;
    struct joining *j; /* while it joins */
    uint8_t *rx;       /* of TCP, not yet understood */
    size_t rx_len, rx_size;
    struct media *media;
};

/* client.c */
__attribute__((format(printf, 2, 3))) void client_fail(struct client *c, const char *format, ...);
void client_answered(struct client *c); /* c->answer is filled */
void client_done(struct client *c);
void client_datagram(struct client *c, const uint8_t *data, size_t len);
unsigned client_room_sources(const struct client *c, uint32_t *out, unsigned max);
void client_published(struct client *c);
void client_write(struct client *c, const void *head, size_t head_len, const void *body,
                  size_t body_len);

/* signal.c: HTTP/1.1 (RFC 9112) and WebSocket (RFC 6455), as much as is needed */
void signal_begin(struct client *c); /* TCP is there */
void signal_read(struct client *c);  /* c->rx has grown */
void signal_goodbye(struct client *c);

/* peer.c: ICE and DTLS */
const char *peer_fingerprint(void);
void peer_check(struct client *c); /* sends one, for consent or to begin */
void peer_stun(struct client *c, const uint8_t *data, size_t len);
void peer_dtls(struct client *c, const uint8_t *data, size_t len); /* data NULL: begin */
void peer_timers(struct client *c, uint64_t now);
void peer_free(struct joining *j);

#endif
