#include "relay.h"

#include "dataplane/apply.h"
#include "dataplane/objects.h"
#include "dataplane/packet.h"
#include "dataplane/session.h"
#include "dataplane/start.h"

#include <errno.h>
#include <pthread.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_MB  512
#define MBUFS      65535
#define MBUF_CACHE 256 /* as dataplane/start.c has it */
#define RING_SIZE  1024
#define PORT_OUT   0 /* net_null, there from the start */
#define PORT_IN    1
#define MEDIA_PORT 10000
#define CLIENTS_IP 0xC6120010u /* 198.18.0.16: the clients', counted up */
#define CLIENT_UDP 40000
#define MTU        1500
#define GROUP      32 /* endpoints of a room that are together */

static struct rte_mempool *pool;
static struct rte_ring *ring_in[RELAY_WORKERS], *ring_back[RELAY_WORKERS];
static struct dp_port ports[2];

static uint8_t relay_mac[6] = {2, 0, 0, 0, 0, 2}, client_mac[6] = {2, 0, 0, 0, 0, 1};
static uint8_t relay_ip[4] = {198, 18, 0, 2};

/* ---- EAL and ports, once */

static bool enough_hugepages(void)
{
    char line[128];
    unsigned long free_pages = 0, kb = 0;
    FILE *f = fopen("/proc/meminfo", "r");

    while (f && fgets(line, sizeof(line), f)) {
        sscanf(line, "HugePages_Free: %lu", &free_pages);
        sscanf(line, "Hugepagesize: %lu", &kb);
    }
    if (f)
        fclose(f);
    return free_pages * kb >= MEMORY_MB * 1024ul;
}

/* To this process, before EAL pins its threads. */
static cpu_set_t allowed;

static unsigned nth_cpu(unsigned n)
{
    for (unsigned cpu = CPU_SETSIZE; cpu > 0; cpu--)
        if (CPU_ISSET(cpu - 1, &allowed) && n-- == 0)
            return cpu - 1;
    return 0;
}

unsigned relay_cpu(void)
{
    return nth_cpu(0);
}

unsigned relay_cpus(void)
{
    return (unsigned)CPU_COUNT(&allowed);
}

void relay_pin(unsigned n)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(nth_cpu(n % relay_cpus()), &one);
    pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
}

static int start_eal(bool huge)
{
    char memory[16], lcores[24];
    char *argv[] = {"stages",
                    "--no-pci",
                    "--no-telemetry",
                    "--log-level=error",
                    lcores,
                    "--vdev=net_null0,copy=0,no-rx=1",
                    "--no-shconf",
                    huge ? "--in-memory" : "--no-huge",
                    "-m",
                    memory,
                    NULL};

    snprintf(memory, sizeof(memory), "%d", MEMORY_MB);
    snprintf(lcores, sizeof(lcores), "--lcores=0@%u", relay_cpu());
    setenv("RUNTIME_DIRECTORY", "/tmp", 0);
    return rte_eal_init(RTE_DIM(argv) - 1, argv) < 0 ? -rte_errno : 0;
}

static int start_port(struct dp_port *port, uint16_t id)
{
    struct rte_eth_dev_info info;
    int err = rte_eth_dev_info_get(id, &info);

    *port = (struct dp_port){.id = id, .mtu = MTU, .addresses_count = 1};
    memcpy(&port->mac, relay_mac, sizeof(relay_mac));
    memcpy(port->addresses[0].ip, relay_ip, sizeof(relay_ip));
    port->addresses[0].family = 4;
    if (!err) {
        port->tx_multi_segment = true; /* net_null frees chains, though it does not say so */
        port->tx_udp_checksum = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
        port->tx_ipv4_checksum = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
    }
    return err ? err : dp_port_start(port, pool, RELAY_WORKERS);
}

static struct rte_ring *make_ring(const char *what, unsigned i)
{
    char name[16];

