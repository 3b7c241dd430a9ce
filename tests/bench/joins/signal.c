#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTIONS_MAX 64
#define OFFER_MAX    (256 << 10)

static char body[OFFER_MAX], head[1024];

/* ---- WebSocket frames */

enum { TEXT = 1, CLOSE = 8, PING = 9, PONG = 10 };

/* One masked frame; the mask is 0, which the server undoes like any other. */
static void send_frame(struct client *c, int opcode, const void *data, size_t len)
{
    uint8_t h[14] = {(uint8_t)(0x80 | opcode)};
    size_t n = 2;

    if (len < 126) {
        h[1] = (uint8_t)(0x80 | len);
    } else if (len < 65536) {
        h[1] = 0x80 | 126;
        h[n++] = (uint8_t)(len >> 8);
        h[n++] = (uint8_t)len;
    } else {
        h[1] = 0x80 | 127;
        for (int shift = 56; shift >= 0; shift -= 8)
            h[n++] = (uint8_t)((uint64_t)len >> shift);
    }
    client_write(c, h, n + 4, data, len);
}

static void say(struct client *c, const char *text)
{
    send_frame(c, TEXT, text, strlen(text));
}

/* ---- offers */

static unsigned own_sections(const struct client *c, struct offer_section *s)
{
    bool send = c->by != BY_WHEP;

    s[0] = (struct offer_section){.send = send, .ssrc = 1000 + 2 * c->index};
    s[1] = (struct offer_section){.video = true, .send = send, .ssrc = 1001 + 2 * c->index};
    return 2;
}

static size_t write_offer(const struct client *c, const struct offer_section *sections,
                          unsigned count, bool json)
{
    const struct offer o = {.ufrag = c->ufrag,
                            .pwd = PWD,
                            .fingerprint = peer_fingerprint(),
                            .sections = sections,
                            .count = count,
                            .json = json};
    return offer_write(&o, body, sizeof(body) - 4096);
}

/* Publishes both and receives everybody who is in the room already. */
static void offer_by_ws(struct client *c)
{
    static char message[OFFER_MAX];
    struct offer_section sections[SECTIONS_MAX];
    uint32_t ids[SECTIONS_MAX - 2];
    unsigned own = own_sections(c, sections);
    unsigned others = client_room_sources(c, ids, SECTIONS_MAX - 2);

    for (unsigned i = 0; i < others; i++)
        sections[own + i] = (struct offer_section){.video = i % 2, .source = ids[i]};
    size_t sdp = write_offer(c, sections, own + others, true);
    size_t n = (size_t)snprintf(message, sizeof(message), "{\"type\":\"offer\",\"sdp\":\"");
    memcpy(message + n, body, sdp);
    n += sdp;
    n += (size_t)snprintf(message + n, sizeof(message) - n,
                          "\",\"sources\":[{\"mid\":\"0\",\"label\":\"microphone\"},"
                          "{\"mid\":\"1\",\"label\":\"camera\"}],\"subscriptions\":[");
    for (unsigned i = 0; i < others; i++)
        n += (size_t)snprintf(message + n, sizeof(message) - n,
                              "%s{\"mid\":\"%u\",\"source\":\"s%u\"}", i ? "," : "", own + i,
                              ids[i]);
    n += (size_t)snprintf(message + n, sizeof(message) - n, "]}");
    send_frame(c, TEXT, message, n);
    c->state = OFFERED;
}

static void post(struct client *c)
{
    struct offer_section sections[2];
    size_t sdp = write_offer(c, sections, own_sections(c, sections), false);
    int n = snprintf(head, sizeof(head),
                     "POST /%s/r%u/%s HTTP/1.1\r\nhost: 198.18.0.1:%d\r\n"
                     "content-type: application/sdp\r\ncontent-length: %zu\r\n\r\n",
                     c->by == BY_WHIP ? "whip" : "whep", c->room, c->name, LAB_HTTP_PORT, sdp);

    client_write(c, head, (size_t)n, body, sdp);
    c->state = OFFERED;
}

void signal_begin(struct client *c)
{
    if (c->by != BY_WS) {
        post(c);
        return;
    }
    int n = snprintf(head, sizeof(head),
                     "GET /api/rooms/r%u/signal HTTP/1.1\r\nhost: 198.18.0.1:%d\r\n"
                     "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
                     "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                     "sec-websocket-protocol: headrace.1\r\norigin: http://198.18.0.1:%d\r\n\r\n",
                     c->room, LAB_HTTP_PORT, LAB_HTTP_PORT);
    client_write(c, head, (size_t)n, NULL, 0);
    c->state = UPGRADING;
}

/* ---- what comes */

