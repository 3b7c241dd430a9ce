/* The field of tiles: keeps one Tile a key and lays them out again whenever anything changes. */

import { el, show } from './dom.js';
import { arrange } from './layout.js';
import { Places } from './places.js';
import { Tile } from './tile.js';

export class Grid {
    #root;
    #list = el('ul', { class: 'tiles', 'aria-label': 'People in the meeting' });
    #more = el('button', { type: 'button', class: 'tile-more', hidden: true });
    #tiles = new Map();
    #specs = []; /* in the order of places */
    #places = new Places();
    #recent = [];
    #pinned = null;
    #rects = [];
    #changed;
    #observer;

    /* showAll() is called when the user asks for those the strip has no room for, changed() when
     * shown() may be something else. */
    constructor(root, showAll, changed = () => {}) {
        this.#root = root;
        this.#changed = changed;
        root.addEventListener('scroll', changed, { passive: true });
        this.#more.addEventListener('click', showAll);
        root.append(this.#list, this.#more);
        this.#observer = new ResizeObserver(() => this.#layout());
        this.#observer.observe(root);
    }

    /* specs: as Tile.update takes them, each with a unique `key`, in order; recent: keys of who
     * spoke, the newest first. */
    render(specs, recent = []) {
        this.#specs = this.#places.arrange(specs);
        this.#recent = recent;
        this.#draw();
    }

    speaking(key, on) {
        this.#tiles.get(key)?.speaking(on);
        const spec = this.#specs.find((s) => s.key === key);
        if (spec) {
            spec.speaking = on;
        }
    }

    /* The tiles that can be seen: [{key, source, width, height, pinned}], in device pixels. */
    shown() {
        const ratio = globalThis.devicePixelRatio || 1;
        return this.#placed()
            .filter(({ above, below }) => below > 0 && above > 0)
            .map(({ spec, rect }) => ({
                key: spec.key,
                source: spec.source,
                width: rect.width * ratio,
                height: rect.height * ratio,
                pinned: spec.key === this.#pinned,
            }));
    }

    close() {
        this.#root.removeEventListener('scroll', this.#changed);
        this.#observer.disconnect();
        for (const tile of this.#tiles.values()) {
            tile.remove();
        }
        this.#tiles.clear();
        this.#root.replaceChildren();
    }

    /* What has a place: {spec, rect, above, below}, pixels from its top to the lower edge of what
     * is scrolled to, and from the upper edge to its bottom. */
    #placed() {
        const top = this.#root.scrollTop;
        const bottom = top + this.#root.clientHeight;
        return this.#specs
            .map((spec, i) => ({ spec, rect: this.#rects[i] }))
            .filter(({ rect }) => rect)
            .map(({ spec, rect }) => ({
                spec,
                rect,
                above: bottom - rect.y,
                below: rect.y + rect.height - top,
            }));
    }

    #pin(key) {
        this.#pinned = this.#pinned === key ? null : key;
        this.#draw();
    }

    #draw() {
        const keys = new Set(this.#specs.map((s) => s.key));
        for (const [key, tile] of this.#tiles) {
            if (!keys.has(key)) {
                this.#tiles.delete(key);
                tile.remove();
            }
        }
        if (!keys.has(this.#pinned)) {
            this.#pinned = null;
        }
        for (const spec of this.#specs) {
            this.#tile(spec.key).update({ ...spec, pinned: spec.key === this.#pinned });
        }
        this.#layout();
    }

    #tile(key) {
        if (!this.#tiles.has(key)) {
            const tile = new Tile(key, (k) => this.#pin(k));
            this.#tiles.set(key, tile);
            this.#list.append(tile.node);
        }
        return this.#tiles.get(key);
    }

    /* The pinned tile, else the newest shared screen. */
    #stage() {
        const pinned = this.#specs.findIndex((s) => s.key === this.#pinned);
        return pinned >= 0 ? pinned : this.#specs.findLastIndex((s) => s.screen);
    }

    #layout() {
        const { clientWidth, clientHeight } = this.#root;
        if (clientWidth === 0 || this.#specs.length === 0) {
            return;
        }
        this.#arrange();
        if (this.#bringSpeaker()) {
            this.#arrange();
        }
        this.#changed();
    }

    /* Who speaks is in sight: half of the tile at least. */
    #bringSpeaker() {
        const speaker = this.#specs.find((s) => s.dominant);
        const seen = this.#placed()
            .filter(({ rect, above, below }) => Math.min(above, below) >= rect.height / 2)
            .map(({ spec }) => spec.key)
            .filter((key) => key !== this.#pinned);
        /* What is pinned has the stage, wherever its place is. */
        if (!speaker || speaker.key === this.#pinned) {
            return false;
        }
        if (!this.#places.bring(speaker.key, new Set(seen), this.#recent)) {
            return false;
        }
        this.#specs = this.#places.arrange(this.#specs);
        return true;
    }

    #arrange() {
        const { clientWidth, clientHeight } = this.#root;
        const stage = this.#stage();
        const float = stage < 0 && this.#specs.length === 2 && this.#specs[1].self;
        const plan = arrange(
            this.#specs.length,
            { stage, float },
            { width: clientWidth, height: clientHeight },
        );
        this.#specs.forEach((spec, i) => {
            this.#tile(spec.key).place(plan.rects[i], i === stage, float && i === 1);
        });
        this.#list.style.height = `${plan.height}px`;
        this.#root.classList.toggle('scrolls', plan.height > clientHeight);
        this.#placeMore(plan);
        this.#rects = plan.rects;
    }

    #placeMore({ rects, more }) {
        show(this.#more, more !== null);
        if (more) {
            const hidden = rects.filter((r) => r === null).length;
            this.#more.textContent = `+${hidden}`;
            this.#more.setAttribute('aria-label', `${hidden} more, show the list of people`);
            this.#more.style.transform = `translate(${more.x}px, ${more.y}px)`;
            this.#more.style.width = `${more.width}px`;
            this.#more.style.height = `${more.height}px`;
        }
    }
}
