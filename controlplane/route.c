#include "controlplane/route.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const taken[] = {"api",    "whip",    "whep",    "sdes",
                                    "assets", "healthz", "metrics", "admin"};

bool cp_name_ok(const char *text, size_t len)
{
    if (len == 0 || len > CP_NAME_MAX)
        return false;
    if ((len == 1 && text[0] == '.') || (len == 2 && memcmp(text, "..", 2) == 0))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isascii((unsigned char)text[i]) ||
            (!isalnum((unsigned char)text[i]) && !memchr("-_.~", text[i], 4)))
            return false;
    return true;
}

bool cp_room_name_ok(const char *text, size_t len)
{
    if (!cp_name_ok(text, len))
        return false;
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        if (strlen(taken[i]) == len && strncasecmp(taken[i], text, len) == 0)
            return false;
    return true;
}

static bool part_ok(const char *pattern, size_t plen, const char *text, size_t len)
{
    if (plen == 6 && memcmp(pattern, "{room}", 6) == 0)
        return cp_room_name_ok(text, len);
    return cp_name_ok(text, len);
}

enum match { MATCH, MISMATCH, ODD_PART };

/* Walks pattern and path segment by segment; both start with '/'. */
static enum match match(const char *pattern, const char *path, struct cp_route_params *out)
{
    bool odd = false;
    while (*pattern == '/' && *path == '/') {
        pattern++;
        path++;
        size_t plen = strcspn(pattern, "/"), len = strcspn(path, "/");
        bool rest = plen == 1 && *pattern == '*';
        if (rest)
            len = strlen(path);
        if (rest || (plen > 0 && *pattern == '{')) {
            if (len == 0)
                return MISMATCH;
            odd |= !rest && !part_ok(pattern, plen, path, len);
            if (out && out->count < CP_ROUTE_PARAMS && len < CP_PATH_MAX) {
                memcpy(out->value[out->count], path, len);
                out->value[out->count++][len] = 0;
            }
        } else if (plen != len || memcmp(pattern, path, len) != 0) {
            return MISMATCH;
        }
        pattern += plen;
        path += len;
    }
    if (*pattern || *path)
        return MISMATCH;
    return odd ? ODD_PART : MATCH;
}

int cp_route_find(const struct cp_route *table, size_t count, enum cp_listener listener,
                  enum cp_method method, const char *path, const struct cp_route **out)
{
    int result = -ENOENT;
    if (strlen(path) >= CP_PATH_MAX)
        return -ENOENT;
    for (size_t i = 0; i < count; i++) {
        if (!(table[i].listeners & listener))
            continue;
        enum match m = match(table[i].pattern, path, NULL);
        if (m == MATCH && (table[i].methods & method)) {
            *out = &table[i];
            return 0;
        }
        if (m == MATCH)
            result = -EPERM;
        else if (m == ODD_PART && result == -ENOENT)
            result = -EINVAL;
    }
    return result;
}

void cp_route_params(const struct cp_route *route, const char *path, struct cp_route_params *out)
{
    out->count = 0;
    match(route->pattern, path, out);
}

unsigned cp_route_methods(const struct cp_route *table, size_t count, enum cp_listener listener,
                          const char *path)
{
    unsigned methods = 0;
    for (size_t i = 0; i < count; i++)
        if ((table[i].listeners & listener) && match(table[i].pattern, path, NULL) == MATCH)
            methods |= table[i].methods;
    return methods;
}

void cp_route_allow(unsigned methods, char *buf, size_t size)
{
    static const char *const names[] = {
#define X(name) #name,
        CP_METHOD_MAP(X)
#undef X
    };
    size_t used = 0;
    buf[0] = 0;
    for (unsigned i = 0; i < CP_METHODS; i++) {
        if (!(methods & 1u << i))
            continue;
        int n = snprintf(buf + used, size - used, "%s%s", used ? ", " : "", names[i]);
        if (n < 0 || (size_t)n >= size - used)
            return;
        used += (size_t)n;
    }
}
