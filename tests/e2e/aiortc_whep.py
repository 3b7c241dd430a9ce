"""Receives by WHEP until 100 frames are decoded and a tone is heard. aiortc_whep.py HTTP ROOM NAME [FRAMES]"""
import asyncio
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../net"))
from whip import Viewer  # noqa: E402

LIMIT_S = 60


async def main(http, room, name, frames="100"):
    viewer = Viewer(http, room, name)
    end = time.monotonic() + LIMIT_S
    await viewer.start()
    while viewer.frames < int(frames) or viewer.energy == 0:
        if time.monotonic() > end:
            break
        await asyncio.sleep(0.1)
    print(f"{viewer.frames} frames of {viewer.width}x{viewer.height}, {viewer.samples} samples "
          f"{'with' if viewer.energy else 'without'} sound, {viewer.pc.connectionState}")
    complete = viewer.frames >= int(frames) and viewer.energy > 0
    return 0 if await viewer.stop() == 200 and complete else 1


sys.exit(asyncio.run(main(*sys.argv[1:5])))
