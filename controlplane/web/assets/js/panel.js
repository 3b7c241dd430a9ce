/* The side panel with its two tabs, chat and people. */

import { byId, show } from './dom.js';

const TABS = ['chat', 'people'];

export class Panel {
    tab = 'chat';
    #panel = byId('panel');
    #changed;

    /* changed() is called when it opens, closes or turns to the other tab. */
    constructor(changed) {
        this.#changed = changed;
        byId('panel-close').onclick = () => this.close();
        for (const tab of TABS) {
            byId(`tab-${tab}`).onclick = () => this.open(tab);
            byId(`tab-${tab}`).onkeydown = (event) => this.#turn(event);
        }
        this.close();
    }

    isOpen(tab) {
        return !this.#panel.hidden && this.tab === tab;
    }

    toggle(tab) {
        if (this.isOpen(tab)) {
            this.close();
        } else {
            this.open(tab);
        }
    }

    open(tab) {
        this.tab = tab;
        for (const name of TABS) {
            show(byId(name), name === tab);
            byId(`tab-${name}`).setAttribute('aria-selected', String(name === tab));
            byId(`tab-${name}`).tabIndex = name === tab ? 0 : -1;
        }
        show(this.#panel, true);
        this.#changed();
    }

    close() {
        const hadFocus = this.#panel.contains(document.activeElement);
        show(this.#panel, false);
        this.#changed();
        if (hadFocus) {
            document.querySelector(`[data-tool="${this.tab}"]`)?.focus();
        }
    }

    #turn(event) {
        if (event.key === 'ArrowRight' || event.key === 'ArrowLeft') {
            const other = TABS.find((t) => t !== this.tab);
            this.open(other);
            byId(`tab-${other}`).focus();
        }
    }
}
