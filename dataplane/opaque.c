#include "dataplane/opaque.h"

#include "dataplane/checksum.h"
#include "dataplane/dataplane.h"
#include "dataplane/mirror.h"
#include "dataplane/packet.h"
#include "dataplane/rtp/wire.h"
#include "dataplane/source.h"

#include <rte_ip.h>
#include <rte_udp.h>
#include <string.h>

#define IDLE (DP_OPAQUE_GROUPS - 1)

/* ---- legs */

static struct dp_subscription **owners(struct dp_opaque_leg *legs, uint32_t size)
{
    return (struct dp_subscription **)(legs + size);
}

void *dp_opaque_grow(struct dp_opaque_fan *fan, void *block, uint32_t size)
{
    struct dp_opaque_leg *old = fan->legs, *legs = block;
    struct dp_subscription **of = owners(legs, size);
    if (fan->count) {
        memcpy(legs, old, fan->count * sizeof(*legs));
        memcpy(of, fan->of, fan->count * sizeof(*of));
    }
    fan->legs = legs;
    fan->of = of;
    fan->size = size;
    return old;
}

static unsigned group_of(const struct dp_opaque_fan *fan, uint32_t leg)
{
    unsigned group = 0;
    while (leg >= fan->ends[group])
        group++;
    return group;
}

static uint32_t begin_of(const struct dp_opaque_fan *fan, unsigned group)
{
    return group ? fan->ends[group - 1] : 0;
}

static unsigned group_for(const struct dp_subscription *s)
{
    const struct dp_endpoint_conf *conf = &s->endpoint->conf;
    if (!conf->reachable || s->conf.paused)
        return IDLE;
    return 2u * conf->path.port + (conf->path.family == 6);
}

static void swap(struct dp_opaque_fan *fan, uint32_t a, uint32_t b)
{
    if (a == b)
        return;
    RTE_SWAP(fan->legs[a], fan->legs[b]);
    RTE_SWAP(fan->of[a], fan->of[b]);
    fan->of[a]->leg = a;
    fan->of[b]->leg = b;
}

/* Each group between gives one place: its first or its last leg goes to its other end. */
static void regroup(struct dp_opaque_fan *fan, struct dp_subscription *s, unsigned to)
{
    unsigned group = group_of(fan, s->leg);
    for (; group > to; group--) {
        swap(fan, s->leg, begin_of(fan, group));
        fan->ends[group - 1]++;
    }
    for (; group < to; group++) {
        swap(fan, s->leg, fan->ends[group] - 1);
        fan->ends[group]--;
    }
}

static void write_leg(struct dp_opaque_leg *leg, const struct dp_path *path)
{
    uint8_t *ip = leg->header + RTE_ETHER_HDR_LEN;
    uint8_t *udp = leg->header + path->header_len - sizeof(struct rte_udp_hdr);
    uint16_t sum = dp_checksum_fold(path->ip_sum);
    memcpy(leg->header, path->header, sizeof(leg->header));
    if (path->family == 4)
        memcpy(ip + offsetof(struct rte_ipv4_hdr, hdr_checksum), &sum, sizeof(sum));
    sum = dp_checksum_fold(path->udp_sum);
    memcpy(udp + offsetof(struct rte_udp_hdr, dgram_cksum), &sum, sizeof(sum));
}

/* Every leg that is not idle is sent the same, so the fan alone counts. */
void dp_opaque_settle(struct dp_subscription *s)
{
    const struct dp_opaque_fan *fan = s->source ? &s->source->opaque : NULL;
    if (fan == NULL)
        return;
    if (group_of(fan, s->leg) != IDLE) {
        s->packets += fan->packets - s->opaque_packets;
        s->bytes += fan->bytes - s->opaque_bytes;
    }
    s->opaque_packets = fan->packets;
    s->opaque_bytes = fan->bytes;
}

void dp_opaque_place(struct dp_subscription *s)
{
    if (s->source == NULL)
        return;
    struct dp_opaque_fan *fan = &s->source->opaque;
    dp_opaque_settle(s);
    regroup(fan, s, group_for(s));
    if (s->endpoint->conf.reachable)
        write_leg(&fan->legs[s->leg], &s->endpoint->conf.path);
}

