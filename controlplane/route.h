/*
 * Which handler a request is for. Pure: a table of methods and patterns, "/whip/{room}/{name}"
 * style; a {part} takes one segment that has the form of a room name, "*" the rest of the path.
 */
#ifndef CP_ROUTE_H
#define CP_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#define CP_PATH_MAX     512 /* bytes of a decoded request path; longer: 414 */
#define CP_ROUTE_PARAMS 3   /* parts of a pattern */

/* X(name): bit n of a method mask. */
#define CP_METHOD_MAP(X) X(GET) X(HEAD) X(POST) X(PUT) X(PATCH) X(DELETE) X(OPTIONS)

enum cp_method_index {
#define X(name) CP_METHOD_INDEX_##name,
    CP_METHOD_MAP(X)
#undef X
        CP_METHODS
};

enum cp_method {
    CP_METHOD_NONE = 0,
#define X(name) CP_##name = 1 << CP_METHOD_INDEX_##name,
    CP_METHOD_MAP(X)
#undef X
};

/* Where a request came in: the TCP listener, or controlplane.sock. */
enum cp_listener { CP_PUBLIC = 1, CP_ADMIN = 2 };

struct cp_exchange;
struct cp_service;
typedef void cp_handler(struct cp_service *s, struct cp_exchange *x);

struct cp_route {
    unsigned methods;   /* mask of enum cp_method */
    unsigned listeners; /* mask of enum cp_listener */
    const char *pattern;
    cp_handler *handler;
    size_t body_max; /* bytes; a larger body is refused with 413 */
};

struct cp_route_params {
    char value[CP_ROUTE_PARAMS][CP_PATH_MAX];
    unsigned count;
};

/*
 * 0 and *out; -ENOENT: no such path; -EINVAL: only a part's characters are wrong; -EPERM: the path
 * is there with the methods in *allow only.
 */
int cp_route_find(const struct cp_route *table, size_t count, enum cp_listener listener,
                  enum cp_method method, const char *path, const struct cp_route **out);
/* The parts of a path that cp_route_find matched with route. */
void cp_route_params(const struct cp_route *route, const char *path, struct cp_route_params *out);
/* Mask of the methods that a path has on a listener, HEAD where GET is. */
unsigned cp_route_methods(const struct cp_route *table, size_t count, enum cp_listener listener,
                          const char *path);
/* "GET, HEAD, POST" */
void cp_route_allow(unsigned methods, char *buf, size_t size);

/* 1 to 64 of A-Z a-z 0-9 - _ . ~ (docs/signalling.md); not "." or "..". */
bool cp_name_ok(const char *text, size_t len);
/* A name that no path of ours has taken. */
bool cp_room_name_ok(const char *text, size_t len);
#define CP_NAME_MAX 64 /* bytes */

#endif
