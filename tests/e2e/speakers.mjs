// Who speaks is told to all within a second. Twenty aiortc publishers take turns; Ann (Chromium, with a voice of her own)
// and Bo (Firefox) are in the meeting page, Cy comes late. node speakers.mjs URL VOICE.wav [SCREENSHOT.png]
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { figures, openChromium, openFirefox, sleep, until } from './browsers.mjs';

const [base, voice, picture] = process.argv.slice(2);
const ROOM = 'speakers';
const COUNT = 20;
const TURNS = [[3], [17], [3, 8, 9, 10, 11, 12], [9, 3, 12], [20, 3, 8, 9, 10]]; // who speaks, and who rustles meanwhile
const TURN_MS = 2500;
const TOLD_MS = 1000;
const STALLED_MS = 1500; // once: two cores run all of this, and may stand still
const LOUDEST = 4; // voices that one receiver gets: the three loudest, and the dominant one
const COUNT_MS = 3000;
const PACKET_MS = 20;
const SLACK = 0.2; // statistics are a few packets old
const LIMIT_S = 40;

// In the page: keeps when it was told of whom.
function keepTurns() {
    const { room } = window.__headrace;
    window.turns = [];
    const look = () => window.turns.at(-1)?.id !== room.speaker && window.turns.push({ id: room.speaker, at: Date.now() });
    room.on('change', look);
    look();
}
const turns = () => window.turns;
const marked = () => [...document.querySelectorAll('.tile[aria-current="true"]')].map((t) => t.getAttribute('aria-label'));
const joined = (b) => until(`${b.name} is connected`, LIMIT_S, () => b.evaluate(figures), (f) => f?.state === 'connected');
const idOf = (b, name) => b.evaluate((n) => [...window.__headrace.room.participants.values()].find((p) => p.name === n).id, name);

