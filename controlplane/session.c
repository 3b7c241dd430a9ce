#include "controlplane/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controlplane/room.h"
#include "controlplane/service.h"
#include "controlplane/signalling.h"
#include "proto/log.h"

static void send_json(struct cp_session *s, json_t *message)
{
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    json_decref(message);
    if (text)
        s->client.send(&s->client, text, strlen(text));
    free(text);
}

static json_t *with_request(json_t *message, const json_t *request)
{
    if (message && request)
        json_object_set(message, "request", (json_t *)(uintptr_t)request);
    return message;
}

static void send_error(struct cp_session *s, const char *code, const char *text,
                       const json_t *request, bool fatal)
{
    send_json(s, with_request(json_pack("{s:s, s:s, s:s, s:b}", "type", "error", "code", code,
                                        "text", text, "fatal", (int)fatal),
                              request));
}

/* The participant, if there is one, waits for its client to come back. */
static void end(struct cp_session *s)
{
    struct cp_participant *p = s->participant;
    s->participant = NULL;
    s->ended = true;
    if (p)
        cp_room_detach(p, s->now);
    s->client.end(&s->client);
}

static void fatal(struct cp_session *s, const char *code, const char *text)
{
    send_error(s, code, text, NULL, true);
    end(s);
}

static bool take_over(struct cp_session *s, const struct cp_message *m)
{
    struct cp_rooms *rooms = &s->service->rooms;
    struct cp_participant *p = m->resume ? cp_rooms_resume(rooms, m->resume) : NULL;
    if (!p || p->kind != CP_KIND_MEMBER || p->room != cp_rooms_find(rooms, s->room))
        return false;
    if (p->media && !cp_media_alive(p->media))
        return false;
    if (p->client) {
        struct cp_session *old = (struct cp_session *)p->client;
        old->participant = NULL;
        cp_session_bye(old, "replaced", "the participant has joined from another place");
    }
    cp_room_attach(p, &s->client);
    s->participant = p;
    p->direct = m->can_direct;
    bool changed = cp_participant_update(p, &m->profile);
    cp_participant_send(p, cp_room_joined(p, true));
    if (changed)
        cp_room_tell_updated(p);
    return true;
}

static void on_join(struct cp_session *s, const struct cp_message *m)
{
    struct cp_refusal why;
    if (s->service->draining) {
        fatal(s, "draining", "the server takes no new participants; it will be replaced soon");
        return;
    }
    if (take_over(s, m))
        return;
    struct cp_participant *p =
        cp_rooms_join(&s->service->rooms, s->room, CP_KIND_MEMBER, &m->profile, s->now, &why);
    if (!p) {
        fatal(s, why.code, why.text);
        return;
    }
    s->participant = p;
    p->direct = m->can_direct;
    cp_room_attach(p, &s->client);
    cp_participant_send(p, cp_room_joined(p, false));
    cp_room_announce(p);
}

static json_t *answer_sources(const struct cp_participant *p)
{
    json_t *array = json_array();
    char id[16];
    for (guint i = 0; i < p->sources->len; i++) {
        const struct cp_source *source = p->sources->pdata[i];
        snprintf(id, sizeof(id), "s%u", source->id);
        json_array_append_new(array, json_pack("{s:s, s:s}", "mid", source->mid, "source", id));
    }
    return array;
}

static json_t *answer_subscriptions(const struct cp_participant *p)
{
    json_t *array = json_array();
    char id[16];
    for (guint i = 0; i < p->subscriptions->len; i++) {
        const struct cp_subscription *sub = p->subscriptions->pdata[i];
        if (sub->source)
            snprintf(id, sizeof(id), "s%u", sub->source->id);
        json_array_append_new(
            array, json_pack("{s:s, s:s?}", "mid", sub->mid, "source", sub->source ? id : NULL));
    }
    return array;
}

static void on_offer(struct cp_session *s, const struct cp_message *m)
{
    struct cp_participant *p = s->participant;
    struct cp_media_failure why;
    if (cp_media_offer(&s->service->media, p, &m->offer, s->now, &why) < 0) {
        s->service->counters.offers_failed++;
        hr_info("offer of p%u refused: %s", p->id, why.text);
        send_error(s, cp_media_error_code(why.error), why.text, m->request, false);
        return;
    }
    s->service->counters.offers++;
    struct cp_negotiation *n = p->media->negotiation;
    send_json(s, with_request(json_pack("{s:s, s:s%, s:o, s:o}", "type", "answer", "sdp", n->answer,
                                        n->answer_len, "sources", answer_sources(p),
                                        "subscriptions", answer_subscriptions(p)),
                              m->request));
    cp_negotiation_sent(n);
}

static void on_direct(struct cp_session *s, const struct cp_message *m)
{
    struct cp_media_failure why = {0};
    int rc = 0;
    if (m->type == CP_MESSAGE_DIRECT_STATE)
        cp_direct_say(s->participant, &m->direct);
    else if (m->type == CP_MESSAGE_DIRECT_OFFER)
        rc = cp_direct_offer(s->participant, &m->direct, s->now, &why);
    else
        rc = cp_direct_answer(s->participant, &m->direct, s->now, &why);
    if (rc)
        send_error(s, cp_media_error_code(why.error), why.text, m->request, false);
}

