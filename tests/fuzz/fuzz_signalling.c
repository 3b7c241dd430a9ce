/* Any message of a client; one that is taken has what its type promises. */
#include <stdlib.h>
#include <string.h>

#include "controlplane/signalling.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct cp_message *m)
{
    if (m->type == CP_MESSAGE_JOIN && !*m->profile.name)
        abort();
    if (m->type == CP_MESSAGE_SOURCE && m->source == 0)
        abort();
    if (m->type == CP_MESSAGE_CHAT && !*m->text)
        abort();
    for (size_t i = 0; i < m->offer.n_sources; i++)
        if (strlen(m->offer.sources[i].mid) > HR_MID_MAX || m->offer.sources[i].label >= CP_LABELS)
            abort();
    for (size_t i = 0; i < m->offer.n_bindings; i++)
        if (strlen(m->offer.bindings[i].mid) > HR_MID_MAX)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cp_message m;
    struct cp_message_error err;
    if (cp_message_parse((const char *)data, size, &m, &err) == 0)
        check(&m);
    else if (!*err.text)
        abort();
    cp_message_free(&m);
    return 0;
}
