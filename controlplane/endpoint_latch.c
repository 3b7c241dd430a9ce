/*
 * Endpoints whose keys came with the offer (RFC 4568). There is nothing to check and nobody to
 * shake hands with: the dataplane is told of the keys at once and says where the first packet came
 * from that they verify. What is heard after that is all the consent there is.
 */
#include "controlplane/endpoint_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool keys_ok(const struct cp_srtp_key *ingress, const struct cp_srtp_key *egress)
{
    size_t len = hr_srtp_key_len(ingress->profile) + hr_srtp_salt_len(ingress->profile);
    return len && ingress->len == len && egress->len == len && egress->profile == ingress->profile;
}

int cp_endpoint_latch(struct cp_endpoint *e, const struct cp_endpoint_latch *l, uint64_t now)
{
    if (e->latch || e->has_remote || !keys_ok(l->ingress, l->egress))
        return -EINVAL;
    e->latch = calloc(1, sizeof(*e->latch));
    if (!e->latch)
        return -ENOMEM;
    e->t->now = e->last_check = now;
    e->latch->wait_ms = l->wait_ms;
    e->latch->silence_ms = l->silence_ms;
    if (l->n_ssrcs && l->n_ssrcs <= CP_LATCH_SSRCS_MAX) {
        e->latch->n_ssrcs = l->n_ssrcs;
        memcpy(e->latch->ssrcs, l->ssrcs, l->n_ssrcs * sizeof(l->ssrcs[0]));
    }
    e->keys.profile = l->ingress->profile;
    e->keys.len = l->ingress->len;
    memcpy(e->keys.ingress, l->ingress->bytes, e->keys.len);
    memcpy(e->keys.egress, l->egress->bytes, e->keys.len);
    e->extmap_allow_mixed = l->extmap_allow_mixed;
    e->rtcp_rsize = l->rtcp_rsize;
    if (l->ext)
        memcpy(e->ext, l->ext, sizeof(e->ext));
    cp_endpoint_arm(e);
    cp_endpoint_changed(e);
    return 0;
}

void cp_endpoint_renew(struct cp_endpoint *e, uint64_t now)
{
    e->t->now = now;
    e->last_check = MAX(e->last_check, now);
    cp_endpoint_arm(e);
}

void cp_endpoint_latched(struct cp_transport *t, const Headrace__EndpointLatched *event)
{
    struct cp_endpoint *e = cp_endpoint_find(t, event->endpoint);
    struct cp_path path;

    if (!e || e->gone || !e->latch || !event->path || cp_path_unpack(event->path, &path)) {
        t->counters.latches_unknown++;
        return;
    }
    if (e->latch->latched)
        t->counters.path_moves++;
    else
        t->counters.endpoints_latched++;
    e->latch->latched = true;
    e->latch->path = path;
    e->last_check = t->now;
    cp_endpoint_arm(e);
}
