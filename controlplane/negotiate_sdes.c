/*
 * Keys in the descriptions (RFC 4568). Each side sends with the key that it wrote itself, so ours
 * is a fresh one, but for a client that has its publisher's key already: it receives the
 * publisher's packets as they are, and its answer names that key again. No client is ever given
 * the key of another. The sections of a BUNDLE group share transport and key; each other section
 * has its own of both.
 */
#include <errno.h>
#include <string.h>

#include "controlplane/negotiate_section.h"
#include "controlplane/sdp_parser.h"

#define KEY_MAX (HR_SRTP_KEY_LEN_MAX + HR_SRTP_SALT_LEN_MAX)

static bool carries_media(const struct cp_sdp_media *m)
{
    return cp_section_live(m) && m->kind <= CP_SDP_VIDEO;
}

/* The line of that key, or of any (NULL); NULL: none can be used. */
static const struct cp_sdp_crypto *usable(const struct cp_sdp_media *m,
                                          const struct cp_srtp_key *key)
{
    for (size_t i = 0; i < m->n_cryptos; i++) {
        const struct cp_sdp_crypto *c = &m->cryptos[i];
        if (!c->problem && (!key || cp_srtp_key_same(&c->key, key)))
            return c;
    }
    return NULL;
}

/* With which key the publisher sends whom the section is to receive, NULL: none of this kind. */
static const struct cp_srtp_key *published_key(const struct cp_negotiator *g,
                                               const struct cp_sdp_media *m)
{
    const struct cp_sender *sender =
        m->mid && m->direction == CP_SDP_RECVONLY ? cp_negotiate_sender(g, m->mid) : NULL;
    const struct cp_negotiated_media *from = sender ? sender->published : NULL;
    return from && from->keys.ingress.len ? &from->keys.ingress : NULL;
}

/* The first section, at least `from`, of the same transport as the one there that has a key. */
static const struct cp_sdp_media *keyed(const struct cp_negotiator *g, size_t from)
{
    const struct cp_sdp_media *m = &g->offer->media[from];
    bool bundled = cp_section_bundled(g->offer, m);
    for (size_t i = from; i < g->offer->n_media && !m->n_cryptos && bundled; i++) {
        const struct cp_sdp_media *other = &g->offer->media[i];
        if (carries_media(other) && cp_section_bundled(g->offer, other) && other->n_cryptos)
            m = other;
    }
    return m;
}

/* A transport of its own, and its keys, for the section at that place. */
static int new_transport(struct cp_negotiator *g, size_t at, struct cp_sdp_error *err)
{
    struct cp_negotiated_media *n = &g->n->media[at];
    const struct cp_sdp_media *m = keyed(g, at);
    const struct cp_srtp_key *shared = published_key(g, m);
    const struct cp_sdp_crypto *c = shared ? usable(m, shared) : NULL;
    n->keys.opaque = c != NULL;
    c = c ? c : usable(m, NULL);
    if (g->n->n_transports == CP_TRANSPORTS_MAX)
        return cp_sdp_fail(err, m->line, -ENOTSUP, "more than %d sections that are not bundled",
                           CP_TRANSPORTS_MAX);
    if (!m->n_cryptos)
        return cp_sdp_fail(err, m->line, -ENOTSUP, "no a=crypto in this section");
    if (!c)
        return cp_sdp_fail(err, m->cryptos[0].line, -ENOTSUP, "crypto %u cannot be used: %s",
                           m->cryptos[0].tag, m->cryptos[0].problem);
    if (cp_section_bundled(g->offer, &g->offer->media[at]))
        g->bundle_line = c->line;
    n->transport = (unsigned)g->n->n_transports++;
    n->keys.ingress = n->keys.egress = c->key;
    memcpy(n->keys.egress.bytes, g->cfg->fresh + n->transport * KEY_MAX, n->keys.egress.len);
    return 0;
}

