// A stock browser in a room watches somebody who came by SDES: pictures, and sound where SOUND is 1.
// node sdes_watch.mjs URL ROOM NAME SOUND
import { openChromium, until } from './browsers.mjs';

const [base, room, name, sound] = process.argv.slice(2);
const MORE = 45; // frames, and half of it in packets of sound
const browser = await openChromium('Ann', { size: { width: 480, height: 320 } });
const remote = () => browser.evaluate(() => window.__headrace?.stats?.() ?? null)
    .then((s) => s?.remote.find((r) => r.name === name) ?? null);
let code = 0;
try {
    await browser.goto(`${base}/${room}?name=Ann&autojoin=1`);
    const first = await until(`Ann sees ${name}`, 40, remote, (r) => r?.camera?.framesDecoded > 0);
    const last = await until(`${name}'s picture moves`, 30, remote, (r) =>
        r?.camera?.framesDecoded >= first.camera.framesDecoded + MORE &&
        (sound !== '1' || r.microphone?.packets >= MORE / 2 && r.microphone.totalAudioEnergy > 0));
    console.log(`Ann sees ${name}: ${last.camera.framesDecoded} frames, ${last.camera.width}x${last.camera.height}`);
} catch (error) {
    console.log(`PROBLEM ${error.stack}\n${browser.log.slice(-15).join('\n')}`);
    code = 1;
}
await browser.close();
process.exit(code);
