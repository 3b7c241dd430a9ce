/*
 * Where a key frame begins, from the first bytes of a payload: for streams without Dependency
 * Descriptor. The bytes come and stay in a register, for nothing of a payload is uncovered in
 * memory.
 */
#ifndef HEADRACE_DATAPLANE_RTP_PEEK_H
#define HEADRACE_DATAPLANE_RTP_PEEK_H

#include <stdbool.h>
#include <stdint.h>

#define DP_PEEK_LEN 8 /* bytes; the payload descriptor and the byte behind it fit */

/* head: the payload's first bytes, in the order of memory. */
typedef bool dp_peek(uint64_t head);

/* VP8 (RFC 7741 4.2, 4.3): the first packet of a key frame. */
dp_peek dp_peek_vp8;
/* H.264 (RFC 6184 5.2): a sequence parameter set, or the beginning of an IDR picture. */
dp_peek dp_peek_h264;

#endif
