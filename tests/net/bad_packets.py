"""Sends what a relay must refuse. bad_packets.py INTERFACE MAC CASE [USERNAME]

INTERFACE is the client's end of the wire, MAC the relay's. A case ends with 0 when everything is sent (and,
for STUN, when the relay answered as it must). What is spoofed of the running call has the call's own addresses.
"""
import hashlib
import hmac
import os
import random
import socket
import struct
import sys
import time
import zlib

SOURCE, RELAY, PORT = "198.18.0.66", "198.18.0.2", 10000
SOURCE6, RELAY6 = "2001:2::66", "2001:2::2"
COUNT = 10
RTP = struct.pack("!BBHII", 0x80, 96, 1, 2, 3) + bytes(100)
SR = struct.pack("!BBHI", 0x80, 200, 6, 3) + bytes(40)
ETH_IP, ETH_IP6, ETH_ALL = 0x0800, 0x86DD, 3
OUTGOING = 4  # PACKET_OUTGOING


def checksum(data):
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Wire:
    def __init__(self, interface, mac):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_ALL))
        self.socket.bind((interface, ETH_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.mac, self.own = bytes.fromhex(mac.replace(":", "")), self.socket.getsockname()[4]

    def send(self, payload, kind=ETH_IP):
        self.socket.send(self.mac + self.own + struct.pack("!H", kind) + payload)

    def outgoing(self, wanted, seconds=10):
        """The next frame of the call that goes to the media port and whose UDP payload is wanted."""
        end = time.monotonic() + seconds
        self.socket.settimeout(seconds)
        while time.monotonic() < end:
            frame, address = self.socket.recvfrom(2048)
            if address[2] == OUTGOING and len(frame) > 54 and frame[12:14] == b"\x08\0" and \
                    frame[23] == 17 and frame[36:38] == struct.pack("!H", PORT) and \
                    frame[26:30] != socket.inet_aton(SOURCE) and wanted(frame[42:]):
                return frame
        raise SystemExit("the call sends nothing of that kind")


def udp(payload, sport=40000, dport=PORT, length=None):
    return struct.pack("!HHHH", sport, dport, 8 + len(payload) if length is None else length, 0) + payload


def ipv4(payload, protocol=17, to=RELAY, total=None, vhl=0x45, fragment=0, wrong=0, options=b""):
    def header(total_sum):
        return struct.pack("!BBHHHBBH4s4s", vhl, 0, 20 + len(options) + len(payload) if total is None else total, 7,
                           fragment, 64, protocol, total_sum, socket.inet_aton(SOURCE), socket.inet_aton(to)) + options
    return header(checksum(header(0)) ^ wrong) + payload


def ipv6(payload, following=17, length=None):
    return struct.pack("!IHBB", 6 << 28, len(payload) if length is None else length, following, 64) + \
        socket.inet_pton(socket.AF_INET6, SOURCE6) + socket.inet_pton(socket.AF_INET6, RELAY6) + payload


FRAMES = {  # the drop's name: (Ethernet type, payload) each
    "not_ip": [(0x88B5, bytes(60)), (0x8100, bytes(60))],
    "ip_malformed": [(ETH_IP, ipv4(udp(RTP), total=400)), (ETH_IP, ipv4(udp(RTP), wrong=1)), (ETH_IP, ipv4(RTP, vhl=0x55)),
                     (ETH_IP, ipv4(udp(RTP), vhl=0x42)), (ETH_IP, ipv4(udp(RTP), total=12)),
                     (ETH_IP6, ipv6(udp(RTP), length=900)), (ETH_IP6, bytes([0x60]) + bytes(20))],
    "ip_options": [(ETH_IP, ipv4(udp(RTP), vhl=0x46, options=b"\x94\x04\0\0")), (ETH_IP6, ipv6(b"\x11\0" + bytes(6) + udp(RTP), 0)),
                   (ETH_IP6, ipv6(bytes(200), 60))],
    "ip_fragment": [(ETH_IP, ipv4(udp(RTP), fragment=0x2000)), (ETH_IP, ipv4(RTP, fragment=8)), (ETH_IP6, ipv6(bytes(80), 44))],
    "not_for_us": [(ETH_IP, ipv4(udp(RTP), to="198.18.0.99"))],
    "not_udp": [(ETH_IP, ipv4(bytes(40), 6)), (ETH_IP, ipv4(bytes(40), 132)), (ETH_IP6, ipv6(bytes(40), 6))],
    "udp_malformed": [(ETH_IP, ipv4(udp(RTP, length=7))), (ETH_IP, ipv4(udp(RTP, length=1000))), (ETH_IP, ipv4(udp(RTP, sport=0))),
                      (ETH_IP, ipv4(b"\x01\x02\x03\x04")), (ETH_IP6, ipv6(udp(RTP, length=3)))],
    "udp_port": [(ETH_IP, ipv4(udp(RTP, dport=10001))), (ETH_IP6, ipv6(udp(RTP, dport=53)))],
    "oversize": [(ETH_IP, ipv4(udp(bytes(1400)), total=2000)), (ETH_IP6, ipv6(bytes(1400), length=9000))],
    "first_byte": [(ETH_IP, ipv4(udp(bytes([first]) + bytes(size)))) for first in (4, 19, 64, 127, 192, 255) for size in (1, 40, 1400)]
    + [(ETH_IP, ipv4(udp(b""))), (ETH_IP, ipv4(udp(b"\x80"))), (ETH_IP6, ipv6(udp(b"\xff" * 30)))],
    "flow_unknown": [(ETH_IP, ipv4(udp(RTP))), (ETH_IP, ipv4(udp(SR))), (ETH_IP6, ipv6(udp(RTP))), (ETH_IP, ipv4(udp(b"\x80\x00")))],
    "host_malformed": [(ETH_IP, ipv4(b"\x08\0", 1)), (0x0806, b"\0\x01\x08\0\x06\x04"), (ETH_IP6, ipv6(b"\x80", 58))],
}


def stun(username, key, kind=1, extra=b"", fingerprint=True):
    attributes = extra
    if username is not None:
        name = username.encode()
        attributes += struct.pack("!HH", 6, len(name)) + name + b"\0" * (-len(name) % 4)
    attributes += struct.pack("!HHI", 0x24, 4, 1845501695) + struct.pack("!HHQ", 0x802A, 8, 99)
    transaction = os.urandom(12)

    def head(more):
        return struct.pack("!HHI", kind, len(attributes) + more, 0x2112A442) + transaction
    if key is not None:
        digest = hmac.new(key.encode(), head(24) + attributes, hashlib.sha1).digest()
        attributes += struct.pack("!HH", 8, 20) + digest
    if fingerprint:
        crc = zlib.crc32(head(8) + attributes) ^ 0x5354554E
        attributes += struct.pack("!HHI", 0x8028, 4, crc)
    return head(0) + attributes


def client_hello():
    body = b"\xfe\xfd" + os.urandom(32) + b"\0\0" + struct.pack("!HH", 2, 0xC02B) + b"\x01\0"
    message = b"\x01" + len(body).to_bytes(3, "big") + bytes(5) + len(body).to_bytes(3, "big") + body
    return b"\x16\xfe\xfd" + bytes(8) + struct.pack("!H", len(message)) + message


def ask(payload, code):
    """Sends it, and wants the STUN error response with that code; code 0: no answer at all."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((SOURCE, 0))
        s.sendto(payload, (RELAY, PORT))
        s.settimeout(5 if code else 0.5)
        try:
            answer = s.recv(2048)
        except socket.timeout:
            answer = b""
    got = 0
    if len(answer) > 20 and answer[0] & 1 and answer[1] & 0x10:
        at = answer.index(b"\0\x09", 20)
        got = answer[at + 6] * 100 + answer[at + 7]
    if got != code or (not code and answer):
        raise SystemExit(f"answered {answer.hex() or 'nothing'}, not {code}")


def noise():
    return [(ETH_IP, ipv4(udp(os.urandom(random.randint(1, 1400))))) for _ in range(500)] + \
        [(ETH_IP, os.urandom(random.randint(1, 1400))) for _ in range(200)] + \
        [(random.choice((ETH_IP6, 0x0806)), os.urandom(random.randint(1, 1400))) for _ in range(200)]


def is_rtp(p):
    return 0x80 <= p[0] < 0xC0 and not 192 <= p[1] < 224 and len(p) > 60


def is_rtcp(p):
    return 0x80 <= p[0] < 0xC0 and 192 <= p[1] < 224


def set_at(frame, at, data):
    return frame[:at] + data + frame[at + len(data):]


def ahead(frame, by):
    return set_at(frame, 44, struct.pack("!H", (struct.unpack("!H", frame[44:46])[0] + by) & 0xFFFF))


def with_payload(frame, payload):
    """The frame's addresses with another UDP payload; its IP checksum is made anew."""
    head = bytearray(frame[14:34])
    struct.pack_into("!H", head, 2, 28 + len(payload))
    struct.pack_into("!H", head, 10, 0)
    struct.pack_into("!H", head, 10, checksum(bytes(head)))
    return frame[:14] + bytes(head) + frame[34:38] + struct.pack("!HH", 8 + len(payload), 0) + payload


def mutate(frame):
    data = bytearray(frame[42:])
    for _ in range(random.randint(1, 6)):
        data[random.randrange(min(len(data), 60))] = random.randrange(256)
    return with_payload(frame, bytes(data[:random.randint(1, len(data))]))


SPOOFS = {  # name: (which packet of the call, what is sent again of it)
    "srtp_replay": (is_rtp, lambda f: [f]),
    "srtp_auth": (is_rtp, lambda f: [ahead(f, 100), set_at(ahead(f, 7), len(f) - 20, b"\x55"), set_at(ahead(f, 20000), 60, b"\0\x01")]),
    "rtcp_replay": (is_rtcp, lambda f: [f]),
    "rtcp_auth": (is_rtcp, lambda f: [set_at(f, len(f) - 1, bytes([f[-1] ^ 1])), set_at(f, 50, bytes([f[50] ^ 1]))]),
    "ssrc_unknown": (is_rtp, lambda f: [with_payload(f, b"\x80\x14" + f[44:50] + os.urandom(4) + f[54:])]),
    "rtp_malformed": (is_rtp, lambda f: [with_payload(f, f[42:50]), with_payload(f, b"\x8f" + f[43:60]),
                                         with_payload(f, b"\x90" + f[43:54] + b"\xbe\xde\x7f\xff" + bytes(40))]),
    "rtcp_short": (is_rtcp, lambda f: [with_payload(f, f[42:50]), with_payload(f, f[42:62])]),
    "dtls": (is_rtp, lambda f: [with_payload(f, b"\x15\xfe\xfd" + bytes(8) + b"\0\x02\x02\x28"), with_payload(f, client_hello()),
                                with_payload(f, b"\x17\xfe\xfd\0\x01" + bytes(6) + b"\0\x30" + os.urandom(48))]),
    "stun": (is_rtp, lambda f: [with_payload(f, stun("some:body", "wrong"))]),
    "mutations": (is_rtp, lambda f: [mutate(f) for _ in range(60)]),
}


def case(wire, name, username):
    if name in FRAMES:
        for kind, payload in FRAMES[name] * COUNT:
            wire.send(payload, kind)
    elif name in SPOOFS:
        wanted, make = SPOOFS[name]
        for _ in range(COUNT):
            for frame in make(wire.outgoing(wanted)):
                wire.socket.send(frame)
    elif name == "random":
        for kind, payload in noise():
            wire.send(payload, kind)
    elif name == "stun_unknown_user":
        ask(stun("nobodyxx:me", "x" * 24), 401)
    elif name == "stun_bad_integrity":
        ask(stun(username, "x" * 24), 401)
    elif name == "stun_bad_request":
        ask(stun(None, None), 400)
    elif name == "stun_bad_method":
        ask(stun("a:b", "x" * 24, kind=3), 400)
    elif name == "stun_bad_fingerprint":
        ask(stun("a:b", "x" * 24, fingerprint=False), 0)
    elif name == "stun_not_stun":
        good = stun("a:b", "x" * 24)
        for bad in (good[:30], good[:4] + b"zzzz" + good[8:], b"\0\x01\xff\xff" + good[4:], good + b"\0" * 900, bytes(1472)):
            ask(bad, 0)
    elif name == "dtls_unchecked_source":
        ask(client_hello(), 0)
        ask(b"\x16\xfe\xfd" + os.urandom(1400), 0)
    elif name == "flood":
        for _ in range(4000):
            wire.send(ipv4(udp(stun("flood:er", "x" * 24))))
    else:
        raise SystemExit(f"no case {name}")


if __name__ == "__main__":
    random.seed(7)
    case(Wire(sys.argv[1], sys.argv[2]), sys.argv[3], sys.argv[4] if len(sys.argv) > 4 else "")