    snprintf(name, sizeof(name), "%s%u", what, i);
    return rte_ring_create(name, RING_SIZE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static int start_ports(void)
{
    uint16_t priv = RTE_ALIGN(sizeof(struct dp_packet), RTE_MBUF_PRIV_ALIGN);

    pool = rte_pktmbuf_pool_create("packets", MBUFS, MBUF_CACHE, priv, RTE_MBUF_DEFAULT_BUF_SIZE,
                                   SOCKET_ID_ANY);
    for (unsigned i = 0; i < RELAY_WORKERS; i++) {
        ring_in[i] = make_ring("in", i);
        ring_back[i] = make_ring("back", i);
        if (!pool || !ring_in[i] || !ring_back[i])
            return -rte_errno;
    }
    if (rte_eth_from_rings("in", ring_in, RELAY_WORKERS, ring_back, RELAY_WORKERS, 0) != PORT_IN)
        return -ENODEV;
    int err = start_port(&ports[PORT_OUT], PORT_OUT);
    return err ? err : start_port(&ports[PORT_IN], PORT_IN);
}

int relay_start(bool *hugepages)
{
    sched_getaffinity(0, sizeof(allowed), &allowed);
    *hugepages = *hugepages && enough_hugepages();
    int err = start_eal(*hugepages);
    if (!err)
        err = start_ports();
    if (err)
        fprintf(stderr, "bench: DPDK does not start: %s\n", strerror(-err));
    return err;
}

static void drain(struct rte_ring *ring)
{
    struct rte_mbuf *m;

    while (rte_ring_sc_dequeue(ring, (void **)&m) == 0)
        rte_pktmbuf_free(m);
}

void relay_tidy(struct relay *r)
{
    for (unsigned i = 0; i < r->dp.workers_count; i++) {
        dp_worker_collect(&r->dp.workers[i]);
        drain(ring_back[i]);
    }
    dp_later_poll(&r->dp);
}

void relay_loop(struct relay *r)
{
    for (unsigned i = 0; i < r->dp.workers_count; i++)
        dp_worker_loop(&r->dp.workers[i]);
    relay_tidy(r);
}

/* ---- rooms */

static void on_event(void *arg, const Headrace__Event *event)
{
}

static void on_reply(void *arg, const Headrace__Reply *reply)
{
    struct relay *r = arg;

    r->error = reply->error;
    if (reply->error)
        fprintf(stderr, "bench: %s: %s\n", hr_error_text(reply->error), reply->detail);
}

static int apply(struct relay *r, Headrace__Command *cmd)
{
    int err = dp_apply(&r->dp, cmd, on_reply, r);

    relay_loop(r);
    if (err)
        return err;
    return r->error ? -EINVAL : 0;
}

/* Clients are numbered: a room's publisher, then its receivers. */
static uint32_t client_of(const struct relay *r, unsigned room, unsigned receiver)
{
    return room * (r->plan.fanout + 1) + receiver;
}

static void key_of(uint32_t n, bool egress, uint8_t key[RELAY_CLIENT_KEY])
{
    for (unsigned i = 0; i < RELAY_CLIENT_KEY; i++)
        key[i] = (uint8_t)((n >> 8 * (i % 4)) + 37 * i + (egress ? 101 : 0));
}

static void ip_of(uint32_t n, uint8_t ip[4])
{
    rte_be32_t be = rte_cpu_to_be_32(CLIENTS_IP + n);

    memcpy(ip, &be, sizeof(be));
}

/* As the control plane has it: controlplane/room.h. */
static uint32_t group_of(const struct relay *r, uint32_t n)
{
    uint32_t room = n / (r->plan.fanout + 1), receiver = n % (r->plan.fanout + 1);

    return r->plan.scattered ? 0 : 1 + room + receiver / GROUP;
}

static int put_endpoint(struct relay *r, uint32_t n, uint16_t port)
{
    static const uint32_t kinds[] = {HR_EXT_MID, HR_EXT_AUDIO_LEVEL, HR_EXT_TRANSPORT_CC,
                                     HR_EXT_ABS_SEND_TIME, HR_EXT_DEPENDENCY_DESCRIPTOR};
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__EndpointPut put = HEADRACE__ENDPOINT_PUT__INIT;
    Headrace__SrtpKeys keys = HEADRACE__SRTP_KEYS__INIT;
    Headrace__Path path = HEADRACE__PATH__INIT;
    Headrace__Extension ext[RTE_DIM(kinds)], *exts[RTE_DIM(kinds)];
    uint8_t in[RELAY_CLIENT_KEY], out[RELAY_CLIENT_KEY], ip[4];
    size_t len = hr_srtp_key_len(r->plan.profile) + hr_srtp_salt_len(r->plan.profile);

    key_of(n, false, in);
    key_of(n, true, out);
    ip_of(n, ip);
    keys.profile = r->plan.profile;
    keys.ingress_key = (ProtobufCBinaryData){len, in};
    keys.egress_key = (ProtobufCBinaryData){len, out};
    path.port = port;
    path.local_mac = (ProtobufCBinaryData){6, relay_mac};
    path.remote_mac = (ProtobufCBinaryData){6, client_mac};
    path.local_address = (ProtobufCBinaryData){4, relay_ip};
    path.remote_address = (ProtobufCBinaryData){4, ip};
    path.local_port = MEDIA_PORT;
    path.remote_port = CLIENT_UDP;
    for (unsigned i = 0; i < RTE_DIM(kinds); i++) {
        headrace__extension__init(&ext[i]);
        ext[i].id = i + 1;
        ext[i].kind = kinds[i];
        exts[i] = &ext[i];
    }
    put.id = n + 1;
    put.keys = &keys;
    put.path = &path;
    put.extensions = exts;
    put.n_extensions = RTE_DIM(kinds);
    put.feedback_ssrc = 1;
    put.group = group_of(r, n);
    cmd.op_case = HEADRACE__COMMAND__OP_ENDPOINT_PUT;
    cmd.endpoint_put = &put;
    return apply(r, &cmd);
}

static int put_source(struct relay *r, unsigned room)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__SourcePut put = HEADRACE__SOURCE_PUT__INIT;
    Headrace__Payload payload = HEADRACE__PAYLOAD__INIT, *payloads[] = {&payload};
    bool video = r->plan.video;

    payload.type = video ? RELAY_PT_VIDEO : RELAY_PT_AUDIO;
    payload.clock_rate = video ? 90000 : 48000;
    payload.codec = video ? HEADRACE__PAYLOAD__CODEC__VP8 : HEADRACE__PAYLOAD__CODEC__OPUS;
    put.id = room + 1;
    put.endpoint = client_of(r, room, 0) + 1;
    put.kind = video ? HEADRACE__KIND__VIDEO : HEADRACE__KIND__AUDIO;
    put.mid = "0";
    put.payloads = payloads;
    put.n_payloads = 1;
    put.pli = put.nack = video;
    put.transport_cc = true;
    cmd.op_case = HEADRACE__COMMAND__OP_SOURCE_PUT;
    cmd.source_put = &put;
    return apply(r, &cmd);
}

static int put_subscription(struct relay *r, unsigned room, uint32_t client)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__SubscriptionPut put = HEADRACE__SUBSCRIPTION_PUT__INIT;
    Headrace__PayloadMap map = HEADRACE__PAYLOAD_MAP__INIT, *maps[] = {&map};