/* A mirror with legs is sent all there is. */
static void tell_origin(struct dp_source *source)
{
    if (source->mirror == NULL)
        return;
    if (source->opaque.count)
        atomic_fetch_or_explicit(&source->mirror->wanted, DP_MIRROR_ALL, memory_order_relaxed);
    else
        atomic_fetch_and_explicit(&source->mirror->wanted, ~DP_MIRROR_ALL, memory_order_relaxed);
}

static void leave(struct dp_subscription *s)
{
    struct dp_source *source = s->source;
    struct dp_opaque_fan *fan = &source->opaque;
    dp_opaque_settle(s);
    regroup(fan, s, IDLE);
    swap(fan, s->leg, fan->count - 1);
    fan->count--;
    fan->ends[IDLE]--;
    s->source = NULL;
    tell_origin(source);
}

void dp_opaque_attach(struct dp_subscription *s, struct dp_source *source)
{
    if (source == s->source)
        return;
    if (s->source)
        leave(s);
    s->source = source;
    if (source == NULL)
        return;
    struct dp_opaque_fan *fan = &source->opaque;
    s->leg = fan->count++;
    fan->ends[IDLE]++;
    fan->of[s->leg] = s;
    dp_opaque_place(s);
    tell_origin(source);
}

void dp_opaque_rebase(struct dp_source *view)
{
    for (uint32_t i = 0; i < view->opaque.count; i++)
        view->opaque.of[i]->source = view;
    tell_origin(view);
}

bool dp_endpoint_opaque(const struct dp_endpoint *e)
{
    const struct dp_subscription *s = TAILQ_FIRST(&e->subscriptions);
    return s && s->opaque;
}

/* ---- packets */

static uint32_t count(const _Atomic uint32_t *takers)
{
    return atomic_load_explicit(takers, memory_order_relaxed);
}

bool dp_opaque_any(const struct dp_worker *w)
{
    return atomic_load_explicit(&w->dp->opaque, memory_order_relaxed);
}

bool dp_opaque_wanted(const struct dp_source *s)
{
    return count(&s->opaque_takers) != 0;
}

bool dp_opaque_only(const struct dp_source *s)
{
    return dp_opaque_wanted(s) && count(&s->rekey_takers) == 0;
}

bool dp_opaque_reports(const struct dp_endpoint *e)
{
    const struct dp_source *s;
    bool opaque = false;
    TAILQ_FOREACH (s, &e->sources, of_endpoint) {
        if (count(&s->rekey_takers))
            return true;
        opaque |= dp_opaque_wanted(s);
    }
    return !opaque;
}

static void account(struct dp_worker *w, struct dp_stream *st, uint16_t length)
{
    struct dp_endpoint *e = st->source->endpoint;
    st->last_packet = w->now;
    st->packets++;
    st->bytes += length;
    st->window_bytes += length;
    e->rx_packets++;
    e->rx_bytes += length;
    e->last_packet = w->now;
}

bool dp_opaque_take(struct dp_worker *w, struct rte_mbuf *m)
{
    struct dp_packet *p = dp_packet(m);
    const struct dp_endpoint *e = p->endpoint;
    const uint8_t *bytes = dp_packet_payload(m);
    if (e->publishing == NULL || p->length < DP_RTP_FIXED_LEN || bytes[0] >> 6 != 2)
        return false;
    struct dp_stream *st = dp_ssrcs_find(&e->publishing->streams, dp_get32(bytes + 8));
    if (st == NULL || !st->begun || !dp_opaque_only(st->source))
        return false;
    if (++st->unchecked % DP_OPAQUE_CHECK == 0 ||
        w->now - st->last_packet > dp_session_tsc(w->session, DP_STREAM_SILENT_MS))
        return false;
    p->stream = st;
    p->source = st->source;
    p->rekey = false;
    st->skipped = true;
    uint64_t index;
    if (dp_srtp_rx_estimate(&st->rx, dp_get16(bytes + 2), &index) == 0 && index > st->passed)
        st->passed = index;
    account(w, st, p->length);
    return true;
}
