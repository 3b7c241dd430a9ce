/*
 * The text is copied once into the arena and cut up in place: every string of the description
 * points into that copy. Lines are taken in order; an attribute belongs to the m= line before it.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "controlplane/sdp_parser.h"

char *cp_sdp_word(char **rest)
{
    char *word = *rest + strspn(*rest, " ");
    if (!*word)
        return NULL;
    char *end = word + strcspn(word, " ");
    *rest = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

bool cp_sdp_number(const char *s, uint64_t max, uint64_t *out)
{
    uint64_t n = 0;
    if (!*s)
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9' || n > UINT64_MAX / 10)
            return false;
        unsigned digit = (unsigned)(*s - '0');
        if (n * 10 > UINT64_MAX - digit)
            return false;
        n = n * 10 + digit;
    }
    *out = n;
    return n <= max;
}

bool cp_sdp_token(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++) {
        if (*s <= ' ' || *s >= 0x7f || strchr("\"(),/:;<=>?@[\\]", *s))
            return false;
    }
    return true;
}

static int parse_version(struct cp_sdp_parser *p, char *value)
{
    return strcmp(value, "0") == 0 ? 0 : CP_SDP_BAD(p, "v= must be 0");
}

static int parse_origin(struct cp_sdp_parser *p, char *value)
{
    char *user = cp_sdp_word(&value), *id = cp_sdp_word(&value), *version = cp_sdp_word(&value);
    char *net = cp_sdp_word(&value), *type = cp_sdp_word(&value), *address = cp_sdp_word(&value);
    if (!address || !net || !type)
        return CP_SDP_BAD(p, "o= needs six fields");
    p->sdp->origin_user = user;
    p->sdp->origin_address = address;
    if (!cp_sdp_number(id, UINT64_MAX, &p->sdp->session_id))
        return CP_SDP_BAD(p, "o= has a session id that is not a number");
    if (!cp_sdp_number(version, UINT64_MAX, &p->sdp->session_version))
        return CP_SDP_BAD(p, "o= has a session version that is not a number");
    return 0;
}

static int parse_name(struct cp_sdp_parser *p, char *value)
{
    p->sdp->name = value;
    return 0;
}

static int parse_time(struct cp_sdp_parser *p, char *value)
{
    return 0;
}

static int parse_connection(struct cp_sdp_parser *p, char *value)
{
    char *net = cp_sdp_word(&value), *type = cp_sdp_word(&value), *address = cp_sdp_word(&value);
    if (!net || !type || !address)
        return CP_SDP_BAD(p, "c= needs three fields");
    address[strcspn(address, "/")] = '\0';
    if (p->media)
        p->media->address = address;
    else
        p->sdp->address = address;
    return 0;
}

static enum cp_sdp_kind media_kind(const char *name)
{
    static const char *const names[] = {"audio", "video", "application"};
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0)
            return (enum cp_sdp_kind)i;
    }
    return CP_SDP_OTHER;
}

static int parse_payloads(struct cp_sdp_parser *p, char *value)
{
    struct cp_sdp_media *m = p->media;
    uint64_t pt;
    for (char *word; (word = cp_sdp_word(&value));) {
        if (!cp_sdp_number(word, 127, &pt))
            return CP_SDP_BAD(p, "m= has a payload type that is not 0 to 127");
        for (size_t i = 0; i < m->n_codecs; i++) {
            if (m->codecs[i].pt == pt)
                return CP_SDP_BAD(p, "m= has payload type %u twice", (unsigned)pt);
        }
        if (m->n_codecs == CP_SDP_PAYLOADS_MAX)
            return CP_SDP_MANY(p, "more than %d payload types", CP_SDP_PAYLOADS_MAX);
        struct cp_sdp_codec *codec = CP_SDP_APPEND(&p->sdp->arena, m->codecs, m->n_codecs);
        if (!codec)
            return -ENOMEM;
        codec->pt = (uint8_t)pt;
    }
    return m->n_codecs ? 0 : CP_SDP_BAD(p, "m= has no payload type");
}

/* A section begins with what the session says for all of them. */
static int inherit(struct cp_sdp_parser *p)
{
    const struct cp_sdp *sdp = p->sdp;
    struct cp_sdp_media *m = p->media;
    m->line = p->line;
    m->direction = sdp->direction;
    for (size_t i = 0; i < sdp->n_extmaps; i++) {
        struct cp_sdp_extmap *e = CP_SDP_APPEND(&p->sdp->arena, m->extmaps, m->n_extmaps);
        if (!e)
            return -ENOMEM;
        *e = sdp->extmaps[i];
    }
    return 0;
}

static int parse_media(struct cp_sdp_parser *p, char *value)
{
    struct cp_sdp *sdp = p->sdp;
    if (sdp->n_media == CP_SDP_MEDIA_MAX)
        return CP_SDP_MANY(p, "more than %d media sections", CP_SDP_MEDIA_MAX);
    p->media = CP_SDP_APPEND(&sdp->arena, sdp->media, sdp->n_media);
    if (!p->media)
        return -ENOMEM;
    char *kind = cp_sdp_word(&value), *port = cp_sdp_word(&value), *protocol = cp_sdp_word(&value);
    if (!kind || !port || !protocol)
        return CP_SDP_BAD(p, "m= needs media, port, protocol and formats");
    uint64_t number;
    port[strcspn(port, "/")] = '\0';
    if (!cp_sdp_number(port, UINT16_MAX, &number))
        return CP_SDP_BAD(p, "m= has a port that is not 0 to 65535");
    p->media->kind = media_kind(kind);
    p->media->kind_name = kind;
    p->media->port = (uint16_t)number;
    p->media->protocol = protocol;
    int rc = inherit(p);
    if (rc)
        return rc;
    if (p->media->kind <= CP_SDP_VIDEO && strstr(protocol, "RTP/"))
        return parse_payloads(p, value);
    p->media->formats = value + strspn(value, " ");
    return *p->media->formats ? 0 : CP_SDP_BAD(p, "m= has no format");
}

