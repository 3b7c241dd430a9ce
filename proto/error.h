/* Errors that cross a process border: one row each, so that name and text are never apart. */
#ifndef HR_ERROR_H
#define HR_ERROR_H

#define HR_ERROR_MAP(X)                                                                            \
    X(OK, 0, "ok")                                                                                 \
    X(PROTOCOL, 1, "protocol versions differ")                                                     \
    X(BUSY, 2, "a control plane is already connected")                                             \
    X(MALFORMED, 3, "message does not parse")                                                      \
    X(NOT_FOUND, 4, "no such object")                                                              \
    X(EXISTS, 5, "already exists")                                                                 \
    X(INVALID, 6, "value out of range")                                                            \
    X(LIMIT, 7, "limit reached")                                                                   \
    X(MEMORY, 8, "out of memory")                                                                  \
    X(KEY_REUSE, 9, "SSRC was used before under this key")                                         \
    X(UNSUPPORTED, 10, "not supported")                                                            \
    X(PERMISSION, 11, "not permitted")

enum hr_error {
#define X(name, number, text) HR_ERROR_##name = number,
    HR_ERROR_MAP(X)
#undef X
};

const char *hr_error_text(unsigned error);

#endif
