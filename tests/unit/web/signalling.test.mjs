/* The WebSocket client against a scripted socket, and the room that its messages build. */

import assert from 'node:assert/strict';
import test from 'node:test';
import { Room } from '../../../controlplane/web/assets/js/room.js';
import { backoff, Signalling, signalUrl } from '../../../controlplane/web/assets/js/signalling.js';

class FakeSocket {
    static OPEN = 1;
    static all = [];
    readyState = 1;
    sent = [];

    constructor(url, protocol) {
        Object.assign(this, { url, protocol });
        FakeSocket.all.push(this);
    }

    send(text) {
        this.sent.push(JSON.parse(text));
    }

    close() {
        this.readyState = 3;
    }

    say(message) {
        this.onmessage({ data: JSON.stringify(message) });
    }

    static get last() {
        return FakeSocket.all.at(-1);
    }
}
globalThis.WebSocket = FakeSocket;

const tick = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function join(message = {}) {
    const signalling = new Signalling('ws://x', () => ({ name: 'Ann' }));
    signalling.start();
    FakeSocket.last.onopen();
    FakeSocket.last.say({ type: 'joined', participant: 'p1', resume: 't1', ...message });
    return signalling;
}

test('the address', () => {
    assert.equal(signalUrl('a', { protocol: 'https:', host: 'h' }), 'wss://h/api/rooms/a/signal');
});

test('joins first, numbers offers, and matches answers and errors to them', async () => {
    const signalling = join();
    assert.equal(FakeSocket.last.protocol, 'headrace.1');
    assert.deepEqual(FakeSocket.last.sent[0], { type: 'join', name: 'Ann' });
    const first = signalling.offer('a', [], []);
    const second = signalling.offer('b', [], []);
    const [one, two] = FakeSocket.last.sent.slice(1).map((m) => m.request);
    FakeSocket.last.say({ type: 'error', code: 'bad_sdp', text: 'line 3', request: two });
    FakeSocket.last.say({ type: 'answer', sdp: 'x', request: one });
    assert.equal((await first).sdp, 'x');
    await assert.rejects(second, { code: 'bad_sdp', message: 'line 3' });
    signalling.leave();
    assert.equal(FakeSocket.last.sent.at(-1).type, 'leave');
});

test('a drop rejects what waits, and the next join resumes', async () => {
    const signalling = join();
    const offer = signalling.offer('a', [], []);
    const sockets = FakeSocket.all.length;
    FakeSocket.last.onclose();
    await assert.rejects(offer, { code: 'offline' });
    assert.equal(signalling.state, 'reconnecting');
    assert.equal(signalling.send({ type: 'chat', text: 'x' }), false);
    await tick(400);
    assert.equal(FakeSocket.all.length, sockets + 1);
    FakeSocket.last.onopen();
    assert.equal(FakeSocket.last.sent[0].resume, 't1');
    FakeSocket.last.say({ type: 'joined', participant: 'p1', resume: 't2', resumed: true });
    assert.equal(signalling.state, 'joined');
    signalling.leave();
});

test('fatal errors and a kick end it, what may pass does not', async () => {
    for (const [message, reason] of [
        [{ type: 'error', code: 'room_full', text: '', fatal: true }, 'room_full'],
        [{ type: 'bye', reason: 'kicked' }, 'kicked'],
    ]) {
        const signalling = join();
        let ended = null;
        signalling.on('ended', (why) => {
            ended = why.reason;
        });
        FakeSocket.last.say(message);
        assert.equal(ended, reason);
    }
    const signalling = join();
    FakeSocket.last.say({ type: 'error', code: 'dataplane_down', fatal: true });
    FakeSocket.last.say({ type: 'bye', reason: 'shutdown' });
    FakeSocket.last.onmessage({ data: 'not JSON' });
    FakeSocket.last.say({ type: 'something-new' });
    assert.equal(signalling.state, 'joined');
    signalling.leave();
});

test('pauses grow, and stay bounded', () => {
    assert.ok(backoff(0, 0) >= 150 && backoff(0, 1) <= 300);
    assert.equal(backoff(50, 1), 8000);
});

const source = (id, label, more = {}) => ({
    id,
    kind: /mic|audio/.test(label) ? 'audio' : 'video',
    label,
    ...more,
});
const person = (id, ...sources) => ({ id, name: id, kind: 'member', hand: false, sources });

test('the room follows the messages', () => {
    const room = new Room();
    const news = [];
    for (const type of ['arrived', 'departed', 'hand']) {
        room.on(type, (p, reason) => news.push([type, p.id, reason].filter(Boolean).join(' ')));
    }
    room.joined({ participant: 'p1', participants: [person('p2', source('s1', 'camera'))] });
    assert.deepEqual(news, [], 'who was there before is no news');
    room.take('participant-joined', { participant: person('p3') });
    room.take('source-added', { participant: 'p3', source: source('s2', 'microphone') });
    room.take('source-added', { participant: 'p3', source: source('s3', 'screen') });
    room.take('source-added', { participant: 'nobody', source: source('s9', 'screen') });
    assert.deepEqual(
        room.wanted().map((s) => s.id),
        ['s2', 's3', 's1'],
        'voices, screens, cameras',
    );
    room.take('source-updated', {
        participant: 'p3',
        source: source('s2', 'microphone', { muted: true }),
    });
    assert.equal(room.source(room.participants.get('p3'), 'microphone').muted, true);
    room.take('participant-updated', { participant: { id: 'p3', name: 'Kai', hand: true } });
    assert.equal(
        room.participants.get('p3').sources.size,
        2,
        'an update without sources keeps them',
    );
    room.take('source-removed', { participant: 'p3', source: 's3' });
    room.take('participant-left', { participant: 'p2', reason: 'gone' });
    assert.deepEqual(news, ['arrived p3', 'hand p3', 'departed p2 gone']);
    room.joined({ participant: 'p1', resumed: true, participants: [person('p4')] });
    assert.deepEqual(news.slice(3), ['departed p3 left', 'arrived p4']);
});
