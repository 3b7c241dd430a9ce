#include "controlplane/http.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "controlplane/exchange.h"
#include "controlplane/http_status.h"
#include "controlplane/routes.h"
#include "controlplane/static.h"
#include "controlplane/whip.h"
#include "controlplane/ws.h"
#include "proto/log.h"

/* Bytes that a message comes in at a time; every WebSocket holds as many. */
#define RX_CHUNK 4096

/* What hangs on a connection while it is HTTP; afterwards ws.c's. */
struct connection {
    struct cp_exchange *exchange; /* NULL between requests */
    const struct cp_route *route;
    size_t limit; /* bytes of body */
    bool body_done;
};

static struct cp_service *service_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

static enum cp_listener listener_of(struct lws *wsi)
{
    return strcmp(lws_get_vhost_name(lws_get_vhost(wsi)), "admin") == 0 ? CP_ADMIN : CP_PUBLIC;
}

/* A header's text, "" when it is missing or longer than there is room for. */
static void header(struct lws *wsi, enum lws_token_indexes token, char *buf, size_t size)
{
    if (lws_hdr_copy(wsi, buf, (int)size, token) <= 0)
        buf[0] = 0;
}

/* ---- answers */

static void answered(struct cp_exchange *x)
{
    lws_callback_on_writable(x->connection);
}

