#include "controlplane/service.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "controlplane/dataplane_status.h"
#include "controlplane/direct.h"
#include "controlplane/http.h"
#include "controlplane/whip.h"
#include "controlplane/ws.h"
#include "proto/log.h"
#include "proto/version.h"

#define TICK_MS 1000
#define STOP_MS 300 /* for the last messages to leave */

#define OTHER_FILES 1024 /* beside WebSockets: HTTP requests, the dataplane, the log */

/* ---- what the transport says */

static void on_connected(void *arg, struct cp_endpoint *e, void *owner)
{
    struct cp_media *m = owner;
    if (cp_endpoint_is_paired(e))
        return;
    hr_debug("p%u: media connected", m->owner->id);
    cp_media_connected(m);
}

/*
 * Its peer connection cannot be mended from here: the participant leaves and its WebSocket is
 * closed, so that the client joins anew. One that closed it on purpose stays, without media.
 */
static void on_gone(void *arg, struct cp_endpoint *e, void *owner, enum cp_gone reason)
{
    struct cp_service *s = arg;
    s->counters.endpoints_gone++;
    if (cp_endpoint_is_paired(e)) {
        cp_direct_gone(owner, reason);
        return;
    }
    struct cp_media *m = owner;
    struct cp_participant *p = m->owner;
    hr_info("p%u: media has ended: %s", p->id,
            reason == CP_GONE_DTLS ? cp_dtls_end_word(cp_endpoint_dtls_end(e))
                                   : cp_gone_word(reason));
    if (cp_media_lose(m, e))
        return;
    if (p->resource)
        cp_resource_end(s, p->resource, reason == CP_GONE_CLOSED ? "left" : "gone");
    else if (reason == CP_GONE_CLOSED && p->client)
        cp_media_drop(p);
    else
        cp_room_leave(p, "gone");
}

static void on_up(void *arg, const Headrace__HelloReply *hello)
{
    struct cp_service *s = arg;
    hr_info("dataplane %s is connected: %u workers, %zu ports", hello->build, hello->workers,
            hello->n_ports);
    cp_media_up(&s->media, hello);
}

static void on_down(void *arg, const char *why)
{
    hr_warning("the dataplane is gone: %s; calls wait for it, new ones are refused", why);
}

/* Tells who speaks where that has waited long enough, and comes back for the rest. */
static void settle_speakers(void *user)
{
    struct cp_service *s = user;
    uint64_t now = cp_now_ms(), next = cp_speakers_tick(&s->rooms, now);
    if (next != CP_NEVER)
        cp_timer_set(&s->loop, &s->speakers, next - now);
}

static void on_event(void *arg, const Headrace__Event *event)
{
    struct cp_service *s = arg;
    if (event->what_case != HEADRACE__EVENT__WHAT_SPEAKERS_CHANGED)
        return;
    cp_speakers_changed(&s->rooms, event->speakers_changed, cp_now_ms());
    settle_speakers(s);
}

static void on_room(void *arg)
{
    struct cp_service *s = arg;
    cp_media_catch_up(&s->media);
}

static void service_transport(void *user)
{
    struct cp_service *s = user;
    cp_transport_service(s->transport, cp_now_ms());
    cp_service_settle(s);
}

void cp_service_settle(struct cp_service *s)
{
    if (!s->loop.context || !s->transport || s->closed)
        return;
    uint64_t deadline = cp_transport_deadline(s->transport), now = cp_now_ms();
    if (deadline == CP_NEVER)
        cp_timer_cancel(&s->transport_timer);
    else
        cp_timer_set(&s->loop, &s->transport_timer, deadline > now ? deadline - now : 0);
}

static void on_tick(void *user)
{
    struct cp_service *s = user;
    uint64_t now = cp_now_ms();
    for (guint i = 0; i < s->sessions->len; i++)
        cp_session_tick(s->sessions->pdata[i], now);
    cp_ws_tick(s, now);
    cp_rooms_tick(&s->rooms, now);
    settle_speakers(s);
    cp_service_settle(s);
    cp_timer_set(&s->loop, &s->tick, TICK_MS);
}

/* ---- life */