int cp_negotiate_keys(struct cp_negotiator *g, struct cp_sdp_error *err)
{
    const struct cp_negotiated_media *bundle = NULL;
    int rc = 0;
    for (size_t i = 0; i < g->offer->n_media && !rc; i++) {
        const struct cp_sdp_media *m = &g->offer->media[i];
        struct cp_negotiated_media *n = &g->n->media[i];
        bool bundled = cp_section_bundled(g->offer, m);
        if (!carries_media(m))
            continue;
        if (!bundled || !bundle) {
            rc = new_transport(g, i, err);
            bundle = bundled ? n : bundle;
            continue;
        }
        n->transport = bundle->transport;
        n->keys = bundle->keys;
        if (m->n_cryptos && !usable(m, &n->keys.ingress))
            rc = cp_sdp_fail(err, m->cryptos[0].line, -ENOTSUP,
                             "not the key of line %u: sections of one BUNDLE group have one key",
                             g->bundle_line);
    }
    return rc;
}

const struct cp_negotiated_media *cp_negotiate_opaque(const struct cp_negotiator *g,
                                                      const struct cp_section *s)
{
    if (!s->m->keys.opaque || s->m->role != CP_MEDIA_SUBSCRIBE)
        return NULL;
    const struct cp_sender *sender = cp_negotiate_sender(g, s->m->mid);
    return sender ? sender->published : NULL;
}

static bool is_media(const struct cp_codec *c)
{
    return c->key.id != CP_CODEC_RTX && c->key.id != CP_CODEC_RED;
}

static const struct cp_codec *by_number(const struct cp_negotiated_media *m, uint8_t pt)
{
    for (size_t i = 0; i < m->n_codecs; i++) {
        if (m->codecs[i].pt == pt)
            return &m->codecs[i];
    }
    return NULL;
}

bool cp_negotiate_same_numbers(const struct cp_negotiated_media *pub,
                               const struct cp_negotiated_media *sub)
{
    for (size_t i = 0; i < pub->n_codecs; i++) {
        const struct cp_codec *from = &pub->codecs[i], *to = by_number(sub, from->pt);
        if (is_media(from) && (!to || !cp_codec_match(&from->key, &to->key)))
            return false;
    }
    return true;
}

/* "96 VP8/90000, 98 VP9/90000" */
static const char *numbers(struct cp_sdp_arena *arena, const struct cp_negotiated_media *m)
{
    const char *text = "";
    for (size_t i = 0; i < m->n_codecs; i++) {
        const struct cp_codec *c = &m->codecs[i];
        if (is_media(c))
            text = cp_sdp_printf(arena, "%s%s%u %s/%u", text, *text ? ", " : "", c->pt, c->name,
                                 c->key.clock_rate);
    }
    return text;
}

const char *cp_negotiate_opaque_codecs(struct cp_negotiator *g, struct cp_section *s)
{
    const struct cp_negotiated_media *published = cp_negotiate_opaque(g, s);
    if (!published)
        return NULL;
    if (!cp_srtp_key_same(&published->keys.ingress, &s->m->keys.ingress))
        return "bundled with a section that is received bit for bit, and its publisher has "
               "another key";
    if (!cp_negotiate_same_numbers(published, s->m))
        return cp_sdp_printf(&g->n->arena,
                             "the offer's key is the publisher's, so its packets come as they are, "
                             "and payload types must be the publisher's: %s",
                             numbers(&g->n->arena, published));
    size_t n = 0;
    for (size_t i = 0; i < s->m->n_codecs; i++) {
        struct cp_codec *c = &s->m->codecs[i];
        const struct cp_codec *from = by_number(published, c->pt);
        if (!from || !is_media(from))
            continue;
        c->fmtp = cp_sdp_strdup(&g->n->arena, from->fmtp);
        c->rtx_pt = CP_NO_PT;
        s->m->codecs[n++] = *c;
    }
    s->m->n_codecs = n;
    return NULL;
}

int cp_negotiate_crypto(struct cp_negotiator *g, struct cp_section *s)
{
    const struct cp_negotiated_keys *keys = &s->m->keys;
    const struct cp_sdp_crypto *offered = usable(s->offer, &keys->ingress);
    if (!offered)
        return 0; /* it takes that of its bundle */
    struct cp_sdp_crypto *c =
        CP_SDP_APPEND(&g->answer->arena, s->answer->cryptos, s->answer->n_cryptos);
    if (!c)
        return -ENOMEM;
    *c = (struct cp_sdp_crypto){.tag = offered->tag,
                                .key = keys->opaque ? keys->ingress : keys->egress};
    return 0;
}
