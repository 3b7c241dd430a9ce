/* Room names as docs/signalling.md allows them; initials and colours of people's names. */

export const ROOM_LENGTH = 64;
const TAKEN = new Set(['api', 'whip', 'whep', 'sdes', 'assets', 'healthz', 'metrics', 'admin']);
const WORDS = [
    [
        'amber',
        'brisk',
        'calm',
        'clear',
        'cool',
        'coral',
        'early',
        'fair',
        'fresh',
        'gentle',
        'glad',
        'golden',
        'green',
        'high',
        'kind',
        'light',
        'lively',
        'lucky',
        'mellow',
        'misty',
        'open',
        'quick',
        'quiet',
        'rapid',
        'silver',
        'smooth',
        'steady',
        'still',
        'sunny',
        'warm',
        'wide',
        'wild',
    ],
    [
        'basin',
        'bay',
        'beck',
        'bridge',
        'brook',
        'canal',
        'cascade',
        'coast',
        'cove',
        'creek',
        'delta',
        'dune',
        'ferry',
        'fjord',
        'ford',
        'harbour',
        'island',
        'lagoon',
        'lake',
        'lock',
        'marsh',
        'mill',
        'oxbow',
        'pond',
        'quay',
        'reef',
        'ripple',
        'river',
        'shoal',
        'spring',
        'tide',
        'weir',
    ],
];

/* A valid room name in lower case, or '' when nothing of the text can be one. */
export function roomFromText(text) {
    let name = String(text ?? '').trim();
    try {
        if (/^https?:\/\//i.test(name)) {
            name = decodeURIComponent(new URL(name).pathname.split('/')[1] ?? '');
        }
    } catch {
        return '';
    }
    name = name
        .normalize('NFKD')
        .replace(/\p{M}+/gu, '')
        .toLowerCase();
    name = name.replace(/[\s/]+/g, '-').replace(/[^a-z0-9\-_.~]/g, '');
    name = name
        .replace(/-{2,}/g, '-')
        .slice(0, ROOM_LENGTH)
        .replace(/^-+|-+$/g, '');
    return isRoom(name) ? name : '';
}

export function isRoom(name) {
    return (
        /^[a-z0-9\-_.~]{1,64}$/i.test(name) &&
        !/^\.{1,2}$/.test(name) &&
        !TAKEN.has(name.toLowerCase())
    );
}

/* The room of a page address such as "/quiet-river", or ''. */
export function roomFromPath(path) {
    try {
        const name = decodeURIComponent(path.replace(/^\/+|\/+$/g, ''));
        return isRoom(name) ? name.toLowerCase() : '';
    } catch {
        return '';
    }
}

/* Two words to say aloud and five digits, so that a new name hardly ever meets a used one. */
export function newRoom(random = (limit) => crypto.getRandomValues(new Uint32Array(1))[0] % limit) {
    const words = WORDS.map((list) => list[random(list.length)]);
    return `${words.join('-')}-${10000 + random(90000)}`;
}

export function cleanName(text) {
    return String(text ?? '')
        .replace(/[\p{Cc}\p{Cf}]/gu, '')
        .replace(/\s+/g, ' ')
        .trim()
        .slice(0, 64);
}

export function initials(name) {
    const words = cleanName(name)
        .split(' ')
        .filter((w) => /[\p{L}\p{N}]/u.test(w));
    if (words.length === 0) {
        return '?';
    }
    const letters = words.length === 1 ? [words[0]] : [words[0], words[words.length - 1]];
    return letters
        .map((w) => [...w].find((c) => /[\p{L}\p{N}]/u.test(c)))
        .join('')
        .toUpperCase();
}

/* One of the twelve avatar colours of tiles.css, the same for a name on every screen. */
export function colourOf(name) {
    let hash = 2166136261;
    for (const char of cleanName(name).toLowerCase()) {
        hash = Math.imul(hash ^ char.codePointAt(0), 16777619) >>> 0;
    }
    return hash % 12;
}

/* An avatar that may be shown: https or an inline picture, nothing that runs. */
export function safeAvatar(url) {
    const text = String(url ?? '');
    return /^https:\/\//i.test(text) || /^data:image\/(png|jpeg|webp|gif|avif)[;,]/i.test(text)
        ? text
        : '';
}
