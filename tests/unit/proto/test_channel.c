#include "proto/channel.h"

#include "proto/arena.h"
#include "proto/handshake.h"
#include "proto/headrace.pb-c.h"
#include "proto/limits.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct pair {
    struct hr_channel *dataplane, *controlplane;
};

static int setup(void **state)
{
    static struct pair p;
    int fds[3];

    assert_int_equal(hr_channel_create(2, &p.dataplane), 0);
    hr_channel_fds(p.dataplane, fds);
    assert_int_equal(hr_channel_attach(dup(fds[0]), dup(fds[1]), dup(fds[2]), &p.controlplane), 0);
    *state = &p;
    return 0;
}

static int teardown(void **state)
{
    struct pair *p = *state;

    hr_channel_destroy(p->dataplane);
    hr_channel_destroy(p->controlplane);
    return 0;
}

static int send_command(struct hr_channel *ch, uint64_t number)
{
    Headrace__Command c = HEADRACE__COMMAND__INIT;
    Headrace__StatusGet get = HEADRACE__STATUS_GET__INIT;

    c.number = number;
    c.op_case = HEADRACE__COMMAND__OP_STATUS_GET;
    c.status_get = &get;
    return hr_channel_send(ch, HR_RING_COMMAND, 0, &c.base);
}

static void messages_arrive_in_order(void **state)
{
    struct pair *p = *state;
    struct hr_arena arena;
    size_t len;

    assert_int_equal(hr_arena_init(&arena, 65536), 0);
    for (uint64_t round = 0; round < 3000; round++) {
        assert_int_equal(send_command(p->controlplane, 2 * round), 0);
        assert_int_equal(send_command(p->controlplane, 2 * round + 1), 0);
        for (uint64_t i = 0; i < 2; i++) {
            const uint8_t *b = hr_channel_peek(p->dataplane, HR_RING_COMMAND, 0, &len);
            assert_non_null(b);
            hr_arena_reset(&arena);
            Headrace__Command *c = headrace__command__unpack(&arena.allocator, len, b);
            hr_channel_consume(p->dataplane, HR_RING_COMMAND, 0);
            assert_non_null(c);
            assert_int_equal(c->number, 2 * round + i);
        }
    }
    assert_true(hr_channel_empty(p->dataplane, HR_RING_COMMAND, 0));
    hr_arena_free(&arena);
}

static void a_full_ring_pushes_back(void **state)
{
    struct pair *p = *state;
    unsigned sent = 0;
    size_t len;

    while (send_command(p->controlplane, sent) == 0)
        sent++;
    assert_int_equal(sent, HR_COMMAND_SLOTS - 1);
    assert_int_equal(send_command(p->controlplane, 0), -ENOSPC);
    assert_non_null(hr_channel_peek(p->dataplane, HR_RING_COMMAND, 0, &len));
    hr_channel_consume(p->dataplane, HR_RING_COMMAND, 0);
    assert_int_equal(send_command(p->controlplane, 0), 0);
}

static void workers_rings_are_apart(void **state)
{
    struct pair *p = *state;
    static uint8_t big[HR_PUNT_SLOT_SIZE];
    Headrace__Punt punt = HEADRACE__PUNT__INIT;
    size_t len;

    punt.payload.data = big;
    punt.payload.len = 1400;
    assert_int_equal(hr_channel_send(p->dataplane, HR_RING_PUNT, 1, &punt.base), 0);
    assert_null(hr_channel_peek(p->controlplane, HR_RING_PUNT, 0, &len));
    assert_null(hr_channel_peek(p->controlplane, HR_RING_INJECT, 1, &len));
    assert_non_null(hr_channel_peek(p->controlplane, HR_RING_PUNT, 1, &len));
    assert_true(len > 1400);
    hr_channel_consume(p->controlplane, HR_RING_PUNT, 1);
    punt.payload.len = HR_PUNT_SLOT_SIZE;
    assert_int_equal(hr_channel_send(p->dataplane, HR_RING_PUNT, 1, &punt.base), -EMSGSIZE);
}

static void only_a_sleeper_is_woken(void **state)
{
    struct pair *p = *state;
    int fds[3];

    hr_channel_fds(p->dataplane, fds);
    struct pollfd pfd = {fds[1], POLLIN, 0};
    hr_channel_wake(p->controlplane, HR_SIDE_DATAPLANE);
    assert_int_equal(poll(&pfd, 1, 0), 0);
    hr_channel_sleep(p->dataplane, HR_SIDE_DATAPLANE);
    hr_channel_wake(p->controlplane, HR_SIDE_DATAPLANE);
    assert_int_equal(poll(&pfd, 1, 0), 1);
    hr_channel_awake(p->dataplane, HR_SIDE_DATAPLANE);
    assert_int_equal(poll(&pfd, 1, 0), 0);
}

