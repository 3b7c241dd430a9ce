"""The peers under test: each is started on CPU 1 of a namespace, given a publisher and subscribers, and climbed."""
import base64
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

IP, HOLE = "198.18.0.1", "198.18.1.1"  # here, and where packets are counted and dropped
LOAD_CPU, PEER_CPU = "0", "1"
FIRST_PORT, SINK_PORT, PUBLISHER_PORT = 20000, 19998, 29000
SUITES = {"sha1": ("AES_CM_128_HMAC_SHA1_80", 30), "gcm": ("AEAD_AES_128_GCM", 28)}
LOSS = 0.001
TRIES = 3
CALM, STEP, STEPS_MAX = 1.0, 1.1, 24  # seconds of a step; its factor


def key(index, suite):
    """A subscriber's, or with -1 the publisher's: base64 as SDES has it."""
    return base64.b64encode(bytes((index * 31 + i * 7 + 5) % 256 for i in range(SUITES[suite][1]))).decode()


def urgent(cpu):
    """On that CPU, above other programs."""
    return ["nice", "-n", "-15", "taskset", "-c", cpu]


class Namespace:
    """A namespace with a device that drops and counts what is sent to HOLE."""

    def __init__(self, load):
        self.name, self.load = f"hrpeers{os.getpid()}", load
        self.dir = tempfile.mkdtemp(prefix="headrace-peers.")
        self.counter = "/sys/class/net/hole/statistics/rx_packets"

    def __enter__(self):
        for command in (f"netns add {self.name}", f"-n {self.name} link set lo up",
                        f"-n {self.name} link add hole type ifb",
                        f"-n {self.name} link set hole txqueuelen 0 mtu 1500 up",
                        f"-n {self.name} addr add {IP}/16 dev hole"):
            subprocess.run(["ip", *command.split()], check=True)
        return self

    def __exit__(self, *_):
        subprocess.run(["ip", "netns", "delete", self.name], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    def command(self, cpu, *words):
        return ["ip", "netns", "exec", self.name, *urgent(cpu), *words]


class Peer:
    """A process in the namespace; pid is its own, for ip, nice and taskset exec it."""

    def __init__(self, ns, *words):
        self.ns = ns
        self.log = open(f"{ns.dir}/peer.log", "w")
        self.p = subprocess.Popen(ns.command(PEER_CPU, *words), stdout=self.log, stderr=subprocess.STDOUT)
        self.pid = self.p.pid

    def stop(self):
        self.p.terminate()
        try:
            self.p.wait(5)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
        self.log.close()

    def offer(self, rate, subscribers, seconds, fds=(), **options):
        """A step at so many publisher's packets a second: packets out a second, their loss, CPU ns of each."""
        words = [self.ns.load, "--rate", str(rate), "--seconds", str(seconds), "--pid", str(self.pid), "--counter",
                 self.ns.counter, "--state", f"{self.ns.dir}/state.{self.pid}"]
        for name, value in options.items():
            words += ["--" + name.replace("_", "-"), str(value)]
        out = subprocess.run(self.ns.command(LOAD_CPU, *words), capture_output=True, text=True, pass_fds=fds, check=False)
        if out.returncode:
            raise RuntimeError(f"load: {out.stderr.strip()}")
        r = json.loads(out.stdout)
        got, wanted = r["counted"] + r["verified"], r["sent"] * subscribers
        if r["bad"]:
            raise RuntimeError(f"{r['bad']} packets of the verified subscriber are wrong")
        return {"rate": got / seconds, "loss": 1 - got / wanted, "ns": r["cpu_ns"] / max(got, 1), "verified": r["verified"]}


def climb(peer, subscribers, **options):
    """The most that came out with little loss: from a quarter of what its cost at a low rate promises."""
    first = peer.offer(max(1, 20000 // subscribers), subscribers, CALM, **options)
    rate, best = 0.25e9 / first["ns"] / subscribers, None
    for _ in range(STEPS_MAX):
        got = peer.offer(max(1, int(rate)), subscribers, CALM, **options)
        if got["loss"] >= LOSS:  # once more: it may have been the machine
            got = peer.offer(max(1, int(rate)), subscribers, CALM, **options)
        if got["loss"] >= LOSS:
            break
        best = got
        rate *= STEP
    if not best:
        raise RuntimeError(f"{got['loss']:.2%} lost at {rate:.0f} packets/s already: is the machine busy?")
    return best


# ---- rtpengine: publish and subscribe over its ng protocol, keys by SDES

def bencode(x):
    if isinstance(x, int):
        return b"i%de" % x
    if isinstance(x, str):
        x = x.encode()
    if isinstance(x, bytes):
        return b"%d:%s" % (len(x), x)
    if isinstance(x, list):
        return b"l" + b"".join(map(bencode, x)) + b"e"
    return b"d" + b"".join(bencode(k) + bencode(x[k]) for k in sorted(x)) + b"e"


def bdecode(b, i=0):
    kind = b[i:i + 1]
    if kind == b"i":
        end = b.index(b"e", i)
        return int(b[i + 1:end]), end + 1
    if kind in b"ld":
        items, i = [], i + 1
        while b[i:i + 1] != b"e":
            item, i = bdecode(b, i)
            items.append(item)
        return (items if kind == b"l" else dict(zip([k.decode() for k in items[::2]], items[1::2]))), i + 1
    colon = b.index(b":", i)
    end = colon + 1 + int(b[i:colon])
    return b[colon + 1:end], end


def in_namespace(ns, make):
    """make() with this thread in the namespace: a socket stays where it was made."""
    with open("/proc/self/ns/net") as back, open(f"/run/netns/{ns.name}") as there:
        os_setns(there.fileno())
        try:
            return make()
        finally:
            os_setns(back.fileno())


def os_setns(fd):
    import ctypes
    if ctypes.CDLL(None, use_errno=True).setns(fd, 0):
        raise OSError(ctypes.get_errno(), "setns")


def udp(ns, local=None, to=None):
    def make():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        if local:
            s.bind(local)
        if to:
            s.connect(to)
        s.settimeout(5)
        return s
    return in_namespace(ns, make)


def sdp(ip, port, suite, which, direction, tag="1"):
    return (f"v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=video {port} RTP/SAVP 96\r\n"
            f"a=rtpmap:96 VP8/90000\r\na=crypto:{tag} {SUITES[suite][0]} inline:{key(which, suite)}\r\na={direction}\r\n")


def destination(i):
    """The first subscriber is the load itself."""
    return (IP, SINK_PORT) if i == 0 else (HOLE, FIRST_PORT + 2 * i)


def rtpengine(ns, suite, subscribers):
    peer = Peer(ns, "rtpengine", "-f", "--table=-1", f"--interface={IP}", "--listen-ng=127.0.0.1:2223", "--port-min=30000",
                "--port-max=45000", "--num-threads=1", "--log-level=3", "--log-stderr", "--timeout=600",
                "--silent-timeout=600", f"--pidfile={ns.dir}/rtpengine.pid")
    try:
        time.sleep(1.5)
        control, count = udp(ns, to=("127.0.0.1", 2223)), 0

        def ask(**d):
            nonlocal count
            count += 1
            control.send(b"c%d " % count + bencode({k.replace("_", "-"): v for k, v in d.items()}))
            answer = control.recv(65535)
            answer = bdecode(answer[answer.index(b" ") + 1:])[0]
            if answer.get("result") != b"ok":
                raise RuntimeError(f"rtpengine: {answer}")
            return answer

        call = dict(call_id="bench", from_tag="publisher", ICE="remove")
        answer = ask(command="publish", sdp=sdp(IP, PUBLISHER_PORT, suite, -1, "sendonly"), flags=["trust-address"],
                     codec={"accept": ["any"]}, **call)["sdp"].decode()
        port, sink_key = int(re.search(r"m=video (\d+)", answer).group(1)), None
        for i in range(subscribers):
            r = ask(command="subscribe request", transport_protocol="RTP/SAVP", SDES=["only-" + SUITES[suite][0]], **call)
            crypto = re.search(r"a=crypto:(\d+) \S+ inline:(\S+)", r["sdp"].decode())
            bare = crypto.group(2).split("|")[0].rstrip("=")
            sink_key = sink_key or bare + "=" * (-len(bare) % 4)
            ask(command="subscribe answer", call_id="bench", to_tag=r["to-tag"], ICE="remove", flags=["trust-address"],
                sdp=sdp(*destination(i), suite, i, "recvonly", crypto.group(1)))
        return climb(peer, subscribers, to=f"{IP}:{port}", **{"from": f"{IP}:{PUBLISHER_PORT}"}, suite=suite,
                     key=key(-1, suite), sink=f"{IP}:{SINK_PORT}", sink_suite=suite, sink_key=sink_key)
    finally:
        peer.stop()


# ---- coturn: one client, one peer, ChannelData

def turn(s, kind, *attributes):
    body = b"".join(struct.pack("!HH", a, len(v)) + v + b"\0" * (-len(v) % 4) for a, v in attributes)
    s.send(struct.pack("!HHI", kind, len(body), 0x2112A442) + os.urandom(12) + body)
    answer = s.recv(2000)
    if struct.unpack("!H", answer[:2])[0] != kind | 0x100:
        raise RuntimeError(f"coturn refused request {kind:#x}")


def coturn(ns, _suite, _subscribers):
    peer = Peer(ns, "turnserver", "-n", "-z", "-L", IP, "-E", IP, "-p", "3478", "--no-tls", "--no-dtls", "--no-cli", "-m", "1",
                "--log-file=stdout", f"--pidfile={ns.dir}/turn.pid", "--min-port=49152", "--max-port=50000", "-r", "bench")
    try:
        time.sleep(1.5)
        s = udp(ns, (IP, PUBLISHER_PORT), (IP, 3478))
        to = struct.pack("!BBH", 0, 1, FIRST_PORT ^ 0x2112) + bytes(
            a ^ b for a, b in zip(socket.inet_aton(HOLE), b"\x21\x12\xA4\x42"))
        turn(s, 0x0003, (0x0019, b"\x11\0\0\0"))  # Allocate, UDP
        turn(s, 0x0009, (0x000C, b"\x40\0\0\0"), (0x0012, to))  # ChannelBind
        return climb(peer, 1, fds=(s.fileno(),), fd=s.fileno(), to=f"{IP}:3478", prefix="40000000")
    finally:
        peer.stop()


# ---- janus: VideoRoom with rtp_forward; in a process of its own, whose namespace is the peers'

def janus(ns, _suite, subscribers):
    """In a process of its own: its WebRTC publisher (aiortc) must be in the namespace with all its threads."""
    words = ns.command(LOAD_CPU, sys.executable, os.path.join(os.path.dirname(__file__), "janus.py"), ns.name, ns.load,
                       ns.dir, str(subscribers))
    out = subprocess.run(words, capture_output=True, text=True, check=False)
    if out.returncode:
        raise RuntimeError(f"janus: {out.stderr.strip()[-600:]}")
    return json.loads(out.stdout.splitlines()[-1])


PEERS = {"rtpengine": (rtpengine, ("gcm", "sha1")), "janus": (janus, ("sha1",)), "coturn": (coturn, ("none",))}


def attempt(run, ns, suite, subscribers):
    """A climb; another where the machine spoiled it: rtpengine for one gives a stream up after a pause."""
    for left in range(TRIES, 0, -1):
        try:
            return run(ns, suite, subscribers)
        except RuntimeError as error:
            if left == 1:
                raise
            print(f"again: {error}", file=sys.stderr)


def measure(ns, name, subscribers, reps):
    """Rows of one peer: the best of its climbs."""
    run, suites = PEERS[name]
    rows = []
    for suite in suites:
        climbs = []
        for i in range(reps):
            got = attempt(run, ns, suite, subscribers)
            print(f"{name} {suite} {i + 1}/{reps}: {got['rate']:,.0f} packets/s, {got['ns'] / 1000:.2f} us, "
                  f"{got['loss']:.4%} lost, {got['verified']} verified", file=sys.stderr)
            climbs.append(got)
        best = max(climbs, key=lambda c: c["rate"])
        rows.append({"name": name, "suite": suite, "rate": best["rate"], "cpu_us": best["ns"] / 1000,
                     "climbs": [c["rate"] for c in climbs], "note": "one receiver" if name == "coturn" else ""})
    return rows
