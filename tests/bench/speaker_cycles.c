/*
 * What a room costs per audio packet, in TSC cycles (means): reading its level, counting, and the
 * decisions that fall due meanwhile. For a room whose state stays in the cache, and for many.
 */
#include "dataplane/packet.h"
#include "dataplane/session.h"

#include <rte_cycles.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_US 20000
#define FRAMES   1500
#define SAMPLES  200000
#define SEATS    4
#define LEVEL_ID 1

static const uint8_t header[20] = {0x90, 111, [12] = 0xBE, 0xDE, 0, 1, LEVEL_ID << 4};

struct member {
    struct dp_source source;
    struct dp_stream stream;
    alignas(64) struct rte_mbuf m;
    struct dp_packet p; /* the mbuf's private area */
    alignas(64) uint8_t bytes[sizeof(header)];
};

static struct dp_session session = {.hz = 1000000000};
static struct dp_worker worker = {.session = &session};
static struct dp_endpoint endpoint;
static uint64_t samples[SAMPLES];
static unsigned samples_count;
static uint64_t heard, packets;

static void *zeroed(size_t size)
{
    void *p = aligned_alloc(64, RTE_ALIGN_CEIL(size, 64));
    return p ? memset(p, 0, size) : NULL;
}

static void member_init(struct member *m, struct dp_room *room, uint32_t id)
{
    m->source.id = id;
    m->source.endpoint = &endpoint;
    m->stream.source = &m->source;
    memcpy(m->bytes, header, sizeof(header));
    m->m.buf_addr = m->bytes;
    m->p.endpoint = &endpoint;
    m->p.source = &m->source;
    m->p.stream = &m->stream;
    if (dp_rtp_parse(m->bytes, sizeof(m->bytes), &m->p.rtp) != DP_RTP_OK)
        abort();
    dp_speaker_enter(&worker, &m->source.speaker, room);
}

/* Main is told nothing. */
static void room_init(struct dp_room *room)
{
    room->loudest.size = SEATS;
    atomic_store(&room->posted, true);
}

/* One of the room speaks at a time, the others are nearly silent. */
static uint8_t level(unsigned member, unsigned members, unsigned frame)
{
    if (frame / 100 % members != member)
        return (uint8_t)(75 + (frame * 7 + member * 13) % 20);
    return frame % 25 > 20 ? 75 : (uint8_t)(20 + frame * 5 % 20);
}

static void talk(struct member *of, unsigned members, unsigned frame)
{
    for (unsigned i = 0; i < members; i++) {
        of[i].bytes[17] = level(i, members, frame);
        of[i].p.index++;
    }
    uint64_t begin = rte_rdtsc();
    for (unsigned i = 0; i < members; i++)
        heard += dp_speaker_heard(&worker, &of[i].m);
    samples[samples_count++] = rte_rdtsc() - begin;
    packets += members;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Without the highest fiftieth, which is what the kernel did meanwhile. */
static double mean(void)
{
    double sum = 0;
    unsigned n = samples_count - samples_count / 50;
    qsort(samples, samples_count, sizeof(samples[0]), compare);
    for (unsigned i = 0; i < n; i++)
        sum += (double)samples[i];
    return sum / n;
}

static void measure(unsigned rooms, unsigned members, bool in_room)
{
    struct dp_room *room = zeroed(rooms * sizeof(*room));
    struct member *of = zeroed((size_t)rooms * members * sizeof(*of));
    unsigned frames = RTE_MIN((unsigned)FRAMES, SAMPLES / rooms);
    samples_count = 0;
    heard = packets = 0;
    if (room == NULL || of == NULL)
        abort();
    for (unsigned r = 0; r < rooms; r++) {
        room_init(&room[r]);
        for (unsigned i = 0; i < members; i++)
            member_init(&of[r * members + i], in_room ? &room[r] : NULL, 1 + i);
    }
    for (unsigned frame = 0; frame < frames; frame++) {
        worker.now += FRAME_US * UINT64_C(1000);
        for (unsigned r = 0; r < rooms; r++)
            talk(&of[r * members], members, frame);
    }
    printf("%5u  %7u  %8s  %6.0f  %9.0f %%\n", rooms, members, in_room ? "yes" : "no",
           mean() / members, 100.0 * (double)heard / (double)packets);
    free(room);
    free(of);
}

int main(void)
{
    static const unsigned members[] = {4, 20, 500};
    worker.now = session.hz;
    dp_ext_map_init(&endpoint.conf.exts, false);
    if (dp_ext_map_set(&endpoint.conf.exts, HR_EXT_AUDIO_LEVEL, LEVEL_ID))
        abort();
    printf("rooms  sources  in rooms  cycles  forwarded\n");
    for (unsigned i = 0; i < RTE_DIM(members); i++) {
        measure(1, members[i], false);
        measure(1, members[i], true);
    }
    measure(1000, 20, false);
    measure(1000, 20, true);
    return 0;
}
