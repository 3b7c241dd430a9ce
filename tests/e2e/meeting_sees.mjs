// One Chromium in the meeting page, until SIGUSR2, if the others there are seen and heard.
// node meeting_sees.mjs URL ROOM NAME STREAMS: prints "seen" once so many videos and as many sounds arrive.
import { figures, openChromium, until } from './browsers.mjs';

const [base, room, name, streams] = process.argv.slice(2);
const browser = await openChromium(name);
let code = 1;

const moving = (list, was, field) => list.filter((s) => s[field] > (was.find((w) => w.ssrc === s.ssrc)?.[field] ?? 0));

try {
    await browser.goto(`${base}/${room}?name=${name}&autojoin=1&q=360`);
    const first = await until('connected', 40, () => browser.evaluate(figures), (f) => f?.state === 'connected');
    const last = await until(`${streams} videos and sounds`, 40, () => browser.evaluate(figures), (f) =>
        moving(f.video, first.video, 'frames').length >= Number(streams) &&
        moving(f.audio, first.audio, 'energy').length >= Number(streams));
    console.log(`seen ${JSON.stringify({ video: last.video, audio: last.audio, srtp: last.srtp })}`);
    code = last.srtp.endsWith('AEAD_AES_128_GCM') ? 0 : 1;
    const stopped = new Promise((resolve) => process.once('SIGUSR2', resolve));
    const before = last.video.reduce((sum, v) => sum + v.frames, 0);
    await stopped;
    const after = (await browser.evaluate(figures)).video.reduce((sum, v) => sum + v.frames, 0);
    console.log(`${after - before} more frames until the end`);
} catch (error) {
    console.log(`${error.stack}\n  ${browser.log.slice(-15).join('\n  ')}`);
    code = 1;
}
await browser.close();
process.exit(code);
