/* What the files of the rig share. */
#ifndef RIG_INTERNAL_H
#define RIG_INTERNAL_H

#include "rig.h"

#define RIG_FRAME 42 /* bytes of Ethernet, IPv4 and UDP */

extern struct rte_mempool *rig_pool;

/* The EAL argument for so many threads, each on any CPU of this process. */
void rig_lcores(char *text, size_t size, unsigned lcores);
/* The port of a dataplane with several workers; made once. 0 or -1. */
int rig_port(struct dp_port *port);
/* A turn of somebody. */
void rig_take_turns(void);
/* Instead of a lcore. */
int rig_launch(struct dp_worker *w);
void rig_join(struct dp_worker *w);
/* Checks frames and puts each into the inbox of whoever it is for. */
void rig_hand_out(struct dp_burst *out);

#endif
