/* The start page: a room name, typed or made up, and the rooms of late. */

import { byId, drawIcons, el, iconButton, show } from './dom.js';
import { newRoom, roomFromText } from './names.js';
import { forgetRoom, recentRooms } from './store.js';

const AGES = [
    [86_400, 'day'],
    [3_600, 'hour'],
    [60, 'minute'],
];

let suggestion = newRoom();

function suggest() {
    suggestion = newRoom();
    byId('room').value = '';
    byId('room').placeholder = suggestion;
    note();
}

/* Says what the name becomes, or that nothing of it can be one. */
function note() {
    const typed = byId('room').value;
    const name = roomFromText(typed);
    const place = byId('room-note');
    const wrong = typed.trim() !== '' && name === '';
    place.classList.toggle('wrong', wrong);
    if (wrong) {
        place.textContent =
            'A name needs letters or digits, and some words such as “admin” are taken.';
    } else if (name !== '' && name !== typed) {
        place.textContent = `Opens /${name}`;
    } else {
        place.textContent = typed ? '' : 'Leave it empty to take the name that is suggested.';
    }
}

function open(event) {
    event.preventDefault();
    const typed = byId('room').value;
    const name = typed.trim() === '' ? suggestion : roomFromText(typed);
    if (name !== '') {
        location.assign(`/${name}`);
    } else {
        byId('room').focus();
    }
}

/* A space is a hyphen as it is typed, so that what stands there is the address. */
function hyphens(event) {
    const { target } = event;
    if (/\s/.test(target.value) && !/^https?:/i.test(target.value.trim())) {
        const { selectionStart } = target;
        target.value = target.value.replace(/\s/g, '-');
        target.setSelectionRange(selectionStart, selectionStart);
    }
    note();
}

function ageOf(time) {
    const seconds = (Date.now() - time) / 1000;
    const format = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'short' });
    const [size, unit] = AGES.find(([s]) => seconds >= s) ?? [60, 'minute'];
    return format.format(-Math.round(seconds / size), unit);
}

function drawRecent() {
    const rooms = recentRooms();
    show(byId('recent'), rooms.length > 0);
    byId('recent-rooms').replaceChildren(
        ...rooms.map(({ name, time }) =>
            el(
                'li',
                {},
                el(
                    'a',
                    { href: `/${encodeURIComponent(name)}` },
                    el('span', { text: name }),
                    el('time', { text: ageOf(time) }),
                ),
                iconButton('close', `Forget ${name}`, {
                    onclick: () => {
                        forgetRoom(name);
                        drawRecent();
                    },
                }),
            ),
        ),
    );
}

drawIcons();
byId('room-host').textContent = `${location.host}/`;
byId('room-form').addEventListener('submit', open);
byId('room').addEventListener('input', hyphens);
byId('dice').addEventListener('click', suggest);
suggest();
drawRecent();
