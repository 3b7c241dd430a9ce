"""sdes_same.py PCAP RELAY PORT SSRC: every RTP packet of that SSRC that the relay sent to PORT is, bit for bit, one that it
received, in their order, none twice and none left out between the first and the last; UDP checksums are right."""
import struct
import sys


def frames(path):
    data = open(path, "rb").read()
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at + 16:at + 16 + length]
        at += 16 + length


def checksum_ok(ip, udp):
    if udp[6:8] == b"\0\0":
        return False
    words = ip[12:20] + struct.pack(">HH", 17, len(udp)) + udp + b"\0" * (len(udp) & 1)
    total = sum(struct.unpack(f">{len(words) // 2}H", words))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total == 0xffff


PCAP, RELAY, PORT, SSRC = sys.argv[1], bytes(map(int, sys.argv[2].split("."))), int(sys.argv[3]), int(sys.argv[4])
came, went, bad = [], [], 0
for frame in frames(PCAP):
    if frame[12:14] != b"\x08\0" or frame[23] != 17:
        continue
    ip = frame[14:14 + struct.unpack_from(">H", frame, 16)[0]]
    udp = ip[(ip[0] & 15) * 4:]
    payload = udp[8:]
    if len(payload) < 12 or 64 <= payload[1] & 127 < 96 or struct.unpack_from(">I", payload, 8)[0] != SSRC:
        continue
    if ip[16:20] == RELAY:
        came.append(payload)
    elif ip[12:16] == RELAY and struct.unpack_from(">H", udp, 2)[0] == PORT:
        went.append(payload)
        bad += not checksum_ok(ip, udp)
start = came.index(went[0]) if went and went[0] in came else -1
print(f"{len(came)} packets came, {len(went)} went, {bad} with a wrong checksum")
sys.exit(0 if len(went) >= 100 and start >= 0 and not bad and came[start:start + len(went)] == went else 1)
