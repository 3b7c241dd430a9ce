/* The offer queue and the slots behind it. */

import assert from 'node:assert/strict';
import test from 'node:test';
import { Negotiation } from '../../../controlplane/web/assets/js/negotiation.js';
import { Slots, VIDEO_SLOTS } from '../../../controlplane/web/assets/js/slots.js';

const tick = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

test('requests coalesce and exchanges never overlap', async () => {
    let running = 0;
    let most = 0;
    let done = 0;
    const queue = new Negotiation(async () => {
        most = Math.max(most, ++running);
        await tick(30);
        running--;
        done++;
    });
    queue.request();
    await tick(60);
    assert.equal(done, 0, 'nothing runs before signalling is there');
    queue.resume();
    for (let i = 0; i < 5; i++) {
        queue.request();
        await tick(12);
    }
    await tick(200);
    assert.equal(most, 1);
    assert.ok(done >= 2 && done < 5, `${done} exchanges for six requests`);
    assert.ok(queue.idle);
});

test('a failure is tried again, one that would last is not', async () => {
    let calls = 0;
    const error = new Error('no');
    const queue = new Negotiation(async () => {
        calls++;
        throw error;
    });
    queue.resume();
    queue.request();
    await tick(500);
    assert.equal(calls, 2);
    error.retry = false;
    await tick(900);
    assert.equal(calls, 3);
    await tick(300);
    assert.equal(calls, 3);
    queue.pause();
});

function fakeSlots() {
    const made = [];
    const slots = new Slots((kind) => {
        const transceiver = { mid: null, receiver: { kind } };
        made.push(transceiver);
        return transceiver;
    });
    return {
        slots,
        made,
        agree: () => {
            made.forEach((t, i) => {
                t.mid = String(i);
            });
            slots.confirm(slots.subscriptions());
        },
    };
}

const video = (id) => ({ id, kind: 'video' });

test('slots are bound, freed and used again', () => {
    const { slots, made, agree } = fakeSlots();
    assert.equal(slots.want([video('s1'), { id: 's2', kind: 'audio' }]), true);
    assert.deepEqual(slots.subscriptions(), [], 'no mid before the local description');
    assert.equal(slots.receivers().size, 0, 'nothing is live before the answer');
    agree();
    assert.deepEqual([...slots.receivers().keys()], ['s1', 's2']);
    assert.equal(slots.want([video('s1'), { id: 's2', kind: 'audio' }]), false);
    assert.equal(
        slots.want([{ id: 's2', kind: 'audio' }], () => true),
        false,
        'the server knows',
    );
    assert.equal(slots.want([{ id: 's2', kind: 'audio' }, video('s3')]), true);
    assert.equal(made.length, 2, 'the freed slot is used again');
    assert.deepEqual([...slots.receivers().keys()], ['s2'], 's3 waits for its answer');
    agree();
    assert.deepEqual(
        [...slots.mids()],
        [
            ['0', 's3'],
            ['1', 's2'],
        ],
    );
    assert.equal(slots.want([video('s3')]), true, 'an unwanted source is unsubscribed');
    assert.deepEqual(slots.subscriptions()[1], { mid: '1', source: null });
});

test('what the server does not confirm is not live', () => {
    const { slots, made } = fakeSlots();
    slots.want([video('s1')]);
    made[0].mid = '0';
    slots.confirm([{ mid: '0', source: null }]);
    assert.equal(slots.receivers().size, 0);
});

test('slots are bounded', () => {
    const { slots, made } = fakeSlots();
    slots.want(Array.from({ length: 100 }, (_, i) => video(`s${i}`)));
    assert.equal(made.length, VIDEO_SLOTS);
});
