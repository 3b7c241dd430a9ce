#include "controlplane/exchange.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controlplane/http_status.h"

struct cp_exchange *cp_exchange_new(void)
{
    struct cp_exchange *x = calloc(1, sizeof(*x));
    if (x)
        x->refs = 1;
    return x;
}

struct cp_exchange *cp_exchange_ref(struct cp_exchange *x)
{
    x->refs++;
    return x;
}

void cp_exchange_unref(struct cp_exchange *x)
{
    if (!x || --x->refs > 0)
        return;
    for (unsigned i = 0; i < x->header_count; i++)
        free(x->headers[i].value);
    /* Either may have SRTP keys in it. */
    if (x->body)
        explicit_bzero(x->body, x->body_len);
    if (x->answer)
        explicit_bzero(x->answer, x->answer_len);
    free(x->body);
    free(x->answer);
    free(x);
}

void cp_exchange_header(struct cp_exchange *x, const char *name, const char *format, ...)
{
    if (x->header_count == CP_RESPONSE_HEADERS || x->status)
        return;
    va_list args;
    va_start(args, format);
    char *value = NULL;
    if (vasprintf(&value, format, args) >= 0) {
        x->headers[x->header_count].name = name;
        x->headers[x->header_count++].value = value;
    }
    va_end(args);
}

bool cp_exchange_is(const struct cp_exchange *x, const char *content_type)
{
    size_t len = strcspn(x->content_type, "; \t");
    return len == strlen(content_type) && strncasecmp(x->content_type, content_type, len) == 0;
}

void cp_answer_body(struct cp_exchange *x, int status, const char *content_type, char *body,
                    size_t len)
{
    if (x->status) {
        free(body);
        return;
    }
    if (content_type)
        cp_exchange_header(x, "content-type:", "%s", content_type);
    x->answer = body;
    x->answer_len = body ? len : 0;
    x->status = status;
    if (x->answered)
        x->answered(x);
}

void cp_answer(struct cp_exchange *x, int status)
{
    cp_answer_body(x, status, NULL, NULL, 0);
}

static void answer_json_as(struct cp_exchange *x, int status, const char *type, json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (!text) {
        cp_answer(x, 500);
        return;
    }
    cp_answer_body(x, status, type, text, strlen(text));
}

void cp_answer_json(struct cp_exchange *x, int status, json_t *json)
{
    cp_exchange_header(x, "cache-control:", "no-store");
    answer_json_as(x, status, "application/json", json);
}

void cp_answer_problem(struct cp_exchange *x, int status, const char *format, ...)
{
    char detail[512];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    answer_json_as(x, status, "application/problem+json",
                   json_pack("{s:s, s:i, s:s}", "title", cp_status_text(status), "status", status,
                             "detail", detail));
}
