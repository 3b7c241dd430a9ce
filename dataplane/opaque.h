/*
 * Opaque forwarding: what a source sends leaves bit for bit, and only the headers in front of it
 * are new. Receivers are legs: one cache line each, the headers ready made, in an array per source
 * and worker, those of one port and IP version side by side. So a copy is a line read, an mbuf with
 * headers written, and a reference to the received payload.
 */
#ifndef DP_OPAQUE_H
#define DP_OPAQUE_H

#include "dataplane/path.h"
#include "proto/limits.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

/* Of packets to nobody but opaque receivers, who verify tags themselves, the relay verifies each so
 * manyth of a stream, for its rollover counter. */
#define DP_OPAQUE_CHECK 64

/* Legs by port and IP version; the last group is of those that get nothing now. */
#define DP_OPAQUE_GROUPS (2 * HR_PORTS_MAX + 1)

struct dp_burst;
struct dp_endpoint;
struct dp_source;
struct dp_subscription;
struct dp_worker;
struct rte_mbuf;

/* Headers of a path, with sums where checksums belong: the IPv4 header's, and that of pseudo-header
 * and UDP header without lengths. */
struct dp_opaque_leg {
    alignas(64) uint8_t header[DP_PATH_HEADER_MAX];
};

_Static_assert(sizeof(struct dp_opaque_leg) == 64, "a leg is one cache line");

struct dp_opaque_fan {
    struct dp_opaque_leg *legs;  /* size of them, and behind them */
    struct dp_subscription **of; /* whose each is */
    uint32_t count, size;
    uint32_t ends[DP_OPAQUE_GROUPS]; /* of each group in legs */
    uint64_t packets, bytes;         /* forwarded to every leg that is not of the last group */
};

/* Bytes of the block that holds legs and of. */
static inline size_t dp_opaque_bytes(uint32_t size)
{
    return size * (sizeof(struct dp_opaque_leg) + sizeof(struct dp_subscription *));
}

/* Takes a larger block, zeroed; returns the old one, for free(). */
void *dp_opaque_grow(struct dp_opaque_fan *fan, void *block, uint32_t size);

/* ---- subscriptions with opaque set */

/* From its source to another, or to none. The new one's fan has room. */
void dp_opaque_attach(struct dp_subscription *s, struct dp_source *source);
/* After a change of path or pause. */
void dp_opaque_place(struct dp_subscription *s);
/* The whole fan is another view's now. */
void dp_opaque_rebase(struct dp_source *view);
/* Brings what the subscription has been sent up to date: s->bytes, of whole UDP payloads. */
void dp_opaque_settle(struct dp_subscription *s);

/* All of one endpoint's are opaque, or none. */
bool dp_endpoint_opaque(const struct dp_endpoint *e);

/* ---- packets */

/* Takes in a packet of a stream that nobody rekeys, without verifying it; false: it has to be. */
bool dp_opaque_take(struct dp_worker *w, struct rte_mbuf *m);
/* Whether there are, or were, opaque subscriptions. */
bool dp_opaque_any(const struct dp_worker *w);
/* Whether anybody, at any worker, receives s like this. */
bool dp_opaque_wanted(const struct dp_source *s);
/* And nobody has it rekeyed. */
bool dp_opaque_only(const struct dp_source *s);
/* Whether the relay itself reports to e: not where nobody rekeys what it publishes. */
bool dp_opaque_reports(const struct dp_endpoint *e);

/* Before SRTCP m is decrypted in place: a copy, where it is to be forwarded as it is; else NULL. */
struct rte_mbuf *dp_opaque_rtcp_copy(struct dp_worker *w, struct rte_mbuf *m);
/* It was authentic: to the publishers whose subscriber has sent it, in out or by their workers, and
 * to the session's burst for the legs of the source that has sent it. */
void dp_opaque_rtcp(struct dp_worker *w, struct rte_mbuf *copy, struct dp_burst *out);
/* Such packets from other workers, for publishers of this one. */
void dp_opaque_upstream(struct dp_worker *w, struct dp_burst *in, struct dp_burst *out);

#endif
