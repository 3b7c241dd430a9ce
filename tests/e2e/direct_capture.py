"""Looks at the wire beside a call: of two clients whose DTLS runs end to end, each datagram but STUN that one sends leaves
the relay for the other as it was. Runs in the clients' namespace: direct_capture.py INTERFACE RELAY_PORT; ends on SIGTERM."""
import signal
import socket
import struct
import sys
from collections import Counter, defaultdict

ETH_P_ALL = 3
HANDSHAKE, CLIENT_HELLO, SERVER_HELLO = 22, 1, 2


def udp_of(frame):
    """(source port, destination port, payload) of IPv4 or IPv6 UDP, else None."""
    kind = struct.unpack_from("!H", frame, 12)[0]
    if kind == 0x0800 and frame[23] == 17:
        at, end = 14 + 4 * (frame[14] & 15), 14 + struct.unpack_from("!H", frame, 16)[0]
    elif kind == 0x86DD and frame[20] == 17:
        at, end = 54, 54 + struct.unpack_from("!H", frame, 18)[0]
    else:
        return None
    source, destination = struct.unpack_from("!HH", frame, at)
    return source, destination, frame[at + 8 : end]


def record(interface, relay):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
    s.bind((interface, 0))
    s.settimeout(0.2)
    print("recording", flush=True)
    sent, got, running = defaultdict(list), defaultdict(list), [True]
    signal.signal(signal.SIGTERM, lambda *_: running.clear())
    while running:
        try:
            frame = s.recv(65536)
        except TimeoutError:
            continue
        udp = udp_of(frame)
        if not udp or len(udp[2]) < 2 or udp[2][0] < 20:
            continue
        if udp[1] == relay:
            sent[udp[0]].append(udp[2])
        elif udp[0] == relay:
            got[udp[1]].append(udp[2])
    return sent, got


def is_dtls(payload):
    return 20 <= payload[0] <= 63


def partners(sent, got):
    """Port -> the ports that its handshake or media arrive at: a client may speak from one and hear at another."""
    arrived = {b: set(all_) for b, all_ in got.items()}
    found = {a: {b for b in arrived if not arrived[b].isdisjoint(out)} for a, out in sent.items()}
    return {a: to for a, to in found.items() if to}


def all_of(datagrams, ports):
    return sum((Counter(datagrams[port]) for port in ports), Counter())


def main():
    sent, got = record(sys.argv[1], int(sys.argv[2]))
    found = partners(sent, got)
    if not found:
        sys.exit("no datagram was passed on")
    handshakes = 0
    for a, to in sorted(found.items()):
        out, arrived = Counter(sent[a]), all_of(got, to)
        dtls = [p for p in sent[a] if is_dtls(p)]
        lost = sum((out - arrived).values())
        handshakes += any(p[0] == HANDSHAKE and p[13] in (CLIENT_HELLO, SERVER_HELLO) and arrived[p] for p in dtls)
        print(f"port {a} to {', '.join(map(str, sorted(to)))}: {len(dtls)} DTLS and {len(sent[a]) - len(dtls)} media datagrams sent, "
              f"{sum((out & arrived).values())} arrived bit for bit, {lost} did not")
        # Before the other end is there, and after it has gone, there is nobody to pass them to.
        if lost > 0.05 * len(sent[a]) + 50:
            sys.exit(f"too many from port {a} did not arrive")
    for b in sorted(set().union(*found.values())):
        made = sum((Counter(got[b]) - all_of(sent, [a for a, to in found.items() if b in to])).values())
        if made:
            sys.exit(f"the relay made {made} datagrams of its own for port {b}")
    if handshakes < 2:
        sys.exit("passed on one way only")


main()