static size_t head(const struct cp_exchange *x, char *buf, size_t size)
{
    int n = snprintf(buf, size, "HTTP/1.1 %d %s\r\n", x->status, cp_status_text(x->status));
    for (unsigned i = 0; i < x->header_count && n > 0 && (size_t)n < size; i++)
        n += snprintf(buf + n, size - (size_t)n, "%s %s\r\n", x->headers[i].name,
                      x->headers[i].value);
    if (n > 0 && (size_t)n < size && x->status != 204 && x->status != 304)
        n += snprintf(buf + n, size - (size_t)n, "content-length: %zu\r\n", x->answer_len);
    if (n > 0 && (size_t)n < size && x->close)
        n += snprintf(buf + n, size - (size_t)n, "connection: close\r\n");
    if (n > 0 && (size_t)n < size)
        n += snprintf(buf + n, size - (size_t)n, "\r\n");
    return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

static void forget_exchange(struct connection *c)
{
    if (!c->exchange)
        return;
    c->exchange->answered = NULL;
    c->exchange->connection = NULL;
    cp_exchange_unref(c->exchange);
    c->exchange = NULL;
}

/* Head and body in one write: libwebsockets keeps what the socket does not take. */
static int write_answer(struct lws *wsi, struct connection *c)
{
    struct cp_exchange *x = c->exchange;
    if (!x || !x->status)
        return 0;
    char text[8192];
    size_t len = head(x, text, sizeof(text));
    bool body = x->answer_len && x->method != CP_HEAD && x->status != 204 && x->status != 304;
    size_t total = len + (body ? x->answer_len : 0);
    unsigned char *buf = len ? malloc(LWS_PRE + total) : NULL;
    if (!buf)
        return -1;
    memcpy(buf + LWS_PRE, text, len);
    if (body)
        memcpy(buf + LWS_PRE + len, x->answer, x->answer_len);
    int n = lws_write(wsi, buf + LWS_PRE, total, LWS_WRITE_HTTP_HEADERS);
    bool close = x->close;
    explicit_bzero(buf + LWS_PRE, total); /* it may have had keys in it */
    free(buf);
    forget_exchange(c);
    if (n < 0 || close)
        return -1;
    return lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* A page for people, where a name in the address cannot be a room's. */
static void odd_name_page(struct cp_exchange *x)
{
    static const char page[] =
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width\"><title>No such room</title>"
        "<h1>This cannot be the name of a room</h1><p>A room's name has 1 to 64 of the characters "
        "A-Z a-z 0-9 - _ . ~ and is not one of the words that the server itself uses. "
        "<a href=\"/\">Choose another</a>.</p></html>\n";
    cp_static_security(x);
    cp_answer_body(x, 404, "text/html; charset=utf-8", strdup(page), sizeof(page) - 1);
}

static void no_route(struct cp_exchange *x, int error)
{
    char allow[128];
    size_t count;
    const struct cp_route *table = cp_routes(&count);
    if (error == -EPERM) {
        cp_route_allow(cp_route_methods(table, count, x->listener, x->path), allow, sizeof(allow));
        cp_exchange_header(x, "allow:", "%s", allow);
        cp_answer_problem(x, 405, "this path takes %s", allow);
    } else if (error == -EINVAL && (x->method == CP_GET || x->method == CP_HEAD) &&
               strncmp(x->path, "/wh", 3) != 0) {
        odd_name_page(x);
    } else if (error == -EINVAL) {
        cp_answer_problem(x, 404, "names have 1 to 64 of the characters A-Z a-z 0-9 - _ . ~");
    } else {
        cp_answer_problem(x, 404, "there is nothing here");
    }
}

/* ---- requests */

/* Whether others on the way can read the request. */
static bool is_cleartext(struct lws *wsi)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    if (lws_is_ssl(wsi) || getpeername(lws_get_socket_fd(wsi), (struct sockaddr *)&peer, &len) < 0)
        return !lws_is_ssl(wsi);
    if (peer.ss_family == AF_INET)
        return ntohl(((struct sockaddr_in *)&peer)->sin_addr.s_addr) >> 24 != 127;
    const struct in6_addr *six = &((struct sockaddr_in6 *)&peer)->sin6_addr;
    if (peer.ss_family != AF_INET6)
        return peer.ss_family != AF_UNIX;
    return !IN6_IS_ADDR_LOOPBACK(six) && !(IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

static enum cp_method method_of(struct lws *wsi, enum lws_token_indexes *token)
{
    static const struct {
        enum lws_token_indexes token;
        enum cp_method method;
    } rows[] = {
        {WSI_TOKEN_GET_URI, CP_GET},         {WSI_TOKEN_HEAD_URI, CP_HEAD},
        {WSI_TOKEN_POST_URI, CP_POST},       {WSI_TOKEN_PUT_URI, CP_PUT},
        {WSI_TOKEN_PATCH_URI, CP_PATCH},     {WSI_TOKEN_DELETE_URI, CP_DELETE},
        {WSI_TOKEN_OPTIONS_URI, CP_OPTIONS},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (lws_hdr_total_length(wsi, rows[i].token) > 0) {
            *token = rows[i].token;
            return rows[i].method;
        }
    }
    return CP_METHOD_NONE;
}

static void dispatch(struct lws *wsi, struct connection *c)
{
    struct cp_service *s = service_of(wsi);
    c->body_done = true;
    c->route->handler(s, c->exchange);
    cp_service_settle(s);
}

/* Content-Length, -1 when there is none, -2 when it is no number. */
static long long body_length(struct lws *wsi)
{
    char text[24];
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0)
        return lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0 ? -2 : -1;
    header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, text, sizeof(text));
    for (const char *p = text; *p; p++)
        if (!isdigit((unsigned char)*p))
            return -2;
    return *text ? atoll(text) : -2;
}

static void refuse(struct connection *c, int status, const char *text)
{
    c->exchange->close = true;
    c->body_done = true;
    cp_answer_problem(c->exchange, status, "%s", text);
}

static void check_body(struct lws *wsi, struct connection *c)
{
    long long length = body_length(wsi);
    bool wants = c->exchange->method == CP_POST || c->exchange->method == CP_PATCH;
    c->limit = c->route->body_max;
    if (length == -2 || (wants && length == -1))
        refuse(c, 411, "a body needs its Content-Length");
    else if (length > (long long)c->limit)
        refuse(c, 413, "the body is larger than this path takes");
    else if (length <= 0 && c->exchange->method != CP_POST)
        dispatch(wsi, c);
    /* Else the body comes, for POST also when it is empty. */
}

static int on_request(struct lws *wsi, struct connection *c)
{
    enum lws_token_indexes token = WSI_TOKEN_GET_URI;
    struct cp_service *s = service_of(wsi);
    size_t count;
    const struct cp_route *table = cp_routes(&count);
    forget_exchange(c);
    memset(c, 0, sizeof(*c));
    c->exchange = cp_exchange_new();
    if (!c->exchange)
        return -1;
    s->counters.requests++;
    struct cp_exchange *x = c->exchange;
    x->connection = wsi;
    x->answered = answered;
    x->listener = listener_of(wsi);
    x->cleartext = is_cleartext(wsi);
    x->method = method_of(wsi, &token);
    int length = lws_hdr_total_length(wsi, token);
    if (length >= CP_PATH_MAX) {
        refuse(c, 414, "the path is longer than 511 bytes");
        return 0;
    }
    header(wsi, token, x->path, sizeof(x->path));
    header(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, x->content_type, sizeof(x->content_type));
    header(wsi, WSI_TOKEN_HTTP_IF_MATCH, x->if_match, sizeof(x->if_match));
    header(wsi, WSI_TOKEN_HTTP_IF_NONE_MATCH, x->if_none_match, sizeof(x->if_none_match));
    if (strncmp(x->path, "/whip/", 6) == 0 || strncmp(x->path, "/whep/", 6) == 0)
        cp_resource_cors(x);
    int rc = cp_route_find(table, count, x->listener, x->method, x->path, &c->route);
    if (rc < 0) {
        x->close = body_length(wsi) > 0 || body_length(wsi) == -2 || x->method == CP_POST;
        c->body_done = true;
        no_route(x, rc);
        return 0;
    }
    cp_route_params(c->route, x->path, &x->params);
    check_body(wsi, c);
    return 0;
}

static int on_body(struct connection *c, const char *data, size_t len)
{
    struct cp_exchange *x = c->exchange;
    if (!x || c->body_done)
        return 0; /* refused already; what still comes is skipped */
    if (x->body_len + len > c->limit) {
        refuse(c, 413, "the body is larger than this path takes");
        return 0;
    }
    char *body = malloc(x->body_len + len + 1);
    if (!body)
        return -1;
    if (x->body) {
        memcpy(body, x->body, x->body_len);
        explicit_bzero(x->body, x->body_len); /* realloc() would leave a copy of a key behind */
        free(x->body);
    }
    if (len)
        memcpy(body + x->body_len, data, len);
    x->body = body;
    x->body_len += len;
    body[x->body_len] = 0;
    return 0;
}

/* ---- WebSockets */

bool cp_http_same_origin(const char *origin, const char *host)
{
    if (!*origin)
        return true;
    const char *at = strstr(origin, "://");
    if (!at || !*host)
        return false;
    size_t scheme = (size_t)(at - origin);
    const char *port = scheme == 5 ? ":443" : ":80";
    size_t n = strlen(host), p = strlen(port);
    at += 3;
    /* Either may leave its scheme's port out. */
    if (strcasecmp(at, host) == 0)
        return true;
    if (n > p && strcmp(host + n - p, port) == 0)
        return strlen(at) == n - p && strncasecmp(at, host, n - p) == 0;
    return false;
}

/* The page's own origin, or one of http.origins. */
static bool may_connect(const struct hr_config *config, const char *origin, const char *host)
{
    if (*origin && cp_http_same_origin(origin, host))
        return true;
    for (unsigned i = 0; i < config->http.origins_count; i++)
        if (strcasecmp(origin, config->http.origins[i]) == 0)
            return true;
    return false;
}

static bool room_of(struct lws *wsi, char room[CP_PATH_MAX])
{
    static const struct cp_route signal = {CP_GET, CP_PUBLIC, CP_SIGNAL_PATTERN, NULL, 0};
    const struct cp_route *found;
    struct cp_route_params params;
    char path[CP_PATH_MAX];
    header(wsi, WSI_TOKEN_GET_URI, path, sizeof(path));
    if (listener_of(wsi) != CP_PUBLIC ||
        cp_route_find(&signal, 1, CP_PUBLIC, CP_GET, path, &found) < 0)
        return false;
    cp_route_params(&signal, path, &params);
    g_strlcpy(room, params.value[0], CP_PATH_MAX);
    return true;
}

static int refuse_upgrade(struct lws *wsi, int status)
{
    unsigned char buf[LWS_PRE + 128];
    int len = snprintf((char *)buf + LWS_PRE, sizeof(buf) - LWS_PRE,
                       "HTTP/1.1 %d %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", status,
                       cp_status_text(status));
    lws_write(wsi, buf + LWS_PRE, (size_t)len, LWS_WRITE_HTTP_HEADERS);
    return -1;
}

/* Before an upgrade: 0 lets it happen; else the connection ends with an answer. */
static int on_upgrade(struct lws *wsi)
{
    char room[CP_PATH_MAX], origin[CP_HEADER_MAX], host[CP_HEADER_MAX];
    header(wsi, WSI_TOKEN_ORIGIN, origin, sizeof(origin));
    header(wsi, WSI_TOKEN_HOST, host, sizeof(host));
    if (!room_of(wsi, room))
        return refuse_upgrade(wsi, 404);
    if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) > 0 &&
        !may_connect(service_of(wsi)->config, origin, host))
        return refuse_upgrade(wsi, 403);
    return 0;
}

