/* Requests to the handlers of the service on the fake transport, through the routes. */
#ifndef HTTP_SUPPORT_H
#define HTTP_SUPPORT_H

#include "controlplane/exchange.h"
#include "controlplane/service.h"

int http_set_up(void **state); /* a struct cp_service */
int http_tear_down(void **state);

struct http_request {
    enum cp_method method;
    const char *path, *type, *body, *if_match; /* NULL: "" */
    bool cleartext;
};

/* Fails the test when there is no such route; the caller frees. */
struct cp_exchange *http_ask(struct cp_service *s, const struct http_request *r);
/* A header of the answer, "" when it is not there. */
const char *http_header(const struct cp_exchange *x, const char *name);

#endif
