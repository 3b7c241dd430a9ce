/*
 * The memfd begins with a header page, then the rings, each at an offset that the header names.
 * Ring storage is position-independent, so each side maps it where it likes. The far side is
 * trusted to be the daemon that SO_PEERCRED showed, but not to be free of faults: offsets and
 * geometry are checked once at attach, a slot's length at every read.
 */
/* The zero-copy ring calls: what lets a message be packed in place. */
#define ALLOW_EXPERIMENTAL_API

#include "proto/channel.h"

#include "proto/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_ring_peek_zc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHANNEL_MAGIC    0x48524348u /* "HRCH" */
#define CHANNEL_VERSION  1u
#define RINGS_PER_WORKER 2
#define RINGS_MAX        (2 + RINGS_PER_WORKER * HR_WORKERS_MAX)
#define ALIGNMENT        4096u

struct channel_header {
    uint32_t magic;
    uint32_t version;
    uint32_t workers;
    uint32_t size; /* of the whole memfd, bytes */
    /* Set by the sleeper, cleared by whoever wakes it. Indexed by hr_side. */
    _Alignas(64) _Atomic uint32_t sleeping[2];
};

struct slot {
    uint32_t length;
    uint8_t data[];
};

struct ring_kind {
    uint32_t slots;
    uint32_t slot_size; /* bytes of message */
};

static const struct ring_kind ring_kinds[] = {
    [HR_RING_COMMAND] = {HR_COMMAND_SLOTS, HR_COMMAND_SLOT_SIZE},
    [HR_RING_EVENT] = {HR_EVENT_SLOTS, HR_EVENT_SLOT_SIZE},
    [HR_RING_PUNT] = {HR_PUNT_SLOTS, HR_PUNT_SLOT_SIZE},
    [HR_RING_INJECT] = {HR_INJECT_SLOTS, HR_INJECT_SLOT_SIZE},
};

struct hr_channel {
    struct channel_header *header;
    size_t size;
    unsigned workers;
    int fds[3]; /* memfd, wakes the dataplane, wakes the control plane */
    struct rte_ring *rings[RINGS_MAX];
};

static uint32_t element_size(enum hr_ring kind)
{
    return sizeof(struct slot) + ring_kinds[kind].slot_size;
}

