/*
 * The protector is dataplane/srtp itself: a rekey from a keystream of zeros is an encryption. That
 * its packets are right SRTP is shown elsewhere (srtp_oracle); here the relay's own check of each
 * tag would tell.
 */
#include "publisher.h"

#include "dataplane/frame.h"
#include "dataplane/packet.h"
#include "dataplane/rtp/wire.h"
#include "dataplane/srtp/srtp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD_MAX 1400
#define FRAME_TICKS 3000 /* of 90 kHz: 30 frames a second */
#define FRAME_SIZE  8    /* packets of a video frame */
#define AUDIO_TICKS 960
#define FIRST_SSRC  5000

/* One stream. */
struct stream {
    struct dp_srtp_key key;
    struct dp_path path;
    uint64_t index; /* of the next packet */
    uint32_t ssrc;
    bool begun;
};

struct publisher {
    const struct relay *relay;
    size_t payload;
    uint32_t *turns; /* rooms, in the order in which they send */
    unsigned next;   /* of these */
    uint8_t media[PAYLOAD_MAX], zeros[PAYLOAD_MAX];
    struct stream streams[];
};

/* In no order: neighbours in memory are not neighbours in time. */
static void shuffle(uint32_t *turns, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        turns[i] = i;
    for (unsigned i = n; i > 1; i--) {
        unsigned other = (unsigned)rand() % i;
        uint32_t t = turns[i - 1];
        turns[i - 1] = turns[other];
        turns[other] = t;
    }
}

struct publisher *publisher_new(const struct relay *r, size_t payload)
{
    unsigned rooms = r->plan.rooms;
    size_t size = sizeof(struct publisher) + rooms * sizeof(struct stream);
    struct publisher *p = aligned_alloc(64, RTE_ALIGN_CEIL(size, 64));
    uint32_t *turns = malloc(rooms * sizeof(*turns));
    uint8_t key[RELAY_CLIENT_KEY];

    if (!p || !turns || payload > PAYLOAD_MAX) {
        free(turns);
        free(p);
        return NULL;
    }
    memset(p, 0, size);
    p->turns = turns;
    shuffle(turns, rooms);
    p->relay = r;
    p->payload = payload;
    for (unsigned i = 0; i < PAYLOAD_MAX; i++)
        p->media[i] = (uint8_t)rand();
    for (unsigned i = 0; i < rooms; i++) {
        struct stream *s = &p->streams[i];
        relay_publisher_key(r, i, key);
        relay_publisher_path(r, i, &s->path);
        dp_srtp_key_init(&s->key, r->plan.profile, key, key + hr_srtp_key_len(r->plan.profile));
        s->ssrc = FIRST_SSRC + i;
        s->index = (uint64_t)rand() & 0x7FFF;
    }
    return p;
}

void publisher_free(struct publisher *p)
{
    if (p)
        free(p->turns);
    free(p);
}

static size_t put_ext(uint8_t *dst, unsigned id, const void *bytes, unsigned len)
{
    dst[0] = (uint8_t)(id << 4 | (len - 1));
    memcpy(dst + 1, bytes, len);
    return len + 1;
}

/* A Dependency Descriptor of one template; a stream's first has the structure: a key frame. */
static size_t put_descriptor(uint8_t *dst, const struct stream *s)
{
    uint64_t number = s->index / FRAME_SIZE;
    uint8_t dd[6] = {0xC0, (uint8_t)(number >> 8), (uint8_t)number, 0x80, 0x00, 0xE0};

    return put_ext(dst, RELAY_EXT_DD, dd, s->begun ? 3 : 6);
}

static size_t put_exts(const struct publisher *p, const struct stream *s, uint8_t *dst)
{
    static const uint8_t send_time[3] = {1, 2, 3}, level = 0x80 | 30;
    uint8_t number[2];
    size_t n = put_ext(dst, RELAY_EXT_MID, "0", 1);

    dp_put16(number, (uint16_t)s->index);
    n += put_ext(dst + n, RELAY_EXT_TRANSPORT_CC, number, sizeof(number));
    if (p->relay->plan.video) {
        n += put_ext(dst + n, RELAY_EXT_SEND_TIME, send_time, sizeof(send_time));
        n += put_descriptor(dst + n, s);
    } else {
        n += put_ext(dst + n, RELAY_EXT_AUDIO_LEVEL, &level, 1);
    }
    while (n % 4)
        dst[n++] = 0;
    return n;
}

static size_t put_header(const struct publisher *p, const struct stream *s, uint8_t *dst)
{
    bool video = p->relay->plan.video;
    size_t ext = put_exts(p, s, dst + 16);
    uint64_t ts = video ? s->index / FRAME_SIZE * FRAME_TICKS : s->index * AUDIO_TICKS;
    bool marker = video && s->index % FRAME_SIZE == FRAME_SIZE - 1;

    dst[0] = 0x90;
    dst[1] = (uint8_t)((marker ? 0x80 : 0) | (video ? RELAY_PT_VIDEO : RELAY_PT_AUDIO));
    dp_put16(dst + 2, (uint16_t)s->index);
    dp_put32(dst + 4, (uint32_t)ts);
    dp_put32(dst + 8, s->ssrc);
    dp_put16(dst + 12, 0xBEDE);
    dp_put16(dst + 14, (uint16_t)(ext / 4));
    return 16 + ext;
}

static void make(struct publisher *p, struct stream *s, struct rte_mbuf *m)
{
    uint8_t *dst = dp_frame_write(m, &s->path);
    struct dp_srtp_rekey job = {.key = &s->key,
                                .index = s->index,
                                .dst = dst,
                                .hdr_len = put_header(p, s, dst),
                                .src = p->media,
                                .ks = p->zeros,
                                .len = p->payload,
                                .rtx_osn = -1};
    size_t len = dp_srtp_rekey(&job);

    dp_frame_finish(m, &s->path, relay_port(p->relay), (uint16_t)len);
    s->index++;
    s->begun = true;
}

int publisher_make(struct publisher *p, struct rte_mbuf **pkts, unsigned n)
{
    if (rte_pktmbuf_alloc_bulk(p->relay->dp.pool, pkts, n))
        return -ENOBUFS;
    for (unsigned i = 0; i < n; i++) {
        struct stream *s = &p->streams[p->turns[p->next]];
        make(p, s, pkts[i]);
        p->next = (p->next + 1) % p->relay->plan.rooms;
    }
    return 0;
}

void publisher_waits(const struct publisher *p, unsigned *waits)
{
    unsigned rooms = p->relay->plan.rooms;

    for (unsigned i = 0; i < rooms; i++)
        waits[p->turns[(p->next + i) % rooms]] = i;
}