    put.opaque = r->plan.opaque;
    map.from = map.to = r->plan.video ? RELAY_PT_VIDEO : RELAY_PT_AUDIO;
    put.id = client + 1;
    put.endpoint = client + 1;
    put.source = room + 1;
    put.mid = "1";
    put.ssrc = put.opaque ? 0 : 1000000 + client;
    put.cname = "bench";
    put.payload_map = maps;
    put.n_payload_map = put.opaque ? 0 : 1;
    cmd.op_case = HEADRACE__COMMAND__OP_SUBSCRIPTION_PUT;
    cmd.subscription_put = &put;
    return apply(r, &cmd);
}

static int put_endpoints(struct relay *r, unsigned room)
{
    int err = put_endpoint(r, client_of(r, room, 0), PORT_IN);

    for (unsigned i = 1; i <= r->plan.fanout && !err; i++)
        err = put_endpoint(r, client_of(r, room, i), r->plan.ring_out ? PORT_IN : PORT_OUT);
    return err;
}

static int put_subscriptions(struct relay *r, unsigned room)
{
    int err = 0;

    for (unsigned i = 1; i <= r->plan.fanout && !err; i++)
        err = put_subscription(r, room, client_of(r, room, i));
    return err;
}

static int each_room(struct relay *r, int (*put)(struct relay *r, unsigned room))
{
    int err = 0;

    for (unsigned room = 0; room < r->plan.rooms && !err; room++)
        err = put(r, room);
    return err;
}

