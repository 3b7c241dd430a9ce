/*
 * out = in + delta - (inputs dropped on purpose before in). delta already counts every drop so far,
 * so the newest input needs one addition; a late one adds back the runs of drops that came after
 * it.
 *
 * Why outputs cannot collide: a number is taken away only when the dropped input is newer than all
 * others, so nothing behind it moves, and everything ahead of it has no number yet. Inputs inside a
 * run are refused, as is whatever is older than the oldest run remembered.
 */
#include "dataplane/rtp/seqmap.h"

#include <errno.h>
#include <string.h>

void dp_seqmap_init(struct dp_seqmap *m, uint32_t stream, uint64_t first_out)
{
    memset(m, 0, sizeof(*m));
    m->stream = stream;
    m->next_out = first_out;
}

void dp_seqmap_switch(struct dp_seqmap *m, uint32_t stream)
{
    dp_seqmap_init(m, stream, m->next_out);
}

static bool seen(const struct dp_seqmap *m, uint64_t in)
{
    return m->seen[in % DP_SEQMAP_WINDOW / 64] >> (in % 64) & 1;
}

static void mark_seen(struct dp_seqmap *m, uint64_t in)
{
    m->seen[in % DP_SEQMAP_WINDOW / 64] |= 1ULL << (in % 64);
}

/* The first input of a stream, or the first after a gap too wide to keep. */
static void restart_at(struct dp_seqmap *m, uint64_t in)
{
    m->delta = (int64_t)(m->next_out - in);
    m->floor = in;
    m->highest = in;
    m->runs = 0;
    m->started = true;
    memset(m->seen, 0, sizeof(m->seen));
}

static void advance(struct dp_seqmap *m, uint64_t in)
{
    if (in - m->highest > DP_SEQMAP_JUMP) {
        restart_at(m, in);
        return;
    }
    uint64_t first = m->highest + 1;
    if (in - m->highest >= DP_SEQMAP_WINDOW)
        first = in - DP_SEQMAP_WINDOW + 1;
    for (uint64_t i = first; i <= in; i++)
        m->seen[i % DP_SEQMAP_WINDOW / 64] &= ~(1ULL << (i % 64));
    m->highest = in;
}

/* Whether a packet that is not the newest may still be numbered. */
static int check_late(const struct dp_seqmap *m, uint64_t in)
{
    if (in < m->floor || m->highest - in >= DP_SEQMAP_WINDOW)
        return -ESTALE;
    return seen(m, in) ? -EALREADY : 0;
}

static uint64_t output_of(const struct dp_seqmap *m, uint64_t in)
{
    uint64_t out = in + (uint64_t)m->delta;
    for (unsigned i = 0; i < m->runs; i++) {
        const struct dp_seqmap_run *run =
            &m->run[(m->runs_head + DP_SEQMAP_RUNS - i) % DP_SEQMAP_RUNS];
        if (run->last < in)
            break;
        out += run->last - run->first + 1;
    }
    return out;
}

int dp_seqmap_forward(struct dp_seqmap *m, uint32_t stream, uint64_t in, uint64_t *out)
{
    if (stream != m->stream)
        return -ESTALE;
    if (!m->started) {
        restart_at(m, in);
    } else if (in > m->highest) {
        advance(m, in);
    } else {
        int error = check_late(m, in);
        if (error)
            return error;
    }
    uint64_t number = output_of(m, in);
    if (number >= DP_SEQMAP_MAX)
        return -EOVERFLOW;
    mark_seen(m, in);
    if (number >= m->next_out)
        m->next_out = number + 1;
    *out = number;
    return 0;
}

/* The newest input takes no number: grow the newest run, or begin one, forgetting the oldest. */
static void add_drop(struct dp_seqmap *m, uint64_t in)
{
    struct dp_seqmap_run *run = &m->run[m->runs_head];
    m->delta--;
    if (m->runs && run->last + 1 == in) {
        run->last = in;
        return;
    }
    m->runs_head = (uint8_t)((m->runs_head + 1) % DP_SEQMAP_RUNS);
    run = &m->run[m->runs_head];
    if (m->runs == DP_SEQMAP_RUNS)
        m->floor = run->last + 1;
    else
        m->runs++;
    *run = (struct dp_seqmap_run){.first = in, .last = in};
}

int dp_seqmap_drop(struct dp_seqmap *m, uint32_t stream, uint64_t in)
{
    if (stream != m->stream)
        return -ESTALE;
    if (!m->started)
        return 0;
    if (in <= m->highest) {
        int error = check_late(m, in);
        if (error)
            return error;
    } else {
        advance(m, in);
        add_drop(m, in);
    }
    mark_seen(m, in);
    return 0;
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
