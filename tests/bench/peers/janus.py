"""Janus VideoRoom with rtp_forward, SRTP to every destination. Run by peers.py inside the namespace.

The publisher is a real WebRTC client: aiortc does ICE and DTLS, then its socket and SRTP key are the load's.
usage: janus.py NAMESPACE LOAD DIR SUBSCRIBERS; prints one JSON line
"""
import asyncio
import base64
import json
import os
import random
import re
import sys
import urllib.request

import aioice.ice
import aiortc.rtcdtlstransport as dtls
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription

import peers

LIB = "/usr/lib/x86_64-linux-gnu/janus"
URL = "http://127.0.0.1:8088/janus"
ROOM = 1234
aioice.ice.CONSENT_INTERVAL = 100000  # the load has the socket


class Session(dtls.Session):
    """Remembers the key that an SRTP session is made with."""

    def __init__(self, policy=None):
        super().__init__(policy)
        self.bench_key = bytes(policy.key) if policy else None


dtls.Session = Session


class Silent(MediaStreamTrack):
    kind = "video"

    async def recv(self):
        await asyncio.Event().wait()


class Here(peers.Namespace):
    """The namespace that this process is in already."""

    def __init__(self, name, load, directory):
        self.name, self.load, self.dir = name, load, directory
        self.counter = "/sys/class/net/hole/statistics/rx_packets"

    def command(self, cpu, *words):
        return [*peers.urgent(cpu), *words]


def configure(directory):
    for kind, lib in (("plugins", "libjanus_videoroom.so"), ("transports", "libjanus_http.so")):
        os.makedirs(f"{directory}/{kind}", exist_ok=True)
        if not os.path.exists(f"{directory}/{kind}/{lib}"):
            os.symlink(f"{LIB}/{kind}/{lib}", f"{directory}/{kind}/{lib}")
    os.makedirs(f"{directory}/none", exist_ok=True)
    files = {
        "janus": f'''general: {{ configs_folder = "{directory}" plugins_folder = "{directory}/plugins"
  transports_folder = "{directory}/transports" events_folder = "{directory}/none" loggers_folder = "{directory}/none"
  debug_level = 3 session_timeout = 0 }}
nat: {{ ice_enforce_list = "{peers.IP}" full_trickle = false ignore_mdns = true }}
media: {{ rtp_port_range = "30000-45000" }}''',
        "janus.transport.http": 'general: { json = "compact" base_path = "/janus" http = true port = 8088 ip = "127.0.0.1" '
                                "https = false }\nadmin: { admin_http = false }",
        "janus.plugin.videoroom": "general: { }",
    }
    for name, text in files.items():
        with open(f"{directory}/{name}.jcfg", "w") as f:
            f.write(text + "\n")


def post(path, **body):
    body["transaction"] = f"t{random.randrange(1 << 30)}"
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    answer = json.loads(urllib.request.urlopen(request, timeout=10).read())
    if answer.get("janus") == "error":
        raise RuntimeError(f"janus: {answer}")
    return answer


class Handle:
    def __init__(self):
        self.session = post("", janus="create")["data"]["id"]
        attach = post(f"/{self.session}", janus="attach", plugin="janus.plugin.videoroom")
        self.path = f"/{self.session}/{attach['data']['id']}"

    def ask(self, jsep=None, **body):
        return post(self.path, janus="message", body=body, **({"jsep": jsep} if jsep else {}))

    def event(self, want):
        for _ in range(20):
            e = json.loads(urllib.request.urlopen(f"{URL}/{self.session}?maxev=1", timeout=40).read())
            e = e[0] if isinstance(e, list) else e
            if e.get("janus") != "event":
                continue
            data = e["plugindata"]["data"]
            if "error" in data:
                raise RuntimeError(f"janus: {data}")
            if want in data or want in e:
                return data, e.get("jsep")
        raise RuntimeError("janus: no event")


async def thread(call, *args, **named):
    return await asyncio.get_event_loop().run_in_executor(None, lambda: call(*args, **named))


async def publish(h, pc):
    """Joins and connects: the publisher's id, and its answer."""
    await thread(h.ask, request="create", room=ROOM, publishers=2, videocodec="vp8", fir_freq=0, notify_joining=False)
    await thread(h.ask, request="join", ptype="publisher", room=ROOM)
    data, _ = await thread(h.event, "id")
    await pc.setLocalDescription(await pc.createOffer())
    await thread(h.ask, jsep={"type": "offer", "sdp": pc.localDescription.sdp}, request="configure", audio=False, video=True)
    _, jsep = await thread(h.event, "jsep")
    await pc.setRemoteDescription(RTCSessionDescription(jsep["sdp"], jsep["type"]))
    for _ in range(200):
        if pc.connectionState == "connected":
            return data["id"], jsep["sdp"]
        await asyncio.sleep(0.05)
    raise RuntimeError(f"janus: the publisher is {pc.connectionState}")


async def run(ns, subscribers):
    configure(ns.dir)
    peer = peers.Peer(ns, "janus", "-F", ns.dir)
    pc = RTCPeerConnection()
    try:
        await asyncio.sleep(2)
        h = await thread(Handle)
        sender = pc.addTrack(Silent())
        publisher, answer = await publish(h, pc)
        for i in range(subscribers):
            host, port = peers.destination(i)
            stream = {"mid": "0", "host": host, "port": port}
            await thread(h.ask, request="rtp_forward", room=ROOM, publisher_id=publisher, host=host, host_family="ipv4",
                         srtp_suite=80, srtp_crypto=peers.key(i, "sha1"), streams=[stream])
        transport = pc.getTransceivers()[0].receiver.transport
        pair = transport.transport._connection._nominated[1]
        fd = pair.protocol.transport.get_extra_info("socket").fileno()
        to = f"{pair.remote_addr[0]}:{pair.remote_addr[1]}"
        return await thread(
            peers.climb, peer, subscribers, fds=(fd,), fd=fd, to=to, suite="sha1",
            key=base64.b64encode(transport._tx_srtp.bench_key).decode(), ssrc=sender._ssrc,
            type=re.search(r"m=video \d+ \S+ (\d+)", answer).group(1), sink=f"{peers.IP}:{peers.SINK_PORT}",
            sink_suite="sha1", sink_key=peers.key(0, "sha1"))
    finally:
        peer.stop()
        try:
            await asyncio.wait_for(pc.close(), 2)
        except asyncio.TimeoutError:
            pass


if __name__ == "__main__":
    name, load, directory, count = sys.argv[1:]
    print(json.dumps(asyncio.run(run(Here(name, load, directory), int(count)))))
