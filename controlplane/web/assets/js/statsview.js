/* The statistics overlay: a small table, drawn again every second while it is open. */

import { byId, el, iconButton, show } from './dom.js';
import { RECEIVED, SENT, statsTable } from './statstable.js';

const EVERY_MS = 1_000;

export class StatsView {
    #root = byId('stats');
    #body = el('div');
    #collect;
    #timer = null;
    #before = null;

    /* collect() resolves with what stats.js makes. */
    constructor(collect) {
        this.#collect = collect;
        this.#root.replaceChildren(
            el(
                'header',
                {},
                el('h2', { text: 'Statistics' }),
                iconButton('close', 'Close the statistics', { onclick: () => this.close() }),
            ),
            this.#body,
        );
    }

    toggle() {
        if (this.#timer !== null) {
            this.close();
            return;
        }
        show(this.#root, true);
        this.#timer = setInterval(() => this.#draw(), EVERY_MS);
        this.#draw();
    }

    close() {
        clearInterval(this.#timer);
        this.#timer = this.#before = null;
        show(this.#root, false);
    }

    async #draw() {
        const now = await this.#collect().catch(() => null);
        if (!now || this.#timer === null) {
            return;
        }
        const { lines, sent, received } = statsTable(now, this.#before);
        this.#body.replaceChildren(
            ...lines.map((text) => el('p', { text })),
            table(SENT, sent),
            table(RECEIVED, received),
        );
        this.#before = now;
    }
}

function table(heads, rows) {
    return el(
        'table',
        {},
        el('tr', {}, ...heads.map((text) => el('th', { scope: 'col', text }))),
        ...rows.map((row) => el('tr', {}, ...row.map((cell) => el('td', { text: cell })))),
    );
}
