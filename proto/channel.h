/*
 * The rings between the two daemons: DPDK rte_ring (element API) in one memfd that the dataplane
 * makes and hands over by SCM_RIGHTS. All rings are single-producer single-consumer. A slot is a
 * 32-bit length and one packed protobuf-c message, written and read in place.
 *
 * Waking: a consumer that is about to sleep sets its flag with hr_channel_sleep() and looks at its
 * rings once more; a producer that finds the flag set writes the consumer's eventfd and clears the
 * flag.
 */
#ifndef HR_CHANNEL_H
#define HR_CHANNEL_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hr_ring {
    HR_RING_COMMAND, /* control plane main -> dataplane main thread */
    HR_RING_EVENT,   /* dataplane main thread -> control plane */
    HR_RING_PUNT,    /* worker -> control plane; one per worker */
    HR_RING_INJECT,  /* control plane -> worker; one per worker */
};

enum hr_side { HR_SIDE_DATAPLANE, HR_SIDE_CONTROLPLANE };

struct hr_channel; /* one mapping of the memfd */

/* The dataplane's end: makes the memfd with rings for that many workers. 0 or -errno. */
int hr_channel_create(unsigned workers, struct hr_channel **out);
/* The control plane's end. Takes over the three descriptors, also on failure. Validates the layout:
 * -EPROTO. */
int hr_channel_attach(int memfd, int wake_dataplane, int wake_controlplane,
                      struct hr_channel **out);
void hr_channel_destroy(struct hr_channel *ch);

/* fds[0] memfd, fds[1] wakes the dataplane, fds[2] wakes the control plane; still the channel's
 * own. */
void hr_channel_fds(const struct hr_channel *ch, int fds[3]);
unsigned hr_channel_workers(const struct hr_channel *ch);

/* Packs msg into a slot. -ENOSPC: the ring is full; -EMSGSIZE: larger than a slot. Does not wake.
 */
int hr_channel_send(struct hr_channel *ch, enum hr_ring ring, unsigned worker,
                    const ProtobufCMessage *msg);

/*
 * The next slot's bytes in place, or NULL when empty; *len is checked against the slot size (a
 * hostile length reads as 0 bytes). Valid until hr_channel_consume(), which must follow.
 */
const uint8_t *hr_channel_peek(struct hr_channel *ch, enum hr_ring ring, unsigned worker,
                               size_t *len);
void hr_channel_consume(struct hr_channel *ch, enum hr_ring ring, unsigned worker);
bool hr_channel_empty(struct hr_channel *ch, enum hr_ring ring, unsigned worker);

/* Wakes the other side if it sleeps: one system call at most. Not from a stage; from housekeeping.
 */
void hr_channel_wake(struct hr_channel *ch, enum hr_side whom);
void hr_channel_sleep(struct hr_channel *ch, enum hr_side me);
void hr_channel_awake(struct hr_channel *ch, enum hr_side me); /* clears flag and eventfd */

#endif
