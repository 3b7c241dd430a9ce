/* The call from browser to browser: who does what when, and that nobody's picture stands still. */

import assert from 'node:assert/strict';
import test from 'node:test';
import { Direct, moving, safetyNumber } from '../../../controlplane/web/assets/js/direct.js';
import { Emitter } from '../../../controlplane/web/assets/js/emitter.js';

globalThis.MediaStream ??= class {};

const tick = (ms = 5) => new Promise((resolve) => setTimeout(resolve, ms));

class FakeSignalling extends Emitter {
    sent = [];

    send(message) {
        this.sent.push(message);
        return true;
    }

    last(type) {
        return this.sent.findLast((m) => m.type === type);
    }
}

class FakePeer extends EventTarget {
    connectionState = 'new';
    closed = false;
    #transceivers = [];

    addTransceiver(trackOrKind, { direction }) {
        const track = typeof trackOrKind === 'string' ? null : trackOrKind;
        const sender = {
            track,
            replaceTrack: async (other) => {
                sender.track = other;
            },
            getParameters: () => ({ encodings: [{}] }),
            setParameters: async (p) => {
                sender.parameters = p;
            },
            setStreams: () => {},
        };
        const mid = String(this.#transceivers.length);
        const receiver = { mid };
        this.#transceivers.push({ mid, direction, sender, receiver });
        return this.#transceivers.at(-1);
    }

    getTransceivers() {
        return this.#transceivers;
    }

    async setLocalDescription() {
        this.localDescription = { sdp: 'v=0\r\na=fingerprint:sha-256 AA\r\n' };
    }

    async setRemoteDescription(description) {
        this.remoteDescription = description;
        if (description.type === 'offer') {
            [0, 1, 2, 3].forEach(() => this.addTransceiver('video', { direction: 'recvonly' }));
        }
    }

    become(state) {
        this.connectionState = state;
        this.dispatchEvent(new Event('connectionstatechange'));
    }

    close() {
        this.closed = true;
    }
}

/* gates: what `moving` was asked for, each to be let through by the test. */
function make() {
    const signalling = new FakeSignalling();
    const peers = [];
    const gates = [];
    const tracks = new Map([
        ['microphone', { id: 'mic' }],
        ['camera', { id: 'cam' }],
    ]);
    const direct = new Direct(signalling, {
        peer: () => peers[peers.push(new FakePeer()) - 1],
        tracks: () => tracks,
        pictures: () => ['camera'],
        ordinary: (label) => ({ ordinary: label }),
        limit: () => 1000,
        moving: (receivers, more) =>
            new Promise((resolve) => gates.push({ receivers, more, resolve })),
    });
    return { signalling, direct, peers, gates, tracks };
}

async function running() {
    const made = make();
    const { signalling, peers, gates } = made;
    signalling.emit('direct', { id: 'd1', role: 'offerer', participant: 'p2' });
    await tick();
    signalling.emit('direct-answer', { id: 'd1', sdp: 'a=fingerprint:sha-256 BB' });
    await tick();
    peers[0].become('connected');
    await tick();
    gates.shift().resolve(true);
    await tick();
    signalling.emit('direct-state', { id: 'd1', state: 'direct' });
    await tick();
    return made;
}

test('the offerer offers one section a label', async () => {
    const { signalling, direct } = make();
    signalling.emit('direct', { id: 'd1', role: 'offerer', participant: 'p2' });
    await tick();
    const offer = signalling.last('direct-offer');
    assert.equal(offer.id, 'd1');
    assert.deepEqual(
        offer.sources.map((s) => s.label),
        ['microphone', 'camera', 'screen', 'screen-audio'],
    );
    assert.equal(direct.peer, 'p2');
    assert.equal(direct.receiving, false);
    direct.close();
});

test('the answerer goes by the labels, not by the order', async () => {
    const { signalling, direct, peers } = make();
    signalling.emit('direct', { id: 'd1', role: 'answerer', participant: 'p1' });
    const sources = [
        { mid: '1', label: 'microphone' },
        { mid: '0', label: 'camera' },
    ];
    signalling.emit('direct-offer', { id: 'd9', sdp: 'v=0', sources });
    await tick();
    assert.equal(signalling.last('direct-answer'), undefined, 'of another one');
    signalling.emit('direct-offer', { id: 'd1', sdp: 'v=0', sources });
    await tick();
    const [first, second, third] = peers[0].getTransceivers();
    assert.equal(first.sender.track.id, 'cam');
    assert.equal(second.sender.track.id, 'mic');
    assert.deepEqual([first.direction, third.direction], ['sendrecv', 'recvonly']);
    assert.ok(signalling.last('direct-answer'));
    direct.close();
});

test('nothing is switched before pictures move', async () => {
    const { signalling, direct, peers, gates } = make();
    signalling.emit('direct', { id: 'd1', role: 'offerer', participant: 'p2' });
    await tick();
    peers[0].become('connected');
    await tick();
    assert.equal(direct.receiving, false);
    assert.deepEqual(
        gates[0].receivers.map((r) => r.mid),
        ['1'],
    );
    assert.equal(signalling.last('direct-state'), undefined);
    gates[0].resolve(true);
    await tick();
    assert.equal(direct.receiving, true);
    assert.equal(direct.sealed, false, 'the other has not said that it sees me here');
    assert.equal(signalling.last('direct-state').state, 'direct');
    signalling.emit('direct-state', { id: 'd1', state: 'direct' });
    await tick();
    assert.equal(direct.sealed, true);
    direct.close();
});

test('pictures that do not come are a failure', async () => {
    const { signalling, direct, peers, gates } = make();
    signalling.emit('direct', { id: 'd1', role: 'offerer', participant: 'p2' });
    await tick();
    peers[0].become('connected');
    await tick();
    gates[0].resolve(false);
    await tick();
    assert.equal(signalling.last('direct-state').state, 'failed');
    assert.equal(direct.receiving, false);
    direct.close();
});

test('back: send first, switch when it moves, close when both have', async () => {
    const { signalling, direct, peers, gates } = await running();
    assert.equal(direct.sealed, true);
    signalling.emit('direct-end', { id: 'd1', reason: 'joined' });
    await tick();
    assert.equal(direct.sending, false, 'sends in the ordinary way at once');
    assert.equal(direct.receiving, true, 'shows the direct picture still');
    assert.deepEqual(gates[0].receivers, [{ ordinary: 'camera' }]);
    gates[0].resolve(true);
    await tick();
    assert.equal(direct.receiving, false);
    assert.equal(peers[0].closed, false, 'the other may see me there still');
    await tick(700);
    assert.equal(signalling.last('direct-state').state, 'relay');
    assert.equal(peers[0].closed, false);
    signalling.emit('direct-state', { id: 'd1', state: 'relay' });
    await tick();
    assert.equal(peers[0].closed, true);
    assert.equal(direct.pc, null);
});

test('the other has left: away at once', async () => {
    const { signalling, direct, peers } = await running();
    signalling.emit('direct-end', { id: 'd1', reason: 'left' });
    await tick();
    assert.equal(peers[0].closed, true);
    assert.equal(direct.sealed, false);
});

test('a join tells whether it is still there', async () => {
    const { signalling, direct, peers, gates } = await running();
    signalling.emit('joined', { resumed: true, direct: 'd1' });
    await tick();
    assert.equal(direct.sealed, true);
    signalling.emit('joined', { resumed: true });
    await tick();
    assert.equal(direct.sending, false);
    gates[0].resolve(true);
    signalling.emit('joined', {});
    await tick();
    assert.equal(peers[0].closed, true);
});

test('what I send follows the camera', async () => {
    const { direct, peers, tracks } = await running();
    tracks.set('camera', null);
    tracks.set('screen', { id: 'screen' });
    direct.update();
    await tick();
    const sent = peers[0].getTransceivers().map((t) => t.sender.track?.id ?? null);
    assert.deepEqual(sent, ['mic', null, 'screen', null]);
    direct.close();
});

test('a connection that fails is said to have', async () => {
    const { signalling, direct, peers } = await running();
    peers[0].become('failed');
    assert.equal(signalling.last('direct-state').state, 'failed');
    direct.close();
});

test('moving counts from what was decoded before', async () => {
    let n = 100;
    const frames = async () => n;
    setTimeout(() => {
        n = 102;
    }, 100);
    assert.equal(await moving([{}], 2, 1000, frames), true);
    assert.equal(await moving([{}], 2, 100, frames), false);
    assert.equal(await moving([], 2, 0, frames), true);
});

test('the number is the same at both ends, and another with another certificate', async () => {
    const one = await safetyNumber({ mine: 'sha-256 aa:bb', theirs: 'sha-256 CC:DD' });
    const other = await safetyNumber({ mine: 'sha-256 CC:DD', theirs: 'sha-256 AA:BB' });
    const third = await safetyNumber({ mine: 'sha-256 CC:DD', theirs: 'sha-256 AA:BC' });
    assert.match(one, /^(\d{5} ){7}\d{5}$/);
    assert.equal(one, other);
    assert.notEqual(one, third);
});
