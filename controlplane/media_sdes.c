/*
 * What is different for participants whose keys come with their offers (RFC 4568): sections that
 * are not bundled have endpoints of their own, for such clients send each from another socket.
 */
#include <errno.h>
#include <glib.h>

#include "controlplane/media.h"
#include "controlplane/room.h"

bool cp_media_allows_mixed(const struct cp_negotiation *n)
{
    for (size_t i = 0; i < n->n_media; i++)
        if (n->media[i].role != CP_MEDIA_REJECTED && !n->media[i].extmap_allow_mixed)
            return false;
    return true;
}

bool cp_media_allows_rsize(const struct cp_negotiation *n)
{
    for (size_t i = 0; i < n->n_media; i++)
        if (n->media[i].role != CP_MEDIA_REJECTED && !n->media[i].rtcp_rsize)
            return false;
    return true;
}

static bool used(const struct cp_negotiated_media *m, size_t transport)
{
    return (m->role == CP_MEDIA_PUBLISH || m->role == CP_MEDIA_SUBSCRIBE) &&
           m->transport == transport;
}

/* The first section of a transport, NULL: nothing goes by it. */
static const struct cp_negotiated_media *first_of(const struct cp_negotiation *n, size_t transport)
{
    for (size_t i = 0; i < n->n_media; i++)
        if (used(&n->media[i], transport))
            return &n->media[i];
    return NULL;
}

/* What the client may send under; a section that publishes and names none may send under any. */
static size_t collect_ssrcs(const struct cp_negotiation *n, size_t transport, uint32_t *out)
{
    size_t count = 0;
    for (size_t i = 0; i < n->n_media; i++) {
        const struct cp_negotiated_media *m = &n->media[i];
        if (!used(m, transport))
            continue;
        if (m->role == CP_MEDIA_PUBLISH && m->n_ssrcs == 0)
            return 0;
        for (size_t k = 0; k < m->n_ssrcs; k++) {
            if (count + 2 > CP_LATCH_SSRCS_MAX)
                return 0;
            out[count++] = m->ssrcs[k].ssrc;
            if (m->ssrcs[k].rtx_ssrc)
                out[count++] = m->ssrcs[k].rtx_ssrc;
        }
    }
    return count;
}

static int latch(struct cp_media *m, struct cp_endpoint *e, const struct cp_negotiation *n,
                 const struct cp_negotiated_media *first, uint64_t now)
{
    uint32_t ssrcs[CP_LATCH_SSRCS_MAX];
    const struct cp_endpoint_latch l = {
        .ingress = &first->keys.ingress,
        .egress = &first->keys.egress,
        .ssrcs = ssrcs,
        .n_ssrcs = collect_ssrcs(n, first->transport, ssrcs),
        .ext = n->ext,
        .extmap_allow_mixed = cp_media_allows_mixed(n),
        .rtcp_rsize = cp_media_allows_rsize(n),
        .wait_ms = m->env->config->limits.sdes_wait_s * 1000,
        .silence_ms = m->env->config->limits.sdes_silence_s * 1000,
    };
    return cp_endpoint_latch(e, &l, now);
}

static int add_endpoint(struct cp_media *m, struct cp_endpoint **out, uint64_t now)
{
    int rc = cp_endpoint_create(m->env->transport, m, now, out);
    if (!rc)
        cp_endpoint_set_group(*out, m->group);
    return rc;
}

/* The participant has one endpoint already, which the first transport in use gets. */
int cp_media_latch(struct cp_media *m, const struct cp_negotiation *n, uint64_t now)
{
    bool taken = false;
    int rc = 0;
    m->others = g_new0(struct cp_endpoint *, CP_TRANSPORTS_MAX);
    for (size_t i = 0; i < n->n_transports && !rc; i++) {
        const struct cp_negotiated_media *first = first_of(n, i);
        if (!first)
            continue;
        if (taken)
            rc = add_endpoint(m, &m->others[i], now);
        else
            m->others[i] = m->endpoint;
        taken = true;
        rc = rc ? rc : latch(m, m->others[i], n, first, now);
    }
    return rc;
}

size_t cp_media_endpoints(const struct cp_media *m, struct cp_endpoint *out[CP_TRANSPORTS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; m->others && i < CP_TRANSPORTS_MAX; i++)
        if (m->others[i])
            out[count++] = m->others[i];
    if (count == 0 && m->endpoint)
        out[count++] = m->endpoint;
    return count;
}

struct cp_endpoint *cp_media_endpoint(const struct cp_media *m, const char *mid)
{
    const struct cp_negotiated_media *n = m->others ? cp_media_section(m, mid) : NULL;
    return n && m->others[n->transport] ? m->others[n->transport] : m->endpoint;
}

bool cp_media_lose(struct cp_media *m, struct cp_endpoint *e)
{
    struct cp_endpoint *all[CP_TRANSPORTS_MAX];
    if (!m->others || cp_media_endpoints(m, all) < 2)
        return false;
    for (guint i = m->owner->subscriptions->len; i > 0; i--) {
        struct cp_subscription *s = m->owner->subscriptions->pdata[i - 1];
        if (cp_media_endpoint(m, s->mid) == e)
            cp_subscription_free(s);
    }
    for (guint i = m->owner->sources->len; i > 0; i--) {
        struct cp_source *s = m->owner->sources->pdata[i - 1];
        if (cp_media_endpoint(m, s->mid) != e)
            continue;
        cp_room_tell_source(s, "source-removed");
        cp_source_free(s);
    }
    for (size_t i = 0; i < CP_TRANSPORTS_MAX; i++)
        if (m->others[i] == e)
            m->others[i] = NULL;
    cp_media_endpoints(m, all);
    m->endpoint = all[0];
    cp_endpoint_destroy(e);
    return true;
}

bool cp_media_opaque(const struct cp_media *m, const char *mid)
{
    const struct cp_negotiated_media *n = cp_media_section(m, mid);
    return n && n->keys.opaque;
}

bool cp_media_opaque_fits(const struct cp_source *from, const struct cp_subscription *to)
{
    const struct cp_negotiated_media *pub = cp_media_section(from->owner->media, from->mid);
    const struct cp_negotiated_media *sub = cp_media_section(to->owner->media, to->mid);
    return pub && sub && pub->keys.ingress.len &&
           cp_srtp_key_same(&pub->keys.ingress, &sub->keys.ingress) &&
           cp_negotiate_same_numbers(pub, sub);
}
