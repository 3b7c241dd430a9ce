#include "rig_internal.h"

#include "dataplane/frame.h"
#include "dataplane/peers.h"
#include "dataplane/rtp/wire.h"
#include "dataplane/start.h"
#include "dataplane/target.h"

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ip.h>
#include <rte_udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POOL_SIZE 16383

struct rig rig;
unsigned rig_workers = 1;
bool rig_threads;

/* start, end, template 0, frame 1; structure: one template, one target */
const uint8_t rig_dd_key[6] = {0xC0, 0x00, 0x01, 0x80, 0x00, 0xE0};
const uint8_t rig_dd_delta[3] = {0xC0, 0x00, 0x02};

struct rte_mempool *rig_pool;

int rig_eal(void **state)
{
    char lcores[4096] = "--lcores=0";
    char *argv[] = {"test", "--no-huge",      "--no-shconf",       "--no-pci", "-m",
                    "128",  "--no-telemetry", "--log-level=error", lcores,     NULL};
    rig_threads = getenv("RIG_THREADS") != NULL;
    if (rig_threads)
        rig_lcores(lcores, sizeof(lcores), 1 + RIG_WORKERS);
    setenv("RUNTIME_DIRECTORY", "/tmp", 0);
    rig_workers = getenv("RIG_WORKERS") ? (unsigned)atoi(getenv("RIG_WORKERS")) : 1;
    if (rte_eal_init(RTE_DIM(argv) - 1, argv) < 0)
        return -1;
    uint16_t priv = RTE_ALIGN(sizeof(struct dp_packet), RTE_MBUF_PRIV_ALIGN);
    rig_pool = rte_pktmbuf_pool_create("rig", POOL_SIZE, 0, priv, RTE_MBUF_DEFAULT_BUF_SIZE,
                                       SOCKET_ID_ANY);
    return rig_pool ? 0 : -1;
}

static void on_event(void *arg, const Headrace__Event *event)
{
    if (rig_on_latched(event) || rig_on_speakers(event))
        return;
    rig.seen += event->what_case == HEADRACE__EVENT__WHAT_STREAM_SEEN;
    rig.seen_ssrc = event->stream_seen->ssrc;
    snprintf(rig.seen_rid, sizeof(rig.seen_rid), "%s", event->stream_seen->rid);
}

static void set_config(struct hr_config *c)
{
    c->dataplane.mbufs = POOL_SIZE;
    c->dataplane.shards = 4;
    c->dataplane.endpoints = RIG_CLIENTS;
    c->dataplane.sources = 64;
    c->dataplane.subscriptions = 64;
    c->dataplane.check_nonces = true;
    c->dataplane.nap_us = 100;
    c->media.port = 10000;
    c->media.history_ms = 1000;
    c->media.history_kb = 2048;
    c->media.bitrate_start = 400;
    c->media.bitrate_min = 60;
    c->media.bitrate_max = 20000;
    c->media.keyframe_interval_ms = 500;
    c->media.punts_per_second = 1000;
    c->media.punts_per_source_second = 1000;
}

int rig_up(void **state)
{
    memset(&rig, 0, sizeof(rig));
    set_config(&rig.config);
    rig.dp.config = &rig.config;
    rig.dp.tsc_hz = rig_threads ? rte_get_tsc_hz() : 1000000000;
    rig.dp.low_power = true;
    rig.dp.ports_count = 1;
    rig.dp.targets = dp_targets_pool();
    rig.dp.ports[0].mtu = 1500;
    rig.dp.workers = &rig.worker;
    rig.dp.workers_count = rig_workers;
    rig.dp.idle = rig_take_turns;
    rig.dp.launch = rig_threads ? NULL : rig_launch;
    rig.dp.join = rig_threads ? NULL : rig_join;
    for (unsigned i = 0; i < rig_workers; i++) {
        struct dp_worker *w = &rig.workers[i];
        w->dp = &rig.dp;
        w->id = i;
        w->lcore = 1 + i;
        w->cpu = (int)i;
        w->pool = rig_pool;
        w->now = 10 * rig.dp.tsc_hz;
        if (dp_worker_init(w))
            return -1;
        atomic_store(&w->running, rig_workers > 1);
    }
    if (rig_workers > 1 && (rig_port(&rig.dp.ports[0]) || dp_peers_open(&rig.dp)))
        return -1;
    for (unsigned cpu = 0; cpu <= RIG_WORKERS; cpu++) /* whether they exist or not */
        CPU_SET(cpu, &rig.dp.cpus);
    dp_crew_open(&rig.dp, rig_workers);
    if (dp_apply_open(&rig.dp, on_event, NULL))
        return -1;
    return rig_threads ? dp_start_workers(&rig.dp) : 0;
}

