/*
 * Which tile stands in which place, in keys only. People keep theirs while others come and go; one
 * who speaks out of sight changes places with a single other, so that nobody else moves.
 */

const isPerson = (spec) => !spec.self && !spec.screen;

export class Places {
    #people = [];

    /* specs in the room's order: the same in the order of places. Screens and myself stay put. */
    arrange(specs) {
        const people = new Map(specs.filter(isPerson).map((s) => [s.key, s]));
        const kept = this.#people.filter((key) => people.has(key));
        const fresh = [...people.keys()].filter((key) => !kept.includes(key));
        this.#people = [...kept, ...fresh];
        let next = 0;
        return specs.map((s) => (isPerson(s) ? people.get(this.#people[next++]) : s));
    }

    /*
     * Gives key the place of the one of `inSight` (a Set of keys) who spoke longest ago; recent:
     * keys of who spoke, the newest first. False: there is no such place, or key has one already.
     */
    bring(key, inSight, recent) {
        const from = this.#people.indexOf(key);
        if (from < 0 || inSight.has(key)) {
            return false;
        }
        const age = (k) => (recent.includes(k) ? recent.indexOf(k) : recent.length);
        const others = this.#people.filter((k) => inSight.has(k));
        /* Of those who never spoke, the last. */
        const oldest = others.reduce((a, b) => (a !== null && age(a) > age(b) ? a : b), null);
        if (oldest === null) {
            return false;
        }
        this.#people[this.#people.indexOf(oldest)] = key;
        this.#people[from] = oldest;
        return true;
    }
}
