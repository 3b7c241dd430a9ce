/* The rig with several workers: a port with queues, and turns. */
#include "rig_internal.h"

#include "dataplane/peers.h"

#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_udp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUEUES    2 /* of the port */
#define QUEUE     4096
#define IN_FLIGHT 64          /* packets that wait in a queue, with threads */
#define QUIET     20          /* turns, a millisecond each, in which nothing moved */
#define NETWORK   0xC6120000u /* 198.18.0.0 */

static struct rte_ring *rx[QUEUES], *tx[QUEUES];

/* Every thread on any CPU of this process. */
void rig_lcores(char *text, size_t size, unsigned lcores)
{
    cpu_set_t allowed;
    char cpus[1024] = "0";
    size_t used = 0;
    sched_getaffinity(0, sizeof(allowed), &allowed);
    for (unsigned cpu = 0; cpu < CPU_SETSIZE && used < sizeof(cpus) - 8; cpu++)
        if (CPU_ISSET(cpu, &allowed))
            used += (size_t)sprintf(cpus + used, "%s%u", used ? "," : "", cpu);
    used = (size_t)snprintf(text, size, "--lcores=");
    for (unsigned i = 0; i < lcores; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%u@(%s)", i ? "," : "", i, cpus);
}

/* The port of a dataplane with several workers, once. */
int rig_port(struct dp_port *port)
{
    static bool started;
    static uint16_t id;
    char name[16];
    for (unsigned i = 0; i < QUEUES && !started; i++) {
        snprintf(name, sizeof(name), "rx%u", i);
        rx[i] = rte_ring_create(name, QUEUE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
        snprintf(name, sizeof(name), "tx%u", i);
        tx[i] = rte_ring_create(name, QUEUE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    }
    if (!started) {
        int made = rte_eth_from_rings("rig", rx, QUEUES, tx, QUEUES, 0);
        if (made < 0)
            return -1;
        id = (uint16_t)made;
    }
    *port = (struct dp_port){.id = id, .mtu = 1500, .addresses_count = 1};
    port->mac = (struct rte_ether_addr){{2, 0, 0, 0, 0, 1}};
    port->tx_queues = port->rx_queues = QUEUES;
    if (hr_address_parse("198.18.0.2/24", &port->addresses[0]))
        return -1;
    if (!started && dp_port_start(port, rig_pool, QUEUES))
        return -1;
    started = true;
    return 0;
}

static void write_headers(const struct rig_client *c, uint8_t *frame, size_t len)
{
    struct rte_ether_hdr *eth = (void *)frame;
    struct rte_ipv4_hdr *ip = (void *)(frame + 14);
    struct rte_udp_hdr *udp = (void *)(frame + 34);
    memset(frame, 0, RIG_FRAME);
    eth->dst_addr = rig.dp.ports[0].mac;
    eth->src_addr = (struct rte_ether_addr){{2, 0, 0, 0, 0, 2}};
    eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
    ip->version_ihl = RTE_IPV4_VHL_DEF;
    ip->total_length = rte_cpu_to_be_16((uint16_t)(28 + len));
    ip->time_to_live = 64;
    ip->next_proto_id = 17;
    ip->src_addr = rte_cpu_to_be_32(NETWORK + 1);
    ip->dst_addr = rte_cpu_to_be_32(NETWORK + 2);
    ip->hdr_checksum = rte_ipv4_cksum(ip);
    udp->src_port = rte_cpu_to_be_16(c->udp_port);
    udp->dst_port = rte_cpu_to_be_16(10000);
    udp->dgram_len = rte_cpu_to_be_16((uint16_t)(8 + len));
}

void rig_offer(struct rig_client *c, const uint8_t *bytes, size_t len)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(rig_pool);
    assert_non_null(m);
    memset(dp_packet(m), 0xA5, sizeof(struct dp_packet));
    uint8_t *frame = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(RIG_FRAME + len));
    write_headers(c, frame, len);
    memcpy(frame + RIG_FRAME, bytes, len);
    struct rte_udp_hdr *udp = (void *)(frame + 34);
    udp->dgram_cksum = rte_ipv4_udptcp_cksum((const void *)(frame + 14), udp);
    while (rig_threads && rte_ring_count(rx[c->udp_port % QUEUES]) > IN_FLIGHT)
        rig_turn(0);
    /* As a port would: all packets of a flow come to one queue. */
    assert_int_equal(rte_ring_sp_enqueue(rx[c->udp_port % QUEUES], m), 0);
}

void rig_turn(unsigned worker)
{
    struct dp_burst out;
    if (!rig_threads && atomic_load(&rig.workers[worker].running))
        dp_worker_turn(&rig.workers[worker]);
    for (unsigned i = 0; i < QUEUES; i++)
        while ((out.n = rte_ring_sc_dequeue_burst(tx[i], (void **)out.pkts, DP_BURST, NULL)) > 0)
            rig_hand_out(&out);
    for (unsigned i = 0; i < rig_workers; i++)
        dp_worker_collect(&rig.workers[i]);
    dp_later_poll(&rig.dp);
}

static bool something_moves(void)
{
    for (unsigned i = 0; i < QUEUES; i++)
        if (!rte_ring_empty(rx[i]))
            return true;
    for (unsigned i = 0; i < rig_workers; i++) {
        if (!rte_ring_empty(rig.workers[i].mailbox))
            return true;
        for (unsigned k = 0; k < rig_workers; k++)
            if (i != k && !rte_ring_empty(rig.workers[i].peers[k].in))
                return true;
    }
    return false;
}

void rig_take_turns(void)
{
    rig_turn((unsigned)rand() % rig_workers);
}

void rig_settle(void)
{
    while (something_moves())
        rig_take_turns();
    for (unsigned i = 0; rig_threads && i < QUIET; i++) {
        usleep(1000);
        if (something_moves())
            i = 0;
        rig_turn(0);
    }
}

enum hr_error rig_move(uint32_t shard, uint32_t worker)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__ShardMove move = HEADRACE__SHARD_MOVE__INIT;
    move.shard = shard;
    move.worker = worker;
    cmd.op_case = HEADRACE__COMMAND__OP_SHARD_MOVE;
    cmd.shard_move = &move;
    return rig_apply(&cmd);
}

/* A worker that is not a thread begins and ends by being given turns, or none. */
int rig_launch(struct dp_worker *w)
{
    return 0;
}

void rig_join(struct dp_worker *w)
{
    atomic_store(&w->running, false);
}

enum hr_error rig_crew(const char *cpus)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__WorkersSet set = HEADRACE__WORKERS_SET__INIT;
    set.cpus = (char *)cpus;
    cmd.op_case = HEADRACE__COMMAND__OP_WORKERS_SET;
    cmd.workers_set = &set;
    return rig_apply(&cmd);
}

struct dp_session_counts rig_counts(void)
{
    struct dp_session_counts sum = {0};
    for (unsigned i = 0; i < rig_workers; i++) {
        const struct dp_session_counts *c = &rig.workers[i].session->counts;
        sum.endpoints += c->endpoints;
        sum.sources += c->sources;
        sum.streams += c->streams;
        sum.subscriptions += c->subscriptions;
#define X(name) sum.name += c->name;
        DP_SESSION_COUNT_MAP(X)
#undef X
    }
    return sum;
}
