/* How the command asks the daemons: protobuf on dataplane.sock, HTTP on controlplane.sock. */
#include "controlplane/cli/command.h"

#include "proto/config.h"
#include "proto/error.h"
#include "proto/handshake.h"
#include "proto/headrace.pb-c.h"
#include "proto/limits.h"
#include "proto/version.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TIMEOUT_S  3
#define MOVING_S   60 /* for shards to move, which takes as long as they have endpoints */
#define ANSWER_MAX (16u << 20) /* bytes of one admin answer */

char *cli_run_dir(struct cli_context *c)
{
    struct hr_config *config;
    struct hr_config_error err;

    if (c->run_dir)
        return strdup(c->run_dir);
    if (hr_config_load(c->config_path, &config, &err)) {
        cli_fail(c, CLI_FAILED, "%s", err.text);
        return NULL;
    }
    char *dir = strdup(config->run_dir);
    hr_config_free(config);
    return dir;
}

struct answer {
    char *data;
    size_t length;
};

static size_t take(char *data, size_t size, size_t count, void *arg)
{
    struct answer *a = arg;
    size_t n = size * count;

    if (a->length + n > ANSWER_MAX)
        return 0;
    char *p = realloc(a->data, a->length + n + 1);
    if (!p)
        return 0;
    memcpy(p + a->length, data, n);
    a->data = p;
    a->length += n;
    return n;
}

static CURLcode get(const char *socket_path, const char *path, struct answer *a, long *status)
{
    char url[1024];
    CURL *h = curl_easy_init();

    if (!h)
        return CURLE_OUT_OF_MEMORY;
    snprintf(url, sizeof(url), "http://localhost%s", path);
    curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, socket_path);
    curl_easy_setopt(h, CURLOPT_URL, url);
    curl_easy_setopt(h, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, a);
    CURLcode e = curl_easy_perform(h);
    if (e == CURLE_OK)
        curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, status);
    curl_easy_cleanup(h);
    return e;
}

json_t *cli_controlplane_get(struct cli_context *c, const char *path, long *status)
{
    char socket_path[512];
    struct answer a = {0};
    json_t *value = NULL;
    json_error_t je;
    char *dir = cli_run_dir(c);

    *status = 0;
    if (!dir)
        return NULL;
    snprintf(socket_path, sizeof(socket_path), "%s/controlplane.sock", dir);
    free(dir);
    CURLcode e = get(socket_path, path, &a, status);
    if (e != CURLE_OK) {
        cli_fail(c, CLI_UNREACHABLE,
                 "the control plane does not answer on %s: %s; does headrace-controlplane run, "
                 "and may you open the socket?",
                 socket_path, curl_easy_strerror(e));
    } else {
        value = json_loadb(a.data ? a.data : "", a.length, 0, &je);
        if (!value)
            cli_fail(c, CLI_FAILED, "the control plane's answer to %s is not JSON: %s", path,
                     je.text);
    }
    free(a.data);
    return value;
}

static json_t *counters(Headrace__Counter *const *list, size_t n)
{
    json_t *o = json_object();

    for (size_t i = 0; i < n; i++)
        json_object_set_new(o, list[i]->name, json_integer((json_int_t)list[i]->value));
    return o;
}

static json_t *worker(const Headrace__WorkerStatus *w)
{
    json_t *stages = json_array();

    for (size_t i = 0; i < w->n_stages; i++) {
        const Headrace__StageCounters *s = w->stages[i];
        json_array_append_new(stages,
                              json_pack("{s:s, s:I, s:I, s:I}", "name", s->name, "calls",
                                        (json_int_t)s->calls, "packets", (json_int_t)s->packets,
                                        "cycles", (json_int_t)s->cycles));
    }
    return json_pack("{s:i, s:i, s:i, s:b, s:i, s:i, s:i, s:i, s:I, s:I, s:o, s:o}", "id",
                     (int)w->id, "cpu", (int)w->cpu, "node", (int)w->node, "running",
                     (int)w->running, "shards", (int)w->shards, "endpoints", (int)w->endpoints,
                     "streams", (int)w->streams, "subscriptions", (int)w->subscriptions,
                     "busy_cycles", (json_int_t)w->busy_cycles, "total_cycles",
                     (json_int_t)w->total_cycles, "stages", stages, "drops",
                     counters(w->drops, w->n_drops));
}

static json_t *port(const Headrace__PortInfo *p)
{
    json_t *addresses = json_array();
    char mac[18] = "";

    for (size_t i = 0; i < p->n_addresses; i++)
        json_array_append_new(addresses, json_string(p->addresses[i]));
    if (p->mac.len == 6)
        snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", p->mac.data[0], p->mac.data[1],
                 p->mac.data[2], p->mac.data[3], p->mac.data[4], p->mac.data[5]);
    return json_pack("{s:i, s:s, s:s, s:i, s:b, s:o}", "id", (int)p->id, "device", p->device, "mac",
                     mac, "mtu", (int)p->mtu, "link_up", (int)p->link_up, "addresses", addresses);
}

