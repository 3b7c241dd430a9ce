/* The mark of a call that nobody in between can read, and the number to compare. */

import { safetyNumber } from './direct.js';
import { byId, show } from './dom.js';

export class Sealed {
    #direct;
    #drawn = false;

    constructor(direct) {
        this.#direct = direct;
        byId('sealed').onclick = () => byId('safety').showModal();
    }

    /* Returns true when it has just come or gone. */
    draw() {
        const sealed = this.#direct.sealed;
        if (sealed === this.#drawn) {
            return false;
        }
        this.#drawn = sealed;
        show(byId('sealed'), sealed);
        if (sealed) {
            this.#number();
        } else if (byId('safety').open) {
            byId('safety').close();
        }
        return true;
    }

    async #number() {
        const both = this.#direct.fingerprints();
        byId('safety-number').textContent = both ? await safetyNumber(both) : '';
    }
}
