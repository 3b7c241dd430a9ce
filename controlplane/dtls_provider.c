#include "controlplane/dtls_provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_MAX 16

static OSSL_PROVIDER *whole;
static OSSL_ALGORITHM decoders[KEPT_MAX + 1], keys[KEPT_MAX + 1];

static bool names(const OSSL_ALGORITHM *a, const char *name)
{
    size_t len = strlen(name);
    return strncmp(a->algorithm_names, name, len) == 0 &&
           (a->algorithm_names[len] == ':' || a->algorithm_names[len] == 0);
}

static bool of_certificates(const OSSL_ALGORITHM *a)
{
    return (names(a, "EC") || names(a, "RSA")) && strstr(a->property_definition, "input=der") &&
           strstr(a->property_definition, "structure=SubjectPublicKeyInfo");
}

static bool of_handshakes(const OSSL_ALGORITHM *a)
{
    return names(a, "EC") || names(a, "RSA") || names(a, "X25519") || names(a, "HMAC");
}

static bool keep(int operation, bool (*wanted)(const OSSL_ALGORITHM *a), OSSL_ALGORITHM *out)
{
    int no_cache;
    const OSSL_ALGORITHM *a = OSSL_PROVIDER_query_operation(whole, operation, &no_cache);
    size_t n = 0;

    for (; a && a->algorithm_names && n < KEPT_MAX; a++)
        if (wanted(a))
            out[n++] = *a;
    return n > 0;
}

static const OSSL_ALGORITHM *query(void *context, int operation, int *no_cache)
{
    *no_cache = 0;
    if (operation == OSSL_OP_DECODER)
        return decoders;
    if (operation == OSSL_OP_KEYMGMT)
        return keys;
    return OSSL_PROVIDER_query_operation(whole, operation, no_cache);
}

static int capabilities(void *context, const char *capability, OSSL_CALLBACK *each, void *arg)
{
    return OSSL_PROVIDER_get_capabilities(whole, capability, each, arg);
}

static int begin(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                 void **context)
{
    static const OSSL_DISPATCH dispatch[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
        {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))capabilities},
        {0, NULL}};

    *out = dispatch;
    *context = OSSL_PROVIDER_get0_provider_ctx(whole);
    return 1;
}

OSSL_LIB_CTX *cp_dtls_library(void)
{
    static OSSL_LIB_CTX *library;

    if (library)
        return library;
    whole = OSSL_PROVIDER_load(NULL, "default");
    OSSL_LIB_CTX *fresh = OSSL_LIB_CTX_new();
    if (whole && fresh && keep(OSSL_OP_DECODER, of_certificates, decoders) &&
        keep(OSSL_OP_KEYMGMT, of_handshakes, keys) &&
        OSSL_PROVIDER_add_builtin(fresh, "headrace", begin) == 1 &&
        OSSL_PROVIDER_load(fresh, "headrace"))
        library = fresh;
    else
        OSSL_LIB_CTX_free(fresh);
    return library;
}
