/* One rectangle of the meeting: a person's camera (or avatar) or a shared screen. */

import { el, iconButton, show } from './dom.js';
import { icon } from './icons.js';
import { colourOf, initials, safeAvatar } from './names.js';

const SWAP_PATIENCE_MS = 4_000; /* for the first picture of a track that takes another's place */

export function avatarOf(name, url, className = '') {
    const face = el(
        'span',
        { class: `avatar colour-${colourOf(name)} ${className}`, 'aria-hidden': 'true' },
        el('span', { text: initials(name) }),
    );
    const safe = safeAvatar(url);
    if (safe) {
        const picture = el('img', { alt: '', referrerpolicy: 'no-referrer', src: safe });
        picture.addEventListener('error', () => picture.remove());
        face.append(picture);
    }
    return face;
}

export class Tile {
    node;
    #video;
    #face = el('div', { class: 'tile-face' });
    #name = el('span', { class: 'tile-name' });
    #muted = el('span', { class: 'tile-muted', title: 'Muted' }, icon('mic-off'));
    #sound = el('span', { class: 'tile-sound', 'aria-hidden': 'true' }, el('i'), el('i'), el('i'));
    #voice = el('span', { class: 'tile-voice', title: 'Main speaker' }, icon('voice'));
    #hand = el('span', { class: 'tile-hand', title: 'Hand raised' }, icon('hand'));
    #pin;
    #track = null;
    #next = null; /* behind the picture until its own first one is there: {video, timer} */
    #drawn = {};

    /* pin(key) is called when the user pins or unpins the tile. */
    constructor(key, pin) {
        this.#video = this.#newVideo();
        this.#pin = iconButton('pin', 'Pin', {
            class: 'icon-button tile-pin',
            onclick: () => pin(key),
        });
        this.node = el(
            'li',
            { class: 'tile', 'data-key': key },
            this.#face,
            this.#video,
            this.#hand,
            el('div', { class: 'name-pill' }, this.#voice, this.#muted, this.#sound, this.#name),
            this.#pin,
        );
        this.node.addEventListener('dblclick', () => pin(key));
    }

    /* spec: {name, label, avatar, self, screen, muted, hand, track, mirror, pinned, speaking,
     * dominant} */
    update(spec) {
        const { classList } = this.node;
        classList.toggle('tile-self', spec.self);
        classList.toggle('tile-screen', spec.screen);
        classList.toggle('mirror', spec.mirror);
        classList.toggle('hand-up', spec.hand);
        this.#name.textContent = spec.label;
        show(this.#muted, spec.muted);
        show(this.#hand, spec.hand);
        this.#drawDominant(spec.dominant);
        this.#drawFace(spec);
        this.#drawPin(spec);
        this.#show(spec.track);
        this.speaking(spec.speaking);
        this.node.setAttribute('aria-label', describe(spec));
    }

    speaking(on) {
        this.node.classList.toggle('speaking', on);
    }

    place(rect, stage, floating) {
        const { style, classList } = this.node;
        classList.toggle('off-strip', rect === null);
        classList.toggle('on-stage', stage);
        classList.toggle('floating', floating);
        if (rect !== null) {
            style.transform = `translate(${rect.x}px, ${rect.y}px)`;
            style.width = `${rect.width}px`;
            style.height = `${rect.height}px`;
            const side = Math.min(rect.width, rect.height);
            style.setProperty(
                '--face',
                `${Math.round(Math.min(160, Math.max(36, side * 0.42)))}px`,
            );
            classList.toggle('small', rect.width < 200);
        }
    }

    remove() {
        this.#forgetNext();
        this.#video.srcObject = null;
        this.node.remove();
    }

    #drawDominant(dominant) {
        show(this.#voice, dominant);
        this.node.classList.toggle('dominant', dominant);
        if (dominant) {
            this.node.setAttribute('aria-current', 'true');
        } else {
            this.node.removeAttribute('aria-current');
        }
    }

    #drawFace({ name, avatar, screen }) {
        const drawn = `${name}|${avatar}|${screen}`;
        if (this.#drawn.face !== drawn) {
            this.#drawn.face = drawn;
            this.#face.replaceChildren(screen ? icon('screen') : avatarOf(name, avatar));
        }
    }

    #drawPin({ pinned, label }) {
        if (this.#drawn.pin !== `${pinned}|${label}`) {
            this.#drawn.pin = `${pinned}|${label}`;
            const text = `${pinned ? 'Unpin' : 'Pin'} ${label}`;
            this.#pin.replaceChildren(icon(pinned ? 'unpin' : 'pin'));
            this.#pin.setAttribute('aria-label', text);
            this.#pin.setAttribute('aria-pressed', String(pinned));
            this.#pin.title = text;
        }
    }

    #show(track) {
        if (track === this.#track) {
            return;
        }
        this.#track = track;
        this.#forgetNext();
        if (track && this.node.classList.contains('has-picture')) {
            this.#prepare(track);
            return;
        }
        this.node.classList.remove('has-picture');
        this.#video.srcObject = track ? new MediaStream([track]) : null;
        if (track) {
            this.#video.play().catch(() => {});
        }
    }

    #newVideo() {
        const video = el('video', { playsinline: true, autoplay: true, 'aria-hidden': 'true' });
        video.muted = true;
        /* The avatar stays until there is a picture to show. */
        for (const event of ['loadeddata', 'playing', 'resize']) {
            video.addEventListener(event, () => this.#pictured(video));
        }
        return video;
    }

    /* Another track in place of one that shows: the old picture stays until the new one is there. */
    #prepare(track) {
        const video = this.#newVideo();
        const timer = setTimeout(() => this.#swap(), SWAP_PATIENCE_MS);
        this.#next = { video, timer };
        video.srcObject = new MediaStream([track]);
        this.#video.before(video);
        video.requestVideoFrameCallback?.(() => this.#next?.video === video && this.#swap());
        video.play().catch(() => {});
    }

    #swap() {
        const { video } = this.#next;
        clearTimeout(this.#next.timer);
        this.#next = null;
        this.#video.srcObject = null;
        this.#video.remove();
        this.#video = video;
        this.node.classList.toggle('has-picture', video.videoWidth > 0);
        this.#pictured(video);
    }

    #forgetNext() {
        if (this.#next) {
            clearTimeout(this.#next.timer);
            this.#next.video.srcObject = null;
            this.#next.video.remove();
            this.#next = null;
        }
    }

    #pictured(video) {
        if (video === this.#next?.video && video.videoWidth > 0) {
            this.#swap();
        } else if (video === this.#video && this.#track && video.videoWidth > 0) {
            this.node.classList.add('has-picture');
            this.node.classList.toggle('upright', video.videoHeight > video.videoWidth);
        }
    }
}

export function describe({ label, screen, muted, hand, track, dominant }) {
    if (screen) {
        return label;
    }
    const states = [
        dominant ? 'main speaker' : '',
        muted ? 'muted' : '',
        track ? '' : 'camera off',
        hand ? 'hand raised' : '',
    ];
    return [label, ...states.filter(Boolean)].join(', ');
}
