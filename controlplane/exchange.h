/*
 * One HTTP request and its response. A handler answers at once or later: it keeps a reference for
 * that, and an answer after the client has gone goes nowhere. No sockets in here, so handlers can
 * be tested alone.
 */
#ifndef CP_EXCHANGE_H
#define CP_EXCHANGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "controlplane/route.h"

#define CP_HEADER_MAX       256 /* bytes of a request header; longer counts as missing */
#define CP_RESPONSE_HEADERS 16

struct cp_header {
    const char *name; /* with colon, lower case, static */
    char *value;
};

struct cp_exchange {
    unsigned refs;
    enum cp_method method;
    enum cp_listener listener;
    char path[CP_PATH_MAX]; /* decoded */
    struct cp_route_params params;
    char content_type[CP_HEADER_MAX], if_match[CP_HEADER_MAX], if_none_match[CP_HEADER_MAX];
    bool cleartext; /* the request came from another machine without TLS */
    char *body;     /* NUL behind it */
    size_t body_len;

    int status; /* 0: not answered yet */
    struct cp_header headers[CP_RESPONSE_HEADERS];
    unsigned header_count;
    char *answer; /* body of the response, malloc'd */
    size_t answer_len;
    bool close; /* the connection, after the response */

    void (*answered)(struct cp_exchange *x); /* set by the server; NULL once the client has gone */
    void *connection;
};

struct cp_exchange *cp_exchange_new(void); /* one reference; NULL: heap exhausted */
struct cp_exchange *cp_exchange_ref(struct cp_exchange *x);
void cp_exchange_unref(struct cp_exchange *x);

__attribute__((format(printf, 3, 4))) void
cp_exchange_header(struct cp_exchange *x, const char *name, const char *format, ...);
/* Whether the request's Content-Type is this one, parameters aside. */
bool cp_exchange_is(const struct cp_exchange *x, const char *content_type);

/* Each of these is the answer; a second one is ignored. */
void cp_answer(struct cp_exchange *x, int status);
/* Takes body over. */
void cp_answer_body(struct cp_exchange *x, int status, const char *content_type, char *body,
                    size_t len);
/* Takes the reference to json. */
void cp_answer_json(struct cp_exchange *x, int status, json_t *json);
/* application/problem+json (RFC 9457) */
__attribute__((format(printf, 3, 4))) void cp_answer_problem(struct cp_exchange *x, int status,
                                                             const char *format, ...);

#endif