static void run_mailbox(void)
{
    struct dp_work *work;
    if (rig_workers > 1) {
        rig_settle();
        return;
    }
    while (rte_ring_sc_dequeue(rig.worker.mailbox, (void **)&work) == 0) {
        work->run(&rig.worker, work);
        assert_int_equal(dp_worker_return(&rig.worker, work), 0);
    }
    dp_worker_collect(&rig.worker);
}

int rig_down(void **state)
{
    run_mailbox();
    uint64_t alarms = 0;
    if (rig_threads)
        dp_stop_workers(&rig.dp);
    for (unsigned i = 0; i < rig_workers; i++)
        alarms += rig.workers[i].session->counts.nonce_alarms;
    for (unsigned i = 0; i < RIG_CLIENTS; i++) {
        struct rig_client *c = &rig.clients[i];
        free(c->inbox);
        if (c->tx)
            srtp_dealloc(c->tx);
        if (c->rx)
            srtp_dealloc(c->rx);
    }
    dp_apply_close(&rig.dp);
    dp_peers_close(&rig.dp);
    for (unsigned i = 0; i < rig_workers; i++)
        dp_worker_free(&rig.workers[i]);
    rte_mempool_free(rig.dp.targets);
    unsigned leaked = rte_mempool_in_use_count(rig_pool);
    return alarms != rig.alarms || leaked ? -1 : 0;
}

/* ---- commands */

static void on_reply(void *arg, const Headrace__Reply *reply)
{
    rig.replies++;
    rig.error = reply->error;
    snprintf(rig.detail, sizeof(rig.detail), "%s", reply->detail);
}

enum hr_error rig_apply(Headrace__Command *cmd)
{
    unsigned replies = rig.replies;
    assert_int_equal(dp_apply(&rig.dp, cmd, on_reply, NULL), 0);
    while (rig_threads && rig.replies == replies)
        rig_turn(0);
    if (!rig_threads)
        run_mailbox();
    assert_int_equal(rig.replies, replies + 1);
    return rig.error;
}

static srtp_t session(const struct rig_client *c, const uint8_t *key, srtp_ssrc_type_t type)
{
    srtp_policy_t policy = {.ssrc.type = type, .key = (unsigned char *)key, .window_size = 1024};
    srtp_t out;
    if (c->profile == HR_SRTP_AEAD_AES_128_GCM) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    } else {
        srtp_crypto_policy_set_rtp_default(&policy.rtp);
        srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
    }
    static bool initialized;
    assert_true(initialized || srtp_init() == srtp_err_status_ok);
    initialized = true;
    assert_int_equal(srtp_create(&out, &policy), srtp_err_status_ok);
    return out;
}

struct rig_client *rig_client(unsigned i, enum hr_srtp_profile profile, struct rig_exts exts)
{
    struct rig_client *c = &rig.clients[i];
    c->id = i + 1;
    c->profile = profile;
    c->exts = exts;
    c->udp_port = (uint16_t)(40000 + i);
    for (unsigned k = 0; k < sizeof(c->write_key); k++) {
        c->write_key[k] = (uint8_t)(17 * i + 3 * k + 1);
        c->read_key[k] = (uint8_t)(29 * i + 5 * k + 2);
    }
    c->inbox = calloc(RIG_INBOX, sizeof(*c->inbox));
    c->tx = session(c, c->write_key, ssrc_any_outbound);
    c->rx = session(c, c->read_key, ssrc_any_inbound);
    assert_int_equal(rig_endpoint(c, true, !c->latch), HR_ERROR_OK);
    return c;
}

