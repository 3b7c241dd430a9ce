// Frames that the relay cannot read: each is sealed whole with AES-GCM before it is packetized (RTCRtpScriptTransform), so
// that nothing of a codec's payload is left to look at. A simulcast camera through the relay; the receiver's picture is made
// large and small again and again, and goes on at each size. Another receiver, without the key, sees nothing.
// node encrypted_frames.mjs URL [SCREENSHOT]; HEADRACE: the command, for what the relay says that it forwards
import { execFileSync } from 'node:child_process';
import { figures, openChromium, until } from './browsers.mjs';

const [base, picture] = process.argv.slice(2);
const LARGE = { width: 1100, height: 700 };
const SMALL = { width: 340, height: 480 };
const ROUNDS = 3;
const [headrace, ...headraceArguments] = process.env.HEADRACE.split(' ');
const problems = [];
const started = Date.now();
const say = (text) => console.log(`${((Date.now() - started) / 1000).toFixed(1)} s: ${text}`);

// ---- in the page, before its own scripts: every sender seals, every receiver opens

function sealEverything() {
    if (!window.isSecureContext || location.protocol !== 'http:') {
        return; /* about:blank */
    }
    const work = `
        const counts = {};
        const key = crypto.subtle.importKey('raw', new Uint8Array(16).fill(7), 'AES-GCM', false, ['encrypt', 'decrypt']);
        async function seal(data) {
            const iv = crypto.getRandomValues(new Uint8Array(12));
            const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, await key, data);
            const out = new Uint8Array(12 + sealed.byteLength);
            out.set(iv);
            out.set(new Uint8Array(sealed), 12);
            return out.buffer;
        }
        const open = async (data) => crypto.subtle.decrypt(
            { name: 'AES-GCM', iv: data.slice(0, 12) }, await key, data.slice(12));
        onrtctransform = ({ transformer }) => {
            const { kind, seals } = transformer.options;
            const count = counts[kind + (seals ? ' sealed' : ' opened')] ??= { frames: 0, failed: 0 };
            const transform = async (frame, controller) => {
                try {
                    frame.data = await (seals ? seal : open)(frame.data);
                    count.frames++;
                    controller.enqueue(frame);
                } catch {
                    count.failed++;
                }
                postMessage(counts);
            };
            transformer.readable.pipeThrough(new TransformStream({ transform })).pipeTo(transformer.writable);
        };`;
    const worker = new Worker(URL.createObjectURL(new Blob([work], { type: 'text/javascript' })));
    worker.onmessage = ({ data }) => {
        window.sealing = data;
    };
    const add = RTCPeerConnection.prototype.addTransceiver;
    RTCPeerConnection.prototype.addTransceiver = function addSealed(what, init) {
        const transceiver = add.call(this, what, init);
        const seals = init.direction === 'sendonly';
        const kind = transceiver.receiver.track.kind;
        const end = seals ? transceiver.sender : transceiver.receiver;
        end.transform = new RTCRtpScriptTransform(worker, { kind, seals });
        return transceiver;
    };
}

// ---- here

const newest = (list) => [...list].sort((a, b) => b.packets - a.packets)[0] ?? {};

async function look(b) {
    const f = await b.evaluate(figures);
    return { ...newest(f?.video ?? []), sound: newest(f?.audio ?? []), sealing: await b.evaluate(() => window.sealing ?? {}) };
}

async function join(b, name, query) {
    await b.goto(`${base}/sealed?name=${name}&autojoin=1&${query}`);
    return b;
}

// The video that somebody receives, as `headrace room` says.
function forwarded(name) {
    const text = execFileSync(headrace, [...headraceArguments, 'room', 'sealed', '--json'], { encoding: 'utf8' });
    const { participants } = JSON.parse(text);
    const cameras = participants.flatMap((p) => p.sources).filter((s) => s.label === 'camera').map((s) => s.id);
    return participants.find((p) => p.name === name).subscriptions.find((s) => cameras.includes(s.source));
}

// The picture is of the size that `fits`, and goes on at it; what it took to get there.
async function goesOn(b, size, what, fits) {
    const before = await look(b);
    const at = Date.now();
    await b.resize(size.width, size.height);
    const there = await until(`${b.name}: ${what}`, 60, () => look(b), (v) => fits(v.width));
    const seconds = ((Date.now() - at) / 1000).toFixed(1);
    await until(`${b.name}: ${what} goes on`, 30, () => look(b), (v) => v.frames >= there.frames + 20 && fits(v.width));
    const after = await look(b);
    const said = forwarded(b.name);
    if (said.state !== 'forwarded' || said.layer.width !== after.width) {
        problems.push(`headrace room says of ${after.width} pixels: ${JSON.stringify(said)}`);
    }
    say(`${b.name}: ${what}: ${after.width}x${after.height} after ${seconds} s; ${after.frames - before.frames} frames, ` +
        `${after.keyFrames - before.keyFrames} key frames, ${(after.frozen - before.frozen).toFixed(1)} s frozen`);
    return after;
}

const browsers = [];
try {
    const camera = await openChromium('camera', { fps: 15, size: { width: 400, height: 300 }, before: sealEverything });
    const watcher = await openChromium('watcher', { size: LARGE, before: sealEverything });
    const stranger = await openChromium('stranger', { size: { width: 400, height: 300 } });
    browsers.push(camera, watcher, stranger);
    await join(camera, 'camera', 'q=480');
    await join(watcher, 'watcher', 'video=0&audio=0');
    const first = await until('watcher: a picture', 40, () => look(watcher), (v) => v.frames > 10);
    await until('watcher: sound', 20, () => look(watcher), (v) => v.sound.energy > 0);
    await watcher.page.dblclick('.tile.has-picture:not(.tile-self)'); /* pinned: as large as the window */
    say(`watcher: a picture of ${first.width}x${first.height}, and sound`);

    await join(stranger, 'stranger', 'video=0&audio=0');
    await until('stranger: packets', 40, () => look(stranger), (v) => v.packets > 100);
    const unread = await look(stranger);
    say(`stranger: ${unread.packets} packets, ${unread.frames} frames decoded`);
    if (unread.frames > 0) {
        problems.push(`without the key ${unread.frames} frames were decoded`);
    }
    await stranger.close();

    for (let i = 0; i < ROUNDS; i++) {
        const large = await goesOn(watcher, LARGE, 'large', (width) => width > 430);
        if (i === 0 && picture) {
            await watcher.screenshot(picture);
        }
        await goesOn(watcher, SMALL, 'small', (width) => width < large.width);
    }
    const end = await look(watcher);
    say(`watcher: ${JSON.stringify(end.sealing)}`);
    say(`camera: ${JSON.stringify((await look(camera)).sealing)}`);
    for (const kind of ['video', 'audio']) {
        const { frames, failed } = end.sealing[`${kind} opened`] ?? { frames: 0, failed: 0 };
        if (failed > 0 || frames === 0) {
            problems.push(`watcher: ${kind}: ${frames} frames opened, ${failed} could not be`);
        }
    }
} catch (error) {
    problems.push(error.message);
    for (const b of browsers) {
        console.log(b.name, b.log.slice(-8).join('\n'));
        console.log(JSON.stringify(await look(b).catch(() => null)));
    }
} finally {
    await Promise.all(browsers.map((b) => b.close().catch(() => {})));
}
for (const text of problems) {
    console.log(`PROBLEM: ${text}`);
}
process.exit(problems.length ? 1 : 0);
