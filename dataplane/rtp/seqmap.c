/*
 * In a run, output - input is constant. A packet that is dropped on purpose, when it is the newest,
 * ends a run: the next one begins behind it, with the output that it would have had.
 *
 * Why outputs cannot collide: runs are made with the next output, which only grows; so their
 * outputs are disjoint, and in a run each input has its own. An input that is in no run is refused.
 */
#include "dataplane/rtp/seqmap.h"

#include <errno.h>
#include <string.h>

#define NOTHING UINT64_MAX /* is no input */

static uint64_t index_of(uint64_t word)
{
    return word >> DP_SEQMAP_SHIFT;
}

/* The next packet in order, whose payload types are not known yet. */
static void set_next(struct dp_seqmap *m, uint64_t in, uint64_t out)
{
    m->next_in = dp_seqmap_word(in, (uint8_t)m->next_in);
    m->next_out = dp_seqmap_word(out, (uint8_t)m->next_out);
}

void dp_seqmap_init(struct dp_seqmap *m, uint64_t first_out)
{
    memset(m, 0, sizeof(*m));
    m->next_in = NOTHING;
    m->next_out = dp_seqmap_word(first_out, 0);
    m->size = DP_SEQMAP_RUNS;
}

void dp_seqmap_switch(struct dp_seqmap *m, const struct dp_seqmap_about *about)
{
    m->next_in = NOTHING;
    m->about = *about;
    m->current = 0;
}

static const struct dp_seqmap_run *runs_of(const struct dp_seqmap *m)
{
    return m->size == DP_SEQMAP_RUNS ? m->run : m->more;
}

static unsigned place_of(const struct dp_seqmap *m, unsigned n)
{
    return (unsigned)(m->newest + m->size - n) % m->size;
}

/* n = 0 is the newest. */
static struct dp_seqmap_run *run_at(struct dp_seqmap *m, unsigned n)
{
    struct dp_seqmap_run *runs = m->size == DP_SEQMAP_RUNS ? m->run : m->more;
    return &runs[place_of(m, n)];
}

/* The newest runs that fit, oldest first. */
static void copy_runs(struct dp_seqmap *m, struct dp_seqmap_run *to, uint8_t size)
{
    if (m->runs > size)
        m->runs = size;
    if (m->current > size)
        m->current = size;
    for (unsigned n = 0; n < m->runs; n++)
        to[m->runs - 1 - n] = *run_at(m, n);
    m->newest = m->runs ? (uint8_t)(m->runs - 1) : 0;
}

void dp_seqmap_extend(struct dp_seqmap *m, struct dp_seqmap_run *more)
{
    copy_runs(m, more, DP_SEQMAP_MORE);
    m->more = more;
    m->size = DP_SEQMAP_MORE;
}

struct dp_seqmap_run *dp_seqmap_shrink(struct dp_seqmap *m)
{
    struct dp_seqmap_run runs[DP_SEQMAP_RUNS] = {0}, *more = m->more;
    if (m->size == DP_SEQMAP_RUNS)
        return NULL;
    copy_runs(m, runs, DP_SEQMAP_RUNS);
    memcpy(m->run, runs, sizeof(runs));
    m->size = DP_SEQMAP_RUNS;
    return more;
}

/* In the place of the newest if that has no outputs, else in that of the oldest. */
static struct dp_seqmap_run *begin(struct dp_seqmap *m, uint64_t in, uint64_t out)
{
    bool empty = m->runs && run_at(m, 0)->out == out;
    if (!empty) {
        m->newest = (uint8_t)((m->newest + 1) % m->size);
        m->runs = (uint8_t)(m->runs == m->size ? m->runs : m->runs + 1);
    }
    if (!empty || m->current == 0)
        m->current = (uint8_t)(m->current == m->size ? m->current : m->current + 1);
    struct dp_seqmap_run *run = run_at(m, 0);
    *run = (struct dp_seqmap_run){
        .in = in,
        .out = out,
        .stream = m->about.stream,
        .limits = m->about.limits,
        .frame_offset = m->about.frame_offset,
        .ssrc = m->about.ssrc,
        .ts_offset = m->about.ts_offset,
    };
    return run;
}

static int forward_late(struct dp_seqmap *m, uint64_t in, uint64_t *out,
                        const struct dp_seqmap_run **run)
{
    uint64_t end = index_of(m->next_out);
    for (unsigned i = 0; i < m->current; i++) {
        struct dp_seqmap_run *r = run_at(m, i);
        if (in >= r->in) {
            *run = r;
            *out = r->out + (in - r->in);
            return *out < end ? 0 : -ESTALE;
        }
        end = r->out;
    }
    return -ESTALE;
}

