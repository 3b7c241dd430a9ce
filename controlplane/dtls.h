/*
 * DTLS-SRTP (RFC 5764, DTLS 1.2) on OpenSSL: datagrams in, datagrams and keys out.
 * Retransmission is OpenSSL's, and it reads the real-time clock itself, so deadlines handed out
 * here are exact to its clock and not to `now`; all that is measured by `now` is the limit of a
 * handshake.
 */
#ifndef CP_DTLS_H
#define CP_DTLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/sdp.h"
#include "proto/srtp_profile.h"

#define CP_DTLS_MTU          1200  /* bytes of a datagram sent */
#define CP_DTLS_DATAGRAM_MAX 2048  /* bytes of one taken in; longer is dropped */
#define CP_DTLS_HANDSHAKE_MS 30000 /* then it has failed */
#define CP_DTLS_HANDSHAKE_BYTES_MAX                                                            \
    (64 << 10)                               /* taken in before it is done; then it has failed \
                                              */
#define CP_DTLS_CERTIFICATE_MAX   (16 << 10) /* bytes of the client's chain */
#define CP_DTLS_RETRANSMIT_US     250000     /* first timeout; doubles up to ... */
#define CP_DTLS_RETRANSMIT_MAX_US 4000000
#define CP_DTLS_CERTIFICATE_DAYS  30
#define CP_DTLS_FINGERPRINT_TEXT  128 /* "sha-256 AB:CD:…" and NUL */
#define CP_DTLS_NEVER             UINT64_MAX

struct cp_dtls_context; /* our certificate and settings; one per process */
struct cp_dtls;         /* one association */

/* Makes a key and a self-signed certificate. 0, -ENOMEM or -EIO with OpenSSL's reason logged. */
int cp_dtls_context_create(struct cp_dtls_context **out);
void cp_dtls_context_destroy(struct cp_dtls_context *ctx); /* after its associations */
/* "sha-256 AB:CD:…" */
const char *cp_dtls_context_fingerprint(const struct cp_dtls_context *ctx);

enum cp_dtls_state { CP_DTLS_HANDSHAKE, CP_DTLS_CONNECTED, CP_DTLS_CLOSED, CP_DTLS_FAILED };

/* Why an association is not CONNECTED any more; the word is the metric label. */
#define CP_DTLS_END_MAP(X)                                                              \
    X(NONE, "none")                                                                     \
    X(CLOSE_NOTIFY, "close_notify")     /* the client's */                              \
    X(FINGERPRINT, "wrong_fingerprint") /* the certificate is not the one in the SDP */ \
    X(NO_CERTIFICATE, "no_certificate")                                                 \
    X(NO_PROFILE, "no_srtp_profile") /* no SRTP profile in common */                    \
    X(ALERT, "alert")                /* the client's fatal alert */                     \
    X(TIMEOUT, "timeout")                                                               \
    X(FLOOD, "flood")       /* HANDSHAKE_BYTES_MAX */                                   \
    X(PROTOCOL, "protocol") /* anything else that OpenSSL will not take */

enum cp_dtls_end {
#define X(name, word) CP_DTLS_END_##name,
    CP_DTLS_END_MAP(X)
#undef X
        CP_DTLS_ENDS
};

const char *cp_dtls_end_word(enum cp_dtls_end end);

/* Master key with the salt behind it, as SrtpKeys carries them: hr_srtp_key_len + hr_srtp_salt_len
 * bytes. */
struct cp_dtls_keys {
    enum hr_srtp_profile profile;
    size_t len;
    uint8_t ingress[HR_SRTP_KEY_LEN_MAX + HR_SRTP_SALT_LEN_MAX]; /* the peer's write key */
    uint8_t egress[HR_SRTP_KEY_LEN_MAX + HR_SRTP_SALT_LEN_MAX];  /* ours */
};

/* Sends one datagram. Called from within the functions below only, which it must not call. */
typedef void (*cp_dtls_send)(void *arg, const uint8_t *data, size_t len);

struct cp_dtls_params {
    bool client;                                   /* our role: the SDP answer said setup:active */
    const struct cp_sdp_fingerprint *fingerprints; /* any one may match (RFC 8122 5); copied */
    size_t n_fingerprints;                         /* at most CP_SDP_FINGERPRINTS_MAX, at least 1 */
    cp_dtls_send send;
    void *arg;
};

/* 0, -EINVAL or -ENOMEM. A client sends nothing before cp_dtls_start. */
int cp_dtls_create(struct cp_dtls_context *ctx, const struct cp_dtls_params *params, uint64_t now,
                   struct cp_dtls **out);
void cp_dtls_destroy(struct cp_dtls *d); /* sends nothing; NULL is fine */

void cp_dtls_start(struct cp_dtls *d, uint64_t now); /* client: first flight; server: nothing */
enum cp_dtls_state cp_dtls_receive(struct cp_dtls *d, const uint8_t *data, size_t len,
                                   uint64_t now);
enum cp_dtls_state cp_dtls_timeout(struct cp_dtls *d, uint64_t now);
uint64_t cp_dtls_deadline(const struct cp_dtls *d, uint64_t now); /* ms; CP_DTLS_NEVER: none */
void cp_dtls_close(struct cp_dtls *d);                            /* sends close_notify */

enum cp_dtls_state cp_dtls_state(const struct cp_dtls *d);
enum cp_dtls_end cp_dtls_end(const struct cp_dtls *d);
uint64_t cp_dtls_alerts(const struct cp_dtls *d);            /* alerts received */
const char *cp_dtls_cipher(const struct cp_dtls *d);         /* "ECDHE-ECDSA-…", or "" */
int cp_dtls_keys(struct cp_dtls *d, struct cp_dtls_keys *k); /* 0; -EAGAIN: not CONNECTED; -EIO */

#endif
