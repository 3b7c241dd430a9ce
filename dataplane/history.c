/*
 * A slot is index % size, so keeping a packet pushes out the one that came size packets before.
 * low follows the oldest packet kept; numbers between low and high may be missing (lost on the way
 * here).
 */
#include "dataplane/history.h"

#include "dataplane/packet.h"

uint32_t dp_history_size(bool video, uint32_t history_ms)
{
    if (!video)
        return DP_HISTORY_AUDIO;
    uint64_t packets = (uint64_t)history_ms * DP_HISTORY_PER_SECOND / 1000;
    packets = RTE_MAX(packets, (uint64_t)DP_HISTORY_VIDEO_MIN);
    return rte_align32pow2((uint32_t)RTE_MIN(packets, (uint64_t)DP_HISTORY_VIDEO_MAX));
}

static struct rte_mbuf **slot_of(const struct dp_history *h, uint64_t index)
{
    return &h->pkts[index & (h->size - 1)];
}

static void let_go(struct dp_history *h, struct rte_mbuf **slot, struct dp_history_budget *b)
{
    if (*slot == NULL)
        return;
    h->bytes -= dp_packet(*slot)->length;
    rte_pktmbuf_free(*slot);
    *slot = NULL;
    b->held--;
}

/* Lets go of all below index. */
static void raise_low(struct dp_history *h, struct dp_history_budget *b, uint64_t index)
{
    for (; h->low < index && h->low <= h->high; h->low++)
        let_go(h, slot_of(h, h->low), b);
    if (h->low < index)
        h->low = index;
}

static bool empty(const struct dp_history *h)
{
    return h->size == 0 || h->low > h->high;
}

void dp_history_clear(struct dp_history *h, struct dp_history_budget *b)
{
    if (!empty(h))
        raise_low(h, b, h->high + 1);
    h->low = 1;
    h->high = 0;
}

void dp_history_expire(struct dp_history *h, struct dp_history_budget *b, uint64_t now)
{
    while (!empty(h)) {
        struct rte_mbuf *m = *slot_of(h, h->low);
        if (m && now - dp_packet(m)->arrival < b->max_age)
            return;
        raise_low(h, b, h->low + 1);
    }
}

/* Makes room for index; false if it is too old to be kept. */
static bool cover(struct dp_history *h, struct dp_history_budget *b, uint64_t index)
{
    if (empty(h)) {
        h->low = index;
        h->high = index;
        return true;
    }
    if (index > h->high) {
        if (index >= h->size)
            raise_low(h, b, index - h->size + 1);
        h->high = index;
        return true;
    }
    if (index + h->size <= h->high)
        return false;
    if (index < h->low)
        h->low = index;
    return true;
}

/* Whether len more bytes and one more mbuf may be kept; the oldest go for them. */
static bool afford(struct dp_history *h, struct dp_history_budget *b, uint32_t len)
{
    while (!empty(h) && h->bytes + len > b->stream_bytes)
        raise_low(h, b, h->low + 1);
    if (b->held >= b->limit && !empty(h))
        raise_low(h, b, h->low + 1);
    return b->held < b->limit && h->bytes + len <= b->stream_bytes;
}

void dp_history_keep(struct dp_history *h, struct dp_history_budget *b, struct rte_mbuf *m)
{
    uint64_t index = dp_packet(m)->index;
    if (h->size == 0 || dp_history_find(h, index))
        return;
    dp_history_expire(h, b, dp_packet(m)->arrival);
    if (!afford(h, b, dp_packet(m)->length) || !cover(h, b, index))
        return;
    rte_mbuf_refcnt_update(m, 1);
    *slot_of(h, index) = m;
    h->bytes += dp_packet(m)->length;
    b->held++;
}

struct rte_mbuf *dp_history_find(const struct dp_history *h, uint64_t index)
{
    if (empty(h) || index < h->low || index > h->high)
        return NULL;
    struct rte_mbuf *m = *slot_of(h, index);
    return m && dp_packet(m)->index == index ? m : NULL;
}
