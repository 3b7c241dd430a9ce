/* What the page remembers between visits. A browser that forbids storage costs the memory only. */

const PREFIX = 'headrace.';
const RECENT_ROOMS = 8;

export function recall(key, otherwise = null) {
    try {
        const text = localStorage.getItem(PREFIX + key);
        return text === null ? otherwise : JSON.parse(text);
    } catch {
        return otherwise;
    }
}

export function remember(key, value) {
    try {
        if (value === null || value === undefined || value === '') {
            localStorage.removeItem(PREFIX + key);
        } else {
            localStorage.setItem(PREFIX + key, JSON.stringify(value));
        }
    } catch {
        /* Private windows and full quotas: nothing is remembered. */
    }
}

export function recentRooms() {
    const rooms = recall('rooms', []);
    return Array.isArray(rooms) ? rooms.filter((r) => typeof r?.name === 'string') : [];
}

export function rememberRoom(name, now = Date.now()) {
    const others = recentRooms().filter((r) => r.name !== name);
    remember('rooms', [{ name, time: now }, ...others].slice(0, RECENT_ROOMS));
}

export function forgetRoom(name) {
    remember(
        'rooms',
        recentRooms().filter((r) => r.name !== name),
    );
}
