/* Every path that we serve, a row each. */
#ifndef CP_ROUTES_H
#define CP_ROUTES_H

#include "controlplane/route.h"

const struct cp_route *cp_routes(size_t *count);
#define CP_SIGNAL_PATTERN "/api/rooms/{room}/signal" /* its GET is a WebSocket */

#endif
