// Two people alone are connected from browser to browser; a third comes, and pictures go on.
// node direct.mjs URL [OTHER [THIRD [SCREENSHOT]]]: OTHER and THIRD are chromium or firefox.
import { openChromium, openFirefox, sleep, until } from './browsers.mjs';

const [base, other = 'chromium', third = 'chromium', picture] = process.argv.slice(2);
const LIMIT_S = 40;
const FRAMES = 20; // more of them: it moves
const GAP_LIMIT_MS = process.env.STRICT === '1' ? 1000 : 8000; // on two cores the third's page alone may take seconds
const WINDOW = { size: { width: 480, height: 320 } };
const browsers = [];
const problems = [];
const expect = (ok, text) => ok || problems.push(text);
const stats = (b) => b.evaluate(() => window.__headrace?.stats?.() ?? null);

const open = (kind, name) => (kind === 'firefox' ? openFirefox(name, WINDOW) : openChromium(name, { ...WINDOW, fps: 10 }));

async function enter(kind, name) {
    const b = await start(kind, name);
    await joins(b);
    return b;
}

async function start(kind, name) {
    const b = await open(kind, name);
    browsers.push(b);
    return b;
}

const joins = (b) => b.goto(`${base}/two?name=${b.name}&autojoin=1&q=360`);

// Runs in the page: the fingerprints that DTLS itself knows of each connection, and what the ordinary one has sent.
async function certificates() {
    const { call, session } = window.__headrace;
    const of = async (pc) => {
        const all = [...(await pc.getStats()).values()];
        const transport = all.find((s) => s.type === 'transport' && s.remoteCertificateId);
        const print = (id) => all.find((s) => s.id === id)?.fingerprint ?? null;
        return {
            mine: print(transport?.localCertificateId), theirs: print(transport?.remoteCertificateId),
            said: pc.remoteDescription.sdp.match(/^a=fingerprint:sha-256 (.*?)\r?$/m)[1],
            own: pc.localDescription.sdp.match(/^a=fingerprint:sha-256 (.*?)\r?$/m)[1],
            sent: all.filter((s) => s.type === 'outbound-rtp').reduce((sum, s) => sum + s.packetsSent, 0),
        };
    };
    return { ordinary: await of(call.pc), direct: await of(session.direct.pc) };
}

// Runs in the page: from now on notes when each tile of another person shows a new picture.
function watchPictures() {
    const seen = (window.__shown = new Map());
    const followed = new WeakSet();
    const follow = (key, video) => {
        const next = () => {
            if (video.isConnected && [...video.parentElement.querySelectorAll('video')].at(-1) === video) {
                seen.get(key).push(performance.now());
            }
            video.requestVideoFrameCallback(next);
        };
        video.requestVideoFrameCallback(next);
    };
    setInterval(() => {
        for (const tile of document.querySelectorAll('.tile:not(.tile-self)')) {
            const { key } = tile.dataset;
            seen.has(key) || seen.set(key, []);
            for (const video of tile.querySelectorAll('video')) {
                if (!followed.has(video)) {
                    followed.add(video);
                    follow(key, video);
                }
            }
        }
    }, 5);
}

// Runs in the page: the largest gap between two pictures of that tile, up to now.
function largestGap(key) {
    const times = [...window.__shown.get(key), performance.now()];
    return Math.max(...times.slice(1).map((t, i) => t - times[i]));
}

const isDirect = (s) => s?.direct?.receiving === true && s.direct.sending === true;
const picturesOf = (s) => s.remote.map((r) => r.camera?.framesDecoded ?? 0);

async function moves(b, count) {
    const first = await until(`${b.name} sees ${count}`, LIMIT_S, () => stats(b),
        (s) => s?.remote.length === count && picturesOf(s).every((n) => n > 0));
    await until(`pictures move at ${b.name}`, LIMIT_S, () => stats(b),
        (s) => s.remote.length === count && picturesOf(s).every((n, i) => n >= picturesOf(first)[i] + FRAMES));
}

