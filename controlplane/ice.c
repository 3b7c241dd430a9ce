/*
 * libnice's agent parses, authenticates and builds; what is decided here is what RFC 8445 asks of a
 * lite agent. Requests do not change the agent (only transactions that it starts itself would), so
 * one serves all. libnice trusts the length of MESSAGE-INTEGRITY, hence the look at it beforehand.
 */
#include "controlplane/ice.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/rand.h>
#include <string.h>
#include <stun/stunagent.h>
#include <stun/usages/ice.h>

#define INTEGRITY_LEN 20 /* HMAC-SHA1 */

/* Comprehension-required attributes that may stand in a check (RFC 8445 7.1, RFC 8489 14). */
static const uint16_t known_attributes[] = {
    STUN_ATTRIBUTE_USERNAME,      STUN_ATTRIBUTE_MESSAGE_INTEGRITY,  STUN_ATTRIBUTE_PRIORITY,
    STUN_ATTRIBUTE_USE_CANDIDATE, STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, 0};

static StunAgent agent = {
    .compatibility = STUN_COMPATIBILITY_RFC5389,
    .known_attributes = (uint16_t *)known_attributes,
    .usage_flags = STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT,
};

struct search {
    cp_ice_lookup lookup;
    void *arg;
    const struct cp_ice_session *found;
};

/* 64 characters of ice-char (RFC 8839 5.4): six bits each, none preferred. */
static void random_text(const uint8_t *random, char *out, size_t len)
{
    static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < len; i++)
        out[i] = chars[random[i] & 63];
    out[len] = 0;
}

int cp_ice_credentials_make(struct cp_ice_credentials *c)
{
    uint8_t random[CP_ICE_UFRAG_LEN + CP_ICE_PWD_LEN];

    if (RAND_bytes(random, sizeof(random)) != 1)
        return -EIO;
    random_text(random, c->ufrag, CP_ICE_UFRAG_LEN);
    random_text(random + CP_ICE_UFRAG_LEN, c->pwd, CP_ICE_PWD_LEN);
    return 0;
}

const char *cp_ice_verdict_word(enum cp_ice_verdict v)
{
    static const char *const words[CP_ICE_VERDICTS] = {
#define X(name, word) [CP_ICE_##name] = word,
        CP_ICE_VERDICT_MAP(X)
#undef X
    };
    return (unsigned)v < CP_ICE_VERDICTS ? words[v] : "unknown";
}

/* USERNAME is ours, a colon, the client's (RFC 8445 7.2.2). The parameters are as libnice has them.
 */
static bool find_session(StunAgent *a, StunMessage *msg, uint8_t *username, uint16_t len,
                         uint8_t **password, size_t *password_len, void *data)
{
    struct search *s = data;
    const uint8_t *colon = len ? memchr(username, ':', len) : NULL;

    (void)a;
    (void)msg;
    if (!colon)
        return false;
    size_t ours = (size_t)(colon - username);
    size_t theirs = len - ours - 1;
    const struct cp_ice_session *found = s->lookup(s->arg, (const char *)username, ours);
    if (!found || theirs == 0 || strlen(found->remote_ufrag) != theirs ||
        memcmp(found->remote_ufrag, colon + 1, theirs) != 0)
        return false;
    s->found = found;
    *password = (uint8_t *)found->local.pwd;
    *password_len = strlen(found->local.pwd);
    return true;
}

static socklen_t to_sockaddr(const struct hr_address *a, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (a->family == 4) {
        struct sockaddr_in *sin = (struct sockaddr_in *)out;
        sin->sin_family = AF_INET;
        sin->sin_port = htons(a->port);
        memcpy(&sin->sin_addr, a->ip, 4);
        return sizeof(*sin);
    }
    struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)out;
    sin6->sin6_family = AF_INET6;
    sin6->sin6_port = htons(a->port);
    memcpy(&sin6->sin6_addr, a->ip, 16);
    return sizeof(*sin6);
}

static void answer_error(const StunMessage *request, StunError code, struct cp_ice_result *out)
{
    StunMessage reply;

    if (stun_agent_init_error(&agent, &reply, out->response, sizeof(out->response), request, code))
        out->response_len =
            stun_agent_finish_message(&agent, &reply, request->key, request->key_len);
}

static void answer_unknown(const StunMessage *request, struct cp_ice_result *out)
{
    StunMessage reply;
    out->response_len = stun_agent_build_unknown_attributes_error(&agent, &reply, out->response,
                                                                  sizeof(out->response), request);
}

