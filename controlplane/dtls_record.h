/*
 * What is left of an association once its handshake is done: no more than it takes to answer a
 * client that missed our last flight, and to read and write alerts. OpenSSL's object is 40 KiB,
 * this is less than one. DTLS 1.2 (RFC 6347) with AES-GCM (RFC 5288); others keep OpenSSL's.
 */
#ifndef CP_DTLS_RECORD_H
#define CP_DTLS_RECORD_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CP_DTLS_FLIGHT_MAX                                                                         \
    160                      /* bytes of our last flight; ChangeCipherSpec and Finished are 75     \
                              */
#define CP_DTLS_ALERT_LEN 39 /* bytes of a datagram with an alert */

struct cp_dtls_record {
    uint8_t flight[CP_DTLS_FLIGHT_MAX]; /* the last datagram sent in the handshake */
    uint16_t flight_len;                /* 0: none, or longer */
    uint8_t key_len;                    /* 0: OpenSSL's object is still there */
    bool server, sha384;
    uint64_t seq, nonce; /* of the last record sent under our key */
    uint8_t master[48], client_random[32], server_random[32];
};

/* A datagram that OpenSSL sends: what it used up, and in case that it is the last flight. */
void cp_dtls_record_sent(struct cp_dtls_record *r, const uint8_t *data, size_t len);

/* Takes the secrets over. False: this cipher, or this flight, needs OpenSSL's object on. */
bool cp_dtls_record_take(struct cp_dtls_record *r, const SSL *ssl);

/* X(name): what a datagram had in it, of records that are authentic. */
enum cp_dtls_record_kind {
    CP_DTLS_RECORD_OTHER,
    CP_DTLS_RECORD_FINISHED, /* the client's again: send r->flight again */
    CP_DTLS_RECORD_WARNING,
    CP_DTLS_RECORD_CLOSE_NOTIFY,
    CP_DTLS_RECORD_FATAL,
};
enum cp_dtls_record_kind cp_dtls_record_read(const struct cp_dtls_record *r, const uint8_t *data,
                                             size_t len);

/* A close_notify for out; its length, 0 when OpenSSL will not. */
size_t cp_dtls_record_close(struct cp_dtls_record *r, uint8_t out[CP_DTLS_ALERT_LEN]);

#endif