static void take_source_ids(struct client *c, const char *text, size_t len)
{
    const char *at = memmem(text, len, "\"sources\":[", 11), *end = text + len;

    for (unsigned i = 0; at && i < 2; i++) {
        at = memmem(at, (size_t)(end - at), "\"source\":\"s", 11);
        if (at) {
            at += 11;
            c->sources[i] = (uint32_t)strtoul(at, NULL, 10);
        }
    }
    if (c->sources[0] && c->sources[1])
        client_published(c);
}

static bool says(const char *text, size_t len, const char *type)
{
    char key[48];

    snprintf(key, sizeof(key), "\"type\":\"%s\"", type);
    return memmem(text, len < 64 ? len : 64, key, strlen(key)) != NULL;
}

static void on_text(struct client *c, const char *text, size_t len)
{
    if (c->state == JOINING && says(text, len, "joined")) {
        offer_by_ws(c);
    } else if (c->state == OFFERED && says(text, len, "answer")) {
        take_source_ids(c, text, len);
        if (answer_read(text, len, &c->answer))
            client_answered(c);
        else
            client_fail(c, "an answer without candidates: %.80s", text);
    } else if (c->j && says(text, len, "error")) {
        client_fail(c, "signalling: %.*s", (int)(len < 120 ? len : 120), text);
    }
}

/* Bytes of the frame that begins rx, 0: not all there yet. */
static size_t take_frame(struct client *c, const uint8_t *rx, size_t have)
{
    size_t head_len = 2, len;

    if (have < 2)
        return 0;
    len = rx[1] & 127;
    if (len >= 126) {
        size_t bytes = len == 126 ? 2 : 8;
        head_len += bytes;
        if (have < head_len)
            return 0;
        len = 0;
        for (size_t i = 0; i < bytes; i++)
            len = len << 8 | rx[2 + i];
    }
    if (have < head_len + len)
        return 0;
    const uint8_t *data = rx + head_len;
    if ((rx[0] & 15) == TEXT)
        on_text(c, (const char *)data, len);
    else if ((rx[0] & 15) == PING)
        send_frame(c, PONG, data, len);
    else if ((rx[0] & 15) == CLOSE && c->j)
        client_fail(c, "the relay closed the WebSocket");
    return head_len + len;
}

static void consume(struct client *c, size_t n)
{
    c->rx_len -= n;
    memmove(c->rx, c->rx + n, c->rx_len);
}

/* The head of an HTTP answer is there: its length with \r\n\r\n; 0: not yet. */
static size_t head_length(const struct client *c, int *status)
{
    const uint8_t *end = memmem(c->rx, c->rx_len, "\r\n\r\n", 4);

    if (!end)
        return 0;
    *status = atoi((const char *)c->rx + 9);
    return (size_t)(end + 4 - c->rx);
}

static void on_upgraded(struct client *c)
{
    char join[128];
    int status;
    size_t n = head_length(c, &status);

    if (!n)
        return;
    if (status != 101) {
        client_fail(c, "WebSocket: HTTP status %d", status);
        return;
    }
    consume(c, n);
    snprintf(join, sizeof(join), "{\"type\":\"join\",\"name\":\"%s\"}", c->name);
    say(c, join);
    c->state = JOINING;
}

static void take_location(struct client *c, size_t head_len)
{
    const char *at = memmem(c->rx, head_len, "\r\nlocation: ", 12);

    if (!at)
        return;
    at += 12;
    c->location = strndup(at, strcspn(at, "\r"));
}

static void on_created(struct client *c)
{
    int status;
    size_t n = head_length(c, &status);
    const char *l = n ? memmem(c->rx, n, "\r\ncontent-length:", 17) : NULL;

    if (!n || (l && c->rx_len < n + strtoul(l + 17, NULL, 10)))
        return;
    take_location(c, n);
    if (status != 201)
        client_fail(c, "POST: HTTP status %d: %.*s", status, (int)(c->rx_len - n), c->rx + n);
    else if (!answer_read((const char *)c->rx + n, c->rx_len - n, &c->answer))
        client_fail(c, "an answer without candidates");
    else
        client_answered(c);
    close(c->tcp);
    c->tcp = -1;
    c->rx_len = 0;
}

void signal_read(struct client *c)
{
    if (c->state == FAILED) {
        c->rx_len = 0;
        return;
    }
    if (c->by != BY_WS) {
        on_created(c);
        return;
    }
    if (c->state == UPGRADING)
        on_upgraded(c);
    size_t at = 0, n;
    while (c->state != UPGRADING && c->state != FAILED &&
           (n = take_frame(c, c->rx + at, c->rx_len - at)))
        at += n;
    if (c->rx_len)
        consume(c, at);
}

void signal_goodbye(struct client *c)
{
    if (c->by == BY_WS && c->tcp >= 0 && c->state != CONNECTING && c->state != UPGRADING)
        say(c, "{\"type\":\"leave\"}");
}