static void on_update(struct cp_session *s, const struct cp_message *m)
{
    if (cp_participant_update(s->participant, &m->profile))
        cp_room_tell_updated(s->participant);
}

static void on_source(struct cp_session *s, const struct cp_message *m)
{
    struct cp_source *source = cp_room_source(s->participant->room, m->source);
    if (!source || source->owner != s->participant) {
        send_error(s, "unknown_source", "source is not one of yours", m->request, false);
        return;
    }
    if (source->muted == m->muted)
        return;
    source->muted = m->muted;
    cp_room_tell_source(source, "source-updated");
}

static void on_view(struct cp_session *s, const struct cp_message *m)
{
    cp_view_set(s->participant, &m->view);
}

static void on_chat(struct cp_session *s, const struct cp_message *m)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    cp_room_chat(s->participant, m->text, (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

static void on_leave(struct cp_session *s, const struct cp_message *m)
{
    struct cp_participant *p = s->participant;
    s->participant = NULL;
    cp_room_leave(p, "left");
}

static void on_ping(struct cp_session *s, const struct cp_message *m)
{
    send_json(s, with_request(json_pack("{s:s}", "type", "pong"), m->request));
}

static const struct {
    void (*handle)(struct cp_session *s, const struct cp_message *m);
    bool before_join, after_join;
} handlers[CP_MESSAGES] = {
    [CP_MESSAGE_JOIN] = {on_join, true, false},     [CP_MESSAGE_OFFER] = {on_offer, false, true},
    [CP_MESSAGE_UPDATE] = {on_update, false, true}, [CP_MESSAGE_SOURCE] = {on_source, false, true},
    [CP_MESSAGE_CHAT] = {on_chat, false, true},     [CP_MESSAGE_LEAVE] = {on_leave, false, true},
    [CP_MESSAGE_PING] = {on_ping, true, true},
    [CP_MESSAGE_DIRECT_OFFER] = {on_direct, false, true},
    [CP_MESSAGE_DIRECT_ANSWER] = {on_direct, false, true},
    [CP_MESSAGE_DIRECT_STATE] = {on_direct, false, true},
    [CP_MESSAGE_VIEW] = {on_view, false, true},
};

static void dispatch(struct cp_session *s, const struct cp_message *m)
{
    bool joined = s->participant != NULL;
    if (joined ? handlers[m->type].after_join : handlers[m->type].before_join)
        handlers[m->type].handle(s, m);
    else
        send_error(s, "bad_state", joined ? "you have joined already" : "join first", m->request,
                   false);
}

static bool within_rate(struct cp_session *s)
{
    if (s->now / 1000 != s->window) {
        s->window = s->now / 1000;
        s->messages = 0;
    }
    const uint32_t limit = s->service->config->limits.messages_per_second;
    if (++s->messages <= limit)
        return true;
    s->service->counters.messages_limited++;
    /* One word of it a second, or the answers would be the flood. */
    if (s->messages == limit + 1) {
        char text[80];
        snprintf(text, sizeof(text), "more than %u messages a second: the rest is not read", limit);
        send_error(s, "rate_limited", text, NULL, false);
    }
    return false;
}

void cp_session_open(struct cp_session *s, struct cp_service *service, const char *room,
                     uint64_t now)
{
    s->service = service;
    s->opened = s->now = now;
    g_strlcpy(s->room, room, sizeof(s->room));
    g_ptr_array_add(service->sessions, s);
}

void cp_session_receive(struct cp_session *s, const char *text, size_t len, uint64_t now)
{
    struct cp_message m;
    struct cp_message_error err;
    if (s->ended)
        return;
    s->now = now;
    s->service->counters.messages++;
    if (!within_rate(s))
        return;
    if (cp_message_parse(text, len, &m, &err) < 0) {
        s->service->counters.messages_bad++;
        send_error(s, "bad_message", err.text, err.request, false);
    } else {
        dispatch(s, &m);
    }
    cp_message_free(&m);
}

void cp_session_refuse(struct cp_session *s, const char *text)
{
    s->service->counters.messages_bad++;
    if (!s->ended)
        fatal(s, "bad_message", text);
}

void cp_session_closed(struct cp_session *s, bool left, uint64_t now)
{
    struct cp_participant *p = s->participant;
    g_ptr_array_remove_fast(s->service->sessions, s);
    s->ended = true;
    s->participant = NULL;
    if (!p)
        return;
    p->client = NULL;
    if (left)
        cp_room_leave(p, "left");
    else
        cp_room_detach(p, now);
}

void cp_session_tick(struct cp_session *s, uint64_t now)
{
    if (!s->ended && !s->participant && now - s->opened > CP_JOIN_MS)
        fatal(s, "bad_state", "no join within 10 s");
}

void cp_session_bye(struct cp_session *s, const char *reason, const char *text)
{
    if (s->ended)
        return;
    send_json(s, json_pack("{s:s, s:s, s:s}", "type", "bye", "reason", reason, "text", text));
    end(s);
}
