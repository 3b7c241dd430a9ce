// The meeting page in the hands of three people: Ann at a desk, Bo with a phone's window, Cy (Firefox) who comes later.
// node page.mjs URL [DIRECTORY]: screenshots go into the directory. Everything is clicked and typed, nothing called.
//
// Bo opens the page by another address of this host, so that his connection alone can be cut; runs as root in a
// network namespace of its own. The line "restart the control plane" is for the reader of its output to obey.
import { execFileSync } from 'node:child_process';

import { openChromium, openFirefox, sleep, until } from './browsers.mjs';

const [base, pictures] = process.argv.slice(2);
const BO_HOST = '127.0.0.2';
const BO_BASE = base.replace('127.0.0.1', BO_HOST);
const BO = 'Bo <i>Phone';
const LINE = '<b>bold</b> & https://example.org/minutes.';
const LIMIT_S = 20;
const FRAMES = 10; // more of them: it moves
const LISTEN_MS = 2500; // the fake microphone beeps once a second
const OFFLINE_MS = 5000;
const RESTART = 'restart the control plane';

const people = {};
const shown = (selector) => ({ selector, want: true });
const hidden = (selector) => ({ selector, want: false });
let step = '';

async function does(what, work) {
    const started = Date.now();
    step = what;
    await work();
    console.log(`${what}: ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

const expect = (ok, text) => {
    if (!ok) {
        throw new Error(text);
    }
};
const picture = (b, name) => pictures && b.screenshot(`${pictures}/${name}.png`);

// What each selector's first element is: whether it is painted, its text and its label.
function look(selectors) {
    return Object.fromEntries(selectors.map((selector) => {
        const node = document.querySelector(selector);
        const visible = node?.checkVisibility({ visibilityProperty: true }) ?? false;
        return [selector, { visible, text: node?.textContent ?? '', label: node?.getAttribute('aria-label') ?? '' }];
    }));
}

const sees = (b, ...wishes) => until(`${b.name}: ${wishes.map((w) => `${w.want ? '' : 'no '}${w.selector}`)}`, LIMIT_S,
    () => b.evaluate(look, wishes.map((w) => w.selector)),
    (all) => wishes.every((w) => all[w.selector].visible === w.want));

const reads = (b, selector, text) => until(`${b.name}: ${selector} is "${text}"`, LIMIT_S,
    async () => (await b.evaluate(look, [selector]))[selector], (node) => node.visible && node.text === text);

// Who the main speaker is goes by the beeps of the fake microphones.
const labelled = (b, selector, holds) => until(`${b.name}: label of ${selector}`, LIMIT_S,
    async () => (await b.evaluate(look, [selector]))[selector].label.replace(', main speaker', ''), holds);

// The id of another participant at this one's page, and the selector of the tile.
const idOf = (b, name) => b.evaluate((n) => [...window.__headrace.room.participants.values()].find((p) => p.name === n)?.id, name);
const tileOf = async (b, name) => `.tile[data-key="${await idOf(b, name)}"]`;
const received = async (b, name) => (await b.evaluate(() => window.__headrace.stats())).remote.find((r) => r.name === name);

async function moves(b, name, label = 'camera') {
    const frames = async () => (await received(b, name))?.[label]?.framesDecoded ?? 0;
    const first = await until(`${b.name} decodes the ${label} of ${name}`, LIMIT_S, frames, (n) => n > 0);
    await until(`the ${label} of ${name} moves at ${b.name}`, LIMIT_S, frames, (n) => n >= first + FRAMES);
}

async function energy(b, name) {
    const heard = async () => (await received(b, name)).microphone.totalAudioEnergy;
    const first = await heard();
    await sleep(LISTEN_MS);
    return (await heard()) - first;
}

const press = (b, key) => b.page.keyboard.press(key);
const click = (b, selector) => b.page.click(selector);

async function says(b, text) {
    await click(b, '#chat-text');
    await b.page.keyboard.type(text);
    await press(b, 'Enter');
}

async function joins(b) {
    await sees(b, shown('#prejoin'), shown('#preview.has-picture #preview-video'));
    expect(await b.evaluate(() => window.__headrace === undefined), `${b.name} is in the room before joining`);
    await click(b, '#join-button');
    await sees(b, shown('#prejoin')); // not without a name
    await b.page.type('#join-name', b.name);
    const before = await b.evaluate(() => document.getElementById('preview-video').currentTime);
    await until(`preview of ${b.name} moves`, LIMIT_S, () => b.evaluate(() => document.getElementById('preview-video').currentTime),
        (now) => now > before);
    await picture(b, `prejoin-${b.name.slice(0, 2)}`);
    await click(b, '#join-button');
    await sees(b, shown('#meeting'), hidden('#prejoin'), shown('[data-key="self"].has-picture'));
    await until(`${b.name} has joined`, LIMIT_S, () => b.evaluate(() => window.__headrace?.signalling.state), (s) => s === 'joined');
}

async function startPage() {
    const ann = people.ann;
    await ann.goto(base);
    await ann.page.type('#room', 'Team standup');
    await reads(ann, '#room-note', 'Opens /team-standup');
    await picture(ann, 'landing');
    await press(ann, 'Enter');
    await until('address', LIMIT_S, () => ann.page.url(), (url) => url === `${base}/team-standup`);
}

async function faces() {
    const { ann, bo } = people;
    await Promise.all([moves(ann, BO), moves(bo, 'Ann')]);
    for (const [b, other] of [[ann, BO], [bo, 'Ann']]) {
        const tile = await tileOf(b, other);
        await sees(b, shown(`${tile}.has-picture video`), hidden(`${tile} .tile-muted`), hidden('#alone'), hidden('#banner'));
        await reads(b, `${tile} .tile-name`, other);
    }
}

async function chat() {
    const { ann, bo } = people;
    await press(ann, 'c');
    await says(ann, LINE);
    await reads(bo, '[data-tool="chat"] .badge', '1');
    expect((await bo.page.title()).startsWith('(1) '), 'the title counts no unread line');
    await click(bo, '[data-tool="chat"]');
    await reads(bo, '#chat-lines li:last-child p', LINE);
    await sees(bo, hidden('[data-tool="chat"] .badge'));
    const { tags, href } = await bo.evaluate(() => ({
        tags: document.querySelectorAll('#chat-lines p b, .tile-name i').length,
        href: document.querySelector('#chat-lines p a')?.href,
    }));
    expect(tags === 0, 'what somebody wrote became markup');
    expect(href === 'https://example.org/minutes', `the link goes to ${href}`);
    await picture(bo, 'chat-bo');
    await says(bo, 'Read.');
    await reads(ann, '#chat-lines li:last-child p', 'Read.');
    await sees(ann, hidden('[data-tool="chat"] .badge'));
    await picture(ann, 'chat-ann');
    for (const b of [ann, bo]) {
        await click(b, '#panel-close');
        await sees(b, hidden('#panel'));
    }
}

// Rows of both tables, by what they are of.
const statisticsOf = (b) => b.evaluate(() => Object.fromEntries([...document.querySelectorAll('#stats tr')]
    .map((row) => [...row.children].map((cell) => cell.textContent)).map(([what, ...rest]) => [what, rest])));

async function statistics() {
    const { ann } = people;
    await press(ann, 'i');
    await until('Ann: statistics of both ways', LIMIT_S, () => statisticsOf(ann), (rows) => {
        const camera = rows[`${BO} camera`] ?? [], microphone = rows[`${BO} microphone`] ?? [];
        const sent = Object.entries(rows).filter(([what]) => /^camera( |$)/.test(what)).map(([, row]) => row);
        return /^\d+×\d+ \d+\/s$/.test(camera[1]) && camera[2] > 0 && camera[3]?.endsWith('%') && camera[4]?.endsWith('ms') &&
            microphone[0] === 'opus' && microphone[2] > 0 && sent.some((row) => row[2] > 0 && row[5].endsWith('ms'));
    });
    await picture(ann, 'statistics');
    await ann.page.getByRole('button', { name: 'Close the statistics' }).click();
    await sees(ann, hidden('#stats'));
}

async function latecomer() {
    const { ann } = people;
    const cy = people.cy = await openFirefox('Cy', { size: { width: 640, height: 480 } });
    await cy.goto(`${base}/team-standup?q=360`);
    await joins(cy);
    await Promise.all([moves(cy, 'Ann'), moves(ann, 'Cy')]);
    await sees(cy, hidden('[data-tool="chat"] .badge')); // lines from before are no news
    await click(cy, '[data-tool="chat"]');
    await reads(cy, '#chat-lines li:first-child p', LINE);
    await reads(cy, '#chat-lines li:last-child p', 'Read.');
    await picture(ann, 'three-ann');
    const tile = await tileOf(ann, 'Cy');
    await cy.goto('about:blank'); // closing the page says goodbye
    await sees(ann, hidden(tile));
    await cy.close();
}

/* Two people alone may go over to their own connection in between: then it is heard by that. */
async function hears(who, whom) {
    for (let i = 0; i < 5; i++)
        if (await energy(who, whom) > 0)
            return true;
    return false;
}

async function mute() {
    const { ann, bo } = people;
    const tile = await tileOf(bo, 'Ann');
    const loud = await energy(bo, 'Ann');
    expect(loud > 0, 'Bo does not hear Ann');
    await press(ann, 'm');
    await sees(bo, shown(`${tile} .tile-muted`));
    await labelled(bo, tile, (label) => label === 'Ann, muted');
    await labelled(ann, '[data-key="self"]', (label) => label.includes('muted'));
    // What was under way is played first, later on a busy machine; of silence a codec leaves a trace.
    let still = loud;
    for (let i = 0; i < 10 && still >= loud / 100; i++)
        still = await energy(bo, 'Ann');
    expect(still < loud / 100, `Bo hears Ann, who is muted: energy +${still}, before +${loud}`);
    await press(ann, 'm');
    await sees(bo, hidden(`${tile} .tile-muted`));
    expect(await hears(bo, 'Ann'), 'Bo does not hear Ann again');
}

async function camera() {
    const { ann, bo } = people;
    const tile = await tileOf(bo, 'Ann');
    await press(ann, 'v');
    await labelled(bo, tile, (label) => label === 'Ann, camera off');
    await sees(bo, hidden(`${tile}.has-picture`), shown(`${tile} .avatar`));
    expect(await ann.evaluate(() => window.__headrace.local.camera === null), 'the camera is still open');
    await press(ann, 'v');
    await moves(bo, 'Ann');
    await sees(bo, shown(`${tile}.has-picture video`));
    await labelled(bo, tile, (label) => label === 'Ann');
}

async function share() {
    const { ann, bo } = people;
    await press(ann, 's');
    await sees(ann, shown('#presenting'));
    await moves(bo, 'Ann', 'screen');
    await sees(bo, shown('.tile-screen.on-stage.has-picture video'));
    await labelled(bo, '.tile-screen', (label) => label === 'Ann’s screen');
    await picture(bo, 'screen-bo');
    await moves(bo, 'Ann');
    await click(ann, '#stop-sharing');
    await sees(bo, hidden('.tile-screen'));
    await sees(ann, hidden('#presenting'));
}

async function hand() {
    const { ann, bo } = people;
    const tile = await tileOf(ann, BO);
    await click(bo, '[data-tool="hand"]');
    await sees(ann, shown(`${tile} .tile-hand`));
    await labelled(ann, tile, (label) => label === `${BO}, hand raised`);
    await click(bo, '[data-tool="hand"]');
    await sees(ann, hidden(`${tile} .tile-hand`));
}

const route = (verb) => execFileSync('ip', ['route', verb, 'unreachable', `${BO_HOST}/32`, 'table', 'local']);

// Bo's TCP connection is aborted and no new one can be made; media has another way.
async function lostConnection() {
    const { ann, bo } = people;
    const tile = await tileOf(ann, BO);
    const then = await bo.evaluate(() => {
        window.pcBefore = window.__headrace.call.pc;
        window.__headrace.signalling.on('joined', (message) => { window.rejoined = message; });
        return window.__headrace.room.self;
    });
    route('add');
    const cut = execFileSync('ss', ['--kill', '--no-header', '--tcp', 'dst', BO_HOST, 'dport', '=', new URL(base).port]);
    expect(cut.toString().includes('ESTAB'), `no connection of Bo's was cut: ${cut}`);
    await sees(bo, shown('#banner'));
    expect((await bo.evaluate(look, ['#banner']))['#banner'].text.startsWith('Reconnecting'), 'the banner does not say so');
    await picture(bo, 'banner-bo');
    await click(bo, '[data-tool="chat"]');
    await says(bo, 'Here I am.');
    const kept = await bo.evaluate(() => document.getElementById('chat-text').value);
    expect(kept === 'Here I am.', `of a line that cannot be sent "${kept}" is kept`);
    await click(bo, '#panel-close');
    await press(ann, 'm');
    await press(ann, 'c');
    await says(ann, 'Are you there?');
    const before = await Promise.all([received(ann, BO), received(bo, 'Ann')]);
    await sleep(OFFLINE_MS);
    const after = await Promise.all([received(ann, BO), received(bo, 'Ann')]);
    const frames = after.map((r, i) => r.camera.framesDecoded - before[i].camera.framesDecoded);
    console.log(`  meanwhile ${frames[0]} frames of Bo at Ann, ${frames[1]} of Ann at Bo`);
    expect(frames.every((n) => n >= FRAMES), 'a picture stood still while the connection was lost');
    await sees(ann, shown(`${tile}.has-picture`));
    route('del');
    await sees(bo, hidden('#banner'));
    const now = await bo.evaluate(() => ({
        resumed: window.rejoined?.resumed, self: window.__headrace.room.self,
        same: window.pcBefore === window.__headrace.call.pc, state: window.__headrace.call.pc.connectionState,
    }));
    expect(now.resumed && now.self === then && now.same && now.state === 'connected', `not resumed: ${JSON.stringify(now)}`);
    await reads(bo, '[data-tool="chat"] .badge', '1'); // what was written meanwhile
    await sees(bo, shown(`${await tileOf(bo, 'Ann')} .tile-muted`));
    await click(bo, '[data-tool="chat"]');
    await reads(bo, '#chat-lines li:last-child p', 'Are you there?');
    await press(bo, 'Enter');
    await reads(ann, '#chat-lines li:last-child p', 'Here I am.');
    await click(bo, '#panel-close');
    await click(ann, '#panel-close');
    await press(ann, 'm');
    await sees(bo, hidden(`${await tileOf(bo, 'Ann')} .tile-muted`));
    await Promise.all([moves(ann, BO), moves(bo, 'Ann')]);
}

// The control plane ends and is started again: both join anew and go on, without a click.
async function restart() {
    const { ann, bo } = people;
    for (const b of [ann, bo]) {
        await b.evaluate(() => { window.pcBefore = window.__headrace.call.pc; });
    }
    console.log(RESTART);
    for (const b of [ann, bo]) {
        await until(`${b.name} has a new connection`, LIMIT_S, () => b.evaluate(() =>
            window.__headrace.signalling.state === 'joined' && window.__headrace.call.pc !== window.pcBefore), Boolean);
    }
    await sees(ann, hidden('#banner'), hidden('#alone'));
    await Promise.all([moves(ann, BO), moves(bo, 'Ann')]);
    await press(bo, 'c');
    await says(bo, 'Once more.');
    await reads(ann, '[data-tool="chat"] .badge', '1');
    await press(ann, 'c');
    await reads(ann, '#chat-lines li:last-child p', 'Once more.');
    await reads(ann, '#chat-lines li:last-child header b', BO);
    await click(ann, '#panel-close');
    await click(bo, '#panel-close');
}

async function leave() {
    const { ann, bo } = people;
    const tile = await tileOf(ann, BO);
    await click(bo, '[data-tool="leave"]');
    await sees(bo, shown('#ended'), hidden('#meeting'));
    await reads(bo, '#ended-title', 'You left the meeting');
    expect(await bo.evaluate(() => window.__headrace.local.camera === null), 'the camera is still open');
    await picture(bo, 'ended-bo');
    await sees(ann, hidden(tile), shown('#alone'));
    await click(bo, '#rejoin');
    await sees(bo, shown('#meeting'), hidden('#ended'));
    await Promise.all([moves(ann, BO), moves(bo, 'Ann')]);
    await press(ann, 'l');
    await sees(ann, shown('#ended'));
    await click(ann, '#ended a');
    await reads(ann, '#recent-rooms a span', 'team-standup');
}

// Each button has a name to be read aloud, those of the toolbar can be reached, and keys do not go astray.
async function buttons() {
    for (const b of [people.ann, people.bo]) {
        const nameless = (await b.page.locator('body').ariaSnapshot()).split('\n').filter((l) => /- (button|link|textbox|tab)(?! ")/.test(l));
        expect(nameless.length === 0, `${b.name}: without a name: ${nameless}`);
        const astray = await b.evaluate(() => [...document.querySelectorAll('[data-tool]')].filter((tool) => {
            const box = tool.getBoundingClientRect();
            const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
            return !tool.hidden && (!tool.contains(top) || !tool.ariaLabel || box.x < 0 || box.right > innerWidth);
        }).map((tool) => tool.dataset.tool));
        expect(astray.length === 0, `${b.name}: cannot be reached: ${astray}`);
        await press(b, '?');
        await sees(b, shown('#help[open]'));
        await press(b, 'm');
        await press(b, 'Escape');
        await sees(b, hidden('#help'));
        expect(await b.evaluate(() => window.__headrace.local.micOn), 'a key in a dialog muted the microphone');
    }
}

// A browser says itself that a WebSocket could not be opened; so it was while Bo's connection was cut, or the server away.
function silence() {
    const bad = Object.values(people).flatMap((b) => b.log
        .filter((line) => /^(error|exception|warn)/.test(line) && !/WebSocket connection to .* failed/.test(line))
        .map((line) => `${b.name}: ${line}`));
    expect(bad.length === 0, `in the consoles:\n  ${bad.join('\n  ')}`);
}

let code = 0;
try {
    people.ann = await openChromium('Ann', { fps: 10, size: { width: 960, height: 600 } });
    await does('start page', startPage);
    people.bo = await openChromium(BO, { fps: 10, size: { width: 390, height: 844 } });
    await people.bo.goto(`${BO_BASE}/Team-Standup?q=360`);
    await does('before joining', () => Promise.all([joins(people.ann), joins(people.bo)]));
    await does('faces', faces);
    await does('buttons', buttons);
    await does('statistics', statistics);
    await does('chat', chat);
    await does('latecomer', latecomer);
    await does('mute', mute);
    await does('camera', camera);
    await does('screen', share);
    await does('hand', hand);
    await does('lost connection', lostConnection);
    await does('restart', restart);
    await does('leave', leave);
    await does('consoles', silence);
} catch (error) {
    console.log(`PROBLEM ${step}: ${error.stack}`);
    for (const [name, b] of Object.entries(people)) {
        await picture(b, `problem-${name}`)?.catch(() => {});
        console.log(`${b.name}:\n  ${b.log.slice(-15).join('\n  ')}`);
    }
    code = 1;
}
await Promise.all(Object.values(people).map((b) => b.close().catch(() => {})));
process.exit(code);
