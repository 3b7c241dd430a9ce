/* Splits a chat line into plain text and links. Only http and https addresses become links. */

const ADDRESS = /\bhttps?:\/\/[^\s<>"'`]+/gi;

/* [{text}] and [{text, href}] in order; joined, the texts are the line again. */
export function splitLinks(line) {
    const parts = [];
    let end = 0;
    for (const match of line.matchAll(ADDRESS)) {
        const address = trimTail(match[0]);
        const href = safeHref(address);
        if (!href) {
            continue;
        }
        if (match.index > end) {
            parts.push({ text: line.slice(end, match.index) });
        }
        parts.push({ text: address, href });
        end = match.index + address.length;
    }
    if (end < line.length) {
        parts.push({ text: line.slice(end) });
    }
    return parts;
}

/* A full stop or bracket that ends the sentence is not part of the address. */
function trimTail(address) {
    let text = address.replace(/[.,;:!?]+$/, '');
    while (text.endsWith(')') && text.split(')').length > text.split('(').length) {
        text = text.slice(0, -1).replace(/[.,;:!?]+$/, '');
    }
    return text;
}

function safeHref(address) {
    try {
        const url = new URL(address);
        return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : '';
    } catch {
        return '';
    }
}
