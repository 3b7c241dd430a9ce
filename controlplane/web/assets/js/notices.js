/* Short notes over the meeting; they stand in a live region, so they are read aloud. */

import { byId, el } from './dom.js';
import { icon } from './icons.js';

const SHOWN_MS = 4_000;
const PROBLEM_MS = 8_000;
const MOST = 4;

export function notice(text, iconName = null) {
    put(
        el('div', { class: 'toast' }, iconName ? icon(iconName) : null, el('span', { text })),
        SHOWN_MS,
    );
}

export function problem(text) {
    put(
        el('div', { class: 'toast problem-toast' }, icon('warning'), el('span', { text })),
        PROBLEM_MS,
    );
}

function put(toast, time) {
    const place = byId('toasts');
    const same = [...place.children].find((t) => t.textContent === toast.textContent);
    same?.remove();
    while (place.children.length >= MOST) {
        place.firstChild.remove();
    }
    place.append(toast);
    setTimeout(() => toast.classList.add('going'), time);
    setTimeout(() => toast.remove(), time + 300);
}
