"""Measures a link one way. link_probe.py FROM_NAMESPACE TO_ADDRESS TO_NAMESPACE COUNT BYTES GAP_MS

Sends COUNT frames of BYTES, one each GAP_MS; prints JSON: received, median, p95 and least delay (ms), bit/s.
"""
import ctypes
import json
import os
import select
import socket
import struct
import sys
import time

CLONE_NEWNET = 0x40000000
HEADERS = 14 + 20 + 8
libc = ctypes.CDLL(None, use_errno=True)


def udp_in(namespace):
    fd = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    if libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"setns {namespace}")
    os.close(fd)
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


source, address, target = sys.argv[1:4]
count, size = int(sys.argv[4]), int(sys.argv[5])
gap = float(sys.argv[6]) / 1e3
sender, receiver = udp_in(source), udp_in(target)
receiver.bind((address, 9000))
receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
sender.connect((address, 9000))
arrivals = []


def read_until(end):
    while (left := end - time.monotonic()) > 0:
        if select.select([receiver], [], [], left)[0]:
            data = receiver.recv(2048)
            now = time.monotonic()
            arrivals.append((now, (now - struct.unpack("d", data[:8])[0]) * 1e3))


def send():
    sender.send(struct.pack("d", time.monotonic()).ljust(size - HEADERS))


send()  # resolves the address
read_until(time.monotonic() + 1)
arrivals.clear()
start = time.monotonic()
for i in range(count):
    send()
    read_until(start + (i + 1) * gap)
read_until(time.monotonic() + 1)
delays = sorted(d for _, d in arrivals) or [-1]
span = arrivals[-1][0] - arrivals[0][0] if len(arrivals) > 1 else 0
print(json.dumps({
    "received": len(arrivals), "median": delays[len(delays) // 2], "p95": delays[len(delays) * 95 // 100], "least": delays[0],
    "bps": (len(arrivals) - 1) * size * 8 / span if span else 0,
}))
