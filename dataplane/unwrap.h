/* Retransmissions that publishers send (RFC 4588). */
#ifndef DP_UNWRAP_H
#define DP_UNWRAP_H

#include "dataplane/drop.h"
#include "dataplane/packet.h"
#include "dataplane/session.h"

/* An authentic packet of an RTX stream becomes the packet in it, of the stream that it repairs:
 * DP_DROPS, or why there is none. bytes are the whole packet's. */
enum dp_drop dp_unwrap(struct dp_packet *p, const uint8_t *bytes);

#endif
