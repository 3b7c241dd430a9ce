/*
 * The client's end of docs/signalling.md: one WebSocket, opened again for as long as it is wanted.
 *
 * States: 'connecting' (first time), 'joined', 'reconnecting', 'ended'. A dropped socket is no news
 * to the media: the next `join` carries the resume token, and only a `joined` without `resumed`
 * tells the call that its peer connection is gone.
 *
 * Events: 'state' (state), 'ended' ({reason, text}), and each server message by its `type`.
 */

import { Emitter } from './emitter.js';

export const SUBPROTOCOL = 'headrace.1';
const JOIN_TIMEOUT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 15_000;
const PING_EVERY_MS = 8_000;
const SILENCE_LIMIT_MS = 20_000;
const BACKOFF_MIN_MS = 300;
const BACKOFF_MAX_MS = 8_000;

/* Fatal errors that another attempt may get past. */
const PASSING = new Set(['dataplane_down', 'rate_limited']);

export class SignallingError extends Error {
    constructor(code, text) {
        super(text || code);
        this.code = code;
    }
}

export function signalUrl(room, place = location) {
    const scheme = place.protocol === 'https:' ? 'wss:' : 'ws:';
    return `${scheme}//${place.host}/api/rooms/${encodeURIComponent(room)}/signal`;
}

/* Grows with every failed attempt; the random half keeps a full room from coming back at once. */
export function backoff(attempt, random = Math.random()) {
    const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** attempt);
    return ceiling / 2 + (random * ceiling) / 2;
}

export class Signalling extends Emitter {
    state = 'connecting';
    #url;
    #identity;
    #socket = null;
    #resume = null;
    #attempt = 0;
    #request = 0;
    #waiting = new Map();
    #timer = null;
    #ticker = null;
    #heard = 0;
    #wake = () => this.#hurry();

    /* identity() gives {name, email, avatar, direct} as they are when a join is sent. */
    constructor(url, identity) {
        super();
        this.#url = url;
        this.#identity = identity;
    }

    start() {
        globalThis.addEventListener?.('online', this.#wake);
        this.#connect();
    }

    get joined() {
        return this.state === 'joined';
    }

    /* False when the message could not be sent just now. */
    send(message) {
        if (!this.joined || this.#socket?.readyState !== WebSocket.OPEN) {
            return false;
        }
        this.#socket.send(JSON.stringify(message));
        return true;
    }

    /* The answer to an offer. Rejects with a SignallingError, 'offline' when the socket drops. */
    offer(sdp, sources, subscriptions) {
        const request = ++this.#request;
        return new Promise((resolve, reject) => {
            if (!this.send({ type: 'offer', sdp, sources, subscriptions, request })) {
                reject(new SignallingError('offline', 'not connected'));
                return;
            }
            const timer = setTimeout(
                () =>
                    this.#settle(
                        request,
                        null,
                        new SignallingError('timeout', 'the server did not answer the offer'),
                    ),
                ANSWER_TIMEOUT_MS,
            );
            this.#waiting.set(request, { resolve, reject, timer });
        });
    }

    leave() {
        this.send({ type: 'leave' });
        this.#finish('left', '');
    }

    #connect() {
        clearTimeout(this.#timer);
        const socket = new WebSocket(this.#url, SUBPROTOCOL);
        this.#socket = socket;
        this.#heard = performance.now();
        this.#timer = setTimeout(() => this.#dropped(socket), JOIN_TIMEOUT_MS);
        socket.onopen = () => {
            const join = { type: 'join', ...this.#identity() };
            if (this.#resume) {
                join.resume = this.#resume;
            }
            socket.send(JSON.stringify(join));
        };
        socket.onmessage = (event) => this.#receive(socket, event.data);
        socket.onclose = () => this.#dropped(socket);
    }

    #receive(socket, data) {
        if (socket !== this.#socket) {
            return;
        }
        this.#heard = performance.now();
        let message;
        try {
            message = JSON.parse(data);
        } catch {
            console.warn('headrace: a message that is not JSON');
            return;
        }
        this.#handle(message);
    }

    #handle(message) {
        switch (message?.type) {
            case 'joined':
                this.#isJoined(message);
                return;
            case 'answer':
                this.#settle(message.request, message, null);
                return;
            case 'pong':
                return;
            case 'error':
                this.#failed(message);
                return;
            case 'bye':
                if (message.reason === 'kicked' || message.reason === 'replaced') {
                    this.#finish(message.reason, message.text ?? '');
                }
                return;
            default:
                if (typeof message?.type === 'string') {
                    this.emit(message.type, message);
                }
        }
    }

    #isJoined(message) {
        clearTimeout(this.#timer);
        this.#resume = message.resume ?? null;
        this.#attempt = 0;
        this.#setState('joined');
        clearInterval(this.#ticker);
        this.#ticker = setInterval(() => this.#tick(), PING_EVERY_MS);
        this.emit('joined', message);
    }

    #failed(message) {
        const error = new SignallingError(message.code, message.text);
        const waited = this.#settle(message.request, null, error);
        if (message.fatal && !PASSING.has(message.code)) {
            this.#finish(message.code, message.text ?? '');
        } else if (!waited) {
            console.warn(`headrace: server error ${message.code}: ${message.text ?? ''}`);
            this.emit('error', message);
        }
    }

    /* Resolves or rejects the waiting request; true if there was one. */
    #settle(request, answer, error) {
        const waiting = this.#waiting.get(request);
        if (!waiting) {
            return false;
        }
        this.#waiting.delete(request);
        clearTimeout(waiting.timer);
        if (error) {
            waiting.reject(error);
        } else {
            waiting.resolve(answer);
        }
        return true;
    }

    #tick() {
        if (performance.now() - this.#heard > SILENCE_LIMIT_MS) {
            this.#dropped(this.#socket);
        } else {
            this.send({ type: 'ping', request: ++this.#request });
        }
    }

    /* A socket on a dead network may take minutes to close, so it is forgotten, not waited for. */
    #dropped(socket) {
        if (!socket || socket !== this.#socket) {
            return;
        }
        this.#release();
        this.#setState(this.#resume ? 'reconnecting' : 'connecting');
        this.emit('dropped', this.#attempt);
        this.#timer = setTimeout(() => this.#connect(), backoff(this.#attempt++));
    }

    #hurry() {
        if (this.#socket === null && this.state !== 'ended') {
            this.#attempt = 0;
            this.#connect();
        }
    }

    #release() {
        clearTimeout(this.#timer);
        clearInterval(this.#ticker);
        const socket = this.#socket;
        this.#socket = null;
        if (socket) {
            socket.onopen = socket.onmessage = socket.onclose = null;
            socket.close();
        }
        for (const request of [...this.#waiting.keys()]) {
            this.#settle(request, null, new SignallingError('offline', 'the connection dropped'));
        }
    }

    #finish(reason, text) {
        if (this.state === 'ended') {
            return;
        }
        globalThis.removeEventListener?.('online', this.#wake);
        this.#setState('ended');
        this.#release();
        this.emit('ended', { reason, text });
    }

    #setState(state) {
        if (this.state !== state) {
            this.state = state;
            this.emit('state', state);
        }
    }
}
