/*
 * WebSockets at /api/rooms/{room}/signal: puts fragments together for the session, queues what it
 * sends. A client that does not read loses its WebSocket, not its call: it may resume.
 */
#ifndef CP_WS_H
#define CP_WS_H

#include <libwebsockets.h>

#include "controlplane/service.h"
#include "controlplane/signalling.h"

#define CP_WS_QUEUE_MAX   512        /* texts waiting for one client; more close it */
#define CP_WS_QUEUE_BYTES (1u << 20) /* and bytes; a single longer text may still go */
#define CP_WS_PING_S      10         /* silence before a ping */
#define CP_WS_HANGUP_S    25         /* and before the socket is closed */
#define CP_WS_LOOK_S      5          /* how often a socket is looked at for either */

/* The events of one WebSocket, from http.c's callback. Non-zero closes it. */
int cp_ws_established(struct lws *wsi, struct cp_service *s, const char *room);
int cp_ws_receive(struct lws *wsi, const char *data, size_t len);
int cp_ws_writeable(struct lws *wsi);
void cp_ws_peer_close(struct lws *wsi, const unsigned char *in, size_t len);
void cp_ws_pong(struct lws *wsi);
void cp_ws_closed(struct lws *wsi);

/* Pings those that are silent, and closes those that stay so; about once a second. */
void cp_ws_tick(struct cp_service *s, uint64_t now);

#endif
