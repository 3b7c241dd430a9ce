/*
 * The queue in front of offer/answer. Any number of requests while one exchange runs become one
 * more exchange; two never overlap. A failed exchange is tried again with growing pauses unless
 * its error says `retry: false`; while paused (no signalling) requests only wait.
 */

const SETTLE_MS = 20;
const RETRY_MIN_MS = 300;
const RETRY_MAX_MS = 8_000;

export class Negotiation {
    #exchange;
    #wanted = false;
    #running = false;
    #paused = true;
    #failures = 0;
    #timer = null;

    /* exchange() does one offer and answer and rejects when it fails. */
    constructor(exchange) {
        this.#exchange = exchange;
    }

    request() {
        this.#wanted = true;
        this.#schedule(SETTLE_MS);
    }

    pause() {
        this.#paused = true;
        clearTimeout(this.#timer);
        this.#timer = null;
    }

    resume() {
        this.#paused = false;
        this.#failures = 0;
        this.#schedule(0);
    }

    get idle() {
        return !this.#wanted && !this.#running;
    }

    #schedule(delay) {
        if (this.#paused || this.#running || !this.#wanted || this.#timer !== null) {
            return;
        }
        this.#timer = setTimeout(() => this.#run(), delay);
    }

    async #run() {
        this.#timer = null;
        this.#wanted = false;
        this.#running = true;
        let pause = SETTLE_MS;
        try {
            await this.#exchange();
            this.#failures = 0;
        } catch (error) {
            if (error.retry !== false) {
                this.#wanted = true;
                pause = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** this.#failures++);
            }
        }
        this.#running = false;
        this.#schedule(pause);
    }
}
