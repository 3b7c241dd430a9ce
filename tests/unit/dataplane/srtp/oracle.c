#include "oracle.h"

#include "dataplane/srtp/checker.h"
#include "dataplane/srtp/replay.h"
#include "dataplane/srtp/srtp_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <srtp2/srtp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD_MAX   1400
#define HEADER_MAX    (12 + 15 * 4 + 4 + 64)
#define PACKET_MAX    (HEADER_MAX + 2 + PAYLOAD_MAX + SRTP_MAX_TRAILER_LEN)
#define STREAM_LIFE   30000 /* packets before a stream gets new keys */
#define STREAMS       8     /* each transform pair twice: from ROC 0 and from a random one */
#define DELAYED       8     /* packets that may be under way at a time */
#define JUMP_SMALL    3000  /* DELAYED of them stay below 2^15, where the index is ambiguous */
#define JUMP_LARGE    20000
#define UNPROTECT_ONE 8 /* in so many */

struct under_way {
    uint64_t index;
    size_t hdr_len, payload_len;
    size_t len; /* protected; 0 is an empty place */
    uint8_t payload[PAYLOAD_MAX];
    uint8_t wire[PACKET_MAX];
};

struct stream {
    enum hr_srtp_profile in, out;
    uint32_t ssrc_in, ssrc_out;
    uint64_t id, next, shift, left; /* egress index = ingress index + shift */
    uint64_t highest;               /* delivered, for the model of what is stale */
    bool begun;
    struct dp_srtp_key key_in, key_out;
    struct dp_srtp_rx rx;
    srtp_t sender, expected, receiver;
    bool heard;      /* the receiver has had a packet, */
    uint64_t newest; /* up to this one */
    struct under_way delayed[DELAYED];
};

struct oracle {
    uint64_t random;
    struct oracle_counts counts;
    struct stream streams[STREAMS];
    struct dp_srtp_checker *checker;
    /* Heap blocks that end where the bytes end, so that a sanitizer sees a read beyond. */
    uint8_t *tail_src, *tail_ks, *tail_pkt;
    char error[256];
};

