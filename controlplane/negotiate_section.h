/* What the files of the negotiation share: negotiate.c (session), _section.c, _media.c, _codec.c,
 * _sdes.c.
 */
#ifndef CP_NEGOTIATE_SECTION_H
#define CP_NEGOTIATE_SECTION_H

#include "controlplane/negotiate.h"

/* One negotiation under way. Arrays of the answer are in its own arena, results in n->arena. */
struct cp_negotiator {
    const struct cp_sdp *offer;
    const struct cp_negotiate_config *cfg;
    struct cp_negotiation *n;
    struct cp_sdp *answer;
    size_t live;          /* sections of the offer that are not stopped */
    unsigned bundle_line; /* of the a=crypto that the bundle's key is from; SDES */
    uint8_t owner[256];   /* kind that an extension id stands for in the bundle; 0: none yet */
};

/* One section of the offer with its result and its place in the answer. */
struct cp_section {
    const struct cp_sdp_media *offer;
    struct cp_negotiated_media *m;
    struct cp_sdp_media *answer;
    bool client_sends; /* by the rules of what is published, else of what is subscribed to */
};

/* Whether the client still uses it (RFC 8829 5.2.2, RFC 8843 6). */
static inline bool cp_section_live(const struct cp_sdp_media *m)
{
    return m->port != 0 || m->bundle_only;
}

bool cp_section_bundled(const struct cp_sdp *offer, const struct cp_sdp_media *m);

/* What of the section at that place can be told without deciding. */
void cp_negotiate_begin(struct cp_negotiator *g, size_t at);

/* Decides on a section and writes its answer but for the transport. 0 or -ENOMEM. */
int cp_negotiate_section(struct cp_negotiator *g, struct cp_section *s);

/* Codecs in common, most wanted first; m->n_codecs is 0 when none carries media. 0 or -ENOMEM. */
int cp_negotiate_codecs(struct cp_negotiator *g, struct cp_section *s);

/* Then, in this order: extensions, feedback, simulcast, streams. 0 or -ENOMEM. */
int cp_negotiate_extensions(struct cp_negotiator *g, struct cp_section *s);
int cp_negotiate_feedback(struct cp_negotiator *g, struct cp_section *s);
int cp_negotiate_simulcast(struct cp_negotiator *g, struct cp_section *s);
int cp_negotiate_streams(struct cp_negotiator *g, struct cp_section *s);

/* Who fills a section, NULL: nobody. */
const struct cp_sender *cp_negotiate_sender(const struct cp_negotiator *g, const char *mid);

/* ---- negotiate_sdes.c */

/* Chooses transports and keys, before the sections themselves. 0 or -ENOTSUP. */
int cp_negotiate_keys(struct cp_negotiator *g, struct cp_sdp_error *err);
/* The section of the publisher whose packets come as they are, NULL: they are rewritten. */
const struct cp_negotiated_media *cp_negotiate_opaque(const struct cp_negotiator *g,
                                                      const struct cp_section *s);
/* The codecs of an opaque section become those of its publisher; NULL, or why that cannot be. */
const char *cp_negotiate_opaque_codecs(struct cp_negotiator *g, struct cp_section *s);
/* The lines of an accepted section. 0 or -ENOMEM. */
int cp_negotiate_crypto(struct cp_negotiator *g, struct cp_section *s);

#endif
