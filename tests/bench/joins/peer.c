/* ICE checks on libnice and DTLS on OpenSSL: the offerer, controlling, DTLS client. */
#include "client.h"
#include "controlplane/dtls_provider.h"

#include <openssl/err.h>
#include <openssl/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_AGAIN_US 500000 /* RFC 8445 14.3 */
#define CHECKS_MAX     7
#define MTU            1200
#define PRIORITY       1853693695u /* a peer-reflexive candidate's (RFC 8445 5.1.2.1) */
#define BINDING_ANSWER 0x0101

static SSL_CTX *ctx;
static BIO_METHOD *method;
static char fingerprint[100];

static int bio_read(BIO *bio, char *buf, int size)
{
    struct client *c = BIO_get_data(bio);
    struct joining *j = c->j;

    BIO_clear_retry_flags(bio);
    if (!j->in) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t n = j->in_len < (size_t)size ? j->in_len : (size_t)size;
    memcpy(buf, j->in, n);
    j->in = NULL;
    return (int)n;
}

static int bio_write(BIO *bio, const char *buf, int len)
{
    client_datagram(BIO_get_data(bio), (const uint8_t *)buf, (size_t)len);
    return len;
}

static long bio_ctrl(BIO *bio, int cmd, long number, void *pointer)
{
    return cmd == BIO_CTRL_FLUSH;
}

static int accept_certificate(X509_STORE_CTX *store, void *arg)
{
    return 1;
}

static void make_certificate(void)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(cp_dtls_library(), NULL, "EC", "P-256");
    X509 *x = X509_new_ex(cp_dtls_library(), NULL);
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)"WebRTC", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    if (!key || !X509_set_pubkey(x, key) || !X509_sign(x, key, EVP_sha256()) ||
        !X509_digest(x, EVP_sha256(), digest, &len) || SSL_CTX_use_certificate(ctx, x) != 1 ||
        SSL_CTX_use_PrivateKey(ctx, key) != 1)
        die("OpenSSL makes no certificate");
    for (unsigned i = 0, at = 0; i < len; i++)
        at += (unsigned)snprintf(fingerprint + at, sizeof(fingerprint) - at, i ? ":%02X" : "%02X",
                                 digest[i]);
    X509_free(x);
    EVP_PKEY_free(key);
}

/* One certificate for all: making keys is not what is measured. */
void peer_open(void)
{
    ctx = SSL_CTX_new_ex(cp_dtls_library(), NULL, DTLS_client_method());
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bench");
    if (!ctx || !method)
        die("OpenSSL does not start");
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_ctrl);
    SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, accept_certificate, NULL);
    if (SSL_CTX_set_tlsext_use_srtp(ctx, "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80") != 0)
        die("OpenSSL has no SRTP");
    make_certificate();
}

const char *peer_fingerprint(void)
{
    return fingerprint;
}

void peer_free(struct joining *j)
{
    SSL_free(j->ssl);
    free(j->tx);
    free(j);
}

/* ---- ICE */

void peer_check(struct client *c)
{
    static struct stun_client consent; /* its answer is not waited for */
    struct stun_client *s = c->j ? &c->j->check : &consent;
    char username[80];
    struct stun_check check = {.username = c->j ? c->j->username : username,
                               .password = c->answer.pwd,
                               .use_candidate = true,
                               .priority = PRIORITY};

    snprintf(c->j ? c->j->username : username, sizeof(username), "%s:%s", c->answer.ufrag,
             c->ufrag);
    size_t len = stun_client_check(s, &check);
    client_datagram(c, s->buf, len);
    if (c->j) {
        c->j->check_sent = now_us();
        c->j->checks++;
    }
}

void peer_stun(struct client *c, const uint8_t *data, size_t len)
{
    struct stun_answer answer;

    if (c->state != CHECKING || len < 20 || (data[0] << 8 | data[1]) != BINDING_ANSWER)
        return; /* an answer to a consent check */
    stun_client_read(&c->j->check, data, len, &answer);
    if (answer.status != STUN_VALIDATION_SUCCESS || answer.class != STUN_RESPONSE)
        return;
    c->state = HANDSHAKING;
    if (!c->answer.active)
        peer_dtls(c, NULL, 0);
}

/* ---- DTLS */

static bool make_ssl(struct client *c)
{
    BIO *bio = BIO_new(method);

    c->j->ssl = SSL_new(ctx);
    if (!c->j->ssl || !bio)
        return false;
    BIO_set_data(bio, c);
    BIO_set_init(bio, 1);
    SSL_set_bio(c->j->ssl, bio, bio);
    SSL_set_mtu(c->j->ssl, MTU);
    SSL_set_connect_state(c->j->ssl);
    return true;
}

static void take_keys(struct client *c)
{
    static const char label[] = "EXTRACTOR-dtls_srtp";
    uint8_t keys[60];
    const SRTP_PROTECTION_PROFILE *p = SSL_get_selected_srtp_profile(c->j->ssl);

    if (!p || SSL_export_keying_material(c->j->ssl, keys, sizeof(keys), label, sizeof(label) - 1,
                                         NULL, 0, 0) != 1) {
        client_fail(c, "no SRTP profile");
        return;
    }
    if (c->by != BY_WS)
        c->media =
            media_new(p->id == SRTP_AEAD_AES_128_GCM, c->by == BY_WHIP, 1000 + 2 * c->index, keys);
    client_done(c);
}

void peer_dtls(struct client *c, const uint8_t *data, size_t len)
{
    struct joining *j = c->j;

    if (c->state != HANDSHAKING || (!j->ssl && !make_ssl(c)))
        return;
    j->in = data;
    j->in_len = len;
    ERR_clear_error();
    int ret = SSL_do_handshake(j->ssl);
    j->in = NULL;
    if (ret == 1)
        take_keys(c);
    else if (SSL_get_error(j->ssl, ret) != SSL_ERROR_WANT_READ)
        client_fail(c, "DTLS: %s", ERR_reason_error_string(ERR_peek_error()));
}

void peer_timers(struct client *c, uint64_t now)
{
    if (c->state == CHECKING && now - c->j->check_sent > CHECK_AGAIN_US) {
        if (c->j->checks == CHECKS_MAX)
            client_fail(c, "no answer to %d ICE checks", CHECKS_MAX);
        else
            peer_check(c);
    } else if (c->state == HANDSHAKING && c->j->ssl) {
        ERR_clear_error();
        if (DTLSv1_handle_timeout(c->j->ssl) < 0)
            client_fail(c, "DTLS: no answer");
    }
}