function startSpeakers() {
    const script = fileURLToPath(new URL('speakers.py', import.meta.url));
    const child = spawn('/usr/bin/python3', [script, base, ROOM, String(COUNT)], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const ended = new Promise((resolve) => child.once('exit', resolve));
    return {
        line: async () => (await lines.next()).value,
        say: (numbers) => child.stdin.write(`${numbers.join(' ')}\n`),
        end: () => child.stdin.end() && ended,
    };
}

const worst = []; // ms, of each turn

// All pages are told of that participant soon after; how soon, in ms.
async function told(pages, id, since) {
    const late = [];
    for (const b of pages) {
        const all = await until(`${b.name} is told that ${id} speaks`, 5, () => b.evaluate(turns), (t) => t.at(-1)?.id === id);
        late.push(all.at(-1).at - since);
    }
    worst.push(Math.max(...late));
    if (Math.max(...late) > STALLED_MS || worst.filter((ms) => ms > TOLD_MS).length > 1) {
        throw new Error(`told of ${id} after ${late} ms`);
    }
    return late;
}

const sections = () => window.__headrace?.call.receivers.size ?? 0;

// In the page: audio packets that have come so far, by source, and which of them is of who speaks.
async function packets() {
    const { call, room } = window.__headrace;
    const counted = [...call.receivers].filter(([, r]) => r.track.kind === 'audio').map(async ([id, r]) => {
        const inbound = [...(await r.getStats()).values()].find((s) => s.type === 'inbound-rtp');
        return [id, inbound?.packetsReceived ?? 0];
    });
    const speaker = [...room.participants.get(room.speaker).sources.keys()][0];
    return { at: Date.now(), of: Object.fromEntries(await Promise.all(counted)), speaker };
}

// How many voices arrive at a page, by packets, as many as of who speaks being one: who is left out is so now and then.
async function voices(b) {
    const before = await b.evaluate(packets);
    await sleep(COUNT_MS);
    const after = await b.evaluate(packets);
    const gained = (id) => after.of[id] - (before.of[id] ?? 0);
    const all = Object.keys(after.of).reduce((sum, id) => sum + gained(id), 0);
    const sent = (after.at - before.at) / PACKET_MS;
    return { heard: (all / gained(after.speaker)).toFixed(2), speaker: (gained(after.speaker) / sent).toFixed(2) };
}

async function takeTurns(speakers, pages) {
    for (const who of TURNS) {
        speakers.say(who);
        const [number, since] = (await speakers.line()).split(' ').map(Number);
        const name = `Speaker-${number}`;
        const late = await told(pages, await idOf(pages[0], name), since);
        await sleep(TURN_MS);
        const labels = await Promise.all(pages.map((b) => b.evaluate(marked)));
        if (labels.some((l) => l.length !== 1 || !l[0].startsWith(`${name}, main speaker`))) {
            throw new Error(`${name} speaks, but the mark is at ${JSON.stringify(labels)}`);
        }
        console.log(`${name} speaks${who.length > 1 ? `, ${who.length - 1} rustle` : ''}: told after ${late} ms`);
    }
}

async function fewAreHeard(pages) {
    for (const b of pages) {
        const { heard, speaker } = await voices(b);
        console.log(`${b.name} gets ${heard} voices of ${await b.evaluate(sections)}, and ${speaker} of who speaks`);
        if (heard > LOUDEST + SLACK || Math.abs(speaker - 1) > SLACK) {
            throw new Error(`${b.name} gets too many voices, or not the one`);
        }
    }
}

async function annSpeaks(ann, pages) {
    const self = await ann.evaluate(() => window.__headrace.room.self);
    const since = Date.now();
    await ann.page.keyboard.press('m');
    console.log(`Ann speaks: told after ${await told(pages, self, since)} ms`);
    await until('the mark is at her own tile', 5, () => ann.evaluate(marked), (l) => l[0]?.startsWith('Ann (you), main speaker'));
}

async function main(open) {
    const speakers = startSpeakers();
    const ready = speakers.line();
    const ann = await open(openChromium('Ann', { flags: [`--use-file-for-fake-audio-capture=${voice}`] }));
    const bo = await open(openFirefox('Bo'));
    await ann.goto(`${base}/${ROOM}?name=Ann&autojoin=1&video=0`);
    await bo.goto(`${base}/${ROOM}?name=Bo&autojoin=1&video=0&audio=0`);
    await joined(ann);
    await joined(bo);
    await ann.page.keyboard.press('m'); // muted: it is not her turn
    if ((await ready) !== 'ready') {
        throw new Error('the publishers did not get in');
    }
    for (const b of [ann, bo]) {
        await until(`${b.name} has a section for every voice`, LIMIT_S, () => b.evaluate(sections), (n) => n > COUNT);
        await b.evaluate(keepTurns);
    }
    await takeTurns(speakers, [ann, bo]);
    await fewAreHeard([ann, bo]);
    if (picture) {
        await bo.screenshot(picture);
    }
    speakers.say([]);
    await annSpeaks(ann, [ann, bo]);
    const cy = await open(openChromium('Cy'));
    await cy.goto(`${base}/${ROOM}?name=Cy&autojoin=1&video=0&audio=0`);
    const self = await ann.evaluate(() => window.__headrace.room.self);
    await until('Cy knows who speaks', LIMIT_S, () => cy.evaluate(() => window.__headrace?.room.speaker), (id) => id === self);
    const code = await speakers.end();
    if (code !== 0) {
        throw new Error(`the publishers ended with ${code}`);
    }
}

const browsers = [];
let code = 0;
try {
    await main(async (opening) => {
        browsers.push(await opening);
        return browsers.at(-1);
    });
} catch (error) {
    code = 1;
    console.log(error.stack);
    for (const b of browsers) {
        const heard = await b.evaluate(() => [window.__headrace?.room.participants.size, window.turns]).catch(() => null);
        console.log(`${b.name}: ${JSON.stringify(heard)} ${b.log.slice(-8).join('\n  ')}`);
    }
}
await Promise.all(browsers.map((b) => b.close()));
process.exit(code);
