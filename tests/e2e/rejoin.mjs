// Three Chromium in the meeting page; one leaves and rejoins again and again. Each time every picture moves in all three.
// node rejoin.mjs URL [ROUNDS [HEIGHT]]: HEIGHT is the cameras'; from 480 on they are simulcast.
import { openChromium, sleep, until } from './browsers.mjs';

const [base, rounds = '5', height = '480'] = process.argv.slice(2);
const LIMIT_S = 15;
/*
 * A browser drops key frames with a frame number below that of an earlier one. So Cy stays for longer than the limit, a
 * key frame is had of him when Bo comes back, and then he begins at 0: were that passed on, his picture would stand as long.
 */
const STAY_S = 20;
const FRAMES = 10; // more of them: it moves
const browsers = [];
let code = 0;

// Runs in the page: frames decoded of each other participant's camera, by id: who rejoins has a new one.
async function pictures() {
    const { remote } = await window.__headrace.stats();
    return Object.fromEntries(remote.map((r) => [r.id, r.camera ? r.camera.framesDecoded : -1]));
}

async function look() {
    const seen = await Promise.all(browsers.map((b) => b.evaluate(pictures)));
    return Object.fromEntries(browsers.map((b, i) => [b.name, seen[i]]));
}

async function allMove(what) {
    const first = {};
    const started = Date.now();
    const moves = (viewer, [id, frames]) => {
        const key = `${viewer} ${id}`;
        first[key] ??= frames >= 0 ? frames : undefined;
        return frames >= first[key] + FRAMES;
    };
    await until(what, LIMIT_S, look, (seen) => Object.entries(seen).map(([viewer, them]) => {
        const all = Object.entries(them);
        return all.filter((one) => moves(viewer, one)).length === browsers.length - 1 && all.length === browsers.length - 1;
    }).every(Boolean));
    console.log(`${what}: all pictures move after ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

async function rejoin(name, what) {
    const one = browsers.find((b) => b.name === name);
    const others = browsers.filter((b) => b !== one);
    await one.page.keyboard.press('l');
    await until(`${name} has left`, LIMIT_S, () => Promise.all(others.map((b) => b.evaluate(pictures))), (seen) =>
        seen.every((them) => Object.keys(them).length === others.length - 1));
    await one.page.click('#rejoin');
    await allMove(`${what}: ${name} is back`);
    await sleep(1500); // a higher layer is forwarded in the meantime
}

try {
    for (const name of ['Ann', 'Bo', 'Cy']) {
        const b = await openChromium(name, { fps: 10, size: { width: 640, height: 400 } });
        browsers.push(b);
        await b.goto(`${base}/rejoin?name=${name}&autojoin=1&q=${height}`);
    }
    await until('all have joined', 2 * LIMIT_S, look, (seen) =>
        Object.values(seen).every((them) => Object.keys(them).length === browsers.length - 1));
    await allMove('first');
    await sleep(STAY_S * 1000);
    await rejoin('Bo', 'before');
    for (let round = 1; round <= Number(rounds); round++) {
        await rejoin('Cy', `round ${round}`);
    }
} catch (error) {
    console.log(`PROBLEM ${error.stack}`);
    browsers.forEach((b) => console.log(`${b.name}:\n  ${b.log.slice(-15).join('\n  ')}`));
    code = 1;
}
await Promise.all(browsers.map((b) => b.close().catch(() => {})));
process.exit(code);
