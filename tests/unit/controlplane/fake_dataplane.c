#include "tests/unit/controlplane/fake_dataplane.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/error.h"
#include "proto/handshake.h"
#include "proto/limits.h"

#define MUST(x)                                                     \
    do {                                                            \
        if (!(x)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
            abort();                                                \
        }                                                           \
    } while (0)

static void socket_path(const struct fake_dataplane *f, char *out, size_t size)
{
    snprintf(out, size, "%s/dataplane.sock", f->dir);
}

void fake_reopen(struct fake_dataplane *f)
{
    char path[100];

    socket_path(f, path, sizeof(path));
    f->listener = hr_socket_listen(path, 0600);
    MUST(f->listener >= 0);
}

void fake_open(struct fake_dataplane *f)
{
    memset(f, 0, sizeof(*f));
    f->sock = -1;
    strcpy(f->dir, "/tmp/headrace-test-XXXXXX");
    MUST(mkdtemp(f->dir));
    MUST(hr_arena_init(&f->arena, 1 << 20) == 0);
    fake_reopen(f);
}

static void forget(struct fake_endpoint *e)
{
    if (e->last)
        headrace__endpoint_put__free_unpacked(e->last, NULL);
    *e = (struct fake_endpoint){0};
}

void fake_crash(struct fake_dataplane *f)
{
    if (f->sock >= 0)
        close(f->sock);
    if (f->listener >= 0)
        close(f->listener);
    f->sock = f->listener = -1;
    hr_channel_destroy(f->ch);
    f->ch = NULL;
    for (int i = 0; i < FAKE_ENDPOINTS; i++)
        forget(&f->endpoints[i]);
}

void fake_close(struct fake_dataplane *f)
{
    char path[100];

    fake_crash(f);
    socket_path(f, path, sizeof(path));
    unlink(path);
    rmdir(f->dir);
    hr_arena_free(&f->arena);
}

struct fake_endpoint *fake_find(struct fake_dataplane *f, uint32_t id)
{
    for (int i = 0; i < FAKE_ENDPOINTS; i++)
        if (f->endpoints[i].id == id)
            return &f->endpoints[i];
    return NULL;
}

void fake_add(struct fake_dataplane *f, uint32_t id)
{
    struct fake_endpoint *e = fake_find(f, 0);

    MUST(e);
    e->id = id;
}

static void send_reply(struct fake_dataplane *f, Headrace__Reply *r)
{
    Headrace__Event e = HEADRACE__EVENT__INIT;

    e.what_case = HEADRACE__EVENT__WHAT_REPLY;
    e.reply = r;
    MUST(hr_channel_send(f->ch, HR_RING_EVENT, 0, &e.base) == 0);
}

static void put(struct fake_dataplane *f, const Headrace__EndpointPut *op)
{
    struct fake_endpoint *e = fake_find(f, op->id);
    uint8_t buf[HR_COMMAND_SLOT_SIZE];

    if (!e)
        e = fake_find(f, 0);
    MUST(e);
    unsigned puts = e->puts;
    forget(e);
    e->id = op->id;
    e->puts = puts + 1;
    size_t len = headrace__endpoint_put__pack(op, buf);
    e->last = headrace__endpoint_put__unpack(NULL, len, buf);
}

static int by_id(const void *a, const void *b)
{
    const Headrace__EndpointPut *const *x = a, *const *y = b;
    return (*x)->id < (*y)->id ? -1 : (*x)->id > (*y)->id;
}

static void list(struct fake_dataplane *f, uint32_t after, Headrace__Reply *r)
{
    Headrace__Objects o = HEADRACE__OBJECTS__INIT;
    Headrace__EndpointPut puts[FAKE_ENDPOINTS], *all[FAKE_ENDPOINTS];

    for (int i = 0; i < FAKE_ENDPOINTS; i++) {
        if (f->endpoints[i].id <= after)
            continue;
        headrace__endpoint_put__init(&puts[o.n_endpoints]);
        puts[o.n_endpoints].id = f->endpoints[i].id;
        all[o.n_endpoints] = &puts[o.n_endpoints];
        o.n_endpoints++;
    }
    qsort(all, o.n_endpoints, sizeof(all[0]), by_id);
    if (f->page && o.n_endpoints > f->page) {
        o.n_endpoints = f->page;
        o.more = true;
    }
    o.endpoints = all;
    r->objects = &o;
    send_reply(f, r);
}

static void stats(struct fake_dataplane *f, uint32_t id, Headrace__Reply *r)
{
    Headrace__EndpointStats one = HEADRACE__ENDPOINT_STATS__INIT, *all = &one;

    one.id = id;
    one.silence_ms = f->silence_ms;
    one.rx_packets = f->rx_packets;
    r->n_stats = f->hears;
    r->stats = &all;
    send_reply(f, r);
}

