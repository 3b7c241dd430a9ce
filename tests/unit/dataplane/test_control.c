/*
 * The control socket and the rings, from the other side: the main thread's loop and a worker
 * without ports run in threads, the test is the control plane and the operators.
 */
#include "dataplane/apply.h"
#include "dataplane/control.h"
#include "lab.h"
#include "proto/error.h"
#include "proto/handshake.h"
#include "proto/version.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <rte_cycles.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct lab *lab;
static struct dp_control control;
static pthread_t main_thread, worker_thread;
static char run_dir[] = "/tmp/headrace-control.XXXXXX";
static char socket_path[128];

static void *run_control(void *arg)
{
    dp_control_run(arg);
    return NULL;
}

static void *run_worker(void *arg)
{
    dp_worker_main(arg);
    return NULL;
}

static int set_up(void **state)
{
    strcpy(run_dir + sizeof(run_dir) - 7, "XXXXXX");
    assert_non_null(mkdtemp(run_dir));
    snprintf(socket_path, sizeof(socket_path), "%s/dataplane.sock", run_dir);
    lab = lab_new();
    lab->dp.ports_count = 0;
    lab->dp.tsc_hz = rte_get_tsc_hz();
    lab->dp.low_power = true;
    lab->config.dataplane.polling = (char *)"low-power";
    lab->config.dataplane.nap_us = 200;
    lab->config.dataplane.shards = 4;
    lab->config.dataplane.endpoints = 64;
    lab->config.dataplane.sources = 64;
    lab->config.dataplane.subscriptions = 64;
    lab->config.dataplane.mbufs = 1023;
    lab->config.media.history_ms = 100;
    lab->config.media.history_kb = 2048;
    lab->config.media.keyframe_interval_ms = 500;
    lab->config.media.punts_per_second = lab->config.media.punts_per_source_second = 1000;
    assert_int_equal(dp_control_open(&control, &lab->dp, run_dir), 0);
    assert_int_equal(dp_worker_init(&lab->worker), 0);
    assert_int_equal(dp_apply_open(&lab->dp, dp_commands_event, &control), 0);
    assert_int_equal(pthread_create(&worker_thread, NULL, run_worker, &lab->worker), 0);
    return pthread_create(&main_thread, NULL, run_control, &control);
}

static int tear_down(void **state)
{
    kill(getpid(), SIGTERM);
    pthread_join(main_thread, NULL);
    pthread_join(worker_thread, NULL);
    dp_worker_collect(&lab->worker);
    dp_apply_close(&lab->dp);
    dp_control_close(&control);
    dp_worker_free(&lab->worker);
    lab_free(lab);
    assert_int_equal(rmdir(run_dir), 0); /* nothing is left in it */
    return 0;
}

static int connect_to(void)
{
    struct timeval limit = {.tv_sec = 5};
    int fd = hr_socket_connect(socket_path);

    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return fd;
}

static Headrace__HelloReply *hello_reply(int fd, int *fds, unsigned *nfds)
{
    static uint8_t buf[65536];
    int n = hr_socket_receive(fd, buf, sizeof(buf), fds, nfds);

    assert_true(n > 0);
    Headrace__HelloReply *r = headrace__hello_reply__unpack(NULL, (size_t)n, buf);
    assert_non_null(r);
    return r;
}

/* Says hello; the error it gets. */
static unsigned hello(int fd, unsigned protocol, Headrace__Hello__Role role, int *fds,
                      unsigned *nfds)
{
    Headrace__Hello h = HEADRACE__HELLO__INIT;

    h.protocol = protocol;
    h.build = (char *)"9.9-other";
    h.role = role;
    assert_int_equal(hr_socket_send(fd, &h.base, NULL, 0), 0);
    Headrace__HelloReply *r = hello_reply(fd, fds, nfds);
    unsigned error = r->error;
    if (error == HR_ERROR_PROTOCOL) {
        char ours[32];
        snprintf(ours, sizeof(ours), "protocol %d", HR_PROTOCOL_VERSION);
        assert_non_null(strstr(r->detail, "9.9-other"));
        assert_non_null(strstr(r->detail, "protocol 99"));
        assert_non_null(strstr(r->detail, hr_build()));
        assert_non_null(strstr(r->detail, ours));
    }
    headrace__hello_reply__free_unpacked(r, NULL);
    return error;
}