int dp_seqmap_forward(struct dp_seqmap *m, uint64_t in, uint64_t *out,
                      const struct dp_seqmap_run **run)
{
    uint64_t next_in = index_of(m->next_in), next = index_of(m->next_out);
    if (m->current && in < next_in)
        return forward_late(m, in, out, run);
    bool far = m->current == 0 || in - next_in >= DP_SEQMAP_JUMP;
    if (!far)
        next += in - next_in;
    if (next >= DP_SEQMAP_MAX)
        return -EOVERFLOW;
    if (far)
        begin(m, in, next);
    set_next(m, in + 1, next + 1);
    *out = next;
    *run = run_at(m, 0);
    return 0;
}

void dp_seqmap_drop(struct dp_seqmap *m, uint64_t in)
{
    uint64_t next_in = index_of(m->next_in), next = index_of(m->next_out);
    if (m->current == 0 || in < next_in)
        return;
    if (in - next_in < DP_SEQMAP_JUMP)
        next += in - next_in; /* what is missing before it may still come */
    if (next >= DP_SEQMAP_MAX)
        return;
    begin(m, in + 1, next);
    set_next(m, in + 1, next);
}

const struct dp_seqmap_run *dp_seqmap_split(struct dp_seqmap *m, uint64_t in, uint64_t out,
                                            const struct dp_seqmap_about *about)
{
    bool newest = in + 1 == index_of(m->next_in);
    m->about = *about;
    if (newest)
        return begin(m, in, out);
    begin(m, index_of(m->next_in), index_of(m->next_out));
    const struct dp_seqmap_run *run = NULL;
    return forward_late(m, in, &out, &run) ? NULL : run;
}

void dp_seqmap_turn(struct dp_seqmap *m, uint64_t in, const struct dp_seqmap_about *about)
{
    uint64_t next_in = index_of(m->next_in), next = index_of(m->next_out);
    m->about = *about;
    if (m->current == 0 || in - next_in >= DP_SEQMAP_JUMP || next + (in - next_in) >= DP_SEQMAP_MAX)
        return; /* the next one begins a run in any case, or there is none */
    begin(m, in, next + (in - next_in));
}

const struct dp_seqmap_run *dp_seqmap_find(const struct dp_seqmap *m, uint64_t out, uint64_t *in)
{
    if (out >= index_of(m->next_out))
        return NULL;
    for (unsigned i = 0; i < m->runs; i++) {
        const struct dp_seqmap_run *r = &runs_of(m)[place_of(m, i)];
        if (out >= r->out) {
            *in = r->in + (out - r->out);
            return r;
        }
    }
    return NULL;
}

void dp_seqmap_forget(struct dp_seqmap *m)
{
    bool begun = m->current > 0;
    m->runs = m->current = 0;
    if (begun && index_of(m->next_out) < DP_SEQMAP_MAX)
        begin(m, index_of(m->next_in), index_of(m->next_out));
}

void dp_tsmap_init(struct dp_tsmap *m)
{
    *m = (struct dp_tsmap){0};
}

void dp_tsmap_switch(struct dp_tsmap *m, uint32_t in, uint32_t elapsed)
{
    /* Half the number space away, "ahead" and "behind" are the same to a receiver. */
    const uint32_t most = 1u << 30;
    if (elapsed == 0)
        elapsed = 1;
    if (elapsed > most)
        elapsed = most;
    if (m->started)
        m->offset = m->highest + elapsed - in;
}

uint32_t dp_tsmap_forward(struct dp_tsmap *m, uint32_t in)
{
    uint32_t out = in + m->offset;
    if (!m->started || (int32_t)(out - m->highest) > 0)
        m->highest = out;
    m->started = true;
    return out;
}

void dp_framemap_switch(struct dp_framemap *m)
{
    m->aligned = false;
}

bool dp_framemap_align(struct dp_framemap *m, uint16_t in)
{
    if (m->aligned)
        return false;
    if (m->started)
        m->offset = (uint16_t)(m->highest + 1 - in);
    m->aligned = true;
    return true;
}

void dp_framemap_forward(struct dp_framemap *m, uint16_t in)
{
    uint16_t out = (uint16_t)(in + m->offset);
    if (!m->started || (int16_t)(out - m->highest) > 0)
        m->highest = out;
    m->started = true;
}
