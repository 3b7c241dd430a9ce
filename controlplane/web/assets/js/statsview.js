/* The statistics overlay: a small table, drawn again every second while it is open. */

import { byId, el, show } from './dom.js';

const EVERY_MS = 1_000;

export class StatsView {
    #root = byId('stats');
    #collect;
    #timer = null;
    #before = null;

    /* collect() resolves with what stats.js makes. */
    constructor(collect) {
        this.#collect = collect;
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
        const { transport } = now;
        const pair = transport.pair;
        this.#root.replaceChildren(
            el('h2', { text: 'Statistics' }),
            el('p', {
                text:
                    `${now.connection} · ${transport.srtpCipher || 'no SRTP yet'} · ` +
                    `round trip ${pair ? Math.round(pair.rtt * 1000) : '–'} ms`,
            }),
            el('p', { text: pair ? `${pair.local} → ${pair.remote}` : 'no route yet' }),
            table(
                ['Sent', 'Codec', 'Picture', 'kbit/s', 'Limited by'],
                now.sent.map((s) => [
                    s.rid ? `${s.label} ${s.rid}` : s.label,
                    s.codec,
                    picture(s),
                    this.#rate(
                        now,
                        (t) => t.sent.find((o) => o.label === s.label && o.rid === s.rid)?.bytes,
                    ),
                    s.limitation && s.limitation !== 'none' ? s.limitation : '',
                ]),
            ),
            table(
                ['Received', 'Codec', 'Picture', 'kbit/s', 'Lost', 'Jitter', 'Freezes'],
                now.remote.flatMap((p) => this.#received(now, p)),
            ),
        );
        this.#before = now;
    }

    #received(now, participant) {
        const labels = ['microphone', 'camera', 'screen', 'screen-audio'];
        return labels
            .filter((l) => participant[l])
            .map((label) => {
                const r = participant[label];
                const bytes = (t) => t.remote.find((p) => p.id === participant.id)?.[label]?.bytes;
                return [
                    `${participant.name} ${label}`,
                    r.codec,
                    picture(r),
                    this.#rate(now, bytes),
                    r.lost,
                    `${Math.round(r.jitter * 1000)} ms`,
                    r.freezes ?? '',
                ];
            });
    }

    #rate(now, bytes) {
        const then = this.#before && bytes(this.#before);
        if (then === undefined || then === null) {
            return '–';
        }
        return Math.max(0, Math.round(((bytes(now) - then) * 8) / (now.time - this.#before.time)));
    }
}

function picture(figures) {
    return figures.width ? `${figures.width}×${figures.height} ${Math.round(figures.fps)}/s` : '';
}

function table(heads, rows) {
    return el(
        'table',
        {},
        el('tr', {}, ...heads.map((text) => el('th', { text }))),
        ...rows.map((row) => el('tr', {}, ...row.map((cell) => el('td', { text: String(cell) })))),
    );
}