static void set_path(Headrace__Path *path, const struct rig_client *c)
{
    static uint8_t local_mac[6] = {2, 0, 0, 0, 0, 1}, remote_mac[6] = {2, 0, 0, 0, 0, 2};
    static uint8_t local[4] = {198, 18, 0, 2}, remote[4] = {198, 18, 0, 1};
    headrace__path__init(path);
    path->local_mac = (ProtobufCBinaryData){6, local_mac};
    path->remote_mac = (ProtobufCBinaryData){6, remote_mac};
    path->local_address = (ProtobufCBinaryData){4, local};
    path->remote_address = (ProtobufCBinaryData){4, remote};
    path->local_port = 10000;
    path->remote_port = c->udp_port;
}

enum hr_error rig_endpoint(struct rig_client *c, bool keys, bool path)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__EndpointPut put = HEADRACE__ENDPOINT_PUT__INIT;
    Headrace__SrtpKeys k = HEADRACE__SRTP_KEYS__INIT;
    Headrace__Path p, others[HR_PATHS_MAX], *also[HR_PATHS_MAX];
    struct rig_client other = *c;
    Headrace__Extension ext[HR_EXT_KINDS], *exts[HR_EXT_KINDS];
    size_t len = hr_srtp_key_len(c->profile) + hr_srtp_salt_len(c->profile);
    k.profile = c->profile;
    k.ingress_key = (ProtobufCBinaryData){len, c->write_key};
    k.egress_key = (ProtobufCBinaryData){len, c->read_key};
    set_path(&p, c);
    put.id = c->id;
    put.keys = keys ? &k : NULL;
    put.path = path ? &p : NULL;
    put.also = also;
    for (; put.n_also < HR_PATHS_MAX && c->also_ports[put.n_also]; put.n_also++) {
        other.udp_port = c->also_ports[put.n_also];
        set_path(also[put.n_also] = &others[put.n_also], &other);
    }
    put.peer = c->peer;
    put.group = c->group;
    rig_put_latch(&put, c);
    put.feedback_ssrc = 99;
    put.rtcp_rsize = !c->whole_rtcp;
    put.extensions = exts;
    for (unsigned kind = 1; kind < HR_EXT_KINDS; kind++) {
        if (c->exts.id[kind] == 0)
            continue;
        headrace__extension__init(&ext[kind]);
        ext[kind].id = c->exts.id[kind];
        ext[kind].kind = kind;
        exts[put.n_extensions++] = &ext[kind];
    }
    cmd.op_case = HEADRACE__COMMAND__OP_ENDPOINT_PUT;
    cmd.endpoint_put = &put;
    return rig_apply(&cmd);
}

enum hr_error rig_delete(Headrace__ObjectDelete__Type type, uint32_t id)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__ObjectDelete what = HEADRACE__OBJECT_DELETE__INIT;
    what.type = type;
    what.id = id;
    cmd.op_case = HEADRACE__COMMAND__OP_OBJECT_DELETE;
    cmd.object_delete = &what;
    return rig_apply(&cmd);
}

enum hr_error rig_video(uint32_t id, struct rig_client *c, unsigned n)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__SourcePut put = HEADRACE__SOURCE_PUT__INIT;
    Headrace__Payload vp8 = HEADRACE__PAYLOAD__INIT, rtx = HEADRACE__PAYLOAD__INIT;
    Headrace__Payload *payloads[] = {&vp8, &rtx};
    char *rids[] = {"q", "h", "f"};
    vp8.type = 96;
    vp8.clock_rate = rtx.clock_rate = 90000;
    vp8.codec = HEADRACE__PAYLOAD__CODEC__VP8;
    rtx.type = 97;
    rtx.codec = HEADRACE__PAYLOAD__CODEC__RTX;
    rtx.rtx_for = 96;
    put.id = id;
    put.endpoint = c->id;
    put.kind = HEADRACE__KIND__VIDEO;
    put.mid = "v";
    put.n_payloads = 2;
    put.payloads = payloads;
    put.rids = rids;
    put.n_rids = n;
    put.pli = put.nack = put.transport_cc = true;
    cmd.op_case = HEADRACE__COMMAND__OP_SOURCE_PUT;
    cmd.source_put = &put;
    return rig_apply(&cmd);
}

