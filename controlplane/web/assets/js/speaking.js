/*
 * Who speaks: the audio level of every receiver and of my own microphone, looked at a few times a
 * second. A voice stays marked over the gaps between words.
 *
 * Events: 'speaking' (id, bool), 'level' (0..1, my own), 'talking-muted'.
 */

import { Emitter } from './emitter.js';

const EVERY_MS = 120;
const THRESHOLD = 0.02;
const HOLD_MS = 700;
const STALE_MS = 500;
const MUTED_TALK_MS = 900;
const MUTED_HINT_EVERY_MS = 20_000;

/* Loudness of a track as 0..1. Works on a clone, which goes on while the track itself is muted. */
export class LevelMeter {
    #context = null;
    #analyser = null;
    #source = null; /* held, for a source that nothing refers to may be collected */
    #clone = null;
    #samples = new Float32Array(512);
    #of = null;

    follow(track) {
        if (track === this.#of) {
            return;
        }
        this.stop();
        this.#of = track;
        const Context = globalThis.AudioContext ?? globalThis.webkitAudioContext;
        if (!track || !Context) {
            return;
        }
        this.#context = new Context();
        this.#clone = track.clone();
        this.#clone.enabled = true;
        this.#analyser = this.#context.createAnalyser();
        this.#analyser.fftSize = 512;
        this.#source = this.#context.createMediaStreamSource(new MediaStream([this.#clone]));
        this.#source.connect(this.#analyser);
    }

    level() {
        if (!this.#analyser) {
            return 0;
        }
        if (this.#context.state === 'suspended') {
            this.#context.resume().catch(() => {});
        }
        this.#analyser.getFloatTimeDomainData(this.#samples);
        let sum = 0;
        for (const sample of this.#samples) {
            sum += sample * sample;
        }
        return Math.min(1, Math.sqrt(sum / this.#samples.length));
    }

    stop() {
        this.#of = null;
        this.#clone?.stop();
        this.#context?.close().catch(() => {});
        this.#context = this.#analyser = this.#source = this.#clone = null;
    }
}

/* Receiver -> {stamp, at}: browsers differ in `timestamp`'s clock, so only its change counts. */
const freshness = new WeakMap();

/* The level that the browser reports for what it last played out, or 0. */
export function receiverLevel(receiver, now) {
    const sources = receiver.getSynchronizationSources?.() ?? [];
    const stamp = Math.max(0, ...sources.map((s) => s.timestamp));
    const seen = freshness.get(receiver);
    if (seen?.stamp !== stamp) {
        freshness.set(receiver, { stamp, at: now });
    } else if (now - seen.at > STALE_MS) {
        return 0;
    }
    const newest = sources.find((s) => s.timestamp === stamp);
    return newest?.audioLevel ?? 0;
}

export class Speaking extends Emitter {
    meter = new LevelMeter();
    #voices = new Map();
    #heard = new Map();
    #timer = null;
    #local;
    #mutedTalk = 0;
    #hinted = -MUTED_HINT_EVERY_MS;

    constructor(local) {
        super();
        this.#local = local;
    }

    /* voices: Map of participant id -> RTCRtpReceiver of the microphone. */
    follow(voices) {
        this.#voices = voices;
    }

    start() {
        this.#timer = setInterval(() => this.#look(performance.now()), EVERY_MS);
    }

    stop() {
        clearInterval(this.#timer);
        this.meter.stop();
    }

    #look(now) {
        for (const [id, receiver] of this.#voices) {
            this.#mark(id, receiverLevel(receiver, now), now);
        }
        this.meter.follow(this.#local.mic);
        const level = this.meter.level();
        this.#mark('self', this.#local.micOn ? level : 0, now);
        this.emit('level', this.#local.micOn ? level : 0);
        this.#noticeMuted(level, now);
        for (const [id, until] of this.#heard) {
            if (now > until || (id !== 'self' && !this.#voices.has(id))) {
                this.#heard.delete(id);
                this.emit('speaking', id, false);
            }
        }
    }

    #mark(id, level, now) {
        if (level < THRESHOLD) {
            return;
        }
        const known = this.#heard.has(id);
        this.#heard.set(id, now + HOLD_MS);
        if (!known) {
            this.emit('speaking', id, true);
        }
    }

    #noticeMuted(level, now) {
        const talking = !this.#local.micOn && this.#local.mic !== null && level > THRESHOLD * 2;
        this.#mutedTalk = talking ? this.#mutedTalk + EVERY_MS : 0;
        if (this.#mutedTalk > MUTED_TALK_MS && now - this.#hinted > MUTED_HINT_EVERY_MS) {
            this.#hinted = now;
            this.emit('talking-muted');
        }
    }
}
