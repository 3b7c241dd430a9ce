/*
 * Two people alone: a second peer connection whose DTLS runs to the other browser, not to the
 * relay, which only passes packets on. The ordinary connection stays agreed beside it, so going
 * back when somebody joins needs no offer: both send there again, and only when the new pictures
 * move is the direct connection let go.
 *
 * `receiving`: what the other sends is shown from here. `sending`: the other shows what I send
 * here, so it need not be sent in the ordinary way.
 *
 * Events: 'change' (any of it).
 */

import { Emitter } from './emitter.js';
import { withAudioNack } from './offer.js';

/* Sections are there from the start, in this order, so that turning one on needs no offer. */
const LABELS = ['microphone', 'camera', 'screen', 'screen-audio'];
const CONFIGURATION = { bundlePolicy: 'max-bundle', rtcpMuxPolicy: 'require', iceServers: [] };

const PATIENCE_MS = {
    connect: 12_000, /* from the beginning to DTLS done */
    pictures: 8_000, /* from then on, or from the end on, to pictures that move */
    swap: 600 /* for tiles to take the other picture */,
    other: 9_000, /* for the other to go back too */
    disconnected: 3_000,
};
const LOOK_EVERY_MS = 60;

const kindOf = (label) => (label === 'camera' || label === 'screen' ? 'video' : 'audio');
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function framesDecoded(receiver) {
    for (const report of (await receiver.getStats()).values()) {
        if (report.type === 'inbound-rtp') {
            return report.framesDecoded ?? 0;
        }
    }
    return 0;
}

/* True once every receiver has decoded `more` frames beyond now; false when time is over. */
export async function moving(receivers, more, patience, frames = framesDecoded) {
    const end = performance.now() + patience;
    const first = await Promise.all(receivers.map(frames));
    for (;;) {
        const now = await Promise.all(receivers.map(frames));
        if (now.every((n, i) => n >= first[i] + more)) {
            return true;
        }
        if (performance.now() > end) {
            return false;
        }
        await sleep(LOOK_EVERY_MS);
    }
}

export class Direct extends Emitter {
    receiving = false;
    sending = false;
    #signalling;
    #hooks;
    #call = null; /* {id, peer, pc, transceivers, connected, over, back, otherBack, timer} */

    /*
     * hooks: peer() makes a peer connection; tracks() is a Map of label -> what I send; pictures()
     * the labels of the other's pictures that are on; ordinary(label) its ordinary receiver;
     * limit(label) the most bit/s; moving as above.
     */
    constructor(signalling, hooks) {
        super();
        this.#signalling = signalling;
        this.#hooks = { peer: () => new RTCPeerConnection(CONFIGURATION), moving, ...hooks };
        signalling.on('direct', (m) => this.#begin(m));
        signalling.on('direct-offer', (m) => this.#on(m, (call) => this.#answer(call, m)));
        signalling.on('direct-answer', (m) => this.#on(m, (call) => this.#take(call, m)));
        signalling.on('direct-state', (m) => this.#on(m, (call) => this.#told(call, m.state)));
        signalling.on('direct-end', (m) => this.#on(m, (call) => this.#end(call, m.reason)));
        signalling.on('joined', (m) => this.#joined(m));
    }

    get pc() {
        return this.#call?.pc ?? null;
    }

    /* The participant at the other end. */
    get peer() {
        return this.#call?.peer ?? null;
    }

    /* Nobody but the two of us can read what is sent. */
    get sealed() {
        return this.receiving && this.sending;
    }

    receiver(label) {
        return this.#call?.transceivers.get(label)?.receiver ?? null;
    }

    /* Label -> mid, for statistics. */
    mids() {
        const all = [...(this.#call?.transceivers ?? [])];
        return new Map(all.map(([label, transceiver]) => [label, transceiver.mid]));
    }

    /* Both certificates' fingerprints as DTLS has checked them; null without a connection. */
    fingerprints() {
        const of = (description) => description?.sdp.match(/^a=fingerprint:(.*?)\r?$/m)?.[1];
        const { pc } = this;
        const [mine, theirs] = [of(pc?.localDescription), of(pc?.remoteDescription)];
        return mine && theirs ? { mine, theirs } : null;
    }

    /* What I send has changed. */
    update() {
        const tracks = this.#hooks.tracks();
        for (const [label, { sender }] of this.#call?.transceivers ?? []) {
            const track = tracks.get(label) ?? null;
            if (sender.track !== track) {
                sender.replaceTrack(track).catch((error) => {
                    console.warn(`headrace: cannot switch the ${label}:`, error.message);
                });
            }
        }
    }

    close() {
        this.#drop();
    }

    #say(call, state) {
        this.#signalling.send({ type: 'direct-state', id: call.id, state });
    }

    /* A message of the call that there is; what goes wrong ends it. */
    async #on(message, work) {
        const call = this.#call;
        if (!call || call.id !== message.id) {
            return;
        }
        try {
            await work(call);
        } catch (error) {
            this.#fail(call, error.message);
        }
    }

    #fail(call, why) {
        if (call === this.#call && !call.over) {
            console.warn('headrace: no direct call:', why);
            this.#say(call, 'failed');
        }
    }

    #begin({ id, role, participant }) {
        this.#drop();
        const pc = this.#hooks.peer();
        const call = { id, peer: participant, pc, transceivers: new Map(), over: false };
        this.#call = call;
        pc.addEventListener('connectionstatechange', () => this.#connection(call));
        this.#await(call, PATIENCE_MS.connect, () => this.#fail(call, 'not connected in time'));
        if (role === 'offerer') {
            this.#on({ id }, () => this.#offer(call));
        }
    }

    async #offer(call) {
        const { pc } = call;
        const tracks = this.#hooks.tracks();
        const streams = { person: new MediaStream(), screen: new MediaStream() };
        for (const label of LABELS) {
            const stream = label.startsWith('screen') ? streams.screen : streams.person;
            const transceiver = pc.addTransceiver(tracks.get(label) ?? kindOf(label), {
                direction: 'sendrecv',
                streams: [stream],
            });
            call.transceivers.set(label, transceiver);
        }
        await pc.setLocalDescription();
        this.#send(call, 'direct-offer');
    }

    async #answer(call, message) {
        const { pc } = call;
        const labels = new Map((message.sources ?? []).map((s) => [s.mid, s.label]));
        await pc.setRemoteDescription({ type: 'offer', sdp: message.sdp });
        const streams = { person: new MediaStream(), screen: new MediaStream() };
        for (const transceiver of pc.getTransceivers()) {
            const label = labels.get(transceiver.mid);
            if (label) {
                const stream = label.startsWith('screen') ? streams.screen : streams.person;
                transceiver.direction = 'sendrecv';
                transceiver.sender.setStreams?.(stream);
                call.transceivers.set(label, transceiver);
            }
        }
        this.update();
        await pc.setLocalDescription();
        this.#send(call, 'direct-answer');
    }

    #send(call, type) {
        const sources = [...call.transceivers].map(([label, { mid }]) => ({ mid, label }));
        const sdp = withAudioNack(call.pc.localDescription.sdp);
        this.#signalling.send({ type, id: call.id, sdp, sources });
    }

    #take(call, message) {
        return call.pc.setRemoteDescription({ type: 'answer', sdp: message.sdp });
    }

    #connection(call) {
        if (call !== this.#call) {
            return;
        }
        const state = call.pc.connectionState;
        if (state === 'connected' && !call.connected) {
            call.connected = true;
            this.#on({ id: call.id }, () => this.#arrived(call));
        } else if (state === 'connected') {
            clearTimeout(call.timer);
        } else if (state === 'failed') {
            this.#fail(call, 'the connection failed');
        } else if (state === 'disconnected') {
            this.#await(call, PATIENCE_MS.disconnected, () => this.#fail(call, 'disconnected'));
        }
    }

