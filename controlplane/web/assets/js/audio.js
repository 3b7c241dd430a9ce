/*
 * The voices: one <audio> a remote audio source. Pictures are muted, so that the same sound never
 * plays twice; the browser keeps lips and voice together by the streams of the answer's SDP.
 *
 * Events: 'blocked' (bool): the browser wants a click before it plays anything.
 */

import { Emitter } from './emitter.js';
import { el } from './dom.js';
import { recall } from './store.js';

export class AudioOut extends Emitter {
    #root = el('div', { hidden: true });
    #players = new Map();
    #blocked = false;

    constructor() {
        super();
        document.body.append(this.#root);
    }

    /* tracks: Map of source id -> MediaStreamTrack. */
    play(tracks) {
        for (const [id, player] of this.#players) {
            if (player.srcObject?.getTracks()[0] !== tracks.get(id)) {
                player.srcObject = null;
                player.remove();
                this.#players.delete(id);
            }
        }
        for (const [id, track] of tracks) {
            if (!this.#players.has(id)) {
                this.#add(id, track);
            }
        }
    }

    /* In the handler of a click: what was refused before is allowed now. */
    unblock() {
        this.#setBlocked(false);
        for (const player of this.#players.values()) {
            this.#start(player);
        }
    }

    useSpeaker() {
        for (const player of this.#players.values()) {
            this.#route(player);
        }
    }

    close() {
        this.play(new Map());
        this.#root.remove();
    }

    #add(id, track) {
        const player = el('audio', { autoplay: true });
        player.srcObject = new MediaStream([track]);
        this.#players.set(id, player);
        this.#root.append(player);
        this.#route(player);
        this.#start(player);
    }

    #start(player) {
        player.play().catch((error) => {
            if (error.name === 'NotAllowedError') {
                this.#setBlocked(true);
            }
        });
    }

    #route(player) {
        const speaker = recall('device.speaker');
        if (speaker && 'setSinkId' in player) {
            player.setSinkId(speaker).catch(() => {});
        }
    }

    #setBlocked(blocked) {
        if (this.#blocked !== blocked) {
            this.#blocked = blocked;
            this.emit('blocked', blocked);
        }
    }
}
