/* The HTTP status codes that we answer with (RFC 9110 15), as rows. */
#ifndef CP_HTTP_STATUS_H
#define CP_HTTP_STATUS_H

#define CP_STATUS_MAP(X)                                                                           \
    X(200, "OK")                                                                                   \
    X(201, "Created")                                                                              \
    X(204, "No Content")                                                                           \
    X(304, "Not Modified")                                                                         \
    X(400, "Bad Request")                                                                          \
    X(403, "Forbidden")                                                                            \
    X(404, "Not Found")                                                                            \
    X(405, "Method Not Allowed")                                                                   \
    X(406, "Not Acceptable")                                                                       \
    X(409, "Conflict")                                                                             \
    X(411, "Length Required")                                                                      \
    X(412, "Precondition Failed")                                                                  \
    X(413, "Content Too Large")                                                                    \
    X(414, "URI Too Long")                                                                         \
    X(415, "Unsupported Media Type")                                                               \
    X(422, "Unprocessable Content")                                                                \
    X(428, "Precondition Required")                                                                \
    X(500, "Internal Server Error")                                                                \
    X(503, "Service Unavailable")

static inline const char *cp_status_text(int status)
{
    switch (status) {
#define X(number, text)                                                                            \
    case number:                                                                                   \
        return text;
        CP_STATUS_MAP(X)
#undef X
    default:
        return "Unknown";
    }
}

#endif
