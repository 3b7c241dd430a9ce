/* Where tiles go, in numbers only: CSS pixels from the top left of the field. */

export const GAP = 10;

/* Tiles may be narrower than a camera's picture, which is cropped then: on phones, to fill them. */
const NARROWEST = 1.1;
const NARROWEST_UPRIGHT = 0.75;
const WIDEST = 16 / 9;
const SMALLEST_WIDTH = 150;
const SMALLEST_UNDER_STAGE = 104;

/*
 * Places `count` tiles: {rects, more, height}. `stage` is the index of the tile that gets the
 * stage, or -1; `float` lays the last tile as a small picture over the first of two. rects[i] is
 * {x, y, width, height}, or null for a tile the strip has no room for; `more` is then the place for
 * a note of how many. `height` is that of the whole, more than the field's when it scrolls.
 */
export function arrange(count, { stage = -1, float = false }, field) {
    if (stage >= 0 && count > 1) {
        return staged(count, stage, field);
    }
    if (float && count === 2) {
        return floating(field);
    }
    return even(count, field, SMALLEST_WIDTH);
}

function even(count, field, smallest) {
    const grid = gridOf(count, field.width, field.height, smallest);
    const rects = Array.from({ length: count }, (_, i) => cellOf(i, count, grid, field));
    const height = grid.scroll ? rects[count - 1].y + grid.height : field.height;
    return { rects, more: null, height };
}

/*
 * {columns, width, height, scroll} of the largest equal tiles that `count` of find room for. When
 * they would be smaller than a face, they keep that size and the grid scrolls.
 */
export function gridOf(count, width, height, smallest = SMALLEST_WIDTH) {
    let best = { columns: 1, width: 0, height: 0, scroll: false };
    for (let columns = 1; columns <= count; columns++) {
        const tile = tileOf(columns, Math.ceil(count / columns), { width, height });
        if (tile.width * tile.height > best.width * best.height * 1.001) {
            best = { columns, ...tile, scroll: false };
        }
    }
    return best.width < Math.min(smallest, width) && count > 1 ? scrolling(width, smallest) : best;
}

function tileOf(columns, rows, field) {
    const narrowest = field.width < field.height ? NARROWEST_UPRIGHT : NARROWEST;
    const width = (field.width - GAP * (columns - 1)) / columns;
    const height = (field.height - GAP * (rows - 1)) / rows;
    if (width <= 0 || height <= 0) {
        return { width: 0, height: 0 };
    }
    const shape = Math.min(WIDEST, Math.max(narrowest, width / height));
    return {
        width: Math.floor(Math.min(width, height * shape)),
        height: Math.floor(Math.min(height, width / shape)),
    };
}

function scrolling(width, smallest) {
    const columns = Math.max(1, Math.floor((width + GAP) / (smallest + GAP)));
    const tile = Math.max(1, Math.floor((width - GAP * (columns - 1)) / columns));
    return { columns, width: tile, height: Math.floor(tile * 0.75), scroll: true };
}

/* Tile i of the grid; the rows stand in the middle, and so does a last row that is short. */
function cellOf(i, count, grid, field) {
    const rows = Math.ceil(count / grid.columns);
    const row = Math.floor(i / grid.columns);
    const inRow = row === rows - 1 ? count - row * grid.columns : grid.columns;
    const across = inRow * (grid.width + GAP) - GAP;
    const down = rows * (grid.height + GAP) - GAP;
    return {
        x: Math.round((field.width - across) / 2 + (i % grid.columns) * (grid.width + GAP)),
        y: Math.round(Math.max(0, (field.height - down) / 2) + row * (grid.height + GAP)),
        width: grid.width,
        height: grid.height,
    };
}

/* Two people: the other one fills the field, I am a small picture in its corner. */
function floating(field) {
    const upright = field.width < field.height;
    const main = upright
        ? { x: 0, y: 0, width: field.width, height: field.height }
        : cellOf(0, 1, gridOf(1, field.width, field.height), field);
    const width = Math.round(Math.min(240, Math.max(104, main.width * (upright ? 0.3 : 0.2))));
    const height = Math.round(upright ? (width * 4) / 3 : (width * 9) / 16);
    const rect = {
        x: main.x + main.width - width - 14,
        y: main.y + main.height - height - 14,
        width,
        height,
    };
    return { rects: [main, rect], more: null, height: field.height };
}

/* A wide field has the others in a strip at the side, an upright one in a grid under the stage. */
function staged(count, stage, field) {
    if (field.width < field.height) {
        return stagedUpright(count, stage, field);
    }
    const tile = sideTile(field);
    const step = tile.height + GAP;
    const room = Math.max(1, Math.floor((field.height + GAP) / step));
    const others = count - 1;
    const shown = others > room ? room - 1 : others;
    const places = Math.min(others, room);
    const start = Math.max(0, Math.round((field.height - (places * step - GAP)) / 2));
    const place = (n) => ({ x: field.width - tile.width, y: start + n * step, ...tile });
    const main = { x: 0, y: 0, width: field.width - tile.width - GAP, height: field.height };
    const rects = withStage(count, stage, main, (n) => (n < shown ? place(n) : null));
    return { rects, more: others > shown ? place(shown) : null, height: field.height };
}

function stagedUpright(count, stage, field) {
    const height = Math.round(Math.min(field.height * 0.6, field.width * 0.65));
    const left = field.height - height - GAP;
    /* A single other one stays no larger than the stage, and both stand in the middle. */
    const below = { width: field.width, height: count === 2 ? Math.min(left, height) : left };
    const top = Math.floor((left - below.height) / 2);
    const main = { x: 0, y: top, width: field.width, height };
    const grid = even(count - 1, below, SMALLEST_UNDER_STAGE);
    const down = (rect) => ({ ...rect, y: rect.y + top + height + GAP });
    const rects = withStage(count, stage, main, (n) => down(grid.rects[n]));
    return { rects, more: null, height: grid.height + top * 2 + height + GAP };
}

/* The stage's rectangle at its index; place(n) for the n-th of the others. */
function withStage(count, stage, main, place) {
    let next = 0;
    return Array.from({ length: count }, (_, i) => (i === stage ? main : place(next++)));
}

function sideTile(field) {
    const width = Math.round(Math.min(260, Math.max(150, field.width * 0.18)));
    return { width, height: Math.round((width * 9) / 16) };
}
