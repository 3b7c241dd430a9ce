#include "proto/config_schema.h"

#include "proto/limits.h"

#ifndef HR_WEB_ROOT
#define HR_WEB_ROOT "/usr/share/headrace/web"
#endif

#define AT(field)     offsetof(struct hr_config, field)
#define LIST(field)   AT(field), AT(field##_count)
#define SCALAR(field) AT(field), 0
#define TEXT          0, 0, NULL
#define ONE_OF(list)  0, 0, list
#define RANGE(lo, hi) lo, hi, NULL

const char *const config_sections[] = {"dataplane", "media", "http", "limits", NULL};

/* clang-format off */
const struct config_row config_rows[CONFIG_ROWS] = {
    {"run_dir", CONFIG_STRING, SCALAR(run_dir), "/run/headrace", TEXT,
     "Directory of the daemons' sockets."},
    {"log_level", CONFIG_STRING, SCALAR(log_level), "info", ONE_OF("error, warning, info, debug"),
     "Lines less important than this are not written."},

    {"dataplane.ports", CONFIG_PORTS, LIST(dataplane.ports), "", TEXT,
     "DPDK ports: each has a device (a PCI address, or a virtual device such as net_af_packet0,iface=eth1) and addresses with prefix."},
    {"dataplane.worker_cores", CONFIG_STRING, SCALAR(dataplane.worker_cores), "", TEXT,
     "CPUs of the polling workers, one each: \"2\", \"2-5,8\". Empty: one worker, not pinned."},
    {"dataplane.workers_max", CONFIG_U32, SCALAR(dataplane.workers_max), "0", RANGE(0, HR_WORKERS_MAX),
     "Most workers that `headrace cores set` may ask for: ports get as many queues at the start. 0: as many as worker_cores lists, and no fewer than there are CPUs or 4."},
    {"dataplane.main_core", CONFIG_STRING, SCALAR(dataplane.main_core), "", TEXT,
     "CPU of the thread that takes commands. Empty: not pinned."},
    {"dataplane.polling", CONFIG_STRING, SCALAR(dataplane.polling), "busy", ONE_OF("busy, low-power"),
     "busy: workers never sleep. low-power: an idle worker naps, up to nap_us."},
    {"dataplane.nap_us", CONFIG_U32, SCALAR(dataplane.nap_us), "500", RANGE(1, 10000),
     "Longest nap of an idle worker in low-power polling, microseconds; a packet may wait that long."},
    {"dataplane.hugepages", CONFIG_BOOL, SCALAR(dataplane.hugepages), "true", TEXT,
     "Packet memory in hugepages. Without them DPDK needs more time for each memory access, and no NIC works."},
    {"dataplane.memory_mb", CONFIG_U32, SCALAR(dataplane.memory_mb), "512", RANGE(64, 1048576),
     "Memory for DPDK, MiB."},
    {"dataplane.mbufs", CONFIG_U32, SCALAR(dataplane.mbufs), "65536", RANGE(2048, 16777216),
     "Packet buffers of 2.3 KiB each; packets kept for retransmission hold them."},
    {"dataplane.shards", CONFIG_U32, SCALAR(dataplane.shards), "64", RANGE(1, 4096),
     "Slices of all endpoints that move between workers as one; a power of two."},
    {"dataplane.endpoints", CONFIG_U32, SCALAR(dataplane.endpoints), "4096", RANGE(1, 1048576),
     "Most endpoints at once: one for each participant, two while two are alone and speak directly."},
    {"dataplane.sources", CONFIG_U32, SCALAR(dataplane.sources), "16384", RANGE(1, 4194304),
     "Most published sources at once."},
    {"dataplane.subscriptions", CONFIG_U32, SCALAR(dataplane.subscriptions), "65536", RANGE(1, 16777216),
     "Most subscriptions at once."},
    {"dataplane.check_nonces", CONFIG_BOOL, SCALAR(dataplane.check_nonces), HR_CHECK_NONCES, TEXT,
     "Remember what left under each key, SSRC and index, and refuse to send anything else under it. For tests and debug builds, whose default is true; costs time."},
    {"dataplane.eal", CONFIG_LIST, LIST(dataplane.eal), "", TEXT,
     "More arguments for DPDK's EAL."},

    {"media.port", CONFIG_U16, SCALAR(media.port), "10000", RANGE(1, 65535),
     "UDP port of all media."},
    {"media.advertise", CONFIG_LIST, LIST(media.advertise), "", TEXT,
     "Addresses told to clients, when they differ from the ports' own (behind a 1:1 NAT)."},
    {"media.ice_servers", CONFIG_LIST, LIST(media.ice_servers), "", TEXT,
     "STUN and TURN servers named to WHIP and WHEP clients in Link headers: stun:HOST, or \"turn:HOST USERNAME CREDENTIAL\". The relay needs none."},
    {"media.video_codecs", CONFIG_LIST, LIST(media.video_codecs), "VP8,VP9,H264,AV1", ONE_OF("VP8, VP9, H264, AV1"),
     "Video codecs in order of preference."},
    {"media.punts_per_second", CONFIG_U32, SCALAR(media.punts_per_second), "20000", RANGE(10, 10000000),
     "Most STUN and DTLS packets a second that go to the control plane, in all; the rest is dropped and counted."},
    {"media.punts_per_source_second", CONFIG_U32, SCALAR(media.punts_per_source_second), "2000", RANGE(10, 10000000),
     "The same for each source address. Many people behind one NAT share one."},
    {"media.history_ms", CONFIG_U32, SCALAR(media.history_ms), "1000", RANGE(0, 10000),
     "How long packets are kept for retransmission, milliseconds."},
    {"media.history_kb", CONFIG_U32, SCALAR(media.history_kb), "2048", RANGE(16, 1048576),
     "How much of one stream is kept for retransmission at most, KiB."},
    {"media.bitrate_start", CONFIG_U32, SCALAR(media.bitrate_start), "400", RANGE(30, 1000000),
     "What a receiver's link is taken to carry before it has told, kbit/s."},
    {"media.bitrate_min", CONFIG_U32, SCALAR(media.bitrate_min), "60", RANGE(10, 100000),
     "What it is never taken to carry less than, kbit/s."},
    {"media.bitrate_max", CONFIG_U32, SCALAR(media.bitrate_max), "20000", RANGE(100, 1000000),
     "What is sent to one receiver at most, video in all, kbit/s."},
    {"media.keyframe_interval_ms", CONFIG_U32, SCALAR(media.keyframe_interval_ms), "500", RANGE(50, 60000),
     "A publisher is asked for a key frame at most once in this time, milliseconds."},
    {"media.audio_loudest", CONFIG_U32, SCALAR(media.audio_loudest), "3", RANGE(0, 15),
     "How many of a room's microphones are forwarded: the loudest, and the dominant speaker's beside them. 0: all of them."},
    {"media.direct", CONFIG_BOOL, SCALAR(media.direct), "true", TEXT,
     "Two people alone in a room speak from browser to browser: their packets are passed on, the relay has no key. When somebody joins, they go back to the ordinary way."},
    {"media.peek", CONFIG_BOOL, SCALAR(media.peek), "true", TEXT,
     "Uncover a codec's payload header, in a register, where a simulcast stream comes without the Dependency Descriptor."},

    {"http.address", CONFIG_STRING, SCALAR(http.address), "127.0.0.1", TEXT,
     "Address of the web page, signalling, WHIP and WHEP."},
    {"http.port", CONFIG_U16, SCALAR(http.port), "8080", RANGE(1, 65535),
     "TCP port of the same."},
    {"http.tls_certificate", CONFIG_STRING, SCALAR(http.tls_certificate), "", TEXT,
     "PEM file with the certificate chain. Empty: no TLS; browsers then give camera and microphone to localhost only."},
    {"http.tls_key", CONFIG_STRING, SCALAR(http.tls_key), "", TEXT,
     "PEM file with the certificate's private key."},
    {"http.web_root", CONFIG_STRING, SCALAR(http.web_root), HR_WEB_ROOT, TEXT,
     "Directory of the web page."},
    {"http.origins", CONFIG_LIST, LIST(http.origins), "", TEXT,
     "Other origins whose pages may open the signalling WebSocket: https://meet.example.org. The page's own always may."},
    {"http.sdes_cleartext", CONFIG_BOOL, SCALAR(http.sdes_cleartext), "false", TEXT,
     "Take SDES offers, which have keys in them, over HTTP without TLS from other machines than this one too."},

    {"limits.rooms", CONFIG_U32, SCALAR(limits.rooms), "1024", RANGE(1, 1048576),
     "Most rooms at once."},
    {"limits.participants_per_room", CONFIG_U32, SCALAR(limits.participants_per_room), "500", RANGE(1, 100000),
     "Most people in one room."},
    {"limits.participants", CONFIG_U32, SCALAR(limits.participants), "4096", RANGE(1, 1048576),
     "Most people in all rooms."},
    {"limits.sources_per_participant", CONFIG_U32, SCALAR(limits.sources_per_participant), "8", RANGE(1, 16),
     "Most sources that one participant publishes."},
    {"limits.chat_lines", CONFIG_U32, SCALAR(limits.chat_lines), "200", RANGE(0, 10000),
     "Chat lines kept for those who join later."},
    {"limits.messages_per_second", CONFIG_U32, SCALAR(limits.messages_per_second), "50", RANGE(1, 10000),
     "Most signalling messages a second from one client."},
    {"limits.resume_s", CONFIG_U32, SCALAR(limits.resume_s), "30", RANGE(1, 3600),
     "How long a participant whose signalling dropped is kept, seconds."},
    {"limits.sdes_wait_s", CONFIG_U32, SCALAR(limits.sdes_wait_s), "60", RANGE(1, 3600),
     "An SDES session whose first packet has not come by then ends, seconds."},
    {"limits.sdes_silence_s", CONFIG_U32, SCALAR(limits.sdes_silence_s), "30", RANGE(1, 3600),
     "An SDES session that is silent for so long ends, seconds."},
};
/* clang-format on */
