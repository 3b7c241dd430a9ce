"""Writes WHIP bodies into a folder: good.sdp, view.sdp, and others that are to be refused. offers.py DIR"""
import os
import sys

GOOD = """v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=rtcp-mux
a=ice-ufrag:Tst0
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 {fingerprint}
a=setup:actpass
a=mid:0
a=sendonly
a=rtpmap:111 opus/48000/2
a=ssrc:1001 cname:test
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=rtcp-mux
a=ice-ufrag:Tst0
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 {fingerprint}
a=setup:actpass
a=mid:1
a=sendonly
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=ssrc:1002 cname:test
""".format(fingerprint=":".join(f"{(7 * i) & 255:02X}" for i in range(32)))


def write(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8", newline="") as file:
        file.write(text.replace("\n", "\r\n"))


def main(folder):
    write(folder, "good.sdp", GOOD)
    write(folder, "view.sdp", GOOD.replace("sendonly", "recvonly"))
    write(folder, "cut.sdp", GOOD.replace("m=video 9 UDP/TLS/RTP/SAVPF 96", "m=video 9"))
    write(folder, "codec.sdp", GOOD.replace("opus/48000/2", "speex/16000").replace("VP8/", "H261/"))
    write(folder, "fingerprint.sdp", "\n".join(
        line for line in GOOD.split("\n") if not line.startswith("a=fingerprint")))
    write(folder, "lite.sdp", GOOD.replace("t=0 0", "t=0 0\na=ice-lite"))
    write(folder, "large.sdp", GOOD + "a=x:" + "y" * 200000 + "\n")
    write(folder, "fragment", "a=ice-ufrag:Tst0\na=ice-pwd:abcdefghijklmnopqrstuvwx\n"
          "m=audio 9 UDP/TLS/RTP/SAVPF 0\na=mid:0\n"
          "a=candidate:1 1 udp 2130706431 198.18.0.1 40000 typ host\na=end-of-candidates\n")


if __name__ == "__main__":
    main(sys.argv[1])
