"""Judges a capture of the media port. capture.py PCAP [FAMILY...]

By tshark: every checksum is good, and every datagram is STUN, DTLS, SRTP or SRTCP. And that the media is not plaintext: what
stands first in a payload is the codec's header, a handful of values in plaintext, all of 0..255 in ciphertext.
"""
import collections
import math
import subprocess
import sys

FIELDS = ("ip.checksum.status", "udp.checksum.status", "frame.protocols", "ipv6.version", "udp.payload")
MIN_PACKETS = 300  # of a stream, for the figures to mean something
MIN_ENTROPY = 6.8  # bits of the first payload byte: 300 random bytes have about 7.3, VP8's and Opus's below 3
BAD, UNVERIFIED = "0", "2"
problems = []


def check(ok, text):
    print(f"{'ok' if ok else 'PROBLEM'}: {text}")
    if not ok:
        problems.append(text)


def dissect(path):
    command = ["tshark", "-n", "-r", path, "-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-T", "fields"]
    for heuristic in ("stun_udp", "dtls_udp", "rtp_udp", "rtcp_udp"):
        command += ["--enable-heuristic", heuristic]
    for field in FIELDS:
        command += ["-e", field]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [line.split("\t") for line in text.splitlines()]


def kind(payload):
    """RFC 7983 7 and RFC 5761 4, and what these protocols have for sure behind the first byte."""
    first = payload[0]
    if first < 4:
        return "STUN" if payload[4:8] == b"\x21\x12\xa4\x42" else "?"
    if 20 <= first <= 63:
        return "DTLS" if payload[1] == 0xFE and payload[2] in (0xFD, 0xFF) else "?"
    if 128 <= first <= 191:
        return "SRTCP" if 192 <= payload[1] <= 223 else "SRTP"
    return "?"


def rtp_payload(data):
    start = 12 + 4 * (data[0] & 15)
    if data[0] & 16:
        start += 4 + 4 * int.from_bytes(data[start + 2:start + 4], "big")
    return data[start:]


def entropy(values):
    counts, total = collections.Counter(values), len(values)
    return -sum(n / total * math.log2(n / total) for n in counts.values())


def main(path, families):
    packets = dissect(path)
    check(len(packets) > 1000, f"{len(packets)} packets")
    check(all(BAD not in p[0].split(",") and UNVERIFIED not in p[0] for p in packets), "no wrong IP checksum")
    check(all(p[1] == "1" for p in packets), f"UDP checksums: {dict(collections.Counter(p[1] for p in packets))}, 1 is good")
    for family in families:
        check(any((p[3] == "6") == (family == "6") for p in packets), f"IPv{family} is there")

    kinds, streams = collections.Counter(), collections.defaultdict(list)
    for *_, protocols, _, text in packets:
        data = bytes.fromhex(text)
        kinds[kind(data), protocols.split(":udp:")[-1]] += 1
        if kind(data) == "SRTP":
            streams[data[8:12].hex()].append(rtp_payload(data))
    print(f"by first byte and by tshark: {dict(kinds)}")
    names = {k for k, _ in kinds}
    check(names == {"STUN", "DTLS", "SRTP", "SRTCP"}, f"the port carries {sorted(names)}")
    check(all(tshark.split(":")[0] == k.lower() for (k, tshark) in kinds if k in ("STUN", "DTLS")), "tshark says STUN and DTLS of those")

    long = {ssrc: list_ for ssrc, list_ in streams.items() if len(list_) >= MIN_PACKETS}
    check(len(long) >= 4, f"{len(long)} streams of {MIN_PACKETS} packets or more")
    for ssrc, payloads in sorted(long.items()):
        first = entropy([p[0] for p in payloads if p])
        check(first > MIN_ENTROPY, f"stream {ssrc}: {len(payloads)} packets, {first:.2f} bits in the first payload byte")
    everything = entropy(b"".join(p for list_ in long.values() for p in list_))
    check(everything > 7.99, f"{everything:.4f} bits a byte in all payloads")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