static size_t ring_bytes(enum hr_ring kind)
{
    ssize_t n = rte_ring_get_memsize_elem(element_size(kind), ring_kinds[kind].slots);
    return ((size_t)n + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static enum hr_ring ring_kind(unsigned i)
{
    if (i < 2)
        return (enum hr_ring)i;
    return i % 2 ? HR_RING_INJECT : HR_RING_PUNT;
}

static unsigned rings_count(unsigned workers)
{
    return 2 + RINGS_PER_WORKER * workers;
}

static struct rte_ring *ring_of(struct hr_channel *ch, enum hr_ring kind, unsigned worker)
{
    if (kind == HR_RING_COMMAND || kind == HR_RING_EVENT)
        return ch->rings[kind];
    return ch->rings[2 + RINGS_PER_WORKER * worker + (kind == HR_RING_INJECT)];
}

static size_t layout(struct hr_channel *ch)
{
    size_t at = ALIGNMENT;

    for (unsigned i = 0; i < rings_count(ch->workers); i++) {
        if (ch->header)
            ch->rings[i] = (struct rte_ring *)((uint8_t *)ch->header + at);
        at += ring_bytes(ring_kind(i));
    }
    return at;
}

static int map(struct hr_channel *ch)
{
    void *p = mmap(NULL, ch->size, PROT_READ | PROT_WRITE, MAP_SHARED, ch->fds[0], 0);
    if (p == MAP_FAILED)
        return -errno;
    ch->header = p;
    layout(ch);
    return 0;
}

static int create_rings(struct hr_channel *ch)
{
    char name[RTE_RING_NAMESIZE];

    for (unsigned i = 0; i < rings_count(ch->workers); i++) {
        snprintf(name, sizeof(name), "hr_%u", i);
        int err = rte_ring_init(ch->rings[i], name, ring_kinds[ring_kind(i)].slots,
                                RING_F_SP_ENQ | RING_F_SC_DEQ);
        if (err)
            return err;
    }
    ch->header->version = CHANNEL_VERSION;
    ch->header->workers = ch->workers;
    ch->header->size = (uint32_t)ch->size;
    ch->header->magic = CHANNEL_MAGIC;
    return 0;
}

int hr_channel_create(unsigned workers, struct hr_channel **out)
{
    if (workers == 0 || workers > HR_WORKERS_MAX)
        return -EINVAL;
    struct hr_channel *ch = calloc(1, sizeof(*ch));
    if (!ch)
        return -ENOMEM;
    ch->workers = workers;
    ch->size = layout(ch);
    ch->fds[0] = memfd_create("headrace-rings", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ch->fds[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ch->fds[2] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    int err = 0;
    if (ch->fds[0] < 0 || ch->fds[1] < 0 || ch->fds[2] < 0)
        err = -errno;
    /* The seal keeps the peer from shrinking the file under our mapping. */
    else if (ftruncate(ch->fds[0], (off_t)ch->size) ||
             fcntl(ch->fds[0], F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
        err = -errno;
    else
        err = map(ch);
    if (!err)
        err = create_rings(ch);
    if (err) {
        hr_channel_destroy(ch);
        return err;
    }
    *out = ch;
    return 0;
}

static int check_layout(struct hr_channel *ch, size_t file_size)
{
    if (ch->header->magic != CHANNEL_MAGIC || ch->header->version != CHANNEL_VERSION)
        return -EPROTO;
    unsigned workers = ch->header->workers;
    if (workers == 0 || workers > HR_WORKERS_MAX)
        return -EPROTO;
    ch->workers = workers;
    if (layout(ch) != file_size)
        return -EPROTO;
    for (unsigned i = 0; i < rings_count(workers); i++) {
        const struct rte_ring *r = ch->rings[i];
        uint32_t slots = ring_kinds[ring_kind(i)].slots;
        if (r->size != slots || r->mask != slots - 1 || r->capacity != slots - 1 ||
            r->prod.sync_type != RTE_RING_SYNC_ST || r->cons.sync_type != RTE_RING_SYNC_ST)
            return -EPROTO;
    }
    return 0;
}

int hr_channel_attach(int memfd, int wake_dataplane, int wake_controlplane, struct hr_channel **out)
{
    struct hr_channel *ch = calloc(1, sizeof(*ch));
    struct stat st;
    int err = -ENOMEM;

    if (!ch) {
        close(memfd);
        close(wake_dataplane);
        close(wake_controlplane);
        return err;
    }
    ch->fds[0] = memfd;
    ch->fds[1] = wake_dataplane;
    ch->fds[2] = wake_controlplane;
    if (fstat(memfd, &st)) {
        err = -errno;
    } else if (st.st_size < (off_t)ALIGNMENT) {
        err = -EPROTO;
    } else {
        ch->size = (size_t)st.st_size;
        err = map(ch);
        if (!err)
            err = check_layout(ch, ch->size);
    }
    if (err) {
        hr_channel_destroy(ch);
        return err;
    }
    *out = ch;
    return 0;
}

void hr_channel_destroy(struct hr_channel *ch)
{
    if (!ch)
        return;
    if (ch->header)
        munmap(ch->header, ch->size);
    for (unsigned i = 0; i < 3; i++)
        if (ch->fds[i] >= 0)
            close(ch->fds[i]);
    free(ch);
}

void hr_channel_fds(const struct hr_channel *ch, int fds[3])
{
    memcpy(fds, ch->fds, sizeof(ch->fds));
}

unsigned hr_channel_workers(const struct hr_channel *ch)
{
    return ch->workers;
}

int hr_channel_send(struct hr_channel *ch, enum hr_ring ring, unsigned worker,
                    const ProtobufCMessage *msg)
{
    struct rte_ring *r = ring_of(ch, ring, worker);
    size_t length = protobuf_c_message_get_packed_size(msg);
    struct rte_ring_zc_data zc;

    if (length > ring_kinds[ring].slot_size)
        return -EMSGSIZE;
    if (rte_ring_enqueue_zc_bulk_elem_start(r, element_size(ring), 1, &zc, NULL) != 1)
        return -ENOSPC;
    struct slot *s = zc.ptr1;
    s->length = (uint32_t)length;
    protobuf_c_message_pack(msg, s->data);
    rte_ring_enqueue_zc_elem_finish(r, 1);
    return 0;
}

const uint8_t *hr_channel_peek(struct hr_channel *ch, enum hr_ring ring, unsigned worker,
                               size_t *len)
{
    struct rte_ring_zc_data zc;

    if (rte_ring_dequeue_zc_bulk_elem_start(ring_of(ch, ring, worker), element_size(ring), 1, &zc,
                                            NULL) != 1)
        return NULL;
    const struct slot *s = zc.ptr1;
    uint32_t length = *(const volatile uint32_t *)&s->length;
    *len = length <= ring_kinds[ring].slot_size ? length : 0;
    return s->data;
}

void hr_channel_consume(struct hr_channel *ch, enum hr_ring ring, unsigned worker)
{
    rte_ring_dequeue_zc_elem_finish(ring_of(ch, ring, worker), 1);
}

bool hr_channel_empty(struct hr_channel *ch, enum hr_ring ring, unsigned worker)
{
    return rte_ring_empty(ring_of(ch, ring, worker));
}

static int wake_fd(const struct hr_channel *ch, enum hr_side side)
{
    return ch->fds[side == HR_SIDE_DATAPLANE ? 1 : 2];
}

void hr_channel_wake(struct hr_channel *ch, enum hr_side whom)
{
    /* The fence orders our enqueue before the look at the flag; its pair is in hr_channel_sleep().
     */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&ch->header->sleeping[whom], memory_order_relaxed) == 0)
        return;
    if (atomic_exchange(&ch->header->sleeping[whom], 0))
        eventfd_write(wake_fd(ch, whom), 1);
}

void hr_channel_sleep(struct hr_channel *ch, enum hr_side me)
{
    atomic_store(&ch->header->sleeping[me], 1);
    atomic_thread_fence(memory_order_seq_cst);
}

void hr_channel_awake(struct hr_channel *ch, enum hr_side me)
{
    eventfd_t count;

    atomic_store(&ch->header->sleeping[me], 0);
    (void)eventfd_read(wake_fd(ch, me), &count);
}
