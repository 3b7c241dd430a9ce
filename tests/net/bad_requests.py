"""Requests and messages that the control plane must refuse, and say why. bad_requests.py HTTP"""
import asyncio
import json
import sys

import aiohttp
from aiohttp import WSMsgType
from yarl import URL

from offers import GOOD
from whip import Publisher

problems = []


def check(ok, what, got):
    print(f"{'ok' if ok else 'PROBLEM'}: {what}: {str(got)[:150]}")
    if not ok:
        problems.append(what)


class Member:
    """A WebSocket in a room; hears until the type wanted, or the end."""

    def __init__(self, http, room):
        self.url = f"{http}/api/rooms/{room}/signal"

    async def __aenter__(self):
        self.session = aiohttp.ClientSession()
        self.ws = await self.session.ws_connect(self.url, protocols=("headrace.1",), max_msg_size=0)
        return self

    async def __aexit__(self, *_):
        if not self.ws.closed:
            await self.ws.send_str('{"type":"leave"}')
            await self.ws.close()
        await self.session.close()

    async def ask(self, message, wanted="error"):
        await self.ws.send_str(message if isinstance(message, str) else json.dumps(message))
        return await self.hear(wanted)

    async def hear(self, wanted):
        while True:
            message = await self.ws.receive(timeout=10)
            if message.type != WSMsgType.TEXT:
                return {"type": "end", "ws": message.type.name, "code": self.ws.close_code}
            value = json.loads(message.data)
            if value["type"] == wanted:
                return value


async def refused(http, what, message, code, joined=True):
    async with Member(http, "odd") as member:
        if joined:
            await member.ask({"type": "join", "name": "Odd"}, "joined")
        answer = await member.ask(message)
        check(answer.get("code") == code and answer.get("text"), what, answer)
        if answer["type"] == "error" and not answer.get("fatal"):
            kind = ("ping", "pong") if joined else ("join", "joined")
            again = await member.ask({"type": kind[0], "name": "Odd"}, kind[1])
            check(again["type"] == kind[1], f"{what}: the connection lives on", again["type"])


async def messages(http):
    bad = "bad_message"
    await refused(http, "an offer before join", {"type": "offer", "sdp": GOOD}, "bad_state", joined=False)
    await refused(http, "no JSON", "{not json", bad, joined=False)
    for what, message in {
        "no JSON": "hello", "cut off JSON": '{"type":"chat","text":"', "an array": "[]", "a number": "7", "no type": "{}",
        "a type that is a number": '{"type":7}', "an unknown type": '{"type":"dance"}', "not UTF-8 escapes": '{"type":"chat","text":"\\ud800"}',
        "deep nesting": "[" * 20000, "chat without text": '{"type":"chat"}', "chat that is too long": {"type": "chat", "text": "x" * 4001},
        "an SDP that is a number": '{"type":"offer","sdp":1}', "hand that is a word": '{"type":"update","hand":"up"}',
        "a name that is too long": {"type": "update", "name": "n" * 5000},
        "an avatar with a script": {"type": "update", "avatar": "javascript:alert(1)"},
        "an avatar of 40 kB": {"type": "update", "avatar": "data:image/png;base64," + "A" * 40000},
        "sources that are no list": {"type": "offer", "sdp": GOOD, "sources": 5},
        "subscriptions that are no objects": {"type": "offer", "sdp": GOOD, "subscriptions": [1]},
        "mute of no source": {"type": "source", "muted": True},
    }.items():
        await refused(http, what, message, bad)
    await refused(http, "a second join", {"type": "join", "name": "again"}, "bad_state")
    for what, sdp in {
        "an SDP of garbage": "garbage", "an empty SDP": "", "an SDP without sections": "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n",
        "an SDP without credentials": GOOD.replace("a=ice-pwd:abcdefghijklmnopqrstuvwx\n", ""),
        "an SDP with a short password": GOOD.replace("abcdefghijklmnopqrstuvwx", "short"),
        "an SDP with a broken fingerprint": GOOD.replace("a=fingerprint:sha-256 00:", "a=fingerprint:sha-256 0:"),
        "an SDP without DTLS": GOOD.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"),
        "an SDP of 4,000 sections": GOOD + GOOD[GOOD.index("m=video"):] * 300,
    }.items():
        await refused(http, what, {"type": "offer", "sdp": sdp.replace("\n", "\r\n")}, "bad_sdp")
    view = GOOD.replace("sendonly", "recvonly").replace("\n", "\r\n")
    await refused(http, "a source that is not there",
                  {"type": "offer", "sdp": view, "subscriptions": [{"mid": "1", "source": "s999999"}]}, "unknown_source")