static uint64_t draw(struct oracle *o)
{
    uint64_t z = o->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t below(struct oracle *o, uint64_t n)
{
    return draw(o) % n;
}

static void fill(struct oracle *o, uint8_t *p, size_t len)
{
    for (; len >= 8; p += 8, len -= 8) {
        uint64_t word = draw(o);
        memcpy(p, &word, 8);
    }
    for (; len; len--)
        *p++ = (uint8_t)draw(o);
}

__attribute__((format(printf, 2, 3))) static bool fail(struct oracle *o, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(o->error, sizeof(o->error), format, args);
    va_end(args);
    return false;
}

/* --- headers --- */

/* An extension block in one-byte, two-byte or no known form (RFC 8285); returns its length. */
static size_t make_extension(struct oracle *o, uint8_t *p)
{
    static const uint16_t forms[] = {0xbede, 0x1000, 0x4242};
    uint16_t form = forms[below(o, 3)];
    size_t words = below(o, 17), at = 4, end = 4 + words * 4;

    p[0] = (uint8_t)(form >> 8);
    p[1] = (uint8_t)form;
    p[2] = 0;
    p[3] = (uint8_t)words;
    memset(p + at, 0, words * 4);
    while (form != 0x4242 && at + 4 < end) {
        size_t len = 1 + below(o, 8);

        if (at + 2 + len > end)
            break;
        if (form == 0xbede) {
            p[at++] = (uint8_t)((1 + below(o, 14)) << 4 | (len - 1));
        } else {
            p[at++] = (uint8_t)(1 + below(o, 255));
            p[at++] = (uint8_t)len;
        }
        fill(o, p + at, len);
        at += len;
    }
    if (form == 0x4242)
        fill(o, p + 4, words * 4);
    return end;
}

static size_t make_header(struct oracle *o, uint8_t *p, uint32_t ssrc, uint64_t index)
{
    size_t csrcs = below(o, 4) ? 0 : below(o, 16), len = 12 + csrcs * 4;
    bool extension = below(o, 4) != 0;

    fill(o, p, len);
    p[0] = (uint8_t)(0x80 | extension << 4 | csrcs);
    p[2] = (uint8_t)(index >> 8);
    p[3] = (uint8_t)index;
    srtp_put32(p + 8, ssrc);
    return extension ? len + make_extension(o, p + len) : len;
}

static size_t payload_size(struct oracle *o)
{
    if (below(o, 3) == 0) /* around the edges of blocks and chunks */
        return (below(o, 23) * 64 + below(o, 5) + PAYLOAD_MAX - 2) % PAYLOAD_MAX;
    return below(o, PAYLOAD_MAX + 1);
}

/* --- streams --- */

static srtp_t session(enum hr_srtp_profile profile, uint32_t ssrc, const uint8_t *master,
                      uint32_t roc)
{
    srtp_policy_t policy = {.window_size = DP_SRTP_WINDOW, .allow_repeat_tx = 1};
    uint8_t key[HR_SRTP_KEY_LEN_MAX + HR_SRTP_SALT_LEN_MAX];
    srtp_t s;

    if (profile == HR_SRTP_AEAD_AES_128_GCM)
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
    else
        srtp_crypto_policy_set_rtp_default(&policy.rtp);
    srtp_crypto_policy_set_rtp_default(&policy.rtcp);
    if (profile == HR_SRTP_AEAD_AES_128_GCM)
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    memcpy(key, master, sizeof(key));
    policy.ssrc.type = ssrc_specific;
    policy.ssrc.value = ssrc;
    policy.key = key;
    if (srtp_create(&s, &policy) != srtp_err_status_ok)
        abort();
    if (roc && srtp_set_stream_roc(s, ssrc, roc) != srtp_err_status_ok)
        abort();
    return s;
}

static void close_stream(struct stream *s)
{
    if (!s->sender)
        return;
    srtp_dealloc(s->sender);
    srtp_dealloc(s->expected);
    srtp_dealloc(s->receiver);
    s->sender = NULL;
}

static void open_stream(struct oracle *o, struct stream *s, size_t number)
{
    static const enum hr_srtp_profile profiles[] = {HR_SRTP_AES_CM_128_HMAC_SHA1_80,
                                                    HR_SRTP_AEAD_AES_128_GCM};
    uint8_t in[HR_SRTP_KEY_LEN_MAX + HR_SRTP_SALT_LEN_MAX], out[sizeof(in)];
    uint32_t roc = number < 4 ? 0 : (uint32_t)below(o, UINT32_MAX - 1000) + 1;
    uint32_t roc_out = number < 4 ? 0 : (uint32_t)below(o, UINT32_MAX - 1000) + 1;
    uint64_t first = below(o, 0x8000), first_out = below(o, 0x8000);

    close_stream(s);
    memset(s, 0, sizeof(*s));
    fill(o, in, sizeof(in));
    fill(o, out, sizeof(out));
    s->in = profiles[number & 1];
    s->out = profiles[number >> 1 & 1];
    s->ssrc_in = (uint32_t)draw(o);
    s->ssrc_out = (uint32_t)draw(o);
    s->id = o->counts.streams++;
    s->left = STREAM_LIFE;
    s->next = (uint64_t)roc << 16 | first;
    s->shift = ((uint64_t)roc_out << 16 | first_out) - s->next;
    dp_srtp_key_init(&s->key_in, s->in, in, in + 16);
    dp_srtp_key_init(&s->key_out, s->out, out, out + 16);
    if (roc && first)
        dp_srtp_rx_restore(&s->rx, s->next - 1);
    else if (roc)
        dp_srtp_rx_restore(&s->rx, s->next++);
    s->begun = roc != 0;
    s->highest = s->rx.highest;
    s->sender = session(s->in, s->ssrc_in, in, roc);
    s->expected = session(s->out, s->ssrc_out, out, roc_out);
    s->receiver = session(s->out, s->ssrc_out, out, roc_out);
}

/* --- one packet --- */

static bool protect(struct oracle *o, srtp_t s, uint8_t *pkt, size_t *len)
{
    int n = (int)*len;
    srtp_err_status_t status = srtp_protect(s, pkt, &n);

    *len = (size_t)n;
    return status == srtp_err_status_ok || fail(o, "srtp_protect says %d", status);
}

static void any_path(struct oracle *o)
{
    while (dp_srtp_cpu_force((enum dp_srtp_cpu)below(o, DP_SRTP_CPU_COUNT)) != 0)
        ;
}

/* Sends one packet into an empty place. */
static bool send_packet(struct oracle *o, struct stream *s, struct under_way *p)
{
    p->index = s->next;
    p->hdr_len = make_header(o, p->wire, s->ssrc_in, p->index);
    p->payload_len = payload_size(o);
    fill(o, p->payload, p->payload_len);
    memcpy(p->wire + p->hdr_len, p->payload, p->payload_len);
    p->len = p->hdr_len + p->payload_len;
    s->next += 1;
    if (below(o, 16) == 0)
        s->next += below(o, 4);
    if (below(o, 4000) == 0)
        s->next += below(o, JUMP_SMALL);
    o->counts.sent++;
    return protect(o, s->sender, p->wire, &p->len);
}

/* What libsrtp makes of the plaintext under the new header. */
static bool expect(struct oracle *o, struct stream *s, const struct under_way *p,
                   const struct dp_srtp_rekey *job, uint8_t *want, size_t *want_len)
{
    size_t at = job->hdr_len;

    memcpy(want, job->dst, job->hdr_len);
    if (job->rtx_osn >= 0) {
        want[at++] = (uint8_t)(job->rtx_osn >> 8);
        want[at++] = (uint8_t)job->rtx_osn;
    }
    memcpy(want + at, p->payload, p->payload_len);
    *want_len = at + p->payload_len;
    return protect(o, s->expected, want, want_len);
}

static bool compare(struct oracle *o, struct stream *s, const struct under_way *p,
                    const struct dp_srtp_rekey *job)
{
    uint8_t want[PACKET_MAX];
    size_t got, want_len;
    int n;

    any_path(o);
    if (!expect(o, s, p, job, want, &want_len))
        return false;
    memset(job->dst + want_len, 0xa5, 16);
    got = dp_srtp_rekey(job);
    if (got != want_len || got != dp_srtp_rekey_len(job) || memcmp(job->dst, want, got) != 0)
        return fail(o,
                    "rekey %s to %s by %s: %zu bytes of payload, header %zu, rtx %d, %zu not %zu",
                    hr_srtp_profile_name(s->in), hr_srtp_profile_name(s->out), dp_srtp_cpu_name(),
                    p->payload_len, job->hdr_len, job->rtx_osn, got, want_len);
    for (size_t i = 0; i < 16; i++)
        if (job->dst[got + i] != 0xa5)
            return fail(o, "wrote behind the packet, by %s", dp_srtp_cpu_name());
    o->counts.compared++;
    if (dp_srtp_checker_see(o->checker, s->id, s->ssrc_out, job->index, job->dst, got) != 0)
        return fail(o, "the checker saw a nonce twice");
    if (below(o, UNPROTECT_ONE))
        return true;
    /* A receiver begins with rollover counter 0; one that joins later would have to be told. */
    if (!s->heard && job->index >> 16)
        return true;
    /* It has only a part of the packets; beyond half the sequence space it could but guess. */
    if (s->heard && job->index > s->newest + 0x4000)
        return true;
    s->heard = true;
    if (job->index > s->newest)
        s->newest = job->index;
    n = (int)got;
    o->counts.unprotected++;
    return srtp_unprotect(s->receiver, job->dst, &n) == srtp_err_status_ok ||
           fail(o, "srtp_unprotect refuses packet %llx", (unsigned long long)job->index);
}

static bool rekey(struct oracle *o, struct stream *s, const struct under_way *p)
{
    uint8_t dst[PACKET_MAX + 16];
    uint8_t *ks = o->tail_ks + PAYLOAD_MAX - p->payload_len;
    uint8_t *src = o->tail_src + PAYLOAD_MAX - p->payload_len;
    struct dp_srtp_rekey job = {.key = &s->key_out, .dst = dst, .src = src, .ks = ks};

    memcpy(src, p->wire + p->hdr_len, p->payload_len);
    any_path(o);
    dp_srtp_keystream(&s->key_in, s->ssrc_in, p->index, ks, p->payload_len);
    job.len = p->payload_len;
    job.index = p->index + s->shift;
    job.hdr_len = make_header(o, dst, s->ssrc_out, job.index);
    job.rtx_osn = below(o, 8) ? -1 : (int32_t)(p->index & 0xffff);
    o->counts.rtx += job.rtx_osn >= 0;
    return compare(o, s, p, &job);
}

static bool deliver(struct oracle *o, struct stream *s, const struct under_way *p)
{
    bool stale = s->begun && p->index < s->highest && s->highest - p->index >= DP_SRTP_WINDOW;
    uint8_t *pkt = o->tail_pkt + PACKET_MAX - p->len;
    uint64_t index;
    int rc = dp_srtp_rx_estimate(&s->rx, (uint16_t)p->index, &index);

    o->counts.stale += stale;
    o->counts.late += s->begun && p->index < s->highest;
    if (rc != (stale ? -ESTALE : 0) || (!rc && index != p->index))
        return fail(o, "estimate says %d, %#" PRIx64 " not %#" PRIx64, rc, index, p->index);
    if (stale)
        return true;
    memcpy(pkt, p->wire, p->len);
    any_path(o);
    if (!dp_srtp_verify(&s->key_in, pkt, p->len, p->hdr_len, index))
        return fail(o, "refused a good packet of %s, %zu bytes, by %s", hr_srtp_profile_name(s->in),
                    p->len, dp_srtp_cpu_name());
    pkt[below(o, p->len)] ^= (uint8_t)(1u << below(o, 8));
    if (dp_srtp_verify(&s->key_in, pkt, p->len, p->hdr_len, index))
        return fail(o, "took an altered packet, by %s", dp_srtp_cpu_name());
    dp_srtp_rx_commit(&s->rx, index);
    if (!s->begun || index > s->highest)
        s->highest = index;
    s->begun = true;
    if (below(o, 64) == 0) {
        o->counts.replayed++;
        if (dp_srtp_rx_estimate(&s->rx, (uint16_t)p->index, &index) != -EALREADY)
            return fail(o, "took a replayed packet");
    }
    return rekey(o, s, p);
}

/* --- the run --- */

static bool flush(struct oracle *o, struct stream *s)
{
    for (size_t i = 0; i < DELAYED; i++) {
        if (s->delayed[i].len && !deliver(o, s, &s->delayed[i]))
            return false;
        s->delayed[i].len = 0;
    }
    return true;
}

static bool step(struct oracle *o, size_t number)
{
    struct stream *s = &o->streams[number];
    struct under_way *p = &s->delayed[below(o, 8) ? 0 : below(o, DELAYED)];

    if (s->left == 0) {
        if (!flush(o, s))
            return false;
        open_stream(o, s, number);
    }
    s->left--;
    if (below(o, 2000) == 0) {
        if (!flush(o, s))
            return false;
        s->next += below(o, JUMP_LARGE);
    }
    if (p->len && below(o, 50) && !deliver(o, s, p)) /* else it is lost */
        return false;
    return send_packet(o, s, p);
}

struct oracle *oracle_new(uint64_t seed)
{
    struct oracle *o = calloc(1, sizeof(*o));

    if (!o || srtp_init() != srtp_err_status_ok)
        abort();
    o->random = seed;
    o->checker = dp_srtp_checker_new(1 << 16);
    o->tail_src = malloc(PAYLOAD_MAX);
    o->tail_ks = malloc(PAYLOAD_MAX);
    o->tail_pkt = malloc(PACKET_MAX);
    if (!o->checker || !o->tail_src || !o->tail_ks || !o->tail_pkt)
        abort();
    return o;
}

void oracle_free(struct oracle *o)
{
    for (size_t i = 0; i < STREAMS; i++)
        close_stream(&o->streams[i]);
    dp_srtp_checker_free(o->checker);
    free(o->tail_src);
    free(o->tail_ks);
    free(o->tail_pkt);
    free(o);
    srtp_shutdown();
}

bool oracle_run(struct oracle *o, uint64_t packets)
{
    while (packets--)
        if (!step(o, below(o, STREAMS)))
            return false;
    return true;
}

const char *oracle_error(const struct oracle *o)
{
    return o->error;
}

struct oracle_counts oracle_counts(const struct oracle *o)
{
    return o->counts;
}
