/* The list of who is here. */

import { byId, el } from './dom.js';
import { icon } from './icons.js';
import { avatarOf } from './tile.js';

/* people: [{name, label, email, avatar, muted, cameraOff, hand, sharing, dominant}], myself first. */
export function drawPeople(people) {
    byId('tab-people').textContent = `People (${people.length})`;
    byId('people').replaceChildren(...people.map(drawPerson));
}

function drawPerson(person) {
    return el(
        'li',
        {},
        avatarOf(person.name, person.avatar),
        el(
            'span',
            { class: 'person-text' },
            el('b', { text: person.label }),
            person.email ? el('small', { text: person.email }) : null,
        ),
        el(
            'span',
            { class: 'person-state' },
            person.dominant ? state('voice', 'main speaker', 'dominant') : null,
            person.hand ? state('hand', 'hand raised', 'raised') : null,
            person.sharing ? state('screen', 'shares a screen') : null,
            person.muted ? state('mic-off', 'muted', 'is-off') : state('mic', 'microphone on'),
            person.cameraOff
                ? state('camera-off', 'camera off', 'is-off')
                : state('camera', 'camera on'),
        ),
    );
}

function state(name, label, className = '') {
    return el(
        'span',
        { class: className, role: 'img', 'aria-label': label, title: label },
        icon(name),
    );
}
