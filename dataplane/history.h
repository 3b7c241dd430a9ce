/*
 * What is kept for retransmission: per stream the received packets, as references to their mbufs.
 * With the runs of a subscription (seqmap.h) they give the identical bytes again; nothing else may
 * ever leave under a number that was used (RFC 3711 9.1).
 */
#ifndef DP_HISTORY_H
#define DP_HISTORY_H

#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdint.h>

#define DP_HISTORY_VIDEO_MIN  256  /* packets a stream keeps, at least and */
#define DP_HISTORY_VIDEO_MAX  2048 /* at most; between them so many: */
#define DP_HISTORY_PER_SECOND 1024
#define DP_HISTORY_AUDIO      128

/* Received packets of one stream by index; the index and arrival are in struct dp_packet. */
struct dp_history {
    struct rte_mbuf **pkts;
    uint32_t size;  /* a power of two; 0: keeps nothing */
    uint32_t bytes; /* of UDP payload in all that is kept */
    uint64_t low;   /* no packet below is kept; low > high: empty */
    uint64_t high;
};

/* mbufs that all histories of one worker hold together. */
struct dp_history_budget {
    uint32_t held;
    uint32_t limit;
    uint32_t stream_bytes; /* UDP payload of one stream that is kept at most */
    uint64_t max_age;      /* TSC */
};

/* Packets to keep of one stream: a power of two. */
uint32_t dp_history_size(bool video, uint32_t history_ms);
/* Takes a reference to m, whose dp_packet.index is set; no effect if it is kept already. */
void dp_history_keep(struct dp_history *h, struct dp_history_budget *b, struct rte_mbuf *m);
/* The packet, still the history's, or NULL. */
struct rte_mbuf *dp_history_find(const struct dp_history *h, uint64_t index);
/* Lets go of what is older than max_age. */
void dp_history_expire(struct dp_history *h, struct dp_history_budget *b, uint64_t now);
void dp_history_clear(struct dp_history *h, struct dp_history_budget *b);

#endif