int relay_put_endpoints(struct relay *r)
{
    return each_room(r, put_endpoints);
}

int relay_put_sources(struct relay *r)
{
    return each_room(r, put_source);
}

int relay_put_subscriptions(struct relay *r)
{
    return each_room(r, put_subscriptions);
}

static int make_room(struct relay *r, unsigned room)
{
    int err = put_endpoints(r, room);

    if (!err)
        err = put_source(r, room);
    if (!err)
        err = put_subscriptions(r, room);
    return err;
}

/* ---- the relay */

static void set_config(struct hr_config *c, uint32_t clients)
{
    c->dataplane.mbufs = MBUFS;
    c->dataplane.shards = 64;
    c->dataplane.endpoints = clients;
    c->dataplane.sources = clients;
    c->dataplane.subscriptions = clients;
    c->media.port = MEDIA_PORT;
    c->media.history_ms = 1000;
    c->media.history_kb = 2048;
    c->media.bitrate_start = 400;
    c->media.bitrate_min = 60;
    c->media.bitrate_max = 20000;
    c->media.keyframe_interval_ms = 500;
    c->media.punts_per_second = 1000;
    c->media.punts_per_source_second = 1000;
}

static int make_dataplane(struct relay *r)
{
    struct dp_dataplane *dp = &r->dp;

    dp->config = &r->config;
    dp->run_dir = "";
    memcpy(dp->ports, ports, sizeof(ports));
    dp->ports_count = RTE_DIM(ports);
    dp->workers_wanted = RTE_MAX(1u, r->plan.workers);
    dp->pool = pool;
    dp->returned = -1;
    dp->tsc_hz = rte_get_tsc_hz();
    int err = dp_make_workers(dp);
    if (err)
        return err;
    r->w = dp->workers;
    err = dp_apply_open(dp, on_event, NULL);
    if (err)
        dp_free_workers(dp);
    return err;
}

int relay_open_empty(struct relay *r, const struct relay_plan *plan)
{
    *r = (struct relay){.plan = *plan, .in = ring_in[0]};
    memcpy(r->ins, ring_in, sizeof(ring_in));
    set_config(&r->config, plan->rooms * (plan->fanout + 1));
    int err = make_dataplane(r);
    if (err)
        fprintf(stderr, "bench: no dataplane: %s\n", strerror(-err));
    return err;
}

int relay_open(struct relay *r, const struct relay_plan *plan)
{
    int err = relay_open_empty(r, plan);

    if (err)
        return err;
    err = each_room(r, make_room);
    if (err)
        relay_close(r);
    return err;
}

void relay_close(struct relay *r)
{
    for (unsigned i = 0; i < RELAY_WORKERS; i++)
        drain(ring_in[i]);
    relay_loop(r);
    dp_apply_close(&r->dp);
    dp_free_workers(&r->dp);
}

void relay_publisher_key(const struct relay *r, unsigned room, uint8_t key[RELAY_CLIENT_KEY])
{
    key_of(client_of(r, room, 0), false, key);
}

void relay_publisher_path(const struct relay *r, unsigned room, struct dp_path *path)
{
    *path = (struct dp_path){.port = PORT_IN,
                             .local = {.port = CLIENT_UDP, .family = 4},
                             .remote = {.port = MEDIA_PORT, .family = 4}};
    ip_of(client_of(r, room, 0), path->local.ip);
    memcpy(path->remote.ip, relay_ip, sizeof(relay_ip));
    memcpy(&path->local_mac, client_mac, sizeof(client_mac));
    memcpy(&path->remote_mac, relay_mac, sizeof(relay_mac));
    dp_path_build(path);
}

unsigned relay_worker_of(const struct relay *r, const struct rte_mbuf *m)
{
    const struct rte_ipv4_hdr *ip =
        rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, sizeof(struct rte_ether_hdr));
    uint32_t n = rte_be_to_cpu_32(ip->src_addr) - CLIENTS_IP;
    const struct dp_endpoint_object *o = dp_index_find(&r->dp.objects->endpoints, n + 1);

    return o ? o->worker->id : 0;
}

const struct dp_port *relay_port(const struct relay *r)
{
    return &r->dp.ports[PORT_IN];
}

uint16_t relay_port_out(void)
{
    return PORT_OUT;
}
