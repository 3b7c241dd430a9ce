/* What the two halves of the parser share: sdp_parse.c (lines) and sdp_attribute.c (a= lines). */
#ifndef CP_SDP_PARSER_H
#define CP_SDP_PARSER_H

#include "controlplane/sdp.h"

struct cp_sdp_parser {
    struct cp_sdp *sdp;
    struct cp_sdp_media *media; /* NULL before the first m= line */
    unsigned line;              /* counts from 1 */
    struct cp_sdp_error *err;
};

/* The value of one a= line, which it may cut up in place. 0 or -errno with *err. */
int cp_sdp_attribute(struct cp_sdp_parser *p, char *value);

/* The value of an a=crypto line (sdp_crypto.c). 0 or -errno with *err. */
int cp_sdp_crypto(struct cp_sdp_parser *p, char *value);

/* The next word of *rest, cut off and NUL-terminated; NULL: none left. */
char *cp_sdp_word(char **rest);

/* Decimal digits only, at most max. */
bool cp_sdp_number(const char *s, uint64_t max, uint64_t *out);

/* A token of RFC 8866 9: what may stand in a MID without changing the line around it. */
bool cp_sdp_token(const char *s);

#define CP_SDP_BAD(p, ...)  cp_sdp_fail((p)->err, (p)->line, -EINVAL, __VA_ARGS__)
#define CP_SDP_MANY(p, ...) cp_sdp_fail((p)->err, (p)->line, -E2BIG, __VA_ARGS__)

/* Appends a zeroed element to a counted array of the description; NULL: heap exhausted. */
#define CP_SDP_APPEND(arena, array, n)                                                   \
    ({                                                                                   \
        __typeof__(array) grown_ = cp_sdp_grow((arena), (array), (n), sizeof(*(array))); \
        if (grown_)                                                                      \
            (array) = grown_;                                                            \
        grown_ ? &(array)[(n)++] : NULL;                                                 \
    })

#endif
