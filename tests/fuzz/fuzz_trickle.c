/*
 * Bodies of WHIP and WHEP, through the real handlers: the input is a POST's offer, and a PATCH's
 * fragment for a session that stands. Whatever comes, there is one answer, and a refused POST
 * leaves nothing behind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/whip.h"
#include "proto/log.h"
#include "tests/unit/controlplane/fake_transport.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char standing[] =
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=rtcp-mux\r\na=ice-ufrag:Tst0\r\n"
    "a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\na=mid:0\r\na=sendonly\r\n"
    "a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:"
    "10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\na=rtpmap:111 opus/48000/2\r\n";

static struct cp_exchange *request(const char *path, const char *type, const void *body, size_t len)
{
    struct cp_exchange *x = cp_exchange_new();
    char pattern[64];
    bool post = strcmp(type, "application/sdp") == 0;
    snprintf(pattern, sizeof(pattern), "/%.4s/{room}/{name}%s", path + 1, post ? "" : "/{id}");
    const struct cp_route route = {.pattern = pattern};
    snprintf(x->path, sizeof(x->path), "%s", path);
    snprintf(x->content_type, sizeof(x->content_type), "%s", type);
    snprintf(x->if_match, sizeof(x->if_match), "*");
    cp_route_params(&route, path, &x->params);
    x->body = malloc(len + 1);
    memcpy(x->body, body, len);
    x->body[len] = 0;
    x->body_len = len;
    return x;
}

static const char *location(const struct cp_exchange *x)
{
    for (unsigned i = 0; i < x->header_count; i++)
        if (strcmp(x->headers[i].name, "location:") == 0)
            return x->headers[i].value;
    abort();
}

static void post(struct cp_service *s, cp_handler *handler, const char *path, const uint8_t *data,
                 size_t size)
{
    unsigned before = s->rooms.participants;
    struct cp_exchange *x = request(path, "application/sdp", data, size);
    handler(s, x);
    if (!x->status || (x->status != 201 && s->rooms.participants != before))
        abort();
    if (x->status == 201) {
        struct cp_exchange *d = request(location(x), "", "", 0);
        cp_resource_delete(s, d);
        if (d->status != 200)
            abort();
        cp_exchange_unref(d);
    }
    cp_exchange_unref(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cp_service s;
    hr_log_open("fuzz", HR_LOG_ERROR);
    fake_service(&s);
    struct cp_exchange *x = request("/whip/r/up", "application/sdp", standing, strlen(standing));
    cp_whip_post(&s, x);
    if (x->status != 201)
        abort();
    struct cp_exchange *p = request(location(x), "application/trickle-ice-sdpfrag", data, size);
    cp_resource_patch(&s, p);
    if (!p->status)
        abort();
    cp_exchange_unref(p);
    cp_exchange_unref(x);
    post(&s, cp_whip_post, "/whip/r/n", data, size);
    post(&s, cp_whep_post, "/whep/r/up", data, size);
    fake_service_free(&s);
    return 0;
}
