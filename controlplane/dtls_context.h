/* What dtls.c and dtls_context.c share; nobody else includes this. */
#ifndef CP_DTLS_CONTEXT_H
#define CP_DTLS_CONTEXT_H

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "controlplane/dtls.h"

struct cp_dtls_context {
    SSL_CTX *ssl_ctx;
    BIO_METHOD *bio;
    char fingerprint[CP_DTLS_FINGERPRINT_TEXT];
};

BIO_METHOD *cp_dtls_bio_method(void);
int cp_dtls_verify(X509_STORE_CTX *store, void *arg); /* 1: the SDP vouches for it */

#endif
