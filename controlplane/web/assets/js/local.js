/*
 * My own microphone, camera and screen: what is on, and the tracks. Preview and call share one of
 * these, so what was chosen before joining is what is sent.
 *
 * A muted microphone keeps its track, disabled, so that speaking again costs nothing. A camera that
 * is off is released, so that its light goes out.
 *
 * Events: 'change' (label), 'problem' (label, text).
 */

import { Emitter } from './emitter.js';
import { explain, openBoth, openDevice, openScreen } from './devices.js';

export class LocalMedia extends Emitter {
    quality;
    micOn;
    cameraOn;
    mic = null;
    camera = null;
    screen = null;
    screenAudio = null;
    problems = { audio: '', video: '' };
    #busy = Promise.resolve();
    #stopped = false;

    constructor(quality, micOn, cameraOn) {
        super();
        this.quality = quality;
        this.micOn = micOn;
        this.cameraOn = cameraOn;
    }

    /* Opens what is wanted; what cannot be is off afterwards, and `problems` says why. */
    start() {
        this.#stopped = false;
        return this.#inTurn(async () => {
            if (this.micOn && this.cameraOn && !this.mic && !this.camera) {
                await this.#openBoth();
            }
            await this.#open('audio');
            await this.#open('video');
        });
    }

    setMic(on) {
        this.micOn = on;
        return this.#inTurn(() => this.#open('audio'));
    }

    setCamera(on) {
        this.cameraOn = on;
        return this.#inTurn(() => this.#open('video'));
    }

    /* The chosen device changed: opens it in place of the one in use. */
    reopen(kind) {
        return this.#inTurn(async () => {
            this.#close(kind);
            await this.#open(kind, true);
        });
    }

    async startScreen() {
        const { video, audio } = await openScreen();
        this.screen = video;
        this.screenAudio = audio;
        video.addEventListener('ended', () => this.stopScreen());
        audio?.addEventListener('ended', () => this.#dropScreenAudio());
        this.emit('change', 'screen');
    }

    stopScreen() {
        this.screen?.stop();
        this.screenAudio?.stop();
        this.screen = this.screenAudio = null;
        this.emit('change', 'screen');
    }

    stop() {
        this.#stopped = true;
        this.#close('audio');
        this.#close('video');
        if (this.screen) {
            this.stopScreen();
        }
    }

    #dropScreenAudio() {
        this.screenAudio = null;
        this.emit('change', 'screen');
    }

    /* Presses of a button may come faster than a camera opens: one after the other. */
    #inTurn(work) {
        this.#busy = this.#busy.then(work, work);
        return this.#busy;
    }

    async #openBoth() {
        try {
            const { audio, video } = await openBoth(this.quality);
            this.#keep('audio', audio);
            this.#keep('video', video);
        } catch {
            /* Each is tried alone next, which tells what is wrong with which. */
        }
    }

    /* Makes the device's state what micOn or cameraOn says. */
    async #open(kind, muted = false) {
        const wanted = kind === 'audio' ? this.micOn : this.cameraOn;
        if (kind === 'video' && !wanted) {
            this.#close(kind);
        } else if (!this.#track(kind) && (wanted || muted) && !this.#stopped) {
            await this.#openOne(kind);
        }
        if (this.mic) {
            this.mic.enabled = this.micOn;
        }
        this.emit('change', kind === 'audio' ? 'microphone' : 'camera');
    }

    async #openOne(kind) {
        try {
            this.#keep(kind, await openDevice(kind, this.quality));
            this.problems[kind] = '';
        } catch (error) {
            this[kind === 'audio' ? 'micOn' : 'cameraOn'] = false;
            this.problems[kind] = explain(kind, error);
            this.emit('problem', kind, this.problems[kind]);
        }
    }

    #track(kind) {
        return kind === 'audio' ? this.mic : this.camera;
    }

    #keep(kind, track) {
        if (this.#stopped) {
            track.stop();
            return;
        }
        this[kind === 'audio' ? 'mic' : 'camera'] = track;
        this.problems[kind] = '';
        /* Unplugged: the browser's next device takes over. */
        track.addEventListener('ended', () => {
            if (this.#track(kind) === track) {
                this.reopen(kind);
            }
        });
    }

    #close(kind) {
        const track = this.#track(kind);
        this[kind === 'audio' ? 'mic' : 'camera'] = null;
        track?.stop();
    }
}
