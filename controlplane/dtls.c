/*
 * OpenSSL sees a BIO of ours: a read returns the datagram being received, once; a write is one
 * datagram sent. So records are never split or merged on the way, which a memory BIO would do. The
 * client's certificate is compared with the fingerprints of the SDP inside the handshake, so that a
 * wrong one ends in an alert and not in a connection. When it is done OpenSSL's object goes, and
 * dtls_record.c does the little that is left.
 */
#include "controlplane/dtls.h"

#include "controlplane/dtls_context.h"
#include "controlplane/dtls_record.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/srtp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

struct cp_dtls {
    SSL *ssl; /* NULL: record.key_len is set */
    struct cp_dtls_record record;
    struct cp_dtls_keys keys; /* len 0: not yet */
    const char *cipher;
    enum cp_dtls_state state;
    enum cp_dtls_end end;
    uint64_t limit;    /* of the handshake, ms */
    size_t taken;      /* bytes received before it was done */
    uint64_t alerts;   /* received */
    bool fatal_alert;  /* received */
    const uint8_t *in; /* the datagram being received, NULL: read already */
    size_t in_len;
    cp_dtls_send send;
    void *arg;
    size_t n_fingerprints;
    struct cp_sdp_fingerprint fingerprints[];
};

static int bio_read(BIO *bio, char *buf, int size)
{
    struct cp_dtls *d = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (!d->in || size < 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t n = d->in_len < (size_t)size ? d->in_len : (size_t)size;
    memcpy(buf, d->in, n);
    d->in = NULL;
    return (int)n;
}

static int bio_write(BIO *bio, const char *buf, int len)
{
    struct cp_dtls *d = BIO_get_data(bio);

    if (len > 0) {
        cp_dtls_record_sent(&d->record, (const uint8_t *)buf, (size_t)len);
        d->send(d->arg, (const uint8_t *)buf, (size_t)len);
    }
    return len;
}

static long bio_ctrl(BIO *bio, int cmd, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    switch (cmd) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
        return CP_DTLS_MTU;
    default:
        return 0;
    }
}

BIO_METHOD *cp_dtls_bio_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "headrace datagrams");

    if (m) {
        BIO_meth_set_read(m, bio_read);
        BIO_meth_set_write(m, bio_write);
        BIO_meth_set_ctrl(m, bio_ctrl);
    }
    return m;
}

static bool fingerprint_matches(X509 *certificate, const struct cp_sdp_fingerprint *f)
{
    const EVP_MD *md = f->hash == CP_SDP_SHA256   ? EVP_sha256()
                       : f->hash == CP_SDP_SHA384 ? EVP_sha384()
                                                  : EVP_sha512();
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    return X509_digest(certificate, md, digest, &len) == 1 && len == f->len &&
           CRYPTO_memcmp(digest, f->bytes, len) == 0;
}

/* In place of chain building: WebRTC certificates are self-signed, the SDP vouches for them (RFC
 * 8827 6.5). */
int cp_dtls_verify(X509_STORE_CTX *store, void *arg)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct cp_dtls *d = SSL_get_app_data(ssl);
    X509 *certificate = X509_STORE_CTX_get0_cert(store);

    (void)arg;
    for (size_t i = 0; certificate && i < d->n_fingerprints; i++)
        if (fingerprint_matches(certificate, &d->fingerprints[i]))
            return 1;
    d->end = CP_DTLS_END_FINGERPRINT;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return 0;
}

static void on_info(const SSL *ssl, int where, int code)
{
    struct cp_dtls *d = SSL_get_app_data(ssl);

    if ((where & SSL_CB_READ_ALERT) != SSL_CB_READ_ALERT)
        return;
    d->alerts++;
    if (code >> 8 == SSL3_AL_FATAL)
        d->fatal_alert = true;
}

static unsigned next_timeout(SSL *ssl, unsigned last_us)
{
    (void)ssl;
    if (last_us == 0)
        return CP_DTLS_RETRANSMIT_US;
    return last_us < CP_DTLS_RETRANSMIT_MAX_US / 2 ? last_us * 2 : CP_DTLS_RETRANSMIT_MAX_US;
}

static int set_up(struct cp_dtls *d, struct cp_dtls_context *ctx, bool client)
{
    d->ssl = SSL_new(ctx->ssl_ctx);
    BIO *bio = BIO_new(ctx->bio);
    if (!d->ssl || !bio) {
        BIO_free(bio);
        return -ENOMEM;
    }
    BIO_set_data(bio, d);
    BIO_set_init(bio, 1);
    SSL_set_bio(d->ssl, bio, bio);
    SSL_set_app_data(d->ssl, d);
    SSL_set_info_callback(d->ssl, on_info);
    DTLS_set_timer_cb(d->ssl, next_timeout);
    SSL_set_mtu(d->ssl, CP_DTLS_MTU);
    if (client)
        SSL_set_connect_state(d->ssl);
    else
        SSL_set_accept_state(d->ssl);
    return 0;
}

