/*
 * The receiver of transport-cc. Numbers are extended to 64 bits (by the nearest rollover), arrivals
 * kept in a ring by number. A feedback packet is made in three steps: gather the statuses and
 * deltas from the first unreported number on, choose chunks while they and their deltas fit, write.
 */
#include "dataplane/rtp/twcc.h"

#include <errno.h>
#include <string.h>

#include "dataplane/rtp/wire.h"

#define HEAD_LEN      20
#define TICKS_PER_REF (DP_TWCC_REFERENCE_US / DP_TWCC_TICK_US)
#define RUN_MAX       8191
#define ONE_BIT_COUNT 14
#define TWO_BIT_COUNT 7

/* A symbol's value is also the length of its delta in bytes. */
enum symbol { LOST = 0, SMALL = 1, LARGE = 2 };

struct gathered {
    uint32_t reference; /* in 64 ms */
    unsigned count;
    uint8_t symbol[DP_TWCC_WINDOW];
    int16_t delta[DP_TWCC_WINDOW];
};

struct chunks {
    unsigned count;    /* chunks */
    unsigned statuses; /* that they have */
    size_t delta_bytes;
    uint16_t chunk[DP_TWCC_WINDOW / TWO_BIT_COUNT + 1];
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static bool is_seen(const struct dp_twcc *t, uint64_t n)
{
    return t->seen[n % DP_TWCC_WINDOW / 64] >> (n % 64) & 1;
}

static void set_seen(struct dp_twcc *t, uint64_t n)
{
    t->seen[n % DP_TWCC_WINDOW / 64] |= 1ULL << (n % 64);
}

static void clear_seen(struct dp_twcc *t, uint64_t n)
{
    t->seen[n % DP_TWCC_WINDOW / 64] &= ~(1ULL << (n % 64));
}

/* Moves the window so that n is its newest number; what falls out unreported is lost to the sender.
 */
static void advance(struct dp_twcc *t, uint64_t n)
{
    if (n - t->highest >= DP_TWCC_WINDOW)
        memset(t->seen, 0, sizeof(t->seen));
    else
        for (uint64_t i = t->highest + 1; i <= n; i++)
            clear_seen(t, i);
    t->highest = n;
    if (n - t->first >= DP_TWCC_WINDOW && t->first <= n)
        t->first = n - DP_TWCC_WINDOW + 1;
}

void dp_twcc_record(struct dp_twcc *t, uint16_t number, int64_t now_us)
{
    if (!t->started) {
        /* One turn up, so that numbers before the first do not go below zero. */
        t->highest = t->first = 65536u + number;
        t->started = true;
    }
    uint64_t n = t->highest + (uint64_t)(int64_t)(int16_t)(number - (uint16_t)t->highest);
    if (n > t->highest)
        advance(t, n);
    else if (t->highest - n >= DP_TWCC_WINDOW || is_seen(t, n))
        return;
    set_seen(t, n);
    t->last_tick = floor_div(now_us, DP_TWCC_TICK_US);
    t->tick[n % DP_TWCC_WINDOW] = (uint32_t)t->last_tick;
    if (n < t->first)
        t->first = n;
}

unsigned dp_twcc_pending(const struct dp_twcc *t)
{
    return t->started ? (unsigned)(t->highest + 1 - t->first) : 0;
}

/* Full arrival tick of a number seen: the stored half, near the last arrival. */
static int64_t tick_of(const struct dp_twcc *t, uint64_t n)
{
    return t->last_tick + (int32_t)(t->tick[n % DP_TWCC_WINDOW] - (uint32_t)t->last_tick);
}

/* Statuses from t->first on, until the newest or until a delta does not fit 16 bits. */
static void gather(const struct dp_twcc *t, struct gathered *g)
{
    unsigned most = dp_twcc_pending(t);
    bool referenced = false;
    int64_t last = 0;
    g->count = 0;
    g->reference = 0;
    for (unsigned i = 0; i < most; i++) {
        g->symbol[i] = LOST;
        g->delta[i] = 0;
        if (is_seen(t, t->first + i)) {
            int64_t tick = tick_of(t, t->first + i);
            if (!referenced) {
                int64_t reference = floor_div(tick, TICKS_PER_REF);
                g->reference = (uint32_t)reference & 0xffffff;
                last = reference * TICKS_PER_REF;
                referenced = true;
            }
            if (tick - last < INT16_MIN || tick - last > INT16_MAX)
                return;
            g->delta[i] = (int16_t)(tick - last);
            g->symbol[i] = g->delta[i] >= 0 && g->delta[i] <= 255 ? SMALL : LARGE;
            last = tick;
        }
        g->count = i + 1;
    }
}

/* Packs g's statuses from i on as a vector of n symbols; past the end they are zero. */
static uint16_t vector_chunk(const struct gathered *g, unsigned i, unsigned n)
{
    unsigned bits = n == ONE_BIT_COUNT ? 1 : 2;
    unsigned chunk = n == ONE_BIT_COUNT ? 2 : 3;
    for (unsigned k = 0; k < n; k++)
        chunk = chunk << bits | (i + k < g->count ? g->symbol[i + k] : (unsigned)LOST);
    return (uint16_t)chunk;
}

/* The chunk that says most from status i on; *n is how many statuses it has. */
static uint16_t next_chunk(const struct gathered *g, unsigned i, unsigned *n)
{
    unsigned left = g->count - i, run = 1, one_bit = 0;
    while (run < left && run < RUN_MAX && g->symbol[i + run] == g->symbol[i])
        run++;
    while (one_bit < left && one_bit < ONE_BIT_COUNT && g->symbol[i + one_bit] != LARGE)
        one_bit++;
    bool all_one_bit = one_bit == ONE_BIT_COUNT || one_bit == left;
    unsigned vector = all_one_bit ? ONE_BIT_COUNT : TWO_BIT_COUNT;
    if (run >= vector || run == left) {
        *n = run;
        return (uint16_t)(g->symbol[i] << 13 | run);
    }
    *n = vector < left ? vector : left;
    return vector_chunk(g, i, vector);
}

/* How many of the n statuses from i on fit with their deltas into `room` bytes. */
static unsigned fitting(const struct gathered *g, unsigned i, unsigned n, size_t room)
{
    size_t bytes = 0;
    for (unsigned k = 0; k < n; k++) {
        bytes += g->symbol[i + k];
        if (bytes > room)
            return k;
    }
    return n;
}

/* Chooses chunks while the packet stays within cap bytes, padding included; cuts the last one
 * short. */
static void choose_chunks(struct gathered *g, size_t cap, struct chunks *c)
{
    c->count = c->statuses = 0;
    c->delta_bytes = 0;
    cap &= ~(size_t)3;
    while (c->statuses < g->count) {
        size_t used = HEAD_LEN + 2 * (size_t)(c->count + 1) + c->delta_bytes;
        unsigned n, fit;
        uint16_t chunk = next_chunk(g, c->statuses, &n);
        fit = used > cap ? 0 : fitting(g, c->statuses, n, cap - used);
        if (fit == 0)
            return;
        if (fit < n) {
            g->count = c->statuses + fit;
            chunk = next_chunk(g, c->statuses, &n);
        }
        c->chunk[c->count++] = chunk;
        for (unsigned i = 0; i < n; i++)
            c->delta_bytes += g->symbol[c->statuses + i];
        c->statuses += n;
    }
}

static uint8_t *write_deltas(uint8_t *p, const struct gathered *g, unsigned statuses)
{
    for (unsigned i = 0; i < statuses; i++) {
        if (g->symbol[i] == SMALL) {
            *p++ = (uint8_t)g->delta[i];
        } else if (g->symbol[i] == LARGE) {
            dp_put16(p, (uint16_t)g->delta[i]);
            p += 2;
        }
    }
    return p;
}

/* Trailing zeros are plain bytes after the last delta, as the draft draws them: no P bit. */
static size_t write_packet(uint8_t *p, const struct gathered *g, const struct chunks *c)
{
    uint8_t *q = p + HEAD_LEN;
    for (unsigned i = 0; i < c->count; i++, q += 2)
        dp_put16(q, c->chunk[i]);
    q = write_deltas(q, g, c->statuses);
    while ((q - p) % 4)
        *q++ = 0;
    p[0] = 0x80 | DP_RTPFB_TWCC;
    p[1] = DP_RTCP_RTPFB;
    dp_put16(p + 2, (uint16_t)((q - p) / 4 - 1));
    dp_put16(p + 14, (uint16_t)c->statuses);
    dp_put24(p + 16, g->reference);
    return (size_t)(q - p);
}

int dp_twcc_build(struct dp_twcc *t, uint32_t sender, uint32_t media, struct dp_rtcp_buf *b)
{
    struct gathered g;
    struct chunks c;
    if (dp_twcc_pending(t) == 0)
        return -EAGAIN;
    gather(t, &g);
    choose_chunks(&g, b->cap - b->len, &c);
    if (c.statuses == 0)
        return -ENOSPC;
    uint8_t *p = b->p + b->len;
    b->len += write_packet(p, &g, &c);
    dp_put32(p + 4, sender);
    dp_put32(p + 8, media);
    dp_put16(p + 12, (uint16_t)t->first);
    p[19] = t->feedbacks++;
    t->first += c.statuses;
    return 0;
}