static int on_established(struct lws *wsi)
{
    char room[CP_PATH_MAX];
    if (service_of(wsi)->stopping || !room_of(wsi, room))
        return -1;
    return cp_ws_established(wsi, service_of(wsi), room);
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct connection *c = user;
    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return on_request(wsi, c);
    case LWS_CALLBACK_HTTP_BODY:
        return on_body(c, in, len);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        if (c->exchange && !c->body_done)
            dispatch(wsi, c);
        return 0;
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return write_answer(wsi, c);
    case LWS_CALLBACK_CLOSED_HTTP:
        if (c)
            forget_exchange(c);
        return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return on_upgrade(wsi);
    case LWS_CALLBACK_ESTABLISHED:
        return on_established(wsi);
    case LWS_CALLBACK_RECEIVE:
        return cp_ws_receive(wsi, in, len);
    case LWS_CALLBACK_RECEIVE_PONG:
        cp_ws_pong(wsi);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return cp_ws_writeable(wsi);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        cp_ws_peer_close(wsi, in, len);
        return 0;
    case LWS_CALLBACK_CLOSED:
        cp_ws_closed(wsi);
        return 0;
    default:
        return 0;
    }
}

/* A client that names no subprotocol gets the first. */
static const struct lws_protocols protocols[] = {
    {.name = "http",
     .callback = callback,
     .per_session_data_size = sizeof(struct connection),
     .rx_buffer_size = RX_CHUNK},
    {.name = "headrace.1",
     .callback = callback,
     .per_session_data_size = sizeof(struct connection),
     .rx_buffer_size = RX_CHUNK},
    {.name = NULL},
};