static int operator_socket(void)
{
    int fd = connect_to();

    assert_int_equal(hello(fd, HR_PROTOCOL_VERSION, HEADRACE__HELLO__ROLE__OPERATOR, NULL, NULL),
                     HR_ERROR_OK);
    return fd;
}

/* Connects as the control plane; the rings. */
static struct hr_channel *controlplane_socket(int *fd)
{
    struct hr_channel *ch;
    int fds[3];
    unsigned nfds = 3, error = HR_ERROR_BUSY;

    /* The one before may not be noticed to have gone yet. */
    for (unsigned i = 0; i < 100 && error == HR_ERROR_BUSY; i++) {
        *fd = connect_to();
        nfds = 3;
        error = hello(*fd, HR_PROTOCOL_VERSION, HEADRACE__HELLO__ROLE__CONTROLPLANE, fds, &nfds);
        if (error)
            close(*fd);
        if (error)
            usleep(10000);
    }
    assert_int_equal(error, HR_ERROR_OK);
    assert_int_equal(nfds, 3);
    assert_int_equal(hr_channel_attach(fds[0], fds[1], fds[2], &ch), 0);
    assert_int_equal(hr_channel_workers(ch), 1);
    return ch;
}

static Headrace__Reply *ask(int fd, const ProtobufCMessage *msg)
{
    static uint8_t buf[65536];

    assert_int_equal(hr_socket_send(fd, msg, NULL, 0), 0);
    int n = hr_socket_receive(fd, buf, sizeof(buf), NULL, NULL);
    assert_true(n > 0);
    Headrace__Reply *r = headrace__reply__unpack(NULL, (size_t)n, buf);
    assert_non_null(r);
    return r;
}

static unsigned asked(int fd, const ProtobufCMessage *msg, uint64_t number)
{
    Headrace__Reply *r = ask(fd, msg);
    unsigned error = r->error;

    assert_int_equal(r->number, number);
    headrace__reply__free_unpacked(r, NULL);
    return error;
}

static void send_on_ring(struct hr_channel *ch, const ProtobufCMessage *msg)
{
    assert_int_equal(hr_channel_send(ch, HR_RING_COMMAND, 0, msg), 0);
    hr_channel_wake(ch, HR_SIDE_DATAPLANE);
}

/* The next event, which is a reply; NULL after a second. */
static Headrace__Reply *next_reply(struct hr_channel *ch, Headrace__Event **event)
{
    size_t len;

    for (unsigned i = 0; i < 1000; i++) {
        const uint8_t *bytes = hr_channel_peek(ch, HR_RING_EVENT, 0, &len);
        if (!bytes) {
            usleep(1000);
            continue;
        }
        *event = headrace__event__unpack(NULL, len, bytes);
        hr_channel_consume(ch, HR_RING_EVENT, 0);
        assert_non_null(*event);
        assert_int_equal((*event)->what_case, HEADRACE__EVENT__WHAT_REPLY);
        return (*event)->reply;
    }
    return NULL;
}

static void expect_reply(struct hr_channel *ch, uint64_t number, unsigned error)
{
    Headrace__Event *event;
    Headrace__Reply *r = next_reply(ch, &event);

    assert_non_null(r);
    assert_int_equal(r->number, number);
    assert_int_equal(r->error, error);
    headrace__event__free_unpacked(event, NULL);
}

/* ---- tests */

static void versions_that_differ_are_named(void **state)
{
    uint8_t byte;
    int fd = connect_to();

    assert_int_equal(hello(fd, 99, HEADRACE__HELLO__ROLE__CONTROLPLANE, NULL, NULL),
                     HR_ERROR_PROTOCOL);
    assert_int_equal(recv(fd, &byte, 1, 0), 0); /* and hung up on */
    close(fd);

    Headrace__Reply garbage =
        HEADRACE__REPLY__INIT; /* where a Hello is due: field 2 has another type */
    garbage.error = 5;
    fd = connect_to();
    assert_int_equal(hr_socket_send(fd, &garbage.base, NULL, 0), 0);
    Headrace__HelloReply *r = hello_reply(fd, NULL, NULL);
    assert_int_equal(r->error, HR_ERROR_MALFORMED);
    headrace__hello_reply__free_unpacked(r, NULL);
    close(fd);
}