enum hr_error rig_audio(uint32_t id, struct rig_client *c)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__SourcePut put = HEADRACE__SOURCE_PUT__INIT;
    Headrace__Payload opus = HEADRACE__PAYLOAD__INIT, *payloads[] = {&opus};
    opus.type = 111;
    opus.clock_rate = 48000;
    opus.codec = HEADRACE__PAYLOAD__CODEC__OPUS;
    put.id = id;
    put.endpoint = c->id;
    put.mid = "a";
    put.n_payloads = 1;
    put.payloads = payloads;
    put.nack = rig.audio_nack;
    put.room = rig.audio_room;
    cmd.op_case = HEADRACE__COMMAND__OP_SOURCE_PUT;
    cmd.source_put = &put;
    return rig_apply(&cmd);
}

Headrace__SubscriptionPut *rig_subscription(uint32_t id, struct rig_client *c, uint32_t source)
{
    static Headrace__SubscriptionPut put;
    static Headrace__PayloadMap video, audio, *maps[] = {&video, &audio};
    static char mid[16];
    headrace__subscription_put__init(&put);
    headrace__payload_map__init(&video);
    headrace__payload_map__init(&audio);
    video.from = 96;
    video.to = 97;
    audio.from = 111;
    audio.to = 112;
    snprintf(mid, sizeof(mid), "m%u", id);
    put.id = id;
    put.endpoint = c->id;
    put.source = source;
    put.mid = mid;
    put.ssrc = 1000 * id;
    put.cname = "alice";
    put.n_payload_map = 2;
    put.payload_map = maps;
    return &put;
}

enum hr_error rig_subscribe(uint32_t id, struct rig_client *c, uint32_t source)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    cmd.op_case = HEADRACE__COMMAND__OP_SUBSCRIPTION_PUT;
    cmd.subscription_put = rig_subscription(id, c, source);
    return rig_apply(&cmd);
}

/* ---- packets */

static size_t put_ext(uint8_t *p, unsigned id, const void *bytes, size_t len)
{
    if (id == 0 || len == 0)
        return 0;
    p[0] = (uint8_t)(id << 4 | (len - 1));
    memcpy(p + 1, bytes, len);
    return len + 1;
}

static size_t put_exts(const struct rig_client *c, const struct rig_rtp *r, uint8_t *p)
{
    const uint8_t *id = c->exts.id;
    uint8_t cc[2];
    size_t n = 0;
    dp_put16(cc, (uint16_t)r->transport_cc);
    n += put_ext(p + n, id[HR_EXT_MID], r->mid, r->mid ? strlen(r->mid) : 0);
    n += put_ext(p + n, id[HR_EXT_RID], r->rid, r->rid ? strlen(r->rid) : 0);
    n += put_ext(p + n, id[HR_EXT_RRID], r->rrid, r->rrid ? strlen(r->rrid) : 0);
    n += put_ext(p + n, id[HR_EXT_AUDIO_LEVEL], &r->level, r->level ? 1 : 0);
    n += put_ext(p + n, id[HR_EXT_TRANSPORT_CC], cc, r->transport_cc ? 2 : 0);
    n += put_ext(p + n, id[HR_EXT_DEPENDENCY_DESCRIPTOR], r->dd, r->dd_len);
    while (n % 4)
        p[n++] = 0;
    return n;
}

