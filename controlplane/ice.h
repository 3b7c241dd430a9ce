/*
 * ICE, the lite side (RFC 8445 2.5, RFC 8489): answers connectivity checks; sends none of its own.
 * Bytes and a source address in, a verdict and the bytes of the answer out; no state but the
 * credentials.
 */
#ifndef CP_ICE_H
#define CP_ICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/address.h"
#include "proto/limits.h"

#define CP_ICE_UFRAG_LEN    8    /* characters: 48 bits, so that a guess finds nobody */
#define CP_ICE_PWD_LEN      24   /* characters: 144 bits; RFC 8445 5.3 asks for 128 */
#define CP_ICE_RESPONSE_MAX 256  /* bytes; the longest answer with 420 and its list fits */
#define CP_ICE_MESSAGE_MAX  1500 /* bytes of a message; a longer one is not_stun */

struct cp_ice_credentials {
    char ufrag[CP_ICE_UFRAG_LEN + 1];
    char pwd[CP_ICE_PWD_LEN + 1];
};

/* Random, from OpenSSL's generator. 0 or -EIO. */
int cp_ice_credentials_make(struct cp_ice_credentials *c);

/* One pair of credentials, ours and the client's; an ICE restart makes another. */
struct cp_ice_session {
    struct cp_ice_credentials local;
    char remote_ufrag[HR_UFRAG_MAX + 1]; /* "": not known yet, nobody is let in */
    void *owner;                         /* the caller's */
};

/* The session of our username fragment (len bytes, no NUL), or NULL. */
typedef const struct cp_ice_session *(*cp_ice_lookup)(void *arg, const char *ufrag, size_t len);

/* What became of a message. The word is the counter and the metric label. */
#define CP_ICE_VERDICT_MAP(X)                                                                   \
    X(VALID, "valid")                     /* a good check; path lives; answer it */             \
    X(NOMINATED, "nominated")             /* the same, with USE-CANDIDATE */                    \
    X(INDICATION, "indication")           /* keepalive, no answer */                            \
    X(NOT_STUN, "not_stun")               /* malformed, cut off, no cookie; no answer */        \
    X(BAD_FINGERPRINT, "bad_fingerprint") /* missing or wrong; no answer (RFC 8445 7.3) */      \
    X(NOT_REQUEST, "not_request")         /* a response; we asked nothing; no answer */         \
    X(BAD_METHOD, "bad_method")           /* not Binding: 400 */                                \
    X(BAD_REQUEST, "bad_request")         /* USERNAME or integrity missing or malformed: 400 */ \
    X(UNKNOWN_USER, "unknown_user")       /* no such session: 401 */                            \
    X(BAD_INTEGRITY, "bad_integrity")     /* 401 */                                             \
    X(UNKNOWN_ATTRIBUTE, "unknown_attribute") /* 420 */                                         \
    X(ROLE_CONFLICT, "role_conflict")         /* the client says it is controlled: 487 */       \
    X(NO_ANSWER, "no_answer")                 /* libnice could not build one */

enum cp_ice_verdict {
#define X(name, word) CP_ICE_##name,
    CP_ICE_VERDICT_MAP(X)
#undef X
        CP_ICE_VERDICTS
};

const char *cp_ice_verdict_word(enum cp_ice_verdict v);

struct cp_ice_result {
    enum cp_ice_verdict verdict;
    const struct cp_ice_session *session; /* VALID, NOMINATED; else NULL */
    uint32_t priority;                    /* PRIORITY of the check */
    size_t response_len;                  /* 0: nothing to send */
    uint8_t response[CP_ICE_RESPONSE_MAX];
};

/* Judges one datagram whose first byte is 0..3 (RFC 7983). The message is not changed. */
void cp_ice_receive(const uint8_t *data, size_t len, const struct hr_address *source,
                    cp_ice_lookup lookup, void *arg, struct cp_ice_result *out);

/* VALID or NOMINATED. */
static inline bool cp_ice_passed(const struct cp_ice_result *r)
{
    return r->verdict == CP_ICE_VALID || r->verdict == CP_ICE_NOMINATED;
}

#endif
