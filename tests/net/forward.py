"""Passes TCP on between network namespaces, past any link. forward.py TO_NAMESPACE PORT FROM_NAMESPACE...

What comes to 127.0.0.1:PORT in a FROM_NAMESPACE goes to 127.0.0.1:PORT in TO_NAMESPACE. Prints "ready" when it listens.
"""
import asyncio
import ctypes
import os
import socket
import sys

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def enter(namespace):
    fd = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    if libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"setns {namespace}")
    os.close(fd)


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except (ConnectionError, OSError):
        writer.close()


async def serve(reader, writer):
    try:
        there = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        writer.close()
        return
    await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))
    for w in (there[1], writer):
        w.close()


async def main():
    listeners = []
    for namespace in sys.argv[3:]:
        enter(namespace)
        listeners.append(socket.create_server(("127.0.0.1", port), reuse_port=False))
    enter(sys.argv[1])  # sockets are of the namespace that they were made in
    servers = [await asyncio.start_server(serve, sock=s) for s in listeners]
    print("ready", flush=True)
    await asyncio.gather(*(s.serve_forever() for s in servers))


port = int(sys.argv[2])
asyncio.run(main())