async def floods(http):
    async with Member(http, "odd") as member:
        await member.ask({"type": "join", "name": "Fast"}, "joined")
        for _ in range(300):
            await member.ws.send_str('{"type":"ping"}')
        answer = await member.hear("error")
        check(answer.get("code") == "rate_limited", "300 messages at once", answer)
    async with Member(http, "odd") as member:
        answer = await member.ask('{"type":"join","name":"' + "x" * 300000 + '"}')
        check(answer.get("code") == "bad_message" or answer["type"] == "end", "a message of 300 kB", answer)
    async with Member(http, "odd") as member:
        await member.ws.send_bytes(bytes(range(256)) * 100)
        answer = await member.hear("error")
        check(answer.get("code") == "bad_message" or answer["type"] == "end", "a binary message", answer)


ODD_ROOMS = ("a%20b", "a%2fb", "%2e%2e", "%c3%a4", "x" * 65, "api", "WHIP", "metrics", "a%0d%0aX:y", "%3Cscript%3E", "a;b", "a@b")
NO_URLS = ("a%00b", "%", "%zz")  # the HTTP parser itself may hang up on these


async def answered(request):
    """The status, and the text; 0 when the server hung up."""
    try:
        async with request as response:
            return response.status, await response.text()
    except aiohttp.WSServerHandshakeError as error:
        return error.status, ""
    except aiohttp.ServerDisconnectedError:
        return 0, ""


async def rooms(http):
    async with aiohttp.ClientSession() as session:
        for room in ODD_ROOMS + NO_URLS:
            wanted = (400, 404, 405) if room in ODD_ROOMS else (0, 400, 403, 404, 405)
            upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                       "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "headrace.1"}
            url = URL(f"{http}/api/rooms/{room}/signal", encoded=True)
            status, text = await answered(session.get(url, headers=upgrade))
            check(status in wanted, f"room {room}", f"{status} {text}")
            status, text = await answered(session.post(URL(f"{http}/whip/{room}/cam", encoded=True), data=GOOD,
                                                       headers={"Content-Type": "application/sdp"}))
            check(status in wanted, f"WHIP room {room}", f"{status} {text}")
        for path in ("/../../etc/passwd", "/assets/../../../../etc/passwd", "/assets/%2e%2e/%2e%2e/meson.build", "/" + "a" * 3000):
            status, text = await answered(session.get(URL(http + path, encoded=True)))
            # What is left of a path without its dots may well be the page of a room.
            inside = status == 200 and text.startswith("<!doctype html>") and path.endswith("meson.build")
            check(status in (400, 403, 404, 414) and "root:" not in text or inside, path[:40], status)


async def raw(http):
    """HTTP that no client library sends."""
    port = int(http.rsplit(":", 1)[1])
    for what, data in {
        "garbage": bytes(range(256)) * 8, "an endless header": b"GET / HTTP/1.1\r\nX: " + b"y" * 100000 + b"\r\n\r\n",
        "a negative length": b"POST /whip/a/b HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\nContent-Length: -5\r\n\r\n",
        "a huge length": b"POST /whip/a/b HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\nContent-Length: 99999999999\r\n\r\nv=0",
    }.items():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(data)
            await writer.drain()
            writer.write_eof()
            head = await asyncio.wait_for(reader.read(200), 10)
        except OSError as error:
            head = repr(error).encode()
        check(not head.startswith(b"HTTP/1.1 2"), f"HTTP: {what}", head[:40])
        writer.close()


async def wrong_fingerprint(http):
    def other(sdp):
        lines = sdp.split("\r\n")
        return "\r\n".join("a=fingerprint:sha-256 " + ":".join(["AB"] * 32) if line.startswith("a=fingerprint:sha-256")
                           else line for line in lines if not line.startswith(("a=fingerprint:sha-384", "a=fingerprint:sha-512")))
    publisher = Publisher(http, "odd", "liar", patch_offer=other)
    await publisher.start()
    try:
        await publisher.connected(15)
        await asyncio.sleep(1)
        check(publisher.pc.connectionState != "connected", "a wrong fingerprint", publisher.pc.connectionState)
    except RuntimeError as error:
        check(True, "a wrong fingerprint", error)
    await publisher.stop()


async def main(http):
    await messages(http)
    await floods(http)
    await rooms(http)
    await raw(http)
    await wrong_fingerprint(http)
    return 1 if problems else 0


sys.exit(asyncio.run(main(sys.argv[1])))
