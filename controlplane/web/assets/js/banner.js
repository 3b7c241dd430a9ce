/* The thin strip under the top bar: what is wrong with the connection, and what still works. */

import { byId, show } from './dom.js';

/* A strip for every blip would be noise. */
const SHOW_AFTER_MS = 700;

let timer = null;

export function setBanner(text) {
    clearTimeout(timer);
    const draw = () => {
        byId('banner').textContent = text;
        show(byId('banner'), text !== '');
    };
    if (text === '' || !byId('banner').hidden) {
        draw();
    } else {
        timer = setTimeout(draw, SHOW_AFTER_MS);
    }
}

/* The states of the WebSocket and of the peer connection in words; '' when all is well. */
export function connectionText(signalling, media) {
    if (signalling === 'reconnecting') {
        return 'Reconnecting… You can go on talking.';
    }
    if (signalling === 'connecting') {
        return 'Connecting…';
    }
    return media === 'failed' || media === 'disconnected'
        ? 'Your network is not carrying sound and picture. Trying again…'
        : '';
}