static void there_is_one_control_plane(void **state)
{
    int fd, second = connect_to();
    struct hr_channel *ch = controlplane_socket(&fd);

    assert_int_equal(
        hello(second, HR_PROTOCOL_VERSION, HEADRACE__HELLO__ROLE__CONTROLPLANE, NULL, NULL),
        HR_ERROR_BUSY);
    close(second);
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__StatusGet get = HEADRACE__STATUS_GET__INIT;
    cmd.number = 5;
    cmd.op_case = HEADRACE__COMMAND__OP_STATUS_GET;
    cmd.status_get = &get;
    send_on_ring(ch, &cmd.base);
    expect_reply(ch, 5, HR_ERROR_OK);

    close(fd); /* it dies, the next one gets rings of its own */
    hr_channel_destroy(ch);
    ch = controlplane_socket(&fd);
    cmd.number = 6;
    send_on_ring(ch, &cmd.base);
    expect_reply(ch, 6, HR_ERROR_OK);
    close(fd);
    hr_channel_destroy(ch);
}

static void operators_may_read(void **state)
{
    int fd = operator_socket();
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__StatusGet get = HEADRACE__STATUS_GET__INIT;
    Headrace__ObjectsGet objects = HEADRACE__OBJECTS_GET__INIT;
    Headrace__StatsGet stats = HEADRACE__STATS_GET__INIT;
    Headrace__EndpointPut put = HEADRACE__ENDPOINT_PUT__INIT;
    Headrace__Extension garbage = HEADRACE__EXTENSION__INIT;

    cmd.number = 7;
    cmd.op_case = HEADRACE__COMMAND__OP_STATUS_GET;
    cmd.status_get = &get;
    Headrace__Reply *r = ask(fd, &cmd.base);
    assert_int_equal(r->error, HR_ERROR_OK);
    assert_non_null(r->status);
    assert_int_equal(r->status->n_workers, 1);
    assert_int_equal(r->status->workers[0]->n_drops, DP_DROPS);
    assert_int_equal(r->status->workers[0]->n_stages, DP_STAGES);
    assert_string_equal(r->status->build, hr_build());
    assert_false(r->status->controlplane_connected);
    headrace__reply__free_unpacked(r, NULL);

    cmd.op_case = HEADRACE__COMMAND__OP_OBJECTS_GET;
    cmd.objects_get = &objects; /* has keys in its answer */
    assert_int_equal(asked(fd, &cmd.base, 7), HR_ERROR_PERMISSION);
    cmd.op_case = HEADRACE__COMMAND__OP_STATS_GET;
    cmd.stats_get = &stats;
    assert_int_equal(asked(fd, &cmd.base, 7), HR_ERROR_OK);
    put.id = 1;
    cmd.op_case = HEADRACE__COMMAND__OP_ENDPOINT_PUT;
    cmd.endpoint_put = &put;
    assert_int_equal(asked(fd, &cmd.base, 7), HR_ERROR_PERMISSION);
    cmd.op_case = HEADRACE__COMMAND__OP__NOT_SET;
    assert_int_equal(asked(fd, &cmd.base, 7), HR_ERROR_PERMISSION);
    garbage.id = 9; /* reads as number 9 and an EndpointPut that is none */
    garbage.kind = 1;
    assert_int_equal(asked(fd, &garbage.base, 9), HR_ERROR_MALFORMED);
    close(fd);
}

