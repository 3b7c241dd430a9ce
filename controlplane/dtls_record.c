#include "controlplane/dtls_record.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#define HEADER        13 /* type, version, epoch and sequence number, length (RFC 6347 4.1) */
#define EXPLICIT      8  /* bytes of the nonce that are sent (RFC 5288 3) */
#define IMPLICIT      4  /* and those that are not */
#define TAG           16
#define AAD           13
#define PLAIN_MAX     256 /* bytes of a record that is looked into */
#define TYPE_ALERT    21
#define TYPE_HAND     22
#define FINISHED      20
#define FATAL         2
#define WARNING       1
#define CLOSE_NOTIFY  0
#define EPOCH         1 /* of all that is encrypted: there is no second handshake */
#define DTLS12_MAJOR  0xfe
#define DTLS12_MINOR  0xfd
#define KEY_BLOCK_MAX (2 * (32 + IMPLICIT))

struct side {
    uint8_t key[32], iv[IMPLICIT];
};

static uint64_t read_be(const uint8_t *p, size_t n)
{
    uint64_t v = 0;

    while (n--)
        v = v << 8 | *p++;
    return v;
}

static void write_be(uint8_t *p, uint64_t v, size_t n)
{
    while (n--) {
        p[n] = (uint8_t)v;
        v >>= 8;
    }
}

/* Bytes of the first record of a datagram, 0: it is cut off. */
static size_t record_len(const uint8_t *data, size_t len)
{
    size_t n = len >= HEADER ? HEADER + read_be(data + 11, 2) : 0;
    return n <= len ? n : 0;
}

void cp_dtls_record_sent(struct cp_dtls_record *r, const uint8_t *data, size_t len)
{
    r->flight_len = len <= sizeof(r->flight) ? (uint16_t)len : 0;
    memcpy(r->flight, data, r->flight_len);
    for (size_t n; (n = record_len(data, len)); data += n, len -= n) {
        if (read_be(data + 3, 2) != EPOCH || n < HEADER + EXPLICIT)
            continue;
        r->seq = read_be(data + 5, 6);
        r->nonce = read_be(data + HEADER, EXPLICIT);
    }
}

bool cp_dtls_record_take(struct cp_dtls_record *r, const SSL *ssl)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    int nid = cipher ? SSL_CIPHER_get_cipher_nid(cipher) : NID_undef;

    if ((nid != NID_aes_128_gcm && nid != NID_aes_256_gcm) || r->flight_len == 0 ||
        SSL_version(ssl) != DTLS1_2_VERSION)
        return false;
    if (SSL_SESSION_get_master_key(SSL_get_session(ssl), r->master, sizeof(r->master)) !=
        sizeof(r->master))
        return false;
    SSL_get_client_random(ssl, r->client_random, sizeof(r->client_random));
    SSL_get_server_random(ssl, r->server_random, sizeof(r->server_random));
    r->server = SSL_is_server(ssl);
    r->sha384 = EVP_MD_get_type(SSL_CIPHER_get_handshake_digest(cipher)) == NID_sha384;
    r->key_len = nid == NID_aes_128_gcm ? 16 : 32;
    return true;
}

/* RFC 5246 6.3, made anew when it is needed: that is once in an association's life. */
static bool derive(const struct cp_dtls_record *r, bool of_server, struct side *out)
{
    uint8_t seed[13 + 64] = "key expansion", block[KEY_BLOCK_MAX];
    size_t n = r->key_len;
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_PRF, NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);

    memcpy(seed + 13, r->server_random, 32);
    memcpy(seed + 45, r->client_random, 32);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, r->sha384 ? "SHA384" : "SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, (void *)(uintptr_t)r->master,
                                          sizeof(r->master)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof(seed)),
        OSSL_PARAM_construct_end()};
    bool good = ctx && EVP_KDF_derive(ctx, block, 2 * (n + IMPLICIT), params) == 1;
    memcpy(out->key, block + (of_server ? n : 0), n);
    memcpy(out->iv, block + 2 * n + (of_server ? IMPLICIT : 0), IMPLICIT);
    OPENSSL_cleanse(block, sizeof(block));
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return good;
}

