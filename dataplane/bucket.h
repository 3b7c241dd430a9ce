/*
 * A token bucket: so many bytes may leave at once, and what has left comes back at a rate. All
 * times are TSC.
 */
#ifndef DP_BUCKET_H
#define DP_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#define DP_BUCKET_IDLE_S   8                   /* longer is as good as that */
#define DP_BUCKET_RATE_MAX (UINT32_C(1) << 28) /* bytes/s */

struct dp_bucket {
    uint64_t at;    /* when it was filled up last; 0: never, so it is full */
    uint32_t bytes; /* that may leave now */
    uint32_t rate;  /* bytes/s; at most DP_BUCKET_RATE_MAX */
    uint32_t burst; /* bytes */
};

/* Takes bytes out, or nothing and false: there are not so many in it. */
static inline bool dp_bucket_take(struct dp_bucket *b, uint32_t bytes, uint64_t now, uint64_t hz)
{
    uint64_t most = DP_BUCKET_IDLE_S * hz, since = now - b->at;
    uint64_t back = (since < most ? since : most) * b->rate / hz;
    if (b->at == 0 || b->bytes + back >= b->burst)
        b->bytes = b->burst;
    else
        b->bytes += (uint32_t)back;
    if (b->at == 0 || back) /* else a byte that is on its way back would be forgotten */
        b->at = now;
    if (b->bytes < bytes)
        return false;
    b->bytes -= bytes;
    return true;
}

#endif
