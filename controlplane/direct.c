#include "controlplane/direct.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/direct_sdp.h"
#include "controlplane/room.h"
#include "proto/log.h"

enum phase { OFFERING, ANSWERING, RUNNING, ENDING };
enum { OFFERER, ANSWERER };

struct cp_direct_end {
    struct cp_direct *direct;
    struct cp_participant *p;
    struct cp_endpoint *endpoint; /* NULL until there is an offer, and when it is gone */
    bool back;                    /* it sees the other in the ordinary way again */
};

struct cp_direct {
    struct cp_room *room;
    struct cp_media_env *env;
    uint32_t id;
    enum phase phase;
    uint64_t deadline; /* ms, of every phase but RUNNING; 0: the next tick sets it */
    struct cp_direct_shape offer;
    struct cp_direct_end ends[2];
};

static int fail_sdp(struct cp_media_failure *why, const struct cp_sdp_error *err)
{
    if (err->line)
        return cp_media_fail(why, CP_MEDIA_MALFORMED, "line %u: %s", err->line, err->text);
    return cp_media_fail(why, CP_MEDIA_MALFORMED, "%s", err->text);
}

static void tell_role(const struct cp_direct_end *end, const struct cp_direct_end *other,
                      const char *role)
{
    char id[16], participant[16];
    snprintf(id, sizeof(id), "d%u", end->direct->id);
    snprintf(participant, sizeof(participant), "p%u", other->p->id);
    cp_participant_send(end->p, json_pack("{s:s, s:s, s:s, s:s}", "type", "direct", "id", id,
                                          "role", role, "participant", participant));
}

static void tell(const struct cp_direct_end *end, const char *type, const char *key,
                 const char *value)
{
    char id[16];
    snprintf(id, sizeof(id), "d%u", end->direct->id);
    cp_participant_send(end->p, json_pack("{s:s, s:s, s:s}", "type", type, "id", id, key, value));
}

/* ---- begin and end */

void cp_direct_free(struct cp_direct *d)
{
    if (!d)
        return;
    for (int i = 0; i < 2; i++)
        cp_endpoint_destroy(d->ends[i].endpoint);
    d->room->direct = NULL;
    d->room->direct_at = 0;
    g_free(d);
}

/* Both go back to the ordinary way; until they have, packets are passed on. */
static void end(struct cp_direct *d, const char *reason, uint32_t pause_ms)
{
    if (d->phase == ENDING)
        return;
    hr_info("room %s: d%u ends: %s", d->room->name, d->id, reason);
    d->phase = ENDING;
    d->deadline = 0;
    d->room->direct_pause = pause_ms;
    for (int i = 0; i < 2; i++)
        tell(&d->ends[i], "direct-end", "reason", reason);
}

static bool may(const struct cp_participant *p)
{
    return p->kind == CP_KIND_MEMBER && p->announced && p->client && p->direct && p->media &&
           p->media->connected;
}

static bool two_may(const struct cp_room *room)
{
    const struct cp_media_env *env = room->rooms->media;
    return env && env->config->media.direct && room->participants->len == 2 &&
           may(room->participants->pdata[0]) && may(room->participants->pdata[1]) &&
           cp_transport_is_ready(env->transport);
}

static void begin(struct cp_room *room, uint64_t now)
{
    struct cp_direct *d = g_new0(struct cp_direct, 1);
    d->room = room;
    d->env = room->rooms->media;
    d->id = ++room->rooms->directs;
    d->deadline = now + CP_DIRECT_ANSWER_MS;
    room->direct = d;
    for (int i = 0; i < 2; i++)
        d->ends[i] = (struct cp_direct_end){.direct = d, .p = room->participants->pdata[i]};
    tell_role(&d->ends[ANSWERER], &d->ends[OFFERER], "answerer");
    tell_role(&d->ends[OFFERER], &d->ends[ANSWERER], "offerer");
}

