/* The screen before a meeting: preview, devices, name. Resolves with who wants to join. */

import { explainBoth } from './devices.js';
import { byId, show } from './dom.js';
import { icon } from './icons.js';
import { cleanName } from './names.js';
import { avatarFromFile } from './picture.js';
import { Pickers } from './pickers.js';
import { LevelMeter } from './speaking.js';
import { recall, remember } from './store.js';
import { avatarOf } from './tile.js';

const LEVEL_EVERY_MS = 90;

export class Prejoin {
    #local;
    #identity;
    #pickers;
    #meter = new LevelMeter();
    #ticker = null;
    #offChange = null;

    constructor(room, local, identity) {
        this.#local = local;
        this.#identity = { ...identity };
        byId('join-room').textContent = room;
        this.#pickers = new Pickers(byId('prejoin-pickers'), local, (kind) => {
            if (kind !== 'speaker') {
                local.reopen(kind);
            }
        });
        this.#wireDevices();
        this.#wireIdentity();
    }

    /* Shows the screen until the form is sent: {name, email, avatar}. */
    ask() {
        show(byId('prejoin'), true);
        this.#offChange = this.#local.on('change', () => this.#draw());
        this.#ticker = setInterval(() => this.#drawLevel(), LEVEL_EVERY_MS);
        this.#draw();
        this.#local.start().then(() => this.#pickers.refresh());
        byId('join-name').focus({ preventScroll: true });
        return new Promise((resolve) => {
            byId('join-form').onsubmit = (event) => {
                event.preventDefault();
                const identity = this.#read();
                if (identity) {
                    this.#close();
                    resolve(identity);
                }
            };
        });
    }

    #close() {
        this.#offChange();
        clearInterval(this.#ticker);
        this.#meter.stop();
        byId('preview-video').srcObject = null;
        show(byId('prejoin'), false);
    }

    #read() {
        const name = cleanName(byId('join-name').value);
        if (name === '') {
            this.#problem('Give a name, so that the others know who you are.');
            byId('join-name').focus();
            return null;
        }
        this.#identity.name = name;
        this.#identity.email = byId('join-email').value.trim();
        for (const key of ['name', 'email', 'avatar']) {
            remember(key, this.#identity[key]);
        }
        return this.#identity;
    }

    #wireDevices() {
        byId('preview-mic').onclick = () => this.#local.setMic(!this.#local.micOn);
        byId('preview-camera').onclick = () => this.#local.setCamera(!this.#local.cameraOn);
        byId('preview-video').onloadeddata = () => byId('preview').classList.add('has-picture');
    }

    #wireIdentity() {
        byId('join-name').value = this.#identity.name;
        byId('join-email').value = this.#identity.email ?? '';
        byId('join-name').oninput = () => {
            this.#identity.name = cleanName(byId('join-name').value);
            this.#problem('');
            this.#drawFaces();
        };
        byId('join-picture').onchange = (event) => this.#pick(event.target);
        byId('join-clear').onclick = () => this.#setAvatar('');
        this.#drawFaces();
    }

    async #pick(input) {
        const file = input.files[0];
        input.value = '';
        if (!file) {
            return;
        }
        try {
            this.#setAvatar(await avatarFromFile(file));
            this.#problem('');
        } catch (error) {
            this.#problem(error.message);
        }
    }

    #setAvatar(url) {
        this.#identity.avatar = url;
        this.#drawFaces();
    }

    #problem(text) {
        byId('join-problem').textContent = text;
        show(byId('join-problem'), text !== '');
    }

    #drawFaces() {
        const { name, avatar } = this.#identity;
        byId('join-avatar').replaceChildren(avatarOf(name, avatar));
        byId('preview-face').replaceChildren(avatarOf(name, avatar));
        show(byId('join-clear'), Boolean(avatar));
    }

    #draw() {
        const { mic, camera, micOn, cameraOn, problems } = this.#local;
        const video = byId('preview-video');
        if ((video.srcObject?.getTracks()[0] ?? null) !== camera) {
            byId('preview').classList.remove('has-picture');
            video.srcObject = camera ? new MediaStream([camera]) : null;
        }
        this.#meter.follow(mic);
        drawToggle(byId('preview-mic'), micOn, ['mic', 'mic-off'], 'Microphone');
        drawToggle(byId('preview-camera'), cameraOn, ['camera', 'camera-off'], 'Camera');
        byId('preview-note').textContent = explainBoth(problems);
        this.#pickers.refresh();
    }

    #drawLevel() {
        const level = this.#local.micOn ? this.#meter.level() : 0;
        byId('preview-level').style.transform = `scaleX(${Math.min(1, level * 5).toFixed(2)})`;
    }
}

function drawToggle(button, on, icons, noun) {
    button.replaceChildren(icon(icons[on ? 0 : 1]));
    button.classList.toggle('off', !on);
    button.setAttribute('aria-label', noun);
    button.setAttribute('aria-pressed', String(on));
    button.title = `${noun} is ${on ? 'on' : 'off'}`;
}

/* Who I was the last time; `?name=` wins. */
export function lastIdentity(name) {
    return {
        name: cleanName(name || recall('name', '')),
        email: recall('email', ''),
        avatar: recall('avatar', ''),
    };
}