    async #arrived(call) {
        clearTimeout(call.timer);
        this.#limit(call);
        const receivers = this.#hooks.pictures().map((l) => call.transceivers.get(l)?.receiver);
        const moves = await this.#hooks.moving(receivers.filter(Boolean), 1, PATIENCE_MS.pictures);
        if (call !== this.#call || call.over) {
            return;
        }
        if (!moves) {
            throw new Error('no picture came in time');
        }
        this.receiving = true;
        this.#say(call, 'direct');
        this.emit('change');
    }

    #limit(call) {
        for (const [label, { sender }] of call.transceivers) {
            const parameters = sender.getParameters?.();
            const most = this.#hooks.limit?.(label);
            if (most && parameters?.encodings?.length) {
                parameters.encodings[0].maxBitrate = most;
                sender.setParameters(parameters).catch(() => {});
            }
        }
    }

    /* The other says where it sees me. */
    #told(call, state) {
        if (state === 'direct' && !call.over) {
            this.sending = true;
            this.emit('change');
        } else if (state === 'relay') {
            call.otherBack = true;
            this.#closeIfBothBack(call);
        }
    }

    /* Back to the ordinary way, and only then away with this one. */
    async #end(call, reason) {
        if (call.over) {
            return;
        }
        call.over = true;
        clearTimeout(call.timer);
        if (reason === 'left') {
            this.#drop();
            return;
        }
        this.sending = false;
        this.emit('change');
        if (this.receiving) {
            const receivers = this.#hooks.pictures().map((l) => this.#hooks.ordinary(l));
            await this.#hooks.moving(receivers.filter(Boolean), 2, PATIENCE_MS.pictures);
            if (call !== this.#call) {
                return;
            }
            this.receiving = false;
            this.emit('change');
            await sleep(PATIENCE_MS.swap);
        }
        call.back = true;
        this.#say(call, 'relay');
        this.#await(call, PATIENCE_MS.other, () => call === this.#call && this.#drop());
        this.#closeIfBothBack(call);
    }

    #closeIfBothBack(call) {
        if (call === this.#call && call.over && call.back && call.otherBack) {
            this.#drop();
        }
    }

    /* A join that was resumed says what there is; one that was not, that there is nothing. */
    #joined(message) {
        const call = this.#call;
        if (!call) {
            return;
        }
        if (!message.resumed) {
            this.#drop();
        } else if (message.direct !== call.id) {
            this.#on({ id: call.id }, () => this.#end(call, 'missed'));
        }
    }

    #await(call, ms, then) {
        clearTimeout(call.timer);
        call.timer = setTimeout(then, ms);
    }

    #drop() {
        const call = this.#call;
        if (!call) {
            return;
        }
        this.#call = null;
        clearTimeout(call.timer);
        call.pc.close();
        this.receiving = this.sending = false;
        this.emit('change');
    }
}

/*
 * Both fingerprints as one number, the same at both ends and only there: 40 digits, for somebody in
 * between may try many certificates.
 */
export async function safetyNumber({ mine, theirs }) {
    const text = new TextEncoder().encode([mine, theirs].map((f) => f.toUpperCase()).sort().join());
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', text));
    const groups = [];
    for (let i = 0; i < 8; i++) {
        const bits = hash.slice(4 * i, 4 * i + 4).reduce((sum, byte) => sum * 256 + byte, 0);
        groups.push(String(bits % 100_000).padStart(5, '0'));
    }
    return groups.join(' ');
}
