"""Many who may speak, each an aiortc publisher by WHIP: speakers.py HTTP ROOM COUNT, until end of input.

A line of input with numbers (1..COUNT) says who speaks from then on: the first one, while the others rustle with
paper, which is loud but no speech. Everybody else has a quiet microphone. Each is answered with "NUMBER TIME", ms since 1970 when the first
word left. speakers.py --wav FILE writes such a voice, for a browser's microphone.
"""
import asyncio
import fractions
import math
import os
import random
import struct
import sys
import time
import wave

from av import AudioFrame

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../net"))
from aiortc import MediaStreamTrack, rtp  # noqa: E402
from whip import Session  # noqa: E402

RATE, SAMPLES = 48000, 960
QUIET, RUSTLE, SPEECH = -70, -56, -24  # dBov
SYLLABLE, PAUSE = 9, 4  # frames of 20 ms: about four syllables a second
JITTER = 3  # dB


def noise(level):
    """A frame whose energy is that, in dBov."""
    peak = int(32767 * 10 ** (level / 20) * math.sqrt(3))
    return struct.pack(f"<{SAMPLES}h", *(random.randint(-peak, peak) for _ in range(SAMPLES)))


FRAMES = {level: noise(level) for level in range(QUIET - JITTER, SPEECH + JITTER + 1)}
LEVELS = {data[:32]: level for level, data in FRAMES.items()}


def level_of(frame):
    """What aiortc would find sample by sample: twenty voices leave no time for that."""
    return LEVELS[bytes(frame.planes[0])[:32]]


rtp.compute_audio_level_dbov = level_of


class Voice(MediaStreamTrack):
    kind = "audio"

    def __init__(self, beat):
        super().__init__()
        self.start, self.count, self.level, self.said = None, 0, QUIET, None
        self.beat = beat  # not all voices in step

    def speak(self, level, said=None):
        self.level, self.said = level, said

    async def recv(self):
        self.start = self.start or time.monotonic()
        await asyncio.sleep(max(0, self.start + self.count / 50 - time.monotonic()))
        between = (self.count + self.beat) % (SYLLABLE + PAUSE) >= SYLLABLE
        level = (QUIET if between else self.level) + random.randint(-JITTER, JITTER)
        if self.said and not between:
            self.said()
            self.said = None
        frame = AudioFrame(format="s16", layout="mono", samples=SAMPLES)
        frame.planes[0].update(FRAMES[level])
        frame.sample_rate, frame.pts = RATE, self.count * SAMPLES
        frame.time_base = fractions.Fraction(1, RATE)
        self.count += 1
        return frame


class Speaker(Session):
    def __init__(self, base, room, number):
        super().__init__(f"{base}/whip/{room}/Speaker-{number}")
        self.voice = Voice(5 * number)
        self.pc.addTrack(self.voice)


def obey(speakers, line):
    numbers = [int(word) for word in line.split()]
    for number, speaker in enumerate(speakers, 1):
        if number not in numbers:
            speaker.voice.speak(QUIET)
    for number in numbers[1:]:
        speakers[number - 1].voice.speak(RUSTLE)
    for number in numbers[:1]:
        speakers[number - 1].voice.speak(
            SPEECH, lambda: print(number, int(time.time() * 1000), flush=True))


async def main(base, room, count):
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    speakers = [Speaker(base, room, number) for number in range(1, int(count) + 1)]
    for speaker in speakers:
        await speaker.start()
        await speaker.connected()
    print("ready", flush=True)
    while line := await lines.readline():
        obey(speakers, line.decode())
    codes = [await speaker.stop() for speaker in speakers]
    return 0 if codes == [200] * len(codes) else 1


def voice_wav(path, rate=16000, seconds=6):
    """Harmonics of a voice's pitch that rises and falls, in syllables: not taken for noise by a browser."""
    out, phase = [], 0.0
    for n in range(rate * seconds):
        t = n / rate
        phase += (130 + 25 * math.sin(2 * math.pi * 0.7 * t)) / rate
        syllable = max(0.0, math.sin(2 * math.pi * 2 * t)) ** 0.5
        tone = sum(math.sin(2 * math.pi * k * phase) / k for k in range(1, 16))
        out.append(int(9000 * syllable * tone))
    with wave.open(path, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(struct.pack(f"<{len(out)}h", *out))


if sys.argv[1] == "--wav":
    voice_wav(sys.argv[2])
else:
    sys.exit(asyncio.run(main(*sys.argv[1:4])))
