#include "tests/unit/controlplane/stun_client.h"

#include <string.h>

static const uint16_t known[] = {
    STUN_ATTRIBUTE_USERNAME,           STUN_ATTRIBUTE_MESSAGE_INTEGRITY,
    STUN_ATTRIBUTE_PRIORITY,           STUN_ATTRIBUTE_USE_CANDIDATE,
    STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, STUN_ATTRIBUTE_ERROR_CODE,
    STUN_ATTRIBUTE_UNKNOWN_ATTRIBUTES, 0};

static void init(struct stun_client *c, bool fingerprint)
{
    memset(c, 0, sizeof(*c));
    stun_agent_init(&c->agent, known, STUN_COMPATIBILITY_RFC5389,
                    STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS |
                        (fingerprint ? STUN_AGENT_USAGE_USE_FINGERPRINT : 0));
}

size_t stun_client_check(struct stun_client *c, const struct stun_check *k)
{
    StunMessage msg;

    init(c, !k->no_fingerprint);
    stun_agent_init_request(&c->agent, &msg, c->buf, sizeof(c->buf), STUN_BINDING);
    if (k->use_candidate)
        stun_message_append_flag(&msg, STUN_ATTRIBUTE_USE_CANDIDATE);
    stun_message_append32(&msg, STUN_ATTRIBUTE_PRIORITY, k->priority);
    stun_message_append64(
        &msg, k->controlled ? STUN_ATTRIBUTE_ICE_CONTROLLED : STUN_ATTRIBUTE_ICE_CONTROLLING, 42);
    if (k->extra)
        stun_message_append32(&msg, (StunAttribute)k->extra, 7);
    if (k->username)
        stun_message_append_string(&msg, STUN_ATTRIBUTE_USERNAME, k->username);
    c->len = stun_agent_finish_message(&c->agent, &msg, (const uint8_t *)k->password,
                                       k->password ? strlen(k->password) : 0);
    return c->len;
}

size_t stun_client_indication(struct stun_client *c)
{
    StunMessage msg;

    init(c, true);
    stun_agent_init_indication(&c->agent, &msg, c->buf, sizeof(c->buf), STUN_BINDING);
    c->len = stun_agent_finish_message(&c->agent, &msg, NULL, 0);
    return c->len;
}

void stun_client_read(struct stun_client *c, const uint8_t *data, size_t len,
                      struct stun_answer *out)
{
    StunMessage msg;
    socklen_t size = sizeof(out->mapped);

    memset(out, 0, sizeof(*out));
    out->status = stun_agent_validate(&c->agent, &msg, data, len, NULL, NULL);
    if (out->status == STUN_VALIDATION_NOT_STUN || out->status == STUN_VALIDATION_INCOMPLETE_STUN)
        return;
    out->class = stun_message_get_class(&msg);
    if (out->class == STUN_ERROR)
        stun_message_find_error(&msg, &out->code);
    else
        stun_message_find_xor_addr(&msg, STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, &out->mapped, &size);
}
