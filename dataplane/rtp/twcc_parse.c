/* The reader of transport-cc feedback; its writer is twcc.c. */
#include "dataplane/rtp/twcc.h"
#include "dataplane/rtp/wire.h"

#define HEAD_LEN 16 /* SSRCs, base, count, reference time, feedback number */

enum symbol { LOST = 0, SMALL = 1, LARGE = 2, RESERVED = 3 };

/* Statuses that a chunk has. */
static unsigned chunk_statuses(uint16_t chunk)
{
    if (!(chunk & 0x8000))
        return chunk & 0x1fff;
    return chunk & 0x4000 ? 7 : 14;
}

/* Status i of a chunk. */
static enum symbol chunk_symbol(uint16_t chunk, unsigned i)
{
    if (!(chunk & 0x8000))
        return (enum symbol)(chunk >> 13 & 3);
    if (chunk & 0x4000)
        return (enum symbol)(chunk >> (2 * (6 - i)) & 3);
    return (enum symbol)(chunk >> (13 - i) & 1);
}

/* Bytes of deltas that the first n statuses of a chunk need, or -1 if one of them is reserved. */
static int chunk_delta_bytes(uint16_t chunk, unsigned n)
{
    int bytes = 0;
    if (!(chunk & 0x8000)) {
        enum symbol symbol = chunk_symbol(chunk, 0);
        return symbol == RESERVED ? -1 : (int)n * (int)symbol;
    }
    for (unsigned i = 0; i < n; i++) {
        enum symbol symbol = chunk_symbol(chunk, i);
        if (symbol == RESERVED)
            return -1;
        bytes += (int)symbol;
    }
    return bytes;
}

enum dp_rtcp_error dp_twcc_parse(const uint8_t *body, size_t len, struct dp_twcc_view *view)
{
    if (len < HEAD_LEN)
        return DP_RTCP_CONTENT;
    *view = (struct dp_twcc_view){
        .sender = dp_get32(body),
        .media = dp_get32(body + 4),
        .base = dp_get16(body + 8),
        .count = dp_get16(body + 10),
        .reference = dp_get24(body + 12),
        .feedback = body[15],
        .chunks = body + HEAD_LEN,
    };
    size_t off = HEAD_LEN, delta_bytes = 0;
    for (unsigned left = view->count; left; off += 2) {
        if (len - off < 2)
            return DP_RTCP_CONTENT;
        uint16_t chunk = dp_get16(body + off);
        unsigned n = chunk_statuses(chunk);
        if (n > left)
            n = left;
        int bytes = chunk_delta_bytes(chunk, n);
        if (n == 0 || bytes < 0)
            return DP_RTCP_CONTENT;
        delta_bytes += (size_t)bytes;
        left -= n;
    }
    if (len - off < delta_bytes)
        return DP_RTCP_CONTENT;
    view->deltas = body + off;
    return DP_RTCP_OK;
}

void dp_twcc_iter_init(struct dp_twcc_iter *it, const struct dp_twcc_view *view)
{
    *it = (struct dp_twcc_iter){
        .chunk = view->chunks,
        .delta = view->deltas,
        .ticks = (int64_t)view->reference * (DP_TWCC_REFERENCE_US / DP_TWCC_TICK_US),
        .left = view->count,
        .number = view->base,
    };
}

bool dp_twcc_next(struct dp_twcc_iter *it, struct dp_twcc_status *status)
{
    if (it->left == 0)
        return false;
    uint16_t chunk = dp_get16(it->chunk);
    enum symbol symbol = chunk_symbol(chunk, it->run);
    if (symbol == SMALL) {
        it->ticks += *it->delta;
    } else if (symbol == LARGE) {
        it->ticks += (int16_t)dp_get16(it->delta);
    }
    it->delta += symbol;
    *status = (struct dp_twcc_status){.number = it->number++,
                                      .received = symbol != LOST,
                                      .arrival_us = it->ticks * DP_TWCC_TICK_US};
    it->left--;
    if (++it->run == chunk_statuses(chunk)) {
        it->chunk += 2;
        it->run = 0;
    }
    return true;
}
