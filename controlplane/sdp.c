#include "controlplane/sdp.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct cp_sdp *cp_sdp_new(void)
{
    struct cp_sdp *sdp = calloc(1, sizeof(*sdp));
    if (sdp)
        sdp->direction = CP_SDP_SENDRECV;
    return sdp;
}

void cp_sdp_free(struct cp_sdp *sdp)
{
    if (!sdp)
        return;
    cp_sdp_arena_free(&sdp->arena);
    free(sdp);
}

const char *cp_sdp_direction_name(enum cp_sdp_direction d)
{
    static const char *const names[] = {"inactive", "sendonly", "recvonly", "sendrecv"};
    return names[d & 3];
}

static bool has_mid(const struct cp_sdp *sdp, const char *mid)
{
    for (size_t i = 0; i < sdp->n_media; i++) {
        if (sdp->media[i].mid && strcmp(sdp->media[i].mid, mid) == 0)
            return true;
    }
    return false;
}

int cp_sdp_name_sections(struct cp_sdp *sdp)
{
    unsigned next = 0;
    for (size_t i = 0; i < sdp->n_media && !sdp->arena.failed; i++) {
        struct cp_sdp_media *m = &sdp->media[i];
        const char *name = m->mid;
        if (name)
            continue;
        do
            name = cp_sdp_printf(&sdp->arena, "%u", next++);
        while (*name && has_mid(sdp, name));
        m->mid = name;
        m->mid_made = true;
    }
    return sdp->arena.failed ? -ENOMEM : 0;
}

int cp_sdp_fail(struct cp_sdp_error *err, unsigned line, int error, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    err->line = line;
    vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    return error;
}

static const struct {
    const char *name;
    enum cp_sdp_hash hash;
    unsigned len;
} hashes[] = {
    {"sha-256", CP_SDP_SHA256, 32},
    {"sha-384", CP_SDP_SHA384, 48},
    {"sha-512", CP_SDP_SHA512, 64},
};

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "AB:CD:…", exactly len bytes of it. */
static int parse_hex(const char *s, uint8_t *out, unsigned len)
{
    for (unsigned i = 0; i < len; i++, s += 3) {
        int high = hex_value(s[0]);
        int low = high < 0 ? -1 : hex_value(s[1]);
        if (low < 0 || s[2] != (i + 1 < len ? ':' : '\0'))
            return -EINVAL;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

int cp_sdp_fingerprint_parse(const char *text, struct cp_sdp_fingerprint *out)
{
    const char *space = strchr(text, ' ');
    if (!space)
        return -EINVAL;
    size_t len = (size_t)(space - text);
    for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
        if (strlen(hashes[i].name) != len || strncasecmp(hashes[i].name, text, len) != 0)
            continue;
        out->hash = hashes[i].hash;
        out->len = hashes[i].len;
        return parse_hex(space + strspn(space, " "), out->bytes, out->len);
    }
    return -ENOTSUP;
}

const char *cp_sdp_fmtp_get(const char *fmtp, const char *key, size_t *len)
{
    size_t key_len = strlen(key);
    for (const char *p = fmtp; p && *p; p += strcspn(p, ";"), p += *p == ';') {
        p += strspn(p, " ");
        if (strncasecmp(p, key, key_len) != 0 || p[key_len] != '=')
            continue;
        *len = strcspn(p + key_len + 1, "; ");
        return p + key_len + 1;
    }
    return NULL;
}
