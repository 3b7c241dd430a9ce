/*
 * The statistics as rows of text: from what stats.js measured now and a moment before. Rates and
 * losses are of the time between; before there were two looks they are "–".
 */

const LABELS = ['microphone', 'camera', 'screen', 'screen-audio'];
const UNKNOWN = '–';

export const SENT = ['Sent', 'Codec', 'Picture', 'kbit/s', 'Lost', 'Jitter', 'Trip', 'Limited by'];
export const RECEIVED = ['Received', 'Codec', 'Picture', 'kbit/s', 'Lost', 'Jitter', 'Buffer', 'Freezes'];

const per = (part, of) => (of > 0 ? `${((100 * Math.max(0, part)) / of).toFixed(1)} %` : UNKNOWN);
const ms = (seconds) =>
    seconds === null || seconds === undefined ? UNKNOWN : `${Math.round(seconds * 1000)} ms`;
const kbps = (bits) => `${Math.round(bits / 1000).toLocaleString('en')} kbit/s`;

/* Of counters at both looks: bytes as kbit/s. */
function rate(now, then, seconds) {
    if (!then || seconds <= 0) {
        return UNKNOWN;
    }
    return String(Math.max(0, Math.round(((now.bytes - then.bytes) * 8) / seconds / 1000)));
}

function lost(now, then) {
    if (!then) {
        return UNKNOWN;
    }
    const missing = now.lost - then.lost;
    return per(missing, now.packets - then.packets + missing);
}

function picture(figures) {
    return figures.width
        ? `${figures.width}×${figures.height} ${Math.round(figures.fps)}/s`
        : '';
}

/* What plays late: of what came since, how long it waited before it was shown or heard. */
function buffered(now, then) {
    const played = now.played - (then?.played ?? 0);
    return played > 0 ? ms((now.waited - (then?.waited ?? 0)) / played) : UNKNOWN;
}

function freezes(figures) {
    if (figures.freezes === undefined) {
        return '';
    }
    return figures.freezes === 0 ? '0' : `${figures.freezes} (${figures.freezeSeconds.toFixed(1)} s)`;
}

function sentRow(s, then, seconds) {
    const limited = s.limitation && s.limitation !== 'none' ? s.limitation : '';
    return [
        s.rid ? `${s.label} ${s.rid}` : s.label,
        s.layers ? `${s.codec} ${s.layers}` : s.codec,
        picture(s),
        rate(s, then, seconds),
        s.lossRatio === null ? UNKNOWN : per(s.lossRatio, 1),
        ms(s.jitter),
        ms(s.rtt),
        s.active ? limited : 'off',
    ];
}

function receivedRow(name, label, r, then, seconds) {
    return [
        `${name} ${label}`,
        r.codec,
        picture(r),
        rate(r, then, seconds),
        lost(r, then),
        ms(r.jitter),
        buffered(r, then),
        freezes(r),
    ];
}

/* One line about the way to the relay, or to the other one. */
function way(now) {
    const { transport } = now.direct?.receiving ? now.direct : now;
    const { pair } = transport;
    const words = [now.connection, transport.srtpCipher || 'no SRTP yet'];
    if (pair) {
        words.push(`round trip ${ms(pair.rtt)}`);
    }
    if (pair?.availableOutgoingBitrate) {
        words.push(`${kbps(pair.availableOutgoingBitrate)} may be sent`);
    }
    if (pair?.availableIncomingBitrate) {
        words.push(`${kbps(pair.availableIncomingBitrate)} may come`);
    }
    return { text: words.join(' · '), route: pair ? `${pair.local} → ${pair.remote}` : 'no route yet' };
}

/* {lines: [text], sent: [row], received: [row]}; rows have the columns of SENT and RECEIVED. */
export function statsTable(now, before) {
    const seconds = before ? (now.time - before.time) / 1000 : 0;
    const { text, route } = way(now);
    const sent = now.sent
        .filter((s) => s.bytes > 0 || s.rid) /* sections wait for what may be turned on */
        .map((s) =>
            sentRow(s, before?.sent.find((b) => b.label === s.label && b.rid === s.rid), seconds),
        );
    const received = now.remote.flatMap((p) => {
        const then = before?.remote.find((b) => b.id === p.id);
        return LABELS.filter((label) => p[label]).map((label) =>
            receivedRow(p.name, label, p[label], then?.[label], seconds),
        );
    });
    return { lines: [text, route], sent, received };
}
