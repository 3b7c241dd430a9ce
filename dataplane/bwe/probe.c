#include "dataplane/bwe/probe.h"

#include <string.h>

#define LENGTH_US   15000
#define BYTES_MIN   4000 /* at low rates it lasts longer, so that there are packets to compare */
#define BYTES_MAX   64000
#define PACKETS_MIN 4
#define ARRIVED_MIN 0.8     /* of the bytes */
#define SPAN_MAX_US 1000000 /* a probe longer than that is no probe */
#define WAIT_US     1000000 /* for its feedback */
#define PERIOD_US   2000000
#define FULL_US     5000000 /* after a probe that filled the link */
#define RATIO_MAX   2.0  /* arrived faster than sent: the clock or the path played a trick */
#define SATURATED   0.9  /* arrived slower than that: the link's capacity has been seen */
#define BELOW       0.95 /* and the estimate stays below it */
#define SUCCESS     0.7  /* of its rate: then the next goes further */
#define BEYOND      1.25 /* what is wanted: no further */

static const uint8_t first[] = {3, 6};

void dp_bwe_prober_init(struct dp_bwe_prober *p, uint64_t start)
{
    memset(p, 0, sizeof(*p));
    p->start = start;
}

/* The rate that is due, 0 if none. */
static uint64_t due(struct dp_bwe_prober *p, const struct dp_bwe_room *room, int64_t now_us)
{
    if (p->begun < sizeof(first))
        return p->start * first[p->begun];
    if (p->waiting && now_us - p->asked_us < WAIT_US)
        return 0;
    p->waiting = false;
    if (p->further)
        return p->further;
    if (p->regain)
        return p->regain;
    return now_us - p->asked_us >= (p->full ? FULL_US : PERIOD_US) ? 2 * room->rate : 0;
}

static void begin(struct dp_bwe_prober *p, const struct dp_bwe_probe *probe, int64_t now_us)
{
    p->cluster[probe->id % DP_BWE_CLUSTERS] = (struct dp_bwe_cluster){
        .rate = probe->rate, .least = (uint32_t)(ARRIVED_MIN * probe->bytes), .id = probe->id};
    p->newest = probe->id;
    p->asked_us = now_us;
    p->waiting = true;
    p->further = p->regain = 0;
    if (p->begun < sizeof(first))
        p->begun++;
}

static uint32_t length(uint64_t rate)
{
    uint64_t bytes = rate * LENGTH_US / 8000000;
    return bytes < BYTES_MIN ? BYTES_MIN : bytes > BYTES_MAX ? BYTES_MAX : (uint32_t)bytes;
}

bool dp_bwe_prober_next(struct dp_bwe_prober *p, const struct dp_bwe_room *room, int64_t now_us,
                        struct dp_bwe_probe *probe)
{
    if (!room->calm || room->wanted <= room->rate || room->rate >= room->max)
        return false;
    uint64_t rate = due(p, room, now_us);
    uint64_t most = (uint64_t)(BEYOND * (double)room->wanted);
    if (most > room->max)
        most = room->max;
    if (rate > most)
        rate = most;
    if (rate <= room->rate)
        return false;
    uint8_t id = p->newest == UINT8_MAX ? 1 : (uint8_t)(p->newest + 1);
    *probe = (struct dp_bwe_probe){.id = id, .rate = rate, .bytes = length(rate)};
    begin(p, probe, now_us);
    return true;
}

void dp_bwe_prober_arrived(struct dp_bwe_prober *p, uint8_t id, const struct dp_bwe_arrival *a)
{
    struct dp_bwe_cluster *c = &p->cluster[id % DP_BWE_CLUSTERS];
    if (id == 0 || c->id != id)
        return;
    if (c->packets == 0 || a->sent_us < c->first_sent)
        c->first_sent = a->sent_us;
    if (c->packets == 0 || a->sent_us >= c->last_sent) {
        c->last_sent = a->sent_us;
        c->last_bytes = a->bytes;
    }
    if (c->packets == 0 || a->arrived_us < c->first_arrived) {
        c->first_arrived = a->arrived_us;
        c->first_bytes = a->bytes;
    }
    if (c->packets == 0 || a->arrived_us > c->last_arrived)
        c->last_arrived = a->arrived_us;
    c->bytes += a->bytes;
    c->packets++;
    c->fresh = true;
}

/* bit/s of bytes in us. */
static double rate_of(uint32_t bytes, int64_t us)
{
    return (double)bytes * 8e6 / (double)us;
}

/* What a probe has shown; 0: too little of it has arrived, or it makes no sense. */
static uint64_t measure(const struct dp_bwe_cluster *c)
{
    int64_t sent_us = c->last_sent - c->first_sent, us = c->last_arrived - c->first_arrived;
    if (c->packets < PACKETS_MIN || c->bytes < c->least)
        return 0;
    if (sent_us <= 0 || sent_us > SPAN_MAX_US || us <= 0 || us > SPAN_MAX_US)
        return 0;
    double sent = rate_of(c->bytes - c->last_bytes, sent_us);
    double arrived = rate_of(c->bytes - c->first_bytes, us);
    if (arrived > RATIO_MAX * sent)
        return 0;
    if (arrived < SATURATED * sent)
        return (uint64_t)(BELOW * arrived);
    return (uint64_t)(arrived < sent ? arrived : sent);
}

uint64_t dp_bwe_prober_result(struct dp_bwe_prober *p)
{
    uint64_t best = 0;
    for (unsigned i = 0; i < DP_BWE_CLUSTERS; i++) {
        struct dp_bwe_cluster *c = &p->cluster[i];
        uint64_t rate = c->fresh ? measure(c) : 0;
        c->fresh = false;
        if (rate > best)
            best = rate;
        if (rate == 0 || c->id != p->newest || !p->waiting)
            continue;
        p->waiting = false;
        p->full = (double)rate < SUCCESS * (double)c->rate;
        if (!p->full)
            p->further = 2 * rate;
    }
    return best;
}
