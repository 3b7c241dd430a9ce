#include "tests/unit/controlplane/http_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/routes.h"
#include "controlplane/whip.h"
#include "tests/unit/controlplane/fake_transport.h"

int http_set_up(void **state)
{
    struct cp_service *s = calloc(1, sizeof(*s));
    fake_service(s);
    s->media.sources_changed = cp_whep_fill;
    *state = s;
    return 0;
}

int http_tear_down(void **state)
{
    fake_service_free(*state);
    free(*state);
    return 0;
}

static const char *text(const char *s)
{
    return s ? s : "";
}

struct cp_exchange *http_ask(struct cp_service *s, const struct http_request *r)
{
    size_t count;
    const struct cp_route *table = cp_routes(&count), *route = NULL;
    struct cp_exchange *x = cp_exchange_new();
    x->method = r->method;
    x->listener = CP_PUBLIC | CP_ADMIN;
    x->cleartext = r->cleartext;
    snprintf(x->path, sizeof(x->path), "%s", r->path);
    snprintf(x->content_type, sizeof(x->content_type), "%s", text(r->type));
    snprintf(x->if_match, sizeof(x->if_match), "%s", text(r->if_match));
    x->body = strdup(text(r->body));
    x->body_len = strlen(x->body);
    assert_int_equal(cp_route_find(table, count, x->listener, r->method, r->path, &route), 0);
    cp_route_params(route, r->path, &x->params);
    route->handler(s, x);
    return x;
}

const char *http_header(const struct cp_exchange *x, const char *name)
{
    for (unsigned i = 0; i < x->header_count; i++)
        if (strcmp(x->headers[i].name, name) == 0)
            return x->headers[i].value;
    return "";
}
