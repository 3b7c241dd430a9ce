#include "shaper.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NS 1e9

static void row_init(struct shaper_row *r)
{
    r->first = NULL;
    r->last = &r->first;
}

static void row_put(struct shaper_row *r, struct frame *f)
{
    f->next = NULL;
    *r->last = f;
    r->last = &f->next;
}

static struct frame *row_take(struct shaper_row *r)
{
    struct frame *f = r->first;

    r->first = f->next;
    if (!r->first)
        r->last = &r->first;
    return f;
}

void shaper_init(struct shaper *s, uint64_t seed)
{
    memset(s, 0, sizeof(*s));
    row_init(&s->waiting);
    row_init(&s->flying);
    s->random = seed * 0x9e3779b97f4a7c15 + 1;
}

void shaper_free(struct shaper *s)
{
    while (s->waiting.first)
        free(row_take(&s->waiting));
    while (s->flying.first)
        free(row_take(&s->flying));
}

/* 0 to 1, by xorshift64*. */
static double chance(struct shaper *s)
{
    s->random ^= s->random >> 12;
    s->random ^= s->random << 25;
    s->random ^= s->random >> 27;
    return (double)((s->random * 0x2545f4914f6cdd1d) >> 11) / (double)(1ULL << 53);
}

/* Rows of losses have a mean length of burst, and take that share of all frames together. */
static bool is_lost(struct shaper *s)
{
    const struct shape *p = &s->shape;

    if (p->burst <= 1 || p->loss >= 1)
        return chance(s) < p->loss;
    double turn = s->bad ? 1 / p->burst : p->loss / (1 - p->loss) / p->burst;
    if (chance(s) < turn)
        s->bad = !s->bad;
    return s->bad;
}

static int64_t finish(const struct shaper *s)
{
    return s->shape.rate > 0 ? s->began + (int64_t)(s->bits_left / s->shape.rate * NS) : s->began;
}

/* The first of the queue has been sent at `when`. */
static void fly(struct shaper *s, int64_t when)
{
    struct frame *f = row_take(&s->waiting);
    double delay = s->shape.delay + (s->shape.jitter > 0 ? chance(s) * s->shape.jitter : 0);

    s->waiting_bytes -= f->len;
    s->began = when;
    s->bits_left = s->waiting.first ? s->waiting.first->len * 8.0 : 0;
    if (is_lost(s)) {
        s->counts.lost++;
        s->frames--;
        free(f);
        return;
    }
    f->due = when + (int64_t)(delay * NS);
    if (f->due < s->newest_due)
        f->due = s->newest_due;
    s->newest_due = f->due;
    row_put(&s->flying, f);
}

static void advance(struct shaper *s, int64_t now)
{
    int64_t when;

    while (s->waiting.first && (when = finish(s)) <= now)
        fly(s, when);
}

void shaper_set(struct shaper *s, const struct shape *shape, int64_t now)
{
    advance(s, now);
    if (s->waiting.first && s->shape.rate > 0) {
        s->bits_left -= (double)(now - s->began) / NS * s->shape.rate;
        s->began = now;
    }
    s->shape = *shape;
    if (s->shape.loss <= 0)
        s->bad = false;
    s->newest_due = s->newest_due < now ? now : s->newest_due;
}

void shaper_put(struct shaper *s, struct frame *f, int64_t now)
{
    struct shaper_counts *c = &s->counts;

    advance(s, now);
    double bits = s->waiting.first ? (double)(finish(s) - now) / NS * s->shape.rate +
                                         (double)(s->waiting_bytes - s->waiting.first->len) * 8
                                   : 0;
    double wait = s->shape.rate > 0 ? bits / s->shape.rate : 0;

    c->packets++;
    c->bytes += f->len;
    if ((s->waiting.first && wait > s->shape.queue) || s->frames >= SHAPER_FRAMES_MAX) {
        c->dropped++;
        free(f);
        return;
    }
    if (!s->waiting.first) {
        s->began = now;
        s->bits_left = f->len * 8.0;
    }
    s->frames++;
    s->waiting_bytes += f->len;
    c->queue_seconds_total += wait;
    if (wait > c->queue_seconds_peak)
        c->queue_seconds_peak = wait;
    if (bits / 8 > c->queue_bytes_peak)
        c->queue_bytes_peak = (uint32_t)(bits / 8);
    row_put(&s->waiting, f);
}

struct frame *shaper_take(struct shaper *s, int64_t now)
{
    advance(s, now);
    if (!s->flying.first || s->flying.first->due > now)
        return NULL;
    struct frame *f = row_take(&s->flying);
    s->frames--;
    s->counts.sent++;
    s->counts.sent_bytes += f->len;
    return f;
}

int64_t shaper_next(const struct shaper *s)
{
    int64_t next = s->waiting.first ? finish(s) : SHAPER_NEVER;

    if (s->flying.first && s->flying.first->due < next)
        next = s->flying.first->due;
    return next;
}
