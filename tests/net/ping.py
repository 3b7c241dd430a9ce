"""ping.py ADDRESS [BYTES [COUNT]]: echo requests over a raw socket; 0 when every one is answered, bytes intact."""
import ipaddress
import os
import socket
import struct
import sys
import time


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def main():
    address = sys.argv[1]
    size = int(sys.argv[2]) if len(sys.argv) > 2 else 56
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    six = ipaddress.ip_address(address).version == 6
    request, answer = (128, 129) if six else (8, 0)
    if six:
        s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    else:
        s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    ident = os.getpid() & 0xFFFF
    times = []
    for sequence in range(count):
        payload = os.urandom(size)
        head = struct.pack("!BBHHH", request, 0, 0, ident, sequence)
        if not six:  # the kernel fills in ICMPv6's
            head = struct.pack("!BBHHH", request, 0, checksum(head + payload), ident, sequence)
        s.settimeout(2)
        sent = time.monotonic()
        s.sendto(head + payload, (address, 0))
        while True:
            got = s.recv(65536)
            icmp = got if six else got[(got[0] & 15) * 4:]
            kind, _, _, whose, number = struct.unpack("!BBHHH", icmp[:8])
            if (kind, whose, number) == (answer, ident, sequence):
                times.append((time.monotonic() - sent) * 1e6)
                break
        if icmp[8:] != payload:
            sys.exit(f"{address}: echo {sequence} came back altered")
    print(f"{address}: {count} echoes, median {sorted(times)[count // 2]:.0f} us, longest {max(times):.0f} us")


if __name__ == "__main__":
    try:
        main()
    except TimeoutError:
        sys.exit(f"{sys.argv[1]} does not answer")
