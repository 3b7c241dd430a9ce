// One publishes a camera in three sizes; three receive it, each behind a link of its own. Each gets the size that its
// link carries, and follows when that changes; the others do not notice.
// node layers_net.mjs URL TAG LINK_PROGRAM LINK_SOCKET [SCREENSHOT]
//
// What is asked of every run is the layer, how soon it follows, and that what was sent arrives. Frame rates and freezes
// on two busy cores are printed, and asked for with STRICT=1.
import { execFileSync } from 'node:child_process';
import { figures, openChromium, sleep, until } from './browsers.mjs';

const [base, tag, link, socket, picture] = process.argv.slice(2);
const strict = process.env.STRICT === '1';
const WATCHERS = [
    { name: 'fast', rate: 3_000_000, width: 1280 },
    { name: 'medium', rate: 800_000, width: 640 },
    { name: 'slow', rate: 250_000, width: 320 },
];
const problems = [];
const expect = (ok, text) => ok || problems.push(text);
const started = Date.now();
const say = (text) => console.log(`${((Date.now() - started) / 1000).toFixed(1)} s: ${text}`);

function limit(name, rate) {
    execFileSync(link, ['--say', socket, 'set', name, 'down', 'rate', String(rate), 'queue', '300']);
    say(`${name}: ${rate / 1000} kbit/s`);
}

const newest = (list) => [...list].sort((a, b) => b.packets - a.packets)[0];

async function look(b) {
    const f = await b.evaluate(figures);
    return { time: Date.now(), ...newest(f.video), audio: newest(f.audio) };
}

// What a watcher got in so many seconds.
async function measure(watchers, seconds) {
    const before = await Promise.all(watchers.map((w) => look(w.browser)));
    await sleep(seconds * 1000);
    const after = await Promise.all(watchers.map((w) => look(w.browser)));
    return watchers.map((w, i) => {
        const [a, b] = [before[i], after[i]];
        const elapsed = (b.time - a.time) / 1000;
        const got = {
            width: b.width,
            fps: (b.frames - a.frames) / elapsed,
            kbps: ((b.bytes - a.bytes) * 8) / elapsed / 1000,
            frozen: (b.frozen - a.frozen) / elapsed,
            keyFrames: b.keyFrames - a.keyFrames,
            plis: b.plis - a.plis,
            lost: b.lost - a.lost,
        };
        say(`${w.name}: ${got.width} wide, ${got.fps.toFixed(1)} frames/s, ${got.kbps.toFixed(0)} kbit/s, ` +
            `${(got.frozen * 100).toFixed(1)} % frozen, ${got.keyFrames} key frames, ${got.plis} PLI, ${got.lost} lost`);
        return got;
    });
}

async function open(name, options, query) {
    const b = await openChromium(name, { namespace: `${tag}-${name}`, ...options });
    await b.goto(`${base}/layers?name=${name}&autojoin=1&${query}`);
    return b;
}

async function pin(b) {
    await b.page.dblclick('.tile.has-picture:not(.tile-self)');
}

const browsers = [];
try {
    for (const w of WATCHERS) {
        limit(w.name, w.rate);
    }
    const camera = await open('camera', { fps: 15, size: { width: 400, height: 300 } }, 'q=720');
    browsers.push(camera);
    for (const w of WATCHERS) {
        w.browser = await open(w.name, { size: w.width === 1280 ? { width: 1000, height: 640 } : { width: 900, height: 560 } }, 'video=0&audio=0');
        browsers.push(w.browser);
    }
    for (const w of WATCHERS) {
        await until(`${w.name}: a picture`, 30, () => look(w.browser), (v) => v.frames > 0);
        if (w.width === 1280) {
            await pin(w.browser);
        }
    }
    say('all see it');
    const sizes = () => Promise.all(WATCHERS.map((w) => look(w.browser)));
    /* A camera short of CPU makes all its layers smaller: what counts is which of them comes. */
    const ordered = (v) => (strict ? v.every((x, i) => x.width === WATCHERS[i].width)
        : v[0].width > v[1].width && v[1].width > v[2].width);
    await until('each has the layer that fits', strict ? 15 : 90, sizes, ordered);
    say('each has the layer that fits');
    const steady = await measure(WATCHERS, strict ? 60 : 10);
    steady.forEach((got, i) => {
        const w = WATCHERS[i];
        expect(got.fps > (strict ? 15 : 0), `${w.name}: ${got.fps.toFixed(1)} frames/s`);
        expect(!strict || got.frozen < 1 / 60, `${w.name}: ${(got.frozen * 60).toFixed(1)} s a minute frozen`);
    });
    const sent = (await camera.evaluate(figures)).sent.filter((s) => s.kind === 'video');
    say(`sent: ${sent.map((s) => `${s.rid} ${s.width}x${s.height} ${s.fps} frames/s, limited by ${s.limited}`).join('; ')}`);
    if (picture) {
        await WATCHERS[0].browser.screenshot(picture);
    }

    const [fast] = WATCHERS;
    let at = Date.now();
    limit('fast', 500_000);
    await until('fast: smaller on a slower link', strict ? 5 : 30, sizes, (v) => v[0].width <= v[1].width);
    say(`fast: smaller after ${((Date.now() - at) / 1000).toFixed(1)} s`);
    await measure(WATCHERS, strict ? 15 : 5);
    at = Date.now();
    limit('fast', 3_000_000);
    await until('fast: larger again', strict ? 20 : 90, sizes, (v) => v[0].width > v[1].width);
    say(`fast: larger again after ${((Date.now() - at) / 1000).toFixed(1)} s`);
    await measure(WATCHERS, 5);
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