/* Two processes, every message, in order, with both sides sleeping when there is nothing to do. */
static void two_processes(void **state)
{
    struct pair *p = *state;
    const uint64_t total = 200000;
    pid_t child = fork();

    if (child == 0) {
        for (uint64_t i = 0; i < total;) {
            if (send_command(p->controlplane, i) == 0)
                i++;
            hr_channel_wake(p->controlplane, HR_SIDE_DATAPLANE);
        }
        _exit(0);
    }
    struct hr_arena arena;
    int fds[3];
    size_t len;
    assert_int_equal(hr_arena_init(&arena, 65536), 0);
    hr_channel_fds(p->dataplane, fds);
    for (uint64_t next = 0; next < total;) {
        const uint8_t *b = hr_channel_peek(p->dataplane, HR_RING_COMMAND, 0, &len);
        if (!b) {
            hr_channel_sleep(p->dataplane, HR_SIDE_DATAPLANE);
            struct pollfd pfd = {fds[1], POLLIN, 0};
            if (hr_channel_empty(p->dataplane, HR_RING_COMMAND, 0))
                assert_int_equal(poll(&pfd, 1, 10000), 1);
            hr_channel_awake(p->dataplane, HR_SIDE_DATAPLANE);
            continue;
        }
        hr_arena_reset(&arena);
        Headrace__Command *c = headrace__command__unpack(&arena.allocator, len, b);
        assert_non_null(c);
        assert_int_equal(c->number, next++);
        hr_channel_consume(p->dataplane, HR_RING_COMMAND, 0);
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    hr_arena_free(&arena);
}

static void a_strange_file_is_refused(void **state)
{
    struct hr_channel *ch;

    for (int size = 0; size <= 1 << 20; size = size ? size * 16 : 16) {
        int fd = memfd_create("strange", 0);
        assert_int_equal(ftruncate(fd, size), 0);
        assert_int_equal(hr_channel_attach(fd, dup(0), dup(0), &ch), -EPROTO);
    }
    assert_int_equal(hr_channel_create(0, &ch), -EINVAL);
    assert_int_equal(hr_channel_create(HR_WORKERS_MAX + 1, &ch), -EINVAL);
}

static void descriptors_travel_with_the_handshake(void **state)
{
    int sv[2], fds[3], got[3];
    unsigned n = 3;
    uint8_t buf[1024];
    struct pair *p = *state;
    Headrace__HelloReply reply = HEADRACE__HELLO_REPLY__INIT;

    reply.build = "test";
    hr_channel_fds(p->dataplane, fds);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
    assert_int_equal(hr_socket_send(sv[0], &reply.base, fds, 3), 0);
    int len = hr_socket_receive(sv[1], buf, sizeof(buf), got, &n);
    assert_true(len > 0);
    assert_int_equal(n, 3);
    struct hr_channel *ch;
    assert_int_equal(hr_channel_attach(got[0], got[1], got[2], &ch), 0);
    assert_int_equal(hr_channel_workers(ch), 2);
    hr_channel_destroy(ch);

    reply.detail = memset(malloc(2000), 'x', 2000);
    reply.detail[1999] = 0;
    assert_int_equal(hr_socket_send(sv[0], &reply.base, NULL, 0), 0);
    free(reply.detail);
    n = 0;
    assert_int_equal(hr_socket_receive(sv[1], buf, sizeof(buf), NULL, &n), -EMSGSIZE);
    close(sv[0]);
    assert_int_equal(hr_socket_receive(sv[1], buf, sizeof(buf), NULL, NULL), 0);
    close(sv[1]);
}

static void a_socket_in_use_is_not_taken(void **state)
{
    char path[64];

    snprintf(path, sizeof(path), "/tmp/headrace-test-%d.sock", (int)getpid());
    int fd = hr_socket_listen(path, 0600);
    assert_true(fd >= 0);
    assert_int_equal(hr_socket_listen(path, 0600), -EADDRINUSE);
    close(fd);
    fd = hr_socket_listen(path, 0600); /* the stale one is removed */
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(messages_arrive_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_ring_pushes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(workers_rings_are_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(only_a_sleeper_is_woken, setup, teardown),
        cmocka_unit_test_setup_teardown(two_processes, setup, teardown),
        cmocka_unit_test(a_strange_file_is_refused),
        cmocka_unit_test_setup_teardown(descriptors_travel_with_the_handshake, setup, teardown),
        cmocka_unit_test(a_socket_in_use_is_not_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
