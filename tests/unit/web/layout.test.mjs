/* The maths of the grid: tiles stay in the field, do not overlap, and use it well. */

import assert from 'node:assert/strict';
import test from 'node:test';
import { arrange, gridOf } from '../../../controlplane/web/assets/js/layout.js';

const FIELDS = [
    [1408, 752],
    [752, 890],
    [374, 700],
    [344, 520],
    [800, 280],
].map(([width, height]) => ({ width, height }));

function overlaps(a, b) {
    return (
        a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
    );
}

function check({ rects, height }, field) {
    const placed = rects.filter(Boolean);
    for (const rect of placed) {
        assert.ok(
            rect.x >= 0 && rect.y >= 0 && rect.width > 0 && rect.height > 0,
            JSON.stringify(rect),
        );
        assert.ok(rect.x + rect.width <= field.width + 1, 'within the width');
        assert.ok(rect.y + rect.height <= height + 1, 'within the height');
    }
    placed.forEach((a, i) => placed.slice(i + 1).forEach((b) => assert.ok(!overlaps(a, b))));
}

test('equal tiles stay in the field and apart', () => {
    for (const field of FIELDS) {
        for (let count = 1; count <= 49; count++) {
            check(arrange(count, {}, field), field);
        }
    }
});

test('the stage and its strip stay in the field and apart', () => {
    for (const field of FIELDS) {
        for (let count = 2; count <= 30; count++) {
            for (const stage of [0, count - 1]) {
                const plan = arrange(count, { stage }, field);
                check(plan, field);
                const areas = plan.rects.map((r) => (r ? r.width * r.height : 0));
                assert.ok(areas[stage] >= Math.max(...areas), 'the stage is the largest');
                const hidden = plan.rects.filter((r) => r === null).length;
                assert.equal(plan.more !== null, hidden > 0, 'hidden ones are counted somewhere');
            }
        }
    }
});

test('one tile takes the field up to 16:9', () => {
    assert.deepEqual(gridOf(1, 1600, 900), { columns: 1, width: 1600, height: 900, scroll: false });
    assert.equal(gridOf(1, 1600, 450).width, 800);
});

test('four on a desktop are two by two, many on a phone scroll', () => {
    assert.equal(gridOf(4, 1408, 752).columns, 2);
    const crowd = arrange(30, {}, { width: 374, height: 700 });
    assert.ok(crowd.height > 700);
    assert.equal(gridOf(30, 374, 700).scroll, true);
});

test('two people: I am a small picture over the other', () => {
    for (const field of FIELDS) {
        const { rects } = arrange(2, { float: true }, field);
        assert.ok(rects[1].width < rects[0].width / 2);
        assert.ok(rects[1].x + rects[1].width <= rects[0].x + rects[0].width);
        assert.ok(rects[1].y + rects[1].height <= rects[0].y + rects[0].height);
    }
});
