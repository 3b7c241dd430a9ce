#include "dataplane/rtp/nack.h"

#include <string.h>

size_t dp_nack_size(bool audio)
{
    return sizeof(struct dp_nack) +
           (audio ? DP_NACK_AUDIO_MAX : DP_NACK_VIDEO_MAX) * sizeof(struct dp_nack_missing);
}

void dp_nack_init(struct dp_nack *n, bool audio)
{
    *n = (struct dp_nack){.audio = audio, .max = audio ? DP_NACK_AUDIO_MAX : DP_NACK_VIDEO_MAX};
}

/* The first count of those that are missing are so no more. */
static void forget(struct dp_nack *n, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        n->untried -= n->missing[i].tries == 0;
    n->count = (uint16_t)(n->count - count);
    memmove(&n->missing[0], &n->missing[count], n->count * sizeof(n->missing[0]));
}

static void give_up(struct dp_nack *n, unsigned count)
{
    if (count == 0)
        return;
    forget(n, count);
    n->gave_up = !n->audio;
}

/* Indices from n->next up to the one that came. */
static void miss(struct dp_nack *n, uint64_t end, int64_t now_us)
{
    uint64_t gap = end - n->next;
    if (gap > n->max) {
        give_up(n, n->count);
        n->gave_up = !n->audio;
        return;
    }
    if (n->count + gap > n->max)
        give_up(n, (unsigned)(n->count + gap - n->max));
    for (uint64_t index = n->next; index < end; index++)
        n->missing[n->count++] =
            (struct dp_nack_missing){.index = (uint32_t)index, .found = (uint32_t)now_us};
    n->untried = (uint16_t)(n->untried + gap);
}

/* Takes index out, if it is missing: the time since it was asked for, or -1. */
static int64_t found(struct dp_nack *n, uint64_t index, int64_t now_us)
{
    unsigned i = 0;
    while (i < n->count && n->missing[i].index != (uint32_t)index)
        i++;
    if (i == n->count)
        return -1;
    struct dp_nack_missing m = n->missing[i];
    n->untried -= m.tries == 0;
    n->count--;
    memmove(&n->missing[i], &n->missing[i + 1], (n->count - i) * sizeof(n->missing[0]));
    return m.tries == 1 ? (int64_t)((uint32_t)now_us - m.asked) : -1;
}

int64_t dp_nack_received(struct dp_nack *n, uint64_t index, int64_t now_us)
{
    if (n->begun && index < n->next)
        return found(n, index, now_us);
    if (n->begun && index > n->next)
        miss(n, index, now_us);
    n->begun = true;
    n->next = index + 1;
    return -1;
}

void dp_nack_keyframe(struct dp_nack *n, uint64_t index)
{
    unsigned i = 0;
    while (i < n->count && (int32_t)(n->missing[i].index - (uint32_t)index) < 0)
        i++;
    forget(n, i);
}

static uint32_t interval(uint32_t rtt_us)
{
    uint32_t us = rtt_us ? rtt_us + rtt_us / 4 : DP_NACK_RTT_US;
    return us < DP_NACK_INTERVAL_MIN_US ? DP_NACK_INTERVAL_MIN_US : us;
}

/* Microseconds until m is to be asked for, or given up; not above 0: now. */
static int32_t wait_for(const struct dp_nack *n, const struct dp_nack_missing *m, uint32_t now,
                        uint32_t rtt_us)
{
    if (m->tries == 1 && n->audio)
        return (int32_t)(m->asked + DP_NACK_AUDIO_TWICE_US - now);
    if (m->tries)
        return (int32_t)(m->asked + interval(rtt_us) - now);
    if (n->audio || (uint32_t)n->next - 1 - m->index >= DP_NACK_REORDER)
        return 0;
    return (int32_t)(m->found + DP_NACK_REORDER_US - now);
}

/* What is too old, or was asked for in vain; those behind it are younger. */
static void expire(struct dp_nack *n, uint32_t now, uint32_t rtt_us)
{
    uint32_t age = n->audio ? DP_NACK_AUDIO_AGE_US : DP_NACK_VIDEO_AGE_US;
    unsigned i = 0;
    for (; i < n->count; i++) {
        const struct dp_nack_missing *m = &n->missing[i];
        bool in_vain = m->tries >= DP_NACK_TRIES && wait_for(n, m, now, rtt_us) <= 0;
        if (!in_vain && now - m->found < age)
            break;
    }
    give_up(n, i);
}

unsigned dp_nack_due(struct dp_nack *n, int64_t now_us, uint32_t rtt_us, uint16_t *seqs,
                     unsigned max)
{
    uint32_t now = (uint32_t)now_us;
    unsigned due = 0;
    expire(n, now, rtt_us);
    for (unsigned i = 0; i < n->count && due < max; i++) {
        struct dp_nack_missing *m = &n->missing[i];
        if (m->tries >= DP_NACK_TRIES || wait_for(n, m, now, rtt_us) > 0)
            continue;
        n->untried -= m->tries == 0;
        m->tries++;
        m->asked = now;
        seqs[due++] = (uint16_t)m->index;
    }
    return due;
}

int64_t dp_nack_deadline(const struct dp_nack *n, int64_t now_us, uint32_t rtt_us)
{
    int64_t first = INT64_MAX;
    for (unsigned i = 0; i < n->count; i++) {
        int64_t at = now_us + wait_for(n, &n->missing[i], (uint32_t)now_us, rtt_us);
        first = at < first ? at : first;
    }
    return first;
}
