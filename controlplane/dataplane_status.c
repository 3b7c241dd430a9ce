#include "controlplane/dataplane_status.h"

#include <stdlib.h>

struct waiter {
    cp_status_fn fn;
    void *arg;
};

struct cp_status_cache {
    Headrace__Status *status; /* our copy; NULL: never heard, or the dataplane went away */
    uint64_t at;              /* ms */
    bool asked;
    struct waiter waiters[CP_STATUS_WAITERS_MAX];
    unsigned count;
};

static void keep(struct cp_status_cache *c, const Headrace__Status *status)
{
    if (c->status)
        headrace__status__free_unpacked(c->status, NULL);
    c->status = NULL;
    c->at = cp_now_ms();
    if (!status)
        return;
    size_t size = headrace__status__get_packed_size(status);
    uint8_t *packed = malloc(size ? size : 1);
    if (!packed)
        return;
    headrace__status__pack(status, packed);
    c->status = headrace__status__unpack(NULL, size, packed);
    free(packed);
}

static void replied(void *arg, int error, const Headrace__Reply *reply)
{
    struct cp_status_cache *c = arg;
    keep(c, error == 0 && reply ? reply->status : NULL);
    c->asked = false;
    unsigned count = c->count;
    c->count = 0;
    for (unsigned i = 0; i < count; i++) {
        struct waiter w = c->waiters[i];
        w.fn(w.arg, c->status);
    }
}

void cp_status_get(struct cp_service *s, cp_status_fn fn, void *arg)
{
    struct cp_dataplane *dp = cp_transport_dataplane(s->transport);
    struct cp_status_cache *c = s->status;
    if (!c)
        c = s->status = calloc(1, sizeof(*c));
    if (!c || !cp_dataplane_is_up(dp)) {
        fn(arg, NULL);
        return;
    }
    if ((c->status && cp_now_ms() - c->at <= CP_STATUS_FRESH_MS) ||
        c->count == CP_STATUS_WAITERS_MAX) {
        fn(arg, c->status);
        return;
    }
    c->waiters[c->count++] = (struct waiter){fn, arg};
    if (c->asked)
        return;
    Headrace__StatusGet get = HEADRACE__STATUS_GET__INIT;
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    cmd.op_case = HEADRACE__COMMAND__OP_STATUS_GET;
    cmd.status_get = &get;
    c->asked = true;
    if (cp_dataplane_command(dp, &cmd, replied, c) < 0)
        replied(c, -1, NULL);
}

void cp_status_free(struct cp_status_cache *c)
{
    if (c && c->status)
        headrace__status__free_unpacked(c->status, NULL);
    free(c);
}