/* None of libwebsockets' own pings: its timers are a sorted list, which each pong would go through.
 */
static const lws_retry_bo_t no_validity = {.secs_since_valid_hangup = 0};

/* ---- listeners */

/* libwebsockets says little about a bind that fails, so one is tried beforehand. */
static int try_bind(const struct hr_config *config)
{
    struct sockaddr_storage ss = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&ss;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ss;
    const char *address = config->http.address;
    socklen_t len;
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        ss.ss_family = AF_INET;
        v4->sin_port = htons(config->http.port);
        len = sizeof(*v4);
    } else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
        ss.ss_family = AF_INET6;
        v6->sin6_port = htons(config->http.port);
        len = sizeof(*v6);
    } else {
        hr_error("http.address: '%s' is not an IP address", address);
        return -EINVAL;
    }
    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    int error =
        fd < 0 || bind(fd, (struct sockaddr *)&ss, len) < 0 || listen(fd, 1) < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    if (error == EADDRINUSE)
        hr_error("http: %s port %u is taken by another process; set http.port to a free one",
                 address, config->http.port);
    else if (error)
        hr_error("http: cannot listen on %s port %u: %s", address, config->http.port,
                 strerror(error));
    return -error;
}

static int check_readable(const char *key, const char *path)
{
    if (access(path, R_OK) == 0)
        return 0;
    int error = errno;
    hr_error("%s: %s cannot be read: %s", key, path, strerror(error));
    return -error;
}

