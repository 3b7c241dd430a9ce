/* Bits per second between two looks at a counter of bytes. */
#ifndef CP_RATE_H
#define CP_RATE_H

#include <stdint.h>

#define CP_RATE_MIN_MS 500 /* looks that are closer repeat the last figure */

struct cp_rate {
    uint64_t bytes, at; /* at the last look; ms */
    uint64_t bitrate;   /* bit/s; 0 before the second look */
};

static inline uint64_t cp_rate_look(struct cp_rate *r, uint64_t bytes, uint64_t now)
{
    if (r->at && now - r->at < CP_RATE_MIN_MS)
        return r->bitrate;
    r->bitrate = r->at && bytes >= r->bytes ? (bytes - r->bytes) * 8000 / (now - r->at) : 0;
    r->bytes = bytes;
    r->at = now;
    return r->bitrate;
}

#endif
