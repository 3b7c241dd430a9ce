#include "controlplane/ws.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "proto/log.h"

#define CLOSE_S          5    /* for the last texts to leave; then the socket goes without them */
#define CLOSE_GOING_AWAY 1001 /* RFC 6455 7.4.1; browsers send it when the page goes */

struct text {
    size_t len;
    unsigned char data[]; /* LWS_PRE bytes of room, then the text */
};

struct ws {
    struct cp_session session; /* first */
    struct lws *wsi;
    GQueue queue; /* struct text */
    size_t bytes; /* in it */
    GByteArray *message;
    bool closing, peer_left, refused, ping;
    GList link;              /* in the service's sockets */
    uint64_t heard, look_at; /* ms */
};

static struct ws *of(struct lws *wsi)
{
    return lws_get_opaque_user_data(wsi);
}

static void clear(struct ws *w)
{
    g_queue_clear_full(&w->queue, free);
    w->bytes = 0;
}

/* Most texts find an idle socket: asking for its turn first would cost four system calls. What the
 * socket does not take libwebsockets keeps. */
static void write_now(struct ws *w, struct text *t)
{
    if (lws_write(w->wsi, t->data + LWS_PRE, t->len, LWS_WRITE_TEXT) < (int)t->len) {
        w->closing = true;
        lws_set_timeout(w->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    }
    free(t);
}

static void enqueue(struct cp_client *c, const char *data, size_t len)
{
    struct ws *w = (struct ws *)c;
    if (w->closing)
        return;
    if (w->queue.length > 0 &&
        (w->queue.length >= CP_WS_QUEUE_MAX || w->bytes + len > CP_WS_QUEUE_BYTES)) {
        w->session.service->counters.queues_full++;
        hr_info("a client does not read its messages; its WebSocket is closed");
        clear(w);
        w->closing = true;
        lws_set_timeout(w->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
        return;
    }
    struct text *t = malloc(sizeof(*t) + LWS_PRE + len);
    if (!t)
        return;
    t->len = len;
    memcpy(t->data + LWS_PRE, data, len);
    if (w->queue.length == 0 && !w->ping && !lws_send_pipe_choked(w->wsi)) {
        write_now(w, t);
        return;
    }
    w->bytes += len;
    g_queue_push_tail(&w->queue, t);
    lws_callback_on_writable(w->wsi);
}

static void end(struct cp_client *c)
{
    struct ws *w = (struct ws *)c;
    w->session.participant = NULL;
    w->session.ended = true;
    w->closing = true;
    lws_set_timeout(w->wsi, PENDING_TIMEOUT_USER_REASON_BASE, CLOSE_S);
    lws_callback_on_writable(w->wsi);
}

int cp_ws_established(struct lws *wsi, struct cp_service *s, const char *room)
{
    struct ws *w = calloc(1, sizeof(*w));
    if (!w)
        return -1;
    w->wsi = wsi;
    w->message = g_byte_array_new();
    g_queue_init(&w->queue);
    w->session.client.send = enqueue;
    w->session.client.end = end;
    lws_set_opaque_user_data(wsi, w);
    w->heard = cp_now_ms();
    w->look_at = w->heard + CP_WS_LOOK_S * 1000;
    w->link.data = w;
    g_queue_push_tail_link(&s->sockets, &w->link);
    cp_session_open(&w->session, s, room, w->heard);
    return 0;
}

/* Answers once; what still comes of the message is skipped until the socket closes. */
static int refuse(struct ws *w, const char *text)
{
    w->refused = true;
    g_byte_array_set_size(w->message, 0);
    cp_session_refuse(&w->session, text);
    return 0;
}

int cp_ws_receive(struct lws *wsi, const char *data, size_t len)
{
    struct ws *w = of(wsi);
    if (!w || w->refused || w->session.ended)
        return 0;
    w->heard = cp_now_ms();
    if (lws_frame_is_binary(wsi))
        return refuse(w, "messages are text, this was binary");
    if (w->message->len + len > CP_MESSAGE_MAX)
        return refuse(w, "the message is longer than 256 KiB");
    g_byte_array_append(w->message, (const guint8 *)data, (guint)len);
    if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi))
        return 0;
    cp_session_receive(&w->session, (const char *)w->message->data, w->message->len, w->heard);
    cp_service_settle(w->session.service);
    g_byte_array_set_size(w->message, 0);
    return 0;
}

int cp_ws_writeable(struct lws *wsi)
{
    struct ws *w = of(wsi);
    if (!w)
        return -1;
    struct text *t = w->ping ? NULL : g_queue_pop_head(&w->queue);
    if (w->ping) {
        unsigned char nothing[LWS_PRE];
        w->ping = false;
        if (lws_write(wsi, nothing + LWS_PRE, 0, LWS_WRITE_PING) < 0)
            return -1;
    } else if (t) {
        w->bytes -= t->len;
        int n = lws_write(wsi, t->data + LWS_PRE, t->len, LWS_WRITE_TEXT);
        bool lost = n < (int)t->len;
        free(t);
        if (lost)
            return -1;
    }
    if (w->queue.length > 0) {
        lws_callback_on_writable(wsi);
        return 0;
    }
    if (!w->closing)
        return 0;
    if (lws_partial_buffered(wsi)) {
        lws_callback_on_writable(wsi);
        return 0;
    }
    lws_close_reason(wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
    return -1;
}

void cp_ws_peer_close(struct lws *wsi, const unsigned char *in, size_t len)
{
    struct ws *w = of(wsi);
    if (w && len >= 2)
        w->peer_left = (in[0] << 8 | in[1]) == CLOSE_GOING_AWAY;
}

void cp_ws_pong(struct lws *wsi)
{
    struct ws *w = of(wsi);
    if (w)
        w->heard = cp_now_ms();
}

static void look(struct ws *w, uint64_t now)
{
    uint64_t silence = now - MIN(w->heard, now);
    if (silence >= CP_WS_HANGUP_S * 1000) {
        lws_set_timeout(w->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    } else if (silence >= CP_WS_PING_S * 1000 && !w->closing) {
        w->ping = true;
        lws_callback_on_writable(w->wsi);
    }
}

void cp_ws_tick(struct cp_service *s, uint64_t now)
{
    struct ws *w;
    while ((w = g_queue_peek_head(&s->sockets)) && w->look_at <= now) {
        g_queue_unlink(&s->sockets, &w->link);
        w->look_at = now + CP_WS_LOOK_S * 1000;
        g_queue_push_tail_link(&s->sockets, &w->link);
        look(w, now);
    }
}

void cp_ws_closed(struct lws *wsi)
{
    struct ws *w = of(wsi);
    if (!w)
        return;
    lws_set_opaque_user_data(wsi, NULL);
    struct cp_service *s = w->session.service;
    g_queue_unlink(&s->sockets, &w->link);
    cp_session_closed(&w->session, w->peer_left, cp_now_ms());
    clear(w);
    g_byte_array_free(w->message, TRUE);
    free(w);
    cp_service_settle(s);
}
