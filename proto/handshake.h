/* dataplane.sock: SOCK_SEQPACKET, one message a datagram. Hello first; see headrace.proto. */
#ifndef HR_HANDSHAKE_H
#define HR_HANDSHAKE_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

/* Sends one message with up to 3 descriptors. 0 or -errno. */
int hr_socket_send(int fd, const ProtobufCMessage *msg, const int *fds, unsigned nfds);
/* Receives one datagram: its length, 0 at end of file, -errno. Descriptors that came along are put
 * in fds (the caller's to close), *nfds is in: room, out: count. A truncated datagram is -EMSGSIZE.
 */
int hr_socket_receive(int fd, uint8_t *buf, size_t size, int *fds, unsigned *nfds);

/* Non-blocking. A stale socket file is removed; -EADDRINUSE when somebody still listens on it. */
int hr_socket_listen(const char *path, int mode);
int hr_socket_connect(const char *path);

#endif
