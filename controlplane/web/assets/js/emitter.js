/* Named events between the page's parts. on() returns the function that takes the listener off. */

export class Emitter {
    #listeners = new Map();

    on(type, listener) {
        if (!this.#listeners.has(type)) {
            this.#listeners.set(type, new Set());
        }
        this.#listeners.get(type).add(listener);
        return () => this.#listeners.get(type)?.delete(listener);
    }

    emit(type, ...args) {
        for (const listener of [...(this.#listeners.get(type) ?? [])]) {
            try {
                listener(...args);
            } catch (error) {
                /* One listener's mistake must not stop the call of the others. */
                console.error(`headrace: listener of "${type}"`, error);
            }
        }
    }
}