async function bothDirect(what, two) {
    const started = Date.now();
    for (const b of two) {
        await until(`${what}: ${b.name} is connected directly`, LIMIT_S, () => stats(b), isDirect);
        await until(`${what}: ${b.name} says so`, LIMIT_S, () => b.evaluate(() =>
            document.getElementById('sealed').checkVisibility() && document.getElementById('sealed').textContent.trim()),
        (text) => text === 'End-to-end encrypted between you two');
    }
    console.log(`${what}: direct after ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

async function checkKeys([a, b]) {
    const [mine, theirs] = [await a.evaluate(certificates), await b.evaluate(certificates)];
    for (const [x, y, name] of [[mine, theirs, a.name], [theirs, mine, b.name]]) {
        expect(x.direct.said === y.direct.own, `${name} was told ${x.direct.said}, not the other's certificate`);
        expect(!x.direct.theirs || x.direct.theirs === y.direct.own, `${name}: DTLS is with ${x.direct.theirs}`);
        expect(!x.direct.mine || x.direct.mine === x.direct.own, `${name}: its own certificate differs`);
        expect(x.direct.said !== x.ordinary.said, `${name}: that is the relay's certificate`);
    }
    console.log(`certificates: ${a.name} sees ${mine.direct.theirs ?? mine.direct.said}`);
    console.log(`certificates: ${b.name} sees ${theirs.direct.theirs ?? theirs.direct.said}`);
    console.log(`certificates: the relay has ${mine.ordinary.said}`);
    const number = await Promise.all([a, b].map((x) => x.evaluate(() => document.getElementById('safety-number').textContent)));
    expect(/^(\d{5} ){7}\d{5}$/.test(number[0]) && number[0] === number[1], `safety numbers: ${number.join(' / ')}`);
    await sleep(1500);
    const later = [await a.evaluate(certificates), await b.evaluate(certificates)];
    [mine, theirs].forEach((before, i) => {
        expect(later[i].ordinary.sent - before.ordinary.sent < 5,
            `${browsers[i].name} goes on sending to the relay: ${later[i].ordinary.sent - before.ordinary.sent} packets`);
        expect(later[i].direct.sent > before.direct.sent, `${browsers[i].name} sends nothing directly`);
    });
}

async function thirdComes([a, b]) {
    const ids = [];
    const c = await start(third, 'Cy'); // a browser that starts takes both cores for seconds
    await sleep(3000);
    for (const x of [a, b]) {
        await x.evaluate(watchPictures);
        ids.push(await x.evaluate(() => [...window.__headrace.room.participants.keys()][0]));
    }
    await sleep(2000);
    const before = await Promise.all([a, b].map((x, i) => x.evaluate(largestGap, ids[i])));
    await joins(c);
    for (const x of [a, b, c]) {
        await moves(x, 2);
    }
    for (const x of [a, b]) {
        await until(`${x.name} has let go of the direct connection`, LIMIT_S, () => stats(x), (s) => s.direct === null);
        expect(await x.evaluate(() => !document.getElementById('sealed').checkVisibility()), `${x.name} still shows the mark`);
    }
    await sleep(1000);
    const gaps = await Promise.all([a, b].map((x, i) => x.evaluate(largestGap, ids[i])));
    [a, b].forEach((x, i) => {
        console.log(`third joins: largest gap between pictures at ${x.name}: ${gaps[i].toFixed(0)} ms (before: ${before[i].toFixed(0)} ms)`);
        expect(gaps[i] < GAP_LIMIT_MS, `${x.name}: the picture stood still for ${gaps[i].toFixed(0)} ms`);
    });
    return c;
}

try {
    const two = [await enter('chromium', 'Ann'), await enter(other, 'Bo')];
    await bothDirect('two', two);
    await Promise.all(two.map((b) => moves(b, 1)));
    await checkKeys(two);
    if (picture) {
        await two[0].resize(1280, 800);
        await two[0].page.click('#sealed');
        await sleep(1500);
        await two[0].screenshot(picture);
        await two[0].page.click('#safety button');
        await two[0].resize(480, 320);
        await sleep(500);
    }
    const c = await thirdComes(two);
    await c.close();
    browsers.pop();
    await bothDirect('two again', two);
    await Promise.all(two.map((b) => moves(b, 1)));
} catch (error) {
    problems.push(error.stack);
    for (const b of browsers) {
        console.log(`${b.name}:\n  ${b.log.slice(-15).join('\n  ')}`);
    }
} finally {
    await Promise.all(browsers.map((b) => b.close().catch(() => {})));
}
for (const p of problems) {
    console.log(`PROBLEM ${p}`);
}
process.exit(problems.length ? 1 : 0);
