/* A dataplane without ports or threads for unit tests: EAL in plain memory, a pool, one port on
 * paper, one worker. */
#ifndef TEST_LAB_H
#define TEST_LAB_H

#include "dataplane/dataplane.h"
#include "dataplane/packet.h"

/* clang-format off: cmocka wants these first */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

/* First of all in main(); 0 or -1. */
int lab_start_eal(void);

struct lab {
    struct dp_dataplane dp;
    struct dp_worker worker;
    struct hr_config config;
};

/* Addresses 198.18.0.2 and 2001:2::2, MTU 1500, MAC 02:00:00:00:00:02, media port 10000, no
 * offloads. */
struct lab *lab_new(void);
void lab_free(struct lab *lab); /* fails the test when an mbuf is missing from the pool */

/* An mbuf with these bytes, as from the port. */
struct rte_mbuf *lab_packet(struct lab *lab, const void *bytes, size_t len);

/* What a client (198.18.0.1 or 2001:2::1, MAC 02:..:01, UDP 5000) sends to the relay; checksums
 * right. Returns the length. */
size_t lab_udp(uint8_t *frame, int family, const void *payload, size_t len);
size_t lab_icmp(uint8_t *frame, int family, const void *message,
                size_t len); /* ICMPv6 checksum is set */

/* By the book and apart from the code under test: whether IP, UDP, ICMP and ICMPv6 checksums and
 * lengths are right. */
bool lab_frame_is_right(const uint8_t *frame, size_t len);

#endif
