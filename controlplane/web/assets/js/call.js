/*
 * One RTCPeerConnection for all that is sent and received; this side makes every offer.
 *
 * The owner says what is to be sent (publish) and received (want) at any time; the negotiation
 * queue turns that into offers, one after another. Signalling that drops only pauses the queue.
 * A join that was not resumed starts a new connection with the same wishes.
 *
 * Events: 'receivers' (Map of source id -> RTCRtpReceiver), 'connection' (state), 'problem' (text).
 */

import { Emitter } from './emitter.js';
import { Negotiation } from './negotiation.js';
import { withAudioNack } from './offer.js';
import { Published } from './publish.js';
import { Slots } from './slots.js';

const DISCONNECTED_PATIENCE_MS = 4_000;
const RESTART_PAUSE_MS = 2_000;
const CONFIGURATION = { bundlePolicy: 'max-bundle', rtcpMuxPolicy: 'require', iceServers: [] };

/* Errors that the same offer would meet again. */
const LASTING = new Set(['bad_sdp', 'bad_message', 'bad_state']);

export class Call extends Emitter {
    pc = null;
    #signalling;
    #quality;
    #published = null;
    #slots = null;
    #negotiation = null;
    #local = new Map();
    #wanted = [];
    #gone = new Set(); /* sources that the server has said are over */
    #restartTimer = null;
    #held = false;
    #used = false; /* this.pc belongs to a join that was answered */
    #closed = false;

    constructor(signalling, quality) {
        super();
        this.#signalling = signalling;
        this.#quality = quality;
        this.#open();
        signalling.on('joined', (message) => this.#joined(message));
        signalling.on('dropped', () => this.#negotiation.pause());
        signalling.on('source-removed', (message) => this.#sourceGone(message.source));
    }

    /* Sends a track as 'microphone', 'camera', 'screen' or 'screen-audio'; null for none. */
    publish(label, track, muted) {
        this.#local.set(label, { track, muted });
        if (this.#published.set(label, track, muted)) {
            this.#negotiation.request();
        }
        this.#sayMuted();
    }

    /* The sources to receive, [{id, kind}], most wanted first. */
    want(sources) {
        this.#wanted = sources;
        if (this.#slots.want(sources, (id) => this.#gone.has(id))) {
            this.#negotiation.request();
        }
        this.#tell();
    }

    /* Nothing is sent while held, but all stays as it is agreed. */
    hold(on) {
        this.#held = on;
        this.#published.hold(on);
    }

    close() {
        this.#closed = true;
        this.#shut();
    }

    get receivers() {
        return this.#slots.receivers();
    }

    /* Mid -> what it carries, for statistics. */
    get mids() {
        return { received: this.#slots.mids(), sent: this.#published.mids() };
    }

    #open() {
        const pc = new RTCPeerConnection(CONFIGURATION);
        this.pc = pc;
        this.#gone.clear();
        this.#published = new Published(pc, this.#quality);
        this.#published.hold(this.#held);
        this.#slots = new Slots((kind) => pc.addTransceiver(kind, { direction: 'recvonly' }));
        this.#negotiation = new Negotiation(() => this.#exchange(pc));
        pc.addEventListener('connectionstatechange', () => this.#connectionChanged(pc));
        pc.addEventListener('iceconnectionstatechange', () => this.#connectionChanged(pc));
    }

    #shut() {
        clearTimeout(this.#restartTimer);
        this.#restartTimer = null;
        this.#negotiation.pause();
        this.pc.close();
    }

    #joined(message) {
        if (this.#closed) {
            return;
        }
        if (!message.resumed && this.#used) {
            this.#shut();
            this.#wanted = [];
            this.#open();
            this.emit('receivers', new Map());
        }
        this.#used = true;
        for (const [label, { track, muted }] of this.#local) {
            this.#published.set(label, track, muted);
        }
        this.#slots.want(this.#wanted);
        this.#negotiation.request();
        this.#negotiation.resume();
        this.#sayMuted();
    }

    #sourceGone(id) {
        this.#gone.add(id);
        this.want(this.#wanted.filter((s) => s.id !== id));
    }

    /* One offer and its answer. */
    async #exchange(pc) {
        if (pc !== this.pc || pc.getTransceivers().length === 0) {
            return;
        }
        const published = this.#published;
        const slots = this.#slots;
        try {
            await pc.setLocalDescription();
            const answer = await this.#signalling.offer(
                withAudioNack(pc.localDescription.sdp),
                published.sources(),
                slots.subscriptions(),
            );
            await pc.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
            published.confirm(answer.sources ?? []);
            slots.confirm(answer.subscriptions ?? []);
        } catch (error) {
            if (pc === this.pc && !this.#closed) {
                await this.#rollBack(pc, error);
            }
            return;
        }
        if (pc === this.pc) {
            this.#sayMuted();
            this.#tell();
        }
    }

    /* Back to what was agreed last, so that the next offer starts clean. Rethrows for the queue. */
    async #rollBack(pc, error) {
        if (pc.signalingState === 'have-local-offer') {
            await pc.setLocalDescription({ type: 'rollback' }).catch(() => {});
        }
        error.retry = !LASTING.has(error.code) && error.name !== 'InvalidAccessError';
        if (error.code !== 'offline') {
            console.warn('headrace: offer failed:', error.code ?? error.name, error.message);
            this.emit('problem', error.message);
        }
        throw error;
    }

    #sayMuted() {
        for (const change of this.#published.changes()) {
            if (this.#signalling.send(change.message)) {
                change.sent();
            }
        }
    }

    #tell() {
        this.emit('receivers', this.#slots.receivers());
    }

    #connectionChanged(pc) {
        if (pc !== this.pc || this.#closed) {
            return;
        }
        this.emit('connection', pc.connectionState);
        const state = pc.connectionState === 'failed' ? 'failed' : pc.iceConnectionState;
        if (state === 'failed') {
            this.#restartIn(pc, RESTART_PAUSE_MS);
        } else if (state === 'disconnected') {
            this.#restartIn(pc, DISCONNECTED_PATIENCE_MS);
        } else {
            clearTimeout(this.#restartTimer);
            this.#restartTimer = null;
        }
    }

    /* A changed network often mends itself by the next check; ICE is restarted when it does not. */
    #restartIn(pc, delay) {
        if (this.#restartTimer !== null) {
            return;
        }
        this.#restartTimer = setTimeout(() => {
            this.#restartTimer = null;
            if (pc === this.pc && !['connected', 'completed'].includes(pc.iceConnectionState)) {
                pc.restartIce();
                this.#negotiation.request();
            }
        }, delay);
    }
}
