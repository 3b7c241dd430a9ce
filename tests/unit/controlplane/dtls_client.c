#include "tests/unit/controlplane/dtls_client.h"

#include <openssl/err.h>
#include <openssl/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(x)                                                     \
    do {                                                            \
        if (!(x)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
            ERR_print_errors_fp(stderr);                            \
            abort();                                                \
        }                                                           \
    } while (0)

static int bio_read(BIO *bio, char *buf, int size)
{
    struct dtls_client *c = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (!c->in) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t n = c->in_len < (size_t)size ? c->in_len : (size_t)size;
    memcpy(buf, c->in, n);
    c->in = NULL;
    return (int)n;
}

static int bio_write(BIO *bio, const char *buf, int len)
{
    struct dtls_client *c = BIO_get_data(bio);

    c->send(c->arg, (const uint8_t *)buf, (size_t)len);
    return len;
}

static long bio_ctrl(BIO *bio, int cmd, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return cmd == BIO_CTRL_FLUSH;
}

static void make_certificate(struct dtls_client *c, bool rsa)
{
    c->key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    c->certificate = X509_new();
    MUST(c->key && c->certificate);
    X509_gmtime_adj(X509_getm_notBefore(c->certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(c->certificate), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(c->certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(c->certificate, X509_get_subject_name(c->certificate));
    MUST(X509_set_pubkey(c->certificate, c->key));
    MUST(X509_sign(c->certificate, c->key, EVP_sha256()));
}

/* The parameters are as OpenSSL has them. */
static int add_padding(SSL *ssl, unsigned type, unsigned context, const unsigned char **out,
                       size_t *len, X509 *x, size_t index, int *al, void *arg)
{
    static uint8_t zeros[4096];
    struct dtls_client *c = arg;

    *out = zeros;
    *len = c->padding;
    return 1;
}

static int verify(X509_STORE_CTX *store, void *arg)
{
    return 1;
}

static unsigned soon(SSL *ssl, unsigned last_us)
{
    return 100000; /* OpenSSL gives up after a dozen */
}

static void make_ssl(struct dtls_client *c, bool server, long mtu)
{
    BIO *bio = BIO_new(c->method);

    c->ssl = SSL_new(c->ctx);
    MUST(c->ssl && bio);
    BIO_set_data(bio, c);
    BIO_set_init(bio, 1);
    SSL_set_bio(c->ssl, bio, bio);
    SSL_set_mtu(c->ssl, mtu);
    DTLS_set_timer_cb(c->ssl, soon);
    if (server)
        SSL_set_accept_state(c->ssl);
    else
        SSL_set_connect_state(c->ssl);
}

void dtls_client_create(struct dtls_client *c, const struct dtls_client_options *o)
{
    memset(c, 0, sizeof(*c));
    c->padding = o->padding;
    c->ctx = SSL_CTX_new(DTLS_method());
    c->method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "test");
    MUST(c->ctx && c->method);
    BIO_meth_set_read(c->method, bio_read);
    BIO_meth_set_write(c->method, bio_write);
    BIO_meth_set_ctrl(c->method, bio_ctrl);
    make_certificate(c, o->rsa);
    SSL_CTX_set_options(c->ctx, SSL_OP_NO_QUERY_MTU);
    SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(c->ctx, verify, NULL);
    if (o->profiles)
        MUST(SSL_CTX_set_tlsext_use_srtp(c->ctx, o->profiles) == 0);
    if (o->padding)
        MUST(SSL_CTX_add_custom_ext(c->ctx, 0xfd00, SSL_EXT_CLIENT_HELLO, add_padding, NULL, c,
                                    NULL, NULL));
    if (!o->no_certificate) {
        MUST(SSL_CTX_use_certificate(c->ctx, c->certificate) == 1);
        MUST(SSL_CTX_use_PrivateKey(c->ctx, c->key) == 1);
    }
    make_ssl(c, o->server, o->mtu ? o->mtu : 1200);
}

void dtls_client_again(struct dtls_client *c)
{
    bool server = SSL_is_server(c->ssl);

    SSL_free(c->ssl);
    c->done = c->closed = false;
    c->failed = 0;
    make_ssl(c, server, 1200);
}

void dtls_client_destroy(struct dtls_client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    BIO_meth_free(c->method);
    X509_free(c->certificate);
    EVP_PKEY_free(c->key);
}

void dtls_client_step(struct dtls_client *c, const uint8_t *data, size_t len)
{
    uint8_t buf[100];
    int ret;

    if (c->failed || c->closed)
        return;
    c->in = data;
    c->in_len = len;
    ERR_clear_error();
    ret = c->done ? SSL_read(c->ssl, buf, sizeof(buf)) : SSL_do_handshake(c->ssl);
    int error = ret > 0 ? SSL_ERROR_NONE : SSL_get_error(c->ssl, ret);
    c->in = NULL;
    if (ret == 1 && !c->done)
        c->done = true;
    else if (error == SSL_ERROR_ZERO_RETURN)
        c->closed = true;
    else if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ)
        c->failed = error;
    ERR_clear_error();
}

void dtls_client_timeout(struct dtls_client *c)
{
    if (!c->failed && !c->closed)
        DTLSv1_handle_timeout(c->ssl);
    ERR_clear_error();
}

void dtls_client_fingerprint(const struct dtls_client *c, enum cp_sdp_hash hash,
                             struct cp_sdp_fingerprint *out)
{
    const EVP_MD *md = hash == CP_SDP_SHA256   ? EVP_sha256()
                       : hash == CP_SDP_SHA384 ? EVP_sha384()
                                               : EVP_sha512();
    memset(out, 0, sizeof(*out));
    out->hash = hash;
    MUST(X509_digest(c->certificate, md, out->bytes, &out->len) == 1);
}

void dtls_client_export(const struct dtls_client *c, uint8_t *out, size_t len)
{
    MUST(SSL_export_keying_material(c->ssl, out, len, "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0) == 1);
}