static void age(struct cp_direct *d, uint64_t now)
{
    if (d->phase == ENDING && d->deadline == 0)
        d->deadline = now + CP_DIRECT_BACK_MS;
    if (d->phase == RUNNING || now < d->deadline)
        return;
    if (d->phase == ENDING)
        cp_direct_free(d);
    else
        end(d, "timeout", CP_DIRECT_RETRY_MS);
}

void cp_direct_tick(struct cp_room *room, uint64_t now)
{
    if (room->direct)
        age(room->direct, now);
    else if (!two_may(room))
        room->direct_at = 0;
    else if (room->direct_at == 0)
        room->direct_at = now + (room->direct_pause ? room->direct_pause : CP_DIRECT_SETTLE_MS);
    else if (now >= room->direct_at)
        begin(room, now);
}

void cp_direct_joined(struct cp_room *room)
{
    if (room->direct)
        end(room->direct, "joined", CP_DIRECT_AGAIN_MS);
}

void cp_direct_left(struct cp_room *room, const struct cp_participant *p)
{
    struct cp_direct *d = room->direct;
    if (!d || (d->ends[0].p != p && d->ends[1].p != p))
        return;
    end(d, "left", 0);
    cp_direct_free(d);
}

void cp_direct_gone(struct cp_direct_end *gone, enum cp_gone reason)
{
    cp_endpoint_destroy(gone->endpoint);
    gone->endpoint = NULL;
    hr_info("p%u: direct media has ended: %s", gone->p->id, cp_gone_word(reason));
    end(gone->direct, "lost", CP_DIRECT_RETRY_MS);
}

/* ---- what clients say */

static struct cp_direct *current(const struct cp_participant *p, const struct cp_direct_message *m)
{
    struct cp_direct *d = p->room->direct;
    return d && d->id == m->id && (d->ends[0].p == p || d->ends[1].p == p) ? d : NULL;
}

uint32_t cp_direct_id(const struct cp_participant *p)
{
    const struct cp_direct *d = p->room->direct;
    return d && d->phase != ENDING && (d->ends[0].p == p || d->ends[1].p == p) ? d->id : 0;
}

bool cp_direct_runs(const struct cp_room *room)
{
    return room->direct && room->direct->phase >= RUNNING;
}

static int make_endpoints(struct cp_direct *d, uint64_t now, struct cp_media_failure *why)
{
    for (int i = 0; i < 2; i++) {
        struct cp_direct_end *e = &d->ends[i];
        int rc = cp_endpoint_create(d->env->transport, e, now, &e->endpoint);
        if (rc == -ENOSPC)
            return cp_media_fail(why, CP_MEDIA_FULL, "the server has no room for another endpoint");
        if (rc)
            return cp_media_fail(why, CP_MEDIA_INTERNAL, "no endpoint could be made: %s",
                                 strerror(-rc));
    }
    for (int i = 0; i < 2; i++)
        cp_endpoint_set_group(d->ends[i].endpoint, cp_room_group(d->room));
    cp_endpoint_pair(d->ends[0].endpoint, d->ends[1].endpoint);
    return 0;
}

static int set_remote(const struct cp_direct_end *e, const struct cp_direct_shape *shape,
                      uint64_t now, struct cp_media_failure *why)
{
    const struct cp_endpoint_remote remote = {.ufrag = shape->ufrag, .pwd = shape->pwd};
    if (!e->endpoint || cp_endpoint_set_remote(e->endpoint, &remote, now))
        return cp_media_fail(why, CP_MEDIA_UNSERVABLE, "the ICE parameters cannot be used");
    return 0;
}

static json_t *labels(const struct cp_offer *o)
{
    json_t *array = json_array();
    for (size_t i = 0; i < o->n_sources; i++)
        if (o->sources[i].label >= 0)
            json_array_append_new(array,
                                  json_pack("{s:s, s:s}", "mid", o->sources[i].mid, "label",
                                            cp_label_word((enum cp_label)o->sources[i].label)));
    return array;
}