int cp_dtls_create(struct cp_dtls_context *ctx, const struct cp_dtls_params *p, uint64_t now,
                   struct cp_dtls **out)
{
    if (!p->send || p->n_fingerprints == 0 || p->n_fingerprints > CP_SDP_FINGERPRINTS_MAX)
        return -EINVAL;
    struct cp_dtls *d = calloc(1, sizeof(*d) + p->n_fingerprints * sizeof(p->fingerprints[0]));
    if (!d)
        return -ENOMEM;
    d->cipher = "";
    d->send = p->send;
    d->arg = p->arg;
    d->limit = now + CP_DTLS_HANDSHAKE_MS;
    d->n_fingerprints = p->n_fingerprints;
    memcpy(d->fingerprints, p->fingerprints, p->n_fingerprints * sizeof(p->fingerprints[0]));
    int err = set_up(d, ctx, p->client);
    if (err) {
        cp_dtls_destroy(d);
        return err;
    }
    *out = d;
    return 0;
}

void cp_dtls_destroy(struct cp_dtls *d)
{
    if (!d)
        return;
    SSL_free(d->ssl);
    OPENSSL_cleanse(&d->record, sizeof(d->record));
    OPENSSL_cleanse(&d->keys, sizeof(d->keys));
    free(d);
}

static void fail(struct cp_dtls *d, enum cp_dtls_end end)
{
    d->state = CP_DTLS_FAILED;
    if (d->end == CP_DTLS_END_NONE)
        d->end = end;
}

/* OpenSSL gave up: why, from what it left behind. */
static void fail_openssl(struct cp_dtls *d)
{
    int reason = ERR_GET_REASON(ERR_peek_error());

    if (d->fatal_alert)
        fail(d, CP_DTLS_END_ALERT);
    else if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        fail(d, CP_DTLS_END_NO_CERTIFICATE);
    else if (reason == SSL_R_READ_TIMEOUT_EXPIRED)
        fail(d, CP_DTLS_END_TIMEOUT);
    else
        fail(d, CP_DTLS_END_PROTOCOL);
    ERR_clear_error();
}

/* client key, server key, client salt, server salt (RFC 5764 4.2). */
static int export_keys(const struct cp_dtls *d, struct cp_dtls_keys *k)
{
    static const char label[] = "EXTRACTOR-dtls_srtp";
    uint8_t block[2 * (HR_SRTP_KEY_LEN_MAX + HR_SRTP_SALT_LEN_MAX)];
    const SRTP_PROTECTION_PROFILE *chosen = SSL_get_selected_srtp_profile(d->ssl);
    enum hr_srtp_profile profile = chosen ? (enum hr_srtp_profile)chosen->id : HR_SRTP_NONE;
    size_t key = hr_srtp_key_len(profile), salt = hr_srtp_salt_len(profile);

    if (key == 0 || SSL_export_keying_material(d->ssl, block, 2 * (key + salt), label,
                                               sizeof(label) - 1, NULL, 0, 0) != 1)
        return -EIO;
    bool server = SSL_is_server(d->ssl);
    uint8_t *client_write = server ? k->ingress : k->egress;
    uint8_t *server_write = server ? k->egress : k->ingress;
    memcpy(client_write, block, key);
    memcpy(server_write, block + key, key);
    memcpy(client_write + key, block + 2 * key, salt);
    memcpy(server_write + key, block + 2 * key + salt, salt);
    k->profile = profile;
    k->len = key + salt;
    OPENSSL_cleanse(block, sizeof(block));
    return 0;
}

static void handshake_done(struct cp_dtls *d)
{
    if (export_keys(d, &d->keys) == 0) {
        d->state = CP_DTLS_CONNECTED;
        d->cipher = SSL_get_cipher_name(d->ssl);
        return;
    }
    SSL_shutdown(d->ssl);
    fail(d, CP_DTLS_END_NO_PROFILE);
}

/* Connected, and all that came with the last flight read. */
static void let_go(struct cp_dtls *d)
{
    if (cp_dtls_record_take(&d->record, d->ssl)) {
        SSL_free(d->ssl);
        d->ssl = NULL;
    } else {
        (void)SSL_free_buffers(d->ssl); /* 36 KiB; reading makes them again */
    }
}

static void handshake(struct cp_dtls *d)
{
    ERR_clear_error();
    int ret = SSL_do_handshake(d->ssl);

    if (ret == 1)
        handshake_done(d);
    else if (SSL_get_error(d->ssl, ret) != SSL_ERROR_WANT_READ)
        fail_openssl(d);
}

/*
 * Application data is not ours (no data channels are negotiated) and goes nowhere. Reading still
 * serves a client that missed our last flight, its alerts and its close_notify.
 */
static void drain(struct cp_dtls *d)
{
    uint8_t unused[512];
    int ret;

    do {
        ERR_clear_error();
        ret = SSL_read(d->ssl, unused, sizeof(unused));
    } while (ret > 0);
    switch (SSL_get_error(d->ssl, ret)) {
    case SSL_ERROR_WANT_READ:
        let_go(d);
        return;
    case SSL_ERROR_ZERO_RETURN:
        d->state = CP_DTLS_CLOSED;
        d->end = CP_DTLS_END_CLOSE_NOTIFY;
        return;
    default:
        fail_openssl(d);
    }
}

