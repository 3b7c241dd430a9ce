/*
 * What the headrace command asks on controlplane.sock; JSON:
 *
 *   GET /admin/version       {"version"}
 *   GET /admin/status        {"version", "uptime_s", "pid", "rooms", "participants", "endpoints",
 * "draining", "dataplane": {"connected", "ready", "version"?, "workers"?, "error"?}, "http":
 * {"address", "port", "tls"}} GET /admin/rooms         [{"name", "participants", "sources",
 * "created_s"}], by name; created_s is seconds since 1970 GET /admin/rooms/{room}  {"name",
 * "created_s", "chat_lines", "participants": [P]}, or 404
 *
 *   P: {"id": "p1", "name", "kind", "signalling", "connected", "address": "192.0.2.1:5000", "srtp",
 *       "silence_ms"?, "rx_packets"?, "tx_packets"?, "estimate"?, "rtt_us"?, "loss"?,
 *       "pace_queue_ms"?, "probes"?,
 *       "sources": [{"id": "s1", "kind", "label", "codec", "muted", "simulcast", "packets",
 * "bytes", "lost", "jitter", "bitrate"}], "subscriptions": [{"mid", "source": "s2" or null,
 * "packets", "bytes", "lost", "retransmitted", "bitrate"}]}
 *
 * lost is what the receiving side of that leg says is missing; bitrate is bit/s since the last look
 * (0 at the first). estimate, bit/s, and what follows it: of the way to a receiver that gives
 * feedback; loss is in 1/256 of the packets sent lately.
 */
#ifndef CP_ADMIN_H
#define CP_ADMIN_H

#include "controlplane/exchange.h"

#define CP_ADMIN_PARTICIPANTS_MAX 4096 /* of a room in one answer; the rest is left out */

cp_handler cp_admin_status, cp_admin_rooms, cp_admin_room, cp_admin_version;

#endif
