/* HMAC-SHA1 (RFC 2104) from states that have already taken the padded keys. It wants the bare
 * compression state, which OpenSSL offers only in its low-level interface. */
#define OPENSSL_API_COMPAT 0x10100000L

#include "dataplane/srtp/srtp_internal.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

static void load(SHA_CTX *ctx, const uint32_t state[5])
{
    memset(ctx, 0, sizeof(*ctx));
    ctx->h0 = state[0];
    ctx->h1 = state[1];
    ctx->h2 = state[2];
    ctx->h3 = state[3];
    ctx->h4 = state[4];
    ctx->Nl = SHA_CBLOCK * 8; /* the padded key's bits */
}

static void save_padded(uint32_t state[5], const uint8_t key[SHA_CBLOCK], uint8_t pad)
{
    uint8_t block[SHA_CBLOCK];
    SHA_CTX ctx;

    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = key[i] ^ pad;
    SHA1_Init(&ctx);
    SHA1_Update(&ctx, block, sizeof(block));
    state[0] = ctx.h0;
    state[1] = ctx.h1;
    state[2] = ctx.h2;
    state[3] = ctx.h3;
    state[4] = ctx.h4;
    OPENSSL_cleanse(&ctx, sizeof(ctx));
    OPENSSL_cleanse(block, sizeof(block));
}

void dp_srtp_hmac_init(struct dp_srtp_key *key, const uint8_t *auth_key, size_t len)
{
    uint8_t block[SHA_CBLOCK] = {0};

    if (len <= sizeof(block))
        memcpy(block, auth_key, len);
    else
        SHA1(auth_key, len, block);
    save_padded(key->hmac_inner, block, 0x36);
    save_padded(key->hmac_outer, block, 0x5c);
    OPENSSL_cleanse(block, sizeof(block));
}

void dp_srtp_hmac(const struct dp_srtp_key *key, const uint8_t *msg, size_t len,
                  const uint8_t *trailer, size_t trailer_len, uint8_t *mac)
{
    SHA_CTX ctx;

    load(&ctx, key->hmac_inner);
    SHA1_Update(&ctx, msg, len);
    SHA1_Update(&ctx, trailer, trailer_len);
    SHA1_Final(mac, &ctx);
    load(&ctx, key->hmac_outer);
    SHA1_Update(&ctx, mac, SRTP_SHA1_LEN);
    SHA1_Final(mac, &ctx);
}