size_t rig_build(const struct rig_client *c, const struct rig_rtp *r, uint8_t *out)
{
    memset(out, 0, 128);
    size_t ext = put_exts(c, r, out + 16);
    size_t len = ext ? 16 + ext : 12;
    out[0] = (uint8_t)(0x80 | (r->padding ? 0x20 : 0) | (ext ? 0x10 : 0));
    out[1] = (uint8_t)((r->marker ? 0x80 : 0) | r->pt);
    dp_put16(out + 2, r->seq);
    dp_put32(out + 4, r->ts);
    dp_put32(out + 8, r->ssrc);
    if (ext) {
        dp_put16(out + 12, 0xBEDE);
        dp_put16(out + 14, (uint16_t)(ext / 4));
    }
    memset(out + len, r->fill ? r->fill : (uint8_t)r->seq, r->len);
    return len + r->len;
}

static void check_checksum(uint8_t *frame)
{
    const struct rte_ipv4_hdr *ip = (const void *)(frame + 14);
    struct rte_udp_hdr *udp = (void *)(frame + 34);
    uint16_t checksum = udp->dgram_cksum;
    udp->dgram_cksum = 0;
    assert_int_equal(rte_ipv4_udptcp_cksum(ip, udp), checksum);
    assert_int_equal(rte_raw_cksum(ip, sizeof(*ip)), 0xFFFF);
}

/* Of any number of segments. */
static void copy_frame(const struct rte_mbuf *m, uint8_t *frame)
{
    uint32_t len = 0, total = m->pkt_len;
    unsigned segments = 0;
    for (const struct rte_mbuf *seg = m; seg; seg = seg->next) {
        assert_true(len + seg->data_len <= total);
        memcpy(frame + len, rte_pktmbuf_mtod(seg, const void *), seg->data_len);
        len += seg->data_len;
        segments++;
    }
    assert_int_equal(len, total);
    assert_int_equal(segments, m->nb_segs);
    assert_true(segments == 1 || rig.dp.ports[0].tx_multi_segment);
}

/* Checks the frame and puts it into the inbox of whoever it is for. */
void rig_hand_out(struct dp_burst *out)
{
    for (unsigned i = 0; i < out->n; i++) {
        struct rte_mbuf *m = out->pkts[i];
        uint8_t frame[RIG_FRAME + RIG_PACKET];
        assert_true(m->pkt_len <= sizeof(frame));
        copy_frame(m, frame);
        const struct rte_udp_hdr *udp = (const void *)(frame + 34);
        unsigned to = rte_be_to_cpu_16(udp->dst_port) - 40000u;
        size_t len = rte_be_to_cpu_16(udp->dgram_len) - 8;
        assert_int_equal(m->pkt_len, RIG_FRAME + len);
        check_checksum(frame);
        assert_true(to < RIG_CLIENTS);
        struct rig_client *c = &rig.clients[to];
        assert_true(c->inbox_count < RIG_INBOX);
        struct rig_packet *p = &c->inbox[c->inbox_count++];
        memcpy(p->bytes, frame + RIG_FRAME, len);
        p->len = len;
        p->rtcp = dp_rtp_is_rtcp(p->bytes, len);
        rte_pktmbuf_free(m);
    }
    out->n = 0;
}

static void forward(struct dp_burst *in)
{
    struct dp_fanout f = {0};
    struct dp_copies copies;
    struct dp_burst out;
    bool more;
    dp_stage_ingress(&rig.worker, in, &f.burst);
    if (f.burst.n == 0)
        return;
    do {
        copies.n = out.n = 0;
        more = dp_stage_fanout(&rig.worker, &f, &copies);
        dp_stage_egress(&rig.worker, &copies, &out);
        rig_hand_out(&out);
    } while (more);
}

/* ---- one worker, stage by stage */

