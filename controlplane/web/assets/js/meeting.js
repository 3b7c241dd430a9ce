/*
 * The meeting page: asks who you are (unless ?autojoin=1), holds the session, shows how it ended.
 *
 * Query: name=, autojoin=1, audio=0, video=0, q=720|480|360 (capture height and simulcast layers).
 */

import { LocalMedia } from './local.js';
import { qualityOf } from './devices.js';
import { byId, copyText, drawIcons, show } from './dom.js';
import { roomFromPath } from './names.js';
import { notice } from './notices.js';
import { lastIdentity, Prejoin } from './prejoin.js';
import { Session } from './session.js';
import { rememberRoom } from './store.js';

const ENDINGS = {
    left: ['You left the meeting', 'You can come back by the same link.'],
    kicked: ['You were removed from the meeting', ''],
    replaced: ['You joined from somewhere else', 'This page was taken over by a newer one.'],
    room_full: ['This meeting is full', 'Try again when somebody has left.'],
    server_full: ['The server is full', 'Try again in a while.'],
    draining: [
        'The server is about to stop',
        'It takes no new participants. Try again in a minute.',
    ],
};

const query = new URLSearchParams(location.search);
const room = roomFromPath(location.pathname);
let session = null;
let wakeLock = null;
let started = 0;

function newLocal() {
    return new LocalMedia(
        qualityOf(query.get('q')),
        query.get('audio') !== '0',
        query.get('video') !== '0',
    );
}

async function prepare() {
    const local = newLocal();
    let identity = lastIdentity(query.get('name'));
    if (query.get('autojoin') === '1') {
        identity.name ||= 'Guest';
        const ready = local.start();
        join(identity, local);
        await ready;
    } else {
        identity = await new Prejoin(room, local, identity).ask();
        join(identity, local);
    }
}

function join(identity, local) {
    rememberRoom(room);
    session = new Session(room, identity, local);
    session.on('ended', (why) => ended(why, identity, local));
    globalThis.__headrace = {
        session,
        call: session.call,
        signalling: session.signalling,
        room: session.room,
        local,
        stats: () => session.stats(),
    };
    started = Date.now();
    session.start();
    keepAwake();
}

function ended({ reason, text }, identity, local) {
    local.stop();
    wakeLock?.release().catch(() => {});
    wakeLock = null;
    const [title, words] = ENDINGS[reason] ?? ['The meeting ended', ''];
    byId('ended-title').textContent = title;
    byId('ended-text').textContent = text || words;
    document.title = 'Headrace';
    show(byId('ended'), true);
    byId('ended-title').focus();
    byId('rejoin').onclick = () => {
        show(byId('ended'), false);
        const again = newLocal();
        again.micOn = local.micOn;
        again.cameraOn = local.cameraOn;
        again.start();
        join(identity, again);
    };
}

async function keepAwake() {
    if (
        document.visibilityState === 'visible' &&
        !wakeLock &&
        session?.signalling.state !== 'ended'
    ) {
        wakeLock = (await navigator.wakeLock?.request('screen').catch(() => null)) ?? null;
        wakeLock?.addEventListener('release', () => {
            wakeLock = null;
        });
    }
}

function showClock() {
    const seconds = Math.floor((Date.now() - started) / 1000);
    const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    const text = parts
        .map((n) => String(n).padStart(2, '0'))
        .join(':')
        .replace(/^00:/, '');
    byId('clock').textContent = started ? text : '';
}

async function copyLink() {
    const done = await copyText(`${location.origin}/${room}`);
    notice(
        done ? 'Link copied. Whoever opens it can join.' : 'The link could not be copied.',
        'copy',
    );
}

function refuse() {
    byId('ended-title').textContent = 'This is no name for a room';
    byId('ended-text').textContent = 'A name has up to 64 letters, digits and the signs - _ . ~';
    show(byId('rejoin'), false);
    show(byId('ended'), true);
}

drawIcons();
byId('copy-link').onclick = copyLink;
byId('invite').onclick = copyLink;
setInterval(showClock, 1000);
document.addEventListener('visibilitychange', () => session && keepAwake());
/* Closing the page says goodbye; a page that comes back from the browser's cache starts afresh. */
globalThis.addEventListener('pagehide', () => session?.leave());
globalThis.addEventListener('pageshow', (event) => event.persisted && location.reload());

if (room === '') {
    refuse();
} else {
    prepare();
}