int cp_service_init(struct cp_service *s, const struct hr_config *config)
{
    const struct cp_room_limits limits = {
        .rooms = config->limits.rooms,
        .participants_per_room = config->limits.participants_per_room,
        .participants = config->limits.participants,
        .chat_lines = config->limits.chat_lines,
        .resume_ms = config->limits.resume_s * 1000,
    };
    memset(s, 0, sizeof(*s));
    s->config = config;
    s->run_dir = config->run_dir;
    s->started = cp_now_ms();
    s->sessions = g_ptr_array_new();
    g_queue_init(&s->sockets);
    s->resources = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    cp_rooms_init(&s->rooms, &limits);
    return 0;
}

static int start_transport(struct cp_service *s)
{
    const struct cp_transport_handlers handlers = {
        .arg = s,
        .connected = on_connected,
        .gone = on_gone,
        .up = on_up,
        .down = on_down,
        .event = on_event,
        .room = on_room,
    };
    int rc = cp_transport_create(s->config, hr_build(), &handlers, &s->transport);
    if (rc) {
        hr_error("cannot prepare DTLS and the dataplane's client: %s", strerror(-rc));
        return rc;
    }
    s->media.sources_changed = cp_whep_fill;
    return cp_media_open(&s->media, s->config, s->transport, &s->rooms);
}

static int watch_transport(struct cp_service *s)
{
    s->transport_timer = (struct cp_timer){.fire = service_transport, .user = s};
    s->tick = (struct cp_timer){.fire = on_tick, .user = s};
    s->speakers = (struct cp_timer){.fire = settle_speakers, .user = s};
    s->transport_watch =
        cp_loop_watch(&s->loop, cp_transport_fd(s->transport), service_transport, s);
    if (!s->transport_watch)
        return -ENOMEM;
    cp_timer_set(&s->loop, &s->tick, TICK_MS);
    service_transport(s);
    return 0;
}

/* Each WebSocket is one; libwebsockets sizes its tables by what is allowed when it starts. */
static void raise_open_files(const struct hr_config *config)
{
    struct rlimit files;
    rlim_t wanted = config->limits.participants + OTHER_FILES;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return;
    if (files.rlim_max < wanted)
        hr_warning("limits.participants is %u, but no more than %llu files may be open: some of "
                   "them will not get in by WebSocket (LimitNOFILE= of the unit, ulimit -n)",
                   config->limits.participants, (unsigned long long)files.rlim_max);
    rlim_t most = MIN(files.rlim_max, wanted);
    if (files.rlim_cur >= most)
        return;
    files.rlim_cur = most;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0)
        hr_warning("open files cannot be raised to %llu: %s", (unsigned long long)most,
                   strerror(errno));
}

int cp_service_start(struct cp_service *s)
{
    raise_open_files(s->config);
    int rc = start_transport(s);
    rc = rc ? rc : cp_loop_create(&s->loop, s);
    rc = rc ? rc : cp_http_open(s);
    rc = rc ? rc : watch_transport(s);
    if (rc == 0)
        hr_info("serving http%s://%s:%u", *s->config->http.tls_certificate ? "s" : "",
                s->config->http.address, s->config->http.port);
    return rc;
}

static void stop_loop(void *user)
{
    cp_loop_stop(&((struct cp_service *)user)->loop);
}

void cp_service_stop(struct cp_service *s)
{
    if (s->stopping)
        return;
    s->stopping = true;
    for (guint i = 0; i < s->sessions->len; i++)
        cp_session_bye(s->sessions->pdata[i], "shutdown", "the server stops; it may be back soon");
    s->stop = (struct cp_timer){.fire = stop_loop, .user = s};
    cp_timer_set(&s->loop, &s->stop, STOP_MS);
}

void cp_service_destroy(struct cp_service *s)
{
    s->closed = s->stopping = true;
    if (s->loop.context) {
        cp_timer_cancel(&s->transport_timer);
        cp_timer_cancel(&s->tick);
        cp_timer_cancel(&s->speakers);
        cp_timer_cancel(&s->stop);
        cp_loop_unwatch(s->transport_watch);
        cp_loop_destroy(&s->loop);
        cp_http_close(s);
    }
    cp_rooms_clear(&s->rooms);
    g_hash_table_destroy(s->resources);
    g_ptr_array_free(s->sessions, TRUE);
    cp_media_close(&s->media);
    if (s->transport)
        cp_transport_destroy(s->transport);
    cp_status_free(s->status);
}
