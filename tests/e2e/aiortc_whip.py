"""Publishes generated video and audio by WHIP until SIGTERM, then ends the session. aiortc_whip.py HTTP ROOM NAME"""
import asyncio
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../net"))
from whip import Picture, Publisher  # noqa: E402


async def main(http, room, name):
    done = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
    publisher = Publisher(http, room, name, picture=Picture(640, 360, 15))
    await publisher.start()
    await publisher.connected()
    print(f"publishes at {publisher.location}", flush=True)
    await done.wait()
    return 0 if await publisher.stop() == 200 else 1


sys.exit(asyncio.run(main(*sys.argv[1:4])))
