/* What is shown is told when it changes, and not more often than that. */

import assert from 'node:assert/strict';
import test from 'node:test';
import { View } from '../../../controlplane/web/assets/js/view.js';

function world() {
    const w = { sent: [], up: true, due: null };
    const timers = {
        setTimeout: (f) => {
            w.due = f;
            return 1;
        },
        clearTimeout: () => {
            w.due = null;
        },
    };
    w.pass = () => {
        const due = w.due;
        w.due = null;
        due?.();
    };
    w.view = new View((m) => w.up && Boolean(w.sent.push(m)), timers);
    return w;
}

const tile = (source, width, height, pinned = false) => ({
    key: 'k',
    source,
    width,
    height,
    pinned,
});

test('the last of many changes is told, once', () => {
    const w = world();
    for (let width = 100; width <= 200; width++) {
        w.view.set([tile('s1', width + 0.4, 90)]);
    }
    assert.deepEqual(w.sent, []);
    w.pass();
    assert.deepEqual(w.sent, [
        { type: 'view', sources: [{ source: 's1', width: 200, height: 90 }] },
    ]);
    w.view.set([tile('s1', 200, 90)]);
    w.pass();
    assert.equal(w.sent.length, 1);
    w.view.set([tile('s1', 200, 90, true)]);
    w.pass();
    assert.equal(w.sent[1].sources[0].pinned, true);
    w.view.set([]);
    w.pass();
    assert.deepEqual(w.sent[2], { type: 'view', sources: [] });
});

test('it is told again after a new join, and what could not be told is', () => {
    const w = world();
    w.up = false;
    w.view.set([tile('s1', 10, 10)]);
    w.pass();
    w.up = true;
    w.view.again();
    w.pass();
    assert.equal(w.sent.length, 1);
    w.view.again();
    w.pass();
    assert.equal(w.sent.length, 2);
    w.view.set([]);
    w.view.close();
    w.pass();
    assert.equal(w.sent.length, 2);
});
