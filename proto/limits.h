/*
 * Every limit of the contract, with its unit and what happens beyond it. Limits that an operator
 * may move are configuration (proto/config.h); these are the sizes of things that both daemons lay
 * out.
 */
#ifndef HR_LIMITS_H
#define HR_LIMITS_H

#define HR_PROTOCOL_VERSION 1 /* Hello.protocol */

#define HR_WORKERS_MAX 64 /* polling lcores; more are refused at the start */
#define HR_PORTS_MAX   8  /* DPDK ports */

/* Slots of the rings: count (a power of two) and bytes each. Full: commands push back, the rest is
 * dropped, counted. */
#define HR_COMMAND_SLOTS     1024
#define HR_COMMAND_SLOT_SIZE 8192
#define HR_EVENT_SLOTS       1024
#define HR_EVENT_SLOT_SIZE   32768
#define HR_PUNT_SLOTS        2048
#define HR_PUNT_SLOT_SIZE    2048
#define HR_INJECT_SLOTS      2048
#define HR_INJECT_SLOT_SIZE  2048

#define HR_SOCKET_MESSAGE_MAX 65536 /* bytes of a datagram on dataplane.sock; longer: refused */
#define HR_STATS_MAX          32    /* endpoints in one StatsGet, */
#define HR_STATS_STREAMS_MAX  270   /* and streams in its Reply, 110 bytes each; others: left out */

#define HR_COOKIE_MAX     2048 /* bytes */
#define HR_MID_MAX        16   /* bytes; RFC 8843 lets a MID be longer, browsers' are 1 to 3 */
#define HR_RID_MAX        16   /* bytes */
#define HR_CNAME_MAX      64   /* bytes */
#define HR_RIDS_MAX       3    /* simulcast layers of a source */
#define HR_PAYLOADS_MAX   32   /* payload types of a source or a subscription */
#define HR_EXTENSIONS_MAX 16   /* header extensions of an endpoint */
#define HR_PATHS_MAX      8    /* 5-tuples that media of an endpoint may come by */
#define HR_RECENT_SPEAKERS 8  /* named in SpeakersChanged */
#define HR_LATCH_SSRCS_MAX 16 /* SSRCs that an endpoint without ICE says it sends under */
#define HR_UFRAG_MAX      32
#define HR_PWD_MAX        64

#endif
