#include "controlplane/static.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/log.h"

static const struct {
    const char *end, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".webp", "image/webp"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".wasm", "application/wasm"},
    {".mp3", "audio/mpeg"},
    {".ogg", "audio/ogg"},
    {".txt", "text/plain; charset=utf-8"},
};

const char *cp_static_type(const char *path)
{
    size_t len = strlen(path);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        size_t n = strlen(types[i].end);
        if (len > n && strcmp(path + len - n, types[i].end) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

bool cp_static_path_ok(const char *path)
{
    for (;;) {
        size_t len = strcspn(path, "/");
        if (len == 0 || *path == '.')
            return false;
        if (!path[len])
            return true;
        path += len + 1;
    }
}

void cp_static_security(struct cp_exchange *x)
{
    cp_exchange_header(x, "content-security-policy:",
                       "default-src 'self'; img-src 'self' data: https:; style-src 'self'; "
                       "connect-src 'self' ws: wss:; media-src 'self' blob:; object-src 'none'; "
                       "base-uri 'none'; form-action 'self'; frame-ancestors 'self'");
    cp_exchange_header(x, "x-content-type-options:", "nosniff");
    cp_exchange_header(x, "referrer-policy:", "no-referrer");
    cp_exchange_header(
        x, "permissions-policy:", "camera=(self), microphone=(self), display-capture=(self)");
}

/* Opens below root without following a symbolic link at the end; -errno. */
static int open_below(const char *root, const char *path, struct stat *st)
{
    int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -errno;
    int fd = openat(dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    int error = fd < 0 ? -errno : 0;
    close(dir);
    if (fd < 0)
        return error;
    if (fstat(fd, st) < 0 || !S_ISREG(st->st_mode) || st->st_size > (off_t)CP_STATIC_MAX) {
        close(fd);
        return -ENOENT;
    }
    return fd;
}

static char *read_all(int fd, size_t size)
{
    char *buf = malloc(size + 1);
    size_t have = 0;
    while (buf && have < size) {
        ssize_t n = read(fd, buf + have, size - have);
        if (n <= 0) {
            free(buf);
            return NULL;
        }
        have += (size_t)n;
    }
    return buf;
}

static void not_found(struct cp_exchange *x, const char *root, const char *path, int error)
{
    if (error != -ENOENT && error != -ENOTDIR)
        hr_warning("%s/%s cannot be read: %s", root, path, strerror(-error));
    cp_answer_problem(x, 404, "there is no such file");
}

void cp_static_answer(struct cp_exchange *x, const char *root, const char *path, int status)
{
    struct stat st;
    int fd = cp_static_path_ok(path) ? open_below(root, path, &st) : -ENOENT;
    if (fd < 0) {
        not_found(x, root, path, fd);
        return;
    }
    char tag[64];
    snprintf(tag, sizeof(tag), "\"%llx-%llx%lx\"", (unsigned long long)st.st_size,
             (unsigned long long)st.st_mtim.tv_sec, (unsigned long)st.st_mtim.tv_nsec);
    cp_exchange_header(x, "etag:", "%s", tag);
    cp_exchange_header(x, "cache-control:", "no-cache");
    cp_static_security(x);
    if (status == 200 && strcmp(x->if_none_match, tag) == 0) {
        close(fd);
        cp_answer(x, 304);
        return;
    }
    char *body = read_all(fd, (size_t)st.st_size);
    close(fd);
    if (!body)
        cp_answer_problem(x, 500, "the file cannot be read");
    else
        cp_answer_body(x, status, cp_static_type(path), body, (size_t)st.st_size);
}
