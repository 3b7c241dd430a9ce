/* The lists to choose microphone, camera and speaker from: the same before and during a meeting. */

import { el } from './dom.js';
import {
    canPickSpeaker,
    chooseDevice,
    chosenDevice,
    listDevices,
    onDeviceChange,
} from './devices.js';
import { icon } from './icons.js';

const KINDS = [
    { kind: 'audio', icon: 'mic', label: 'Microphone', none: 'No microphone' },
    { kind: 'video', icon: 'camera', label: 'Camera', none: 'No camera' },
    { kind: 'speaker', icon: 'speaker', label: 'Speaker', none: 'System default' },
];

export class Pickers {
    #selects = new Map();
    #local;

    /* chosen(kind) is called after the user chose another device of the kind. */
    constructor(root, local, chosen) {
        this.#local = local;
        const kinds = KINDS.filter((k) => k.kind !== 'speaker' || canPickSpeaker());
        root.replaceChildren(...kinds.map((row) => this.#build(row, chosen)));
        onDeviceChange(() => this.refresh());
    }

    /* Device names are known only once a device was opened, so this is called again then. */
    async refresh() {
        const devices = await listDevices();
        for (const [kind, { select, none }] of this.#selects) {
            const list = devices[kind];
            select.replaceChildren(
                ...list.map((d) => el('option', { value: d.id, text: d.label })),
            );
            if (list.length === 0) {
                select.append(el('option', { value: '', text: none }));
            }
            select.disabled = list.length === 0;
            const current = this.#current(kind);
            if (list.some((d) => d.id === current)) {
                select.value = current;
            }
        }
    }

    #current(kind) {
        const track = { audio: this.#local.mic, video: this.#local.camera }[kind];
        return track?.getSettings?.().deviceId || chosenDevice(kind);
    }

    #build(row, chosen) {
        const select = el('select', { 'aria-label': row.label });
        select.addEventListener('change', () => {
            chooseDevice(row.kind, select.value);
            chosen(row.kind);
        });
        this.#selects.set(row.kind, { select, none: row.none });
        return el('label', { class: 'field' }, el('span', {}, icon(row.icon), row.label), select);
    }
}
