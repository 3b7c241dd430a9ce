/* Room names and people's names. */

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import test from 'node:test';
import { splitLinks } from '../../../controlplane/web/assets/js/links.js';
import * as names from '../../../controlplane/web/assets/js/names.js';

globalThis.crypto ??= webcrypto; // Node 18 has it only here

test('what is typed becomes a room name', () => {
    const cases = {
        'Weekly Sync': 'weekly-sync',
        '  Café  Zürich ': 'cafe-zurich',
        'https://meet.example.org/Team-A?x=1': 'team-a',
        'a/b': 'a-b',
        'v1.2_x~y': 'v1.2_x~y',
        'admin': '',
        '!!!': '',
        '': '',
        '..': '',
    };
    for (const [typed, room] of Object.entries(cases)) {
        assert.equal(names.roomFromText(typed), room, typed);
    }
    assert.equal(names.roomFromText('x'.repeat(200)).length, names.ROOM_LENGTH);
});

test('the page address names the room', () => {
    assert.equal(names.roomFromPath('/Team-A'), 'team-a');
    assert.equal(names.roomFromPath('/'), '');
    assert.equal(names.roomFromPath('/a/b'), '');
    assert.equal(names.roomFromPath('/%E0%A4%A'), '');
    assert.equal(names.roomFromPath('/metrics'), '');
});

test('a new room has a name that is allowed', () => {
    for (const value of [0, 1, 17, 31]) {
        assert.ok(names.isRoom(names.newRoom((limit) => value % limit)));
    }
    assert.ok(names.isRoom(names.newRoom()));
});

test('initials and colours', () => {
    assert.equal(names.initials('Ann'), 'A');
    assert.equal(names.initials('ann maria lee'), 'AL');
    assert.equal(names.initials('Żaneta (guest)'), 'ŻG');
    assert.equal(names.initials('🦊'), '?');
    assert.equal(names.initials(''), '?');
    assert.equal(names.colourOf('Ann'), names.colourOf(' ann '));
    assert.ok(names.colourOf('anybody') < 12);
    assert.equal(names.cleanName('  A\u202enn\n Lee '), 'Ann Lee');
});

test('only harmless avatars are shown', () => {
    assert.equal(names.safeAvatar('http://x/a.png'), '');
    assert.equal(names.safeAvatar('javascript:alert(1)'), '');
    assert.equal(names.safeAvatar('data:text/html,x'), '');
    assert.equal(names.safeAvatar('data:image/png;base64,AA'), 'data:image/png;base64,AA');
    assert.equal(names.safeAvatar('https://x/a.png'), 'https://x/a.png');
});

test('links of a chat line', () => {
    assert.deepEqual(splitLinks('none here'), [{ text: 'none here' }]);
    assert.deepEqual(splitLinks('see https://a.org/x(1). ok'), [
        { text: 'see ' },
        { text: 'https://a.org/x(1)', href: 'https://a.org/x(1)' },
        { text: '. ok' },
    ]);
    assert.deepEqual(
        splitLinks('(https://a.org)').map((p) => p.text),
        ['(', 'https://a.org', ')'],
    );
    assert.ok(splitLinks('javascript:alert(1) data:x http://').every((p) => !p.href));
    const line = 'http://a.b "https://c.d/<b>"';
    assert.equal(
        splitLinks(line)
            .map((p) => p.text)
            .join(''),
        line,
    );
});
