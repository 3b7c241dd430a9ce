/*
 * A relay for benches: one worker of the dataplane, its real loop, rooms made by the same commands
 * that a control plane sends. Packets come in by a net_ring port that the bench fills, and leave by
 * a net_null port that frees them, so no kernel is in the way.
 */
#ifndef BENCH_RELAY_H
#define BENCH_RELAY_H

#include "dataplane/dataplane.h"
#include "dataplane/path.h"
#include "proto/error.h"
#include "proto/srtp_profile.h"

#define RELAY_CLIENT_KEY 30 /* bytes: master key, salt behind it */

#define RELAY_WORKERS 2 /* at most */

/* What a room is: one publisher of one stream, and its receivers. */
struct relay_plan {
    unsigned workers; /* 0: one */
    unsigned rooms;
    unsigned fanout;
    enum hr_srtp_profile profile; /* of all legs */
    bool opaque;                  /* receivers get what comes, bit for bit */
    bool video;                   /* else audio */
    bool scattered;               /* endpoints in shards by chance; else a room's are together */
    bool steered;                 /* packets come in at their worker, as a NIC could be told to */
    bool ring_out;                /* receivers are behind the net_ring port too */
};

struct relay {
    struct relay_plan plan;
    struct hr_config config;
    struct dp_dataplane dp;
    struct dp_worker *w;
    struct rte_ring *in;                 /* received packets, of the first worker's queue */
    struct rte_ring *ins[RELAY_WORKERS]; /* of each's */
    enum hr_error error;                 /* of the last command */
};

/* First of all: EAL and the two ports; on hugepages if that is wanted and enough of them are free,
 * which is told. 0 or -errno, said on stderr. */
int relay_start(bool *hugepages);
/* The CPU that it took, the last that this process might use; how many those were; and this thread
 * from now on on the n-th of them, the last first. */
unsigned relay_cpu(void);
unsigned relay_cpus(void);
void relay_pin(unsigned n);
/* Ready to forward. 0 or -errno, said on stderr. */
int relay_open(struct relay *r, const struct relay_plan *plan);
/* The same in steps, all of the plan's clients in each. */
int relay_open_empty(struct relay *r, const struct relay_plan *plan);
int relay_put_endpoints(struct relay *r);
int relay_put_sources(struct relay *r);
int relay_put_subscriptions(struct relay *r);
void relay_close(struct relay *r);
/* Between turns of the worker's loop: takes back what it has done, and what it sent to publishers.
 */
void relay_tidy(struct relay *r);
/* A turn of every worker, one after the other, and tidies. */
void relay_loop(struct relay *r);

/* What the publisher of a room sends with. */
void relay_publisher_key(const struct relay *r, unsigned room, uint8_t key[RELAY_CLIENT_KEY]);
/* From the publisher to the relay: headers for dp_frame_write(). */
void relay_publisher_path(const struct relay *r, unsigned room, struct dp_path *path);
/* Which worker has the publisher of this frame. */
unsigned relay_worker_of(const struct relay *r, const struct rte_mbuf *m);
const struct dp_port *relay_port(const struct relay *r);
uint16_t relay_port_out(void);

/* Negotiated alike by everybody: id of each kind. */
enum {
    RELAY_EXT_MID = 1,
    RELAY_EXT_AUDIO_LEVEL,
    RELAY_EXT_TRANSPORT_CC,
    RELAY_EXT_SEND_TIME,
    RELAY_EXT_DD
};
#define RELAY_PT_VIDEO 96
#define RELAY_PT_AUDIO 111

#endif
