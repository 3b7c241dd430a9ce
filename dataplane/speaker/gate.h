/*
 * A stream's packets while it is forwarded, and not while it is not: indices behind the gate leave
 * out what was held back, so that every receiver's sequence numbers go on as if nothing had been
 * sent. Timestamps show the pause, as with DTX. An index behind it belongs to one packet.
 */
#ifndef HEADRACE_DATAPLANE_SPEAKER_GATE_H
#define HEADRACE_DATAPLANE_SPEAKER_GATE_H

#include <stdbool.h>
#include <stdint.h>

/* All zeros: open, and nothing has come. */
struct dp_gate {
    uint64_t less;  /* an index behind it is as much less */
    uint64_t from;  /* the packets that pass: from when it was opened */
    uint64_t until; /* up to when it was closed, if it is */
    uint64_t next;  /* one more than the highest that came, */
    uint64_t end;   /* and that passed; 0: none has */
    bool closed;
};

/*
 * Whether the packet of this index passes. It opens and closes as is wanted, but only at a packet
 * that is newer than all others: a late one passes if those beside it did.
 */
static inline bool dp_gate_pass(struct dp_gate *g, uint64_t index, bool open)
{
    if (index >= g->next) {
        g->next = index + 1;
        if (open && g->closed) {
            g->from = index;
            g->less += g->end ? index - g->end : 0;
        } else if (!open && !g->closed) {
            g->until = index;
        }
        g->closed = !open;
    }
    if (index < g->from || (g->closed && index >= g->until))
        return false;
    if (index >= g->end)
        g->end = index + 1;
    return true;
}

#endif
