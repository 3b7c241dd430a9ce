/*
 * The HTTP server: the TCP listener of the configuration (TLS when it has a certificate), and
 * controlplane.sock with the same server and the admin routes. Handlers see a struct cp_exchange.
 */
#ifndef CP_HTTP_H
#define CP_HTTP_H

#include "controlplane/service.h"

#define CP_CONTROL_SOCKET "controlplane.sock" /* in run_dir */

/* Opens both listeners. 0, or -errno with what is wrong logged. */
int cp_http_open(struct cp_service *s);
void cp_http_close(struct cp_service *s); /* removes the socket's file */

/* Origin of a browser's request against the Host that it asked: same host and port. "" is fine: no
 * browser. */
bool cp_http_same_origin(const char *origin, const char *host);

#endif
