// Three Chromium and one Firefox in one room: each must decode the video and hear the audio of the three others.
// node four_browsers.mjs URL [SECONDS [SCREENSHOT]]
import { figures, openChromium, openFirefox, sleep, until } from './browsers.mjs';

const [base, seconds = '60', picture] = process.argv.slice(2);
const PEOPLE = ['Ann', 'Bo', 'Cleo', 'Fox'];
const MIN_FPS = 15;

const problems = [];
const expect = (ok, text) => ok || problems.push(text);
const browsers = [];

function ready(f) {
    return f && f.state === 'connected' && f.video.filter((v) => v.frames > 0).length === 3 &&
        f.audio.filter((a) => a.packets > 0).length === 3;
}

function compare(name, before, after, elapsed) {
    for (const v of after.video) {
        const was = before.video.find((b) => b.ssrc === v.ssrc) ?? { frames: 0, freezes: 0, frozen: 0, lost: 0 };
        const fps = (v.frames - was.frames) / elapsed;
        console.log(`${name}: video ${v.ssrc} ${v.width}x${v.height} ${fps.toFixed(1)} frames/s, ` +
            `${v.lost} lost, ${v.freezes - was.freezes} freezes ${(v.frozen - was.frozen).toFixed(2)} s, ` +
            `${v.nacks} NACK, ${v.plis} PLI, ${v.keyFrames} key frames`);
        expect(fps >= MIN_FPS, `${name}: ${fps.toFixed(1)} frames/s of ${v.ssrc}`);
        expect(v.width === 640 && v.height === 360, `${name}: ${v.width}x${v.height} of ${v.ssrc}`);
    }
    for (const a of after.audio) {
        const was = before.audio.find((b) => b.ssrc === a.ssrc) ?? { packets: 0, energy: 0, samples: 0, concealed: 0 };
        console.log(`${name}: audio ${a.ssrc} ${((a.packets - was.packets) / elapsed).toFixed(1)} packets/s, ${a.lost} lost, ` +
            `energy +${(a.energy - was.energy).toFixed(4)}`);
        expect(a.energy - was.energy > 0, `${name}: silence from ${a.ssrc}`);
    }
}

try {
    browsers.push(await openFirefox('Fox'));
    for (const name of PEOPLE.slice(0, 3)) {
        browsers.push(await openChromium(name));
    }
    for (const b of browsers) {
        await b.goto(`${base}/four?name=${b.name}&autojoin=1&q=360`);
    }
    for (const b of browsers) {
        await until(`${b.name} sees and hears three others`, 60, () => b.evaluate(figures), ready);
    }
    // Encoders begin small and grow with their bandwidth estimate; what is measured is the call once it stands.
    for (const b of browsers) {
        await until(`${b.name} sees 640x360 from everybody`, 90, () => b.evaluate(figures),
            (f) => f.video.every((v) => v.width === 640 && v.height === 360));
    }
    const start = Date.now();
    const before = await Promise.all(browsers.map((b) => b.evaluate(figures)));
    await sleep(Number(seconds) * 1000);
    const after = await Promise.all(browsers.map((b) => b.evaluate(figures)));
    const elapsed = (Date.now() - start) / 1000;
    browsers.forEach((b, i) => {
        compare(b.name, before[i], after[i], elapsed);
        console.log(`${b.name}: ${after[i].srtp}, ${after[i].dtls}, sends ${JSON.stringify(after[i].sent)}`);
        expect(after[i].srtp === undefined || after[i].srtp === 'SRTP_AEAD_AES_128_GCM', `${b.name}: SRTP is ${after[i].srtp}`);
    });
    expect(after.some((f) => f.srtp === 'SRTP_AEAD_AES_128_GCM'), 'no browser reports its SRTP transform');
    if (picture) {
        await browsers[1].screenshot(picture);
    }
} catch (error) {
    problems.push(error.stack);
    for (const b of browsers) {
        console.log(`${b.name}:\n  ${b.log.slice(-15).join('\n  ')}`);
    }
    if (picture) {
        await Promise.all(browsers.map((b) => b.screenshot(picture.replace('.png', `-${b.name}.png`)).catch(() => {})));
    }
} finally {
    await Promise.all(browsers.map((b) => b.close().catch(() => {})));
}
for (const p of problems) {
    console.log(`PROBLEM ${p}`);
}
process.exit(problems.length ? 1 : 0);