/* The lines that we read. The bits of the first four are those a description must have. */
static const struct {
    char type;
    int (*parse)(struct cp_sdp_parser *p, char *value);
} line_types[] = {
    {'v', parse_version}, {'o', parse_origin},     {'s', parse_name},       {'t', parse_time},
    {'m', parse_media},   {'c', parse_connection}, {'a', cp_sdp_attribute},
};

#define REQUIRED_LINES 4u

static int parse_line(struct cp_sdp_parser *p, char *line, unsigned *seen)
{
    if (line[0] < 'a' || line[0] > 'z' || line[1] != '=')
        return CP_SDP_BAD(p, "a line must begin with a letter and =");
    if (strchr(line, '\r'))
        return CP_SDP_BAD(p, "a carriage return within a line");
    if (p->line == 1 && !(*seen & 1u) && line[0] != 'v')
        return CP_SDP_BAD(p, "a description begins with v=0");
    for (unsigned i = 0; i < sizeof(line_types) / sizeof(line_types[0]); i++) {
        if (line_types[i].type != line[0])
            continue;
        if (line[0] == 'm' && (*seen & 15u) != 15u)
            return CP_SDP_BAD(
                p, "%c= is missing before m=", line_types[__builtin_ctz(~*seen & 15u)].type);
        if (i < REQUIRED_LINES && p->media)
            return CP_SDP_BAD(p, "%c= stands after m=", line[0]);
        *seen |= 1u << i;
        return line_types[i].parse(p, line + 2);
    }
    return 0;
}

static int parse_lines(struct cp_sdp_parser *p, char *text, unsigned seen)
{
    unsigned empty = 0; /* the first empty line; only others may follow it */
    for (char *next = text; *next;) {
        char *line = next;
        size_t len = strcspn(line, "\n");
        next = line[len] ? line + len + 1 : line + len;
        line[len] = '\0';
        if (len && line[len - 1] == '\r')
            line[--len] = '\0';
        p->line++;
        if (!len) {
            empty = empty ? empty : p->line;
            continue;
        }
        if (empty)
            return cp_sdp_fail(p->err, empty, -EINVAL, "an empty line");
        int rc = parse_line(p, line, &seen);
        if (rc)
            return rc;
    }
    if ((seen & 15u) != 15u)
        return CP_SDP_BAD(p, "%c= is missing", line_types[__builtin_ctz(~seen & 15u)].type);
    return 0;
}

static void inherit_transport(struct cp_sdp_transport *own, const struct cp_sdp_transport *session)
{
    if (!own->ufrag && !own->pwd) {
        own->ufrag = session->ufrag;
        own->pwd = session->pwd;
    }
    if (!own->ice_options)
        own->ice_options = session->ice_options;
    if (own->setup == CP_SDP_SETUP_NONE)
        own->setup = session->setup;
    if (!own->n_fingerprints) {
        own->fingerprints = session->fingerprints;
        own->n_fingerprints = session->n_fingerprints;
    }
}

static int finish(struct cp_sdp_parser *p)
{
    struct cp_sdp *sdp = p->sdp;
    for (size_t i = 0; i < sdp->n_media; i++) {
        struct cp_sdp_media *m = &sdp->media[i];
        inherit_transport(&m->transport, &sdp->transport);
        m->extmap_allow_mixed |= sdp->extmap_allow_mixed;
        m->address = m->address ? m->address : sdp->address;
        for (size_t k = 0; m->mid && k < i; k++) {
            if (sdp->media[k].mid && strcmp(sdp->media[k].mid, m->mid) == 0)
                return cp_sdp_fail(p->err, m->line, -EINVAL, "mid %.32s is that of line %u too",
                                   m->mid, sdp->media[k].line);
        }
    }
    return 0;
}

static int parse_text(const char *text, size_t len, unsigned seen, struct cp_sdp_parser *p)
{
    if (len > CP_SDP_TEXT_MAX)
        return CP_SDP_MANY(p, "more than %d bytes", CP_SDP_TEXT_MAX);
    if (!len)
        return CP_SDP_BAD(p, "an empty description");
    const char *zero = memchr(text, 0, len);
    char *copy = cp_sdp_alloc(&p->sdp->arena, len + 1);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, text, zero ? (size_t)(zero - text) : len);
    int rc = parse_lines(p, copy, seen);
    if (!rc && zero)
        rc = CP_SDP_BAD(p, "a zero byte");
    return rc ? rc : finish(p);
}

static int parse(const char *text, size_t len, unsigned seen, struct cp_sdp **out,
                 struct cp_sdp_error *err)
{
    struct cp_sdp_parser p = {.sdp = cp_sdp_new(), .err = err};
    int rc = p.sdp ? parse_text(text, len, seen, &p) : -ENOMEM;
    if (rc == -ENOMEM)
        cp_sdp_fail(err, 0, rc, "out of memory");
    if (rc)
        cp_sdp_free(p.sdp);
    else
        *out = p.sdp;
    return rc;
}

int cp_sdp_parse(const char *text, size_t len, struct cp_sdp **out, struct cp_sdp_error *err)
{
    return parse(text, len, 0, out, err);
}

int cp_sdp_parse_fragment(const char *text, size_t len, struct cp_sdp **out,
                          struct cp_sdp_error *err)
{
    return parse(text, len, (1u << REQUIRED_LINES) - 1, out, err);
}
