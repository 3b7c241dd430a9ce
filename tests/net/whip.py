"""WHIP and WHEP clients on aiortc (Debian's python3-aiortc, so run by /usr/bin/python3)."""
import asyncio
import fractions
import math
import struct
import time
from urllib.parse import urljoin

import aiohttp
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

SDP = "application/sdp"


class Picture(MediaStreamTrack):
    """A diagonal pattern that moves, so that no two frames are alike."""

    kind = "video"

    def __init__(self, width=320, height=240, fps=15):
        super().__init__()
        self.width, self.height, self.fps = width, height, fps
        self.start, self.count = None, 0
        self.ramp = bytes((i * 3) & 0xFF for i in range(256)) * (width // 256 + 3)

    async def recv(self):
        self.start = self.start or time.monotonic()
        await asyncio.sleep(max(0, self.start + self.count / self.fps - time.monotonic()))
        frame = VideoFrame(self.width, self.height, "yuv420p")
        for plane, base in zip(frame.planes, (self.ramp, bytes([110]), bytes([150]))):
            row = plane.line_size
            if len(base) == 1:
                plane.update(base * plane.buffer_size)
            else:
                rows = [base[(y + 2 * self.count) % 256:][:row] for y in range(plane.height)]
                plane.update(b"".join(rows).ljust(plane.buffer_size, b"\0"))
        frame.pts, frame.time_base = self.count * 90000 // self.fps, fractions.Fraction(1, 90000)
        self.count += 1
        return frame


class Tone(MediaStreamTrack):
    """440 Hz, 20 ms a frame."""

    kind = "audio"

    def __init__(self):
        super().__init__()
        self.start, self.count = None, 0
        wave = [int(9000 * math.sin(2 * math.pi * 440 * n / 48000)) for n in range(4800)]
        data = struct.pack("<4800h", *wave)  # 100 ms: 44 whole periods
        self.parts = [data[i:i + 1920] for i in range(0, 9600, 1920)]

    async def recv(self):
        self.start = self.start or time.monotonic()
        await asyncio.sleep(max(0, self.start + self.count / 50 - time.monotonic()))
        frame = AudioFrame(format="s16", layout="mono", samples=960)
        frame.planes[0].update(self.parts[self.count % 5])
        frame.sample_rate, frame.pts = 48000, self.count * 960
        frame.time_base = fractions.Fraction(1, 48000)
        self.count += 1
        return frame


class Session:
    """One WHIP or WHEP session. The patches, if any, change the SDP on its way."""

    def __init__(self, endpoint, patch_offer=None, patch_answer=None):
        self.endpoint = endpoint
        self.patch_offer = patch_offer or (lambda sdp: sdp)
        self.patch_answer = patch_answer or (lambda sdp: sdp)
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.location = self.etag = self.answer = None

    async def start(self):
        await self.pc.setLocalDescription(await self.pc.createOffer())
        offer = self.patch_offer(self.pc.localDescription.sdp)
        async with aiohttp.ClientSession() as http:
            async with http.post(self.endpoint, data=offer, headers={"Content-Type": SDP}) as response:
                self.answer = await response.text()
                if response.status != 201:
                    raise RuntimeError(f"POST {self.endpoint}: {response.status} {self.answer}")
                self.location = urljoin(self.endpoint, response.headers["Location"])
                self.etag = response.headers["ETag"]
        await self.pc.setRemoteDescription(
            RTCSessionDescription(self.patch_answer(self.answer), "answer"))

    async def connected(self, seconds=20):
        end = time.monotonic() + seconds
        while self.pc.connectionState != "connected":
            if time.monotonic() > end or self.pc.connectionState in ("failed", "closed"):
                raise RuntimeError(f"{self.endpoint}: still {self.pc.connectionState}")
            await asyncio.sleep(0.05)

    async def stop(self):
        status = None
        if self.location:
            async with aiohttp.ClientSession() as http:
                async with http.delete(self.location) as response:
                    status = response.status
        await self.pc.close()
        return status


class Publisher(Session):
    def __init__(self, base, room, name, picture=None, **patches):
        super().__init__(f"{base}/whip/{room}/{name}", **patches)
        self.pc.addTrack(picture or Picture())
        self.pc.addTrack(Tone())


class Viewer(Session):
    def __init__(self, base, room, name, **patches):
        super().__init__(f"{base}/whep/{room}/{name}", **patches)
        self.frames = self.samples = self.energy = self.width = self.height = 0
        self.pc.addTransceiver("video", direction="recvonly")
        self.pc.addTransceiver("audio", direction="recvonly")
        self.tasks = []
        self.pc.on("track", lambda track: self.tasks.append(asyncio.ensure_future(self.take(track))))

    async def take(self, track):
        try:
            while True:
                frame = await track.recv()
                if track.kind == "video":
                    self.frames += 1
                    self.width, self.height = frame.width, frame.height
                else:
                    data = bytes(frame.planes[0])[:256]
                    self.samples += frame.samples
                    self.energy += sum(v * v for v in struct.unpack(f"<{len(data) // 2}h", data))
        except MediaStreamError:
            pass