void rig_deliver(struct rig_client *c, const uint8_t *bytes, size_t len)
{
    if (rig_workers > 1) {
        rig_offer(c, bytes, len);
        rig_settle();
        return;
    }
    struct rte_mbuf *m = rte_pktmbuf_alloc(rig_pool);
    struct dp_flow_key key = {
        .remote_ip = {198, 18, 0, 1},
        .local_ip = {198, 18, 0, 2},
        .remote_port = c->udp_port,
        .local_port = 10000,
        .family = 4,
    };
    assert_non_null(m);
    memcpy(rte_pktmbuf_append(m, (uint16_t)(RIG_FRAME + len)) + RIG_FRAME, bytes, len);
    struct dp_packet *p = dp_packet(m);
    memset(p, 0xA5, sizeof(*p));
    p->payload = RIG_FRAME;
    p->length = (uint16_t)len;
    p->arrival = rig.worker.now;
    dp_flows_lookup_bulk(rig.dp.flows, &key, 1, &p->endpoint);
    struct dp_burst in = {.pkts = {m}, .n = 1}, out = {.n = 0};
    if (p->endpoint == NULL) {
        dp_drop(&rig.worker, DP_DROP_FLOW_UNKNOWN, m);
    } else if (dp_rtp_is_rtcp(bytes, len)) {
        dp_stage_rtcp(&rig.worker, &in, &out);
        rig_hand_out(&out);
    } else {
        forward(&in);
    }
    dp_worker_collect(&rig.worker);
}

void rig_send(struct rig_client *c, const struct rig_rtp *r)
{
    uint8_t bytes[RIG_PACKET + SRTP_MAX_TRAILER_LEN];
    int len = (int)rig_build(c, r, bytes);
    assert_int_equal(srtp_protect(c->tx, bytes, &len), srtp_err_status_ok);
    rig_deliver(c, bytes, (size_t)len);
}

void rig_send_rtcp(struct rig_client *c, const struct dp_rtcp_buf *b)
{
    uint8_t bytes[RIG_PACKET + SRTP_MAX_TRAILER_LEN];
    int len = (int)b->len;
    memcpy(bytes, b->p, b->len);
    assert_int_equal(srtp_protect_rtcp(c->tx, bytes, &len), srtp_err_status_ok);
    rig_deliver(c, bytes, (size_t)len);
}

void rig_skip(uint64_t tsc)
{
    for (unsigned i = 0; i < rig_workers; i++)
        rig.workers[i].now += tsc;
}

void rig_pass(unsigned ms)
{
    struct dp_burst out = {.n = 0};
    for (unsigned i = 0; i < ms && rig_threads; i++) {
        usleep(1000);
        rig_turn(0);
    }
    for (unsigned i = 0; i < ms && rig_workers > 1 && !rig_threads; i++) {
        rig_skip(rig.dp.tsc_hz / 1000);
        for (unsigned k = 0; k < rig_workers; k++)
            rig_turn(k);
        rig_settle();
    }
    for (unsigned i = 0; i < ms && rig_workers == 1; i++) {
        rig.worker.now += rig.dp.tsc_hz / 1000;
        dp_stage_tick(&rig.worker, &out);
        rig_hand_out(&out);
    }
}

bool rig_receive(struct rig_client *c, struct rig_got *got)
{
    if (c->inbox_count == 0)
        return false;
    int len = (int)c->inbox[0].len;
    memcpy(got->bytes, c->inbox[0].bytes, c->inbox[0].len);
    got->rtcp = c->inbox[0].rtcp;
    memmove(&c->inbox[0], &c->inbox[1], --c->inbox_count * sizeof(c->inbox[0]));
    srtp_err_status_t status = got->rtcp ? srtp_unprotect_rtcp(c->rx, got->bytes, &len)
                                         : srtp_unprotect(c->rx, got->bytes, &len);
    assert_int_equal(status, srtp_err_status_ok);
    got->len = (size_t)len;
    if (!got->rtcp)
        assert_int_equal(dp_rtp_parse(got->bytes, got->len, &got->rtp), DP_RTP_OK);
    return true;
}

void rig_empty(struct rig_client *c)
{
    struct rig_got got;
    while (rig_receive(c, &got))
        ;
}

uint64_t rig_drops(enum dp_drop why)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < rig_workers; i++)
        sum += rig.workers[i].drops[why];
    return sum;
}

uint32_t rig_held(void)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < rig_workers; i++)
        sum += rig.workers[i].session->budget.held;
    return sum;
}

uint64_t rig_stage(enum dp_stage_id id)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < rig_workers; i++)
        sum += rig.workers[i].stages[id].packets;
    return sum;
}