/* An authentic Binding request. */
static enum cp_ice_verdict answer_check(StunMessage *request, const struct hr_address *source,
                                        struct cp_ice_result *out)
{
    StunMessage reply;
    struct sockaddr_storage sa;
    socklen_t sa_len = to_sockaddr(source, &sa);
    bool controlling = false;
    uint64_t tie;

    /* With a full agent on the other side a lite one is always controlled (RFC 8445 6.1.1). */
    if (stun_message_find64(request, STUN_ATTRIBUTE_ICE_CONTROLLED, &tie) ==
        STUN_MESSAGE_RETURN_SUCCESS) {
        answer_error(request, STUN_ERROR_ROLE_CONFLICT, out);
        return CP_ICE_ROLE_CONFLICT;
    }
    size_t len = sizeof(out->response);
    if (stun_usage_ice_conncheck_create_reply(&agent, request, &reply, out->response, &len,
                                              (struct sockaddr_storage *)&sa, sa_len, &controlling,
                                              0, STUN_USAGE_ICE_COMPATIBILITY_RFC5245) !=
            STUN_USAGE_ICE_RETURN_SUCCESS ||
        len == 0)
        return CP_ICE_NO_ANSWER;
    out->response_len = len;
    out->priority = stun_usage_ice_conncheck_priority(request);
    return stun_usage_ice_conncheck_use_candidate(request) ? CP_ICE_NOMINATED : CP_ICE_VALID;
}

/* What can be told without a password. CP_ICE_VALID: go on. */
static enum cp_ice_verdict look(const StunMessage *msg)
{
    uint16_t len = 0;

    if (!stun_message_has_cookie(msg))
        return CP_ICE_NOT_STUN;
    switch (stun_message_get_class(msg)) {
    case STUN_REQUEST:
        break;
    case STUN_INDICATION:
        return CP_ICE_INDICATION;
    default:
        return CP_ICE_NOT_REQUEST;
    }
    if (stun_message_find(msg, STUN_ATTRIBUTE_MESSAGE_INTEGRITY, &len) && len != INTEGRITY_LEN)
        return CP_ICE_BAD_REQUEST;
    return stun_message_get_method(msg) == STUN_BINDING ? CP_ICE_VALID : CP_ICE_BAD_METHOD;
}

static enum cp_ice_verdict judge(StunMessage *msg, const uint8_t *data, size_t len,
                                 const struct hr_address *source, struct search *search,
                                 struct cp_ice_result *out)
{
    switch (stun_agent_validate(&agent, msg, data, len, find_session, search)) {
    case STUN_VALIDATION_SUCCESS:
        return answer_check(msg, source, out);
    case STUN_VALIDATION_BAD_REQUEST:
        return CP_ICE_BAD_FINGERPRINT;
    case STUN_VALIDATION_UNAUTHORIZED_BAD_REQUEST:
        answer_error(msg, STUN_ERROR_BAD_REQUEST, out);
        return CP_ICE_BAD_REQUEST;
    case STUN_VALIDATION_UNAUTHORIZED:
        answer_error(msg, STUN_ERROR_UNAUTHORIZED, out);
        return search->found ? CP_ICE_BAD_INTEGRITY : CP_ICE_UNKNOWN_USER;
    case STUN_VALIDATION_UNKNOWN_REQUEST_ATTRIBUTE:
        answer_unknown(msg, out);
        return CP_ICE_UNKNOWN_ATTRIBUTE;
    default:
        return CP_ICE_NOT_STUN;
    }
}

void cp_ice_receive(const uint8_t *data, size_t len, const struct hr_address *source,
                    cp_ice_lookup lookup, void *arg, struct cp_ice_result *out)
{
    StunMessage msg = {.agent = &agent, .buffer = (uint8_t *)data, .buffer_len = len};
    struct search search = {.lookup = lookup, .arg = arg};

    out->session = NULL;
    out->priority = 0;
    out->response_len = 0;
    if (len < STUN_MESSAGE_HEADER_LENGTH || len > CP_ICE_MESSAGE_MAX ||
        stun_message_validate_buffer_length(data, len, true) != (int)len) {
        out->verdict = CP_ICE_NOT_STUN;
        return;
    }
    out->verdict = look(&msg);
    if (out->verdict == CP_ICE_BAD_METHOD || out->verdict == CP_ICE_BAD_REQUEST)
        answer_error(&msg, STUN_ERROR_BAD_REQUEST, out);
    if (out->verdict != CP_ICE_VALID)
        return;
    out->verdict = judge(&msg, data, len, source, &search, out);
    if (cp_ice_passed(out))
        out->session = search.found;
}
