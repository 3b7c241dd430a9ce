#include "controlplane/routes.h"

#include <stdio.h>
#include <string.h>

#include "controlplane/admin.h"
#include "controlplane/metrics.h"
#include "controlplane/service.h"
#include "controlplane/static.h"
#include "controlplane/whip.h"

static void index_page(struct cp_service *s, struct cp_exchange *x)
{
    cp_static_answer(x, s->config->http.web_root, "index.html", 200);
}

static void meeting_page(struct cp_service *s, struct cp_exchange *x)
{
    cp_static_answer(x, s->config->http.web_root, "meeting.html", 200);
}

static void asset(struct cp_service *s, struct cp_exchange *x)
{
    char path[CP_PATH_MAX + sizeof("assets/")];
    snprintf(path, sizeof(path), "assets/%s", x->params.value[0]);
    cp_static_answer(x, s->config->http.web_root, path, 200);
}

static void plain_signal(struct cp_service *s, struct cp_exchange *x)
{
    cp_answer_problem(x, 400, "this is where a WebSocket is opened");
}

#define READ     (CP_GET | CP_HEAD)
#define BODY_MAX (128 * 1024)

static const struct cp_route routes[] = {
    {READ, CP_PUBLIC, "/", index_page, 0},
    {READ, CP_PUBLIC, "/assets/*", asset, 0},
    {READ, CP_PUBLIC | CP_ADMIN, "/healthz", cp_healthz, 0},
    {READ, CP_PUBLIC | CP_ADMIN, "/metrics", cp_metrics, 0},
    {CP_GET, CP_PUBLIC, CP_SIGNAL_PATTERN, plain_signal, 0},
    {CP_POST, CP_PUBLIC, "/whip/{room}/{name}", cp_whip_post, BODY_MAX},
    {CP_OPTIONS, CP_PUBLIC, "/whip/{room}/{name}", cp_resource_options, 0},
    {CP_POST, CP_PUBLIC, "/whep/{room}/{name}", cp_whep_post, BODY_MAX},
    {CP_OPTIONS, CP_PUBLIC, "/whep/{room}/{name}", cp_resource_options, 0},
    {CP_PATCH, CP_PUBLIC, "/whip/{room}/{name}/{id}", cp_resource_patch, BODY_MAX},
    {CP_DELETE, CP_PUBLIC, "/whip/{room}/{name}/{id}", cp_resource_delete, BODY_MAX},
    {CP_OPTIONS, CP_PUBLIC, "/whip/{room}/{name}/{id}", cp_resource_options, 0},
    {CP_PATCH, CP_PUBLIC, "/whep/{room}/{name}/{id}", cp_resource_patch, BODY_MAX},
    {CP_DELETE, CP_PUBLIC, "/whep/{room}/{name}/{id}", cp_resource_delete, BODY_MAX},
    {CP_OPTIONS, CP_PUBLIC, "/whep/{room}/{name}/{id}", cp_resource_options, 0},
    {CP_POST, CP_PUBLIC, "/sdes/{room}/{name}", cp_sdes_post, BODY_MAX},
    {CP_PATCH, CP_PUBLIC, "/sdes/{room}/{name}/{id}", cp_sdes_patch, BODY_MAX},
    {CP_DELETE, CP_PUBLIC, "/sdes/{room}/{name}/{id}", cp_resource_delete, BODY_MAX},
    {READ, CP_ADMIN, "/admin/status", cp_admin_status, 0},
    {READ, CP_ADMIN, "/admin/rooms", cp_admin_rooms, 0},
    {READ, CP_ADMIN, "/admin/rooms/{room}", cp_admin_room, 0},
    {READ, CP_ADMIN, "/admin/version", cp_admin_version, 0},
    {READ, CP_PUBLIC, "/{room}", meeting_page, 0},
};

const struct cp_route *cp_routes(size_t *count)
{
    *count = sizeof(routes) / sizeof(routes[0]);
    return routes;
}
