/* The process's certificate and the settings that all associations share. */
#include "controlplane/dtls_context.h"
#include "controlplane/dtls_provider.h"

#include "proto/log.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY 86400L /* seconds */

/* In order of preference, for OpenSSL's server takes its own order. RSA is for servers that we are
 * the client of. */
static const char ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384";

static int fail(const char *what)
{
    char reason[256];

    ERR_error_string_n(ERR_get_error(), reason, sizeof(reason));
    hr_error("DTLS cannot be set up: %s: %s", what, reason);
    ERR_clear_error();
    return -EIO;
}

static bool fill_certificate(X509 *x, EVP_PKEY *key)
{
    uint64_t serial;
    X509_NAME *name = X509_get_subject_name(x);

    if (RAND_bytes((uint8_t *)&serial, sizeof(serial)) != 1)
        return false;
    /* A day back, for clients whose clock is behind. */
    return X509_set_version(x, X509_VERSION_3) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1 | 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(x), -DAY) &&
           X509_gmtime_adj(X509_getm_notAfter(x), CP_DTLS_CERTIFICATE_DAYS * DAY) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"headrace",
                                      -1, -1, 0) == 1 &&
           X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, key) == 1 &&
           X509_sign(x, key, EVP_sha256()) > 0;
}

static int write_fingerprint(const X509 *x, char *out)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (X509_digest(x, EVP_sha256(), digest, &len) != 1)
        return fail("fingerprint");
    int at = snprintf(out, CP_DTLS_FINGERPRINT_TEXT, "sha-256 ");
    for (unsigned i = 0; i < len; i++)
        at += snprintf(out + at, CP_DTLS_FINGERPRINT_TEXT - (size_t)at, i ? ":%02X" : "%02X",
                       digest[i]);
    return 0;
}

static int make_certificate(struct cp_dtls_context *ctx)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(cp_dtls_library(), NULL, "EC", "P-256");
    X509 *x = X509_new_ex(cp_dtls_library(), NULL);
    int err;

    if (!key || !x || !fill_certificate(x, key))
        err = fail("certificate");
    else if (SSL_CTX_use_certificate(ctx->ssl_ctx, x) != 1 ||
             SSL_CTX_use_PrivateKey(ctx->ssl_ctx, key) != 1)
        err = fail("use of the certificate");
    else
        err = write_fingerprint(x, ctx->fingerprint);
    X509_free(x);
    EVP_PKEY_free(key);
    return err;
}

static int set_up(SSL_CTX *c)
{
    char profiles[128];

    /* The server takes the first of its own list that the client has: GCM, whatever a browser lists
     * first. */
    snprintf(profiles, sizeof(profiles), "%s:%s", hr_srtp_openssl_name(HR_SRTP_AEAD_AES_128_GCM),
             hr_srtp_openssl_name(HR_SRTP_AES_CM_128_HMAC_SHA1_80));
    SSL_CTX_set_options(c, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                               SSL_OP_CIPHER_SERVER_PREFERENCE);
    /* A resumed session would not show its certificate. */
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(c, CP_DTLS_CERTIFICATE_MAX);
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(c, cp_dtls_verify, NULL);
    if (SSL_CTX_set_min_proto_version(c, DTLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(c, ciphers) != 1)
        return fail("ciphers");
    if (SSL_CTX_set1_groups_list(c, "X25519:P-256:P-384") != 1)
        return fail("groups");
    /* The one call of the family that returns 0 for success. */
    if (SSL_CTX_set_tlsext_use_srtp(c, profiles) != 0)
        return fail("SRTP profiles");
    return 0;
}

int cp_dtls_context_create(struct cp_dtls_context **out)
{
    struct cp_dtls_context *ctx = calloc(1, sizeof(*ctx));

    if (!ctx)
        return -ENOMEM;
    ctx->ssl_ctx = SSL_CTX_new_ex(cp_dtls_library(), NULL, DTLS_method());
    ctx->bio = cp_dtls_bio_method();
    int err = ctx->ssl_ctx && ctx->bio ? set_up(ctx->ssl_ctx) : fail("context");
    if (!err)
        err = make_certificate(ctx);
    if (err) {
        cp_dtls_context_destroy(ctx);
        return err;
    }
    *out = ctx;
    return 0;
}

void cp_dtls_context_destroy(struct cp_dtls_context *ctx)
{
    if (!ctx)
        return;
    SSL_CTX_free(ctx->ssl_ctx);
    BIO_meth_free(ctx->bio);
    free(ctx);
}

const char *cp_dtls_context_fingerprint(const struct cp_dtls_context *ctx)
{
    return ctx->fingerprint;
}
