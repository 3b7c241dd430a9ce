/*
 * Connectivity checks of anybody. The first byte picks the family of the source and whether
 * integrity and fingerprint are made right first, without which few inputs would come past them.
 */
#include "controlplane/ice.h"

#include <stdlib.h>
#include <string.h>
#include <stun/stunagent.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cp_ice_session session = {
    .local = {.ufrag = "abcdefgh", .pwd = "abcdefghijklmnopqrstuvwx"},
    .remote_ufrag = "them",
};

static const struct cp_ice_session *lookup(void *arg, const char *ufrag, size_t len)
{
    return len == CP_ICE_UFRAG_LEN && memcmp(ufrag, session.local.ufrag, len) == 0 ? &session
                                                                                   : NULL;
}

/* The input as attributes of a request that is authentic whatever else is in it. */
static size_t sign(const uint8_t *data, size_t size, uint8_t *out, size_t room)
{
    static const uint16_t known[] = {0};
    static StunAgent agent = {.compatibility = STUN_COMPATIBILITY_RFC5389,
                              .known_attributes = (uint16_t *)known,
                              .usage_flags = STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS |
                                             STUN_AGENT_USAGE_USE_FINGERPRINT};
    StunMessage msg;

    stun_agent_init_request(&agent, &msg, out, room, STUN_BINDING);
    stun_message_append_string(&msg, STUN_ATTRIBUTE_USERNAME, "abcdefgh:them");
    while (size >= 4) {
        uint16_t type = (uint16_t)(data[0] << 8 | data[1]);
        size_t len = data[2] % 32;
        data += 3;
        size -= 3;
        len = len < size ? len : size;
        if (stun_message_append_bytes(&msg, (StunAttribute)type, data, len))
            break;
        data += len;
        size -= len;
    }
    size_t n = stun_agent_finish_message(&agent, &msg, (const uint8_t *)session.local.pwd,
                                         strlen(session.local.pwd));
    StunTransactionId id;
    stun_message_id(&msg, id);
    stun_agent_forget_transaction(&agent, id);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hr_address source = {.ip = {198, 18, 0, 2}, .port = 5000, .family = 4};
    struct cp_ice_result r;
    uint8_t buf[1024];

    if (size == 0)
        return 0;
    source.family = data[0] & 1 ? 6 : 4;
    size_t n = data[0] & 2 ? sign(data + 1, size - 1, buf, sizeof(buf)) : size - 1;
    uint8_t *copy = malloc(n ? n : 1);
    if (!copy)
        return 0;
    memcpy(copy, data[0] & 2 ? buf : data + 1, n);
    cp_ice_receive(copy, n, &source, lookup, NULL, &r);
    if (cp_ice_passed(&r) != (r.session != NULL) || (cp_ice_passed(&r) && r.response_len == 0) ||
        r.response_len > sizeof(r.response))
        abort();
    free(copy);
    return 0;
}
