/*
 * A library context for DTLS in which OpenSSL finds few decoders. OpenSSL 3.0 sets up every decoder
 * and every kind of key that its default provider has, for each certificate that it reads: a fifth
 * of what a join costs. Here only those of the certificates that WebRTC has are to be found; all
 * else is the default provider's.
 */
#ifndef CP_DTLS_PROVIDER_H
#define CP_DTLS_PROVIDER_H

#include <openssl/types.h>

/* Made once, never freed. NULL: the default context, because this one could not be made. */
OSSL_LIB_CTX *cp_dtls_library(void);

#endif
