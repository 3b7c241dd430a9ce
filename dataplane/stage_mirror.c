/* Exits: in keeps every packet, for this worker's own subscribers; references go to the rings of
 * workers that have others. */
#include "dataplane/dataplane.h"
#include "dataplane/mirror.h"
#include "dataplane/packet.h"
#include "dataplane/peers.h"

unsigned dp_stage_mirror(struct dp_worker *w, const struct dp_burst *in)
{
    unsigned n = 0;

    for (unsigned i = 0; i < in->n; i++) {
        if (dp_packet(in->pkts[i])->source->mirrors == NULL)
            continue;
        dp_mirrors_send(w, in->pkts[i]);
        n++;
    }
    if (n)
        dp_peers_flush(w);
    return n;
}