static json_t *status_json(const Headrace__Status *s)
{
    json_t *workers = json_array(), *ports = json_array();

    for (size_t i = 0; i < s->n_workers; i++)
        json_array_append_new(workers, worker(s->workers[i]));
    for (size_t i = 0; i < s->n_ports; i++)
        json_array_append_new(ports, port(s->ports[i]));
    return json_pack("{s:s, s:I, s:I, s:b, s:s, s:i, s:i, s:I, s:o, s:o, s:o}", "version", s->build,
                     "uptime_s", (json_int_t)(s->uptime_ms / 1000), "tsc_hz", (json_int_t)s->tsc_hz,
                     "controlplane_connected", (int)s->controlplane_connected, "srtp_kernel",
                     s->srtp_kernel, "mbufs_used", (int)s->mbufs_used, "mbufs_total",
                     (int)s->mbufs_total, "heap_bytes", (json_int_t)s->heap_bytes, "ports", ports,
                     "workers", workers, "counters", counters(s->counters, s->n_counters));
}

/* One message out, one in. The answer's length, or -errno. */
static int exchange(int fd, const ProtobufCMessage *msg, uint8_t *buf, size_t size)
{
    int err = hr_socket_send(fd, msg, NULL, 0);

    if (err)
        return err;
    int n = hr_socket_receive(fd, buf, size, NULL, NULL);
    return n == 0 ? -ECONNRESET : n;
}

static int hello(struct cli_context *c, int fd, uint8_t *buf)
{
    Headrace__Hello h = HEADRACE__HELLO__INIT;

    h.protocol = HR_PROTOCOL_VERSION;
    h.build = (char *)hr_build();
    h.role = HEADRACE__HELLO__ROLE__OPERATOR;
    int n = exchange(fd, &h.base, buf, HR_SOCKET_MESSAGE_MAX);
    if (n < 0)
        return n;
    Headrace__HelloReply *r = headrace__hello_reply__unpack(NULL, (size_t)n, buf);
    if (!r)
        return -EBADMSG;
    int err = 0;
    if (r->error) {
        cli_fail(c, CLI_FAILED, "the dataplane refuses: %s %s", hr_error_text(r->error), r->detail);
        err = -EPROTO;
    }
    headrace__hello_reply__free_unpacked(r, NULL);
    return err;
}

static Headrace__Reply *ask(struct cli_context *c, int fd, Headrace__Command *command, uint8_t *buf)
{
    command->number = 1;
    int n = exchange(fd, &command->base, buf, HR_SOCKET_MESSAGE_MAX);
    if (n == -EAGAIN) {
        cli_fail(c, CLI_UNREACHABLE, "the dataplane has not answered in time");
        return NULL;
    }
    if (n < 0) {
        cli_fail(c, CLI_UNREACHABLE, "the dataplane hung up: %s", strerror(-n));
        return NULL;
    }
    Headrace__Reply *r = headrace__reply__unpack(NULL, (size_t)n, buf);
    if (!r) {
        cli_fail(c, CLI_FAILED, "the dataplane's answer does not parse");
        return NULL;
    }
    if (!r->error)
        return r;
    cli_fail(c, CLI_FAILED, "%s", r->detail[0] ? r->detail : hr_error_text(r->error));
    headrace__reply__free_unpacked(r, NULL);
    return NULL;
}

static Headrace__Reply *greet_and_ask(struct cli_context *c, int fd, Headrace__Command *command)
{
    bool moves = command->op_case == HEADRACE__COMMAND__OP_WORKERS_SET ||
                 command->op_case == HEADRACE__COMMAND__OP_SHARD_MOVE;
    struct timeval timeout = {moves ? MOVING_S : TIMEOUT_S, 0};
    Headrace__Reply *reply = NULL;
    uint8_t *buf = malloc(HR_SOCKET_MESSAGE_MAX);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    if (buf) {
        int err = hello(c, fd, buf);
        if (!err)
            reply = ask(c, fd, command, buf);
        else if (!c->error[0])
            cli_fail(c, CLI_UNREACHABLE, "the dataplane hung up: %s", strerror(-err));
    }
    free(buf);
    return reply;
}

Headrace__Reply *cli_dataplane_ask(struct cli_context *c, Headrace__Command *command)
{
    char path[512];
    char *dir = cli_run_dir(c);

    if (!dir)
        return NULL;
    snprintf(path, sizeof(path), "%s/dataplane.sock", dir);
    free(dir);
    int fd = hr_socket_connect(path);
    if (fd < 0) {
        cli_fail(c, CLI_UNREACHABLE,
                 "the dataplane does not answer on %s: %s; does headrace-dataplane run, and "
                 "may you open the socket?",
                 path, strerror(-fd));
        return NULL;
    }
    Headrace__Reply *reply = greet_and_ask(c, fd, command);
    close(fd);
    return reply;
}

json_t *cli_dataplane_status(struct cli_context *c)
{
    Headrace__Command command = HEADRACE__COMMAND__INIT;
    Headrace__StatusGet status_get = HEADRACE__STATUS_GET__INIT;
    json_t *value = NULL;

    command.op_case = HEADRACE__COMMAND__OP_STATUS_GET;
    command.status_get = &status_get;
    Headrace__Reply *r = cli_dataplane_ask(c, &command);
    if (r && r->status)
        value = status_json(r->status);
    else if (r)
        cli_fail(c, CLI_FAILED, "the dataplane's answer has no status");
    if (r)
        headrace__reply__free_unpacked(r, NULL);
    return value;
}