/* The same without OpenSSL's object. */
static void read_records(struct cp_dtls *d)
{
    enum cp_dtls_record_kind kind = cp_dtls_record_read(&d->record, d->in, d->in_len);

    d->alerts += kind >= CP_DTLS_RECORD_WARNING;
    if (kind == CP_DTLS_RECORD_FINISHED && d->record.server) {
        d->send(d->arg, d->record.flight, d->record.flight_len);
    } else if (kind == CP_DTLS_RECORD_CLOSE_NOTIFY) {
        d->state = CP_DTLS_CLOSED;
        d->end = CP_DTLS_END_CLOSE_NOTIFY;
    } else if (kind == CP_DTLS_RECORD_FATAL) {
        fail(d, CP_DTLS_END_ALERT);
    }
    ERR_clear_error();
}

void cp_dtls_start(struct cp_dtls *d, uint64_t now)
{
    d->limit = now + CP_DTLS_HANDSHAKE_MS;
    if (d->state == CP_DTLS_HANDSHAKE && !SSL_is_server(d->ssl))
        handshake(d);
}

enum cp_dtls_state cp_dtls_receive(struct cp_dtls *d, const uint8_t *data, size_t len, uint64_t now)
{
    (void)now;
    if (d->state > CP_DTLS_CONNECTED || len == 0 || len > CP_DTLS_DATAGRAM_MAX)
        return d->state;
    d->in = data;
    d->in_len = len;
    if (d->state == CP_DTLS_HANDSHAKE) {
        d->taken += len;
        if (d->taken > CP_DTLS_HANDSHAKE_BYTES_MAX)
            fail(d, CP_DTLS_END_FLOOD);
        else
            handshake(d);
    }
    if (d->state == CP_DTLS_CONNECTED && d->ssl)
        drain(d);
    else if (d->state == CP_DTLS_CONNECTED)
        read_records(d);
    d->in = NULL;
    return d->state;
}

enum cp_dtls_state cp_dtls_timeout(struct cp_dtls *d, uint64_t now)
{
    if (d->state > CP_DTLS_CONNECTED || !d->ssl)
        return d->state;
    if (d->state == CP_DTLS_HANDSHAKE && now >= d->limit) {
        fail(d, CP_DTLS_END_TIMEOUT);
        return d->state;
    }
    ERR_clear_error();
    if (DTLSv1_handle_timeout(d->ssl) < 0)
        fail_openssl(d);
    return d->state;
}

uint64_t cp_dtls_deadline(const struct cp_dtls *d, uint64_t now)
{
    uint64_t deadline = d->state == CP_DTLS_HANDSHAKE ? d->limit : CP_DTLS_NEVER;
    struct timeval left;

    if (d->state > CP_DTLS_CONNECTED || !d->ssl || DTLSv1_get_timeout(d->ssl, &left) != 1)
        return deadline;
    /* One more millisecond: never early by OpenSSL's clock, so never a second call for the same
     * timeout. */
    uint64_t retransmit = now + (uint64_t)left.tv_sec * 1000 + (uint64_t)left.tv_usec / 1000 + 1;
    return retransmit < deadline ? retransmit : deadline;
}

void cp_dtls_close(struct cp_dtls *d)
{
    uint8_t unused, alert[CP_DTLS_ALERT_LEN];

    if (d->state == CP_DTLS_CONNECTED && !d->ssl) {
        if (cp_dtls_record_close(&d->record, alert))
            d->send(d->arg, alert, sizeof(alert));
        d->state = CP_DTLS_CLOSED;
    } else if (d->state == CP_DTLS_CONNECTED) {
        ERR_clear_error();
        /* Only reading makes the buffers that writing an alert takes for granted. */
        (void)SSL_read(d->ssl, &unused, sizeof(unused));
        SSL_shutdown(d->ssl);
        d->state = CP_DTLS_CLOSED;
    }
}

enum cp_dtls_state cp_dtls_state(const struct cp_dtls *d)
{
    return d->state;
}

enum cp_dtls_end cp_dtls_end(const struct cp_dtls *d)
{
    return d->end;
}

uint64_t cp_dtls_alerts(const struct cp_dtls *d)
{
    return d->alerts;
}

const char *cp_dtls_cipher(const struct cp_dtls *d)
{
    return d->state == CP_DTLS_CONNECTED ? d->cipher : "";
}

const char *cp_dtls_end_word(enum cp_dtls_end end)
{
    static const char *const words[CP_DTLS_ENDS] = {
#define X(name, word) [CP_DTLS_END_##name] = word,
        CP_DTLS_END_MAP(X)
#undef X
    };
    return (unsigned)end < CP_DTLS_ENDS ? words[end] : "unknown";
}

int cp_dtls_keys(struct cp_dtls *d, struct cp_dtls_keys *k)
{
    if (d->state != CP_DTLS_CONNECTED)
        return -EAGAIN;
    *k = d->keys;
    return 0;
}
