"""A call that goes on until SIGTERM: one aiortc client publishes by WHIP, another receives by WHEP.

What the viewer has decoded stands in the state file, as JSON, four times a second. With --addresses both
clients are behind a NAT that takes another outer port, at the next of these addresses, on SIGUSR1.
"""
import argparse
import asyncio
import json
import os
import re
import signal
import sys

from whip import Publisher, Viewer

RELAY = ("198.18.0.2", 10000)


class Inner(asyncio.DatagramProtocol):
    """The NAT's side towards the clients; it makes one outer socket for each of them."""

    def __init__(self, addresses):
        self.addresses, self.step, self.outer = addresses, 0, {}

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, client):
        if client not in self.outer:
            self.outer[client] = asyncio.ensure_future(self.open(client))
        if self.outer[client].done():
            self.outer[client].result().sendto(data, RELAY)

    async def open(self, client):
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: Outer(self.transport, client), local_addr=(self.addresses[self.step], 0))
        return transport

    def move(self):
        self.step = min(self.step + 1, len(self.addresses) - 1)
        for task in self.outer.values():
            if task.done():
                task.result().close()
        self.outer = {}


class Outer(asyncio.DatagramProtocol):
    def __init__(self, inner, client):
        self.inner, self.client = inner, client

    def datagram_received(self, data, _):
        self.inner.sendto(data, self.client)


async def nat(addresses):
    """A patch for answers that leads the client to the NAT instead of the relay."""
    loop = asyncio.get_running_loop()
    transport, inner = await loop.create_datagram_endpoint(
        lambda: Inner(addresses), local_addr=(addresses[0], 0))
    loop.add_signal_handler(signal.SIGUSR1, inner.move)
    address, port = transport.get_extra_info("sockname")
    return lambda sdp: only("4")(sdp).replace(f"{RELAY[0]} {RELAY[1]} ", f"{address} {port} ")


def only(family):
    """A patch for answers that leaves the candidates of IPv4, or of IPv6."""
    def patch(sdp):
        return "\r\n".join(line for line in sdp.split("\r\n") if not line.startswith("a=candidate:")
                           or (":" in line.split()[4]) == (family == "6"))
    return patch


async def main(arguments):
    done = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, done.set)
    patches = {}
    if arguments.addresses:
        patches["patch_answer"] = await nat(arguments.addresses.split(","))
    elif arguments.family:
        patches["patch_answer"] = only(arguments.family)
    publisher = Publisher(arguments.http, arguments.room, "source", **patches)
    viewer = Viewer(arguments.http, arguments.room, "source", **patches)
    try:
        await publisher.start()
        await publisher.connected()
        await viewer.start()
        while not done.is_set():
            write(arguments.state, publisher, viewer, await lost(viewer))
            await asyncio.wait([asyncio.ensure_future(done.wait())], timeout=0.25)
    finally:
        statuses = [await viewer.stop(), await publisher.stop()]
    return 0 if statuses == [200, 200] else 1


async def lost(viewer):
    """Packets that the viewer has missed, by its own count."""
    stats = await viewer.pc.getStats()
    return sum(s.packetsLost for s in stats.values() if s.type == "inbound-rtp")


def write(path, publisher, viewer, missed):
    state = {
        "frames": viewer.frames, "samples": viewer.samples, "energy": viewer.energy, "lost": missed,
        "publisher": publisher.pc.connectionState, "viewer": viewer.pc.connectionState,
        "username": ":".join(re.search(r"a=ice-ufrag:(\S+)", sdp)[1] for sdp in (
            publisher.answer, publisher.pc.localDescription.sdp)),
        "location": publisher.location,
    }
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump(state, file)
    os.replace(f"{path}.new", path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--http", required=True)
    parser.add_argument("--room", required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("--addresses")
    parser.add_argument("--family", choices=["4", "6"])
    sys.exit(asyncio.run(main(parser.parse_args())))