/* The description goes on, so that the other's checks come here. */
static int forward(const struct cp_direct_end *to, const char *type, struct cp_sdp *sdp,
                   const struct cp_offer *description, struct cp_media_failure *why)
{
    const struct cp_media_env *env = to->direct->env;
    const struct cp_ice_credentials *ours = cp_endpoint_credentials(to->endpoint);
    const struct cp_direct_ice ice = {
        .ufrag = ours->ufrag,
        .pwd = ours->pwd,
        .candidates = env->candidates,
        .n_candidates = env->n_candidates,
    };
    size_t len;
    char id[16];
    int rc = cp_direct_sdp_readdress(sdp, &ice);
    char *text = rc ? NULL : cp_sdp_write(sdp, &len);
    if (!text)
        return cp_media_fail(why, CP_MEDIA_INTERNAL, "out of memory");
    snprintf(id, sizeof(id), "d%u", to->direct->id);
    cp_participant_send(to->p, json_pack("{s:s, s:s, s:s%, s:o}", "type", type, "id", id, "sdp",
                                         text, len, "sources", labels(description)));
    free(text);
    return 0;
}

static int parse(const struct cp_offer *description, const struct cp_direct_shape *offer,
                 struct cp_sdp **sdp, struct cp_direct_shape *shape, struct cp_media_failure *why)
{
    struct cp_sdp_error err = {0};
    if (cp_sdp_parse(description->sdp, description->len, sdp, &err))
        return fail_sdp(why, &err);
    if (cp_direct_sdp_check(*sdp, offer, shape, &err) == 0)
        return 0;
    cp_sdp_free(*sdp);
    *sdp = NULL;
    return fail_sdp(why, &err);
}

static int over(struct cp_direct *d)
{
    end(d, "failed", CP_DIRECT_RETRY_MS);
    return -1;
}

int cp_direct_offer(struct cp_participant *p, const struct cp_direct_message *m, uint64_t now,
                    struct cp_media_failure *why)
{
    struct cp_direct *d = current(p, m);
    struct cp_sdp *sdp = NULL;
    *why = (struct cp_media_failure){0};
    if (!d || d->phase != OFFERING || p != d->ends[OFFERER].p)
        return 0;
    int rc = parse(m->description, NULL, &sdp, &d->offer, why);
    rc = rc ? rc : make_endpoints(d, now, why);
    rc = rc ? rc : set_remote(&d->ends[OFFERER], &d->offer, now, why);
    rc = rc ? rc : forward(&d->ends[ANSWERER], "direct-offer", sdp, m->description, why);
    cp_sdp_free(sdp);
    if (rc)
        return over(d);
    d->phase = ANSWERING;
    d->deadline = now + CP_DIRECT_ANSWER_MS;
    return 0;
}

int cp_direct_answer(struct cp_participant *p, const struct cp_direct_message *m, uint64_t now,
                     struct cp_media_failure *why)
{
    struct cp_direct *d = current(p, m);
    struct cp_direct_shape shape;
    struct cp_sdp *sdp = NULL;
    *why = (struct cp_media_failure){0};
    if (!d || d->phase != ANSWERING || p != d->ends[ANSWERER].p)
        return 0;
    int rc = parse(m->description, &d->offer, &sdp, &shape, why);
    rc = rc ? rc : set_remote(&d->ends[ANSWERER], &shape, now, why);
    rc = rc ? rc : forward(&d->ends[OFFERER], "direct-answer", sdp, m->description, why);
    cp_sdp_free(sdp);
    if (rc)
        return over(d);
    d->phase = RUNNING;
    return 0;
}

void cp_direct_say(struct cp_participant *p, const struct cp_direct_message *m)
{
    static const char *const words[CP_DIRECT_STATES] = {"direct", "relay", "failed"};
    struct cp_direct *d = current(p, m);
    if (!d)
        return;
    int me = d->ends[1].p == p;
    if (m->state == CP_DIRECT_FAILED) {
        end(d, "failed", CP_DIRECT_RETRY_MS);
        return;
    }
    tell(&d->ends[!me], "direct-state", "state", words[m->state]);
    d->ends[me].back = m->state == CP_DIRECT_RELAY;
    if (d->phase == ENDING && d->ends[0].back && d->ends[1].back)
        cp_direct_free(d);
}
