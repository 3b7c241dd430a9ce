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
    bool video;                   /* else audio */
};

struct relay {
    struct relay_plan plan;
    struct hr_config config;
    struct dp_dataplane dp;
    struct dp_worker *w;
    struct rte_ring *in; /* received packets, of the first worker's queue */
    struct rte_ring *ins[RELAY_WORKERS]; /* of each's */
    enum hr_error error; /* of the last command */
};

/* First of all: EAL on hugepages if enough of them are free, and the two ports. 0 or -errno, said
 * on stderr. */
int relay_start(bool *hugepages);
/* Ready to forward. 0 or -errno, said on stderr. */
int relay_open(struct relay *r, const struct relay_plan *plan);
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
const struct dp_port *relay_port(const struct relay *r);

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
