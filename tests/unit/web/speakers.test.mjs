/* Who speaks: what the page knows of it, what it marks, and that it comes in sight. */

import assert from 'node:assert/strict';
import test from 'node:test';
import { Places } from '../../../controlplane/web/assets/js/places.js';
import { Room } from '../../../controlplane/web/assets/js/room.js';
import { describe } from '../../../controlplane/web/assets/js/tile.js';
import { peopleOf, recentOf, tilesOf } from '../../../controlplane/web/assets/js/views.js';

const person = (id, kind = 'member') => ({ id, name: id, kind, sources: [] });

function roomOf(...ids) {
    const room = new Room();
    room.joined({ participant: 'p0', participants: ids.map((id) => person(id)) });
    return room;
}

const me = { name: 'me', local: { micOn: true, cameraOn: false, camera: null, screen: null } };
const marked = (room) =>
    tilesOf(room, me, new Map(), new Set())
        .filter((s) => s.dominant)
        .map((s) => s.key);

/* ---- what is known */

test('a message names who speaks, joined tells latecomers', () => {
    const room = roomOf('p1', 'p2');
    assert.deepEqual([room.speaker, room.recent], [null, []]);
    let changes = 0;
    room.on('change', () => changes++);
    room.take('speaker', { participant: 'p2', recent: ['p2', 'p1'] });
    assert.deepEqual([room.speaker, room.recent, changes], ['p2', ['p2', 'p1'], 1]);
    room.take('speaker', { participant: null, recent: ['p1'] });
    assert.deepEqual([room.speaker, room.recent], [null, ['p1']]);
    const late = new Room();
    late.joined({
        participant: 'p9',
        participants: [person('p1')],
        speaker: { participant: 'p1', recent: ['p1'] },
    });
    assert.deepEqual([late.speaker, late.recent], ['p1', ['p1']]);
});

test('who leaves is no speaker any more', () => {
    const room = roomOf('p1', 'p2', 'p3');
    room.take('speaker', { participant: 'p2', recent: ['p2', 'p1'] });
    room.take('participant-left', { participant: 'p2', reason: 'left' });
    assert.deepEqual([room.speaker, room.recent], [null, ['p1']]);
});

/* ---- what is marked */

test('one tile is marked, mine too; two people alone need no mark', () => {
    const room = roomOf('p1', 'p2');
    assert.deepEqual(marked(room), []);
    room.take('speaker', { participant: 'p2', recent: ['p2', 'p0'] });
    assert.deepEqual(marked(room), ['p2']);
    assert.deepEqual(recentOf(room), ['p2', 'self']);
    room.take('speaker', { participant: 'p0', recent: ['p0', 'p2'] });
    assert.deepEqual(marked(room), ['self']);
    assert.deepEqual(peopleOf(room, me).map((p) => p.dominant), [true, false, false]);
    room.take('participant-left', { participant: 'p1', reason: 'left' });
    assert.deepEqual(marked(room), []);
});

test('who only watches is nobody to speak with', () => {
    const room = roomOf('p1');
    room.take('participant-joined', { participant: person('p2', 'whep') });
    room.take('speaker', { participant: 'p1', recent: ['p1'] });
    assert.deepEqual(marked(room), []);
});

test('the mark is in words for screen readers', () => {
    const spec = { label: 'Ann', muted: true, track: {}, hand: false, screen: false };
    assert.equal(describe({ ...spec, dominant: true }), 'Ann, main speaker, muted');
    assert.equal(describe({ ...spec, dominant: false }), 'Ann, muted');
});

/* ---- where it stands */

const specsOf = (keys) =>
    keys.map((key) => ({ key, self: key === 'self', screen: key.includes(':') }));
const order = (places, keys) => places.arrange(specsOf(keys)).map((s) => s.key);

test('places are the order of the room until somebody is brought in sight', () => {
    const places = new Places();
    const keys = ['p1:s1', 'p1', 'p2', 'p3', 'p4', 'p5', 'self'];
    assert.deepEqual(order(places, keys), keys);
    const sight = new Set(['p1:s1', 'p1', 'p2', 'p3']);
    assert.equal(places.bring('p2', sight, ['p2']), false);
    assert.deepEqual(order(places, keys), keys);
    assert.equal(places.bring('p5', sight, ['p5', 'p3', 'p1']), true);
    assert.deepEqual(order(places, keys), ['p1:s1', 'p1', 'p5', 'p3', 'p4', 'p2', 'self']);
});

test('who never spoke makes place first, then who spoke longest ago', () => {
    const places = new Places();
    const keys = ['p1', 'p2', 'p3', 'p4', 'self'];
    const sight = () => new Set(order(places, keys).slice(0, 3));
    order(places, keys);
    places.bring('p4', sight(), ['p4', 'p1']);
    assert.deepEqual(order(places, keys), ['p1', 'p2', 'p4', 'p3', 'self']);
    places.bring('p3', sight(), ['p3', 'p4', 'p2', 'p1']);
    assert.deepEqual(order(places, keys), ['p3', 'p2', 'p4', 'p1', 'self']);
});

test('who comes stands last, who goes leaves the others in their order', () => {
    const places = new Places();
    order(places, ['p1', 'p2', 'p3', 'self']);
    places.bring('p3', new Set(['p1']), []);
    const five = ['p1', 'p2', 'p3', 'p4', 'self'];
    assert.deepEqual(order(places, five), ['p3', 'p2', 'p1', 'p4', 'self']);
    assert.deepEqual(order(places, ['p2', 'p3', 'p4', 'self']), ['p3', 'p2', 'p4', 'self']);
});

test('I and shared screens are not moved, and a field without people is no place', () => {
    const places = new Places();
    const keys = ['p1:s1', 'p1', 'p2', 'self'];
    order(places, keys);
    assert.equal(places.bring('self', new Set(['p1']), []), false);
    assert.equal(places.bring('p1:s1', new Set(['p1']), []), false);
    assert.equal(places.bring('p9', new Set(['p1']), []), false);
    assert.equal(places.bring('p2', new Set(['p1:s1', 'self']), []), false);
    assert.deepEqual(order(places, keys), keys);
});
