#include "dataplane/bwe/history.h"

#include <string.h>

#define STALE_US (30 * 60 * 1000000LL) /* half of what 32 bits of us tell apart */

static struct dp_bwe_packet *slot(struct dp_bwe_history *h, int64_t number)
{
    return &h->packet[number & (DP_BWE_HISTORY - 1)];
}

void dp_bwe_history_init(struct dp_bwe_history *h)
{
    memset(h, 0, sizeof(*h));
    h->newest = -1;
}

/* The extended number nearest to the newest. */
static int64_t extend(const struct dp_bwe_history *h, uint16_t number)
{
    return h->newest + (int16_t)(number - (uint16_t)h->newest);
}

/* Makes n the newest; what is between was not sent. */
static void advance(struct dp_bwe_history *h, int64_t n)
{
    if (n - h->newest >= DP_BWE_HISTORY)
        memset(h->packet, 0, sizeof(h->packet));
    else
        for (int64_t i = h->newest + 1; i < n; i++)
            slot(h, i)->fate = DP_BWE_NONE;
    h->newest = n;
}

void dp_bwe_history_add(struct dp_bwe_history *h, uint16_t number, struct dp_bwe_packet packet,
                        int64_t now_us)
{
    if (h->newest < 0 || now_us - h->sent_us > STALE_US) {
        memset(h->packet, 0, sizeof(h->packet));
        h->newest = 65536 + number; /* a turn up, so that none is below 0 */
    }
    int64_t n = extend(h, number);
    if (n <= h->newest - DP_BWE_HISTORY)
        return;
    if (n > h->newest)
        advance(h, n);
    packet.sent_us = (uint32_t)now_us;
    packet.fate = DP_BWE_SENT;
    *slot(h, n) = packet;
    h->sent_us = now_us;
}

struct dp_bwe_packet *dp_bwe_history_find(struct dp_bwe_history *h, uint16_t number)
{
    if (h->newest < 0)
        return NULL;
    int64_t n = extend(h, number);
    if (n > h->newest || n <= h->newest - DP_BWE_HISTORY || slot(h, n)->fate == DP_BWE_NONE)
        return NULL;
    return slot(h, n);
}

int64_t dp_bwe_history_time(const struct dp_bwe_history *h, const struct dp_bwe_packet *packet)
{
    return h->sent_us - (uint32_t)((uint32_t)h->sent_us - packet->sent_us);
}