static void commands_come_by_ring(void **state)
{
    int fd;
    struct hr_channel *ch = controlplane_socket(&fd);
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__EndpointPut put = HEADRACE__ENDPOINT_PUT__INIT;
    Headrace__ObjectsGet objects = HEADRACE__OBJECTS_GET__INIT;
    Headrace__Extension garbage = HEADRACE__EXTENSION__INIT;
    Headrace__PayloadMap nameless = HEADRACE__PAYLOAD_MAP__INIT;
    Headrace__Event *event;

    put.id = 42;
    put.cookie = (ProtobufCBinaryData){5, (uint8_t *)"mine!"};
    cmd.number = 1;
    cmd.op_case = HEADRACE__COMMAND__OP_ENDPOINT_PUT;
    cmd.endpoint_put = &put;
    send_on_ring(ch, &cmd.base);
    expect_reply(ch, 1, HR_ERROR_OK);

    garbage.id = 2;
    garbage.kind = 1;
    nameless.to = 1; /* no number: counted, not answered */
    send_on_ring(ch, &nameless.base);
    send_on_ring(ch, &garbage.base);
    expect_reply(ch, 2, HR_ERROR_MALFORMED);

    cmd.number = 3;
    cmd.op_case = HEADRACE__COMMAND__OP__NOT_SET;
    send_on_ring(ch, &cmd.base);
    Headrace__Reply *r = next_reply(ch, &event);
    assert_non_null(r);
    assert_int_equal(r->number, 3);
    assert_int_not_equal(r->error, HR_ERROR_OK);
    headrace__event__free_unpacked(event, NULL);

    cmd.number = 4;
    cmd.op_case = HEADRACE__COMMAND__OP_OBJECTS_GET;
    cmd.objects_get = &objects;
    send_on_ring(ch, &cmd.base);
    r = next_reply(ch, &event);
    assert_non_null(r);
    assert_int_equal(r->objects->n_endpoints, 1);
    assert_int_equal(r->objects->endpoints[0]->id, 42);
    assert_memory_equal(r->objects->endpoints[0]->cookie.data, "mine!", 5);
    headrace__event__free_unpacked(event, NULL);
    assert_int_equal(control.commands.malformed, 2);
    close(fd);
    hr_channel_destroy(ch);
}

/* Nobody reads replies: commands are not taken, the ring fills, and in the end each is answered
 * once, in order. */
static void a_full_event_ring_pushes_back(void **state)
{
    int fd;
    struct hr_channel *ch = controlplane_socket(&fd);
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__StatusGet get = HEADRACE__STATUS_GET__INIT;
    unsigned sent = 0, tries = 0;

    cmd.op_case = HEADRACE__COMMAND__OP_STATUS_GET;
    cmd.status_get = &get;
    while (sent < 10 * HR_COMMAND_SLOTS && tries < 300) {
        cmd.number = sent + 1;
        if (hr_channel_send(ch, HR_RING_COMMAND, 0, &cmd.base)) {
            tries++;
            usleep(1000);
        } else {
            tries = 0;
            sent++;
        }
        hr_channel_wake(ch, HR_SIDE_DATAPLANE);
    }
    assert_true(sent >= HR_COMMAND_SLOTS + HR_EVENT_SLOTS - 2);
    assert_true(sent <= HR_COMMAND_SLOTS + HR_EVENT_SLOTS + DP_ANSWERS_MAX);
    for (unsigned i = 1; i <= sent; i++)
        expect_reply(ch, i, HR_ERROR_OK);
    close(fd);
    hr_channel_destroy(ch);
}

static void too_many_clients_are_refused(void **state)
{
    int fds[DP_CLIENTS_MAX + 1];

    for (unsigned i = 0; i < DP_CLIENTS_MAX; i++)
        fds[i] = operator_socket();
    fds[DP_CLIENTS_MAX] = connect_to();
    Headrace__HelloReply *r = hello_reply(fds[DP_CLIENTS_MAX], NULL, NULL);
    assert_int_equal(r->error, HR_ERROR_LIMIT);
    headrace__hello_reply__free_unpacked(r, NULL);
    for (unsigned i = 0; i <= DP_CLIENTS_MAX; i++)
        close(fds[i]);
}

static void a_second_daemon_is_refused(void **state)
{
    struct dp_control second;
    struct dp_dataplane dp = {0};

    assert_int_equal(dp_control_open(&second, &dp, run_dir), -EADDRINUSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(versions_that_differ_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(there_is_one_control_plane, set_up, tear_down),
        cmocka_unit_test_setup_teardown(operators_may_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(commands_come_by_ring, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_event_ring_pushes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_clients_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_second_daemon_is_refused, set_up, tear_down),
    };
    sigset_t term;

    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL); /* in EAL's threads too, as in the daemon */
    return lab_start_eal() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
