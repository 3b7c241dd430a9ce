/* What is shown of the videos, told to the server: when it has changed, and not too often. */

const PAUSE_MS = 250; /* a window that is being resized is told of four times a second */

export class View {
    #send;
    #timers;
    #entries = [];
    #told = null;
    #timer = null;

    /* send(message) returns false while there is no connection; again() is due after that. */
    constructor(send, timers = globalThis) {
        this.#send = send;
        this.#timers = timers;
    }

    /* entries: [{source, width, height, pinned}], sizes in device pixels. */
    set(entries) {
        this.#entries = entries.map(({ source, width, height, pinned }) => ({
            source,
            width: Math.round(width),
            height: Math.round(height),
            ...(pinned ? { pinned } : {}),
        }));
        this.#soon();
    }

    /* The server has forgotten, or has new subscriptions. */
    again() {
        this.#told = null;
        this.#soon();
    }

    close() {
        this.#timers.clearTimeout(this.#timer);
        this.#timer = null;
    }

    #soon() {
        this.#timer ??= this.#timers.setTimeout(() => this.#say(), PAUSE_MS);
    }

    #say() {
        this.#timer = null;
        const text = JSON.stringify(this.#entries);
        if (text !== this.#told && this.#send({ type: 'view', sources: this.#entries })) {
            this.#told = text;
        }
    }
}