/* The record's header tells all but the length of what is inside. */
static void make_aad(const uint8_t *header, size_t plain, uint8_t aad[AAD])
{
    memcpy(aad, header + 3, 8);
    memcpy(aad + 8, header, 3);
    write_be(aad + 11, plain, 2);
}

/* in to out, n bytes; the tag is checked when opening, written when sealing. */
static bool gcm(const struct cp_dtls_record *r, const uint8_t *header, const uint8_t *in, size_t n,
                uint8_t *out, uint8_t *tag)
{
    bool seal = in != header + HEADER + EXPLICIT, good = false;
    uint8_t nonce[IMPLICIT + EXPLICIT], aad[AAD];
    struct side side;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len;

    if (ctx && derive(r, seal ? r->server : !r->server, &side)) {
        memcpy(nonce, side.iv, IMPLICIT);
        memcpy(nonce + IMPLICIT, header + HEADER, EXPLICIT);
        make_aad(header, n, aad);
        good = EVP_CipherInit_ex(ctx, r->key_len == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm(),
                                 NULL, side.key, nonce, seal) == 1 &&
               (seal || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1) &&
               EVP_CipherUpdate(ctx, NULL, &len, aad, AAD) == 1 &&
               EVP_CipherUpdate(ctx, out, &len, in, (int)n) == 1 &&
               EVP_CipherFinal_ex(ctx, out + len, &len) == 1 &&
               (!seal || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, tag) == 1);
    }
    OPENSSL_cleanse(&side, sizeof(side));
    EVP_CIPHER_CTX_free(ctx);
    return good;
}

static enum cp_dtls_record_kind look(const struct cp_dtls_record *r, const uint8_t *record,
                                     size_t len)
{
    uint8_t plain[PLAIN_MAX], tag[TAG];
    uint8_t type = record[0];

    if ((type != TYPE_ALERT && type != TYPE_HAND) || read_be(record + 3, 2) != EPOCH ||
        len < HEADER + EXPLICIT + TAG + 2 || len > HEADER + EXPLICIT + TAG + sizeof(plain))
        return CP_DTLS_RECORD_OTHER;
    size_t n = len - HEADER - EXPLICIT - TAG;
    memcpy(tag, record + len - TAG, TAG);
    if (!gcm(r, record, record + HEADER + EXPLICIT, n, plain, tag))
        return CP_DTLS_RECORD_OTHER;
    if (type == TYPE_HAND)
        return plain[0] == FINISHED ? CP_DTLS_RECORD_FINISHED : CP_DTLS_RECORD_OTHER;
    if (plain[0] == FATAL)
        return CP_DTLS_RECORD_FATAL;
    return plain[1] == CLOSE_NOTIFY ? CP_DTLS_RECORD_CLOSE_NOTIFY : CP_DTLS_RECORD_WARNING;
}

enum cp_dtls_record_kind cp_dtls_record_read(const struct cp_dtls_record *r, const uint8_t *data,
                                             size_t len)
{
    enum cp_dtls_record_kind kind = CP_DTLS_RECORD_OTHER;

    for (size_t n; (n = record_len(data, len)) && kind == CP_DTLS_RECORD_OTHER; data += n, len -= n)
        kind = look(r, data, n);
    return kind;
}

size_t cp_dtls_record_close(struct cp_dtls_record *r, uint8_t out[CP_DTLS_ALERT_LEN])
{
    const uint8_t alert[2] = {WARNING, CLOSE_NOTIFY};

    out[0] = TYPE_ALERT;
    out[1] = DTLS12_MAJOR;
    out[2] = DTLS12_MINOR;
    write_be(out + 3, EPOCH, 2);
    write_be(out + 5, ++r->seq, 6);
    write_be(out + 11, EXPLICIT + sizeof(alert) + TAG, 2);
    /* OpenSSL counts from a random number; the next one has not been used. */
    write_be(out + HEADER, ++r->nonce, EXPLICIT);
    uint8_t *body = out + HEADER + EXPLICIT;
    return gcm(r, out, alert, sizeof(alert), body, body + sizeof(alert)) ? CP_DTLS_ALERT_LEN : 0;
}
