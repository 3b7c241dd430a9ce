#include "dataplane/speakers.h"

#include "dataplane/packet.h"
#include "dataplane/session.h"

#include <string.h>

static struct dp_scores load_scores(const struct dp_speaker *s)
{
    uint64_t word = atomic_load_explicit(&s->scores, memory_order_relaxed);
    struct dp_scores scores;
    memcpy(&scores, &word, sizeof(scores));
    return scores;
}

static struct dp_scores store_scores(struct dp_speaker *s)
{
    struct dp_scores scores = dp_activity_scores(&s->activity);
    uint64_t word;
    memcpy(&word, &scores, sizeof(word));
    atomic_store_explicit(&s->scores, word, memory_order_relaxed);
    return scores;
}

unsigned dp_speaker_level(const struct dp_speaker *s, uint32_t now_ms)
{
    return dp_scores_at(load_scores(s), now_ms).loudness;
}

static bool is_seated(const struct dp_speaker *s)
{
    return atomic_load_explicit(&s->seated, memory_order_relaxed);
}

static void set_seated(struct dp_speaker *s, bool seated)
{
    atomic_store_explicit(&s->seated, seated, memory_order_relaxed);
}

/* ---- in a room that is claimed */

static void look_round(struct dp_room *room, uint32_t now_ms)
{
    for (unsigned i = 0; i < room->loudest.count; i++)
        room->loudest.seat[i].who.scores = dp_scores_at(load_scores(room->seated[i]), now_ms);
}

static void ask(struct dp_room *room, struct dp_speaker *s, struct dp_candidate who,
                uint32_t now_ms)
{
    struct dp_loudest *l = &room->loudest;
    int at = s->left ? -1 : dp_loudest_seat(l, &who.scores, room->dominant.source, now_ms);
    if (at < 0)
        return;
    if (at == (int)l->count)
        l->count++;
    else
        set_seated(room->seated[at], false);
    l->seat[at] = (struct dp_seat){.who = who, .since_ms = now_ms};
    if (!dp_loudest_audible(&who.scores))
        l->seat[at].since_ms -= DP_SEAT_MS;
    room->seated[at] = s;
    set_seated(s, true);
    atomic_store_explicit(&room->full, l->count == l->size, memory_order_relaxed);
}

static void decide(struct dp_worker *w, struct dp_room *room, int64_t now)
{
    struct dp_candidate of[DP_SEATS_MAX];
    for (unsigned i = 0; i < room->loudest.count; i++)
        of[i] = room->loudest.seat[i].who;
    room->changed |= dp_dominant_decide(&room->dominant, of, room->loudest.count);
    atomic_store_explicit(&room->due, now + DP_DOMINANT_EVERY_US, memory_order_relaxed);
    if (!room->changed || atomic_exchange_explicit(&room->posted, true, memory_order_relaxed))
        return;
    if (dp_worker_return(w, &room->news) != 0)
        atomic_store_explicit(&room->posted, false, memory_order_relaxed);
}

/* ---- */

/* Something is to be decided in the room of the source whose packet has come. */
static void decide_in(struct dp_worker *w, struct dp_source *source, int64_t now)
{
    struct dp_speaker *s = &source->speaker;
    struct dp_room *room = s->room;
    uint32_t now_ms = (uint32_t)(now / 1000);
    struct dp_candidate who = {.source = source->id, .scores = load_scores(s)};
    if (atomic_exchange_explicit(&room->claimed, true, memory_order_acquire))
        return;
    look_round(room, now_ms);
    if (!is_seated(s))
        ask(room, s, who, now_ms);
    if (now >= atomic_load_explicit(&room->due, memory_order_relaxed))
        decide(w, room, now);
    atomic_store_explicit(&room->claimed, false, memory_order_release);
}

/* A packet that is newer than all others of its stream. */
static void listen(struct dp_worker *w, struct rte_mbuf *m)
{
    const struct dp_packet *p = dp_packet(m);
    struct dp_speaker *s = &p->source->speaker;
    struct dp_audio_level level;
    if (dp_ext_audio_level(dp_packet_payload(m), &p->rtp, &p->endpoint->conf.exts, &level))
        return;
    int64_t now = dp_session_us(w->session, w->now);
    dp_activity_level(&s->activity, level.level, now);
    struct dp_scores scores = store_scores(s);
    s->ranked = true;
    const struct dp_room *room = s->room;
    bool wants = is_seated(s) ? now >= atomic_load_explicit(&room->due, memory_order_relaxed)
                              : dp_loudest_audible(&scores) ||
                                    !atomic_load_explicit(&room->full, memory_order_relaxed);
    if (wants)
        decide_in(w, p->source, now);
}

bool dp_speaker_heard(struct dp_worker *w, struct rte_mbuf *m)
{
    const struct dp_packet *p = dp_packet(m);
    const struct dp_speaker *s = &p->source->speaker;
    struct dp_gate *gate = &p->stream->gate;
    if (s->room && p->index >= gate->next)
        listen(w, m);
    return dp_gate_pass(gate, p->index, !dp_speaker_unheard(s));
}

void dp_speaker_enter(struct dp_worker *w, struct dp_speaker *s, struct dp_room *room)
{
    if (s->room == room)
        return;
    s->room = room;
    s->left = s->ranked = false;
    dp_activity_init(&s->activity, dp_session_us(w->session, w->now));
    store_scores(s);
}
