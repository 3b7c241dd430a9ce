#include "proto/handshake.h"

#include "proto/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FDS_MAX 3

int hr_socket_send(int fd, const ProtobufCMessage *msg, const int *fds, unsigned nfds)
{
    size_t length = protobuf_c_message_get_packed_size(msg);
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)];
    } control = {0};

    if (length > HR_SOCKET_MESSAGE_MAX || nfds > FDS_MAX)
        return -EMSGSIZE;
    uint8_t *buf = malloc(length ? length : 1);
    if (!buf)
        return -ENOMEM;
    protobuf_c_message_pack(msg, buf);

    struct iovec iov = {buf, length};
    struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
    if (nfds) {
        mh.msg_control = control.bytes;
        mh.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
        struct cmsghdr *c = CMSG_FIRSTHDR(&mh);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
    }
    ssize_t n = sendmsg(fd, &mh, MSG_NOSIGNAL);
    int err = n < 0 ? -errno : 0;
    free(buf);
    return err;
}

static unsigned take_fds(struct msghdr *mh, int *fds, unsigned room)
{
    unsigned got = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        unsigned n = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (unsigned i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (got < room)
                fds[got++] = fd;
            else
                close(fd);
        }
    }
    return got;
}

int hr_socket_receive(int fd, uint8_t *buf, size_t size, int *fds, unsigned *nfds)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)];
    } control;
    struct iovec iov = {buf, size};
    struct msghdr mh = {.msg_iov = &iov,
                        .msg_iovlen = 1,
                        .msg_control = control.bytes,
                        .msg_controllen = sizeof(control.bytes)};
    unsigned room = nfds ? *nfds : 0;

    if (nfds)
        *nfds = 0;
    ssize_t n = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC);
    if (n < 0)
        return -errno;
    unsigned got = take_fds(&mh, fds, room);
    if (mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        while (got)
            close(fds[--got]);
        return -EMSGSIZE;
    }
    if (nfds)
        *nfds = got;
    return (int)n;
}

static int unix_address(const char *path, struct sockaddr_un *sa)
{
    *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(sa->sun_path))
        return -ENAMETOOLONG;
    memcpy(sa->sun_path, path, strlen(path));
    return 0;
}

int hr_socket_connect(const char *path)
{
    struct sockaddr_un sa;
    int err = unix_address(path, &sa);
    if (err)
        return err;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&sa, sizeof(sa))) {
        err = -errno;
        close(fd);
        return err;
    }
    return fd;
}

int hr_socket_listen(const char *path, int mode)
{
    struct sockaddr_un sa;
    int err = unix_address(path, &sa);
    if (err)
        return err;
    int alive = hr_socket_connect(path);
    if (alive >= 0) {
        close(alive);
        return -EADDRINUSE;
    }
    if (alive == -ECONNREFUSED)
        unlink(path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    /* The mode is right from the first moment: nobody can connect between bind and chmod. */
    mode_t old = umask(0777 & ~(mode_t)mode);
    err = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) ? -errno : 0;
    umask(old);
    if (!err && listen(fd, 16))
        err = -errno;
    if (err) {
        close(fd);
        return err;
    }
    return fd;
}