/* libwebsockets would only say that it cannot. */
static int check_pair(const char *certificate, const char *key)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx)
        return -ENOMEM;
    bool good = false;
    if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
        hr_error("http.tls_certificate: %s is no PEM certificate chain", certificate);
    else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1)
        good = true;
    else if (ERR_GET_LIB(ERR_peek_last_error()) == ERR_LIB_X509)
        hr_error("http.tls_key: %s does not belong to http.tls_certificate", key);
    else
        hr_error("http.tls_key: %s is no PEM private key", key);
    ERR_clear_error();
    SSL_CTX_free(ctx);
    return good ? 0 : -EINVAL;
}

static int check_files(const struct hr_config *config)
{
    const char *certificate = config->http.tls_certificate, *key = config->http.tls_key;
    struct stat st;
    if (stat(config->http.web_root, &st) < 0) {
        hr_error("http.web_root: %s: %s", config->http.web_root, strerror(errno));
        return -ENOENT;
    }
    if (!S_ISDIR(st.st_mode)) {
        hr_error("http.web_root: %s is no folder", config->http.web_root);
        return -ENOTDIR;
    }
    if (!*certificate != !*key) {
        hr_error("http: tls_certificate and tls_key go together; only one is set");
        return -EINVAL;
    }
    if (!*certificate)
        return 0;
    int rc = check_readable("http.tls_certificate", certificate);
    rc = rc ? rc : check_readable("http.tls_key", key);
    return rc ? rc : check_pair(certificate, key);
}

static int open_public(struct cp_service *s)
{
    const struct hr_config *config = s->config;
    bool tls = *config->http.tls_certificate;
    struct lws_context_creation_info info = {
        .vhost_name = "public",
        .iface = config->http.address,
        .port = config->http.port,
        .protocols = protocols,
        .retry_and_idle_policy = &no_validity,
        .keepalive_timeout = 30,
        .options = LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND,
    };
    if (!strchr(config->http.address, ':'))
        info.options |= LWS_SERVER_OPTION_DISABLE_IPV6;
    if (tls) {
        info.ssl_cert_filepath = config->http.tls_certificate;
        info.ssl_private_key_filepath = config->http.tls_key;
        info.alpn = "http/1.1";
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    }
    if (lws_create_vhost(s->loop.context, &info))
        return 0;
    hr_error("http: cannot serve %s port %u%s", config->http.address, config->http.port,
             tls ? "; do http.tls_certificate and http.tls_key belong together?" : "");
    return -EIO;
}

/* Left over from a process that is gone, nobody accepts. */
static bool in_use(const char *path)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    g_strlcpy(sun.sun_path, path, sizeof(sun.sun_path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool used = fd >= 0 && connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0;
    if (fd >= 0)
        close(fd);
    return used;
}

static int open_admin(struct cp_service *s)
{
    static char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    if (snprintf(path, sizeof(path), "%s/%s", s->run_dir, CP_CONTROL_SOCKET) >= (int)sizeof(path)) {
        hr_error("run_dir: %s is too long for a socket's path", s->run_dir);
        return -ENAMETOOLONG;
    }
    if (access(s->run_dir, W_OK | X_OK) < 0) {
        int error = errno;
        hr_error("run_dir: %s cannot be written to: %s", s->run_dir, strerror(error));
        return -error;
    }
    if (in_use(path)) {
        hr_error("%s answers: another headrace-controlplane runs in this run_dir", path);
        return -EADDRINUSE;
    }
    unlink(path);
    mode_t old = umask(0117);
    struct lws_context_creation_info info = {
        .vhost_name = "admin",
        .iface = path,
        .port = 0,
        .protocols = protocols,
        .keepalive_timeout = 30,
        .options = LWS_SERVER_OPTION_UNIX_SOCK | LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND,
    };
    struct lws_vhost *vhost = lws_create_vhost(s->loop.context, &info);
    umask(old);
    if (vhost)
        return 0;
    hr_error("cannot listen on %s", path);
    return -EIO;
}

int cp_http_open(struct cp_service *s)
{
    int rc = check_files(s->config);
    rc = rc ? rc : try_bind(s->config);
    rc = rc ? rc : open_public(s);
    return rc ? rc : open_admin(s);
}

void cp_http_close(struct cp_service *s)
{
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    if (snprintf(path, sizeof(path), "%s/%s", s->run_dir, CP_CONTROL_SOCKET) < (int)sizeof(path))
        unlink(path);
}
