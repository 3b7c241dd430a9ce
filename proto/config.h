/*
 * /etc/headrace/headrace.yaml, read by both daemons and the command through one table (libcyaml).
 * A row per key: name, type, default, range, help. `headrace config show` and docs are made from
 * it.
 */
#ifndef HR_CONFIG_H
#define HR_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hr_config_port {
    char *device;     /* "0000:01:00.0" or "net_af_packet0,iface=eth1" */
    char **addresses; /* "198.18.0.2/24", "2001:2::2/64" */
    unsigned addresses_count;
};

struct hr_config {
    char *run_dir;   /* /run/headrace */
    char *log_level; /* error, warning, info, debug */
    struct {
        char **eal; /* extra EAL arguments, one each */
        unsigned eal_count;
        bool hugepages;
        uint32_t memory_mb; /* for DPDK */
        char *main_core;    /* "" : any */
        char *worker_cores; /* "1", "2-5,8"; "" : one worker, not pinned */
        uint32_t workers_max; /* 0: as many as there are CPUs, 4 at most; no fewer than listed */
        char *polling;      /* busy, low-power */
        uint32_t nap_us;    /* low-power: longest nap */
        uint32_t mbufs;     /* packets */
        uint32_t shards;    /* a power of two */
        uint32_t endpoints; /* limits of the tables */
        uint32_t sources;
        uint32_t subscriptions;
        bool check_nonces; /* watch every packet sent; costs time */
        struct hr_config_port *ports;
        unsigned ports_count;
    } dataplane;
    struct {
        uint16_t port;    /* UDP 10000 */
        char **advertise; /* addresses in ICE candidates; none: the ports' own */
        unsigned advertise_count;
        char **video_codecs; /* in order of preference */
        unsigned video_codecs_count;
        char **ice_servers; /* "stun:HOST", or "turn:HOST USERNAME CREDENTIAL" */
        unsigned ice_servers_count;
        uint32_t punts_per_second;        /* in all */
        uint32_t punts_per_source_second; /* per source address */
        uint32_t history_ms;              /* for retransmission */
        uint32_t history_kb;              /* likewise, of one stream */
        uint32_t bitrate_start, bitrate_min, bitrate_max; /* kbit/s, to each receiver */
        uint32_t keyframe_interval_ms;    /* at most one keyframe request per source in this time */
        uint32_t audio_loudest; /* audio sources of a room, beside the dominant one's; 0: all */
        bool direct; /* two people alone: DTLS from browser to browser */
        bool peek;   /* uncover codec payload headers where the Dependency Descriptor is missing */
    } media;
    struct {
        char *address;         /* 127.0.0.1 */
        uint16_t port;         /* 8080 */
        char *tls_certificate; /* "" : no TLS */
        char *tls_key;
        char *web_root;
        char **origins; /* allowed beside the page's own */
        unsigned origins_count;
        bool sdes_cleartext; /* keys in SDP over HTTP from other machines too */
    } http;
    struct {
        uint32_t rooms;
        uint32_t participants_per_room;
        uint32_t participants;
        uint32_t sources_per_participant;
        uint32_t chat_lines;          /* kept per room */
        uint32_t messages_per_second; /* of one client */
        uint32_t resume_s;            /* a participant without signalling is kept this long */
        uint32_t sdes_wait_s;         /* for the first packet of an SDES session */
        uint32_t sdes_silence_s;      /* of an SDES session, then it ends */
    } limits;
};

struct hr_config_error {
    char text[512]; /* "FILE:LINE: dataplane.polling: 'bussy' is not one of busy, low-power" */
};

/* path NULL: /etc/headrace/headrace.yaml, and the defaults where it does not exist. 0 or -errno
 * with err filled. */
int hr_config_load(const char *path, struct hr_config **out, struct hr_config_error *err);
void hr_config_free(struct hr_config *c);

/* One row per key, for `config show` and the reference page. */
struct hr_config_key {
    const char *name; /* "media.port" */
    const char *type; /* "integer 1..65535", "one of busy, low-power" */
    const char *help;
};
const struct hr_config_key *hr_config_keys(size_t *count);
/* The value of a key as YAML text on one line; 0 or -ENOENT. is_default tells whether it was not
 * set. */
int hr_config_value(const struct hr_config *c, const char *name, char *buf, size_t size,
                    bool *is_default);

#endif
