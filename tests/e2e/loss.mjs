// One publishes a small camera and a microphone, one receives, each behind a link with 50 ms of round trip that loses
// packets at random, both ways.
// node loss.mjs URL TAG LINK_PROGRAM LINK_SOCKET
import { execFileSync } from 'node:child_process';
import { figures, openChromium, sleep, until } from './browsers.mjs';

const [base, tag, link, socket] = process.argv.slice(2);
const SECONDS = 20;
const SETTLE = 6; // until jitter buffers and estimates have heard of a new loss
const FPS = 25;
const DELAY_MS = 25; // one way
const ARRIVED = 0.8; // of the frames sent: 20 of 25
const CONCEALED = { 0: 0.01, 5: 0.03, 15: 0.08 }; // of the audio at so much loss, beyond what a busy machine conceals without any
const problems = [];
const started = Date.now();
const say = (text) => console.log(`${((Date.now() - started) / 1000).toFixed(1)} s: ${text}`);

const setLink = (name, ...words) => execFileSync(link, ['--say', socket, 'set', name, 'both', ...words.map(String)]);
const newest = (list) => [...list].sort((a, b) => b.packets - a.packets)[0];

// A camera that costs two cores little.
function smallCamera(fps) {
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = (wish) =>
        ask(wish.video ? { ...wish, video: { width: 320, height: 180, frameRate: fps } } : wish);
}

async function open(name, query, prepare) {
    const b = await openChromium(name, { namespace: `${tag}-${name}`, fps: FPS, size: { width: 480, height: 320 } });
    if (prepare) {
        await b.page.addInitScript(prepare, FPS);
    }
    await b.goto(`${base}/loss?name=${name}&autojoin=1&${query}`);
    return b;
}

async function look(camera, viewer) {
    const [s, r] = await Promise.all([camera.evaluate(figures), viewer.evaluate(figures)]);
    return {
        time: Date.now(),
        sent: s.sent.find((x) => x.kind === 'video'), voice: s.sent.find((x) => x.kind === 'audio'),
        video: newest(r.video), audio: newest(r.audio),
    };
}

// Of the relay, by the end of its name.
async function counter(viewer, name) {
    const text = await viewer.evaluate(() => fetch('/metrics').then((answer) => answer.text()));
    return Number(text.match(new RegExp(`^headrace_.*${name}.* (\\d+)$`, 'm'))?.[1] ?? NaN);
}

async function measure(camera, viewer) {
    const a = await look(camera, viewer);
    await sleep(SECONDS * 1000);
    const b = await look(camera, viewer);
    const seconds = (b.time - a.time) / 1000;
    const d = (of, key) => b[of][key] - a[of][key];
    return {
        sent: d('sent', 'encoded') / seconds, decoded: d('video', 'frames') / seconds,
        frozen: d('video', 'frozen') / seconds, keyFrames: d('video', 'keyFrames'), plis: d('video', 'plis'),
        kbps: [d('sent', 'bytes') * 8 / seconds / 1000, d('video', 'bytes') * 8 / seconds / 1000],
        nacks: [d('video', 'nacks'), d('sent', 'nacks')], voiceNacks: [d('audio', 'nacks'), d('voice', 'nacks')],
        again: [d('sent', 'again'), d('voice', 'again')],
        lost: d('video', 'lost'), voiceLost: d('audio', 'lost'),
        concealed: d('audio', 'concealed') / d('audio', 'samples'), delay: d('audio', 'waited') / d('audio', 'emitted'),
        width: b.video.width,
        kept: await counter(viewer, 'history_mbufs'), pauses: await counter(viewer, 'video_pauses'),
    };
}

// A machine that stood still, or was busy with something else, is given another chance.
const TRIES = 3;

function report(loss, m) {
    const percent = (x) => `${(100 * x).toFixed(2)} %`;
    say(`${loss} % lost each way: video ${m.width} wide, ${m.sent.toFixed(1)} frames/s sent, ${m.decoded.toFixed(1)} decoded, ` +
        `${percent(m.frozen)} frozen, ${m.keyFrames} key frames, ${m.plis} PLI, ${m.kbps.map((x) => x.toFixed(0)).join(' and ')} kbit/s, ` +
        `${m.lost} lost, NACK ${m.nacks.join(' down, ')} up, ${m.again[0]} sent again; ` +
        `audio ${percent(m.concealed)} concealed, ${m.voiceLost} lost, NACK ${m.voiceNacks.join(' down, ')} up, ${m.again[1]} sent again, ` +
        `${(m.delay * 1000).toFixed(0)} ms in the jitter buffer; ${m.kept} packets kept, ${m.pauses} pauses so far`);
}

// What is wrong with it, in words.
function faults(loss, m, clean) {
    const found = [];
    const expect = (ok, text) => ok || found.push(`${loss} %: ${text}`);
    expect(m.sent > 5, `${m.sent.toFixed(1)} frames/s sent`);
    expect(m.decoded > ARRIVED * Math.min(m.sent, FPS), `${m.decoded.toFixed(1)} frames/s of ${m.sent.toFixed(1)}`);
    expect(m.concealed - clean < CONCEALED[loss], `${(100 * m.concealed).toFixed(2)} % of the audio concealed`);
    expect(loss === 0 || (m.voiceNacks.every((n) => n > 0) && m.again[1] > 0), 'lost audio was not asked for');
    expect(loss === 0 || (m.nacks.every((n) => n > 0) && m.again[0] > 0), 'lost video was not asked for');
    return found;
}

// What was concealed.
async function stage(camera, viewer, loss, clean) {
    ['camera', 'viewer'].forEach((name) => setLink(name, 'loss', loss));
    for (let left = TRIES; left > 0; left--) {
        await sleep(SETTLE * 1000);
        const m = await measure(camera, viewer);
        report(loss, m);
        const found = faults(loss, m, clean);
        if (found.length === 0) {
            return m.concealed;
        }
        if (left === 1) {
            problems.push(...found);
        }
    }
    return clean;
}

const browsers = [];
try {
    ['camera', 'viewer'].forEach((name) => setLink(name, 'delay', DELAY_MS));
    const camera = await open('camera', 'q=360', smallCamera);
    browsers.push(camera);
    const viewer = await open('viewer', 'video=0&audio=0');
    browsers.push(viewer);
    await until('a picture and a voice', 60, () => look(camera, viewer).catch(() => null),
        (v) => v?.video?.frames > 0 && v.audio?.samples > 0);
    const clean = await stage(camera, viewer, 0, 0);
    await stage(camera, viewer, 5, clean);
    await stage(camera, viewer, 15, clean);
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
