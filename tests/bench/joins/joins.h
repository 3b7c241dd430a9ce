/*
 * headrace-bench-joins: clients with real signalling, ICE and DTLS against both daemons. One
 * thread, one epoll; a client is a TCP and a UDP socket with an address of its own. Times are
 * microseconds of CLOCK_MONOTONIC.
 */
#ifndef JOINS_H
#define JOINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How a client joins. */
enum by { BY_WS, BY_WHIP, BY_WHEP };

struct options {
    double storm_seconds, rate_seconds, rate; /* rate: joins a second of the timed phase */
    double media_seconds, settle_seconds;
    unsigned sockets;      /* that may be open at a time */
    unsigned participants; /* of the memory phase */
    unsigned in_flight;    /* of the storm */
    unsigned room_size;
    unsigned calls; /* established ones, in the media phase */
    enum by by;
    int controlplane_core, other_core; /* -1: not pinned */
    const char *programs;              /* directory of the daemons; NULL: beside this program */
    const char *only;                  /* phases, comma-separated; NULL: all */
    bool json, keep_logs;
};

/* ---- lab.c: a namespace, both daemons, their figures */

struct lab {
    char dir[64], config[96];
    pid_t dataplane, controlplane;
    unsigned capacity; /* participants that the daemons are configured for */
};

#define LAB_HTTP_PORT   8080
#define LAB_HTTP        0xc6120001u /* 198.18.0.1 */
#define LAB_CLIENTS     0xc6130001u /* 198.19.0.1 and on, one each */
#define LAB_CLIENTS_MAX 65000

uint64_t now_us(void);
__attribute__((format(printf, 1, 2), noreturn)) void die(const char *format, ...);
void lab_enter(void); /* this process into a network namespace of its own */
void lab_start(struct lab *lab, const struct options *o, unsigned capacity);
void lab_stop(struct lab *lab);
/* Seconds that a process ran, and that it could have run but had no CPU. */
struct lab_time {
    double ran, waited;
};
struct lab_time lab_time(pid_t pid);
/* Bytes of proportional set size. */
uint64_t lab_memory(pid_t pid);
/* A figure of GET /metrics, labels included in name; -1: not there. */
double lab_metric(const char *name);

/* ---- offer.c: what clients say */

struct offer_section {
    bool video, send;
    uint32_t ssrc;   /* of what is sent */
    uint32_t source; /* to be received; 0: none */
};

struct offer {
    const char *ufrag, *pwd, *fingerprint;
    const struct offer_section *sections;
    unsigned count;
    bool json; /* for a JSON string: \r and \n escaped */
};

/* Bytes written to out, without NUL. Aborts when it does not fit. */
size_t offer_write(const struct offer *o, char *out, size_t size);

struct answer {
    char ufrag[40], pwd[72];
    uint32_t address; /* host order */
    uint16_t port;
    bool active; /* the relay begins DTLS */
};

/* Reads what a client needs, from plain SDP or from within a JSON string. False: something is
 * missing. */
bool answer_read(const char *text, size_t len, struct answer *out);

/* peer.c: a certificate for all clients, before the first */
void peer_open(void);

/* ---- client.c */

struct client;

struct join_stats {
    unsigned started, done, failed;
    char first_failure[160];
    float *ms; /* of those done */
    unsigned ms_size;
    float *late_ms; /* behind the time that a join was due */
    unsigned late_count;
};

void clients_open(unsigned most, const struct options *o);
void clients_close(void); /* without goodbye */
/* by WHEP: watches that publisher. */
struct client *client_join(enum by by, unsigned room, const char *name, uint64_t due);
void clients_leave(void); /* all say goodbye; returns when the relay has let go of all */
unsigned clients_joining(void);
unsigned clients_held(void);
struct join_stats *clients_stats(void);
void clients_forget_stats(void);
void clients_turn(uint64_t until); /* serves sockets and timers until that time, or a little less */
bool client_connected(const struct client *c);
bool client_failed(const struct client *c);

/* ---- media.c: calls that go on meanwhile */

struct media; /* one leg's SRTP */

/* 60 bytes of exported keys: client key, server key, client salt, server salt. */
struct media *media_new(bool gcm, bool sends, uint32_t ssrc, const uint8_t *keys);
void media_free(struct media *m);
/* A packet protected into out; its length. */
size_t media_packet(struct media *m, uint8_t *out);
void media_take(struct media *m, uint8_t *data, size_t len);

struct media_counts {
    uint64_t sent, received, rejected;
};
extern struct media_counts media_counts;

/* client.c: sends one packet of a publisher */
void client_send_media(struct client *c);

#endif
