// One publishes a camera in layers within one stream; two receive it, each behind a link of its own. When one link
// becomes slow its receiver gets fewer layers, without a key frame; the other does not notice.
// node svc_net.mjs URL TAG LINK_PROGRAM LINK_SOCKET CODEC MODE
// Sizes and frame rates are compared between the two: two busy cores decide how much there is of them.
import { execFileSync } from 'node:child_process';
import { figures, openChromium, sleep, until } from './browsers.mjs';

const [base, tag, link, socket, codec, mode] = process.argv.slice(2);
const spatial = !mode.startsWith('L1');
const BOTH = 3_000_000;
const SLOW = Number(process.env.SLOW ?? (spatial ? 200_000 : 150_000));
const problems = [];
const expect = (ok, text) => ok || problems.push(text);
const started = Date.now();
const say = (text) => console.log(`${((Date.now() - started) / 1000).toFixed(1)} s: ${text}`);

function limit(name, rate) {
    execFileSync(link, ['--say', socket, 'set', name, 'down', 'rate', String(rate), 'queue', '1000']);
    say(`${name}: ${rate / 1000} kbit/s`);
}

// Runs in the page before its own scripts: what it publishes has this codec and these layers.
function publishInLayers({ codec, mode }) {
    const add = RTCPeerConnection.prototype.addTransceiver;
    RTCPeerConnection.prototype.addTransceiver = function (what, init) {
        const kind = typeof what === 'string' ? what : what.kind;
        if (kind !== 'video' || init?.direction !== 'sendonly') {
            return add.call(this, what, init);
        }
        const all = RTCRtpSender.getCapabilities('video').codecs;
        const ours = all.filter((c) => c.mimeType === `video/${codec}`);
        const sendEncodings = [{ maxBitrate: 700_000, scalabilityMode: mode }];
        const transceiver = add.call(this, what, { ...init, sendEncodings });
        transceiver.setCodecPreferences([...ours, ...all.filter((c) => c.mimeType === 'video/rtx')]);
        return transceiver;
    };
}

const newest = (list) => [...list].sort((a, b) => b.packets - a.packets)[0] ?? { frames: 0 };
const look = async (b) => ({ time: Date.now(), ...newest((await b.evaluate(figures))?.video ?? []) });
const sent = async (b) => newest((await b.evaluate(figures)).sent.filter((s) => s.kind === 'video'));

// Runs in the page.
function modeSent() {
    const sender = window.__headrace.call.pc.getSenders().find((s) => s.track?.kind === 'video');
    return sender.getParameters().encodings[0].scalabilityMode;
}

// What both got in so many seconds.
async function measure(seconds) {
    const before = await Promise.all([look(fast), look(slow)]);
    await sleep(seconds * 1000);
    const after = await Promise.all([look(fast), look(slow)]);
    return after.map((b, i) => {
        const a = before[i];
        const elapsed = (b.time - a.time) / 1000;
        const got = {
            name: ['fast', 'slow'][i],
            width: b.width,
            fps: (b.frames - a.frames) / elapsed,
            kbps: ((b.bytes - a.bytes) * 8) / elapsed / 1000,
            keyFrames: b.keyFrames - a.keyFrames,
            plis: b.plis - a.plis,
        };
        say(`${got.name}: ${got.width} wide, ${got.fps.toFixed(1)} frames/s, ${got.kbps.toFixed(0)} kbit/s, ` +
            `${got.keyFrames} key frames, ${got.plis} PLI`);
        return got;
    });
}

const fewer = ([a, b]) => (spatial ? b.width < a.width : b.fps < a.fps * 0.8);
const alike = ([a, b]) => (spatial ? b.width === a.width : b.fps > a.fps * 0.9) && b.fps > 0;

const browsers = [];
let camera, fast, slow;
async function open(name, options, query, prepare) {
    const b = await openChromium(name, { namespace: `${tag}-${name}`, ...options });
    browsers.push(b);
    await prepare?.(b);
    await b.goto(`${base}/svc?name=${name}&autojoin=1&${query}`);
    return b;
}

try {
    limit('fast', BOTH);
    limit('slow', BOTH);
    camera = await open('camera', { fps: 10, size: { width: 400, height: 300 } }, 'q=360&audio=0',
        (b) => b.page.addInitScript(publishInLayers, { codec, mode }));
    fast = await open('fast', { size: { width: 900, height: 640 } }, 'video=0&audio=0');
    slow = await open('slow', { size: { width: 900, height: 640 } }, 'video=0&audio=0');
    for (const b of [fast, slow]) {
        await until(`${b.name}: a picture`, 40, () => look(b), (v) => v.frames > 0);
    }
    const [first] = await until('both get all layers', 60, () => measure(3), alike);
    const before = await sent(camera);
    const accepted = await camera.evaluate(modeSent);
    say(`sent: ${codec} ${accepted}, ${before.width}x${before.height}, ${before.fps} frames/s`);
    expect(accepted === mode, `sent is ${accepted}, not ${mode}`);

    let at = Date.now();
    limit('slow', SLOW);
    const got = await until('slow: fewer layers', 40, () => measure(2), fewer);
    say(`slow: fewer layers after ${((Date.now() - at) / 1000).toFixed(1)} s`);
    const down = await sent(camera);
    expect(down.keyFrames === before.keyFrames, `${down.keyFrames - before.keyFrames} key frames sent for a way down`);
    expect(down.plis === before.plis, `${down.plis - before.plis} key frames asked for on the way down`);
    expect(got[1].fps > 0, 'slow: no picture');
    const steady = await measure(8);
    expect(steady[0].width === first.width, `fast: ${steady[0].width} wide`);
    expect(steady[0].plis === 0, 'fast: asked for key frames');
    expect(steady[1].fps > 0, 'slow: no picture');

    at = Date.now();
    limit('slow', BOTH);
    await until('slow: all layers again', 60, () => measure(2), alike);
    say(`slow: all layers again after ${((Date.now() - at) / 1000).toFixed(1)} s`);
    const up = await sent(camera);
    say(`key frames on the way up: ${up.keyFrames - down.keyFrames}`);
} catch (error) {
    problems.push(error.message);
    for (const b of browsers) {
        console.log(b.name, b.log.slice(-5).join('\n'));
        console.log(JSON.stringify(await b.evaluate(figures).catch(() => null)));
    }
} finally {
    await Promise.all(browsers.map((b) => b.close().catch(() => {})));
}
for (const text of problems) {
    console.log(`PROBLEM: ${text}`);
}
process.exit(problems.length ? 1 : 0);
