/*
 * a=crypto lines (RFC 4568 9.1, RFC 7714 14): "1 AES_CM_128_HMAC_SHA1_80 inline:BASE64|2^31".
 * A line that is well formed but asks for what is not served stays in the list with its problem, so
 * that an answer can name it; one that is malformed fails the description.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "controlplane/sdp_parser.h"

static int digit_of(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Bytes, or -1: not base64, or more than out has room for. Padding may be left out. */
static int decode(const char *text, size_t len, uint8_t *out, size_t max)
{
    unsigned bits = 0, held = 0;
    size_t n = 0;
    while (len > 0 && text[len - 1] == '=')
        len--;
    for (size_t i = 0; i < len; i++) {
        int digit = digit_of(text[i]);
        if (digit < 0)
            return -1;
        bits = bits << 6 | (unsigned)digit;
        held += 6;
        if (held < 8)
            continue;
        if (n == max)
            return -1;
        held -= 8;
        out[n++] = (uint8_t)(bits >> held);
    }
    return (int)n;
}

void cp_sdp_key_text(const struct cp_srtp_key *key, char text[CP_SDP_KEY_TEXT])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = 0;
    for (unsigned i = 0; i < key->len; i += 3) {
        unsigned left = key->len - i;
        unsigned bits = (unsigned)key->bytes[i] << 16;
        bits |= left > 1 ? (unsigned)key->bytes[i + 1] << 8 : 0;
        bits |= left > 2 ? key->bytes[i + 2] : 0;
        text[n++] = digits[bits >> 18 & 63];
        text[n++] = digits[bits >> 12 & 63];
        text[n++] = left > 1 ? digits[bits >> 6 & 63] : '=';
        text[n++] = left > 2 ? digits[bits & 63] : '=';
    }
    text[n] = '\0';
}

static enum hr_srtp_profile profile_of(const char *suite)
{
    static const enum hr_srtp_profile ours[] = {HR_SRTP_AES_CM_128_HMAC_SHA1_80,
                                                HR_SRTP_AEAD_AES_128_GCM};
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (strcasecmp(hr_srtp_profile_name(ours[i]), suite) == 0)
            return ours[i];
    }
    return HR_SRTP_NONE;
}

/* "2^20" or "1048576": a promise of the sender's when to change the key, which we let it keep. */
static bool is_lifetime(const char *s)
{
    uint64_t n;
    return strncmp(s, "2^", 2) == 0 ? cp_sdp_number(s + 2, 48, &n)
                                    : cp_sdp_number(s, UINT64_MAX, &n);
}

/* "inline:BASE64", then "|lifetime" and "|MKI:length", either of which may be missing. */
static int read_key(struct cp_sdp_parser *p, struct cp_sdp_crypto *c, char *params)
{
    unsigned wanted =
        (unsigned)(hr_srtp_key_len(c->key.profile) + hr_srtp_salt_len(c->key.profile));
    if (strncasecmp(params, "inline:", 7) != 0)
        return CP_SDP_BAD(p, "crypto has a key that does not begin with inline:");
    char *key = params + 7, *rest = key + strcspn(key, "|;");
    int len = decode(key, (size_t)(rest - key), c->key.bytes, sizeof(c->key.bytes));
    if (len < 0)
        return CP_SDP_BAD(p, "crypto has a key that is not base64 of %u bytes", wanted);
    if ((unsigned)len != wanted)
        return CP_SDP_BAD(p, "crypto has a key of %d bytes, %s takes %u", len,
                          hr_srtp_profile_name(c->key.profile), wanted);
    c->key.len = wanted;
    if (strchr(rest, ';'))
        c->problem = "several keys (MKI) are not served";
    while (*rest == '|' && !c->problem) {
        char *part = rest + 1;
        rest = part + strcspn(part, "|");
        char end = *rest;
        *rest = '\0';
        if (strchr(part, ':'))
            c->problem = "a master key identifier (MKI) is not served";
        else if (!is_lifetime(part))
            return CP_SDP_BAD(p, "crypto has a lifetime that is not a number of packets");
        *rest = end;
    }
    return 0;
}

/* RFC 4568 6.3: a hint for the replay window changes nothing, and a leading - makes one optional.
 */
static void read_session_parameter(struct cp_sdp_crypto *c, const char *word)
{
    static const struct {
        const char *name, *problem;
    } rows[] = {
        {"UNENCRYPTED_SRTP", "UNENCRYPTED_SRTP is not served"},
        {"UNENCRYPTED_SRTCP", "UNENCRYPTED_SRTCP is not served"},
        {"UNAUTHENTICATED_SRTP", "UNAUTHENTICATED_SRTP is not served"},
        {"KDR=", "a key derivation rate (KDR) is not served"},
        {"FEC_ORDER=", "FEC_ORDER is not served"},
        {"FEC_KEY=", "FEC_KEY is not served"},
    };
    if (word[0] == '-' || strncasecmp(word, "WSH=", 4) == 0 || c->problem)
        return;
    c->problem = "it has a session parameter that is not known here";
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strncasecmp(word, rows[i].name, strlen(rows[i].name)) == 0)
            c->problem = rows[i].problem;
    }
}

int cp_sdp_crypto(struct cp_sdp_parser *p, char *value)
{
    struct cp_sdp_media *m = p->media;
    char *tag = cp_sdp_word(&value), *suite = cp_sdp_word(&value), *key = cp_sdp_word(&value);
    uint64_t number;
    if (!tag || !suite || !key)
        return CP_SDP_BAD(p, "crypto needs a tag, a suite and a key");
    if (strlen(tag) > 9 || !cp_sdp_number(tag, 999999999, &number))
        return CP_SDP_BAD(p, "crypto has a tag that is not 1 to 9 digits");
    for (size_t i = 0; i < m->n_cryptos; i++) {
        if (m->cryptos[i].tag == number)
            return CP_SDP_BAD(p, "crypto tag %u is that of line %u too", (unsigned)number,
                              m->cryptos[i].line);
    }
    if (m->n_cryptos == CP_SDP_CRYPTO_MAX)
        return CP_SDP_MANY(p, "more than %d crypto lines", CP_SDP_CRYPTO_MAX);
    struct cp_sdp_crypto *c = CP_SDP_APPEND(&p->sdp->arena, m->cryptos, m->n_cryptos);
    if (!c)
        return -ENOMEM;
    c->line = p->line;
    c->tag = (uint32_t)number;
    c->key.profile = profile_of(suite);
    if (c->key.profile == HR_SRTP_NONE) {
        c->problem = "its suite is neither AES_CM_128_HMAC_SHA1_80 nor AEAD_AES_128_GCM";
        return 0;
    }
    int rc = read_key(p, c, key);
    for (char *word; !rc && (word = cp_sdp_word(&value));)
        read_session_parameter(c, word);
    return rc;
}
