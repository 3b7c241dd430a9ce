/* The other end of a DTLS association, on OpenSSL alone: a client, or a server where ours is the
 * client. */
#ifndef DTLS_CLIENT_H
#define DTLS_CLIENT_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/sdp.h"

struct dtls_client_options {
    const char *profiles; /* OpenSSL's names; NULL: no use_srtp */
    bool no_certificate, rsa, server;
    size_t padding; /* bytes added to the ClientHello */
    long mtu;       /* 0: 1200 */
};

struct dtls_client {
    SSL_CTX *ctx;
    SSL *ssl;
    EVP_PKEY *key;
    X509 *certificate;
    BIO_METHOD *method;
    const uint8_t *in; /* datagram to be read */
    size_t in_len;
    int failed; /* SSL_get_error of a fatal return */
    bool done, closed;
    size_t padding;
    void (*send)(void *arg, const uint8_t *data, size_t len);
    void *arg;
};

/* c->send and c->arg must be set before the first step. Aborts when OpenSSL will not. */
void dtls_client_create(struct dtls_client *c, const struct dtls_client_options *o);
void dtls_client_destroy(struct dtls_client *c);
void dtls_client_again(struct dtls_client *c); /* a new association with the same certificate */
void dtls_client_step(struct dtls_client *c, const uint8_t *data,
                      size_t len); /* data NULL: only go on */
void dtls_client_timeout(struct dtls_client *c);
void dtls_client_fingerprint(const struct dtls_client *c, enum cp_sdp_hash hash,
                             struct cp_sdp_fingerprint *out);
/* client key, server key, client salt, server salt */
void dtls_client_export(const struct dtls_client *c, uint8_t *out, size_t len);

#endif