static void answer(struct fake_dataplane *f, const Headrace__Command *c)
{
    Headrace__Reply r = HEADRACE__REPLY__INIT;

    r.number = c->number;
    f->commands++;
    switch (c->op_case) {
    case HEADRACE__COMMAND__OP_ENDPOINT_PUT:
        r.error = f->put_error;
        if (!r.error)
            put(f, c->endpoint_put);
        break;
    case HEADRACE__COMMAND__OP_OBJECT_DELETE: {
        struct fake_endpoint *e = fake_find(f, c->object_delete->id);
        f->deletes++;
        if (e)
            forget(e);
        else
            r.error = HR_ERROR_NOT_FOUND;
        break;
    }
    case HEADRACE__COMMAND__OP_OBJECTS_GET:
        list(f, c->objects_get->after, &r);
        return;
    case HEADRACE__COMMAND__OP_STATS_GET:
        stats(f, c->stats_get->endpoints[0], &r);
        return;
    default:
        break;
    }
    send_reply(f, &r);
}

static void greet(struct fake_dataplane *f)
{
    uint8_t buf[4096];
    int fds[3];
    int n = hr_socket_receive(f->sock, buf, sizeof(buf), NULL, NULL);
    Headrace__Hello *hello = n > 0 ? headrace__hello__unpack(NULL, (size_t)n, buf) : NULL;
    Headrace__HelloReply r = HEADRACE__HELLO_REPLY__INIT;

    MUST(hello && hello->role == HEADRACE__HELLO__ROLE__CONTROLPLANE);
    headrace__hello__free_unpacked(hello, NULL);
    r.protocol = HR_PROTOCOL_VERSION;
    r.build = (char *)"fake";
    r.error = f->hello_error;
    r.workers = FAKE_WORKERS;
    r.instance = f->instance;
    if (f->hello_error) {
        MUST(hr_socket_send(f->sock, &r.base, NULL, 0) == 0);
        close(f->sock);
        f->sock = -1;
        return;
    }
    MUST(hr_channel_create(FAKE_WORKERS, &f->ch) == 0);
    hr_channel_fds(f->ch, fds);
    MUST(hr_socket_send(f->sock, &r.base, fds, 3) == 0);
}

static bool serve_commands(struct fake_dataplane *f)
{
    const uint8_t *data;
    size_t len;
    bool any = false;

    /* No more at once than the control plane reads in one go, or the event ring would fill. */
    for (int n = 0; n < CP_DATAPLANE_BUDGET; n++) {
        if (f->mute || !(data = hr_channel_peek(f->ch, HR_RING_COMMAND, 0, &len)))
            break;
        hr_arena_reset(&f->arena);
        Headrace__Command *c = headrace__command__unpack(&f->arena.allocator, len, data);
        hr_channel_consume(f->ch, HR_RING_COMMAND, 0);
        MUST(c);
        answer(f, c);
        any = true;
    }
    return any;
}

static bool serve_injects(struct fake_dataplane *f)
{
    const uint8_t *data;
    size_t len;
    bool any = false;

    for (unsigned w = 0; w < FAKE_WORKERS; w++)
        while ((data = hr_channel_peek(f->ch, HR_RING_INJECT, w, &len))) {
            struct cp_path path;
            hr_arena_reset(&f->arena);
            Headrace__Inject *m = headrace__inject__unpack(&f->arena.allocator, len, data);
            hr_channel_consume(f->ch, HR_RING_INJECT, w);
            MUST(m && m->path && cp_path_unpack(m->path, &path) == 0);
            path.worker = w;
            if (f->injected)
                f->injected(f->arg, &path, m->payload.data, m->payload.len);
            any = true;
        }
    return any;
}

bool fake_step(struct fake_dataplane *f)
{
    if (f->sock < 0 && f->listener >= 0) {
        f->sock = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
        if (f->sock < 0)
            return false;
        greet(f);
        return true;
    }
    if (!f->ch)
        return false;
    bool commands = serve_commands(f);
    bool injects = serve_injects(f);
    if (commands)
        hr_channel_wake(f->ch, HR_SIDE_CONTROLPLANE);
    return commands || injects;
}

void fake_punt(struct fake_dataplane *f, const struct cp_path *path, const uint8_t *data,
               size_t len)
{
    Headrace__Punt m = HEADRACE__PUNT__INIT;
    Headrace__Path p;

    cp_path_pack(path, &p);
    m.path = &p;
    m.payload = (ProtobufCBinaryData){.data = (uint8_t *)data, .len = len};
    MUST(hr_channel_send(f->ch, HR_RING_PUNT, path->worker, &m.base) == 0);
    hr_channel_wake(f->ch, HR_SIDE_CONTROLPLANE);
}

void fake_latch(struct fake_dataplane *f, uint32_t endpoint, const struct cp_path *path)
{
    Headrace__Event m = HEADRACE__EVENT__INIT;
    Headrace__EndpointLatched latched = HEADRACE__ENDPOINT_LATCHED__INIT;
    Headrace__Path p;

    cp_path_pack(path, &p);
    latched.endpoint = endpoint;
    latched.path = &p;
    m.what_case = HEADRACE__EVENT__WHAT_ENDPOINT_LATCHED;
    m.endpoint_latched = &latched;
    MUST(hr_channel_send(f->ch, HR_RING_EVENT, 0, &m.base) == 0);
    hr_channel_wake(f->ch, HR_SIDE_CONTROLPLANE);
}
